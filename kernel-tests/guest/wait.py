"""Waiting for a condition with a deadline; the only place that sleeps."""

import time

_POLL_S = 0.02


class DeadlineExceeded(AssertionError):
    """What was waited for did not come; the text says what it was."""


def until(condition, what: str, deadline_s: float = 10):
    """Returns the first truthy value of `condition()`."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise DeadlineExceeded(f"waited {deadline_s:g} s for {what}")
        time.sleep(_POLL_S)
