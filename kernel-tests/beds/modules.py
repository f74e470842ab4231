"""Modules for a root's kernel that Debian's package leaves out: NVMe/TCP.

They are built from the sources of just that version with just its own
configuration, and kept in the cache by the version.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import tempfile

from beds import kernels, progress
from project import cache_dir  # of tools/

_TOOLS = ("apt-get", "dpkg-deb", "make", "gcc", "flex", "bison", "bc", "xz")
_MODULES = ("NVME_TCP", "NVME_TARGET", "NVME_TARGET_TCP")
_PARTS = ("NVME_TCP_TLS", "NVME_TARGET_TCP_TLS")
_WHERE = "drivers/nvme"


class ModulesError(Exception):
    """Modules could not be built; the text says why."""


def place(kernel_version: str) -> pathlib.Path:
    """Where the modules of a kernel are, once they are built."""
    return cache_dir() / "modules" / kernel_version


def ensure(root: pathlib.Path) -> pathlib.Path:
    """Returns where those for the kernel of `root` are, building them first
    where that is needed: a minute or two, 150 MB to fetch, 2 GB for a while."""
    target = place(kernels.of_root(root).release)
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f".{target.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _make(root, target)
    return target


def _make(root: pathlib.Path, target: pathlib.Path) -> None:
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    if missing:
        raise ModulesError(f"not installed: {', '.join(missing)}")
    log = target.parent / f"{target.name}.log"
    log.write_bytes(b"")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-",
                                     dir=target.parent) as folder:
        work = pathlib.Path(folder)
        source = _fetch(target.name, work, log)
        _configure(root, source, log)
        progress.say(f"building {_WHERE} ({log})")
        command = ["make", "ARCH=um", "LOCALVERSION=",
                   f"-j{os.cpu_count() or 1}"]
        _run([*command, "modules_prepare"], source, log)
        # What the kernel itself exports is not known without building it.
        _run([*command, "KBUILD_MODPOST_WARN=1", f"M={_WHERE}", "modules"],
             source, log)
        done = work / "done"
        done.mkdir()
        for module in (source / _WHERE).rglob("*.ko"):
            shutil.copy2(module, done)
        os.replace(done, target)


def _fetch(version: str, work: pathlib.Path, log: pathlib.Path) -> pathlib.Path:
    package = "linux-source-" + ".".join(version.split(".")[:2])
    progress.say(f"fetching {package}, version {version} (150 MB)")
    _run(["apt-get", "download", f"{package}={version}*"], work, log)
    (archive,) = work.glob("*.deb")
    _run(["dpkg-deb", "--extract", str(archive), "."], work, log)
    archive.unlink()
    source = work / "usr/src" / f"{package}.tar.xz"
    _run(["tar", "--extract", f"--file={source}"], work, log)
    source.unlink()
    return work / package


def _configure(root: pathlib.Path, source: pathlib.Path,
               log: pathlib.Path) -> None:
    shown = subprocess.run(["chroot", str(root), "/usr/bin/linux.uml",
                            "--showconfig"], capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, check=True)
    wanted = [f"CONFIG_{name}=m" for name in _MODULES]
    wanted += [f"CONFIG_{name}=y" for name in _PARTS]
    (source / ".config").write_text(
        "\n".join([shown.stdout, *wanted]) + "\n")
    _run(["make", "ARCH=um", "olddefconfig"], source, log)
    got = (source / ".config").read_text().splitlines()
    lost = [line for line in wanted if line not in got]
    if lost:
        raise ModulesError(f"the configuration lost {', '.join(lost)}")


def _run(command: list[str], where: pathlib.Path, log: pathlib.Path) -> None:
    with open(log, "ab") as out:
        child = subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL,
                               stdout=out, stderr=subprocess.STDOUT,
                               check=False)
    if child.returncode != 0:
        tail = log.read_text(errors="replace").splitlines()[-10:]
        raise ModulesError(f"{command[0]} failed ({log}):\n  "
                           + "\n  ".join(tail))
