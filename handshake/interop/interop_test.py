#!/usr/bin/python3
"""Handshakes of ours with OpenSSL, GnuTLS and NSS, in both roles.

  bazel test //handshake/interop:interop_test
  bazel run //handshake/interop:interop_test -- --pairs --peer=NSS

Each handshake goes over the loopback device; then a line of application data
goes in both directions, and our application traffic secrets are compared with
the peer's key log. Every combination of the common values runs, about 1400
handshakes in two minutes, and so many of the rare ones that each two values of
two parameters meet; with --pairs only those.
Prints a table.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import cases  # noqa: E402
from meeting import Failed, Meeting  # noqa: E402
from peers import PEERS, Peer  # noqa: E402
from pki import Pki  # noqa: E402
from table import print_table  # noqa: E402

# One handshake that must fail in each row and each way: our label for it.
REFUSALS = {"wrong authority": ("authorities", "certificate_unknown_issuer"),
            "wrong name": ("name", "certificate_name_mismatch")}


@dataclasses.dataclass
class Result:
    peer: Peer
    role: str  # the peer's
    case: cases.Case
    refusal: str  # a key of REFUSALS, or ""
    failure: str  # empty: passed
    seconds: float

    def title(self) -> str:
        what = f" {self.refusal}" if self.refusal else ""
        return f"{self.peer.name} {self.role} {self.case}{what}"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver", help="the program peer_driver")
    parser.add_argument("--pairs", action="store_true",
                        help="fewer combinations, about 100 handshakes")
    parser.add_argument("--defaults", action="store_true",
                        help="only those with the groups left to both sides")
    parser.add_argument("--peer", choices=[p.name for p in PEERS],
                        help="only this one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def plan(peer: Peer, arguments: argparse.Namespace
         ) -> list[tuple[Peer, str, cases.Case, str]]:
    by_default = [(peer, role, case, "") for role in ("server", "client")
                  for case in defaults(peer)]
    if arguments.defaults:
        return by_default
    chosen = cases.covering_pairs(peer.unable)
    if not arguments.pairs:
        common = cases.full_product({*peer.unable, *cases.RARE})
        chosen = list(dict.fromkeys(common + chosen))
    planned = [(peer, role, case, "") for role in ("server", "client")
               for case in chosen]
    mutual = cases.Case("x25519", cases.SUITES[0], "ecdsa-p256", "mutual", "no")
    planned += by_default
    planned += [(peer, role, mutual, "wrong authority")
                for role in ("server", "client")]
    return planned + [(peer, "server", mutual, "wrong name")]


def defaults(peer: Peer) -> list[cases.Case]:
    """Neither side is told which groups to use: the best must come out.

    And of our two certificates, the better that the peer can verify.
    """
    if peer.best_group is None:
        return []
    return [cases.Case(cases.DEFAULT, cases.SUITES[1], kind, auth, "no")
            for kind, auth in ((peer.dual_kinds[0], "mutual"),
                               (peer.dual_kinds[0], cases.DUAL),
                               (peer.dual_kinds[1], cases.DUAL))]


def meet(driver: str, pki: Pki, folder: pathlib.Path, peer: Peer, role: str,
         case: cases.Case, refusal: str) -> Result:
    begin = time.monotonic()
    meeting = Meeting(driver, pki, peer, case, folder)
    run = meeting.with_server if role == "server" else meeting.with_client
    failure = ""
    try:
        if refusal:
            option, label = REFUSALS[refusal]
            wrong = {"authorities": pki.stranger, "name": "other.example"}
            report = run(**{option: wrong[option]})
            if (report.get("error"), report["exit"]) != (label, "1"):
                raise Failed(f"{report} instead of {label}")
        else:
            ours = "client" if role == "server" else "server"
            meeting.check(ours, run())
    except Exception as error:  # whatever it is, the others still run
        failure = f"{type(error).__name__}: {error}"
    return Result(peer, role, case, refusal, failure,
                  time.monotonic() - begin)


def run_all(arguments: argparse.Namespace, folder: pathlib.Path):
    pki = Pki(folder)
    peers = [kind(pki) for kind in chosen_peers(arguments)]
    planned = [entry for peer in peers for entry in plan(peer, arguments)]
    driver = str(pathlib.Path(arguments.driver).resolve())
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(meet, driver, pki, folder / str(i), *entry)
                   for i, entry in enumerate(planned)]
        return peers, [future.result() for future in futures]


def write_xml(results: list[Result], path: str) -> None:
    """A test case for each handshake, where Bazel looks for them."""
    suite = ElementTree.Element("testsuite", name="interop",
                                tests=str(len(results)))
    for result in results:
        test = ElementTree.SubElement(
            suite, "testcase", classname="interop", name=result.title(),
            time=f"{result.seconds:.3f}")
        if result.failure:
            ElementTree.SubElement(test, "failure", message=result.failure)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.ElementTree(root).write(path)


def chosen_peers(arguments: argparse.Namespace) -> list[type[Peer]]:
    return [peer for peer in PEERS if arguments.peer in (None, peer.name)]


def missing_programs(peers: list[type[Peer]]) -> list[str]:
    wanted = {program for peer in peers for program in peer.programs}
    return sorted(p for p in wanted | {"openssl"} if shutil.which(p) is None)


def main() -> int:
    arguments = parse_arguments()
    missing = missing_programs(chosen_peers(arguments))
    if missing:
        print(f"not installed: {', '.join(missing)}: run tools/setup")
        return 1
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        peers, results = run_all(arguments, pathlib.Path(folder))
    for result in results:
        if result.failure:
            print(f"FAILED {result.title()}: {result.failure}\n")
    if "XML_OUTPUT_FILE" in os.environ:
        write_xml(results, os.environ["XML_OUTPUT_FILE"])
    print_table(peers, results)
    print(f"{time.monotonic() - begin:.0f} seconds")
    return 1 if any(result.failure for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
