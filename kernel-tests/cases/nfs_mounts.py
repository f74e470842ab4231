"""Mounts that must work."""

from cases import case
from guest import nfs
from guest.agents import Credentials
from guest.bed import tls_counters


def _mount_and_check(bed, security: str, host: str = "localhost") -> None:
    before = tls_counters()
    bed.mount(security, host)
    bed.check_data()
    bed.expect_statuses("client", [0])
    bed.expect_statuses("server", [0])
    after = tls_counters()
    bed.facts["counters"] = {"before": before, "after": after}
    for name in ("TlsTxSw", "TlsRxSw"):
        grown = after[name] - before[name]
        assert grown == 2, f"{name} grew by {grown}, not by both ends' 2"
    assert after["TlsDecryptError"] == 0, "the kernel could not decrypt"
    bed.note("TlsTxSw {} -> {}, TlsRxSw {} -> {}".format(
        before["TlsTxSw"], after["TlsTxSw"],
        before["TlsRxSw"], after["TlsRxSw"]))
    nfs.unmount()


@case("nfs/tls", "server-only TLS: mount, write, read back, compare")
def tls(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    _mount_and_check(bed, "tls")


@case("nfs/mtls", "mutual TLS: mount, write, read back, compare")
def mtls(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"))
    _mount_and_check(bed, "mtls")
