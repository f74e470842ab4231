"""The certificates of the cases, made anew for each run by openssl."""

import dataclasses
import datetime
import pathlib
import subprocess

_DAY = datetime.timedelta(days=1)
_SERVER_NAMES = ("DNS:localhost,DNS:server.example,DNS:server6.example,"
                 "IP:127.0.0.1,IP:::1")
# Of the end that is in a network namespace of its own, see guest/netns.py.
_FAR_NAMES = ("DNS:server.example,DNS:server6.example,"
              "IP:10.77.0.1,IP:fd77::1")
# As many as a Certificate message has room for.
_VERY_MANY_NAMES = ",".join(f"DNS:{n:04}" for n in range(10_000))


@dataclasses.dataclass(frozen=True)
class Leaf:
    name: str
    issuer: str = "ca"
    usage: str = "serverAuth"
    names: str = ""
    key: tuple[str, ...] = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    expired: bool = False
    revoked: bool = False   # in revoking-crl.pem; crl.pem has none


_RSA = ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
_P384 = ("EC", "-pkeyopt", "ec_paramgen_curve:P-384")
_ED25519 = ("ED25519",)

AUTHORITIES = ("ca", "other-ca")
LEAVES = (
    Leaf("server", names=_SERVER_NAMES),
    Leaf("server-renewed", names=_SERVER_NAMES),
    Leaf("server-p384", names=_SERVER_NAMES, key=_P384),
    Leaf("server-rsa", names=_SERVER_NAMES, key=_RSA),
    Leaf("server-ed25519", names=_SERVER_NAMES, key=_ED25519),
    Leaf("server-far", names=_FAR_NAMES),
    Leaf("server-far-p384", names=_FAR_NAMES, key=_P384),
    Leaf("server-far-rsa", names=_FAR_NAMES, key=_RSA),
    Leaf("server-far-ed25519", names=_FAR_NAMES, key=_ED25519),
    Leaf("server-far-expired", names=_FAR_NAMES, expired=True),
    Leaf("server-wrong-name", names="DNS:elsewhere.example,IP:192.0.2.1"),
    Leaf("server-no-address", names="DNS:localhost"),
    Leaf("server-expired", names=_SERVER_NAMES, expired=True),
    Leaf("server-wrong-purpose", names=_SERVER_NAMES, usage="clientAuth"),
    Leaf("client", usage="clientAuth", names="DNS:client.example"),
    Leaf("client-p384", usage="clientAuth", names="DNS:client.example",
         key=_P384),
    Leaf("client-rsa", usage="clientAuth", names="DNS:client.example",
         key=_RSA),
    Leaf("client-ed25519", usage="clientAuth", names="DNS:client.example",
         key=_ED25519),
    Leaf("client-expired", usage="clientAuth", names="DNS:client.example",
         expired=True),
    Leaf("client-other-ca", usage="clientAuth", names="DNS:client.example",
         issuer="other-ca"),
    Leaf("client-many-names", usage="clientAuth", names=_VERY_MANY_NAMES,
         expired=True),
    Leaf("client-revoked", usage="clientAuth", names="DNS:client.example",
         revoked=True),
)

_CA_CONFIG = """
[ca]
default_ca = this
[this]
database = {work}/index.txt
new_certs_dir = {work}
default_md = sha256
default_crl_days = 30
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""

_LEAF_EXTENSIONS = """
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = {usage}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def make(directory: pathlib.Path) -> None:
    """Fills `directory` with NAME.pem and NAME.key for all of the above."""
    work = directory / "work"
    work.mkdir(parents=True)
    (work / "index.txt").touch()
    (work / "ca.cnf").write_text(_CA_CONFIG.format(work=work))
    for name in AUTHORITIES:
        _make_authority(directory, name)
    for leaf in LEAVES:
        _make_leaf(directory, leaf)
    _make_list(directory, "crl")
    for leaf in LEAVES:
        if leaf.revoked:
            _ca(directory, "-revoke", directory / f"{leaf.name}.pem")
    _make_list(directory, "revoking-crl")


def _make_authority(directory: pathlib.Path, name: str) -> None:
    _make_key(directory / f"{name}.key", Leaf(name).key)
    _openssl("req", "-x509", "-new", "-config", directory / "work/ca.cnf",
             "-extensions", "authority", "-key", directory / f"{name}.key",
             "-subj", f"/CN=ktlsd test {name}", "-days", "30",
             "-out", directory / f"{name}.pem")


def _make_leaf(directory: pathlib.Path, leaf: Leaf) -> None:
    work = directory / "work"
    key = directory / f"{leaf.name}.key"
    request = work / f"{leaf.name}.csr"
    extensions = work / f"{leaf.name}.ext"
    _make_key(key, leaf.key)
    _openssl("req", "-new", "-config", work / "ca.cnf", "-key", key,
             "-subj", f"/CN={leaf.name}", "-out", request)
    extensions.write_text(_LEAF_EXTENSIONS.format(usage=leaf.usage,
                                                  names=leaf.names))
    start, end = _validity(leaf.expired)
    _openssl("ca", "-batch", "-notext", "-config", work / "ca.cnf",
             "-cert", directory / f"{leaf.issuer}.pem",
             "-keyfile", directory / f"{leaf.issuer}.key",
             "-extfile", extensions, "-startdate", start, "-enddate", end,
             "-in", request, "-out", directory / f"{leaf.name}.pem")


def _validity(expired: bool) -> tuple[str, str]:
    now = datetime.datetime.now(datetime.timezone.utc)
    end = now - _DAY if expired else now + 30 * _DAY
    return tuple(f"{t:%Y%m%d%H%M%S}Z" for t in (now - 10 * _DAY, end))


def _make_list(directory: pathlib.Path, name: str) -> None:
    """A revocation list of "ca" with those that are revoked by now."""
    _ca(directory, "-gencrl", "-out", directory / f"{name}.pem")


def _ca(directory: pathlib.Path, *arguments) -> None:
    _openssl("ca", "-config", directory / "work/ca.cnf",
             "-cert", directory / "ca.pem", "-keyfile", directory / "ca.key",
             *arguments)


def _make_key(path: pathlib.Path, kind: tuple[str, ...]) -> None:
    _openssl("genpkey", "-algorithm", *kind, "-out", path)
    path.chmod(0o600)


def _openssl(*arguments) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr}")
