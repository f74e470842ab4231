"""Root directories for the guests: made once by mmdebstrap, kept in the cache.

A root is made in a temporary directory and renamed, so one that exists is
complete. Its stamp holds a hash of everything that went into it; a root whose
stamp differs is made again.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from beds import progress
from project import cache_dir  # of tools/

STAMP = "ktlsd-root-stamp"

# Where the guest finds the things that differ from run to run. They are bind
# mounts, made for each boot, so the directories in the root stay empty.
MOUNT_POINTS = ("ktlsd/tests", "ktlsd/agent", "ktlsd/pki", "ktlsd/out",
                "usr/lib/modules")

_COMMON = (
    # the kernel, the NFS ends, the agent that is replaced
    "user-mode-linux nfs-kernel-server nfs-common ktls-utils "
    # what the cases run
    "keyutils openssl iproute2 kmod procps tcpdump strace python3 "
    "ca-certificates netbase "
    # what ktlsd is linked with
    "libkeyutils1 libglib2.0-0t64 libsystemd0 "
    "liburing2 libssl3t64 libseccomp2 libcap-ng0 "
    # a ktlsd built with sanitizers on Debian 12 (gcc 12) or 13 (gcc 14)
    "libasan8 libubsan1"
).split()

# Suite of each root, and the root whose keyring its archive key is found in
# when the host is too old to know it.
ROOTS = {
    "trixie": {"packages": _COMMON, "keyring_from": None},
    "forky": {"packages": _COMMON, "keyring_from": "trixie"},
}

# Not of guests: what tools/bench runs in, with OpenSSL 3.5 and all that builds
# a program with rustls.
_PLACES = ROOTS | {
    "bench": {"packages": ["cargo", "librust-rustls-dev", "libgnutls30t64",
                           "libssl3t64"],
              "keyring_from": None, "suite": "trixie"},
}

_KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"


class RootError(Exception):
    """A root directory could not be made; the text says why."""


def ensure(name: str) -> pathlib.Path:
    """Returns the root called `name`, making it first where that is needed."""
    root = cache_dir() / "roots" / name
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(root.parent / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _stamp_of(root) != _wanted_stamp(name):
            source = _PLACES[name]["keyring_from"]
            keyring_root = ensure(source) if source else pathlib.Path("/")
            _make(name, root, keyring_root / _KEYRING)
    return root


def _wanted_stamp(name: str) -> str:
    parts = [name, *_PLACES[name]["packages"], *MOUNT_POINTS]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _stamp_of(root: pathlib.Path) -> str:
    try:
        return (root / STAMP).read_text().strip()
    except OSError:
        return ""


def _make(name: str, root: pathlib.Path, keyring: pathlib.Path) -> None:
    if os.geteuid() != 0:
        raise RootError("root directories can only be made by root")
    if not shutil.which("mmdebstrap"):
        raise RootError("mmdebstrap is not installed")
    mirror = _mirror()
    started = time.monotonic()
    progress.say(f"making root directory {name} from {mirror} "
                 "(up to a minute, 400 MB)")
    _remove_unfinished(name, root.parent)
    work = pathlib.Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root.parent))
    try:
        # mkdtemp's 0700 would be the mode of the guest's "/".
        work.chmod(0o755)
        _bootstrap(name, work, mirror, keyring)
        for point in MOUNT_POINTS:
            (work / point).mkdir(parents=True, exist_ok=True)
        (work / STAMP).write_text(_wanted_stamp(name) + "\n")
        _replace(root, work)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    progress.say(f"root directory {name} made in "
                 f"{time.monotonic() - started:.0f} s")


def _remove_unfinished(name: str, where: pathlib.Path) -> None:
    """What a harness that was killed left; the lock keeps others out."""
    mounts = pathlib.Path("/proc/self/mounts").read_text()
    for left in where.glob(f".{name}-*"):
        if str(left) not in mounts:
            shutil.rmtree(left, ignore_errors=True)


def _replace(root: pathlib.Path, new: pathlib.Path) -> None:
    if root.exists():
        old = pathlib.Path(tempfile.mkdtemp(prefix=f".{root.name}-old-",
                                            dir=root.parent))
        os.rename(root, old / "root")
        os.rename(new, root)
        shutil.rmtree(old)
    else:
        os.rename(new, root)


def _bootstrap(name: str, target: pathlib.Path, mirror: str,
               keyring: pathlib.Path) -> None:
    suite = _PLACES[name].get("suite", name)
    command = ["mmdebstrap", "--variant=minbase", "--mode=root",
               "--include=" + ",".join(_PLACES[name]["packages"]),
               *(f"--aptopt={option}" for option in _proxy_options())]
    if keyring.exists():
        command.append(f"--keyring={keyring}")
    log = target.parent / f"{name}.log"
    place = [suite, str(target), mirror]
    if _run(command + place, log, suite):
        return
    if "is expired" in log.read_text(errors="replace"):
        # A testing suite's index is only valid for a week. A mirror that is
        # frozen or behind still has signed packages, which are good enough
        # for a guest that no one but the cases talks to.
        progress.say(f"the mirror's index of {suite} is past its date; "
                     "using it all the same (signatures are still checked)")
        _empty(target)
        command.append('--aptopt=Acquire::Check-Valid-Until "false"')
        if _run(command + place, log, suite):
            return
    tail = log.read_text(errors="replace").splitlines()[-15:]
    raise RootError(f"mmdebstrap failed for {suite} ({log}):\n  "
                    + "\n  ".join(tail))


def _run(command: list[str], log: pathlib.Path, suite: str) -> bool:
    with open(log, "wb") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=subprocess.STDOUT)
        try:
            while True:
                try:
                    return child.wait(timeout=15) == 0
                except subprocess.TimeoutExpired:
                    progress.say(f"still making {suite}: {_last_line(log)}")
        finally:
            # mmdebstrap unmounts what it mounted when it is interrupted.
            if child.poll() is None:
                child.terminate()
                child.wait(timeout=60)


def _last_line(log: pathlib.Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")[:70]


def _empty(directory: pathlib.Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _mirror() -> str:
    """The Debian mirror that apt on this host is set up with."""
    found = _mirror_in_lists()
    if not found:
        progress.say("apt has no package lists yet: apt-get update")
        subprocess.run(["apt-get", "-q", "update"], check=False,
                       stdin=subprocess.DEVNULL, capture_output=True)
        found = _mirror_in_lists()
    if not found:
        raise RootError("apt is set up with no Debian mirror")
    return found


def _mirror_in_lists() -> str | None:
    fields = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"],
        capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        origin, label, component, uri = line.split("|", 3)
        if (origin, label, component) == ("Debian", "Debian", "main"):
            return uri
    return None


def _proxy_options() -> list[str]:
    """apt's proxy settings, which mmdebstrap does not take from the host."""
    dump = subprocess.run(
        ["apt-config", "dump", "--format", "%F \"%v\";%n",
         "Acquire::http::Proxy", "Acquire::https::Proxy"],
        capture_output=True, text=True, check=False)
    return [line.rstrip(";") for line in dump.stdout.splitlines()
            if '""' not in line]
