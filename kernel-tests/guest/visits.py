"""What troubles an agent, as visits for a Crowd: each function returns one.

They pause so that the guest's one CPU is not what others wait for.
"""

import contextlib
import os
import pathlib
import select
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable

from guest import agents, genl, hellos, machine, nfs, nvme, openssl, rpc
from guest.crowd import Visit
from guest.live_files import LiveFiles
from guest.peers import Gate, SilentClient, held_mounts
from guest.relay import TlsRelay
from guest.tls_library import Identity, Psk, TlsError

_PAUSE_S = 0.1
_POLL_S = 0.05
_HOUR = 3600
_READY_AT_ONCE = 20
_BEGINNING_OF_A_HELLO = b"\x16\x03\x01\x01\x00" + bytes(256)


# Clients of nfsd.


def say(*data: bytes) -> Visit:
    """Instead of a handshake; stays until nfsd hangs up."""
    def talk(client: SilentClient, over: threading.Event) -> None:
        for piece in data:
            client.send(piece)
        _read_until_closed(client, over)
    return _refused(talk)


def dribble() -> Visit:
    """A byte now and then, as long as it is let."""
    def talk(client: SilentClient, over: threading.Event) -> None:
        for byte in _BEGINNING_OF_A_HELLO:
            client.send(bytes([byte]))
            if over.wait(2 * _PAUSE_S):
                return
    return _refused(talk)


def leave(said: bytes = b"", *, by_reset: bool, answered: bool = False) -> Visit:
    """Says this much, waits for an answer or not, and goes."""
    def talk(client: SilentClient, _over) -> None:
        client.send(said)
        if answered:
            client.receive()
        if by_reset:
            client.reset()
    return _refused(talk)


def retry_without_change() -> Visit:
    """The same hello again when it was asked for another."""
    def talk(client: SilentClient, over: threading.Event) -> None:
        hello = hellos.client_hello()
        client.send(hello)
        client.receive()
        client.send(hello)
        _read_until_closed(client, over)
    return _refused(talk)


def show(certificate: pathlib.Path, key: pathlib.Path) -> Visit:
    """A certificate that is refused."""
    def talk(client: SilentClient, _over) -> None:
        with contextlib.suppress(TlsError, ssl.SSLError):
            session = openssl.connect(client.socket, Identity(certificate, key),
                                      "localhost")
            assert not session.recv(1), "nfsd talks to it"
    return _refused(talk)


def call_behind_finished() -> Visit:
    """Is served: its first call is in one segment with its Finished."""
    context = ssl.create_default_context(cafile=str(machine.PKI / "ca.pem"))

    def visit(over: threading.Event) -> None:
        with SilentClient() as client:
            ends = ssl.MemoryBIO(), ssl.MemoryBIO()
            session = context.wrap_bio(*ends, server_hostname="localhost")
            _repeat(session.do_handshake, client, *ends)
            session.write(rpc.null_call())
            reply = _repeat(lambda: session.read(4096), client, *ends)
            assert rpc.succeeded(reply[4:]), f"nfsd answered {reply.hex()}"
        over.wait(_PAUSE_S)
    return visit


def _repeat(step: Callable, client: SilentClient, incoming: ssl.MemoryBIO,
            outgoing: ssl.MemoryBIO):
    """A step of TLS until it is done. What its last turn has to say is left for
    the next step to send."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            client.send(outgoing.read())
            incoming.write(client.receive())


def _refused(talk: Callable[[SilentClient, threading.Event], None]) -> Visit:
    """Being hung up on, at whatever point, is what this client comes for."""
    def visit(over: threading.Event) -> None:
        with contextlib.suppress(ConnectionError), SilentClient() as client:
            talk(client, over)
        over.wait(_PAUSE_S)
    return visit


def _read_until_closed(client: SilentClient, over: threading.Event) -> None:
    while not over.is_set():
        ready, _, _ = select.select([client.socket], [], [], _POLL_S)
        if ready and not client.receive():
            return


# Hosts of nvmet.


def connect_with(psk: Psk) -> Visit:
    """A pre-shared key that the target does not have."""
    def visit(over: threading.Event) -> None:
        with socket.create_connection(("127.0.0.1", nvme.PORT), 10) as sock, \
                contextlib.suppress(TlsError, OSError):
            openssl.connect_psk(sock, psk).recv(1)
        over.wait(_PAUSE_S)
    return visit


# The kernel's NFS client, and its servers.


def hold_mounts(count: int) -> Visit:
    """Servers that say nothing before all is over."""
    def visit(over: threading.Event) -> None:
        gate, mounts = held_mounts(count)
        over.wait()
        _let_in(gate, mounts)
    return visit


def kill_their_worker(count: int, agent: agents.Agent) -> Visit:
    """The same, and the worker that waits for these servers dies, again and
    again."""
    def visit(over: threading.Event) -> None:
        gate, mounts = held_mounts(count)
        while not over.is_set():
            for pid in _workers_at(agent, gate):
                os.kill(pid, signal.SIGKILL)
            over.wait(_PAUSE_S)
        _let_in(gate, mounts)
    return visit


def _let_in(gate: Gate, mounts: list[nfs.DirectMount]) -> None:
    gate.open()
    for mount in mounts:
        mount.finish(120)
        mount.unmount()


def _workers_at(agent: agents.Agent, gate: Gate) -> list[int]:
    return [pid for pid in agent.workers()
            if any(port in gate.ports for port in agents.remote_ports(pid))]


def mount_with_tickets() -> Visit:
    """Is served: tickets come behind the server's Finished."""
    server = Identity(machine.PKI / "server.pem", machine.PKI / "server.key")
    relay = TlsRelay(lambda sock: openssl.serve(sock, server, mutual=False))

    def visit(over: threading.Event) -> None:
        mount = nfs.DirectMount(nfs.MOUNT / "tickets", TlsRelay.PORT)
        mount.finish()
        mount.unmount()
        assert not relay.errors, relay.errors
        over.wait(_PAUSE_S)
    return visit


def unmount_in_handshake() -> Visit:
    """The client loses its connection, makes another, and is sent away by
    `umount -f` in the middle of that."""
    gate = Gate()
    (port,) = gate.ports

    def visit(over: threading.Event) -> None:
        gate.open()
        place = nfs.MOUNT / str(port)
        nfs.DirectMount(place, port, more="soft,timeo=100,retrans=1").finish()
        gate.close()
        held = gate.held()
        gate.cut()
        nfs.use_and_unmount(place, lambda: gate.held() > held)
        over.wait(_PAUSE_S)
    return visit


# The machine.


def forge_ready(family: genl.Family) -> Visit:
    """Announces requests that there are none of."""
    speaker = genl.open_socket()

    def visit(over: threading.Event) -> None:
        for _ in range(_READY_AT_ONCE):
            genl.forge_ready(speaker, family)
        over.wait(_PAUSE_S)
    return visit


def renew(files: LiveFiles, agent: agents.Agent) -> Visit:
    """The certificate that is in use, and says so by SIGHUP as well."""
    def visit(over: threading.Event) -> None:
        for name in ("server-renewed", "server"):
            files.replace(name)
            agent.reload()
            over.wait(2 * _PAUSE_S)
    return visit


def move_clock() -> Visit:
    """An hour ahead and back again."""
    def visit(over: threading.Event) -> None:
        for seconds in (_HOUR, -_HOUR):
            time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
            over.wait(_PAUSE_S)
    return visit
