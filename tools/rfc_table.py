"""The table of tools/rfc-trace: docs/rfc-trace.txt, and where it points to."""

import dataclasses
import pathlib
import re

FOLDERS = ("handshake/", "ktls/", "agent/", "base/")


@dataclasses.dataclass
class Rule:
    rfc: str
    name: str  # section, then a word
    says: str
    code: str
    test: str

    @property
    def reason(self) -> str:
        """Why it has no code, or no test; empty when it has both."""
        if self.code == "-":
            return self.test
        return self.test[2:].strip() if self.test.startswith("-:") else ""


def parse(text: str) -> tuple[list[Rule], list[str]]:
    """The rules, and complaints about lines that are none."""
    rules: list[Rule] = []
    complaints = []
    rfc = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            rfc = line[3:].strip()
        if line.startswith("#") or not line.strip():
            continue
        parts = [part.strip() for part in line.split(" | ")]
        if len(parts) != 4 or not all(parts) or not rfc:
            complaints.append(f"line {number}: not four fields below an RFC")
            continue
        rules.append(Rule(rfc, *parts))
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        if (rule.rfc, rule.name) in seen:
            complaints.append(f"{rule.rfc} {rule.name}: is there twice")
        seen.add((rule.rfc, rule.name))
    return rules, complaints


def is_core(name: str) -> bool:
    """True for the sources of handshake/ that a program is made of."""
    return name.startswith("handshake/") and not re.search(
        r"/(testing|interop|bogo|c)/|_(test|fuzz|bench|must_not_compile)\.cc$",
        name) and name.endswith((".cc", ".h"))


class Tree:
    """The sources that rules point to, by last part and by whole name."""

    def __init__(self, files: dict[str, pathlib.Path]) -> None:
        self.files: dict[str, list[pathlib.Path]] = {}
        for name, path in files.items():
            if name.startswith(FOLDERS):
                self.files.setdefault(path.name, []).append(path)
                self.files[name] = [path]

    def check(self, rule: Rule) -> list[str]:
        """What is wrong with the rule, one line each."""
        label = f"{rule.rfc} {rule.name}"
        if rule.code == "-":
            return [] if len(rule.reason) > 10 else [f"{label}: no reason"]
        wrong = [self.find(place, re.escape) for place in rule.code.split(";")]
        if not rule.reason:
            wrong += [self.find(place, case_pattern)
                      for place in rule.test.split(";")]
        return [f"{label}: {what}" for what in wrong if what]

    def find(self, place: str, pattern) -> str:
        """Complaint about `file#text`; empty when the text is there."""
        name, mark, text = place.strip().partition("#")
        paths = self.files.get(name, [])
        if not mark or not text or len(paths) != 1:
            return (f"{place}: {len(paths)} files of this name" if mark else
                    f"{place}: not file#text")
        content = paths[0].read_text(encoding="utf-8")
        if not re.search(pattern(text), content):
            return f"{text}: not in {name}"
        return ""


def case_pattern(text: str) -> str:
    """The start of the GoogleTest case Suite.Case."""
    suite, _, case = text.partition(".")
    return (r"(?m)^(TYPED_)?TEST(_[FP])?\(\s*"
            rf"{re.escape(suite)},\s*{re.escape(case)}\)")
