"""What the agent's processes take: CPU, memory, descriptors."""

import itertools
import os
import pathlib
import signal
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from guest import agents, machine, wait

_CGROUPS = pathlib.Path("/run/cgroups")
_TRACES = pathlib.Path("/run")


class CpuGroup:
    """All CPU time of an agent, of children that have ended as well.

    A cgroup: a process cannot leave it, and what it took stays counted.
    """

    def __init__(self, name: str):
        if not os.path.ismount(_CGROUPS):
            _CGROUPS.mkdir(exist_ok=True)
            machine.mount("cgroup2", str(_CGROUPS), "cgroup2")
        self._folder = _CGROUPS / name
        self._folder.mkdir()

    def add(self, agent: agents.Agent) -> None:
        """Its processes of now; those that they start come along."""
        added: set[int] = set()
        while more := set(agent.processes()) - added:
            for pid in more:
                (self._folder / "cgroup.procs").write_text(str(pid))
            added |= more

    def seconds(self) -> float:
        stat = (self._folder / "cpu.stat").read_text().split()
        return int(stat[stat.index("usage_usec") + 1]) / 1e6


class TracedCalls:
    """The system calls of an agent from here on, by strace.

    Slows it down, so nothing else is to be measured meanwhile.
    """

    def __init__(self, agent: agents.Agent):
        self._traces = []
        for pid in agent.processes():
            out = _TRACES / f"calls-{pid}"
            tracer = subprocess.Popen(
                ["strace", "-f", "-c", "-U", "name,calls", "-o", str(out),
                 "-p", str(pid)], stderr=subprocess.DEVNULL)
            self._traces.append((_role(pid), pid, tracer, out))
        wait.until(self._attached, "strace to attach")

    def finish(self) -> dict[str, dict[str, int]]:
        """How often each was called, by role and name."""
        found: dict[str, Counter[str]] = {}
        for role, _, tracer, out in self._traces:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(timeout=30)
            found.setdefault(role, Counter()).update(_calls(out.read_text()))
        return {role: dict(calls.most_common())
                for role, calls in found.items() if calls}

    def _attached(self) -> bool:
        return all(_is_traced(pid) for _, pid, _, _ in self._traces)


def _is_traced(pid: int) -> bool:
    return all("TracerPid:\t0\n" not in place.read_text()
               for place in pathlib.Path(f"/proc/{pid}/task").glob("*/status"))


def _calls(summary: str) -> dict[str, int]:
    """What `strace -c` says; lines that do not count a call are its frame."""
    rows = (line.split() for line in summary.splitlines())
    return {row[0]: int(row[1]) for row in rows
            if len(row) == 2 and row[1].isdecimal() and row[0] != "total"}


def switches(agent: agents.Agent) -> dict[str, int]:
    """How often each role gave the CPU up or had it taken away."""
    found: Counter[str] = Counter()
    for pid in agent.processes():
        for place in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
            found[_role(pid)] += sum(
                int(line.split()[1]) for line in place.read_text().splitlines()
                if "_ctxt_switches" in line)
    return dict(found)


def _role(pid: int) -> str:
    """The name of the process."""
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


class Usage(NamedTuple):
    """Of all processes of one role."""

    processes: int
    descriptors: int
    anonymous_kib: int


class ProcessUsage(NamedTuple):
    role: str       # the name of the process, as /proc/PID/comm has it
    descriptors: int
    anonymous_kib: int


class Sample(NamedTuple):
    handshakes: int     # that were done until then, or rounds of them
    processes: dict[int, ProcessUsage]


def by_process(agent: agents.Agent) -> dict[int, ProcessUsage]:
    found: dict[int, ProcessUsage] = {}
    for pid in agent.processes():
        place = pathlib.Path(f"/proc/{pid}")
        try:
            found[pid] = ProcessUsage(_role(pid),
                                      len(os.listdir(place / "fd")),
                                      _anonymous_kib(place))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found


def by_role(agent: agents.Agent) -> dict[str, Usage]:
    return sum_by_role(by_process(agent))


def sum_by_role(processes: dict[int, ProcessUsage]) -> dict[str, Usage]:
    found: dict[str, Usage] = {}
    for one in processes.values():
        before = found.get(one.role, Usage(0, 0, 0))
        found[one.role] = Usage(before.processes + 1,
                                before.descriptors + one.descriptors,
                                before.anonymous_kib + one.anonymous_kib)
    return found


# Of a life, if there are as many samples of it.
_STRETCHES = 16


class Growth(NamedTuple):
    """Of one role, in its processes' lives."""

    slope: float    # with a handshake; the median of all stretches
    rise: int       # the most that one process had more at the end of its life


def growth(samples: list[Sample], warm_up: int,
           of: Callable[[ProcessUsage], int]) -> dict[str, Growth]:
    """How much `of` grows, by role.

    Each life of a process is looked at without its first `warm_up` handshakes,
    in stretches of equal length; what differs between two processes is no
    growth. What leaks with every handshake shows in most stretches, and so in
    their median. A stall of the machine, in which more handshakes wait than ever
    before, shows in the rise alone.
    """
    lives: dict[tuple[str, int], list[tuple[int, int]]] = {}
    born: dict[int, int] = {}
    for sample in samples:
        for pid, used in sample.processes.items():
            begun = born.setdefault(pid, sample.handshakes)
            if sample.handshakes >= begun + warm_up:
                lives.setdefault((used.role, pid), []).append(
                    (sample.handshakes, of(used)))
    slopes: dict[str, list[float]] = {}
    rises: dict[str, int] = {}
    for (role, _), points in lives.items():
        slopes.setdefault(role, []).extend(_slopes(points))
        rises[role] = max(rises.get(role, 0), points[-1][1] - points[0][1])
    return {role: Growth(statistics.median(found), rises[role])
            for role, found in slopes.items() if found}


def _slopes(points: list[tuple[int, int]]) -> list[float]:
    """Of each stretch."""
    count = min(_STRETCHES, len(points) - 1)
    ends = [points[i * (len(points) - 1) // count] for i in range(count + 1)] \
        if count else []
    return [(later[1] - earlier[1]) / (later[0] - earlier[0])
            for earlier, later in itertools.pairwise(ends)]


def left(before: dict[str, Usage], now: dict[str, Usage],
         slack_kib: int) -> list[str]:
    """What is more, or less, than before; memory may be by `slack_kib`."""
    if before.keys() != now.keys():
        return [f"processes of {before.keys()}, then of {now.keys()}"]
    return [f"{role} has {one}, had {before[role]}"
            for role, one in now.items()
            if one[:2] != before[role][:2] or
            one.anonymous_kib > before[role].anonymous_kib + slack_kib]


def compare(before: dict[str, Usage], now: dict[str, Usage]) -> str:
    nothing = Usage(0, 0, 0)
    pairs = [(role, before.get(role, nothing), now.get(role, nothing))
             for role in sorted(before.keys() | now.keys())]
    return ", ".join(
        f"{role} {a.descriptors}, {b.descriptors} descriptors, "
        f"{a.anonymous_kib}, {b.anonymous_kib} KiB" for role, a, b in pairs)


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    return len(agents.socket_inodes(pid))


def open_files() -> int:
    """Of the whole guest, kept by the kernel's own parts as well."""
    return int(pathlib.Path("/proc/sys/fs/file-nr").read_text().split()[0])


def _anonymous_kib(place: pathlib.Path) -> int:
    for line in (place / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "RssAnon":
            return int(value.split()[0])
    return 0
