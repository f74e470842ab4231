"""A service manager as far as an agent sees one: there is no systemd here.

It hears what sd_notify(3) tells it, keeps descriptors, and hands them over to
the next agent as sd_listen_fds(3) has it.
"""

import array
import json
import os
import pathlib
import socket
import threading
import time

from guest import wait

# Takes what is handed over, then becomes the agent; see there.
STARTER = pathlib.Path(__file__).with_name("manager_start")


class Manager:
    """Threads: every method may be called by any."""

    def __init__(self, name: str, watchdog_s: float | None = None):
        self._watchdog_s = watchdog_s
        self._address = f"\0ktlsd-{name}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._address)
        self._lock = threading.Lock()
        self._told: list[str] = []
        self._beats: list[float] = []
        self._kept: dict[str, list[int]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """For an agent that is started without anything from before."""
        variables = {"NOTIFY_SOCKET": "@" + self._address[1:]}
        if self._watchdog_s:
            variables["WATCHDOG_USEC"] = str(int(self._watchdog_s * 1e6))
        return variables

    def hand_over(self, program: str,
                  descriptors: dict[str, int]) -> dict[str, str]:
        """The same for an agent that STARTER starts, with these."""
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server.bind(f"{self._address}-hand-over")
        server.listen(1)
        threading.Thread(target=_serve, args=(server, descriptors),
                         daemon=True).start()
        return {**self.environment(), "START_PROGRAM": program,
                "START_FROM": server.getsockname().decode()[1:]}

    def kept(self, name: str) -> list[int]:
        """Descriptors under this name; they stay the manager's."""
        with self._lock:
            return list(self._kept.get(name, []))

    def told(self) -> list[str]:
        """The first line of each message but the beats."""
        with self._lock:
            return list(self._told)

    def beats(self) -> int:
        with self._lock:
            return len(self._beats)

    def wait_told(self, line: str, count: int = 1) -> None:
        wait.until(lambda: self.told().count(line) >= count,
                   f"{line} from the agent, {count} times")

    def wait_beats(self, more: int, deadline_s: float = 20) -> None:
        wanted = self.beats() + more
        wait.until(lambda: self.beats() >= wanted, f"{more} beats", deadline_s)

    def wait_silence(self, deadline_s: float = 20) -> None:
        """Until no beat came for as long as the watchdog allows."""
        def overdue():
            with self._lock:
                last = self._beats[-1]
            return time.monotonic() - last > self._watchdog_s
        wait.until(overdue, "the beats to stop", deadline_s)

    def longest_pause_s(self) -> float:
        with self._lock:
            return max(b - a for a, b in zip(self._beats, self._beats[1:]))

    def _listen(self) -> None:
        while True:
            data, control, _, _ = self._socket.recvmsg(4096, 256)
            lines = data.decode().split("\n")
            descriptors = [fd for level, kind, value in control
                           if (level, kind) == (socket.SOL_SOCKET,
                                                socket.SCM_RIGHTS)
                           for fd in array.array("i", value)]
            with self._lock:
                self._note(lines, descriptors)

    def _note(self, lines: list[str], descriptors: list[int]) -> None:
        if lines[0] == "WATCHDOG=1":
            self._beats.append(time.monotonic())
            return
        self._told.append(lines[0])
        name = dict(line.split("=", 1) for line in lines).get("FDNAME", "")
        if lines[0] == "FDSTORE=1":
            # As systemd does, the same one only once.
            known = [os.fstat(fd).st_ino for fd in self._kept.get(name, [])]
            self._kept.setdefault(name, []).extend(
                fd for fd in descriptors if os.fstat(fd).st_ino not in known)
        elif lines[0] == "FDSTOREREMOVE=1":
            for fd in self._kept.pop(name, []):
                os.close(fd)


def _serve(server: socket.socket, descriptors: dict[str, int]) -> None:
    with server, server.accept()[0] as starter:
        socket.send_fds(starter, [json.dumps(list(descriptors)).encode()],
                        list(descriptors.values()))
