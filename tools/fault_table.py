"""The table of tools/faults: docs/faults.md, and the tests that it names."""

import dataclasses
import fnmatch
import re


@dataclasses.dataclass(frozen=True)
class Reference:
    """A test: of a Bazel target, a kernel case or a case of BoGo."""
    kind: str  # "unit", "kernel" or "bogo"
    target: str  # of Bazel; "" for the others
    pattern: str  # Suite.Name, the case's name, or a glob

    def __str__(self) -> str:
        return f"{self.target or self.kind} {self.pattern}"


@dataclasses.dataclass
class Fault:
    number: int
    title: str
    tests: list[Reference] = dataclasses.field(default_factory=list)


def parse(text: str) -> tuple[list[Fault], list[str]]:
    """The faults, and complaints about what is not of the form."""
    faults: list[Fault] = []
    complaints = []
    for number, line in enumerate(text.splitlines(), 1):
        heading = re.match(r"## (\d+)\. (\S.*)", line)
        if heading:
            faults.append(Fault(int(heading[1]), heading[2]))
        elif line.startswith("- "):
            reference = _reference(line)
            if reference is None or not faults:
                complaints.append(f"line {number}: names no test")
            else:
                faults[-1].tests.append(reference)
    numbers = [fault.number for fault in faults]
    if numbers != list(range(1, len(faults) + 1)):
        complaints.append("the faults are not numbered one by one")
    complaints += [f"{fault.number}. {fault.title}: has no test"
                   for fault in faults if not fault.tests]
    return faults, complaints


def _reference(line: str) -> Reference | None:
    unit = re.fullmatch(r"- `(//[\w/]+:\w+) (\S+)`", line)
    if unit:
        return Reference("unit", unit[1], unit[2])
    other = re.fullmatch(r"- `(kernel|bogo) (\S+)`", line)
    return Reference(other[1], "", other[2]) if other else None


# One test as it ran: (target or "", name) and "passed", "failed", "skipped".
Results = dict[tuple[str, str], str]


def outcome(fault: Fault, results: Results) -> tuple[str, list[str]]:
    """A word for the fault, and what is to be said of single tests."""
    notes = []
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for test in fault.tests:
        found = [verdict for (target, name), verdict in results.items()
                 if target == test.target and
                 fnmatch.fnmatchcase(name, test.pattern)]
        for verdict in found:
            counts[verdict] += 1
        if not found:
            counts["failed"] += 1
            notes.append(f"did not run: {test}")
        elif set(found) != {"passed"}:
            worst = "failed" if "failed" in found else "skipped"
            notes.append(f"{worst}: {test}")
    word = "not ok" if counts["failed"] or not counts["passed"] else "ok"
    text = f"{counts['passed']} passed"
    for verdict in ("failed", "skipped"):
        if counts[verdict]:
            text += f", {counts[verdict]} {verdict}"
    return f"{word} {fault.number} {fault.title}: {text}", notes
