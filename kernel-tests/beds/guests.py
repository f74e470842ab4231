"""Guests as processes of the host: starting, ending and stopping them all.

Each boot has a mount and a pid namespace of its own, so whatever way it ends,
nothing stays mounted or running on the host: when the harness dies, setpriv's
death signal ends unshare, whose --kill-child ends pid 1 of the namespace.
"""

import dataclasses
import os
import pathlib
import shlex
import subprocess
import threading
import time

# Puts together what the guest sees below "/". Runs as pid 1 of its namespaces;
# the bed's own script comes after it.
_MOUNT_SCRIPT = r"""
set -eu
mount --bind "$ROOT" "$ROOT"
mount --bind "$MODULES" "$ROOT/usr/lib/modules"
mount --bind "$TESTS" "$ROOT/ktlsd/tests"
mount --bind "$AGENT" "$ROOT/ktlsd/agent"
mount --bind "$PKI" "$ROOT/ktlsd/pki"
mount --bind "$OUT" "$ROOT/ktlsd/out"
mount -t tmpfs -o mode=1777,size=100% guest-memory "$ROOT/tmp"
mount -o remount,bind,ro "$ROOT"
"""


@dataclasses.dataclass(frozen=True)
class Folders:
    """What a guest sees of the host; `out` alone can be written to."""

    root: pathlib.Path
    modules: pathlib.Path
    tests: pathlib.Path
    agent: pathlib.Path
    pki: pathlib.Path
    out: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Boot:
    seconds: float
    timed_out: bool
    exit_code: int


def run(folders: Folders, script: str, arguments: list[str],
        deadline_s: float) -> Boot:
    """Runs `script` with `arguments`, and the folders as $ROOT, $OUT and so on,
    until the guest powers off, or kills it after `deadline_s`.

    What the guest says is in console.log of `out`.
    """
    command = ["setpriv", "--pdeathsig", "KILL", "--",
               "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL",
               "--propagation", "private",
               "sh", "-c", _environment(folders) + _MOUNT_SCRIPT + script,
               "guest", *arguments]
    started = time.monotonic()
    with open(folders.out / "console.log", "wb") as console:
        child = _start(command, console)
    timed_out = False
    try:
        child.wait(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        child.kill()
        child.wait()
    return Boot(time.monotonic() - started, timed_out, child.returncode)


_stopping = threading.Event()
_children: list[subprocess.Popen] = []
_children_lock = threading.Lock()


def stop_all() -> None:
    """Kills every guest and lets no other start; from any thread."""
    _stopping.set()
    with _children_lock:
        for child in _children:
            child.kill()


def cpu_seconds() -> float:
    """CPU time of every guest that runs now, as the host counts it."""
    with _children_lock:
        pids = [child.pid for child in _children if child.poll() is None]
    return sum(map(_tree_cpu_seconds, pids))


def _tree_cpu_seconds(pid: int) -> float:
    """Of a process, its descendants, and those of them that have ended."""
    place = pathlib.Path(f"/proc/{pid}")
    try:
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        children = (place / f"task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has ended meanwhile
    # utime, stime, cutime, cstime: fields 14 to 17 of proc_pid_stat(5)
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return own + sum(_tree_cpu_seconds(int(child)) for child in children)


def _start(command: list[str], console) -> subprocess.Popen:
    with _children_lock:
        if _stopping.is_set():
            raise InterruptedError("the run was stopped")
        # In a session of its own: Ctrl-C reaches the harness alone, which
        # then calls stop_all.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                 stdout=console, stderr=subprocess.STDOUT,
                                 start_new_session=True)
        _children.append(child)
        return child


def _environment(folders: Folders) -> str:
    places = dataclasses.asdict(folders)
    return "".join(
        f"{name.upper()}={shlex.quote(os.fspath(path.resolve()))}\n"
        for name, path in places.items())
