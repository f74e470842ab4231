"""What the agent's processes take: CPU, memory, descriptors."""

import os
import pathlib
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


def by_role(agent: agents.Agent) -> dict[str, Usage]:
    """By the name of the process, as /proc/PID/comm has it."""
    found: dict[str, Usage] = {}
    for pid in agent.processes():
        place = pathlib.Path(f"/proc/{pid}")
        try:
            role = (place / "comm").read_text().strip()
            descriptors = len(os.listdir(place / "fd"))
            anonymous = _anonymous_kib(place)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        before = found.get(role, Usage(0, 0, 0))
        found[role] = Usage(before.processes + 1,
                            before.descriptors + descriptors,
                            before.anonymous_kib + anonymous)
    return found


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
