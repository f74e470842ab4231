"""When a processor below the guests stood still, and what follows from it.

A hypervisor takes processors away, for seconds where it has many guests. Every
deadline of a case goes on meanwhile, and what was under way is given up by a
kernel or an agent that are in order. So a case that failed by its own judgement
while a processor stood still is run once more, and the table says so. Any other
failure counts, and whatever a kernel or a sanitizer complained of.
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

Clock = Callable[[], float]


class Watch:
    """As a `with` block: a thread on each CPU that looks at the clock."""

    def __init__(self, clock: Clock = time.monotonic):
        self._clock = clock
        self._over = threading.Event()
        self._cpus = sorted(os.sched_getaffinity(0))
        self._last = dict.fromkeys(self._cpus, clock())
        self._stalls: list[tuple[float, float]] = []  # begin and end
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._look, args=(cpu,),
                                          daemon=True) for cpu in self._cpus]

    def __enter__(self) -> "Watch":
        for cpu in self._cpus:
            self.tick(cpu)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def tick(self, cpu: int) -> None:
        """That CPU runs."""
        with self._lock:
            now = self._clock()
            self._note(self._last[cpu], now)
            self._last[cpu] = now

    def longest(self, since: float = 0) -> float:
        """Seconds; of what ended after `since`, on the clock, or goes on."""
        return max((end - begin for begin, end in self._with_those_of_now()
                    if end > since), default=0)

    def describe(self) -> str:
        """Nothing where no processor ever stood still."""
        count = len(self._with_those_of_now())
        return (f"times in which a processor stood still: {count}, of "
                f"{self.longest():.1f} s at most") if count else ""

    def _with_those_of_now(self) -> list[tuple[float, float]]:
        with self._lock:
            now = self._clock()
            for last in self._last.values():
                self._note(last, now)
            return list(self._stalls)

    def _note(self, begin: float, end: float) -> None:
        """Of several CPUs at a time it is one."""
        if end - begin <= WORTH_ANOTHER_TRY_S:
            return
        apart = []
        for other in self._stalls:
            if other[1] < begin or end < other[0]:
                apart.append(other)
            else:
                begin, end = min(begin, other[0]), max(end, other[1])
        self._stalls = [*apart, (begin, end)]

    def _look(self, cpu: int) -> None:
        with contextlib.suppress(OSError):  # it may be taken away for good
            os.sched_setaffinity(threading.get_native_id(), {cpu})
        while not self._over.wait(_TICK_S):
            self.tick(cpu)


def run_on(watch: Watch, attempt: Callable[[str], Outcome],
           clock: Clock = time.monotonic) -> Outcome:
    """What became of a case. `attempt` is given what its folder is called
    behind the case's name: nothing, or what a second try is called."""
    started = clock()
    outcome = attempt("")
    still_s = watch.longest(started)
    if outcome.verdict != "failed" or outcome.trouble or not still_s:
        return outcome
    again = attempt(".again")
    return dataclasses.replace(again, first_try=(
        f"{outcome.why}\na processor stood still for {still_s:.1f} s"))
