"""tlshd's own configuration, unchanged: what an administrator has already."""

import pathlib
import socket

from cases import Skip, case
from guest import agents, machine, nfs, pq, rpc
from guest.proofs import mount_and_check

# Where Debian's ktls-utils puts it: since 1.4, before.
_SHIPPED = (pathlib.Path("/etc/tlshd/config"), pathlib.Path("/etc/tlshd.conf"))
_PQ = agents.RUN / "pq"


def _side(name: str) -> str:
    return f"""
[authenticate.{name}]
x509.truststore= {_PQ}/both-cas.pem
x509.crl= {_PQ}/both-crls.pem
x509.certificate= {machine.PKI}/{name}.pem
x509.private_key= {machine.PKI}/{name}.key
x509.pq.certificate= {_PQ}/{name}.pem
x509.pq.private_key= {_PQ}/{name}.key
"""


_EVERY_OPTION = """\
[debug]
loglevel=1
tls=1
nl=1

[authenticate]
keyrings= .nfs;.nvme;of-nobody
""" + _side("client") + _side("server")


def _complaints(bed, about: str) -> list[dict[str, str]]:
    return [r for r in agents.events(bed.agent.log(), "config_problem")
            if r.get(about)]


@case("agent/tlshd-shipped", "the file that the distribution ships for tlshd: "
      "it starts, and says what nobody has configured yet",
      own="tlshd's file, with all its options")
def tlshd_shipped(bed):
    shipped = next((path for path in _SHIPPED if path.is_file()), None)
    if shipped is None:
        raise Skip("the root has no ktls-utils")
    nfs.serve(("tls",))
    bed.start_agent(configuration=shipped.read_text())
    bed.wait_for_event("config_loaded")
    assert not _complaints(bed, "key"), "it knows not every key"
    # It names no certificate: the server has none to show, and may hang up
    # before it has agreed to TLS.
    with socket.create_connection(("127.0.0.1", nfs.PORT), 10) as client:
        client.sendall(rpc.ask_for_tls())
        bed.expect_log("no_certificate_configured", "server")


@case("agent/tlshd-every-option", "a file with every option of tlshd: all of "
      "them are taken, mutual TLS works",
      own="tlshd's file, with all its options")
def tlshd_every_option(bed):
    pq.make(_PQ)
    nfs.serve(("mtls",))
    bed.start_agent(configuration=_EVERY_OPTION)
    mount_and_check(bed, "mtls")
    assert not _complaints(bed, "key"), "it knows not every key"
    missing = [r["keyring"] for r in _complaints(bed, "keyring")]
    assert "of-nobody" in missing, missing
