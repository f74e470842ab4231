"""TLS by GnuTLS, the library of tlshd, without tlshd: through ctypes."""

import ctypes
import socket

from guest.tls_library import Identity, Psk, TlsError

_CLIENT, _SERVER = 2, 1                     # gnutls_init_flags_t
_CERTIFICATE, _PSK = 1, 4                   # gnutls_credentials_type_t
_PEM = 1                                    # gnutls_x509_crt_fmt_t
_RAW = 0                                    # gnutls_psk_key_flags
_REQUIRE = 2                                # gnutls_certificate_request_t
_NAME_DNS = 1                               # gnutls_server_name_type_t
_AGAIN, _INTERRUPTED = -28, -52
_ONLY_TLS13 = b"NORMAL:-VERS-ALL:+VERS-TLS1.3"
# A key for SHA-256 goes with a suite of that hash.
_ONLY_PSK = (b"NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-ALL:"
             b"+ECDHE-PSK:+DHE-PSK:+PSK")


class _Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_uint)]


_FindKey = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p,
                            ctypes.POINTER(_Datum))


def name() -> str:
    version = _lib().gnutls_check_version
    version.restype = ctypes.c_char_p
    return f"GnuTLS {version(None).decode()}"


def connect(sock: socket.socket, me: Identity, host: str) -> "_Session":
    """A client that trusts the test CA and wants `host`."""
    session = _Session(sock, _CLIENT)
    session.set_priority(_ONLY_TLS13)
    session.use_certificate(me)
    encoded = host.encode()
    session.call("gnutls_server_name_set", _NAME_DNS, encoded, len(encoded))
    # Does not keep a copy of the name.
    session.keep(encoded)
    _lib().gnutls_session_set_verify_cert(session.handle, encoded, 0)
    return session.shake_hands()


def serve(sock: socket.socket, me: Identity, *, mutual: bool,
          largest_record: int | None = None) -> "_Session":
    """A server; with `mutual` the client has to show a good certificate."""
    session = _Session(sock, _SERVER)
    session.set_priority(_ONLY_TLS13)
    if largest_record:
        session.call("gnutls_record_set_max_recv_size",
                     ctypes.c_size_t(largest_record))
    session.use_certificate(me)
    if mutual:
        _lib().gnutls_certificate_server_set_request(session.handle, _REQUIRE)
        _lib().gnutls_session_set_verify_cert(session.handle, None, 0)
    return session.shake_hands()


def connect_psk(sock: socket.socket, psk: Psk) -> "_Session":
    session = _Session(sock, _CLIENT)
    session.set_priority(_ONLY_PSK)
    credentials = ctypes.c_void_p()
    _check(_lib().gnutls_psk_allocate_client_credentials(
        ctypes.byref(credentials)))
    secret = ctypes.create_string_buffer(psk.secret, len(psk.secret))
    datum = _Datum(ctypes.addressof(secret), len(psk.secret))
    _check(_lib().gnutls_psk_set_client_credentials(
        credentials, psk.identity.encode(), ctypes.byref(datum), _RAW))
    session.call("gnutls_credentials_set", _PSK, credentials)
    return session.shake_hands()


def serve_psk(sock: socket.socket, psk: Psk) -> "_Session":
    session = _Session(sock, _SERVER)
    session.set_priority(_ONLY_PSK)

    @_FindKey
    def find(_session, identity, key):
        if identity != psk.identity.encode():
            return -1
        # GnuTLS frees it.
        ctypes.CDLL(None).malloc.restype = ctypes.c_void_p
        key[0].data = ctypes.CDLL(None).malloc(len(psk.secret))
        key[0].size = len(psk.secret)
        ctypes.memmove(key[0].data, psk.secret, len(psk.secret))
        return 0

    session.keep(find)
    credentials = ctypes.c_void_p()
    _check(_lib().gnutls_psk_allocate_server_credentials(
        ctypes.byref(credentials)))
    _lib().gnutls_psk_set_server_credentials_function(credentials, find)
    session.call("gnutls_credentials_set", _PSK, credentials)
    return session.shake_hands()


class _Session:
    """A connection, with the few methods of a socket that are needed."""

    def __init__(self, sock: socket.socket, flags: int):
        self.handle = ctypes.c_void_p()
        self._sock = sock
        self._kept: list = []
        self.received: list[int] = []  # sizes; each call gives one record's
        _check(_lib().gnutls_init(ctypes.byref(self.handle), flags))
        _lib().gnutls_transport_set_int2(self.handle, sock.fileno(),
                                         sock.fileno())

    def keep(self, thing) -> None:
        """For as long as the session lives."""
        self._kept.append(thing)

    def call(self, function: str, *arguments) -> None:
        _check(getattr(_lib(), function)(self.handle, *arguments))

    def set_priority(self, priority: bytes) -> None:
        self.call("gnutls_priority_set_direct", priority, None)

    def use_certificate(self, me: Identity) -> None:
        credentials = ctypes.c_void_p()
        _check(_lib().gnutls_certificate_allocate_credentials(
            ctypes.byref(credentials)))
        _check(_lib().gnutls_certificate_set_x509_trust_file(
            credentials, str(me.trust).encode(), _PEM))
        if me.certificate:
            _check(_lib().gnutls_certificate_set_x509_key_file(
                credentials, str(me.certificate).encode(),
                str(me.key).encode(), _PEM))
        self.call("gnutls_credentials_set", _CERTIFICATE, credentials)

    def shake_hands(self) -> "_Session":
        self._retry(lambda: _lib().gnutls_handshake(self.handle))
        return self

    def fileno(self) -> int:
        return self._sock.fileno()

    def pending(self) -> int:
        return _lib().gnutls_record_check_pending(self.handle)

    def recv(self, size: int) -> bytes:
        data = ctypes.create_string_buffer(size)
        got = self._retry(lambda: _lib().gnutls_record_recv(
            self.handle, data, ctypes.c_size_t(size)))
        self.received.append(got)
        return data.raw[:got]

    def sendall(self, data: bytes) -> None:
        while data:
            sent = self._retry(lambda: _lib().gnutls_record_send(
                self.handle, data, ctypes.c_size_t(len(data))))
            data = data[sent:]

    def close(self) -> None:
        _lib().gnutls_bye(self.handle, 1)  # without waiting for the peer's
        self._sock.close()

    @staticmethod
    def _retry(call) -> int:
        while True:
            result = call()
            if result not in (_AGAIN, _INTERRUPTED):
                return _check(result)


def _check(result: int) -> int:
    if result < 0:
        text = _lib().gnutls_strerror
        text.restype = ctypes.c_char_p
        raise TlsError(text(result).decode())
    return result


def _lib() -> ctypes.CDLL:
    library = ctypes.CDLL("libgnutls.so.30")
    library.gnutls_record_recv.restype = ctypes.c_ssize_t
    library.gnutls_record_send.restype = ctypes.c_ssize_t
    return library
