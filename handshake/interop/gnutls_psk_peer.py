#!/usr/bin/python3
"""A server or client of GnuTLS with a PSK for the hash that is asked for.

  gnutls_psk_peer.py server|client PORT IDENTITY HEXKEY sha256|sha384 PRIORITY

GnuTLS has PSKs for SHA-384 since 3.8.11, but its own programs do not: hence
the library itself. The server echoes what it receives; the client sends a line
of its standard input and prints what it receives. Needs a GnuTLS that has
gnutls_psk_allocate_client_credentials2.
"""

import ctypes
import socket
import sys
import tempfile

SERVER, CLIENT = 1, 2           # gnutls_init_flags_t
ONE_KEY_SHARE = 1 << 11         # the same: GNUTLS_KEY_SHARE_TOP
CREDENTIALS_PSK = 4             # gnutls_credentials_type_t
KEY_RAW = 0                     # gnutls_psk_key_flags
MACS = {"sha256": 6, "sha384": 7}  # gnutls_mac_algorithm_t
SHUT_WR = 1                     # gnutls_close_request_t


class Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_uint)]


class Failed(Exception):
    """What the library said."""


class GnuTls:
    """The functions that are used, with their errors raised."""

    def __init__(self):
        self.library = ctypes.CDLL("libgnutls.so.30")
        self.library.gnutls_strerror.restype = ctypes.c_char_p

    def call(self, name: str, *arguments) -> int:
        result = getattr(self.library, name)(*arguments)
        if result < 0:
            text = self.library.gnutls_strerror(result).decode()
            raise Failed(f"{name}: {text}")
        return result


def credentials(gnutls: GnuTls, role: str, identity: bytes, key: bytes,
                mac: int):
    made = ctypes.c_void_p()
    gnutls.call(f"gnutls_psk_allocate_{role}_credentials2",
                ctypes.byref(made), mac)
    if role == "client":
        gnutls.call("gnutls_psk_set_client_credentials2", made,
                    ctypes.byref(Datum(identity, len(identity))),
                    ctypes.byref(Datum(key, len(key))), KEY_RAW)
        return made
    # Read when the first client comes: it lives as long as this program.
    with tempfile.NamedTemporaryFile("w", delete=False) as passwords:
        passwords.write(f"#{identity.hex()}:{key.hex()}\n")
    gnutls.call("gnutls_psk_set_server_credentials_file", made,
                passwords.name.encode())
    return made


def handshake(gnutls: GnuTls, role: str, connection: socket.socket,
              credential, priority: bytes):
    session = ctypes.c_void_p()
    gnutls.call("gnutls_init", ctypes.byref(session),
                SERVER if role == "server" else CLIENT | ONE_KEY_SHARE)
    gnutls.call("gnutls_priority_set_direct", session, priority, None)
    gnutls.call("gnutls_credentials_set", session, CREDENTIALS_PSK, credential)
    gnutls.library.gnutls_transport_set_int2(session, connection.fileno(),
                                             connection.fileno())
    gnutls.call("gnutls_handshake", session)
    return session


def receive(gnutls: GnuTls, session) -> bytes:
    buffer = ctypes.create_string_buffer(4096)
    size = gnutls.call("gnutls_record_recv", session, buffer,
                       ctypes.c_size_t(len(buffer)))
    return buffer.raw[:size]


def send(gnutls: GnuTls, session, data: bytes) -> None:
    gnutls.call("gnutls_record_send", session, data,
                ctypes.c_size_t(len(data)))


def serve(gnutls: GnuTls, port: int, credential, priority: bytes) -> None:
    with socket.create_server(("127.0.0.1", port)) as listener:
        connection = listener.accept()[0]
    with connection:
        session = handshake(gnutls, "server", connection, credential, priority)
        while data := receive(gnutls, session):
            send(gnutls, session, data)


def connect(gnutls: GnuTls, port: int, credential, priority: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        session = handshake(gnutls, "client", connection, credential, priority)
        send(gnutls, session, sys.stdin.buffer.readline())
        while data := receive(gnutls, session):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        gnutls.call("gnutls_bye", session, SHUT_WR)


def main() -> int:
    role, port, identity, key, mac, priority = sys.argv[1:]
    gnutls = GnuTls()
    credential = credentials(gnutls, role, identity.encode(),
                             bytes.fromhex(key), MACS[mac])
    run = serve if role == "server" else connect
    try:
        run(gnutls, int(port), credential, priority.encode())
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
