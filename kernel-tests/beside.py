"""What some cases need beside the agent, by the names that they give in
`beside`; it is put where the guest finds the agent."""

import pathlib
import platform
import shutil
import subprocess

import selftests
from beds import rootdir

# The root whose tlshd is the newest one.
_TLSHD_ROOT = "forky"
_LOADER = "lib64/ld-linux-x86-64.so.2"


class CannotStage(Exception):
    """Something is not to be had; the text says why."""


def stage(wanted: set[str], machine: str,
          agent_dir: pathlib.Path) -> dict[str, str]:
    """Gets ready what is wanted for guests of this machine. Returns what
    cannot be had, and why. Raises what rootdir raises."""
    lacks = {}
    for name in sorted(wanted):
        try:
            if machine != platform.machine():
                raise CannotStage(f"it is not for {machine}")
            if not (agent_dir / name).exists():
                _STAGERS[name](agent_dir / name)
        except CannotStage as error:
            lacks[name] = f"needs {name}: {error}"
    return lacks


def _stage_tlshd(target: pathlib.Path) -> None:
    """tlshd with its own libraries and loader, so that any root can run it."""
    root = rootdir.ensure(_TLSHD_ROOT)
    libraries = target / "lib"
    libraries.mkdir(parents=True)
    for library in _libraries(root, "/usr/sbin/tlshd"):
        shutil.copy2(root / library.lstrip("/"), libraries)
    shutil.copy2(root / _LOADER, target / "loader")
    shutil.copy2(root / "usr/sbin/tlshd", target / "program")
    start = target / "tlshd"
    start.write_text('#!/bin/sh\nhere=${0%/*}\nexec "$here/loader" '
                     '--library-path "$here/lib" "$here/program" "$@"\n')
    start.chmod(0o755)


def _libraries(root: pathlib.Path, program: str) -> list[str]:
    listed = subprocess.run(["chroot", str(root), "ldd", program],
                            capture_output=True, text=True, check=True).stdout
    return [line.split()[2] for line in listed.splitlines() if "=> /" in line]


def _stage_selftests(target: pathlib.Path) -> None:
    try:
        program = selftests.ensure()
    except selftests.SelftestsError as error:
        raise CannotStage(str(error)) from error
    target.mkdir()
    shutil.copy2(program, target / "tls")
    (target / "version").write_text(program.parent.name)


_STAGERS = {"tlshd": _stage_tlshd, "selftests": _stage_selftests}
