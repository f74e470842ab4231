"""Watches the handshake protocol between kernel and agent.

An nlmon device sees every netlink message of the namespace, so what is counted
here is what crossed, not what the agent says it did.
"""

import collections
import dataclasses
import itertools
import os
import socket
import struct
import threading
import time

from guest import genl, machine, wait

_ETH_P_ALL = 3
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
# A burst of handshakes can keep the watcher from the CPU for a while.
_SO_RCVBUFFORCE = 33
_RECEIVE_BUFFER = 64 << 20
_SIDES = {1: "client", 2: "server"}
_AUTH_PSK = 2
# The kernel takes a missing status for EIO.
_NO_STATUS, _NO_SOCKET = struct.pack("=I", 5), struct.pack("=i", -1)


@dataclasses.dataclass(slots=True)
class Upcall:
    """A request that the agent took, and what it answered."""

    process: int    # by its netlink port; see _process
    sockfd: int
    side: str
    psk: bool       # by a pre-shared key, else by certificate
    peername: str
    accepted_at: float
    ready_before: int   # how often READY had been said when it was taken
    statuses: list[int] = dataclasses.field(default_factory=list)
    remote_auth: list[int] = dataclasses.field(default_factory=list)
    answered_at: float = 0.0


class Record:
    """What was said so far. Threads: every method may be called by any."""

    # Whether what crosses is noted without being asked.
    sees_all = False

    def __init__(self):
        self._lock = threading.Lock()
        self._upcalls: list[Upcall] = []
        # By descriptor: those that wait, and the last one.
        self._waiting: dict[int, list[Upcall]] = {}
        self._last: dict[int, Upcall] = {}
        # By descriptor: how many were abandoned and not answered since.
        self._abandoned: collections.Counter[int] = collections.Counter()
        self._answered = 0
        self._said = collections.Counter()
        self._stray: list[int] = []
        self._text = bytearray()
        self._ready: list[float] = []

    def upcalls(self, side: str | None = None) -> list[Upcall]:
        with self._lock:
            return [u for u in self._upcalls if side in (None, u.side)]

    def ready_times(self) -> list[float]:
        """When the kernel said READY, on the clock of `accepted_at`."""
        with self._lock:
            return list(self._ready)

    def statuses(self, side: str | None = None) -> list[int]:
        return [s for u in self.upcalls(side) for s in u.statuses]

    def unanswered(self) -> list[Upcall]:
        """Cheap to ask often, however many have been answered."""
        with self._lock:
            return [u for waiting in self._waiting.values() for u in waiting]

    def abandon(self) -> list[Upcall]:
        """Forgets those without an answer: whom they asked is dead, but may
        have had children, who answer all the same."""
        left = self.unanswered()
        with self._lock:
            self._upcalls = [u for u in self._upcalls if u not in left]
            self._waiting.clear()
            for upcall in left:
                if self._last.get(upcall.sockfd) is upcall:
                    del self._last[upcall.sockfd]
                self._abandoned[upcall.sockfd] += 1
            self._text += f"{len(left)} requests were abandoned\n".encode()
        return left

    def faults(self, *, probes_allowed: bool) -> list[str]:
        """What breaks "exactly one DONE for each ACCEPT"."""
        found = [f"{len(u.statuses)} DONE for the ACCEPT of fd {u.sockfd} "
                 f"({u.side})" for u in self.upcalls() if len(u.statuses) != 1]
        with self._lock:
            found += [f"DONE for fd {fd} that was not ACCEPTed"
                      for fd in self._stray if fd >= 0 or not probes_allowed]
        return found

    def answers(self) -> int:
        """How many requests have been answered; cheap to ask often."""
        with self._lock:
            return self._answered

    def counts(self) -> tuple[int, int]:
        """How often ACCEPT and DONE were said about a socket, in all."""
        with self._lock:
            return self._said["ACCEPT"], self._said["DONE"]

    def text(self) -> str:
        with self._lock:
            return self._text.decode()

    def save(self, name: str = "netlink.log") -> None:
        machine.write_out(name, self.text())

    def note(self, message: genl.Message, now: float) -> None:
        """Takes one message of the "handshake" family into the record."""
        command, attributes = genl.parse_generic(message.body)
        process = _process(message)
        with self._lock:
            if command == genl.CMD_READY:
                self._ready.append(now)
                self._line(now, "READY")
            elif command == genl.CMD_ACCEPT and _is_answer(attributes):
                self._note_accept(now, process, attributes)
            elif command == genl.CMD_DONE:
                self._note_done(now, process, attributes)

    def _note_accept(self, now: float, process: int, attributes) -> None:
        fields = dict(attributes)
        side = _SIDES.get(_u32(fields.get(genl.ACCEPT_MESSAGE_TYPE)), "?")
        peername = fields.get(genl.ACCEPT_PEERNAME, b"").rstrip(b"\0")
        auth = _u32(fields.get(genl.ACCEPT_AUTH_MODE))
        upcall = Upcall(process, _s32(fields[genl.ACCEPT_SOCKFD]), side,
                        auth == _AUTH_PSK, peername.decode(errors="replace"),
                        now, len(self._ready))
        self._said["ACCEPT"] += 1
        self._upcalls.append(upcall)
        self._waiting.setdefault(upcall.sockfd, []).append(upcall)
        self._last[upcall.sockfd] = upcall
        # By number; docs/handshake-upcall.md has their names.
        kinds = ",".join(str(kind) for kind in sorted(fields))
        self._line(now, f"ACCEPT fd={upcall.sockfd} side={side} auth={auth} "
                        f"peername={upcall.peername} attributes={kinds}")

    def _note_done(self, now: float, process: int, attributes) -> None:
        fields = dict(attributes)
        sockfd = _s32(fields.get(genl.DONE_SOCKFD, _NO_SOCKET))
        status = _u32(fields.get(genl.DONE_STATUS, _NO_STATUS))
        auth = [_s32(v) for k, v in attributes if k == genl.DONE_REMOTE_AUTH]
        self._line(now, f"DONE fd={sockfd} status={status} remote_auth={auth}")
        self._said["DONE"] += sockfd >= 0
        upcall = self._find(process, sockfd)
        if upcall is None:
            if self._abandoned[sockfd]:
                self._abandoned[sockfd] -= 1
            else:
                self._stray.append(sockfd)
            return
        if not upcall.statuses:
            self._waiting[sockfd].remove(upcall)
            self._answered += 1
        upcall.statuses.append(status)
        upcall.remote_auth = auth
        upcall.answered_at = now

    def _find(self, process: int, sockfd: int) -> Upcall | None:
        """The request that a DONE means.

        Numbers of descriptors are used again, and by each process of an agent
        that ACCEPTs in several, so the newest that waits comes first, in the
        same process where there is one.
        """
        waiting = self._waiting.get(sockfd)
        if not waiting:
            return self._last.get(sockfd)
        return max(waiting, key=lambda u: (u.process == process,
                                           u.accepted_at))

    def _line(self, now: float, text: str) -> None:
        self._text += f"{now:9.3f} {text}\n".encode()


class Observer(Record):
    """A Record that fills itself from an nlmon device.

    Whoever asks it gets everything that was said before the question.
    """

    sees_all = True

    def __init__(self, family: genl.Family):
        super().__init__()
        self._family = family
        self.started = time.monotonic()
        self._asked = itertools.count(1)
        self._seen_question = 0
        self._questions = genl.open_socket()
        machine.load_modules("nlmon")
        machine.run("ip", "link", "add", "nlmon0", "type", "nlmon")
        machine.run("ip", "link", "set", "nlmon0", "up")
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                     socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE,
                                _RECEIVE_BUFFER)
        self._socket.bind(("nlmon0", 0))
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self) -> float:
        """On the clock of `accepted_at` and `answered_at`."""
        return time.monotonic() - self.started

    def upcalls(self, side: str | None = None) -> list[Upcall]:
        self._catch_up()
        return super().upcalls(side)

    def unanswered(self) -> list[Upcall]:
        self._catch_up()
        return super().unanswered()

    def ready_times(self) -> list[float]:
        self._catch_up()
        return super().ready_times()

    def _catch_up(self) -> None:
        """Until the watcher has seen a message that is sent only now."""
        number = next(self._asked)
        self._questions.send(genl.family_request(number))
        self._questions.recv(65536)
        wait.until(lambda: self._seen_question >= number,
                   "the observer to catch up")

    def wait_for_accept(self, side: str, count: int = 1,
                        deadline_s: float = 10) -> None:
        wait.until(lambda: len(self.upcalls(side)) >= count,
                   f"ACCEPT number {count}, side {side}", deadline_s)

    def wait_for_done(self, side: str, count: int = 1,
                      deadline_s: float = 15) -> None:
        wait.until(lambda: len(self.statuses(side)) >= count,
                   f"DONE number {count}, side {side}", deadline_s)

    def wait_all_answered(self, deadline_s: float = 15) -> None:
        wait.until(lambda: not self.unanswered(),
                   "a DONE for every ACCEPT", deadline_s)

    def faults(self, *, probes_allowed: bool) -> list[str]:
        found = super().faults(probes_allowed=probes_allowed)
        _, dropped = struct.unpack("=II", self._socket.getsockopt(
            _SOL_PACKET, _PACKET_STATISTICS, 8))
        if dropped:
            found.append(f"the observer itself lost {dropped} messages")
        return found

    def _watch(self) -> None:
        while True:
            data, address = self._socket.recvfrom(65536)
            # The protocol of an nlmon frame is the netlink family.
            if address[1] != genl.NETLINK_GENERIC:
                continue
            now = self.now()
            for message in genl.parse_messages(data):
                if message.kind == self._family.number:
                    self.note(message, now)
                elif self._is_question(message):
                    self._seen_question = message.sequence

    def _is_question(self, message: genl.Message) -> bool:
        return (message.kind == genl.CONTROLLER.number
                and message.port == self._questions.getsockname()[0])


def _is_answer(attributes) -> bool:
    return any(kind == genl.ACCEPT_SOCKFD for kind, _ in attributes)


def _process(message: genl.Message) -> int:
    """The process id: the kernel, and libraries, make port ids from it."""
    return message.port & 0x3FFFFF


def _u32(value: bytes | None) -> int:
    return struct.unpack("=I", value)[0] if value else 0


def _s32(value: bytes) -> int:
    return struct.unpack("=i", value)[0]


def explain(statuses: list[int]) -> str:
    """Each status in words; how often it comes in a row, where it does."""
    rows = [(s, len(list(same))) for s, same in itertools.groupby(statuses)]
    return ", ".join(
        ("0" if s == 0 else f"{s} ({os.strerror(s)})")
        + (f" {count} times" if count > 1 else "")
        for s, count in rows) or "none"
