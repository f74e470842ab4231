"""ONC RPC by hand: the step before TLS, and a call that does nothing.

A client asks for TLS by an RPC NULL call with the flavor AUTH_TLS; the server
agrees with the eight bytes "STARTTLS" as verifier (RFC 9289 section 4.1).
"""

import socket
import struct

_AUTH_NONE, _AUTH_TLS = 0, 7
_CALL, _REPLY = 0, 1
_NFS_PROGRAM, _NFS_VERSION = 100003, 4
_LAST_FRAGMENT = 1 << 31


def record(body: bytes) -> bytes:
    return struct.pack(">I", _LAST_FRAGMENT | len(body)) + body


def receive_record(sock) -> bytes:
    length = struct.unpack(">I", receive(sock, 4))[0] & ~_LAST_FRAGMENT
    return receive(sock, length)


def receive(sock, length: int) -> bytes:
    """Just so many bytes of anything that has recv()."""
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise ConnectionError("the peer closed the connection")
        data += more
    return data


def null_call(flavor: int = _AUTH_NONE) -> bytes:
    return record(struct.pack(">10I", 1, _CALL, 2, _NFS_PROGRAM, _NFS_VERSION,
                              0, flavor, 0, _AUTH_NONE, 0))


def ask_for_tls() -> bytes:
    return null_call(_AUTH_TLS)


def succeeded(reply: bytes) -> bool:
    """Whether a call was accepted and carried out: two zeros say so."""
    _, kind, accepted, _, length = struct.unpack_from(">5I", reply)
    (state,) = struct.unpack_from(">I", reply, 20 + length)
    return (kind, accepted, state) == (_REPLY, 0, 0)


def agree_to_tls(connection: socket.socket) -> bytes:
    """What a server does; returns what the client asked with."""
    call = receive_record(connection)
    xid = struct.unpack_from(">I", call)[0]
    accepted, success = 0, 0
    connection.sendall(record(
        struct.pack(">5I", xid, _REPLY, accepted, _AUTH_NONE, 8)
        + b"STARTTLS" + struct.pack(">I", success)))
    return call
