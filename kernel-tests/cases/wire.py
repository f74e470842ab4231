"""What an eavesdropper on the wire gets."""

import secrets

from cases import case
from guest import nfs
from guest.agents import Credentials
from guest.bed import tls_counters
from guest.capture import Capture


def _marker_seen(bed, security: str) -> bool:
    """Writes and reads a marker through a mount; is it in the capture?"""
    marker = f"ktlsd-marker-{secrets.token_hex(16)}".encode()
    content = marker * 1024
    with Capture(f"lo-{security}") as capture:
        bed.mount(security)
        nfs.write_through_mount("marker", content)
        assert nfs.read_through_mount("marker") == content
        nfs.unmount()
    seen = capture.holds(marker)
    bed.note(f"xprtsec={security}: marker {'found' if seen else 'absent'} in "
             f"{capture.path.stat().st_size} captured bytes")
    bed.fact(f"marker_{security}", seen)
    return seen


@case("wire/no-clear-text", "a marker cannot be read from the wire; without "
                            "TLS it can")
def no_clear_text(bed):
    nfs.serve(("none", "tls", "mtls"))
    bed.start_agent(client=Credentials(certificate="client"))
    # The control: the method finds a marker where there is one to find.
    assert _marker_seen(bed, "none"), "the capture misses what it should see"
    assert tls_counters()["TlsTxSw"] == 0
    for security in ("tls", "mtls"):
        assert not _marker_seen(bed, security), "clear text on the wire"
