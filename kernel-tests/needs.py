"""What some cases need beside the agent, by the names that they give in
`needs`; it is put where the guest finds the agent."""

import pathlib
import shutil
import subprocess

import selftests
from beds import rootdir
from cases import Case

# The root whose tlshd is the newest one.
_TLSHD_ROOT = "forky"
_LOADER = "lib64/ld-linux-x86-64.so.2"


class CannotStage(Exception):
    """Something is not to be had; the text says why."""


def stage(chosen: list[Case], agent_dir: pathlib.Path,
          ) -> tuple[list[Case], list[str]]:
    """Gets ready what the cases need. Returns those that can run, and what is
    to be said of the others. Raises what rootdir raises."""
    left_out = []
    for need in sorted({need for case in chosen for need in case.needs}):
        try:
            _STAGERS[need](agent_dir / need)
        except CannotStage as error:
            others = [case for case in chosen if need not in case.needs]
            left_out.append(f"left out: {len(chosen) - len(others)} cases "
                            f"that need {need}: {error}")
            chosen = others
    return chosen, left_out


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
