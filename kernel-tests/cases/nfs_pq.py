"""A post-quantum certificate beside the classic one."""

import functools

from cases import case
from guest import agents, nfs, peers, pq, wait
from guest.proofs import mount_and_check

_PQ = agents.RUN / "pq"


def _credentials(name: str) -> agents.Credentials:
    return agents.Credentials(truststore=str(_PQ / "both-cas"),
                              certificate=name,
                              pq_certificate=str(_PQ / name))


def _last_session(bed, side: str) -> dict[str, str]:
    found = [r for r in agents.handshake_records(bed.agent.log())
             if r.get("side") == side and r.get("outcome") == "ok"]
    return found[-1] if found else {}


@case("nfs/pq-certificate",
      "ML-DSA for who can verify it, the classic certificate for who cannot",
      own="its options for ML-DSA")
def pq_certificate(bed):
    pq.make(_PQ)
    nfs.serve(("tls", "mtls"))
    bed.start_agent(client=_credentials("client"),
                    server=_credentials("server"))
    mount_and_check(bed, "mtls")
    for side in ("client", "server"):
        session = _last_session(bed, side)
        schemes = {session.get("scheme"), session.get("client_scheme")}
        assert schemes == {"mldsa65"}, f"{side}: signed by {schemes}"
        bed.note(f"{side}: both ends signed by mldsa65")
    # Another implementation as the client.
    for offered, shown, issuer in (
            ("mldsa65:ecdsa_secp256r1_sha256", "mldsa65", "ca"),
            ("ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256", "")):
        before = len(bed.upcalls.statuses("server"))
        said = peers.openssl_client(
            offered, str(_PQ / "both-cas.pem"),
            functools.partial(bed.upcalls.wait_for_done, "server", before + 1))
        bed.note(f"openssl that takes {offered}: {said[-1] if said else ''}")
        assert bed.upcalls.statuses("server")[-1] == 0, said
        wait.until(lambda: _last_session(bed, "server").get("scheme") == shown,
                   f"a session signed by {shown} in the log", 5)
        wanted = f"CN={'pq server' if issuer else 'server'}"
        assert any(wanted in line.replace(" = ", "=") for line in said), said


@case("nfs/pq-certificate-wrong-key",
      "a post-quantum key of another certificate: nothing weaker serves",
      own="its options for ML-DSA")
def pq_wrong_key(bed):
    pq.make(_PQ)
    (_PQ / "server.key").write_text((_PQ / "client.key").read_text())
    nfs.serve(("tls",))
    bed.start_agent(client=_credentials("client"),
                    server=_credentials("server"))
    bed.wait_for_event("config_problem", code="private_key_unusable",
                       side="server", file=f"{_PQ}/server.pem",
                       reason="the private key is not the first certificate's")
    try:
        said = peers.openssl_client("mldsa65:ecdsa_secp256r1_sha256",
                                    str(_PQ / "both-cas.pem"), lambda: None)
        assert not any("CERTIFICATE" in line for line in said), said
    except ConnectionError:
        pass  # nfsd hangs up, whether or not its own answer is read
    bed.expect_log("private_key_unusable", "server")
