"""Peers that misbehave, and the handshakes of others beside them."""

import math
import statistics
import threading

from cases import LOAD, Skip, case
from guest import load, nfs, wait
from guest.peers import SilentClient, held_mounts

_ROUNDS = 5
_CLIENTS, _AT_ONCE = 100, 4
# Of each kind at a time. Clients hold a thread of nfsd each; mounts are held
# by their server.
_SILENT, _SLOW, _HELD = 8, 4, 8
_NFSD_THREADS = _SILENT + _SLOW + 16
# Between two bytes of a client that dribbles, and two clients that break
# rules: these are to be there, not to take the guest's one CPU.
_BYTE_EVERY_S, _BREACH_EVERY_S = 0.2, 0.1
# A record longer than any; one of no known type; a fatal alert; a call in clear
# text.
_BREACHES = (b"\x16\x03\x01\xff\xff" + bytes(16),
             b"\x63\x03\x03\x00\x01\x00",
             b"\x15\x03\x03\x00\x02\x02\x28",
             b"\x80\x00\x00\x28" + bytes(40))
_HELLO_BEGINS = b"\x16\x03\x01\x01\x00" + bytes(256)
_MOST_RATIO = 2


@case("agent/others", "silent, slow, held up and broken peers, of both sides: "
      "whoever comes beside them waits no longer", memory="8G", deadline_s=240,
      sanitizer=False, not_emulated=LOAD)
def others(bed):
    if bed.profile.name != "ktlsd":
        raise Skip(f"{bed.profile.name} has a process for each")
    nfs.serve(("tls",), threads=_NFSD_THREADS)
    bed.start_agent(busy=True)
    load.run(_CLIENTS, _AT_ONCE)  # what is remembered is
    alone, beside = [], []
    for _ in range(_ROUNDS):
        alone.append(_p99_ms(bed))
        with _Crowd(bed):
            beside.append(_p99_ms(bed))
    ratio = statistics.median(beside) / statistics.median(alone)
    for name, times in (("alone", alone), ("beside them", beside)):
        bed.note(f"99 of 100 handshakes {name}: in "
                 f"{', '.join(f'{ms:.1f}' for ms in times)} ms")
    bed.note(f"ratio of the medians {ratio:.2f}")
    assert ratio <= _MOST_RATIO, f"others wait {ratio:.2f} times as long"


def _p99_ms(bed) -> float:
    """Of the agent's time for a good client of nfsd, ACCEPT to DONE."""
    before = len(bed.upcalls.upcalls())
    result = load.run(_CLIENTS, _AT_ONCE)
    assert result["sessions"] == _CLIENTS, load.describe(result)
    times = sorted(u.answered_at - u.accepted_at
                   for u in bed.upcalls.upcalls()[before:]
                   if u.side == "server" and u.statuses == [0])
    assert len(times) >= _CLIENTS, f"{len(times)} answers"
    return times[math.ceil(len(times) * 0.99) - 1] * 1000


class _Crowd:
    """Whoever of it is refused comes again, until it is to go."""

    def __init__(self, bed):
        self._bed = bed
        self._before = len(bed.upcalls.upcalls("server"))
        self._over = threading.Event()
        self._failures: list[Exception] = []
        self._threads = [threading.Thread(target=self._again, args=(once,),
                                          daemon=True)
                         for once, count in ((self._be_silent, _SILENT),
                                             (self._dribble, _SLOW),
                                             (self._break_rules, 1))
                         for _ in range(count)]

    def __enter__(self) -> "_Crowd":
        self._gate, self._mounts = held_mounts(_HELD)
        for thread in self._threads:
            thread.start()
        self._bed.upcalls.wait_for_accept(
            "server", self._before + len(self._threads))
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._gate.open()
        for thread in self._threads:
            thread.join(wait.scaled(60))
        assert not any(thread.is_alive() for thread in self._threads)
        for mount in self._mounts:
            mount.finish(120)
            mount.unmount()
        self._bed.upcalls.wait_all_answered()
        assert not self._failures, self._failures

    def _again(self, once) -> None:
        try:
            while not self._over.is_set():
                once()
        except Exception as failure:  # told by the thread that waits for this
            self._failures.append(failure)

    def _be_silent(self) -> None:
        SilentClient().wait_closed()

    def _dribble(self) -> None:
        client = SilentClient()
        try:
            for byte in _HELLO_BEGINS:
                client.send(bytes([byte]))
                if self._over.wait(_BYTE_EVERY_S):
                    break
        except OSError:
            pass  # its time was over
        client.close()

    def _break_rules(self) -> None:
        for breach in _BREACHES:
            client = SilentClient()
            client.send(breach)
            client.wait_closed()
            client.close()
            self._over.wait(_BREACH_EVERY_S)
