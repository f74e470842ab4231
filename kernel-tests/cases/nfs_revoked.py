"""What invalidates a certificate reaches sessions that are up."""

from cases import case
from guest import agents, control, crl, features, machine, nfs
from guest.agents import Credentials
from guest.live_files import LiveTrust


@case("nfs/revoked-live", "a new CRL ends the session of whom it revokes",
      own="its option to end sessions")
def revoked_live(bed):
    lists = _lists()
    _end_live(bed, "server", f"[consumer.nfsd]\nx509.crl={lists.path}\n",
              lambda: lists.revoke("client"), "certificate_revoked")


@case("nfs/revoked-live-server", "a new CRL ends the session with a server "
      "that it revokes", own="its option to end sessions")
def revoked_live_server(bed):
    lists = _lists()
    _end_live(bed, "client", f"[consumer.nfs-client]\nx509.crl={lists.path}\n",
              lambda: lists.revoke("server"), "certificate_revoked")


@case("nfs/untrusted-live", "another trust store ends the session of whom it "
      "does not know", own="its option to end sessions")
def untrusted_live(bed):
    trust = LiveTrust("ca")
    _end_live(bed, "server",
              f"[consumer.nfsd]\nx509.truststore={trust.path}\n",
              lambda: trust.replace("other-ca"), "certificate_unknown_issuer")


def _lists() -> crl.Lists:
    agents.RUN.mkdir(parents=True, exist_ok=True)
    return crl.Lists(agents.RUN)


def _end_live(bed, side: str, more: str, change, code: str) -> None:
    """`change` ends the mount's session at that side, where the kernel can end
    a connection; the client comes again, and is refused."""
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"),
                    more=f"[authenticate]\nsessions.recheck=true\n{more}")
    bed.wait_for_event("ready", 1, 20)
    able = features.FEATURES["sock-destroy"].there()
    told = any("CONFIG_INET_DIAG_DESTROY" in e.get("reason", "")
               for e in agents.events(bed.agent.log(), "kernel_trouble"))
    bed.note("this kernel ends connections" if able else
             "this kernel ends no connections: that is told")
    assert told != able, bed.agent.log()
    bed.mount("mtls")
    bed.check_data(4096)
    assert _live() == ["client", "server"], f"watched: {_live()}"
    change()
    bed.wait_for_event("session_ended", 1, 30, side=side, code=code,
                       outcome="ended" if able else "failed")
    if not able:
        # Nobody was cut off: the mount works on.
        bed.check_data(4096)
        nfs.unmount()
        return
    bed.expect_log(code, side)
    assert side not in _live(), f"still watched: {_live()}"
    machine.unmount_by_force(str(nfs.MOUNT))


def _live() -> list[str]:
    """Of which sides sessions are watched that nothing speaks against."""
    return sorted(session["side"] for session in
                  control.ask_json("sessions", "--live")["live"]
                  if not session["state"].startswith("refused"))
