"""Other network namespaces: one daemon, an identity for each."""

import pathlib

from cases import case
from guest import machine, nfs, wait
from guest.agents import Credentials
from guest.peers import StallingServer

_HOST, _GUEST = "10.77.0.1", "10.77.0.2"
# What it shows and whom it trusts is its own: the host's would not do.
_BLUE = ("[netns.blues]\nmatch=blu*\n"
         + Credentials(certificate="client").section("client", "netns.blues"))
_SERVED = {"netns": "blue", "state": "served"}


def _make_netns(name: str) -> None:
    """With a way to the server, which stays where it is."""
    machine.run("ip", "netns", "add", name)
    machine.run("ip", "link", "add", "out", "type", "veth", "peer", "name",
                "in", "netns", name)
    machine.run("ip", "addr", "add", f"{_HOST}/24", "dev", "out")
    machine.run("ip", "link", "set", "out", "up")
    for command in (("addr", "add", f"{_GUEST}/24", "dev", "in"),
                    ("link", "set", "in", "up"), ("link", "set", "lo", "up")):
        machine.run("ip", "-n", name, *command)


def _serve(bed, more: str) -> None:
    """The host's own client would be refused: it trusts another authority."""
    machine.load_modules("veth")
    # The name in the server's certificate, for whoever comes from there.
    pathlib.Path("/run/hosts").write_text(f"{_HOST} server.example\n")
    nfs.serve(("mtls",), clients=(_GUEST,))
    bed.start_agent(client=Credentials(truststore="other-ca"), more=more)


def _mount_inside(bed) -> nfs.Mounted:
    mounted = nfs.finish_mount(
        nfs.start_mount("mtls", "server.example", netns="blue"))
    bed.note(f"mount in the namespace: {mounted.message or 'mounted'}")
    return mounted


@case("agent/netns", "a namespace with settings of its own comes and goes",
      own="several network namespaces")
def netns(bed):
    _serve(bed, _BLUE)
    _make_netns("blue")
    bed.wait_for_event("namespace_changed", **_SERVED)
    mounted = _mount_inside(bed)
    assert mounted.ok, mounted.message
    bed.check_data(4096)
    nfs.unmount()
    bed.wait_for_event("handshake_done", netns="blue", outcome="ok",
                       settings="netns.blues.client", side="client")
    machine.run("ip", "netns", "del", "blue")
    bed.wait_for_event("namespace_changed", netns="blue",
                       state="not served any more")
    # Nothing of ours keeps it: its device goes with it, and ours with that.
    _wait_for_no_device()
    _make_netns("blue")
    bed.wait_for_event("namespace_changed", count=2, **_SERVED)
    assert _mount_inside(bed).ok
    nfs.unmount()


@case("agent/netns-gone-meanwhile",
      "a namespace goes with a handshake of it under way", deadline_s=150,
      own="several network namespaces")
def netns_gone_meanwhile(bed):
    _serve(bed, _BLUE)
    _make_netns("blue")
    bed.wait_for_event("namespace_changed", **_SERVED)
    server = StallingServer(address=_HOST)
    mounting = nfs.start_mount("mtls", "server.example", StallingServer.PORT,
                               netns="blue")
    server.wait_for_hello()
    mounting.child.kill()
    mounting.child.wait(20)
    machine.run("ip", "netns", "del", "blue")
    bed.wait_for_event("namespace_changed", netns="blue",
                       state="not served any more")
    bed.wait_for_event("handshake_done", netns="blue", outcome="failed",
                       side="client")
    # The kernel's own client may try once more, where nobody serves it now.
    _wait_for_no_device(60)
    _make_netns("blue")
    bed.wait_for_event("namespace_changed", count=2, **_SERVED)
    mounted = _mount_inside(bed)
    assert mounted.ok, mounted.message
    nfs.unmount()


def _wait_for_no_device(deadline_s: float = 10) -> None:
    wait.until(lambda: not pathlib.Path("/sys/class/net/out").exists(),
               "the namespace to be gone", deadline_s)


@case("agent/netns-unnamed", "a namespace that nothing names is not served",
      own="several network namespaces")
def netns_unnamed(bed):
    _serve(bed, _BLUE.replace("blu*", "green"))
    _make_netns("blue")
    mounted = _mount_inside(bed)
    assert not mounted.ok and "No such process" in mounted.message, \
        mounted.message
