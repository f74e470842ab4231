"""What kernel-tests/storm measures in one guest: one agent, several storms."""

import os
import pathlib
import time

from cases import CLIENTS, case
from guest import load, nfs, usage, wait
from guest.agents import Credentials

_NFSD_THREADS = 16
_STORE = "storm-store"
# Each request of which nobody has heard takes a slot; one for so much memory.
_MIB_PER_SLOT = 400
# Few at a time: what is traced is slow.
_TRACED = 100
_TRACED_AT_ONCE = 8


@case("storm/measure", "sessions, rate and CPU of one agent", deadline_s=900,
      measures=True, beside=CLIENTS)
def measure(bed):
    nfs.serve(("tls", "mtls"), threads=_NFSD_THREADS)
    bed.fact("slots", _slots())
    rounds = []
    if bed.options["syscalls"]:
        bed.fact("calls", _calls(bed))
    for at_once in bed.options["at_once"]:
        rounds.append(_round(bed, at_once))
        bed.fact("rounds", rounds)
        bed.progress(f"{len(rounds)} of {len(bed.options['at_once'])}: "
                     + load.describe(rounds[-1]))


def _start(bed):
    agent = bed.start_agent(
        client=Credentials(truststore=_STORE, certificate="client"),
        server=Credentials(truststore=_STORE, certificate="server"), busy=True)
    _warm_up()
    return agent


def _calls(bed) -> dict:
    """System calls of one agent for one session, by role."""
    agent = _start(bed)
    traced = usage.TracedCalls(agent)
    result = load.run(_TRACED, _TRACED_AT_ONCE, deadline_s=300)
    calls = traced.finish()
    agent.stop()
    return {role: {name: count / result["sessions"]
                   for name, count in names.items()}
            for role, names in calls.items()}


def _round(bed, at_once: int) -> dict:
    agent = _start(bed)
    group = usage.CpuGroup(f"agent-{at_once}")
    group.add(agent)
    before, busy, began = group.seconds(), _busy_seconds(), time.time()
    switches = usage.switches(agent)
    result = load.run(bed.options["clients"], at_once, deadline_s=300)
    _wait_idle(group)
    result["switches"] = {role: count - switches.get(role, 0) for role, count
                          in usage.switches(agent).items()}
    result.update(began=began, ended=time.time(),
                  guest_busy_ms=(_busy_seconds() - busy) * 1000,
                  agent_cpu_ms=(group.seconds() - before) * 1000)
    result["usage"] = {role: used._asdict()
                       for role, used in usage.by_role(agent).items()}
    agent.stop()
    return result


def _warm_up() -> None:
    """Until one session works: the first start reads the agent's program."""
    def works() -> bool:
        return load.run(1, 1)["sessions"] == 1
    wait.until(works, "a session", 60)


def _wait_idle(group: usage.CpuGroup) -> None:
    """Until the agent takes no CPU any more: what lingers is counted too."""
    seen = [-1.0]

    def idle() -> bool:
        now = group.seconds()
        quiet = now == seen[0]
        seen[0] = now
        return quiet
    wait.until(idle, "the agent to be idle", 60)


def _busy_seconds() -> float:
    """For how long the guest's CPU has not been idle."""
    ticks = pathlib.Path("/proc/stat").read_text().split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks)
    return ((user + nice + system + irq + softirq + steal)
            / os.sysconf("SC_CLK_TCK"))


def _slots() -> int:
    """How many requests the kernel lets wait (net/handshake/netlink.c)."""
    fields = pathlib.Path("/proc/meminfo").read_text().split()
    total_mib = int(fields[fields.index("MemTotal:") + 1]) // 1024
    return min(max(total_mib // _MIB_PER_SLOT, 3), 50)
