"""What a mount has to prove, shared by the cases."""

import pathlib
import secrets

from guest import nfs
from guest.capture import Capture


def tls_counters() -> dict[str, int]:
    """/proc/net/tls_stat, which is there once the tls module is."""
    counters = {}
    for line in pathlib.Path("/proc/net/tls_stat").read_text().splitlines():
        name, value = line.split()
        counters[name] = int(value)
    return counters


def mount_and_check(bed, security: str, host: str = "localhost") -> None:
    """One mount: it carries data, and both ends have keys in the kernel."""
    before = tls_counters()
    done = {side: len(bed.upcalls.statuses(side))
            for side in ("client", "server")}
    bed.mount(security, host)
    bed.check_data()
    for side, count in done.items():
        bed.expect_statuses(side, [0] * (count + 1))
        bed.expect_session(side, security)
    after = tls_counters()
    bed.fact(f"counters_{security}", {"before": before, "after": after})
    for name in ("TlsTxSw", "TlsRxSw"):
        bed.note(f"{name} {before[name]} -> {after[name]}")
        grown = after[name] - before[name]
        assert grown == 2, f"{name} grew by {grown}, not by both ends' 2"
    assert after["TlsDecryptError"] == 0, "the kernel could not decrypt"
    nfs.unmount()
    bed.fact(f"data_equal_{security}", True)


def marker_seen(bed, security: str) -> bool:
    """Writes and reads a marker through a mount; is it in the capture?"""
    marker = f"ktlsd-marker-{secrets.token_hex(16)}".encode()
    content = marker * 1024
    with Capture(f"lo-{security}") as capture:
        bed.mount(security)
        nfs.write_through_mount("marker", content)
        assert nfs.read_through_mount("marker") == content
        nfs.unmount()
    seen = capture.holds(marker)
    size = capture.path.stat().st_size
    bed.note(f"xprtsec={security}: marker {'found' if seen else 'absent'} in "
             f"{size} captured bytes")
    bed.fact(f"marker_{security}", {"seen": seen, "captured_bytes": size})
    return seen
