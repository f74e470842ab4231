#!/usr/bin/python3
"""Prints what a run of the case demo/nfs showed; exit 1 if it fell short.

usage: demo_summary.py OUT/ROOT
"""

import json
import pathlib
import sys

# Each mount of the demo, with the ends whose log lines are shown.
_MOUNTS = ("tls", "mtls")
_SIDES = {"client": "NFS client", "server": "nfsd"}
_COLUMN = 22


class Summary:
    def __init__(self, facts: dict):
        self._facts = facts
        self.complete = True

    def print(self) -> None:
        print(f"Linux {self._facts.get('kernel', '?')}")
        for security in _MOUNTS:
            print(f"\nMount with xprtsec={security}")
            self._data(security)
            for side, name in _SIDES.items():
                self._session(security, side, name)
            self._counters(security)
            self._marker(security, wanted=False)
        print("\nControl: the same mount without TLS (xprtsec=none)")
        self._marker("none", wanted=True)

    def _row(self, good: bool, what: str, value: str) -> None:
        self.complete &= good
        print(f"  {'ok ' if good else 'BAD'}  {what:{_COLUMN}} {value}")

    def _more(self, value: str) -> None:
        print(f"       {'':{_COLUMN}} {value}")

    def _data(self, security: str) -> None:
        good = self._facts.get(f"data_equal_{security}") is True
        self._row(good, "data", "written, read back, equal" if good
                  else "not shown to be equal")

    def _session(self, security: str, side: str, name: str) -> None:
        session = self._facts.get(f"session_{security}_{side}")
        if session is None:
            # Not every agent writes a line of fields; the counters stand.
            print(f"   -   {name:{_COLUMN}} (this agent's log does not say)")
            return
        self._row(True, name, f"peer {session['peer']}, "
                  + session.get("subject", "without a certificate"))
        self._more(f"{session['suite']}, {session['group']},")
        self._more(f"server signs with {session['scheme']}")
        if "client_scheme" in session:
            self._more(f"client signs with {session['client_scheme']}")

    def _counters(self, security: str) -> None:
        counters = self._facts.get(f"counters_{security}")
        for name in ("TlsTxSw", "TlsRxSw"):
            if counters is None:
                self._row(False, name, "not read")
                continue
            before, after = (counters[when][name]
                             for when in ("before", "after"))
            self._row(after > before, name, f"{before} -> {after}  "
                      "(/proc/net/tls_stat, both ends)")

    def _marker(self, security: str, *, wanted: bool) -> None:
        marker = self._facts.get(f"marker_{security}")
        if marker is None:
            self._row(False, "marker on the wire", "not looked for")
            return
        found = "found" if marker["seen"] else "absent"
        self._row(marker["seen"] is wanted, "marker on the wire",
                  f"{found} in {marker['captured_bytes']} captured bytes")


def main(root: str) -> int:
    folder = pathlib.Path(root) / "demo-nfs"
    try:
        result = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError) as error:
        print(f"no result: {error}")
        return 1
    summary = Summary(result["facts"])
    summary.print()
    passed = result["verdict"] == "passed"
    if not passed:
        print(f"\nThe case {result['verdict']}: {result['why']}")
    print(f"\nLogs and captures: {folder}")
    for path in sorted(folder.iterdir()):
        print(f"  {path.name}")
    return 0 if summary.complete and passed else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
