"""Visitors that come again and again, while something else is looked at."""

import dataclasses
import os
import threading
from collections.abc import Callable

from guest import wait

# Visitors run on machines of their own but in a guest, where what they compute
# themselves is not to be what keeps others from its one CPU.
_NICE = 10


class Stay:
    """What a visitor is given: when to go, and whom to tell."""

    def __init__(self, over: threading.Event):
        self.over = over
        self.is_there = threading.Event()

    def there(self) -> None:
        """What the visit is for is the case from now on."""
        self.is_there.set()

    def pause(self, seconds: float) -> bool:
        """Whether all is over."""
        return self.over.wait(seconds)


@dataclasses.dataclass(frozen=True)
class Visit:
    """Runs to its end once it has begun, and is not begun when all is over."""

    run: Callable[[Stay], None]
    # Handshakes in it that end well.
    successes: int = 0


class Crowd:
    """As a `with` block: each visitor is a thread that repeats its visit."""

    def __init__(self, visits: tuple[Visit, ...]):
        self._over = threading.Event()
        self._stays = [Stay(self._over) for _ in visits]
        self._failures: list[Exception] = []
        self._successes = 0
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._again, args=pair, daemon=True)
            for pair in zip(visits, self._stays, strict=True)]

    def wait_there(self, deadline_s: float = 120) -> None:
        """Until each visitor is in the middle of what it comes for. A kernel's
        client that has lost its connection may wait before it makes another."""
        wait.until(lambda: self._failures or
                   all(stay.is_there.is_set() for stay in self._stays),
                   "the crowd to be there", deadline_s)
        assert not self._failures, self._failures

    def successes(self) -> int:
        return self._successes

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, error, _trace) -> None:
        self._over.set()
        if kind is not None:  # nobody waits for them any more
            for failure in self._failures:
                error.add_note(f"in the crowd: {failure!r}")
            return
        for thread in self._threads:
            thread.join(wait.scaled(60))
        assert not any(thread.is_alive() for thread in self._threads), \
            "a visitor does not leave"
        assert not self._failures, self._failures

    def _again(self, visit: Visit, stay: Stay) -> None:
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
            while not self._over.is_set():
                visit.run(stay)
                with self._lock:
                    self._successes += visit.successes
        except Exception as failure:  # told by the thread that waits for this
            self._failures.append(failure)
