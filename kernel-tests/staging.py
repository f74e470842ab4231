"""What is built here and run in the guest: copied for each run, since a build
in between may replace what is being tested."""

import os
import pathlib
import shutil
import subprocess

from project import cache_dir  # of tools/

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Made beside the agent, for cases of their own.
BROKEN_READBACK = "ktlsd_broken_readback"
HOSTILE_WORKER = "ktlsd_hostile_worker"
KERNEL_TEST = "kernel_test"
LOCK_DOWN_TEST = "lock_down_test"
EXAMPLES = ("serve_file", "fetch_file")
STORM_LOAD = "storm_load"
KTLSCTL = "ktlsctl"
# What ktlsctl is linked with and no guest has: its name differs by Debian.
_BESIDE = "libprometheus-cpp-core"

# <elf.h>, e_machine
_MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}
_SANITIZERS = (b"__asan_init", b"__tsan_init", b"__ubsan_handle")


class SetupError(Exception):
    """The run could not start; the text says why."""


def machine_of(program: pathlib.Path) -> str:
    """What it was built for, as uname -m says it."""
    try:
        with open(program, "rb") as file:
            start = file.read(20)
    except OSError as error:
        raise SetupError(f"no agent at {program} (build it, or see --agent)"
                         ) from error
    machine = _MACHINES.get(int.from_bytes(start[18:20], "little"))
    if start[:4] != b"\x7fELF" or not machine:
        raise SetupError(f"{program} is no program for a machine that there "
                         "is a bed of")
    return machine


def stage_ktlsd(agent: pathlib.Path, folder: pathlib.Path) -> None:
    """The agent and what is built beside it: the cases that want one of the
    others fail without it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(agent, folder / "ktlsd")
    built = agent.parent.parent
    others = {BROKEN_READBACK: agent.with_name(BROKEN_READBACK),
              HOSTILE_WORKER: agent.with_name(HOSTILE_WORKER),
              KERNEL_TEST: built / "ktls" / KERNEL_TEST,
              LOCK_DOWN_TEST: built / "agent/sandbox" / LOCK_DOWN_TEST,
              STORM_LOAD: built / "kernel-tests/load" / STORM_LOAD,
              KTLSCTL: built / "tools/ktlsctl" / KTLSCTL,
              **{name: built / "tools/examples" / name for name in EXAMPLES}}
    _copy_those(others, folder)
    for library in _libraries(others[KTLSCTL]):
        shutil.copy2(library, folder / library.name)


def stage_other(agent: pathlib.Path | None, name: str,
                folder: pathlib.Path) -> None:
    """Another agent, which may be the one that the root has."""
    folder.mkdir(parents=True, exist_ok=True)
    if agent:
        shutil.copy2(agent, folder / name)


def has_sanitizer(program: pathlib.Path) -> bool:
    content = program.read_bytes()
    return any(start in content for start in _SANITIZERS)


def _copy_those(places: dict[str, pathlib.Path], folder: pathlib.Path) -> None:
    for name, place in places.items():
        if place.is_file():
            shutil.copy2(place, folder / name)


def _libraries(program: pathlib.Path) -> list[pathlib.Path]:
    """Those of a program that the guest has to be given."""
    if not program.is_file():
        return []
    listed = subprocess.run(["readelf", "--dynamic", str(program)],
                            capture_output=True, text=True, check=True).stdout
    names = [line.partition("[")[2].rstrip("]") for line in listed.splitlines()
             if "(NEEDED)" in line]
    folder = _library_folder(machine_of(program))
    return [folder / name for name in names if name.startswith(_BESIDE)]


def _library_folder(machine: str) -> pathlib.Path:
    if machine == os.uname().machine:
        return pathlib.Path(f"/usr/lib/{machine}-linux-gnu")
    chosen = os.environ.get("KTLSD_ARM64_SYSROOT")
    sysroot = pathlib.Path(chosen) if chosen else cache_dir() / "arm64-sysroot"
    return sysroot / f"usr/lib/{machine}-linux-gnu"
