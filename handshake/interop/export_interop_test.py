#!/usr/bin/python3
"""Exported keying material (RFC 8446 section 7.5), compared with OpenSSL's.

  bazel test //handshake/interop:export_interop_test

Programs of the C interface handshake with `openssl s_server` and `s_client`,
and both ends export by the same label: ktlsd_session_export and -keymatexport.
Each role, a suite of each hash, lengths on both sides of one block of the
hash. Another label must give something else, so equality means something.
"""

import argparse
import dataclasses
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from meeting import (DEADLINE, Failed, await_listener, free_port,  # noqa: E402
                     parse, pause, stop)
from peers import NAME  # noqa: E402
from pki import Pki  # noqa: E402

KIND = "ecdsa-p256"
SUITES = {"TLS_AES_128_GCM_SHA256": "1301", "TLS_AES_256_GCM_SHA384": "1302"}
LABELS = ("EXPORTER-ktlsd", "EXPORTER " + "x" * 60)
LENGTHS = (1, 32, 48, 100)


@dataclasses.dataclass(frozen=True)
class Trial:
    role: str  # OpenSSL's
    suite: str
    label: str
    length: int
    our_label: str = ""  # another one

    def __str__(self) -> str:
        other = f" against {self.our_label}" if self.our_label else ""
        return (f"OpenSSL {self.role}, {self.suite}, label of "
                f"{len(self.label)}, {self.length} bytes{other}")

    def common(self) -> list[str]:
        return ["-tls1_3", "-ciphersuites", self.suite, "-keymatexport",
                self.label, "-keymatexportlen", str(self.length)]

    def ours(self) -> list[str]:
        return [SUITES[self.suite], self.our_label or self.label,
                str(self.length)]


class Meeting:
    def __init__(self, driver: str, pki: Pki, trial: Trial,
                 folder: pathlib.Path):
        self.driver, self.pki, self.trial = driver, pki, trial
        folder.mkdir()
        self.output = folder / "output"

    def run(self) -> tuple[str, str]:
        """What we exported, and what OpenSSL did."""
        return (self._with_server() if self.trial.role == "server"
                else self._with_client())

    def _with_server(self) -> tuple[str, str]:
        for _ in range(3):  # another program may take the port first
            port = free_port()
            server = self._start([
                "openssl", "s_server", "-accept", f"127.0.0.1:{port}",
                "-cert", self.pki.end(KIND, "server"),
                "-key", self.pki.key(KIND, "server"),
                "-cert_chain", self.pki.intermediate(KIND)])
            try:
                if await_listener(server, port):
                    return self._compare(server, self._ours(
                        "client", str(port), self.pki.authorities, NAME))
            finally:
                stop(server)
        raise Failed("the peer's server does not listen\n" + self._said())

    def _with_client(self) -> tuple[str, str]:
        ours = self._ours("server", self.pki.chain(KIND, "server"),
                          self.pki.key(KIND, "server"))
        first = ours.stdout.readline().strip()
        client = self._start([
            "openssl", "s_client", "-connect",
            f"127.0.0.1:{first.removeprefix('port=')}", "-verify_return_error",
            "-CAfile", self.pki.authorities, "-verify_hostname", NAME])
        try:
            return self._compare(client, ours)
        finally:
            stop(client)

    def _compare(self, peer, ours) -> tuple[str, str]:
        """Reads both ends' material; the peer's end ends ours."""
        try:
            report = parse(ours.stdout.readline(), 0)
            if "exported" not in report:
                raise Failed(f"{report}\n{self._said()}")
            theirs = self._await_material(peer)
            stop(peer)
            if ours.wait(DEADLINE) != 0:  # sanitizers speak by it
                raise Failed(f"our driver ended with {ours.returncode}")
            return report["exported"], theirs
        finally:
            stop(ours)

    def _await_material(self, peer) -> str:
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            found = re.search(r"Keying material: ([0-9A-F]+)\n", self._said())
            if found:
                return found.group(1)
            pause(peer)
        raise Failed("the peer shows no keying material\n" + self._said())

    def _ours(self, *arguments) -> subprocess.Popen:
        return subprocess.Popen([self.driver, *arguments, *self.trial.ours()],
                                stdout=subprocess.PIPE, text=True)

    def _start(self, command: list) -> subprocess.Popen:
        with self.output.open("wb") as out:
            return subprocess.Popen([*command, *self.trial.common()],
                                    stdout=out, stderr=subprocess.STDOUT,
                                    stdin=subprocess.PIPE)

    def _said(self) -> str:
        return self.output.read_text(errors="replace")


def plan() -> list[Trial]:
    trials = []
    for role in ("server", "client"):
        for suite in SUITES:
            trials += [Trial(role, suite, label, length)
                       for label in LABELS for length in LENGTHS]
            trials.append(Trial(role, suite, LABELS[0], 32, "EXPORTER-ktlsx"))
    return trials


def judge(driver: str, pki: Pki, trial: Trial, folder: pathlib.Path) -> str:
    """What is wrong; empty when nothing is."""
    try:
        ours, theirs = Meeting(driver, pki, trial, folder).run()
    except Exception as error:  # whatever it is, the others still run
        return f"{type(error).__name__}: {error}"
    if len(ours) != 2 * trial.length or len(theirs) != len(ours):
        return f"not {trial.length} bytes: ours {ours}, theirs {theirs}"
    if (ours == theirs) == bool(trial.our_label):
        return f"ours {ours}, theirs {theirs}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver", help="the program export_driver")
    driver = str(pathlib.Path(parser.parse_args().driver).resolve())
    trials, failures = plan(), 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pki = Pki(folder)
        for number, trial in enumerate(trials):
            wrong = judge(driver, pki, trial, folder / str(number))
            if wrong:
                failures += 1
                print(f"FAILED {trial}: {wrong}")
    print(f"| exporter: {len(trials)} exports compared with OpenSSL's, "
          f"{failures} failed |")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
