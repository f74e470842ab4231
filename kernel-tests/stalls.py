"""When the machine below the guests stood still, and what follows from it.

A hypervisor takes processors away, for seconds where it has many guests. Every
deadline of a case goes on meanwhile, and what was under way is given up by a
kernel or an agent that are in order. So a case that failed while a processor
stood still is run once more, and its notes say so; any other failure counts.
"""

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Callable

from report import Outcome

# Of the deadlines that cases depend on the shortest is nfsd's, of 5 s. A thread
# that has slept is not kept waiting for a second by others on its CPU.
WORTH_ANOTHER_TRY_S = 1.0
_TICK_S = 0.05


class Watch:
    """As a `with` block: a thread on each CPU that looks at the clock."""

    def __init__(self, tick_s: float = _TICK_S):
        self._tick_s = tick_s
        self._over = threading.Event()
        self._stalls: list[tuple[float, float]] = []  # begin and end
        self._threads = [threading.Thread(target=self._look, args=(cpu,),
                                          daemon=True)
                         for cpu in sorted(os.sched_getaffinity(0))]

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def note(self, begin: float, end: float) -> None:
        self._stalls.append((begin, end))

    def longest(self, since: float = 0) -> float:
        """Seconds; of what ended after `since`, as time.monotonic() tells it."""
        return max((end - begin for begin, end in list(self._stalls)
                    if end > since), default=0)

    def describe(self) -> str:
        """Nothing where the machine never stood still."""
        return (f"the machine stood still {len(self._stalls)} times, for "
                f"{self.longest():.1f} s at most") if self._stalls else ""

    def _look(self, cpu: int) -> None:
        with contextlib.suppress(OSError):  # it may be taken away for good
            os.sched_setaffinity(threading.get_native_id(), {cpu})
        last = time.monotonic()
        while not self._over.wait(self._tick_s):
            now = time.monotonic()
            if now - last > WORTH_ANOTHER_TRY_S:
                self.note(last, now)
            last = now


def run_on(watch: Watch, attempt: Callable[[str], Outcome]) -> Outcome:
    """What became of a case. `attempt` is given what its folder is called
    behind the case's name: nothing, or what a second try is called."""
    started = time.monotonic()
    outcome = attempt("")
    still_s = watch.longest(started)
    if outcome.verdict != "failed" or not still_s:
        return outcome
    again = attempt(".again")
    note = (f"run again: the machine stood still for {still_s:.1f} s, and "
            f"{outcome.why}")
    return dataclasses.replace(again, notes=[note, *again.notes])
