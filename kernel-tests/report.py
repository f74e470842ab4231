"""KTAP on stdout: a test for each bed, its cases as subtests; the table."""

import collections
import dataclasses
import pathlib
import sys

import matrix


@dataclasses.dataclass(frozen=True)
class Outcome:
    bed: str                # its name
    case: str
    turn: int               # counts from 1 where a case is repeated
    verdict: str            # passed, failed or skipped
    why: str
    notes: list[str]
    seconds: float          # boot and end of the guest included
    out: pathlib.Path
    facts: dict = dataclasses.field(default_factory=dict)
    trouble: bool = False   # its kernel or a sanitizer complained
    first_try: str = ""     # why this is the second one (stalls.py)


@dataclasses.dataclass(frozen=True)
class Column:
    """A bed as far as the report is concerned."""

    name: str
    title: str
    comments: list[str]     # about its kernel and what is left out
    planned: int
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    kernel: str = ""        # as uname -r says it


_INDENT = "  "
_LINES_IN_SHORT = 3


class Report:
    def __init__(self, columns: list[Column], comments: list[str],
                 turns: int = 1):
        self._columns = columns
        self._turns = turns
        self._begun = 0
        self._outcomes: list[Outcome] = []
        _print("KTAP version 1")
        _print(f"1..{len(columns)}")
        for text in comments:
            _comment("", text)
        self._begin_beds()

    @property
    def outcomes(self) -> list[Outcome]:
        return list(self._outcomes)

    def add(self, outcome: Outcome) -> None:
        """In the order of the columns."""
        self._outcomes.append(outcome)
        for note in outcome.notes:
            _comment(_INDENT, note)
        if outcome.first_try:
            _comment(_INDENT, "run again: " + outcome.first_try)
        if outcome.verdict == "failed":
            _comment(_INDENT, "FAILED: " + outcome.why)
            _comment(_INDENT, f"logs: {outcome.out}")
        _comment(_INDENT, f"time {outcome.seconds:.1f} s")
        number = len(self._of_bed(self._columns[self._begun - 1]))
        name = outcome.case
        if self._turns > 1:
            name += f" ({outcome.turn} of {self._turns})"
        skip = f" # SKIP {outcome.why}" if outcome.verdict == "skipped" else ""
        _print(f"{_INDENT}{_word(outcome)} {number} {name}{skip}")
        self._end_bed()

    def finish(self, out: pathlib.Path, seconds: float, machine: str) -> int:
        """Prints the summary, with what is to be said of the machine; returns
        the exit status."""
        for line in matrix.table(self._columns, self._outcomes):
            _comment("", line)
        for outcome in self._outcomes:
            if outcome.first_try:
                _comment("", f"run again: {outcome.bed}/{outcome.case}: "
                         f"{_in_short(outcome.first_try)}")
            if outcome.verdict == "failed":
                _comment("", f"failed: {outcome.bed}/{outcome.case}: "
                         f"{_in_short(outcome.why)}")
        _comment("", machine)
        _comment("", f"consoles and logs: {out}")
        _comment("", f"{len(self._outcomes)} cases in {seconds:.0f} s")
        counted = collections.Counter(o.verdict for o in self._outcomes)
        line = f"{counted['passed']} passed, {counted['failed']} failed"
        skipped = counted["skipped"]
        _print(line + (f", {skipped} skipped" if skipped else ""))
        if counted["failed"]:
            return 1
        # Of kselftest: nothing of it could run.
        return 4 if skipped and not counted["passed"] else 0

    def _of_bed(self, column: Column) -> list[Outcome]:
        return [o for o in self._outcomes if o.bed == column.name]

    def _begin_beds(self) -> None:
        """The next, and those before it that have nothing to run."""
        while self._begun < len(self._columns):
            column = self._columns[self._begun]
            self._begun += 1
            _print(f"{_INDENT}KTAP version 1")
            _print(f"{_INDENT}1..{column.planned}")
            for text in column.comments:
                _comment(_INDENT, text)
            if column.planned:
                return
            _print(f"ok {self._begun} {column.name} # SKIP no case for it")

    def _end_bed(self) -> None:
        column = self._columns[self._begun - 1]
        outcomes = self._of_bed(column)
        if len(outcomes) < column.planned:
            return
        verdicts = {o.verdict for o in outcomes}
        word = "not ok" if "failed" in verdicts else "ok"
        skip = " # SKIP every case" if verdicts == {"skipped"} else ""
        _print(f"{word} {self._begun} {column.name}{skip}")
        self._begin_beds()


def _in_short(why: str) -> str:
    """The last lines as one: of a traceback, what was raised."""
    return " | ".join(why.splitlines()[-_LINES_IN_SHORT:])


def _word(outcome: Outcome) -> str:
    return "not ok" if outcome.verdict == "failed" else "ok"


def _comment(indent: str, text: str) -> None:
    for line in text.splitlines():
        _print(f"{indent}# {line}".rstrip())


def _print(line: str) -> None:
    print(line)
    sys.stdout.flush()
