"""What kernel-tests/storm measures in one guest: one agent, several storms."""

import pathlib

from cases import case
from guest import load, machine, nfs, usage, wait
from guest.agents import Credentials

_NFSD_THREADS = 16
_STORE = "storm-store"
# Each request of which nobody has heard takes a slot; one for so much memory.
_MIB_PER_SLOT = 400


@case("storm/measure", "sessions, rate and CPU of one agent", deadline_s=900,
      measures=True)
def measure(bed):
    nfs.serve(("tls", "mtls"), threads=_NFSD_THREADS)
    bed.fact("slots", _slots())
    rounds = []
    for at_once in bed.options["at_once"]:
        rounds.append(_round(bed, at_once))
        bed.fact("rounds", rounds)
        machine.write_out("progress", f"{len(rounds)}\n"
                          + load.describe(rounds[-1]) + "\n")


def _round(bed, at_once: int) -> dict:
    agent = bed.start_agent(
        client=Credentials(truststore=_STORE, certificate="client"),
        server=Credentials(truststore=_STORE, certificate="server"), busy=True)
    _warm_up()
    group = usage.CpuGroup(f"agent-{at_once}")
    group.add(agent)
    before = group.seconds()
    result = load.run(bed.options["clients"], at_once, deadline_s=300)
    _wait_idle(group)
    result["agent_cpu_ms"] = (group.seconds() - before) * 1000
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


def _slots() -> int:
    """How many requests the kernel lets wait (net/handshake/netlink.c)."""
    fields = pathlib.Path("/proc/meminfo").read_text().split()
    total_mib = int(fields[fields.index("MemTotal:") + 1]) // 1024
    return min(max(total_mib // _MIB_PER_SLOT, 3), 50)
