"""Mounts that must work."""

from cases import case
from guest import nfs
from guest.agents import Credentials
from guest.bed import tls_counters


def _mount_and_check(bed, security: str, host: str = "localhost") -> None:
    """One mount: both ends' DONE is 0 and both have keys in the kernel."""
    before = tls_counters()
    done = {side: len(bed.upcalls.statuses(side))
            for side in ("client", "server")}
    bed.mount(security, host)
    bed.check_data()
    for side, count in done.items():
        bed.expect_statuses(side, [0] * (count + 1))
    after = tls_counters()
    bed.fact(f"counters_{security}", {"before": before, "after": after})
    for name in ("TlsTxSw", "TlsRxSw"):
        bed.note(f"{name} {before[name]} -> {after[name]}")
        grown = after[name] - before[name]
        assert grown == 2, f"{name} grew by {grown}, not by both ends' 2"
    assert after["TlsDecryptError"] == 0, "the kernel could not decrypt"
    nfs.unmount()


@case("nfs/tls", "server-only TLS: mount, write, read back, compare")
def tls(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    _mount_and_check(bed, "tls")
    bed.expect_success("client", "server")


@case("nfs/mtls", "mutual TLS: mount, write, read back, compare")
def mtls(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"))
    _mount_and_check(bed, "mtls")
    bed.expect_success("client", "server")


@case("nfs/tls-then-mtls", "one export that allows both, mounted both ways")
def tls_then_mtls(bed):
    nfs.serve(("tls", "mtls"))
    bed.start_agent(client=Credentials(certificate="client"))
    _mount_and_check(bed, "tls")
    _mount_and_check(bed, "mtls")


@case("nfs/by-address", "the server is named by its IP address")
def by_address(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    _mount_and_check(bed, "tls", host="127.0.0.1")


@case("nfs/by-other-name", "the server is named by the second name it has")
def by_other_name(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    _mount_and_check(bed, "tls", host="server.example")


def _mtls_with(kind: str):
    def run(bed):
        nfs.serve(("mtls",))
        bed.start_agent(client=Credentials(certificate=f"client-{kind}"),
                        server=Credentials(certificate=f"server-{kind}"))
        _mount_and_check(bed, "mtls")
    return run


for _kind in ("p384", "rsa", "ed25519"):
    case(f"nfs/mtls-{_kind}", f"mutual TLS with {_kind} certificates")(
        _mtls_with(_kind))


@case("nfs/many-mounts", "ten mounts one after the other, one agent")
def many_mounts(bed):
    nfs.serve(("tls", "mtls"))
    bed.start_agent(client=Credentials(certificate="client"))
    for _ in range(5):
        for security in ("tls", "mtls"):
            bed.mount(security)
            bed.check_data(4096)
            nfs.unmount()
    bed.expect_statuses("client", [0] * 10)
    bed.expect_statuses("server", [0] * 10)
