"""The table of tools/mutate: rows that each remove one check.

A row of tools/mutations/*.toml:

  name    what is removed, unique: area/check
  file    the source, from the top of the tree
  tests   Bazel targets; one of them must go red
  and one of
    never      a condition, which is false from now on; what it does besides
               it still does
    always     a condition, which is true from now on; the same
    drop       a whole statement, which is not executed any more; but of
               RETURN_IF_ERROR(call) the call still is, and its error ignored
    statement  a whole statement, and in `instead` what takes its place
    text       any text, and in `instead` what takes its place
  after   optional: the text is the first one behind this one
  compiles = false   where the type system is the test: it must not compile

What is replaced must be there exactly once (or, with `after`, that must): a
row cannot outlive the check that it is about.
"""

import dataclasses
import pathlib
import tomllib

KINDS = ("never", "always", "drop", "statement", "text")


class TableError(Exception):
    """What is wrong with the table, one complaint a line."""


@dataclasses.dataclass
class Mutation:
    name: str
    file: str
    tests: list[str]
    kind: str
    old: str
    instead: str = ""
    after: str = ""
    compiles: bool = True

    @property
    def switchable(self) -> bool:
        """Whether it can stand behind a condition at run time."""
        return self.kind != "text"

    def replacement(self) -> str:
        """What stands in place of `old` when the row is built alone."""
        if self.kind == "never":
            return f"(({self.old}) && false)"
        if self.kind == "always":
            return f"(({self.old}) || true)"
        if self.kind == "drop":
            return self.dropped()
        return self.instead

    def switch(self) -> str:
        """What stands there when the row is chosen at run time."""
        on = f'KtlsdMutant("{self.name}")'
        if self.kind == "never":
            return f"(({self.old}) && !{on})"
        if self.kind == "always":
            return f"(({self.old}) || {on})"
        instead = self.dropped() if self.kind == "drop" else self.instead
        return f"if ({on}) {{ {instead} }} else {{ {self.old} }}"

    def dropped(self) -> str:
        start, end = "RETURN_IF_ERROR(", ");"
        if self.old.startswith(start) and self.old.endswith(end):
            inner = self.old[len(start):-len(end)]
            return f"static_cast<void>({inner});"
        return ";"


def parse(row: dict, where: str) -> Mutation:
    kinds = [kind for kind in KINDS if kind in row]
    known = {"name", "file", "tests", "instead", "after", "compiles", *KINDS}
    unknown = set(row) - known
    name = row.get("name", "(a row without a name)")
    if len(kinds) != 1 or unknown or not {"name", "file", "tests"} <= set(row):
        raise TableError(f"{where}: {name}: not one of {', '.join(KINDS)}, or "
                         f"an unknown field {sorted(unknown)}")
    kind = kinds[0]
    if ("instead" in row) != (kind in ("statement", "text")):
        raise TableError(f"{where}: {name}: `instead` does not fit")
    if not row["tests"]:
        raise TableError(f"{where}: {name}: no test")
    old = row[kind].strip("\n")
    return Mutation(name, row["file"], row["tests"], kind,
                    old if kind == "text" else old.strip(),
                    row.get("instead", "").strip("\n"),
                    row.get("after", ""), row.get("compiles", True))


def load(folder: pathlib.Path) -> list[Mutation]:
    """All rows, by file and then in the order of the file."""
    rows: list[Mutation] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise TableError(f"{path.name}: {error}") from error
        rows += [parse(row, path.name) for row in table.get("row", [])]
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TableError(f"two rows have the name {twice[0]}")
    return rows


def find(row: Mutation, text: str) -> int:
    """Where in `text` the row's old text begins."""
    unique = row.after or row.old
    count = text.count(unique)
    if count != 1:
        raise TableError(f"{row.name}: {count} times in {row.file}: {unique}")
    at = text.find(row.old, text.find(unique))
    if at < 0:
        raise TableError(f"{row.name}: not in {row.file}: {row.old}")
    return at


def source(root: pathlib.Path, row: Mutation) -> str:
    try:
        return (root / row.file).read_text(encoding="utf-8")
    except OSError as error:
        raise TableError(f"{row.name}: {error}") from error


def mutated(root: pathlib.Path, row: Mutation) -> str:
    """The row's file without the check."""
    text = source(root, row)
    at = find(row, text)
    return text[:at] + row.replacement() + text[at + len(row.old):]


def switched(root: pathlib.Path, rows: list[Mutation]) -> dict[str, str]:
    """The files of `rows` with a switch at each check."""
    files: dict[str, str] = {}
    for name in sorted({row.file for row in rows}):
        mine = [row for row in rows if row.file == name]
        text = source(root, mine[0])
        places = sorted(((find(row, text), row) for row in mine),
                        key=lambda place: place[0], reverse=True)
        end = len(text)
        for at, row in places:
            if at + len(row.old) > end:
                raise TableError(f"{row.name}: overlaps the row behind it")
            end = at
            text = text[:at] + row.switch() + text[at + len(row.old):]
        files[name] = text
    return files


def check(root: pathlib.Path, rows: list[Mutation]) -> None:
    """Every row's text is where it should be; complains about all others."""
    wrong = []
    for row in rows:
        try:
            mutated(root, row)
        except TableError as error:
            wrong.append(str(error))
        for test in row.tests:
            package, _, name = test[2:].partition(":")
            build = root / package / "BUILD"
            if not test.startswith("//") or not name or not build.exists():
                wrong.append(f"{row.name}: no such test: {test}")
    try:
        switched(root, [row for row in rows if row.switchable])
    except TableError as error:
        wrong.append(str(error))
    if wrong:
        raise TableError("\n".join(dict.fromkeys(wrong)))
