"""What the agent's processes take: CPU, memory, descriptors."""

import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

from guest import agents, machine

_CGROUPS = pathlib.Path("/run/cgroups")


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
    handshakes: int     # that were done until then
    processes: dict[int, ProcessUsage]


def by_process(agent: agents.Agent) -> dict[int, ProcessUsage]:
    found: dict[int, ProcessUsage] = {}
    for pid in agent.processes():
        place = pathlib.Path(f"/proc/{pid}")
        try:
            found[pid] = ProcessUsage((place / "comm").read_text().strip(),
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


def slopes(samples: list[Sample], warm_up: int,
           of: Callable[[ProcessUsage], int]) -> dict[str, float]:
    """How much `of` grows with a handshake, by role and process.

    A line is fitted to the samples of each life of a process, without its first
    `warm_up` handshakes; what differs between two processes is no growth.
    """
    lives: dict[tuple[str, int], list[tuple[int, int]]] = {}
    born: dict[int, int] = {}
    for sample in samples:
        for pid, used in sample.processes.items():
            begun = born.setdefault(pid, sample.handshakes)
            if sample.handshakes >= begun + warm_up:
                lives.setdefault((used.role, pid), []).append(
                    (sample.handshakes, of(used)))
    sums: dict[str, tuple[float, float]] = {}
    for (role, _), points in lives.items():
        x_mean = sum(x for x, _ in points) / len(points)
        y_mean = sum(y for _, y in points) / len(points)
        xy, xx = sums.get(role, (0.0, 0.0))
        sums[role] = (xy + sum((x - x_mean) * (y - y_mean) for x, y in points),
                      xx + sum((x - x_mean) ** 2 for x, _ in points))
    return {role: xy / xx for role, (xy, xx) in sums.items() if xx}


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
