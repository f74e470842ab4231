"""Certificates for the interoperability tests, made by the openssl program.

For each kind of key: a root, an intermediate, a server and a client, all with
keys of that kind, so that the signatures in the chains vary too.
"""

import pathlib
import subprocess

from cases import ML_DSA, SCHEMES

KEY_OPTIONS = {
    "ecdsa-p256": "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    "ecdsa-p384": "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
    "rsa": "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    "rsa-pss": "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
    "ed25519": "-algorithm ED25519",
    "ecdsa-p521": "-algorithm EC -pkeyopt ec_paramgen_curve:P-521",
    "ed448": "-algorithm ED448",
    "mldsa44": "-algorithm ML-DSA-44",
    "mldsa65": "-algorithm ML-DSA-65",
    "mldsa87": "-algorithm ML-DSA-87",
}
# RFC 8446 section 4.2.3: the salt is as long as the digest.
SIGN_OPTIONS = {"rsa-pss": "-sigopt rsa_pss_saltlen:digest"}

AUTHORITY = ("basicConstraints=critical,CA:TRUE\n"
             "keyUsage=critical,keyCertSign,cRLSign\n")
END = ("keyUsage=critical,digitalSignature{more}\nextendedKeyUsage={role}Auth\n"
       "subjectAltName=DNS:{role}.example,IP:127.0.0.1\n")
# NSS wants it of every RSA server, though TLS 1.3 never uses it.
MORE_KEY_USAGE = {"rsa": ",keyEncipherment"}


def openssl_lists(what: str, name: str) -> bool:
    """Does `openssl list -what` have `name`?"""
    listed = subprocess.run(["openssl", "list", f"-{what}"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return name in listed


class Pki:
    """The files, by kind and role; `authorities` holds every root.

    `kinds` are those that the openssl program can make.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        ml_dsa = openssl_lists("signature-algorithms", "ML-DSA-65")
        self.kinds = [k for k in SCHEMES if ml_dsa or k not in ML_DSA]
        self.authorities = folder / "authorities.pem"
        self.stranger = folder / "stranger.pem"  # a root that signed nothing
        for kind in self.kinds:
            self._make_kind(kind)
        self.authorities.write_text("".join(
            self.root(kind).read_text() for kind in self.kinds))
        self._self_signed("ecdsa-p256", "stranger")

    def root(self, kind: str) -> pathlib.Path:
        return self.folder / f"{kind}-root.pem"

    def intermediate(self, kind: str) -> pathlib.Path:
        return self.folder / f"{kind}-intermediate.pem"

    def end(self, kind: str, role: str) -> pathlib.Path:
        return self.folder / f"{kind}-{role}.pem"

    def chain(self, kind: str, role: str) -> pathlib.Path:
        return self.folder / f"{kind}-{role}-chain.pem"

    def key(self, kind: str, role: str) -> pathlib.Path:
        return self.folder / f"{kind}-{role}.key"

    def _make_kind(self, kind: str) -> None:
        self._self_signed(kind, f"{kind}-root")
        self._issue(kind, "root", "intermediate", AUTHORITY)
        for role in ("server", "client"):
            self._issue(kind, "intermediate", role, END.format(
                role=role, more=MORE_KEY_USAGE.get(kind, "")))
            self.chain(kind, role).write_text(
                self.end(kind, role).read_text() +
                self.intermediate(kind).read_text())

    def _generate(self, kind: str, name: str) -> None:
        self._openssl(f"genpkey {KEY_OPTIONS[kind]} -out {name}.key")

    def _self_signed(self, kind: str, name: str) -> None:
        self._generate(kind, name)
        self._openssl(f"req -x509 -new -key {name}.key -days 30 "
                      f"-subj /CN={name} -out {name}.pem "
                      f"{SIGN_OPTIONS.get(kind, '')} "
                      "-addext keyUsage=critical,keyCertSign,cRLSign")

    def _issue(self, kind: str, issuer: str, name: str, text: str) -> None:
        name, issuer = f"{kind}-{name}", f"{kind}-{issuer}"
        (self.folder / "extensions").write_text(text)
        self._generate(kind, name)
        self._openssl(f"req -new -key {name}.key -subj /CN={name} "
                      f"-out {name}.csr")
        self._openssl(f"x509 -req -in {name}.csr -CA {issuer}.pem "
                      f"-CAkey {issuer}.key -days 30 -extfile extensions "
                      f"{SIGN_OPTIONS.get(kind, '')} -out {name}.pem")

    def _openssl(self, arguments: str) -> None:
        subprocess.run(["openssl", *arguments.split()], cwd=self.folder,
                       check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True)
