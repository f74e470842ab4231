"""The kernel's own test of kernel TLS, against what is known of the kernel."""

import os
import pathlib
import re

from cases import case
from guest import machine

_EXPECTED = pathlib.Path(__file__).with_suffix(".txt")
_OPTIONS = {"variant": "-V", "test": "-T"}


def expected(kernel: str, text: str) -> dict[str, list[str]]:
    """Names by what is known of them, for a version of the kernel."""
    known: dict[str, list[str]] = {"variant": [], "test": [], "fails": []}
    for line in text.splitlines():
        fields = line.partition("|")[0].partition("#")[0].split()
        if fields and (fields[0] == "*" or
                       f"{kernel}.".startswith(f"{fields[0]}.")):
            known[fields[1]] += fields[2:]
    return known


def results(output: str) -> dict[str, str]:
    """The verdict of each test by its name: ok, not ok or skip."""
    found = {}
    for verdict, name in re.findall(r"^(ok|not ok) \d+ (.+)$", output, re.M):
        name, _, directive = name.partition(" # ")
        found[name.strip()] = ("skip" if directive.startswith("SKIP")
                               else verdict)
    return found


@case("ktls/selftests", "the kernel's own test of kernel TLS",
      needs=(), beside=("selftests",), deadline_s=900, sanitizer=False)
def selftests(bed):
    place = machine.AGENT / "selftests"
    known = expected(os.uname().release, _EXPECTED.read_text())
    options = [word for what, option in _OPTIONS.items()
               for name in known[what] for word in (option, name)]
    ran = machine.run(str(place / "tls"), *options, check=False,
                      deadline_s=800)
    machine.write_out("selftests.log", ran.stdout + ran.stderr)
    seen = results(ran.stdout)
    planned = re.search(r"^1\.\.(\d+)$", ran.stdout, re.M)
    count = {v: list(seen.values()).count(v) for v in ("ok", "not ok", "skip")}
    version = (place / "version").read_text()
    bed.note(f"net/tls of Linux {version}: {count['ok']} passed, "
             f"{count['not ok']} failed, {count['skip']} skipped; "
             f"{len(known['fails'])} were to fail")
    bed.fact("selftests", {**count, "source": version})
    assert planned and int(planned[1]) == len(seen), \
        f"{len(seen)} results of {planned and planned[1]}"
    failed = {name for name, verdict in seen.items() if verdict == "not ok"}
    other = sorted(failed ^ set(known["fails"]))
    assert not other, f"not as recorded: {', '.join(other[:20])}"
