"""The kernel's own test of kernel TLS, tools/testing/selftests/net/tls.c.

It is built from the newest linux-source of Debian's backports: an older one
knows less, and that of 6.12 does not compile. Nothing of it is kept but the
program, in the cache by the version of its kernel.
"""

import fcntl
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

from beds import progress, rootdir
from project import cache_dir  # of tools/

_SUITE = "trixie-backports"
_KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"
# tools/setup arm64 has it.
_COMPILERS = {} if platform.machine() == "aarch64" else \
    {"aarch64": "aarch64-linux-gnu-gcc"}
_TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "gcc", "xz")
_PARTS = ("tools/testing/selftests/net/tls.c",
          "tools/testing/selftests/kselftest_harness.h",
          "tools/testing/selftests/kselftest.h", "tools/include",
          "include/uapi/linux/tls.h", "scripts/headers_install.sh",
          "scripts/unifdef.c", "Makefile")


class SelftestsError(Exception):
    """The test could not be built; the text says why."""


def ensure(machine: str) -> pathlib.Path:
    """The newest program for it that is in the cache, or else a new one: 170 MB
    to fetch, a minute."""
    compiler = _COMPILERS.get(machine, "gcc")
    place = cache_dir() / "selftests" / machine
    place.mkdir(parents=True, exist_ok=True)
    with open(place / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = sorted(place.glob("*/tls"), key=_version)
        return built[-1] if built else _make(place, compiler)


def _version(program: pathlib.Path) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", program.parent.name)]


def _make(place: pathlib.Path, compiler: str) -> pathlib.Path:
    missing = [tool for tool in (*_TOOLS, compiler) if not shutil.which(tool)]
    if missing:
        raise SelftestsError(f"not installed: {', '.join(missing)}")
    log = place / "build.log"
    log.write_bytes(b"")
    with tempfile.TemporaryDirectory(prefix=".new-", dir=place) as folder:
        work = pathlib.Path(folder)
        source = _fetch(work, log)
        _build(source, compiler, work / "tls", log)
        target = place / _kernel_of(source)
        target.mkdir(exist_ok=True)
        os.replace(work / "tls", target / "tls")
    return target / "tls"


def _fetch(work: pathlib.Path, log: pathlib.Path) -> pathlib.Path:
    """With an apt of its own: the host's need not know that suite."""
    for name in ("lists/partial", "archives/partial"):
        (work / name).mkdir(parents=True)
    root = rootdir.ensure("trixie")
    mirror = (root / "etc/apt/sources.list").read_text().split()[1]
    (work / "sources.list").write_text(
        f"deb [signed-by={root / _KEYRING}] {mirror} {_SUITE} main\n")
    options = [f"-o=Dir::State={work}", f"-o=Dir::State::lists={work}/lists",
               "-o=Dir::State::status=/dev/null", f"-o=Dir::Cache={work}",
               f"-o=Dir::Etc::sourcelist={work}/sources.list",
               "-o=Dir::Etc::sourceparts=-", "-o=APT::Sandbox::User=root",
               "-o=Acquire::Check-Valid-Until=false"]
    _run(["apt-get", *options, "update"], work, log)
    listed = subprocess.run(
        ["apt-cache", *options, "pkgnames", "linux-source-"],
        capture_output=True, text=True, check=True).stdout.split()
    if not listed:
        raise SelftestsError(f"{_SUITE} has no linux-source")
    package = max(listed, key=lambda name: [
        int(n) for n in re.findall(r"\d+", name)])
    progress.say(f"fetching {package} of {_SUITE} (170 MB)")
    _run(["apt-get", *options, "download", package], work, log)
    (archive,) = work.glob("*.deb")
    _run(["dpkg-deb", "--extract", str(archive), "."], work, log)
    _run(["tar", "--extract", f"--file=usr/src/{package}.tar.xz",
          *(f"{package}/{part}" for part in _PARTS)], work, log)
    return work / package


def _build(source: pathlib.Path, compiler: str, program: pathlib.Path,
           log: pathlib.Path) -> None:
    """Static, with the newest <linux/tls.h>: any root can run it."""
    headers = program.parent / "uapi/linux"
    headers.mkdir(parents=True)
    _run(["gcc", "-O", "scripts/unifdef.c", "-o", "scripts/unifdef"], source,
         log)
    _run(["sh", "scripts/headers_install.sh", "include/uapi/linux/tls.h",
          str(headers / "tls.h")], source, log)
    _run([compiler, "-O2", "-static", "-isystem", str(headers.parent),
          "-I", "tools/testing/selftests", "-I", "tools/include",
          "tools/testing/selftests/net/tls.c", "-o", str(program)], source,
         log)


def _kernel_of(source: pathlib.Path) -> str:
    fields = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$",
                             (source / "Makefile").read_text(), re.M))
    return ".".join(fields[name] for name in
                    ("VERSION", "PATCHLEVEL", "SUBLEVEL"))


def _run(command: list[str], where: pathlib.Path, log: pathlib.Path) -> None:
    with open(log, "ab") as out:
        child = subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL,
                               stdout=out, stderr=subprocess.STDOUT,
                               check=False)
    if child.returncode != 0:
        raise SelftestsError(f"{command[0]} failed ({log})")
