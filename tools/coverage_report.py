"""Reads an lcov report and the reasons for uncovered lines (tools/coverage)."""

import dataclasses
import re


NEAR = 3  # lines before a run that a reason may name it by


@dataclasses.dataclass
class File:
    lines: dict[int, int] = dataclasses.field(default_factory=dict)
    branches: int = 0
    branches_taken: int = 0


@dataclasses.dataclass
class Run:
    """Neighbouring lines of one file that no test reaches."""
    file: str
    first: int
    texts: list[str]

    def __str__(self) -> str:
        shown = "".join(f"\n    {self.first + i}: {text}"
                        for i, text in enumerate(self.texts) if text.strip())
        return f"{self.file}:{self.first}{shown}"


@dataclasses.dataclass
class Reason:
    file: str
    text: str
    reason: str


def is_own(name: str) -> bool:
    """Whether it is a source of handshake/ or ktls/ that programs use."""
    return name.startswith(("handshake/", "ktls/")) and not re.search(
        r"/(testing|interop|bogo|fuzz|compile_fail|examples)/"
        r"|_(test|fuzz|bench|must_not_compile)\.cc$", name)


def parse(report: str) -> dict[str, File]:
    files: dict[str, File] = {}
    current = File()
    for row in report.splitlines():
        tag, _, rest = row.partition(":")
        if tag == "SF":
            current = files.setdefault(rest, File())
        elif tag == "DA":
            number, count = rest.split(",")[:2]
            current.lines[int(number)] = int(count)
        elif tag == "BRDA":
            current.branches += 1
            current.branches_taken += rest.split(",")[3] not in ("-", "0")
    return files


def table(files: dict[str, File]) -> list[str]:
    """A line for each file, and one for each folder at the end."""
    rows = [f"{'file':44} {'lines':>11} {'':>6} {'branches':>11} {'':>6}"]
    total: dict[str, list[int]] = {}
    for name, file in sorted(files.items()):
        numbers = [sum(1 for count in file.lines.values() if count),
                   len(file.lines), file.branches_taken, file.branches]
        rows.append(table_row(name, numbers))
        folder = total.setdefault(name.split("/")[0] + "/", [0] * 4)
        for i, number in enumerate(numbers):
            folder[i] += number
    return rows + [table_row(name, sums) for name, sums in total.items()]


def table_row(name: str, numbers: list[int]) -> str:
    def share(part: int, whole: int) -> str:
        return f"{100 * part / whole:5.1f}%" if whole else "     -"
    lines, all_lines, branches, all_branches = numbers
    return (f"{name:44} {lines:5}/{all_lines:5} {share(lines, all_lines)} "
            f"{branches:5}/{all_branches:5} {share(branches, all_branches)}")


def uncovered(files: dict[str, File], texts: dict[str, list[str]]) -> list[Run]:
    """Runs of unreached lines; what has no code does not end a run."""
    runs = []
    for name, file in sorted(files.items()):
        run: list[int] = []
        for number in [*sorted(file.lines), None]:
            if number is not None and file.lines[number] == 0:
                run.append(number)
                continue
            if run:
                found = texts.get(name, [])[run[0] - 1:run[-1]]
                # gcov counts what only an exception runs at closing braces.
                if set("".join(found).split()) != {"}"}:
                    runs.append(Run(name, run[0], found))
            run = []
    return runs


def parse_reasons(text: str) -> tuple[list[Reason], list[str]]:
    """`file | text of a line | reason` on each line, and complaints."""
    reasons, complaints = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        parts = [part.strip() for part in line.split(" | ")]
        if len(parts) != 3 or not all(parts):
            complaints.append(f"uncovered.txt:{number}: not three fields")
        else:
            reasons.append(Reason(*parts))
    return reasons, complaints


def places(reason: Reason, texts: dict[str, list[str]]) -> list[int]:
    """The numbers of the lines that the reason's text is in."""
    return [number for number, line in enumerate(texts.get(reason.file, []), 1)
            if reason.text in line]


def judge(runs: list[Run], reasons: list[Reason], texts: dict[str, list[str]]
          ) -> tuple[list[tuple[Run, str]], list[Run], list[str]]:
    """Runs with a reason, runs without, and complaints about reasons.

    A reason names one line of its file: of a run, or of the NEAR lines before
    it. A text that is there twice would excuse a place that nobody looked at.
    """
    found: dict[tuple[str, int], str] = {}
    complaints = []
    for reason in reasons:
        lines = places(reason, texts)
        fits = [run for run in runs if run.file == reason.file and
                run.first - NEAR <= (lines or [0])[0] < run.first + len(run.texts)]
        if len(lines) > 1:
            complaints.append(f"uncovered.txt: in {len(lines)} lines of the "
                              f"file: {reason.file} | {reason.text}")
        elif not lines or not fits:
            complaints.append("uncovered.txt: reached, or gone: "
                              f"{reason.file} | {reason.text}")
        else:
            found[reason.file, fits[0].first] = reason.reason
    reasoned = [(run, found[run.file, run.first]) for run in runs
                if (run.file, run.first) in found]
    open_runs = [run for run in runs if (run.file, run.first) not in found]
    return reasoned, open_runs, complaints


def missing(files: dict[str, File], sources: list[str]) -> list[str]:
    """Own sources with functions in them that are in no test."""
    return [f"{name}: is in no test" for name in sources
            if is_own(name) and name not in files]
