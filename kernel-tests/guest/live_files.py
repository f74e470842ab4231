"""Files that an agent reads, replaced while it runs."""

import os
import pathlib
import shutil

from guest import agents, machine
from guest.agents import Credentials


class LiveFiles:
    """A certificate and its key at one place, replaced as renewals do it."""

    def __init__(self, certificate: str):
        self.path = _place() / "live"
        self.replace(certificate)

    def replace(self, certificate: str) -> None:
        for kind in ("key", "pem"):
            _replace(machine.PKI / f"{certificate}.{kind}",
                     self.path.with_suffix(f".{kind}"))

    def spoil(self) -> None:
        self.path.with_suffix(".pem").write_text("not a certificate\n")

    @property
    def credentials(self) -> Credentials:
        return Credentials(certificate=str(self.path))


class LiveList:
    """A revocation list."""

    def __init__(self, name: str):
        self.path = _place() / "live-crl"
        self.replace(name)

    def replace(self, name: str) -> None:
        _replace(machine.PKI / f"{name}.pem", self.path.with_suffix(".pem"))


class LiveTrust:
    """A trust store with one authority."""

    def __init__(self, name: str):
        self.path = _place() / "live-trust.pem"
        self.replace(name)

    def replace(self, name: str) -> None:
        _replace(machine.PKI / f"{name}.pem", self.path)


def _place() -> pathlib.Path:
    agents.RUN.mkdir(parents=True, exist_ok=True)
    return agents.RUN


def _replace(source: pathlib.Path, target: pathlib.Path) -> None:
    new = _place() / "new"
    shutil.copy2(source, new)
    os.rename(new, target)
