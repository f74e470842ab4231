"""Waiting for a condition with a deadline; the only place that sleeps.

Deadlines are written for a guest that runs as fast as its host. Where it is
slower, all of them are by one factor.
"""

import time

_POLL_S = 0.02
_slower = 1.0


class DeadlineExceeded(AssertionError):
    """What was waited for did not come; the text says what it was."""


def allow(slower: float) -> None:
    """From now on everything may take so many times as long."""
    global _slower
    _slower = slower


def is_slow() -> bool:
    """Where starting a process may take longer than a consumer waits."""
    return _slower > 1


def scaled(seconds: float) -> float:
    return seconds * _slower


def until(condition, what: str, deadline_s: float = 10):
    """Returns the first truthy value of `condition()`."""
    deadline_s = scaled(deadline_s)
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise DeadlineExceeded(f"waited {deadline_s:g} s for {what}")
        time.sleep(_POLL_S)
