"""Two ends with an agent each: the client here, the server far away.

The upcall belongs to a network namespace, so each has one of its own, and in it
an agent and somebody who watches what it is asked and answers.
"""

import dataclasses

from guest import agents, netns, proofs, tlshd, upcalls
from guest.agents import Credentials

FAR_NAME = "far"
OTHER_SIDE = {"client": "server", "server": "client"}


@dataclasses.dataclass(frozen=True, eq=False)
class End:
    side: str       # "client" or "server"
    agent: agents.Agent
    upcalls: upcalls.Observer

    def expect_statuses(self, wanted: list[int]) -> None:
        self.upcalls.wait_for_done(self.side, len(wanted))
        self.upcalls.wait_all_answered()
        seen = self.upcalls.statuses(self.side)
        assert seen == wanted, (
            f"{self.side} {self.agent.profile.name}: DONE statuses "
            f"{upcalls.explain(seen)}, expected {upcalls.explain(wanted)}")

    def expect_refusal(self) -> str:
        """All its DONEs refuse; returns what they say."""
        self.upcalls.wait_for_done(self.side)
        self.upcalls.wait_all_answered()
        seen = self.upcalls.statuses(self.side)
        others = set(seen) - set(self.agent.profile.refuses_with)
        assert not others, (f"{self.side} {self.agent.profile.name}: "
                            f"DONE statuses {upcalls.explain(seen)}")
        return upcalls.explain(seen)

    def peer_ids(self) -> list[list[int]]:
        return [u.remote_auth for u in self.upcalls.upcalls(self.side)]


class Pair:
    """A client's end in this namespace and a server's in another one."""

    def __init__(self, bed, client: str, server: str,
                 client_has: Credentials, server_has: Credentials):
        """`client` and `server` are names of profiles."""
        netns.make(FAR_NAME)
        self._bed = bed
        near = bed.start_agent(client=client_has, **_program(client))
        self.client = End("client", near, bed.upcalls)
        with netns.inside(FAR_NAME):
            watcher = upcalls.Observer(bed.family)
            bed.upcalls_elsewhere.append(watcher)
            far = agents.Agent(_program(server)["profile"], bed.family,
                               Credentials(), server_has, 2,
                               _program(server)["program"])
            far.wait_listening()
        self.server = End("server", far, watcher)

    def __enter__(self) -> "Pair":
        return self

    def __exit__(self, kind, *_unused) -> None:
        """What the runner does for agents of the bed, for the far one."""
        self.server.upcalls.save("netlink-far.log")
        if kind is not None:
            return
        profile = self.server.agent.profile
        if not self.server.agent.has_exited():
            status = self.server.agent.stop()
            assert status in profile.ends_with, \
                f"{profile.name} ended with status {status}"
        faults = self.server.upcalls.faults(
            probes_allowed=profile.probes_with_done)
        assert not faults, "; ".join(faults)
        if profile.logs_each_handshake:
            strange = agents.log_faults(self.server.agent.log())
            assert not strange, "; ".join(strange)

    def counters(self) -> dict[str, dict[str, int]]:
        """/proc/net/tls_stat of both ends: each namespace has its own."""
        with netns.inside(FAR_NAME):
            far = proofs.tls_counters()
        return {"client": proofs.tls_counters(), "server": far}

    def expect_keys(self, before: dict[str, dict[str, int]],
                    sessions: int = 1) -> None:
        """So many sessions since `before` have keys in both kernels' ends."""
        after = self.counters()
        for side, counted in after.items():
            for name in ("TlsTxSw", "TlsRxSw"):
                grown = counted[name] - before[side][name]
                assert grown == sessions, \
                    f"{side}: {name} grew by {grown}, not by {sessions}"
            assert counted["TlsDecryptError"] == 0, \
                f"{side}: the kernel could not decrypt"


def _program(name: str) -> dict:
    profile = agents.PROFILES[name]
    return {"profile": profile,
            "program": tlshd.program() if name == "tlshd" else None}
