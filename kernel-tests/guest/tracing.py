"""The kernel's tracepoints of the handshake upcall, where it has them.

A second witness beside the capture of netlink messages: of what the kernel did,
not of what was said. An instance of its own, so that a case may trace too.
"""

import collections
import os
import pathlib
import re

from guest import machine

_TRACEFS = pathlib.Path("/sys/kernel/tracing")
_EVENTS = pathlib.Path("events/handshake")
_INSTANCE = _TRACEFS / "instances/ktlsd"
_BUFFER_KIB = 4096
# " ktlsd-77 [001] ..... 5.1: handshake_cmd_done: req=... sk=... fd=7 status=0"
_LINE = re.compile(r"\s(\d+\.\d+): handshake_(\w+): (.*)")


def available() -> bool:
    if not _TRACEFS.is_dir():
        return False
    if not os.path.ismount(_TRACEFS):
        machine.mount("tracefs", str(_TRACEFS), "tracefs")
    return (_TRACEFS / _EVENTS).is_dir()


class Tracepoints:
    """Records from now on."""

    def __init__(self):
        _INSTANCE.mkdir()
        (_INSTANCE / "buffer_size_kb").write_text(str(_BUFFER_KIB))
        # Not tls_contenttype, of which each record of data makes one.
        for event in (_INSTANCE / _EVENTS).glob("*/enable"):
            if event.parent.name.startswith(("handshake_", "tls_alert_")):
                event.write_text("1")

    def text(self) -> str:
        return (_INSTANCE / "trace").read_text(errors="replace")

    def save(self) -> None:
        machine.write_out("handshake.trace", self.text())

    def faults(self, accepts: int, dones: int) -> list[str]:
        """What differs from `accepts` and `dones` that were said."""
        return faults(self.text(), accepts, dones)


def events(text: str) -> list[tuple[str, str]]:
    """The name and the fields of each."""
    return [(m[2], m[3]) for m in map(_LINE.search, text.splitlines()) if m]


def faults(text: str, accepts: int, dones: int) -> list[str]:
    """What the trace says that messages, so many of each, did not."""
    seen = events(text)
    counted = collections.Counter(name for name, _ in seen)
    traced = (("ACCEPT", accepts, counted["cmd_accept"]),
              # One for a socket that waits for none is an error.
              ("DONE", dones, counted["cmd_done"] + counted["cmd_done_err"]))
    return [f"{said} {what} were said, the kernel traced {count}"
            for what, said, count in traced if count != said] + _twice(seen)


def _twice(seen: list[tuple[str, str]]) -> list[str]:
    """Requests that were handed out, or answered, more than once."""
    found = []
    counted: dict[str, collections.Counter] = {}
    for name, fields in seen:
        request = fields.partition("req=")[2].partition(" ")[0]
        if name == "destruct":  # its memory may be the next one's
            counted.pop(request, None)
            continue
        counted.setdefault(request, collections.Counter())[name] += 1
        if name in ("cmd_accept", "cmd_done") and counted[request][name] == 2:
            found.append(f"{name} of request {request} was traced twice")
    return found
