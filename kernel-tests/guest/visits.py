"""What troubles an agent, as visits for a Crowd: each function returns one.

They pause: peers are on other machines in life, and here on the one CPU that
others wait for.
"""

import contextlib
import pathlib
import select
import signal
import socket
import ssl
import time
from collections.abc import Callable

from guest import agents, genl, hellos, machine, nfs, nvme, openssl, rpc
from guest.crowd import Stay, Visit
from guest.live_files import LiveFiles
from guest.peers import Gate, SilentClient, held_mounts
from guest.relay import TlsRelay
from guest.tls_library import Identity, Psk, TlsError

_PAUSE_S = 0.2
_HUNG_UP_S = 30
_HOUR = 3600
_READY_AT_ONCE = 20


# Clients of nfsd.


def be_silent() -> Visit:
    return say(b"")


def say(data: bytes) -> Visit:
    """Instead of a handshake; stays until nfsd hangs up."""
    def talk(client: SilentClient, stay: Stay) -> None:
        client.send(data)
        stay.there()
        client.wait_closed(_HUNG_UP_S)
    return _refused(talk)


def dribble() -> Visit:
    """A byte now and then, as long as it is let."""
    def talk(client: SilentClient, stay: Stay) -> None:
        for byte in hellos.BEGINNING_OF_A_HELLO:
            client.send(bytes([byte]))
            stay.there()
            if select.select([client.socket], [], [], _PAUSE_S)[0]:
                return
        raise AssertionError("nobody minds how slow it is")
    return _refused(talk)


def leave(said: bytes = b"", *, by_reset: bool) -> Visit:
    """Says this much and goes."""
    def talk(client: SilentClient, stay: Stay) -> None:
        client.send(said)
        _go(client, stay, by_reset)
    return _refused(talk)


def leave_when_asked_again(*, by_reset: bool) -> Visit:
    """Goes in the middle of the handshake."""
    def talk(client: SilentClient, stay: Stay) -> None:
        _be_asked_again(client, hellos.client_hello())
        _go(client, stay, by_reset)
    return _refused(talk)


def _go(client: SilentClient, stay: Stay, by_reset: bool) -> None:
    stay.there()
    if by_reset:
        client.reset()


def retry_without_change() -> Visit:
    """The same hello again when it was asked for another."""
    def talk(client: SilentClient, stay: Stay) -> None:
        hello = hellos.client_hello()
        _be_asked_again(client, hello)
        client.send(hello)
        stay.there()
        client.wait_closed(_HUNG_UP_S)
    return _refused(talk)


def _be_asked_again(client: SilentClient, hello: bytes) -> None:
    client.send(hello)
    answer = client.receive()
    assert hellos.is_retry_request(answer), f"answered {answer.hex()}"


def show(certificate: pathlib.Path, key: pathlib.Path) -> Visit:
    """A certificate that is refused."""
    def talk(client: SilentClient, stay: Stay) -> None:
        stay.there()
        with contextlib.suppress(TlsError, ssl.SSLError), openssl.connect(
                client.socket, Identity(certificate, key),
                "localhost") as session:
            assert not session.recv(1), "nfsd talks to it"
    return _refused(talk)


def call_behind_finished() -> Visit:
    """Is served: its first call is in one segment with its Finished."""
    context = ssl.create_default_context(cafile=str(machine.PKI / "ca.pem"))

    def run(stay: Stay) -> None:
        with SilentClient() as client:
            ends = ssl.MemoryBIO(), ssl.MemoryBIO()
            session = context.wrap_bio(*ends, server_hostname="localhost")
            _repeat(session.do_handshake, client, *ends)
            session.write(rpc.null_call())
            stay.there()
            reply = _repeat(lambda: session.read(4096), client, *ends)
            assert rpc.succeeded(reply[4:]), f"nfsd answered {reply.hex()}"
        stay.pause(_PAUSE_S)
    return Visit(run, successes=1)


def _repeat(step: Callable, client: SilentClient, incoming: ssl.MemoryBIO,
            outgoing: ssl.MemoryBIO):
    """A step of TLS until it is done. What its last turn has to say is left for
    the next step to send."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            client.send(outgoing.read())
            data = client.receive()
            if not data:
                raise ConnectionError("nfsd hung up") from None
            incoming.write(data)


def _refused(talk: Callable[[SilentClient, Stay], None]) -> Visit:
    """Being hung up on, at whatever point, is what this client comes for."""
    def run(stay: Stay) -> None:
        with contextlib.suppress(ConnectionError), SilentClient() as client:
            talk(client, stay)
        stay.pause(_PAUSE_S)
    return Visit(run)


# Hosts of nvmet.


def connect_with(psk: Psk) -> Visit:
    """A pre-shared key that the target does not have."""
    def run(stay: Stay) -> None:
        stay.there()
        with socket.create_connection(("127.0.0.1", nvme.PORT), 10) as sock, \
                contextlib.suppress(TlsError, OSError), \
                openssl.connect_psk(sock, psk) as session:
            session.recv(1)
        stay.pause(_PAUSE_S)
    return Visit(run)


# The kernel's NFS client, and its servers.


def hold_mounts(count: int) -> Visit:
    """Servers that say nothing before all is over."""
    def run(stay: Stay) -> None:
        gate, mounts = held_mounts(count)
        stay.there()
        stay.over.wait()
        _let_in(gate, mounts)
    return Visit(run, successes=2 * count)


def kill_their_worker(count: int, agent: agents.Agent) -> Visit:
    """The same, and the worker that waits for these servers dies, again and
    again."""
    def run(stay: Stay) -> None:
        gate, mounts = held_mounts(count)
        while not (stay.is_there.is_set() and stay.over.is_set()):
            for pid in _workers_at(agent, gate):
                agents.kill(pid, signal.SIGKILL)
                stay.there()
            stay.pause(_PAUSE_S)
        _let_in(gate, mounts)
    return Visit(run, successes=2 * count)


def _let_in(gate: Gate, mounts: list[nfs.DirectMount]) -> None:
    """The kernel's two ends of each are served."""
    gate.open()
    for mount in mounts:
        mount.finish(120)
        mount.unmount()


def _workers_at(agent: agents.Agent, gate: Gate) -> list[int]:
    return [pid for pid in agent.workers()
            if any(port in gate.ports for port in agents.remote_ports(pid))]


def mount_with_tickets() -> Visit:
    """Is served: tickets come behind the server's Finished. OpenSSL sends them
    when it has the client's, so most are for the kernel to find."""
    server = Identity(machine.PKI / "server.pem", machine.PKI / "server.key")
    relay = TlsRelay(lambda sock: openssl.serve(sock, server, mutual=False))

    def run(stay: Stay) -> None:
        stay.there()
        mount = nfs.DirectMount(nfs.MOUNT / "tickets", TlsRelay.PORT)
        mount.finish()
        mount.unmount()
        assert not relay.errors, relay.errors
        stay.pause(_PAUSE_S)
    return Visit(run, successes=1)


def unmount_in_handshake() -> Visit:
    """The client loses its connection, makes another, and is sent away by
    `umount -f` in the middle of that."""
    gate = Gate()
    (port,) = gate.ports

    def run(stay: Stay) -> None:
        gate.open()
        place = nfs.MOUNT / str(port)
        nfs.DirectMount(place, port, more="soft,timeo=100,retrans=1").finish()
        gate.close()
        held = gate.held()
        gate.cut()
        nfs.use_and_unmount(place, lambda: gate.held() > held)
        stay.there()
        stay.pause(_PAUSE_S)
    return Visit(run, successes=2)


# The machine.


def forge_ready(family: genl.Family) -> Visit:
    """Announces requests that there are none of."""
    speaker = genl.open_socket()

    def run(stay: Stay) -> None:
        for _ in range(_READY_AT_ONCE):
            genl.forge_ready(speaker, family)
        stay.there()
        stay.pause(_PAUSE_S)
    return Visit(run)


def renew(files: LiveFiles, agent: agents.Agent) -> Visit:
    """The certificate that is in use, and says so by SIGHUP as well."""
    def run(stay: Stay) -> None:
        for name in ("server-renewed", "server"):
            files.replace(name)
            agent.reload()
            stay.there()
            stay.pause(_PAUSE_S)
    return Visit(run)


def move_clock() -> Visit:
    """An hour ahead and back again."""
    def run(stay: Stay) -> None:
        for seconds in (_HOUR, -_HOUR):
            time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
            stay.there()
            stay.pause(_PAUSE_S)
    return Visit(run)
