"""Revocation lists of the test PKI's authority."""

import os
import pathlib
import subprocess

from guest import machine

_CONFIG = """
[ca]
default_ca = this
[this]
database = {work}/index.txt
crlnumber = {work}/number
default_md = sha256
default_crl_days = 1
"""


class Lists:
    """A file of one list, replaced as renewals do it."""

    def __init__(self, folder: pathlib.Path):
        self._work = folder / "crl-work"
        self._work.mkdir(parents=True)
        (self._work / "index.txt").touch()
        (self._work / "number").write_text("01\n")
        (self._work / "ca.cnf").write_text(_CONFIG.format(work=self._work))
        self.path = folder / "crl.pem"
        self._publish()

    def revoke(self, name: str) -> None:
        self._ca("-revoke", machine.PKI / f"{name}.pem")
        self._publish()

    def _publish(self) -> None:
        new = self._work / "new.pem"
        self._ca("-gencrl", "-out", new)
        os.rename(new, self.path)

    def _ca(self, *arguments) -> None:
        done = subprocess.run(
            ["openssl", "ca", "-config", self._work / "ca.cnf",
             "-cert", machine.PKI / "ca.pem",
             "-keyfile", machine.PKI / "ca.key", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False)
        assert done.returncode == 0, f"openssl ca: {done.stderr}"
