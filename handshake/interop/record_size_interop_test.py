#!/usr/bin/python3
"""The size of records, negotiated with GnuTLS in both roles (RFC 8449).

  bazel test //handshake/interop:record_size_interop_test

GnuTLS, told by --recordsize, takes records of 512 bytes of content. Our flight
has a chain of RSA certificates, which is longer: no protected record of ours
may be longer than the limit, and GnuTLS refuses one that is. Without the
negotiation our records are longer, so the measure can fail.
"""

import argparse
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from cases import Case  # noqa: E402
from meeting import Failed, Meeting  # noqa: E402
from peers import Command, GnuTls  # noqa: E402
from pki import Pki  # noqa: E402

CONTENT = 512  # bytes; record_size_limit is one more, for the content type
CASE = Case("x25519", "TLS_AES_128_GCM_SHA256", "rsa", "mutual", "no")


class SmallRecords(GnuTls):
    def serve(self, *arguments) -> Command:
        return self._small(super().serve(*arguments))

    def connect(self, *arguments) -> Command:
        return self._small(super().connect(*arguments))

    @staticmethod
    def _small(command: Command) -> Command:
        command.arguments.append(f"--recordsize={CONTENT}")
        return command


def trial(driver: str, pki: Pki, role: str, switch: str,
          folder: pathlib.Path) -> str:
    """What is wrong when GnuTLS has `role`; empty when nothing is."""
    meeting = Meeting(driver, pki, SmallRecords(pki), CASE, folder)
    run = meeting.with_server if role == "server" else meeting.with_client
    try:
        report = run(**{"record-size-limit": switch})
        meeting.check("client" if role == "server" else "server", report)
    except Failed as error:
        return str(error)
    longest, limit = int(report["longest_record"]), int(report["send_limit"])
    print(f"| GnuTLS as {role}, negotiation {switch}: limit {limit} bytes of "
          f"content, longest record of ours {longest} with its type |")
    if switch == "on":
        good = limit == CONTENT and longest == CONTENT + 1
    else:
        good = limit == 0 and longest > CONTENT + 1
    return "" if good else f"limit {limit}, longest record {longest}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver", help="the program peer_driver")
    driver = str(pathlib.Path(parser.parse_args().driver).resolve())
    failures = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pki = Pki(folder)
        for role in ("server", "client"):
            for switch in ("on", "off"):
                wrong = trial(driver, pki, role, switch,
                              folder / f"{role}-{switch}")
                if wrong:
                    failures.append(f"GnuTLS {role} {switch}: {wrong}")
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
