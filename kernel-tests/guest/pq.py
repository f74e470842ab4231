"""ML-DSA certificates, made in the guest: the host's openssl may have none."""

import pathlib
import subprocess

from guest import machine

_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def make(folder: pathlib.Path) -> None:
    """Fills it with `server` and `client`, ML-DSA throughout, and with what is
    theirs and the classic one's: `both-cas`, the authorities, and `both-crls`,
    which revoke nobody."""
    folder.mkdir(parents=True, exist_ok=True)
    _request(folder, "ca", "basicConstraints=critical,CA:TRUE",
             "keyUsage=critical,keyCertSign,cRLSign")
    for name, usage in (("server", "serverAuth"), ("client", "clientAuth")):
        _request(folder, name, "basicConstraints=critical,CA:FALSE",
                 "keyUsage=critical,digitalSignature",
                 f"extendedKeyUsage={usage}", _NAMES, issuer="ca")
    _list(folder)
    for name, both in (("ca", "both-cas"), ("crl", "both-crls")):
        (folder / f"{both}.pem").write_text(
            (folder / f"{name}.pem").read_text()
            + (machine.PKI / f"{name}.pem").read_text())


def _request(folder: pathlib.Path, name: str, *extensions: str,
             issuer: str = "") -> None:
    key = folder / f"{name}.key"
    _openssl("genpkey", "-algorithm", "ML-DSA-65", "-out", key)
    key.chmod(0o600)
    signer = ("-CA", folder / f"{issuer}.pem",
              "-CAkey", folder / f"{issuer}.key") if issuer else ()
    added = [word for text in extensions for word in ("-addext", text)]
    # Another configuration than none would add extensions of its own.
    _openssl("req", "-x509", "-new", "-config", "/dev/null", "-key", key,
             "-subj", f"/CN=pq {name}", "-days", "30", *signer, *added,
             "-out", folder / f"{name}.pem")


def _list(folder: pathlib.Path) -> None:
    """The authority's CRL, of nobody."""
    (folder / "index.txt").touch()
    settings = folder / "ca.cnf"
    settings.write_text(f"[ca]\ndefault_ca=pq\n[pq]\n"
                        f"database={folder}/index.txt\n"
                        "default_md=default\ndefault_crl_days=30\n")
    _openssl("ca", "-gencrl", "-config", settings, "-cert", folder / "ca.pem",
             "-keyfile", folder / "ca.key", "-out", folder / "crl.pem")


def _openssl(*arguments) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}"
