#!/usr/bin/python3
"""Handshakes by external PSK with OpenSSL and GnuTLS, in both roles.

  bazel test //handshake/interop:psk_interop_test

As interop_test.py, but with PSKs instead of certificates: both hashes, each
suite of a hash, with and without HelloRetryRequest, several identities in one
ClientHello, and what must be refused. GnuTLS takes the first identity for the
only one. Its own programs have PSKs for SHA-256 only: with --library its library
(3.8.11 or newer) is the only peer, and has both hashes.
"""

import argparse
import base64
import ctypes
import dataclasses
import itertools
import os
import pathlib
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from cases import Case  # noqa: E402
from meeting import Failed, Meeting  # noqa: E402
from peers import OURS, Command, GnuTls, OpenSsl, Peer  # noqa: E402

IDENTITY = "NVMe0R{0} nqn.2014-08.org.nvmexpress:host nqn.2014-08:sub"
SUITES = {"sha256": ("TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256",
                     "TLS_AES_128_CCM_SHA256"),
          "sha384": ("TLS_AES_256_GCM_SHA384",)}


# s_client of OpenSSL 3.0 leaves its PSK session out of a second ClientHello: it
# compares the digest of the session by address with the one that is in use.
UNABLE = ("sha384", "client", "yes")


def der(tag: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes((tag, len(content))) + content


@dataclasses.dataclass(frozen=True)
class Psk:
    hash: str
    identity: str
    key: bytes

    @classmethod
    def nvme(cls, name: str, fill: str = "k") -> "Psk":
        digits, size = {"sha256": ("01", 32), "sha384": ("02", 48)}[name]
        return cls(name, IDENTITY.format(digits), fill.encode() * size)

    def option(self) -> str:
        return f"default:{self.key.hex()}:{self.identity}"

    def session(self, suite: str) -> str:
        """The PEM file of OpenSSL's -psk_session: an SSL_SESSION."""
        number = {"TLS_AES_256_GCM_SHA384": 0x1302}[suite]
        content = (der(2, b"\x01") + der(2, b"\x03\x04") +
                   der(4, number.to_bytes(2, "big")) + der(4, b"") +
                   der(4, self.key))
        label = "SSL SESSION PARAMETERS"
        return (f"-----BEGIN {label}-----\n"
                + base64.encodebytes(der(0x30, content)).decode()
                + f"-----END {label}-----\n")


class PskOpenSsl(OpenSsl):
    def _psk(self, case: Case, log: pathlib.Path) -> list[str]:
        psk = Psk.nvme(case.kind)
        common = ["-tls1_3", "-keylogfile", str(log), "-psk_identity",
                  psk.identity, "-ciphersuites", case.suite]
        if psk.hash == "sha256":
            return common + ["-psk", psk.key.hex()]
        file = log.with_name("session.pem")
        file.write_text(psk.session(case.suite))
        return common + ["-psk_session", str(file)]

    def serve(self, case: Case, port: int, log: pathlib.Path) -> Command:
        return Command(["openssl", "s_server", "-accept", f"127.0.0.1:{port}",
                        "-rev", "-nocert", "-groups", self.names[case.group],
                        *self._psk(case, log)], expect=OURS[::-1])

    def connect(self, case: Case, port: int, log: pathlib.Path) -> Command:
        groups = ":".join(self.names[g] for g in case.client_groups)
        return Command(["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                        "-groups", groups, *self._psk(case, log)])


class PskGnuTls(GnuTls):
    def _priority(self, groups: list[str]) -> str:
        return super()._priority(groups) + ":-KX-ALL:+ECDHE-PSK:+DHE-PSK"

    def serve(self, case: Case, port: int, log: pathlib.Path) -> Command:
        psk = Psk.nvme(case.kind)
        passwords = log.with_name("passwords")
        # Its names may be in hexadecimal, behind a "#".
        passwords.write_text(f"#{psk.identity.encode().hex()}:"
                             f"{psk.key.hex()}\n")
        return Command(["gnutls-serv", f"--port={port}", "--echo",
                        f"--pskpasswd={passwords}",
                        self._suites(case, [case.group])])

    def connect(self, case: Case, port: int, log: pathlib.Path) -> Command:
        psk = Psk.nvme(case.kind)
        return Command(["gnutls-cli", f"--port={port}", "127.0.0.1",
                        f"--pskusername={psk.identity}",
                        f"--pskkey={psk.key.hex()}", "--single-key-share",
                        self._suites(case, case.client_groups)])

    def _suites(self, case: Case, groups: list[str]) -> str:
        names = {"TLS_AES_128_GCM_SHA256": "AES-128-GCM",
                 "TLS_CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
                 "TLS_AES_128_CCM_SHA256": "AES-128-CCM",
                 "TLS_AES_256_GCM_SHA384": "AES-256-GCM"}
        return (self._priority(groups) + ":-CIPHER-ALL:+" +
                names[case.suite])


class PskGnuTlsLibrary(PskGnuTls):
    """The same by a program of ours over its library."""

    name = "GnuTLS library"

    def version(self) -> str:
        library = ctypes.CDLL("libgnutls.so.30")
        library.gnutls_check_version.restype = ctypes.c_char_p
        return library.gnutls_check_version(None).decode()

    def serve(self, case: Case, port: int, log: pathlib.Path) -> Command:
        return self._program("server", case, port, [case.group])

    def connect(self, case: Case, port: int, log: pathlib.Path) -> Command:
        return self._program("client", case, port, case.client_groups)

    def _program(self, role: str, case: Case, port: int,
                 groups: list[str]) -> Command:
        psk = Psk.nvme(case.kind)
        priority = self._suites(case, groups).removeprefix("--priority=")
        program = pathlib.Path(__file__).resolve().with_name(
            "gnutls_psk_peer.py")
        return Command([str(program), role, str(port), psk.identity,
                        psk.key.hex(), psk.hash, priority])


class PskMeeting(Meeting):
    """A meeting where our driver has `psks` and no certificates."""

    def __init__(self, driver: str, peer: Peer, case: Case,
                 folder: pathlib.Path, psks: list[Psk]):
        super().__init__(driver, None, peer, case, folder)
        self.psks = psks

    def _driver(self, role: str, options: dict) -> list[str]:
        drop = ("authorities", "certificate", "key", "client-auth", "name")
        arguments = super()._driver(role, options)
        return [a for a in arguments
                if a.removeprefix("--").split("=")[0] not in drop] + [
                    f"--psk={psk.option()}" for psk in self.psks]

    def check(self, role: str, report: dict[str, str]) -> None:
        wanted = {"outcome": "ok", "exit": "0", "suite": self.case.suite,
                  "group": self.case.group, "hello_retry": self.case.retry,
                  "our_scheme": "none", "peer_scheme": "none",
                  "psk": Psk.nvme(self.case.kind).identity}
        for name, value in wanted.items():
            if report.get(name) != value:
                raise Failed(f"{name} is {report.get(name)}, not {value}: "
                             f"{report}\n{self._said()}")
        self._check_secrets(report)


class NoPki:
    """PSK needs no certificates; peers only ask for its file names."""

    folder = authorities = pathlib.Path("/nonexistent")

    def chain(self, *_):
        return self.folder

    key = chain


@dataclasses.dataclass
class Trial:
    peer: Peer
    role: str  # the peer's
    case: Case
    psks: list[Psk]
    refusal: str = ""  # our label for it; empty: the handshake must succeed

    def title(self) -> str:
        what = f" {self.refusal}" if self.refusal else ""
        several = f" {len(self.psks)} identities" if len(self.psks) > 1 else ""
        return f"{self.peer.name} {self.role} {self.case}{several}{what}"

    def run(self, driver: str, folder: pathlib.Path) -> str:
        """What is wrong; empty when nothing is."""
        meeting = PskMeeting(driver, self.peer, self.case, folder, self.psks)
        meeting.pki = NoPki()
        server = self.role == "server"
        try:
            report = (meeting.with_server if server else meeting.with_client)()
            if not self.refusal:
                meeting.check("client" if server else "server", report)
            elif report.get("error") != self.refusal or report["exit"] != "1":
                return f"{report} instead of {self.refusal}"
        except Exception as error:  # whatever it is, the others still run
            return f"{type(error).__name__}: {error}"
        return ""


def plan(library: bool) -> list[Trial]:
    both = ("sha256", "sha384")
    if library:
        return successes(PskGnuTlsLibrary(NoPki()), both)
    openssl = PskOpenSsl(NoPki())
    return (successes(openssl, both) +
            successes(PskGnuTls(NoPki()), both[:1]) +
            several_identities(openssl) + refusals(openssl))


def successes(peer: Peer, hashes: tuple[str, ...]) -> list[Trial]:
    trials = []
    openssl = isinstance(peer, PskOpenSsl)
    for name, retry, role in itertools.product(hashes, ("no", "yes"),
                                               ("server", "client")):
        if openssl and (name, role, retry) == UNABLE:
            continue
        # OpenSSL's -psk knows one suite.
        for suite in SUITES[name][:1] if openssl else SUITES[name]:
            case = Case("secp256r1", suite, name, "psk", retry)
            trials.append(Trial(peer, role, case, [Psk.nvme(name)]))
    return trials


def several_identities(openssl: Peer) -> list[Trial]:
    """Three in one hello, of both hashes, the server's in each place."""
    strangers = [Psk("sha384", IDENTITY.format("02") + "0", b"s" * 48),
                 Psk("sha256", "stranger", b"s" * 20)]
    trials = []
    for name in ("sha256", "sha384"):
        for place in range(3):
            psks = strangers[:place] + [Psk.nvme(name)] + strangers[place:]
            for retry in ("no", "yes"):
                case = Case("secp256r1", SUITES[name][0], name, "psk", retry)
                trials.append(Trial(openssl, "server", case, psks))
    return trials


def refusals(openssl: Peer) -> list[Trial]:
    case = Case("x25519", SUITES["sha256"][0], "sha256", "psk", "no")
    right = Psk.nvme("sha256")
    longer = Psk("sha256", right.identity + "0", right.key)
    return [
        Trial(openssl, "client", case, [Psk.nvme("sha256", "x")],
              "bad_psk_binder"),
        Trial(openssl, "client", case, [longer], "unknown_psk_identity"),
        Trial(openssl, "server", case, [Psk.nvme("sha256", "x")],
              "alert_received"),
    ]


def write_xml(results: list[tuple[Trial, str]], path: str) -> None:
    suite = ElementTree.Element("testsuite", name="psk_interop",
                                tests=str(len(results)))
    for trial, failure in results:
        test = ElementTree.SubElement(suite, "testcase",
                                      classname="psk_interop",
                                      name=trial.title())
        if failure:
            ElementTree.SubElement(test, "failure", message=failure)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.ElementTree(root).write(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver", help="the program peer_driver")
    parser.add_argument("--library", action="store_true",
                        help="GnuTLS's library as the only peer")
    arguments = parser.parse_args()
    driver = str(pathlib.Path(arguments.driver).resolve())
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for number, trial in enumerate(plan(arguments.library)):
            where = pathlib.Path(folder) / str(number)
            results.append((trial, trial.run(driver, where)))
    for trial, failure in results:
        if failure:
            print(f"FAILED {trial.title()}: {failure}\n")
    if "XML_OUTPUT_FILE" in os.environ:
        write_xml(results, os.environ["XML_OUTPUT_FILE"])
    for peer in {trial.peer.name: trial.peer for trial, _ in results}.values():
        for role in ("server", "client"):
            mine = [failure for trial, failure in results
                    if trial.peer is peer and trial.role == role]
            print(f"| PSK: {peer.name} {peer.version()} as {role}: "
                  f"{mine.count('')}/{len(mine)} as they must be |")
    if not arguments.library:
        print("| n/a: SHA-384 and HelloRetryRequest with OpenSSL's client, "
              "which drops its PSK then |")
    return 1 if any(failure for _, failure in results) else 0


if __name__ == "__main__":
    sys.exit(main())
