"""Visitors that come again and again, while something else is looked at."""

import threading
from collections.abc import Callable

from guest import wait

# One visit. Lasts until its end or until the event says that all is over, and
# pauses by waiting for that.
Visit = Callable[[threading.Event], None]


class Crowd:
    """As a `with` block: each visitor is a thread that repeats its visit."""

    def __init__(self, visits: tuple[Visit, ...]):
        self._over = threading.Event()
        self._failures: list[Exception] = []
        self._visits = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._again, args=(visit,),
                                          daemon=True) for visit in visits]

    def visits(self) -> int:
        """How many have ended."""
        return self._visits

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *_unused) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(wait.scaled(120))
        if kind is None:
            assert not any(thread.is_alive() for thread in self._threads), \
                "a visitor does not leave"
            assert not self._failures, self._failures

    def _again(self, visit: Visit) -> None:
        try:
            while not self._over.is_set():
                visit(self._over)
                with self._lock:
                    self._visits += 1
        except Exception as failure:  # told by the thread that waits for this
            self._failures.append(failure)
