"""KTAP on stdout, then a summary for people."""

import dataclasses
import pathlib
import sys


@dataclasses.dataclass(frozen=True)
class Outcome:
    name: str
    verdict: str            # passed, failed or skipped
    why: str
    notes: list[str]
    seconds: float
    out: pathlib.Path


class Report:
    def __init__(self, planned: int):
        self._outcomes: list[Outcome] = []
        _print("KTAP version 1")
        _print(f"1..{planned}")

    def comment(self, text: str) -> None:
        for line in text.splitlines():
            _print(f"# {line}")

    def add(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        for note in outcome.notes:
            self.comment(note)
        if outcome.verdict == "failed":
            self.comment("FAILED: " + outcome.why)
            self.comment(f"logs: {outcome.out}")
        number = len(self._outcomes)
        word = "not ok" if outcome.verdict == "failed" else "ok"
        skip = f" # SKIP {outcome.why}" if outcome.verdict == "skipped" else ""
        self.comment(f"time {outcome.seconds:.1f} s")
        _print(f"{word} {number} {outcome.name}{skip}")

    def finish(self, out: pathlib.Path, seconds: float) -> bool:
        """Prints the summary; returns whether nothing failed."""
        failed = self._count("failed")
        for outcome in self._outcomes:
            if outcome.verdict == "failed":
                self.comment(f"failed: {outcome.name}")
        self.comment(f"consoles and logs: {out}")
        self.comment(f"{len(self._outcomes)} cases in {seconds:.0f} s")
        line = f"{self._count('passed')} passed, {failed} failed"
        skipped = self._count("skipped")
        _print(line + (f", {skipped} skipped" if skipped else ""))
        return failed == 0

    def _count(self, verdict: str) -> int:
        return sum(o.verdict == verdict for o in self._outcomes)


def _print(line: str) -> None:
    print(line)
    sys.stdout.flush()
