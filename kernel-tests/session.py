"""One run of the harness: what all its cases share, and running one case."""

import dataclasses
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import time

import pki
import staging
from beds import console, guests, modules, rootdir
from beds.bed import Bed, Ready
from cases import Case
from guest.agents import PROFILES
from project import cache_dir  # of tools/
from report import Outcome
from staging import SetupError

TESTS = pathlib.Path(__file__).resolve().parent

KEPT_RUNS = 20
_PATH = os.environ.get("PATH", "/usr/bin") + ":/usr/sbin:/sbin"
_PROGRAMS = ("mount", "unshare", "setpriv", "chroot", "openssl", "readelf")

# What a boot, the modules and the end of a guest take beside the case.
_BOOT_S = 30
_SANITIZERS_SLOW_DOWN = 4.0


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


@dataclasses.dataclass(frozen=True)
class Session:
    out: pathlib.Path
    agent: str              # name of the profile in guest/agents.py
    memory: str
    options: dict
    deadline_factor: float
    # For which machines there is an agent; none: it is in the root.
    machines: tuple[str, ...] = ()

    def agent_dir(self, machine: str) -> pathlib.Path:
        return self.out / "agent" / machine

    @property
    def tests_dir(self) -> pathlib.Path:
        """A copy: what is edited meanwhile is for the next run."""
        return self.out / "tests"

    @property
    def pki_dir(self) -> pathlib.Path:
        return self.out / "pki"


def profile_of(agent: str) -> str:
    """How an agent is started and read, by the name of its program; variants
    of ktlsd have names that begin with that."""
    name = pathlib.PurePath(agent).name
    found = "ktlsd" if name.startswith("ktlsd") else name
    if found not in PROFILES:
        raise SetupError(f"no agent is called {name}: there are "
                         + ", ".join(PROFILES)
                         + " (guest/agents.py has a profile of each)")
    return found


def prepare(out: pathlib.Path, agents: list[str], memory: str, *,
            sanitizer: bool) -> Session:
    """Makes the folder of the run, its certificates and copies the agents: of
    one kind, for one or several machines."""
    missing = [name for name in _PROGRAMS
               if not shutil.which(name, path=_PATH)]
    if missing:
        raise SetupError(f"not installed: {', '.join(missing)}")
    (profile, *others) = {profile_of(agent) for agent in agents}
    if others:
        raise SetupError("ktlsd and tlshd are for two runs")
    programs = {staging.machine_of(path): path for path in
                (pathlib.Path(a) for a in agents if a != "tlshd")}
    session = Session(out, profile, memory, {"sanitizer": sanitizer},
                      _SANITIZERS_SLOW_DOWN if sanitizer else 1,
                      tuple(programs))
    for machine, path in programs.items():
        _stage(session, machine, path)
        if sanitizer and not staging.has_sanitizer(path):
            raise SetupError(f"{path} was not built with a sanitizer")
    pki.make(session.pki_dir)
    return session


def _stage(session: Session, machine: str, path: pathlib.Path) -> None:
    folder = session.agent_dir(machine)
    if session.agent == "ktlsd":
        staging.stage_ktlsd(path, folder)
    else:
        staging.stage_other(path, session.agent, folder)


def need_agent(session: Session, bed: Bed) -> None:
    """Raises where there is no agent that it could run."""
    if session.machines and bed.machine not in session.machines:
        raise SetupError(
            f"no agent for {bed.machine}, which {bed.name} needs; --agent PATH "
            "may be given once for each (docs/testing.md)")


def fit(session: Session, ready: Ready) -> None:
    """What a bed needs of the session: the cases, compiled, and an agent.

    Raises where there is no agent that it could run.
    """
    need_agent(session, ready.bed)
    if not session.machines:
        staging.stage_other(None, session.agent,
                            session.agent_dir(ready.machine))
    if not session.tests_dir.is_dir():
        shutil.copytree(TESTS, session.tests_dir,
                        ignore=shutil.ignore_patterns("__pycache__"))
    rootdir.compile_for(ready.bed.root, session.tests_dir, "/ktlsd/tests")


def stage_modules(session: Session, ready: Ready) -> None:
    """Copies the modules for a User-Mode Linux, which are built first where
    that is needed. Raises modules.ModulesError when they cannot be had."""
    built = modules.ensure(ready.root)
    shutil.copytree(built, session.agent_dir(ready.machine) / "modules"
                    / built.name, dirs_exist_ok=True)


def describe(ready: Ready) -> str:
    asked = subprocess.run(
        ["dpkg-query", f"--admindir={ready.root}/var/lib/dpkg", "--show",
         "--showformat=${Package} ${Version}; ", "ktls-utils",
         "nfs-kernel-server"], capture_output=True, text=True, check=False)
    return (f"{ready.title}: Linux {ready.kernel.release}; "
            + asked.stdout.rstrip("; "))


def run_case(session: Session, ready: Ready, case: Case, turn: int = 1,
             folder: str = "", suffix: str = "") -> Outcome:
    """Boots the bed for it. `folder` of the output: the bed's, if empty;
    `suffix`: what the name of the case's own there ends with."""
    name = (case.name.replace("/", "-") + (f".{turn}" if turn > 1 else "")
            + suffix)
    out = session.out / (folder or ready.bed.name) / name
    out.mkdir(parents=True)
    slower = session.deadline_factor * ready.bed.slower
    deadline = case.deadline_s * slower
    (out / "request.json").write_text(json.dumps({
        "case": case.name, "agent": session.agent, "deadline_s": deadline,
        "slower": ready.bed.slower, "now": time.time(),
        "options": session.options}))
    folders = guests.Folders(ready.root, ready.kernel.modules,
                             session.tests_dir,
                             session.agent_dir(ready.machine),
                             session.pki_dir, out)
    boot = ready.boot(folders, case.memory or session.memory,
                      deadline + _BOOT_S * slower)
    return _judge(ready, case.name, turn, out, boot)


def _judge(ready: Ready, case: str, turn: int, out: pathlib.Path,
           boot: guests.Boot) -> Outcome:
    result = _result(out, boot)
    trouble, known = console.find_trouble(
        out, result.get("kernel", ready.kernel.release))
    verdict, why = result["verdict"], result["why"]
    if trouble:
        verdict = "failed"
        why = "\n".join(filter(None, [why, "in the logs:", *trouble[:20]]))
    return Outcome(ready.bed.name, case, turn, verdict, why.rstrip(),
                   result["notes"] + known, boot.seconds, out,
                   result.get("facts", {}), bool(trouble))


def _result(out: pathlib.Path, boot: guests.Boot) -> dict:
    try:
        return json.loads((out / "result.json").read_text())
    except (OSError, ValueError):
        how = ("was killed at its deadline" if boot.timed_out else
               f"ended (exit status {boot.exit_code})")
        tail = (out / "console.log").read_text(errors="replace")
        why = (f"the guest {how} without a result; the console ends:\n"
               + "\n".join(tail.splitlines()[-12:]))
        return {"verdict": "failed", "why": why, "notes": []}
