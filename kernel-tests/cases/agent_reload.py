"""Certificates and configuration that change under a running agent."""

from cases import case
from guest import nfs, wait
from guest.agents import Credentials
from guest.live_files import LiveFiles

_KEPT = "the old settings stay in use"


def _start(bed, server: Credentials) -> None:
    nfs.serve(("tls",))
    bed.start_agent(server=server)
    _mount_works(bed)


def _mount_works(bed) -> None:
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()


def _becomes(bed, *, mountable: bool) -> None:
    """Mounts until it goes as wanted: a new certificate is in use."""
    def as_wanted() -> bool:
        mounted = nfs.mount("tls")
        if mounted.ok:
            nfs.unmount()
        return mounted.ok is mountable
    wait.until(as_wanted, f"mounts to {'work' if mountable else 'fail'}")


@case("agent/reload", "renewed certificates are taken without being told",
      own="what it says when it reads files anew")
def reload(bed):
    live = LiveFiles("server")
    _start(bed, live.credentials)
    live.replace("server-wrong-name")
    _becomes(bed, mountable=False)
    bed.expect_log("certificate_name_mismatch", "client")
    live.replace("server-p384")
    _becomes(bed, mountable=True)
    live.spoil()
    bed.wait_for_event("config_problem", side="server", consequence=_KEPT,
                       code="certificate_unusable", file=f"{live.path}.pem")
    _mount_works(bed)
    live.replace("server")
    bed.wait_for_event("config_loaded", 5)
    _mount_works(bed)


@case("agent/reload-signal", "SIGHUP: another configuration, a broken one",
      own="what it says when it reads files anew")
def reload_signal(bed):
    _start(bed, Credentials(certificate="server"))
    bed.agent.reload()
    bed.wait_for_event("config_loaded", 2)
    bed.agent.configure(Credentials(),
                        Credentials(certificate="server-wrong-name"))
    bed.agent.reload()
    _becomes(bed, mountable=False)
    bed.agent.configure(Credentials(), Credentials(certificate="server"))
    bed.agent.reload()
    _becomes(bed, mountable=True)
    bed.agent.config.write_text("[authenticate.server\nno configuration\n")
    bed.agent.reload()
    bed.wait_for_event("config_problem", consequence=_KEPT,
                       file=str(bed.agent.config))
    _mount_works(bed)
