"""The table at the end of a run, and the same as JSON for other tools."""

import json
import pathlib
import string


def table(columns, outcomes) -> list[str]:
    """A row for each case, a column for each bed; then what the marks mean."""
    cases = list(dict.fromkeys(
        [o.case for o in outcomes] +
        [case for column in columns for case in column.left_out]))
    if not cases:
        return []
    marks = _Marks()
    rows = [["case", *(column.title for column in columns)]]
    rows += [[case, *(_cell(column, case, outcomes, marks)
                      for column in columns)] for case in sorted(cases)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths))
             for row in rows]
    rule = "  ".join("-" * width for width in widths)
    return [lines[0], rule, *lines[1:], rule,
            _row("time", columns, outcomes, widths), *marks.lines()]


def _row(name: str, columns, outcomes, widths: list[int]) -> str:
    times = [sum(o.seconds for o in outcomes if o.bed == column.name)
             for column in columns]
    cells = [name, *(f"{seconds:.0f} s" for seconds in times)]
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths))


def _cell(column, case: str, outcomes, marks: "_Marks") -> str:
    if case in column.left_out:
        return "- " + marks.of(column.left_out[case])
    mine = [o for o in outcomes if (o.bed, o.case) == (column.name, case)]
    if not mine:
        return ""
    failed = sum(o.verdict == "failed" for o in mine)
    skipped = [o for o in mine if o.verdict == "skipped"]
    if failed:
        return "FAIL" if len(mine) == 1 else f"FAIL {failed}/{len(mine)}"
    if skipped:
        return "skip " + marks.of(skipped[0].why)
    again = " (2nd)" if any(o.first_try for o in mine) else ""
    return ("pass" if len(mine) == 1 else f"pass {len(mine)}") + again


class _Marks:
    """A letter for each reason."""

    def __init__(self):
        self._marks: dict[str, str] = {}

    def of(self, reason: str) -> str:
        number = len(self._marks)
        letters = string.ascii_lowercase
        mark = letters[number % 26] * (number // 26 + 1)
        return self._marks.setdefault(reason, mark)

    def lines(self) -> list[str]:
        return [f"{mark}: {(reason.splitlines() or [''])[0]}"
                for reason, mark in self._marks.items()]


def save(path: pathlib.Path, agents: list[str], columns, outcomes,
         seconds: float) -> None:
    path.write_text(json.dumps({
        "agents": agents,
        "seconds": round(seconds, 1),
        "beds": [{"name": c.name, "title": c.title, "kernel": c.kernel,
                  "about": c.comments,
                  "left_out": c.left_out} for c in columns],
        "results": [{"bed": o.bed, "case": o.case, "turn": o.turn,
                     "verdict": o.verdict, "why": o.why,
                     "first_try": o.first_try, "notes": o.notes,
                     "seconds": round(o.seconds, 2), "facts": o.facts,
                     "logs": str(o.out)} for o in outcomes],
    }, indent=1) + "\n")
