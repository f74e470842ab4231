"""ktlsd at one end, tlshd at the other: both must understand each other.

The client's end is this network namespace, the server's another one, so each
agent has its consumer to itself.
"""

import secrets

from cases import case
from guest import ends, machine, netns, nfs, nvme, tlshd
from guest.agents import Credentials

_BESIDE = ("newest-tlshd",)
_OWN = "itself and tlshd together"
_CABLE = ("veth", "ipv6")
_NEEDS = ("nfs", *_CABLE)
_CLIENTS = (netns.NEAR, netns.NEAR6)
_KINDS = ("", "-p384", "-rsa", "-ed25519")
_SERVER = Credentials(certificate="server-far")


def _pair(bed, role: str, what: str, client: Credentials,
          server: Credentials) -> ends.Pair:
    """`role` is ktlsd's; the other one is tlshd's. `what` is for the table."""
    agents = {role: "ktlsd", ends.OTHER_SIDE[role]: "tlshd"}
    pair = ends.Pair(bed, agents["client"], agents["server"], client, server)
    bed.fact("interop", {"what": what, "ktlsd": role,
                         "peer": f"tlshd {tlshd.version()}"})
    bed.note(f"ktlsd is the {role}; tlshd {tlshd.version()}")
    return pair


def _serve(policy: tuple[str, ...]) -> None:
    with netns.inside(ends.FAR_NAME):
        nfs.serve(policy, clients=_CLIENTS)


def _mount_and_check(bed, pair: ends.Pair, security: str, host: str) -> None:
    before = pair.counters()
    done = {end: len(end.upcalls.statuses(end.side))
            for end in (pair.client, pair.server)}
    bed.mount(security, host)
    bed.check_data()
    for end, count in done.items():
        end.expect_statuses([0] * (count + 1))
    pair.expect_keys(before)
    nfs.unmount()


def _nfs_tls(role: str):
    def run(bed):
        with _pair(bed, role, "NFS, server-only TLS", Credentials(),
                   _SERVER) as pair:
            _serve(("tls",))
            for host in ("server.example", netns.FAR):
                _mount_and_check(bed, pair, "tls", host)
    return run


def _nfs_mtls(role: str, kind: str):
    def run(bed):
        client = Credentials(certificate=f"client{kind}")
        server = Credentials(certificate=f"server-far{kind}")
        what = f"NFS, mutual TLS, {kind.strip('-') or 'p256'}"
        with _pair(bed, role, what, client, server) as pair:
            _serve(("mtls",))
            if _reports_peers(pair.server, kind):
                _mount_and_check(bed, pair, "mtls", "server.example")
                _expect_client_reported(pair.server)
            else:
                _shake_hands_only(bed, pair)
    return run


def _reports_peers(server: ends.End, kind: str) -> bool:
    """tlshd 1.0.0 does it by a key, and Linux takes none of Ed25519."""
    return not _reports_by_keys(server) or (
        machine.has_key_type("asymmetric") and kind != "-ed25519")


def _reports_by_keys(server: ends.End) -> bool:
    return server.agent.profile.name == "tlshd" and \
        tlshd.version() == "1.0.0"


def _expect_client_reported(server: ends.End) -> None:
    """-1 says that there is one; tlshd 1.0.0 makes a key of its certificate
    and says that key's serial."""
    ids = server.peer_ids()
    assert len(ids) == 1 and len(ids[0]) == 1, f"peer ids {ids}"
    assert ids[0][0] > 0 if _reports_by_keys(server) else ids == [[-1]], \
        f"peer ids {ids}"


def _shake_hands_only(bed, pair: ends.Pair) -> None:
    """Both ends agree; nfsd is told of no client, and so refuses the mount."""
    before = pair.counters()
    bed.mount_refused("mtls", "Operation not permitted", host="server.example")
    for end in (pair.client, pair.server):
        end.expect_statuses([0])
    pair.expect_keys(before)
    assert pair.server.peer_ids() == [[0]], pair.server.peer_ids()
    bed.facts["interop"]["remark"] = ("handshake: pass; no mount, this tlshd "
                                      "reports no client to this kernel")


@case("interop/nfs-client-of-another-ca",
      "tlshd names the authorities that it trusts, the client has none of them",
      beside=_BESIDE, needs=_NEEDS, own=_OWN)
def client_of_another_ca(bed):
    """The server's doing; ktlsd's worker, with others' handshakes in it, was
    killed for showing no certificate."""
    client = Credentials(certificate="client-other-ca")
    with _pair(bed, "client", "NFS, client of another authority", client,
               _SERVER) as pair:
        _serve(("mtls",))
        bed.mount_refused("mtls", "access denied", host="server.example")
        bed.note("client: DONE status " + pair.client.expect_refusal())
        bed.expect_log("certificate_required", "client",
                       "our certificate is none that the server asks for")


def _bad_server(role: str):
    def run(bed):
        server = Credentials(certificate="server-far-expired")
        with _pair(bed, role, "NFS, expired server is refused",
                   Credentials(), server) as pair:
            _serve(("tls",))
            bed.mount_refused("tls", "access denied", host="server.example")
            bed.note("client: DONE status " + pair.client.expect_refusal())
    return run


def _bad_client(role: str):
    def run(bed):
        client = Credentials(certificate="client-expired")
        with _pair(bed, role, "NFS, expired client is refused", client,
                   _SERVER) as pair:
            _serve(("mtls",))
            bed.mount_refused("mtls", "", host="server.example")
            bed.note("server: DONE status " + pair.server.expect_refusal())
    return run


def _nvme_pair(bed, role: str, bits: int) -> ends.Pair:
    """tlshd looks for the keyring .nvme only when it starts."""
    nvme.load_modules()
    return _pair(bed, role, f"NVMe/TCP, PSK for SHA-{bits}", Credentials(),
                 Credentials())


def _nvme_serve(hash_name: str, length: int) -> int:
    """The target, and a key for both ends; returns its serial."""
    key = nvme.add_key(nvme.identity(hash_name), secrets.token_bytes(length))
    with netns.inside(ends.FAR_NAME):
        nvme.serve(netns.FAR)
    return key


def _nvme_connected(bed, pair: ends.Pair, key: int) -> None:
    """Data both ways; a reset; more data; everything with that key."""
    nvme.check_data(bed)
    nvme.reset()
    pair.server.upcalls.wait_for_done("server", 2 * nvme.QUEUES)
    nvme.check_data(bed)
    for end in (pair.client, pair.server):
        end.expect_statuses([0] * 2 * nvme.QUEUES)
        ids = end.peer_ids()
        # As a server tlshd 1.4.0 says the same key twice.
        assert len(ids) == 2 * nvme.QUEUES and all(ids) and \
            {one for several in ids for one in several} == {key}, \
            f"{end.side}: peer ids {ids}, the key is {key}"
    nvme.disconnect()


def _nvme_sha256(role: str):
    def run(bed):
        with _nvme_pair(bed, role, 256) as pair:
            key = _nvme_serve("01", 32)
            before = pair.counters()
            nvme.connect(traddr=netns.FAR, tls_key=key)
            pair.expect_keys(before, nvme.QUEUES)
            _nvme_connected(bed, pair, key)
    return run


def _nvme_sha384(role: str):
    """GnuTLS 3.8.9, which comes with tlshd 1.0.0, makes the binder of any key
    with SHA-256: it is wrong for a key that its identity says is for SHA-384.
    3.8.13, with 1.4.0, makes it with the key's hash."""
    def run(bed):
        with _nvme_pair(bed, role, 384) as pair:
            key = _nvme_serve("02", 48)
            try:
                nvme.connect(traddr=netns.FAR, tls_key=key)
            except OSError as error:
                assert tlshd.version() == "1.0.0", f"refused: {error}"
                _expect_bad_binder(bed, pair, role, error)
                return
            assert tlshd.version() != "1.0.0", \
                "connected, with a binder of SHA-256"
            _nvme_connected(bed, pair, key)
    return run


def _expect_bad_binder(bed, pair: ends.Pair, role: str,
                       error: OSError) -> None:
    bed.note(f"connect: {error.strerror}; tlshd's binder is not of the key's "
             "hash")
    bed.facts["interop"]["remark"] = "refused: tlshd's binder is of SHA-256"
    pair.server.expect_refusal()
    assert 0 not in pair.client.upcalls.statuses("client")
    if role == "server":
        pair.server.agent.wait_for_log("bad_psk_binder", "server")


def _register() -> None:
    for role in ("client", "server"):
        other = ends.OTHER_SIDE[role]
        says = f"ktlsd is the {role}, tlshd the {other}"
        case(f"interop/nfs-tls-{role}", f"{says}: server-only TLS",
             beside=_BESIDE, needs=_NEEDS, own=_OWN)(_nfs_tls(role))
        for kind in _KINDS:
            case(f"interop/nfs-mtls{kind}-{role}",
                 f"{says}: mutual TLS, {kind.strip('-') or 'p256'}",
                 beside=_BESIDE, needs=_NEEDS, own=_OWN)(_nfs_mtls(role, kind))
        case(f"interop/nfs-bad-server-{role}",
             f"{says}: the server's certificate has expired",
             beside=_BESIDE, needs=_NEEDS, own=_OWN)(_bad_server(role))
        case(f"interop/nfs-bad-client-{role}",
             f"{says}: the client's certificate has expired",
             beside=_BESIDE, needs=_NEEDS, own=_OWN)(_bad_client(role))
        for bits, make in ((256, _nvme_sha256), (384, _nvme_sha384)):
            case(f"interop/nvme-{bits}-{role}", f"{says}: PSK for SHA-{bits}",
                 beside=_BESIDE, modules=True, needs=_CABLE,
                 own=_OWN)(make(role))


_register()
