#!/usr/bin/python3
"""ktlsctl handshake against OpenSSL's server.

  bazel test //tools/ktlsctl/local:handshake_interop_test

For a mount, something that speaks as much RPC as RFC 9289 wants stands before
openssl s_server: it answers the call for TLS and passes on what follows. The
answer to the call behind the handshake comes through s_server's own input.
"""

import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

KTLSCTL = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else None
IDENTITY = "NVMe0R01 nqn.2014-08.org.nvmexpress:host nqn.2014-08:sub"
KEY = "6b" * 32
REPLY = bytes.fromhex("80000020" "00000001" "00000001" "00000000" "00000000"
                      "00000008") + b"STARTTLS" + bytes(4)
CALL = 44  # bytes
# To the second call, over TLS: done.
DONE = bytes.fromhex("80000018" "00000002" "00000001" "00000000" "00000000"
                     "00000000" "00000000")


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_pki(folder: pathlib.Path) -> None:
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    # A client shows its certificate to a server that names its authority; the
    # other one has that name, too.
    for name in ("ca", "other"):
        openssl(*new, "-subj", "/CN=ca", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-keyout",
                str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem"))
    for name, purpose in (("server", "serverAuth"), ("client", "clientAuth")):
        openssl(*new, "-subj", f"/CN={name}", "-CA", str(folder / "ca.pem"),
                "-CAkey", str(folder / "ca.key"),
                "-addext", f"subjectAltName=DNS:{name}.example",
                "-addext", f"extendedKeyUsage={purpose}",
                "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", "keyUsage=critical,digitalSignature",
                "-keyout", str(folder / f"{name}.key"),
                "-out", str(folder / f"{name}.pem"))
        (folder / f"{name}.key").chmod(0o600)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two has gone


class Server:
    """openssl s_server for one connection, RPC's question before it or not."""

    def __init__(self, folder: pathlib.Path, *arguments: str,
                 rpc: bool = True) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}",
             "-naccept", "1", "-tls1_3", "-num_tickets", "0", *arguments],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        for line in self.process.stdout:
            if b"ACCEPT" in line:
                break
        self.rpc = rpc
        self.threads = [threading.Thread(target=self._answer)]
        if rpc:
            self.front = socket.create_server(("127.0.0.1", 0))
            self.behind, self.port = self.port, self.front.getsockname()[1]
            self.threads.append(threading.Thread(target=self._front))
        for thread in self.threads:
            thread.start()

    def _answer(self) -> None:
        # What the client sends is printed behind the session's description.
        for line in self.process.stdout:
            if self.rpc and b"CIPHER is" in line:
                self.process.stdin.write(DONE)
                self.process.stdin.flush()

    def _front(self) -> None:
        with self.front, self.front.accept()[0] as client:
            assert len(client.recv(CALL, socket.MSG_WAITALL)) == CALL
            client.sendall(REPLY)
            with socket.create_connection(("127.0.0.1", self.behind)) as server:
                back = threading.Thread(target=pump, args=(server, client))
                back.start()
                pump(client, server)
                back.join()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.process.stdin.close()


class HandshakeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.keep = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.keep.name)
        make_pki(cls.folder)
        side = f"[authenticate.client]\nx509.truststore={cls.folder}/ca.pem\n"
        (cls.folder / "plain").write_text(side)
        (cls.folder / "mutual").write_text(
            side + f"x509.certificate={cls.folder}/client.pem\n"
            f"x509.private_key={cls.folder}/client.key\n")
        (cls.folder / "psk").write_text(KEY)
        (cls.folder / "psk").chmod(0o600)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.keep.cleanup()

    def run_against(self, server: Server, config: str,
                    *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(KTLSCTL), "handshake", f"127.0.0.1:{server.port}", "--config",
             str(self.folder / config), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        return done.returncode, done.stdout

    def certificates(self, *more: str) -> list[str]:
        return ["-cert", "server.pem", "-key", "server.key", *more]

    def test_a_mount_with_tls(self) -> None:
        with Server(self.folder, *self.certificates("-alpn", "sunrpc")) as s:
            code, text = self.run_against(s, "plain", "--name",
                                          "server.example")
        self.assertEqual(code, 0, text)
        self.assertIn("rpc: the server offers TLS", text)
        self.assertRegex(text, r"tls: TLS_AES_\w+, \w+, the peer signed by "
                         r"ecdsa_secp256r1_sha256, sunrpc")
        self.assertIn("peer: CN=server, of CN=ca", text)
        self.assertIn("rpc: the server answers over TLS\nok\n", text)

    def test_a_mount_with_mtls(self) -> None:
        with Server(self.folder, *self.certificates(
                "-Verify", "2", "-CAfile", "ca.pem",
                "-verify_return_error")) as s:
            code, text = self.run_against(s, "mutual", "--name",
                                          "server.example")
        self.assertEqual(code, 0, text)
        self.assertIn(", we by ecdsa_secp256r1_sha256", text)

    def test_a_server_that_refuses_our_certificate(self) -> None:
        with Server(self.folder, *self.certificates(
                "-Verify", "2", "-CAfile", "other.pem",
                "-verify_return_error")) as s:
            code, text = self.run_against(s, "mutual", "--name",
                                          "server.example")
        self.assertEqual(code, 1, text)
        self.assertIn("behind the handshake", text)
        self.assertIn("the peer's alert: unknown_ca", text)

    def test_a_server_of_another_name(self) -> None:
        with Server(self.folder, *self.certificates()) as s:
            code, text = self.run_against(s, "plain", "--name", "other.example")
        self.assertEqual(code, 1, text)
        self.assertIn("(certificate_name_mismatch, fault: peer)", text)

    def test_a_server_with_nothing_in_common(self) -> None:
        with Server(self.folder, *self.certificates("-groups", "X448")) as s:
            code, text = self.run_against(s, "plain", "--name",
                                          "server.example")
        self.assertEqual(code, 1, text)
        self.assertIn("the peer's alert: handshake_failure", text)

    def test_an_nvme_target(self) -> None:
        with Server(self.folder, "-nocert", "-psk", KEY, "-psk_identity",
                    IDENTITY, rpc=False) as s:
            code, text = self.run_against(
                s, "plain", "--consumer", "nvme-host", "--psk-identity",
                IDENTITY, "--psk-file", str(self.folder / "psk"))
        self.assertEqual(code, 0, text)
        self.assertIn(f"by the key of {IDENTITY}\nok\n", text)

    def test_an_nvme_target_with_another_key(self) -> None:
        with Server(self.folder, "-nocert", "-psk", "77" * 32,
                    "-psk_identity", IDENTITY, rpc=False) as s:
            code, text = self.run_against(
                s, "plain", "--consumer", "nvme-host", "--psk-identity",
                IDENTITY, "--psk-file", str(self.folder / "psk"))
        self.assertEqual(code, 1, text)
        self.assertIn("(alert_received, fault: peer)", text)


if __name__ == "__main__":
    unittest.main()
