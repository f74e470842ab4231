"""What some cases need beside the agent, by the names that they give in
`beside`; it is put where the guest finds the agent."""

import pathlib
import platform
import shutil
import subprocess

import selftests
import staging
from beds import rootdir

NEWEST_TLSHD = "newest-tlshd"
# The root whose tlshd that is.
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
            if not (agent_dir / name).exists():
                _STAGERS[name](agent_dir / name, machine)
        except CannotStage as error:
            lacks[name] = f"needs {name}: {error}"
    return lacks


def _stage_tlshd(target: pathlib.Path, machine: str) -> None:
    """tlshd with its own libraries and loader, so that any root can run it.
    On other machines there is the root's own."""
    if machine != platform.machine():
        return
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


def _stage_selftests(target: pathlib.Path, machine: str) -> None:
    try:
        program = selftests.ensure(machine)
    except selftests.SelftestsError as error:
        raise CannotStage(str(error)) from error
    target.mkdir()
    shutil.copy2(program, target / "tls")
    (target / "version").write_text(program.parent.name)


def _stage_load(target: pathlib.Path, machine: str) -> None:
    """Beside another agent; ktlsd's was staged with it. Of the last build, or
    else of an optimised one for that architecture, which is beside it."""
    place = pathlib.Path("kernel-tests/load", staging.STORM_LOAD)
    for built in (staging.ROOT / "bazel-bin" / place,
                  *(staging.ROOT / "bazel-out").glob(f"*-opt*/bin/{place}")):
        if built.is_file() and staging.machine_of(built) == machine:
            shutil.copy2(built, target)
            return
    raise CannotStage(f"it was not built for {machine} (bazel build "
                      "//kernel-tests:programs)")


_STAGERS = {NEWEST_TLSHD: _stage_tlshd, "selftests": _stage_selftests,
            staging.STORM_LOAD: _stage_load}
