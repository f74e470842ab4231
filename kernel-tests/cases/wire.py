"""What an eavesdropper on the wire gets."""

import os

from cases import case
from guest import nfs
from guest.agents import Credentials
from guest.cheat import CheatingAgent
from guest.proofs import marker_seen, mount_and_check, tls_counters


@case("wire/no-clear-text", "a marker cannot be read from the wire; without "
                            "TLS it can")
def no_clear_text(bed):
    nfs.serve(("none", "tls", "mtls"))
    bed.start_agent(client=Credentials(certificate="client"))
    _expect_marker_only_in_clear(bed)


def _expect_marker_only_in_clear(bed) -> None:
    # The control: the method finds a marker where there is one to find.
    assert marker_seen(bed, "none"), "the capture misses what it should see"
    assert tls_counters()["TlsCurrTxSw"] == 0, "TLS on a mount without it"
    for security in ("tls", "mtls"):
        assert not marker_seen(bed, security), "clear text on the wire"


@case("wire/cheating-agent", "success without TLS is seen by both proofs")
def cheating_agent(bed):
    nfs.serve(("mtls",))
    CheatingAgent(bed.family)
    assert marker_seen(bed, "mtls"), "a lie passed for TLS"
    assert tls_counters()["TlsTxSw"] == 0, "keys without a handshake"


@case("demo/nfs", "the main job in one boot; tools/demo shows its facts")
def demo(bed):
    bed.fact("kernel", os.uname().release)
    nfs.serve(("none", "tls", "mtls"))
    bed.start_agent(client=Credentials(certificate="client"))
    for security in ("tls", "mtls"):
        mount_and_check(bed, security)
    _expect_marker_only_in_clear(bed)
