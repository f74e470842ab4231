"""What a case gets: the guest with its kernel, agent, NFS ends and checks."""

import secrets
import subprocess

import cases
from guest import (agents, genl, machine, nfs, tracing, upcalls, usage,
                   wait)

# What the log line of a success must name.
_SESSION_WORDS = ("peer", "suite", "group", "scheme")


class Bed:
    def __init__(self, profile: agents.Profile, options: dict):
        self.profile = profile
        self.options = options
        self.family = genl.find_family()
        # What watches takes CPU of the one that there is.
        watched = options.get("observe", True)
        self.upcalls = self._observe() if watched else upcalls.Record()
        self.trace = (tracing.Tracepoints()
                      if watched and tracing.available() else None)
        # What is said in other network namespaces, where a case looks there.
        self.upcalls_elsewhere: list[upcalls.Record] = []
        self.agents: list[agents.Agent] = []
        self.notes: list[str] = []
        self.facts: dict = {}

    def _observe(self) -> upcalls.Observer:
        try:
            return upcalls.Observer(self.family)
        except subprocess.CalledProcessError as error:
            raise cases.Skip("the kernel has no capture of netlink messages "
                             "(CONFIG_NLMON)") from error

    # Agents.

    def start_agent(self, client: agents.Credentials | None = None,
                    server: agents.Credentials | None = None, *,
                    program: str | None = None,
                    environment: dict[str, str] | None = None,
                    busy: bool = False, more: str = "",
                    configuration: str | None = None,
                    profile: agents.Profile | None = None) -> agents.Agent:
        """Starts the agent under test and waits until it listens.

        `busy`: for many handshakes, `more`: of its configuration,
        `configuration`: all of it; see agents.Agent. `profile`: another one
        than the agent under test.
        """
        agent = agents.Agent(
            profile or self.profile, self.family, client or agents.Credentials(),
            server or agents.Credentials(certificate="server"),
            len(self.agents) + 1, program,
            {**agents.environment_of(self.options), **(environment or {})},
            busy=busy, more=more, configuration=configuration)
        self.agents.append(agent)
        agent.wait_listening()
        if wait.is_slow() and agent.profile.name == "ktlsd":
            agent.wait_confined()
        return agent

    @property
    def agent(self) -> agents.Agent:
        return self.agents[-1]

    # NFS.

    def mount(self, security: str, host: str = "localhost", *,
              more: str = "") -> None:
        """Mounts; `more` are further options for mount(8)."""
        mounted = nfs.mount(security, host, more=more)
        if not mounted.ok:
            self._skip_without_peer_id()
        assert mounted.ok, f"mount xprtsec={security} failed: {mounted.message}"
        self.note(f"mounted {host}:/ xprtsec={security} in "
                  f"{mounted.seconds:.2f} s")
        options = nfs.mount_options().split(",")
        assert security == "none" or f"xprtsec={security}" in options, \
            f"the kernel says it mounted with {options}"

    def _skip_without_peer_id(self) -> None:
        """tlshd 1.0.0 needs a kernel key to say that a peer was verified."""
        done = self.upcalls.upcalls("server")
        if self.profile.name == "tlshd" and done and \
                done[-1].statuses == [0] and done[-1].remote_auth == [0]:
            raise cases.Skip("this tlshd reports no peer id on a kernel "
                             "without asymmetric keys")

    def mount_refused(self, security: str, says: str, *,
                      host: str = "localhost", port: int = nfs.PORT,
                      within_s: float = 40) -> None:
        """Mounts and expects an error whose text has `says` in it."""
        mounted = nfs.mount(security, host, port)
        self.note(f"mount xprtsec={security}: {mounted.message or 'mounted'} "
                  f"(after {mounted.seconds:.2f} s)")
        assert not mounted.ok, "the mount was not refused"
        assert says in mounted.message, \
            f"mount said {mounted.message!r}, not {says!r}"
        assert mounted.seconds < wait.scaled(within_s), \
            f"took {mounted.seconds:.1f} s, at most " \
            f"{wait.scaled(within_s):g} allowed"

    def check_data(self, size: int = 256 * 1024) -> None:
        """Data survives both ways through the mount."""
        data = secrets.token_bytes(size)
        nfs.write_through_mount("written", data)
        assert (nfs.EXPORT / "written").read_bytes() == data, \
            "the server's file differs from what was written"
        assert nfs.read_through_mount("written") == data, \
            "reading back gave other data"
        other = secrets.token_bytes(size)
        (nfs.EXPORT / "served").write_bytes(other)
        assert nfs.read_through_mount("served") == other, \
            "the client read other data than the server has"
        self.note(f"{size} bytes written and read back, {size} bytes read, "
                  "equal")

    # Checks.

    def expect_statuses(self, side: str, wanted: list[int]) -> None:
        """The statuses of all DONEs of one side, in order."""
        self.upcalls.wait_for_done(side, len(wanted))
        self.upcalls.wait_all_answered()
        seen = self.upcalls.statuses(side)
        self.note(f"{side}: DONE status {upcalls.explain(seen)}")
        assert seen == wanted, (f"{side}: DONE statuses {seen}, "
                                f"expected {wanted}")

    def expect_refusal(self, side: str, code: str,
                       reason: str | None = None) -> None:
        """All DONEs of one side refuse, and the log says why.

        `reason` is the exact text, for agents that write lines of fields.
        """
        self.upcalls.wait_for_done(side)
        self.upcalls.wait_all_answered()
        seen = self.upcalls.statuses(side)
        self.note(f"{side}: DONE status {upcalls.explain(seen)}")
        others = set(seen) - set(self.profile.refuses_with)
        assert not others, f"{side}: DONE statuses {seen}"
        self.expect_log(code, side, reason)

    def expect_log(self, code: str, side: str,
                   reason: str | None = None) -> None:
        self.agent.wait_for_log(code, side)
        said = [record.get("reason", "")
                for record in agents.handshake_records(self.agent.log())
                if record.get("code") == code and record.get("side") == side]
        for text in said[:1]:
            self.note(f"log: code {code}, reason: {text}")
        if reason is not None and self.profile.logs_each_handshake:
            assert reason in said, f"the log says {said}, not {reason!r}"

    def expect_usage(self, agent: agents.Agent,
                     before: dict[str, usage.Usage]) -> None:
        """Processes and descriptors are again what they were, and memory is but
        for what some pages add."""
        slack_kib = 1 << 20 if self.options["sanitizer"] else 512
        try:
            wait.until(lambda: not usage.left(before, usage.by_role(agent),
                                              slack_kib),
                       "descriptors and memory to be as before", 30)
        finally:
            self.note("before and now: "
                      + usage.compare(before, usage.by_role(agent)))

    def wait_for_event(self, kind: str, count: int = 1, deadline_s: float = 10,
                       **fields: str) -> None:
        """Until the log has `count` such lines with these fields."""
        def found():
            return [e for e in agents.events(self.agent.log(), kind)
                    if fields.items() <= e.items()]
        wait.until(lambda: len(found()) >= count,
                   f"{count} lines event={kind} {fields} in the agent's log",
                   deadline_s)
        self.note(f"log: {found()[-1]}")

    def expect_session(self, side: str, label: str) -> None:
        """The log says for each success of `side` what was agreed on."""
        if not self.profile.logs_each_handshake:
            return
        wanted = self.upcalls.statuses(side).count(0)

        def sessions():
            return [r for r in agents.handshake_records(self.agent.log())
                    if r.get("side") == side and r.get("outcome") == "ok"]
        wait.until(lambda: len(sessions()) >= wanted,
                   f"{wanted} lines outcome=ok side={side} in the log", 5)
        session = sessions()[-1]
        missing = [w for w in _SESSION_WORDS if not session.get(w)]
        assert not missing, f"{side}: the log does not say {missing}"
        self.note(f"{side}: " + ", ".join(
            f"{w} {session[w]}" for w in _SESSION_WORDS))
        self.fact(f"session_{label}_{side}", session)

    def fact(self, name: str, value) -> None:
        """Something for tools that read result.json."""
        self.facts[name] = value

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, text: str) -> None:
        """For who waits: it is in the file `progress` of the case's folder."""
        machine.write_out("progress", text + "\n")
