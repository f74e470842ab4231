"""Root directories for the guests: made once by mmdebstrap, kept in the cache.

One of another architecture is only unpacked, since nothing of it can run here;
what installing would have done is done by hand where guests need it.
"""

import dataclasses
import os
import pathlib
import subprocess

from beds import debian, made, progress

# Where the guest finds the things that differ from run to run. They are bind
# mounts, made for each boot, so the directories in the root stay empty.
MOUNT_POINTS = ("ktlsd/tests", "ktlsd/agent", "ktlsd/pki", "ktlsd/out",
                "usr/lib/modules")

_GUEST = (
    # the NFS ends, the agent that is replaced
    "nfs-kernel-server nfs-common ktls-utils "
    # what the cases run
    "keyutils openssl iproute2 kmod procps tcpdump strace python3 "
    "ca-certificates netbase "
    # what ktlsd is linked with
    "libkeyutils1 libglib2.0-0t64 libsystemd0 "
    "liburing2 libssl3t64 libseccomp2 libcap-ng0 "
    # a ktlsd built with sanitizers on Debian 12 (gcc 12) or 13 (gcc 14)
    "libasan8 libubsan1"
).split()

_NATIVE = ("user-mode-linux", *_GUEST)


@dataclasses.dataclass(frozen=True)
class Root:
    wish: debian.Wish
    # The root whose keyring its archive key is found in when the host is too
    # old to know it.
    keyring_from: str | None = None
    # A root of this host's architecture with the same Python.
    python_of: str | None = None


ROOTS = {
    "trixie": Root(debian.Wish("trixie", _NATIVE)),
    "forky": Root(debian.Wish("forky", _NATIVE), keyring_from="trixie"),
    "arm64-trixie": Root(
        debian.Wish("trixie", ("?essential", "mount", *_GUEST),
                    variant="extract", arch="arm64"),
        python_of="trixie"),
}

# Not of guests: what tools/bench runs in, with OpenSSL 3.5 and all that builds
# a program with rustls.
_PLACES = ROOTS | {
    "bench": Root(debian.Wish("trixie", ("cargo", "librust-rustls-dev",
                                         "libgnutls30t64", "libssl3t64"))),
}

# What the package base-passwd would have written: those that guests name.
_PASSWD = """root:x:0:0:root:/root:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP = "root:x:0:\nnogroup:x:65534:\n"

# In a mount namespace of its own: the folder below a root whose programs can
# run here, whose Python compiles what is in it. Emulated, that takes seconds
# at each boot for the cases, and minutes for the library.
_COMPILE_SCRIPT = r"""
set -eu
mount --bind "$1" "$2/mnt"
exec chroot "$2" python3 -m compileall -q -j 0 \
  --invalidation-mode unchecked-hash -x 'lib2to3|/test/' -s /mnt -p "$3" \
  "/mnt$4"
"""


def ensure(name: str) -> pathlib.Path:
    """Returns the root called `name`, making it first where that is needed."""
    root = _PLACES[name]
    recipe = [*root.wish.packages, *MOUNT_POINTS]
    if root.wish.arch:
        recipe += [*root.wish.recipe(), _PASSWD, _GROUP, _COMPILE_SCRIPT]
    return made.ensure("roots", name, recipe,
                       lambda work: _fill(root, work))


def compile_for(name: str, folder: pathlib.Path, place: str) -> None:
    """Compiles the Python of a folder that a guest has at `place`."""
    _compile(ensure(_PLACES[name].python_of or name), folder, place, "")


def keyring(root: Root) -> pathlib.Path:
    base = ensure(root.keyring_from) if root.keyring_from \
        else pathlib.Path("/")
    return base / debian.KEYRING


def _fill(root: Root, work: pathlib.Path) -> None:
    debian.bootstrap(root.wish, work, keyring(root))
    if root.wish.variant == "extract":
        _complete(root, work)
    for point in MOUNT_POINTS:
        (work / point).mkdir(parents=True, exist_ok=True)


def _complete(root: Root, work: pathlib.Path) -> None:
    """What the packages' scripts would have done."""
    (work / "etc").mkdir(exist_ok=True)
    (work / "etc/passwd").write_text(_PASSWD)
    (work / "etc/group").write_text(_GROUP)
    (work / "etc/nsswitch.conf").write_text("hosts: files\n")
    for name in ("hosts", "resolv.conf"):
        (work / "etc" / name).touch()  # something is mounted over it
    for place in ("proc", "sys", "dev", "run", "tmp", "root", "mnt",
                  "var/lib/nfs"):
        (work / place).mkdir(parents=True, exist_ok=True)
    progress.say("compiling its Python library")
    _compile(ensure(root.python_of), work, "/", "/usr/lib")


def _compile(python: pathlib.Path, folder: pathlib.Path, place: str,
             part: str) -> None:
    subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c",
         _COMPILE_SCRIPT, "sh", *map(os.fspath, (folder, python)), place,
         part], check=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL)
