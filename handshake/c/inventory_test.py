#!/usr/bin/python3
"""Counts the entries of libktlsd against their guards and their NULL tests.

Every function that ktlsd.h declares is defined once, is noexcept, has its body
inside one guard (or hands over to a function that has), is called with NULL
for its pointers by null_test.cc, and is among the calls that are fuzzed.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
# What may stand for a guard: those of guard.h, engine.h and offload.cc, and
# helpers of the sources whose whole body is one (checked below).
GUARDS = ("Guarded", "GuardedEngine", "GuardedSocket")
HELPERS = ("New", "HelloNumber", "HelloBytes", "PutPem", "PutFiles",
           "PutExternal", "EngineInstall", "HandshakeFd")
# Without a guard, and why that is right.
UNGUARDED = {
    "ktlsd_config_free": "destructors only",
    "ktlsd_engine_free": "destructors only",
    "ktlsd_code_name": "looks into a table; no pointer",
    "ktlsd_code_fault": "looks into a table; no pointer",
}


def definitions(text: str) -> dict[str, str]:
    """Each function at the start of a line: its name, and its text."""
    found = {}
    for match in re.finditer(r"^(?:[\w:*& ]+[ *&])(\w+)\(([^;{}]*?)\) "
                             r"(noexcept )?\{\n(.*?)^\}", text, re.M | re.S):
        found[match[1]] = match[0]
    return found


def main() -> int:
    header = (HERE / "ktlsd.h").read_text(encoding="utf-8")
    declared = re.findall(r"KTLSD_API[^;]*?\b(ktlsd_\w+)\([^;]*?;", header)
    silent = [x for x in re.findall(r"^KTLSD_API [^;]*;", header, re.M)
              if "KTLSD_NOEXCEPT" not in x]
    sources = {}
    for path in HERE.glob("*.cc"):
        if not path.name.endswith("_test.cc"):
            sources.update(definitions(path.read_text(encoding="utf-8")))
    fuzzed = "".join(path.read_text(encoding="utf-8")
                     for path in HERE.glob("fuzz/*calls.cc"))
    nulls = (HERE / "null_test.cc").read_text(encoding="utf-8")
    bad = [f"declared without KTLSD_NOEXCEPT: {x}" for x in silent]
    guards = 0
    for name in HELPERS:
        if len(re.findall(rf"\b({'|'.join(GUARDS)})\(", sources[name])) != 1:
            bad.append(f"{name}: not one guard")
    for name in declared:
        body = sources.get(name, "")
        if ") noexcept {" not in body:
            bad.append(f"{name}: no noexcept definition found")
        count = len(re.findall(
            rf"\b({'|'.join(GUARDS + HELPERS)})\(", body))
        guards += count
        if count != (0 if name in UNGUARDED else 1):
            bad.append(f"{name}: {count} guards")
        if re.search(r"\b(throw|abort|exit|terminate)\b", body):
            bad.append(f"{name}: ends the program")
        called = rf"CALL_WITH_NULLS\({name}," if name not in UNGUARDED \
            else rf"{name}\(nullptr\)"
        if not name.startswith("ktlsd_code_") and not re.search(called, nulls):
            bad.append(f"{name}: null_test.cc does not call it")
        if not re.search(rf"\b{name}\b", fuzzed):
            bad.append(f"{name}: fuzz/ does not call it")
    if guards + len(UNGUARDED) != len(declared) or not declared:
        bad.append(f"{len(declared)} entries, {guards} guards, "
                   f"{len(UNGUARDED)} without")
    print("\n".join(bad) or f"{len(declared)} entries: {guards} guarded, "
          f"{len(UNGUARDED)} that cannot fail")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
