"""One run of the harness: what all its cases share, and running one case."""

import dataclasses
import datetime
import json
import os
import pathlib
import shutil
import subprocess

import pki
from beds import console, modules, uml
from cases import Case
from project import cache_dir  # of tools/
from report import Outcome

TESTS = pathlib.Path(__file__).resolve().parent
_BUILT = TESTS.parent / "bazel-bin"
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

KEPT_RUNS = 20
_PROGRAMS = ("mount", "unshare", "setpriv", "chroot", "openssl")

# What a boot, the modules and the end of a guest take beside the case.
_BOOT_S = 30


def output_folder(wanted: pathlib.Path | None) -> pathlib.Path:
    """`wanted`, or a dated one in the cache; made, and empty."""
    if wanted is None:
        runs = cache_dir() / "runs"
        _forget_old(runs)
        name = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        wanted = runs / f"{name}-{os.getpid()}"
    wanted.mkdir(parents=True, exist_ok=False)
    return wanted.resolve()


def _forget_old(runs: pathlib.Path) -> None:
    """Keeps the newest; their names begin with the date."""
    found = sorted(runs.iterdir()) if runs.is_dir() else []
    for old in found[:-KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)


class SetupError(Exception):
    """The run could not start; the text says why."""


@dataclasses.dataclass(frozen=True)
class Session:
    out: pathlib.Path
    agent: str              # name of the profile in guest/agents.py
    memory: str
    options: dict
    deadline_factor: float

    @property
    def agent_dir(self) -> pathlib.Path:
        return self.out / "agent"

    @property
    def pki_dir(self) -> pathlib.Path:
        return self.out / "pki"


def prepare(out: pathlib.Path, agent: str, memory: str, *,
            sanitizer: bool) -> Session:
    """Makes the folder of the run, its certificates and copies the agent."""
    missing = [name for name in _PROGRAMS if not shutil.which(name)]
    if missing:
        raise SetupError(f"not installed: {', '.join(missing)}")
    session = Session(out, "tlshd" if agent == "tlshd" else "ktlsd", memory,
                      {"sanitizer": sanitizer}, 4 if sanitizer else 1)
    session.agent_dir.mkdir(parents=True)
    if session.agent == "ktlsd":
        _stage(pathlib.Path(agent), session)
        if sanitizer and not _has_sanitizer(session.agent_dir / "ktlsd"):
            raise SetupError(f"{agent} was not built with a sanitizer")
    else:
        _copy_those({STORM_LOAD: _BUILT / "kernel-tests/load" / STORM_LOAD},
                    session)
    pki.make(session.pki_dir)
    return session


def _stage(agent: pathlib.Path, session: Session) -> None:
    """Copies, since a build in between may replace what is being tested.

    The cases that want one of the others fail without it.
    """
    if not agent.is_file():
        raise SetupError(f"no agent at {agent} (build it, or see --agent)")
    shutil.copy2(agent, session.agent_dir / "ktlsd")
    built = agent.parent.parent
    others = {BROKEN_READBACK: agent.with_name(BROKEN_READBACK),
              HOSTILE_WORKER: agent.with_name(HOSTILE_WORKER),
              KERNEL_TEST: built / "ktls" / KERNEL_TEST,
              LOCK_DOWN_TEST: built / "agent/sandbox" / LOCK_DOWN_TEST,
              STORM_LOAD: built / "kernel-tests/load" / STORM_LOAD,
              KTLSCTL: built / "tools/ktlsctl" / KTLSCTL,
              **{name: built / "tools/examples" / name for name in EXAMPLES}}
    _copy_those(others, session)
    for library in _libraries(others[KTLSCTL]):
        shutil.copy2(library, session.agent_dir / library.name)


def _copy_those(places: dict[str, pathlib.Path], session: Session) -> None:
    for name, place in places.items():
        if place.is_file():
            shutil.copy2(place, session.agent_dir / name)


def _libraries(program: pathlib.Path) -> list[pathlib.Path]:
    """Those of a program that the guest has to be given."""
    if not program.is_file():
        return []
    listed = subprocess.run(["ldd", str(program)], capture_output=True,
                            text=True, check=True).stdout
    paths = [line.split()[2] for line in listed.splitlines()
             if line.strip().startswith(_BESIDE)]
    return [pathlib.Path(path) for path in paths]


def stage_modules(session: Session, root: pathlib.Path) -> None:
    """Copies the modules for the root's kernel, which are built first where
    that is needed. Raises modules.ModulesError when they cannot be had."""
    built = modules.ensure(root)
    shutil.copytree(built, session.agent_dir / "modules" / built.name,
                    dirs_exist_ok=True)


def _has_sanitizer(program: pathlib.Path) -> bool:
    content = program.read_bytes()
    return any(start in content for start in (b"__asan_init", b"__tsan_init",
                                              b"__ubsan_handle"))


def describe_root(name: str, root: pathlib.Path) -> str:
    asked = subprocess.run(
        ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show",
         "--showformat=${Package} ${Version}; ", "ktls-utils",
         "nfs-kernel-server"], capture_output=True, text=True, check=False)
    return (f"root {name}: Linux {uml.kernel_version(root)} (uml); "
            + asked.stdout.rstrip("; "))


def run_case(session: Session, root_name: str, root: pathlib.Path,
             case: Case) -> Outcome:
    out = session.out / root_name / case.name.replace("/", "-")
    out.mkdir(parents=True)
    deadline = case.deadline_s * session.deadline_factor
    request = {"case": case.name, "agent": session.agent,
               "deadline_s": deadline, "options": session.options}
    (out / "request.json").write_text(json.dumps(request))
    bed = uml.Bed(root, TESTS, session.agent_dir, session.pki_dir,
                  case.memory or session.memory)
    boot = uml.boot(bed, out, deadline + _BOOT_S)
    return _judge(f"{root_name}/{case.name}", out, boot,
                  uml.kernel_version(root))


def _judge(name: str, out: pathlib.Path, boot: uml.Boot,
           kernel: str) -> Outcome:
    result = _result(out, boot)
    trouble, known = console.find_trouble(out, kernel)
    verdict, why = result["verdict"], result["why"]
    if trouble:
        verdict = "failed"
        why = "\n".join(filter(None, [why, "in the logs:", *trouble[:20]]))
    return Outcome(name, verdict, why.rstrip(), result["notes"] + known,
                   boot.seconds, out)


def _result(out: pathlib.Path, boot: uml.Boot) -> dict:
    try:
        return json.loads((out / "result.json").read_text())
    except (OSError, ValueError):
        how = ("was killed at its deadline" if boot.timed_out else
               f"ended (exit status {boot.exit_code})")
        tail = (out / "console.log").read_text(errors="replace")
        why = (f"the guest {how} without a result; the console ends:\n"
               + "\n".join(tail.splitlines()[-12:]))
        return {"verdict": "failed", "why": why, "notes": []}
