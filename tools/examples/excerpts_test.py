#!/usr/bin/python3
"""Whatever C docs/embedding.md shows is in the example programs, which are
compiled and run; every name of the library that it and the manual page use is
in the header; and README.md calls the programs as they want to be called.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
HEADERS = ("handshake/c/ktlsd.h", "handshake/c/ktlsd_codes.h")


def stripped(text: str) -> list[str]:
    """The lines, without indentation and empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def contains(program: list[str], excerpt: list[str]) -> bool:
    return any(program[i:i + len(excerpt)] == excerpt
               for i in range(len(program) - len(excerpt) + 1))


def unknown_names(document: str, header: str) -> list[str]:
    names = set(re.findall(r"\b(?:ktlsd|KTLSD)_\w*[A-Za-z0-9]\b", document))
    known = set(re.findall(r"\w+", header))
    return [f"not in the headers: {name}"
            for name in sorted(names - known - {"ktlsd_codes"})
            if not any(k.startswith(name + "_") for k in known)]


def unknown_usages(readme: str, sources: dict[str, str]) -> list[str]:
    """What the top of a program says of its call, but the README does not."""
    usages = {name: re.search(r"^ \*   (\S.*)$", text, re.M)
              for name, text in sources.items()
              if re.search(r"^int main\(", text, re.M)
              and not name.endswith("_test.c")}
    found = [f"{name}: no usage at its top"
             for name, usage in usages.items() if usage is None]
    found += [f"not in README.md: {usage[1]}" for usage in usages.values()
              if usage is not None and f"\n    {usage[1]}\n" not in readme]
    return found if len(usages) >= 3 else found + ["not all the programs"]


def problems(document: str, programs: dict[str, list[str]],
             header: str) -> list[str]:
    found = []
    blocks = [stripped(b) for b in
              re.findall(r"^```c\n(.*?)^```$", document, re.M | re.S)]
    if len(blocks) < 5 or not all(blocks):
        found.append(f"{len(blocks)} blocks of C, or an empty one")
    for block in blocks:
        if not any(contains(p, block) for p in programs.values()):
            found.append("in no example: " + block[0] + " ...")
    return found + unknown_names(document, header)


def main() -> int:
    sources = {p.name: p.read_text(encoding="utf-8")
               for p in HERE.glob("*.c")}
    programs = {name: stripped(text) for name, text in sources.items()}
    document = (ROOT / "docs/embedding.md").read_text(encoding="utf-8")
    header = "".join((ROOT / h).read_text(encoding="utf-8") for h in HEADERS)
    found = problems(document, programs, header)
    manual = (ROOT / "docs/man/ktlsd_handshake.3").read_text(encoding="utf-8")
    found += unknown_names(re.sub(r"^\.Dt .*", "", manual, flags=re.M), header)
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    found += unknown_usages(readme, sources)
    # The check itself: a changed line and an unknown name are seen.
    if len(problems(document.replace("ktlsd_engine_step", "ktlsd_engine_go"),
                    programs, header)) < len(found) + 2:
        found.append("the check does not see a change of the document")
    print("\n".join(found) or f"{document.count('```c')} excerpts are of "
          f"{len(programs)} programs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
