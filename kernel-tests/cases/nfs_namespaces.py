"""Client and server in network namespaces of their own, an agent in each."""

import pathlib

from cases import case
from guest import ends, machine, netns, nfs
from guest.agents import Credentials

_CLIENTS = (netns.NEAR, netns.NEAR6)
# By name and by address, over IPv4 and IPv6.
_WAYS = (("tls", "server.example"), ("mtls", netns.FAR),
         ("tls", "server6.example"), ("mtls", f"[{netns.FAR6}]"))
_CONNECTIONS = 4


@case("nfs/two-namespaces",
      "client and server apart, IPv4 and IPv6, four connections each",
      deadline_s=180, needs=("nfs", "veth", "ipv6"))
def two_namespaces(bed):
    kind = bed.profile.name
    with ends.Pair(bed, kind, kind, Credentials(certificate="client"),
                   Credentials(certificate="server-far")) as pair:
        with netns.inside(ends.FAR_NAME):
            nfs.serve(("tls", "mtls"), clients=_CLIENTS)
        for number, (security, host) in enumerate(_WAYS, 1):
            before = pair.counters()
            bed.mount(security, host, more=f"nconnect={_CONNECTIONS}")
            bed.check_data(1 << 20)
            for end in (pair.client, pair.server):
                end.expect_statuses([0] * number * _CONNECTIONS)
            pair.expect_keys(before, _CONNECTIONS)
            nfs.unmount()
        shown = [len(ids) for ids in pair.server.peer_ids()]
        assert shown == [int(security == "mtls") for security, _ in _WAYS
                         for _ in range(_CONNECTIONS)], shown


@case("nfs/serials", "the mount names certificate and key by their serials, "
      "or is refused by a kernel that cannot do that")
def serials(bed):
    """The agent's own file has none. With serials came the keyring .nfs."""
    nfs.serve(("mtls",))
    certificate, key = (_add_der(kind) for kind in ("x509", "pkey"))
    bed.start_agent()
    mounted = nfs.mount("mtls", more=f"cert_serial={certificate},"
                                     f"privkey_serial={key}")
    if not _has_keyring(".nfs"):
        bed.note(f"no serials: {mounted.message}")
        assert "incorrect mount option" in mounted.message, mounted
        assert not bed.upcalls.upcalls(), "an upcall without a mount"
        return
    assert mounted.ok, mounted.message
    bed.check_data()
    bed.expect_statuses("client", [0])
    assert [u.remote_auth for u in bed.upcalls.upcalls("server")] == [[-1]]
    nfs.unmount()


def _add_der(kind: str) -> int:
    """Into .nfs, which agents possess; returns the serial."""
    source = machine.PKI / ("client.pem" if kind == "x509" else "client.key")
    target = pathlib.Path(f"/run/client-{kind}.der")
    machine.run("openssl", kind, "-in", str(source), "-outform", "DER", "-out",
                str(target))
    keyring = "%:.nfs" if _has_keyring(".nfs") else "@u"
    added = machine.run("sh", "-c", f"keyctl padd user {kind} {keyring} "
                                    f"<{target}")
    return int(added.stdout)


def _has_keyring(name: str) -> bool:
    return f" {name}:" in pathlib.Path("/proc/keys").read_text()
