"""Records of no more than the peer takes (RFC 8449), by the kernel."""

from cases import case
from guest import gnutls, nfs
from guest.relay import TlsRelay
from guest.tls_library import identity

_LIMIT = 1024  # bytes of content that the server takes in a record


@case("nfs/record-size-limit", "a server that takes small records only gets no "
      "larger ones", needs=("nfs", "record-size-limit"))
def record_size_limit(bed):
    nfs.serve(("none",))
    bed.start_agent()
    sessions = []

    def wrap(sock):
        sessions.append(gnutls.serve(sock, identity("server"), mutual=False,
                                     largest_record=_LIMIT))
        return sessions[-1]

    relay = TlsRelay(wrap)
    mounted = nfs.mount("tls", port=TlsRelay.PORT)
    assert mounted.ok, f"{mounted.message} {relay.errors}"
    bed.check_data(256 << 10)
    nfs.unmount()
    bed.expect_statuses("client", [0])
    sizes = [size for session in sessions for size in session.received]
    full = sizes.count(max(sizes))
    bed.note(f"{len(sizes)} records, {full} of them of {max(sizes)} bytes")
    assert _LIMIT // 2 < max(sizes) <= _LIMIT, f"a record of {max(sizes)} bytes"
    assert full > 100, f"{full} full records for 256 KiB"
