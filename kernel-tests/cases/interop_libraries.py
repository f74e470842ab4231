"""OpenSSL and GnuTLS in user space at the other end of the kernel's TLS."""

import secrets
import socket
import struct

from cases import case
from guest import gnutls, nfs, nvme, openssl, rpc
from guest.agents import Credentials
from guest.relay import TlsRelay
from guest.tls_library import Psk, identity

_LIBRARIES = {"openssl": openssl, "gnutls": gnutls}
# NVMe/TCP's first message and the target's answer to it; both 128 bytes.
_IC_REQUEST = struct.pack("<BBBBIHBBI112x", 0, 0, 128, 0, 128, 0, 0, 0, 0)
_IC_RESPONSE = 1


def _about(bed, library, role: str, what: str) -> None:
    """For the table; `role` is the agent's."""
    bed.fact("interop", {"what": what, bed.profile.name: role,
                         "peer": library.name()})


def _nfs_client(library):
    """Calls nfsd without and with a certificate; one more per kind of key."""
    def run(bed):
        _about(bed, library, "server", "NFS, server-only and mutual TLS")
        nfs.serve(("tls", "mtls"))
        for kind in ("", "-p384", "-rsa", "-ed25519"):
            bed.start_agent(server=Credentials(certificate=f"server{kind}"))
            for mine in (None, f"client{kind}"):
                _call(library, mine)
            assert bed.agent.stop() in bed.profile.ends_with
        bed.expect_statuses("server", [0] * 8)
        ids = [u.remote_auth for u in bed.upcalls.upcalls("server")]
        bed.note(f"{library.name()}: eight calls answered; peer ids {ids[:2]}")
        if bed.profile.name == "ktlsd":
            assert ids == [[], [-1]] * 4, ids
    return run


def _call(library, mine: str | None) -> None:
    sock = socket.create_connection(("127.0.0.1", nfs.PORT), 10)
    sock.sendall(rpc.ask_for_tls())
    assert b"STARTTLS" in rpc.receive_record(sock)
    session = library.connect(sock, identity(mine), "localhost")
    session.sendall(rpc.null_call())
    reply = rpc.receive_record(session)
    assert rpc.succeeded(reply), f"nfsd answered {reply.hex()}"
    session.close()


def _nfs_server(library):
    """The kernel's client against a server that ends TLS in user space."""
    def run(bed):
        _about(bed, library, "client", "NFS, server-only and mutual TLS")
        nfs.serve(("none",))
        bed.start_agent(client=Credentials(certificate="client"))
        mutual = [False]
        relay = TlsRelay(lambda sock: library.serve(sock, identity("server"),
                                                    mutual=mutual[0]))
        for security in ("tls", "mtls"):
            mutual[0] = security == "mtls"
            mounted = nfs.mount(security, port=TlsRelay.PORT)
            assert mounted.ok, f"{security}: {mounted.message} {relay.errors}"
            bed.check_data()
            nfs.unmount()
        bed.expect_statuses("client", [0, 0])
        bed.note(f"{library.name()}: server-only and mutual TLS")
    return run


def _key(hash_name: str, length: int) -> tuple[Psk, int]:
    nvme.load_modules()
    psk = Psk(nvme.identity(hash_name), secrets.token_bytes(length))
    return psk, nvme.add_key(psk.identity, psk.secret)


def _expect_response(bed, response: bytes, key: int) -> None:
    assert response[0] == _IC_RESPONSE, f"the target sent {response.hex()}"
    bed.expect_statuses("server", [0])
    ids = [u.remote_auth for u in bed.upcalls.upcalls("server")]
    assert ids == [[key]], f"peer ids {ids}, the key is {key}"


def _nvme_host(library):
    def run(bed):
        _about(bed, library, "server", "NVMe/TCP, PSK for SHA-256")
        psk, key = _key("01", 32)
        nvme.serve()
        bed.start_agent()
        sock = socket.create_connection(("127.0.0.1", nvme.PORT), 10)
        session = library.connect_psk(sock, psk)
        session.sendall(_IC_REQUEST)
        _expect_response(bed, rpc.receive(session, 128), key)
        session.close()
        bed.note(f"{library.name()}: the target answered over TLS")
    return run


def _nvme_target(library):
    """Only as far as the host's first message: the rest is no TLS."""
    def run(bed):
        _about(bed, library, "client", "NVMe/TCP, PSK for SHA-256")
        psk, key = _key("01", 32)
        listener = socket.create_server(("127.0.0.1", nvme.PORT))
        bed.start_agent()
        connecting = nvme.start_connect(tls_key=key)
        sock, _ = listener.accept()
        session = library.serve_psk(sock, psk)
        request = rpc.receive(session, 128)
        assert request[:8] == _IC_REQUEST[:8], request.hex()
        session.close()
        connecting.wait(30)
        bed.expect_statuses("client", [0])
        ids = [u.remote_auth for u in bed.upcalls.upcalls("client")]
        assert ids == [[key]], f"peer ids {ids}, the key is {key}"
        bed.note(f"{library.name()}: the host's first message came over TLS")
    return run


@case("interop/openssl-nvme-host-384",
      "OpenSSL asks nvmet with a PSK for SHA-384", modules=True)
def openssl_host_384(bed):
    _about(bed, openssl, "server", "NVMe/TCP, PSK for SHA-384")
    psk, key = _key("02", 48)
    nvme.serve()
    bed.start_agent()
    _expect_response(bed, openssl.ask_by_psk_sha384(
        nvme.PORT, psk, _IC_REQUEST, 128), key)
    bed.note(f"{openssl.name()}: the target answered over TLS")


def _register() -> None:
    for short, library in _LIBRARIES.items():
        name = {"openssl": "OpenSSL", "gnutls": "GnuTLS"}[short]
        case(f"interop/{short}-nfs-client",
             f"{name} calls nfsd, by four kinds of certificates")(
                 _nfs_client(library))
        case(f"interop/{short}-nfs-server",
             f"the kernel mounts from a server with {name}")(
                 _nfs_server(library))
        case(f"interop/{short}-nvme-host", f"{name} asks nvmet, with a PSK",
             modules=True)(_nvme_host(library))
        case(f"interop/{short}-nvme-target",
             f"the kernel's host asks a target with {name}, with a PSK",
             modules=True)(_nvme_target(library))


_register()
