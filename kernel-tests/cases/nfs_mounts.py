"""Mounts that must work."""

import pathlib

from cases import Skip, case
from guest import machine, nfs
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


@case("nfs/ipv6", "over IPv6: the server is named by its address, by a name")
def ipv6(bed):
    if not bed.profile.takes_ipv6_addresses:
        raise Skip(f"{bed.profile.name} sends an IPv6 address as its SNI")
    if not pathlib.Path("/proc/sys/net/ipv6").is_dir():
        machine.load_modules("ipv6")
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
