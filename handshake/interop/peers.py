"""The other implementations: their versions, limits and command lines."""

import ctypes
import dataclasses
import pathlib
import re
import subprocess

from cases import DEFAULT, DUAL, HYBRIDS, ML_DSA, SCHEMES, Case
from pki import Pki, openssl_lists

NAME = "server.example"  # in every server's certificate
OURS = "hello from ktlsd"
THEIRS = "hello from the peer"


@dataclasses.dataclass
class Command:
    arguments: list[str]
    # As a server: what our client sends, and what must come back.
    send: str = OURS
    expect: str = OURS


class Peer:
    """One implementation, with a server and a client program."""

    name = ""
    programs: tuple[str, ...] = ()
    # Values of a case that it cannot do, and why.
    unable: dict[str, str] = {}
    # Why its traffic secrets cannot be seen; None when they can.
    no_key_log: str | None = None
    # What it and we agree on when neither is told which groups to use; None
    # where that is not tried.
    best_group: str | None = None
    # Of our two certificates, the kinds, best first.
    dual_kinds: tuple[str, str] = ("ed25519", "ecdsa-p256")

    def __init__(self, pki: Pki):
        self.pki = pki

    def version(self) -> str:
        raise NotImplementedError

    def serve(self, case: Case, port: int, log: pathlib.Path) -> Command:
        raise NotImplementedError

    def connect(self, case: Case, port: int, log: pathlib.Path) -> Command:
        raise NotImplementedError


def first_match(pattern: str, command: list[str]) -> str:
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True,
                            stderr=subprocess.STDOUT, text=True).stdout
    found = re.search(pattern, output)
    return found.group(1) if found else "(unknown version)"


class OpenSsl(Peer):
    name = "OpenSSL"
    programs = ("openssl",)
    names = {"x25519": "X25519", "secp256r1": "P-256", "secp384r1": "P-384",
             "secp521r1": "P-521", **{group: group for group in HYBRIDS}}

    def __init__(self, pki: Pki):
        super().__init__(pki)
        self.best_group = "x25519"
        self.unable = {}
        lacks = f"OpenSSL {self.version()} has no"
        if openssl_lists("kem-algorithms", "ML-KEM-768"):
            self.best_group = "X25519MLKEM768"
        else:
            self.unable |= dict.fromkeys(HYBRIDS, f"{lacks} ML-KEM")
        if openssl_lists("signature-algorithms", "ML-DSA-65"):
            self.dual_kinds = ("mldsa65", "ecdsa-p256")
        else:
            self.unable |= dict.fromkeys(ML_DSA, f"{lacks} ML-DSA")

    def version(self) -> str:
        return first_match(r"OpenSSL (\S+)", ["openssl", "version"])

    def _credential(self, kind: str, role: str) -> list[str]:
        return ["-cert", str(self.pki.end(kind, role)),
                "-key", str(self.pki.key(kind, role)),
                "-cert_chain", str(self.pki.intermediate(kind))]

    def _common(self, case: Case, log: pathlib.Path) -> list[str]:
        return ["-tls1_3", "-keylogfile", str(log), "-verify_return_error",
                # CCM is not among its defaults.
                "-ciphersuites", case.suite, *self._schemes(case),
                "-CAfile", str(self.pki.authorities)]

    def _schemes(self, case: Case) -> list[str]:
        """To a peer that verifies both, we must show the better one."""
        old = case.auth == DUAL and case.kind == self.dual_kinds[1]
        return ["-sigalgs", SCHEMES[case.kind]] if old else []

    def _groups(self, groups: list[str]) -> list[str]:
        return ([] if DEFAULT in groups else
                ["-groups", ":".join(self.names[g] for g in groups)])

    def serve(self, case: Case, port: int, log: pathlib.Path) -> Command:
        return Command(["openssl", "s_server", "-accept", f"127.0.0.1:{port}",
                        "-rev", *self._groups([case.group]),
                        *self._credential(case.kind, "server"),
                        *(["-Verify", "5"] if case.mutual else []),
                        *self._common(case, log)], expect=OURS[::-1])

    def connect(self, case: Case, port: int, log: pathlib.Path) -> Command:
        return Command(["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                        "-servername", NAME, "-verify_hostname", NAME,
                        *self._groups(case.client_groups),
                        *(self._credential(case.kind, "client")
                          if case.mutual else []), *self._common(case, log)])


NOT_ASKED = dict.fromkeys(
    (*HYBRIDS, *ML_DSA), "post-quantum groups and keys: with OpenSSL alone")


class GnuTls(Peer):
    name = "GnuTLS"
    unable = NOT_ASKED
    programs = ("gnutls-serv", "gnutls-cli")
    names = {"x25519": "X25519", "secp256r1": "SECP256R1",
             "secp384r1": "SECP384R1", "secp521r1": "SECP521R1"}

    def version(self) -> str:
        return first_match(r"gnutls-cli (\S+)", ["gnutls-cli", "--version"])

    def _priority(self, groups: list[str]) -> str:
        chosen = "".join(f":+GROUP-{self.names[g]}" for g in groups)
        return ("--priority=NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL" + chosen)

    def _credential(self, kind: str, role: str) -> list[str]:
        return [f"--x509certfile={self.pki.chain(kind, role)}",
                f"--x509keyfile={self.pki.key(kind, role)}"]

    def serve(self, case: Case, port: int, log: pathlib.Path) -> Command:
        auth = (["--require-client-cert", "--verify-client-cert"]
                if case.mutual else ["--disable-client-cert"])
        return Command(["gnutls-serv", f"--port={port}", "--echo", *auth,
                        f"--x509cafile={self.pki.authorities}",
                        *self._credential(case.kind, "server"),
                        self._priority([case.group])])

    def connect(self, case: Case, port: int, log: pathlib.Path) -> Command:
        return Command(["gnutls-cli", f"--port={port}", "127.0.0.1",
                        f"--x509cafile={self.pki.authorities}",
                        f"--sni-hostname={NAME}", f"--verify-hostname={NAME}",
                        "--single-key-share",
                        *(self._credential(case.kind, "client")
                          if case.mutual else []),
                        self._priority(case.client_groups)])


class Nss(Peer):
    name = "NSS"
    programs = ("selfserv", "tstclnt", "certutil", "pk12util")
    names = {"x25519": "x25519", "secp256r1": "P256", "secp384r1": "P384",
             "secp521r1": "P521"}
    unable = {"ed25519": "NSS cannot import an Ed25519 key, and its programs "
                         "know no such signature scheme",
              "ed448": "NSS has no Ed448",
              "TLS_AES_128_CCM_SHA256": "NSS has no CCM suite of TLS 1.3",
              **NOT_ASKED}
    # rsa_pss_pss is off by default.
    schemes = ",".join((
        "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384",
        "ecdsa_secp521r1_sha512",
        *(f"rsa_pss_{kind}_sha{size}" for kind in ("rsae", "pss")
          for size in (256, 384, 512)), "rsa_pkcs1_sha256"))

    def __init__(self, pki: Pki):
        super().__init__(pki)
        self.no_key_log = self._why_no_key_log()
        for role in ("server", "client"):
            self._make_database(role)

    def version(self) -> str:
        library = ctypes.CDLL("libnss3.so")
        library.NSS_GetVersion.restype = ctypes.c_char_p
        return library.NSS_GetVersion().decode()

    @staticmethod
    def _why_no_key_log() -> str | None:
        ctypes.CDLL("libssl3.so")
        maps = pathlib.Path("/proc/self/maps").read_text()
        library = re.search(r"\S*/libssl3\.so", maps).group(0)
        if b"SSLKEYLOGFILE" in pathlib.Path(library).read_bytes():
            return None
        return ("Debian's NSS is built without NSS_ALLOW_SSLKEYLOGFILE and "
                "writes no key log; data in both directions shows that the "
                "keys are the same")

    def _database(self, role: str) -> str:
        return f"sql:{self.pki.folder}/nss-{role}"

    def _make_database(self, role: str) -> None:
        where = self._database(role)
        (self.pki.folder / f"nss-{role}").mkdir()
        self._run("certutil", "-N", "-d", where, "--empty-password")
        for kind in (k for k in SCHEMES if k not in self.unable):
            for name, trust in ((self.pki.root(kind), "CT,C,C"),
                                (self.pki.intermediate(kind), ",,")):
                self._run("certutil", "-A", "-d", where, "-n", name.stem,
                          "-t", trust, "-i", str(name))
            bundle = str(self.pki.folder / f"{kind}-{role}.p12")
            self._run("openssl", "pkcs12", "-export", "-passout", "pass:",
                      "-inkey", str(self.pki.key(kind, role)),
                      "-in", str(self.pki.end(kind, role)),
                      "-name", f"{kind}-{role}", "-out", bundle)
            self._run("pk12util", "-i", bundle, "-d", where, "-W", "")

    @staticmethod
    def _run(*command: str) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def _common(self, groups: list[str]) -> list[str]:
        return ["-V", "tls1.3:tls1.3", "-J", self.schemes,
                "-I", ",".join(self.names[g] for g in groups)]

    def serve(self, case: Case, port: int, log: pathlib.Path) -> Command:
        return Command(["selfserv", "-p", str(port), "-d",
                        self._database("server"), "-n", f"{case.kind}-server",
                        *(["-r", "-r"] if case.mutual else []),
                        *self._common([case.group])],
                       send="GET / HTTP/1.0\r\n\r", expect="200 OK")

    def connect(self, case: Case, port: int, log: pathlib.Path) -> Command:
        return Command(["tstclnt", "-h", "127.0.0.1", "-p", str(port), "-d",
                        self._database("client"), "-a", NAME,
                        *(["-n", f"{case.kind}-client"]
                          if case.mutual else []),
                        *self._common(case.client_groups)])


PEERS = (OpenSsl, GnuTls, Nss)
