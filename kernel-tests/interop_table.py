#!/usr/bin/python3
"""Prints what the cases interop/* of a run have shown, as one table.

  kernel-tests/run --case 'interop/*' --out DIR
  kernel-tests/interop_table.py DIR

A row is what was tried with which peer; a column is ktlsd's role in one root.
"""

import json
import pathlib
import sys

_ROLES = ("client", "server")


def read(run: pathlib.Path) -> dict[tuple[str, str], dict[str, str]]:
    """By (peer, what): the verdict of each column."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for result in sorted(run.glob("*/interop-*/result.json")):
        said = json.loads(result.read_text())
        fact = said["facts"].get("interop")
        if fact is None or "ktlsd" not in fact:
            continue
        root = result.parent.parent.name
        row = rows.setdefault((fact["peer"], fact["what"]), {})
        row[f"{root}, {fact['ktlsd']}"] = _verdict(said, fact)
    return rows


def _verdict(said: dict, fact: dict) -> str:
    if said["verdict"] == "passed":
        return fact.get("remark", "pass")
    return f"{said['verdict']}: {said['why'].splitlines()[0]}"


def table(rows: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    roots = sorted({name.partition(",")[0] for row in rows.values()
                    for name in row})
    columns = [f"{root}, {role}" for root in roots for role in _ROLES]
    lines = ["| peer | what | " + " | ".join(columns) + " |",
             "|---" * (2 + len(columns)) + "|"]
    for (peer, what), row in sorted(rows.items()):
        cells = [row.get(column, "–") for column in columns]
        lines.append(f"| {peer} | {what} | " + " | ".join(cells) + " |")
    return lines


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    print("\n".join(table(read(pathlib.Path(sys.argv[1])))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
