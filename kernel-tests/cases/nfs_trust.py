"""Whom an agent trusts: by consumer, and no longer once it is revoked."""

import pathlib
import secrets

from cases import case
from guest import machine, nfs, wait
from guest.agents import Credentials
from guest.live_files import LiveList
from guest.proofs import mount_and_check

_OTHER_PLACE = pathlib.Path("/mnt/other")
_REVOKED = "certificate revoked (depth 0, CN=client-revoked)"


@case("nfs/trust-by-consumer",
      "nfsd trusts another authority than the host's NFS client does",
      own="its trust for one consumer")
def trust_by_consumer(bed):
    nfs.serve(("mtls",))
    # What the narrower groups do not set is from [authenticate.*].
    nfsd = Credentials(truststore="other-ca").section("nfsd", "consumer")
    bed.start_agent(client=Credentials(certificate="client-other-ca"),
                    more=nfsd)
    mount_and_check(bed, "mtls")
    bed.wait_for_event("handshake_done", side="server", outcome="ok",
                       settings="consumer.nfsd")


@case("nfs/trust-by-consumer-only",
      "whom the host's NFS client trusts, nfsd does not",
      own="its trust for one consumer")
def trust_by_consumer_only(bed):
    nfs.serve(("mtls",))
    nfsd = Credentials(truststore="other-ca").section("nfsd", "consumer")
    bed.start_agent(client=Credentials(certificate="client"), more=nfsd)
    bed.mount_refused("mtls", "")
    bed.expect_refusal("server", "certificate_unknown_issuer")


def _serve_with_list(bed, name: str) -> LiveList:
    if not pathlib.Path("/proc/sys/net/ipv6").is_dir():
        machine.load_modules("ipv6")
    nfs.serve(("mtls",), clients=("127.0.0.1", "::1"))
    revoked = LiveList(name)
    bed.start_agent(client=Credentials(certificate="client-revoked"),
                    server=Credentials(certificate="server",
                                       crl=str(revoked.path)))
    return revoked


@case("nfs/client-revoked", "the server refuses a revoked client certificate")
def client_revoked(bed):
    _serve_with_list(bed, "revoking-crl")
    bed.mount_refused("mtls", "")
    bed.expect_refusal("server", "certificate_revoked", _REVOKED)


@case("nfs/client-revoked-later",
      "revoked under its mount: that goes on, the next one is refused",
      needs=("nfs", "ipv6"))
def client_revoked_later(bed):
    """TLS does not ask again about a peer that it has let in."""
    revoked = _serve_with_list(bed, "crl")
    bed.mount("mtls")
    revoked.replace("revoking-crl")
    # By another address: with that of the first mount it would be shared.
    wait.until(lambda: not _other_mount(bed), "the list to be in use", 30)
    assert 0 not in bed.upcalls.statuses("server")[-1:]
    data = secrets.token_bytes(64 << 10)
    nfs.write_through_mount("later", data)
    assert nfs.read_through_mount("later") == data
    bed.note("the first mount still carries data")
    bed.expect_log("certificate_revoked", "server", _REVOKED)
    nfs.unmount()


def _other_mount(bed) -> bool:
    mounted = nfs.mount("mtls", "server6.example", place=_OTHER_PLACE)
    bed.note(f"another mount: {mounted.message or 'mounted'}")
    if mounted.ok:
        nfs.unmount(_OTHER_PLACE)
    return mounted.ok
