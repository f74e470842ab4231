"""Revocation that reaches a session that is up."""

from cases import Skip, case
from guest import agents, crl, features, machine, nfs
from guest.agents import Credentials


@case("nfs/revoked-live", "a new CRL ends the session of whom it revokes")
def revoked_live(bed):
    if bed.profile.name != "ktlsd":
        raise Skip(f"{bed.profile.name} looks at a certificate once")
    lists = crl.Lists(agents.RUN)
    nfs.serve(("mtls",))
    bed.start_agent(
        client=Credentials(certificate="client"),
        more=("[authenticate]\nsessions.recheck=true\n"
              f"[consumer.nfsd]\nx509.crl={lists.path}\n"))
    bed.wait_for_event("ready", 1, 20)
    able = features.FEATURES["sock-destroy"].there()
    told = any("CONFIG_INET_DIAG_DESTROY" in e.get("reason", "")
               for e in agents.events(bed.agent.log(), "kernel_trouble"))
    bed.note("this kernel ends connections" if able else
             "this kernel ends no connections: that is told")
    assert told != able, bed.agent.log()
    bed.mount("mtls")
    bed.check_data(4096)
    lists.revoke("client")
    bed.wait_for_event("session_ended", 1, 30, side="server",
                       code="certificate_revoked",
                       outcome="ended" if able else "failed")
    if not able:
        # Nobody was cut off: the mount works on.
        bed.check_data(4096)
        nfs.unmount()
        return
    # The client comes again, by itself, and is refused.
    bed.expect_log("certificate_revoked", "server")
    machine.unmount_by_force(str(nfs.MOUNT))
