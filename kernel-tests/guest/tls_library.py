"""What the TLS libraries of user space have in common."""

import pathlib
from typing import NamedTuple

from guest import machine


class TlsError(Exception):
    """A library's own words."""


class Identity(NamedTuple):
    """What an end shows, and whom it trusts; files in PEM."""

    certificate: pathlib.Path | None
    key: pathlib.Path | None
    trust: pathlib.Path = machine.PKI / "ca.pem"


class Psk(NamedTuple):
    identity: str
    secret: bytes


def identity(name: str | None) -> Identity:
    """A certificate of the test PKI, or none."""
    if name is None:
        return Identity(None, None)
    return Identity(machine.PKI / f"{name}.pem", machine.PKI / f"{name}.key")
