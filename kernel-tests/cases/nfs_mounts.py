"""Mounts that must work."""

import pathlib

from cases import case
from guest import agents, features, nfs
from guest.agents import Credentials
from guest.proofs import mount_and_check


@case("nfs/tls", "server-only TLS: mount, write, read back, compare")
def tls(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    mount_and_check(bed, "tls")


@case("nfs/mtls", "mutual TLS: mount, write, read back, compare")
def mtls(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"))
    mount_and_check(bed, "mtls")


@case("nfs/tls-then-mtls", "one export that allows both, mounted both ways")
def tls_then_mtls(bed):
    nfs.serve(("tls", "mtls"))
    bed.start_agent(client=Credentials(certificate="client"))
    mount_and_check(bed, "tls")
    mount_and_check(bed, "mtls")


@case("nfs/by-address", "the server is named by its IP address")
def by_address(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    mount_and_check(bed, "tls", host="127.0.0.1")


@case("nfs/by-other-name", "the server is named by the second name it has")
def by_other_name(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    mount_and_check(bed, "tls", host="server.example")


@case("nfs/ipv6", "over IPv6: the server is named by its address, by a name",
      needs=("nfs", "ipv6"))
def ipv6(bed):
    nfs.serve(("tls", "mtls"), clients=("::1",))
    bed.start_agent(client=Credentials(certificate="client"))
    mount_and_check(bed, "tls", host="[::1]")
    mount_and_check(bed, "mtls", host="server6.example")


def _mtls_with(kind: str):
    def run(bed):
        nfs.serve(("mtls",))
        bed.start_agent(client=Credentials(certificate=f"client-{kind}"),
                        server=Credentials(certificate=f"server-{kind}"))
        mount_and_check(bed, "mtls")
    return run


for _kind in ("p384", "rsa", "ed25519"):
    case(f"nfs/mtls-{_kind}", f"mutual TLS with {_kind} certificates")(
        _mtls_with(_kind))


@case("nfs/many-mounts", "ten mounts one after the other, one agent")
def many_mounts(bed):
    nfs.serve(("tls", "mtls"))
    bed.start_agent(client=Credentials(certificate="client"))
    for _ in range(5):
        for security in ("tls", "mtls"):
            bed.mount(security)
            bed.check_data(4096)
            nfs.unmount()
    bed.expect_statuses("client", [0] * 10)
    bed.expect_statuses("server", [0] * 10)


@case("nfs/connections", "four connections of one mount, a handshake for each")
def connections(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"))
    bed.mount("mtls", more="nconnect=4")
    bed.check_data(4 << 20)
    for side in ("client", "server"):
        bed.upcalls.wait_for_accept(side, 4)
    bed.expect_statuses("client", [0] * 4)
    bed.expect_statuses("server", [0] * 4)
    nfs.unmount()


@case("nfs/peer-key", "the server's certificate as a key: told, or -1 and why",
      own="its option for such keys")
def peer_key(bed):
    nfs.serve(("tls", "mtls"))
    bed.start_agent(client=Credentials(certificate="client"), more=(
        "[consumer.nfs-client]\npeer_key.timeout=600\n"))
    mount_and_check(bed, "mtls")
    said = [r for r in agents.handshake_records(bed.agent.log())
            if r.get("side") == "client"][-1]
    told = bed.upcalls.upcalls("client")[-1].remote_auth
    if features.FEATURES["asymmetric-keys"].there():
        key = int(said["peer_key"])
        assert told == [key], f"the kernel was told {told}, not {key}"
        keys = pathlib.Path("/proc/keys").read_text()
        line = next(k for k in keys.splitlines()
                    if k.startswith(f"{key:08x} "))
        bed.note(f"/proc/keys: {line}")
        kind = "asymmetric"[:9]  # the kernel prints no more of it
        assert f" {kind} " in line and " perm " not in line, line
    else:
        bed.note(f"peer_key_problem: {said.get('peer_key_problem')}")
        assert "No such device" in said["peer_key_problem"], said
        assert told in ([-1], [0xffffffff]), f"the kernel was told {told}"
    mount_and_check(bed, "tls")
    assert not bed.upcalls.upcalls("client")[-1].remote_auth, "of nobody"
