"""Cases of BoringSSL's test runner: which we leave out, which must end in
another way than BoringSSL's, and how they ended. For tools/bogo.

handshake/bogo/config.json:

  errors     of BoringSSL's errors, as its shim prints them: text that ours
             prints instead
  otherwise  reason -> cases where we do something else than BoringSSL: the
             runner must call them failed, and its output must have every text
             of `shows`
  disabled   reason -> cases that are not run

A case is a name, or a pattern with *. None has two reasons.
"""

import collections
import fnmatch

OTHERWISE = "otherwise: "

Case = collections.namedtuple("Case", "name result output")


class BadConfig(Exception):
    """config.json does not fit the runner's cases, and why."""


def reasons_of(names: list[str], patterns: dict[str, list[str]]) \
        -> dict[str, str]:
    """Case -> reason. Complains about what matches no case."""
    reasons: dict[str, str] = {}
    for reason, cases in patterns.items():
        for pattern in cases:
            found = fnmatch.filter(names, pattern)
            if not found:
                raise BadConfig(f"{pattern} matches no case")
            for name in found:
                if reasons.setdefault(name, reason) != reason:
                    raise BadConfig(f"{name} has two reasons")
    return reasons


class Expectations:
    """What config.json says of the runner's cases."""

    def __init__(self, config: dict, names: list[str]) -> None:
        self.errors = config["errors"]
        self.disabled = reasons_of(names, config["disabled"])
        otherwise = config["otherwise"]
        self.shows = {reason: entry["shows"]
                      for reason, entry in otherwise.items()}
        if not all(self.shows.values()):
            raise BadConfig("`shows` must have a text")
        self.otherwise = reasons_of(
            names, {reason: entry["cases"]
                    for reason, entry in otherwise.items()})
        for name in self.otherwise:
            if name in self.disabled:
                raise BadConfig(f"{name} has two reasons")

    def for_shim(self) -> dict:
        """The same as the runner wants it (-shim-config)."""
        return {"DisabledTests": self.disabled, "ErrorMap": self.errors}

    def judge(self, case: Case) -> Case:
        """The case as it counts for us."""
        reason = self.otherwise.get(case.name)
        if reason is None or case.result == "UNIMPLEMENTED":
            return case
        if case.result == "PASSED":
            return Case(case.name, "FAILED",
                        f"ended as with BoringSSL, not otherwise: {reason}")
        missing = [text for text in self.shows[reason]
                   if text not in case.output]
        if missing:
            return Case(case.name, "FAILED",
                        f"does not show `{missing[0]}`: {reason}\n"
                        f"{case.output}")
        return Case(case.name, "PASSED", OTHERWISE + reason)

    def summary(self, cases: list[Case]) -> list[str]:
        """Lines for judged cases; the last one has the counts."""
        ran = {case.name for case in cases}
        lines = []
        for word, reasons in (
                ("otherwise", {name: reason for name, reason
                               in self.otherwise.items() if name in ran}),
                ("disabled", self.disabled)):
            counts = collections.Counter(reasons.values()).most_common()
            lines += [f"{word:9} {count:5}  {reason}"
                      for reason, count in counts]
        results = collections.Counter(case.result for case in cases)
        lines.append(f"bogo: {results['PASSED']} passed, "
                     f"{len(self.disabled)} disabled, "
                     f"{results['UNIMPLEMENTED']} unimplemented, "
                     f"{results['FAILED']} failed")
        return lines


def case_lines(case: Case) -> list[str]:
    """A judged case, as a test prints it."""
    if case.result == "FAILED":
        return [f"not ok {case.name}"] + [
            f"  {line}" for line in case.output.splitlines() if line.strip()]
    if case.result == "UNIMPLEMENTED":
        return [f"ok {case.name} # SKIP the shim lacks a flag"]
    note = f" # {case.output}" if case.output.startswith(OTHERWISE) else ""
    return [f"ok {case.name}{note}"]
