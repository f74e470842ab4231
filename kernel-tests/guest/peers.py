"""Peers that misbehave: both ends of the step before TLS, and then nothing.

A client asks for TLS by an RPC NULL call with the flavor AUTH_TLS; the server
agrees with the eight bytes "STARTTLS" as verifier (RFC 9289 section 4.1).
"""

import socket
import struct
import threading

from guest import nfs, wait

_AUTH_NONE, _AUTH_TLS = 0, 7
_CALL, _REPLY = 0, 1
_NFS_PROGRAM, _NFS_VERSION = 100003, 4
_LAST_FRAGMENT = 1 << 31


def _record(body: bytes) -> bytes:
    return struct.pack(">I", _LAST_FRAGMENT | len(body)) + body


def _receive_record(sock: socket.socket) -> bytes:
    length = struct.unpack(">I", _receive(sock, 4))[0] & ~_LAST_FRAGMENT
    return _receive(sock, length)


def _receive(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise ConnectionError("the peer closed the connection")
        data += more
    return data


class SilentClient:
    """Asks nfsd for TLS, then never sends its ClientHello."""

    def __init__(self):
        self._socket = socket.create_connection(("127.0.0.1", nfs.PORT), 10)
        call = struct.pack(">10I", 1, _CALL, 2, _NFS_PROGRAM, _NFS_VERSION, 0,
                           _AUTH_TLS, 0, _AUTH_NONE, 0)
        self._socket.sendall(_record(call))
        assert b"STARTTLS" in _receive_record(self._socket), \
            "nfsd does not offer TLS"

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()


class StallingServer:
    """Agrees to TLS and then stays silent; later it passes through.

    The first `stalls` connections hang in the middle of a handshake for good;
    every further one is relayed to nfsd.
    """

    PORT = 2050

    def __init__(self, stalls: int = 1):
        self._stalls = stalls
        self._listener = socket.create_server(("127.0.0.1", self.PORT))
        self._got_hello = threading.Event()
        self._stalled: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for_hello(self) -> None:
        """Until the agent has sent its ClientHello."""
        if not self._got_hello.wait(10):
            raise wait.DeadlineExceeded("no ClientHello came")

    def stalled_connections(self) -> int:
        return len(self._stalled)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            stall = len(self._stalled) < self._stalls
            if stall:
                self._stalled.append(connection)
            work = self._stall if stall else self._relay
            threading.Thread(target=work, args=(connection,),
                             daemon=True).start()

    def _stall(self, connection: socket.socket) -> None:
        call = _receive_record(connection)
        xid = struct.unpack_from(">I", call)[0]
        accepted, success = 0, 0
        connection.sendall(_record(
            struct.pack(">5I", xid, _REPLY, accepted, _AUTH_NONE, 8)
            + b"STARTTLS" + struct.pack(">I", success)))
        connection.recv(1)
        self._got_hello.set()

    def _relay(self, connection: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", nfs.PORT))
        threading.Thread(target=_pump, args=(server, connection),
                         daemon=True).start()
        _pump(connection, server)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # either end is gone, and so is the relay
