"""TLS by OpenSSL, through Python's ssl, and openssl(1) for what that lacks."""

import base64
import socket
import ssl
import subprocess

from guest import agents
from guest.tls_library import Identity, Psk, TlsError

_TLS13 = ssl.TLSVersion.TLSv1_3


def name() -> str:
    return " ".join(ssl.OPENSSL_VERSION.split()[:2])


def connect(sock: socket.socket, me: Identity, host: str) -> ssl.SSLSocket:
    """A client that trusts the test CA and wants `host`."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, me)
    return _wrap(context, sock, server_hostname=host)


def serve(sock: socket.socket, me: Identity, *, mutual: bool) -> ssl.SSLSocket:
    """A server; with `mutual` the client has to show a good certificate."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, me)
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
    return _wrap(context, sock, server_side=True)


def connect_psk(sock: socket.socket, psk: Psk) -> ssl.SSLSocket:
    """With a key for SHA-256: Python knows no other."""
    context = _psk_context(ssl.PROTOCOL_TLS_CLIENT)
    context.set_psk_client_callback(lambda _hint: (psk.identity, psk.secret))
    return _wrap(context, sock)


def serve_psk(sock: socket.socket, psk: Psk) -> ssl.SSLSocket:
    context = _psk_context(ssl.PROTOCOL_TLS_SERVER)
    context.set_psk_server_callback(
        lambda identity: psk.secret if identity == psk.identity else b"")
    # A ticket is a record that an NVMe host does not expect.
    context.num_tickets = 0
    return _wrap(context, sock, server_side=True)


def ask_by_psk_sha384(port: int, psk: Psk, question: bytes,
                      length: int) -> bytes:
    """s_client with a key for SHA-384: sends, and returns so many bytes."""
    session = agents.RUN / "psk-session.pem"
    session.write_text(_session_pem(psk.secret))
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet",
             "-tls1_3", "-psk_session", str(session), "-psk_identity",
             psk.identity], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) as child:
        child.stdin.write(question)
        child.stdin.flush()
        answer = child.stdout.read(length)
        child.kill()
        errors = child.stderr.read()
    if len(answer) < length:
        raise TlsError(errors.decode(errors="replace"))
    return answer


def _session_pem(secret: bytes) -> str:
    """An SSL_SESSION for a PSK: TLS 1.3, TLS_AES_256_GCM_SHA384, no id."""
    fields = (_der(2, b"\1") + _der(2, b"\x03\x04") + _der(4, b"\x13\x02")
              + _der(4, b"") + _der(4, secret))
    body = base64.encodebytes(_der(0x30, fields)).decode()
    label = "SSL SESSION PARAMETERS"
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def _der(tag: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes((tag, len(content))) + content


def _context(protocol: int, me: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = _TLS13
    context.load_verify_locations(me.trust)
    if me.certificate:
        context.load_cert_chain(me.certificate, me.key)
    return context


def _psk_context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = _TLS13
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _wrap(context: ssl.SSLContext, sock: socket.socket,
          **options) -> ssl.SSLSocket:
    try:
        return context.wrap_socket(sock, **options)
    except ssl.SSLError as error:
        raise TlsError(str(error)) from error
