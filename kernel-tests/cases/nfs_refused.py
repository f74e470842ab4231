"""Mounts that must fail, each with the status, the reason and the error."""

from cases import case
from guest import machine, nfs
from guest.agents import Credentials

_REFUSED = "access denied by server"
_NOT_PERMITTED = "Operation not permitted"
# ktlsd's reasons, which contain the library's own words.
_EXPIRED = "certificate has expired (depth 0, CN={name})"
_NO_ISSUER = "unable to get local issuer certificate (depth 0, CN={name})"


def _client_refuses(bed, server: str, code: str, reason: str, *,
                    truststore: str = "ca", host: str = "localhost") -> None:
    """The client's agent finds fault with the server's certificate."""
    nfs.serve(("tls", "mtls"))
    bed.start_agent(client=Credentials(truststore=truststore),
                    server=Credentials(certificate=server))
    bed.mount_refused("tls", _REFUSED, host=host)
    bed.expect_refusal("client", code, reason)
    # The server is told why by an alert.
    if bed.profile.sends_alerts:
        bed.expect_refusal("server", "alert_received")


@case("nfs/wrong-name", "the server's certificate is for another name")
def wrong_name(bed):
    _client_refuses(bed, "server-wrong-name", "certificate_name_mismatch",
                    "no dNSName of the certificate is the peer's")


@case("nfs/wrong-address", "the certificate lacks the address in the mount")
def wrong_address(bed):
    _client_refuses(bed, "server-no-address", "certificate_name_mismatch",
                    "no iPAddress of the certificate is the peer's",
                    host="127.0.0.1")


@case("nfs/wrong-ca", "the client trusts another CA")
def wrong_ca(bed):
    _client_refuses(bed, "server", "certificate_unknown_issuer",
                    _NO_ISSUER.format(name="server"), truststore="other-ca")


@case("nfs/expired", "the server's certificate has expired")
def expired(bed):
    _client_refuses(bed, "server-expired", "certificate_expired",
                    _EXPIRED.format(name="server-expired"))


@case("nfs/wrong-purpose", "the server's certificate is a client's")
def wrong_purpose(bed):
    _client_refuses(bed, "server-wrong-purpose", "certificate_wrong_purpose",
                    "extendedKeyUsage does not allow this role")


@case("nfs/no-trust-store", "a trust store that is not there is no trust")
def no_trust_store(bed):
    nfs.serve(("tls", "mtls"))
    bed.start_agent(client=Credentials(truststore="not-there"))
    bed.mount_refused("tls", _REFUSED)
    # Refused before a byte is sent: the server sees the connection close.
    bed.expect_refusal("client", "trust_store_unusable",
                       f"{machine.PKI}/not-there.pem: No such file or directory")


def _server_refuses(bed, client: str, code: str, reason: str) -> None:
    """The server's agent finds fault with the client's certificate.

    In TLS 1.3 the client's own handshake has succeeded by then (rules of the
    protocol, not of the agent), so the reason is in the server's log line.
    """
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate=client))
    bed.mount_refused("mtls", "")
    bed.expect_refusal("server", code, reason)


@case("nfs/client-expired", "the server refuses an expired client certificate")
def client_expired(bed):
    _server_refuses(bed, "client-expired", "certificate_expired",
                    _EXPIRED.format(name="client-expired"))


@case("nfs/client-wrong-ca", "the server does not know the client's CA")
def client_wrong_ca(bed):
    _server_refuses(bed, "client-other-ca", "certificate_unknown_issuer",
                    _NO_ISSUER.format(name="client-other-ca"))


@case("nfs/mtls-export-tls-mount",
      "an mtls export, mounted without a client certificate")
def mtls_export_tls_mount(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"))
    bed.mount_refused("tls", _NOT_PERMITTED)
    # Both handshakes are sound; it is nfsd that says no.
    bed.expect_statuses("client", [0])
    bed.expect_statuses("server", [0])


@case("nfs/tls-export-plain-mount", "a tls export, mounted without TLS")
def tls_export_plain_mount(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    bed.mount_refused("none", _NOT_PERMITTED)
    assert not bed.upcalls.upcalls(), "an upcall without TLS"


@case("nfs/mtls-no-certificate", "mtls asked for, no certificate configured")
def mtls_no_certificate(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate=None))
    bed.mount_refused("mtls", _REFUSED)
    bed.expect_refusal("client", "no_certificate_configured",
                       "no certificate is configured")


@case("nfs/server-without-certificate",
      "nfsd has no certificate to show: its client is told, and gives up")
def server_without_certificate(bed):
    nfs.serve(("tls",))
    bed.start_agent(server=Credentials(certificate=None))
    bed.mount_refused("tls", _REFUSED)
    bed.expect_refusal("server", "no_certificate_configured",
                       "no certificate is configured")
    bed.expect_log("alert_received", "client")
