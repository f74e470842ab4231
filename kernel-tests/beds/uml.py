"""Boots a root directory under User-Mode Linux: one process, one kernel.

Each boot has a mount and a pid namespace of its own, so whatever way it ends,
nothing stays mounted or running on the host: when the harness dies, setpriv's
death signal ends unshare, whose --kill-child ends pid 1 of the namespace.
"""

import dataclasses
import functools
import os
import pathlib
import shlex
import subprocess
import threading
import time

# Mounts and chroots, then boots. Runs as pid 1 of its namespaces. The kernel
# keeps the guest's memory in a file in TMPDIR, which must be on a tmpfs.
_BOOT_SCRIPT = r"""
set -eu
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs -o mode=1777,size=100% guest-memory "$ROOT/tmp"
mount --bind "$TESTS" "$ROOT/ktlsd/tests"
mount --bind "$AGENT" "$ROOT/ktlsd/agent"
mount --bind "$PKI" "$ROOT/ktlsd/pki"
mount --bind "$OUT" "$ROOT/ktlsd/out"
mount -o remount,bind,ro "$ROOT"
cd "$ROOT"
TMPDIR=/tmp HOME=/tmp chroot "$ROOT" /usr/bin/linux.uml "$@" </dev/null
"""


@dataclasses.dataclass(frozen=True)
class Bed:
    """What a boot needs from the host; every path is a directory."""

    root: pathlib.Path
    tests: pathlib.Path
    agent: pathlib.Path
    pki: pathlib.Path
    memory: str = "2G"


@dataclasses.dataclass(frozen=True)
class Boot:
    seconds: float
    timed_out: bool
    exit_code: int


def kernel_version(root: pathlib.Path) -> str:
    modules = root / "usr/lib/uml/modules"
    return next((entry.name for entry in modules.iterdir()), "unknown")


def boot(bed: Bed, out: pathlib.Path, deadline_s: float) -> Boot:
    """Boots until the guest powers off, or kills it after `deadline_s`.

    The guest's init is kernel-tests/guest/init; what it writes to its
    /ktlsd/out is found in `out`, as is the console in `out`/console.log.
    """
    script = _with_environment(bed, out)
    command = ["setpriv", "--pdeathsig", "KILL", "--",
               "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL",
               "--propagation", "private",
               "sh", "-c", script, "uml", *_kernel_arguments(bed)]
    started = time.monotonic()
    with open(out / "console.log", "wb") as console:
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


def _with_environment(bed: Bed, out: pathlib.Path) -> str:
    places = {"ROOT": bed.root, "TESTS": bed.tests, "AGENT": bed.agent,
              "PKI": bed.pki, "OUT": out}
    return "".join(f"{name}={shlex.quote(os.fspath(path.resolve()))}\n"
                   for name, path in places.items()) + _BOOT_SCRIPT


def _kernel_arguments(bed: Bed) -> list[str]:
    arguments = ["rootfstype=hostfs", "root=/dev/root", "rootflags=/", "ro",
                 "init=/ktlsd/tests/guest/init", f"mem={bed.memory}",
                 "con=null", "con0=fd:0,fd:1", "loglevel=5"]
    if _catches_by_seccomp(bed.root):
        # Instead of ptrace: system calls become about twice as fast.
        arguments.append("seccomp=on")
    return arguments


@functools.cache
def _catches_by_seccomp(root: pathlib.Path) -> bool:
    """Whether the kernel's own help text has the option."""
    return b"seccomp=<" in (root / "usr/bin/linux.uml").read_bytes()
