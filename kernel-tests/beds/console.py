"""Looks for trouble in what a guest's kernel and sanitizers printed."""

import pathlib
import re
from typing import NamedTuple

_KERNEL_TROUBLE = re.compile(
    r"BUG:|WARNING:|\bOops\b|Kernel panic|general protection fault|"
    r"Unable to handle kernel|kernel BUG at|refcount_t:|"
    r"possible recursive locking|possible circular locking|"
    r"INFO: (task|rcu|trying to register|possible|suspicious)|"
    r"rcu: INFO|suspicious RCU usage|soft lockup|unreferenced object|"
    r"UBSAN:|kmemleak: [1-9]\d* new suspected|"
    r"Kernel mode fault|Segfault with no mm")

_SANITIZER_TROUBLE = re.compile(
    r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|"
    r"WARNING: ThreadSanitizer|: runtime error: |"
    r"AddressSanitizer:DEADLYSIGNAL")

# Of a leak check at the end of a process, which goes on without; its findings
# would stand behind.
_HARMLESS = re.compile(r"==\d+==Unable to get registers from thread \d+\.")


class KnownBug(NamedTuple):
    """Trouble that is the kernel's and known; the reason is printed."""

    kernel: str      # regular expression for the version
    line: str        # regular expression for the line
    reason: str


# Empty on purpose. A line is added only with the kernel's fix or a report of
# the bug named in its reason.
KNOWN_BUGS: tuple[KnownBug, ...] = ()


def find_trouble(out: pathlib.Path, kernel: str) -> tuple[list[str], list[str]]:
    """Returns the lines that fail a case, and notes on known bugs."""
    trouble, notes = [], []
    for name in ("console.log", "dmesg.log"):
        for line in _lines(out / name):
            if not _KERNEL_TROUBLE.search(line):
                continue
            known = _known(line, kernel)
            if known:
                notes.append(f"known kernel bug: {known.reason}: {line}")
            else:
                trouble.append(f"{name}: {line}")
    for log in sorted(out.glob("agent-*.log")):
        trouble += [f"{log.name}: {line}" for line in _lines(log)
                    if _SANITIZER_TROUBLE.search(line)]
    for log in sorted(out.glob("sanitizer-*")):
        lines = _lines(log)
        if lines and all(map(_HARMLESS.fullmatch, lines)):
            continue
        said = [line for line in lines if _SANITIZER_TROUBLE.search(line)]
        trouble.append(f"sanitizer report {log.name}: "
                       + (said or lines or ["(empty)"])[0])
    return _unique(trouble), _unique(notes)


def _known(line: str, kernel: str) -> KnownBug | None:
    return next((bug for bug in KNOWN_BUGS
                 if re.search(bug.kernel, kernel)
                 and re.search(bug.line, line)), None)


def _lines(path: pathlib.Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _unique(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))
