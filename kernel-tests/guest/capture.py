"""A capture of what crosses the loopback device."""

import re
import secrets
import socket
import subprocess

from guest import machine, wait

_DISCARD_PORT = 9


class Capture:
    """tcpdump on lo into /ktlsd/out, as a `with` block.

    tcpdump drops what it has not yet fetched when it is stopped, so a datagram
    of ours goes last and is waited for.
    """

    def __init__(self, name: str):
        self.path = machine.OUT / f"{name}.pcap"
        self._process = None

    def __enter__(self) -> "Capture":
        self._process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-w", str(self.path), "-U", "-s", "0",
             "--immediate-mode", "-B", "16384", "-Z", "root"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            if "listening on" in line:
                return self
        raise AssertionError("tcpdump did not start")

    def __exit__(self, *_unused) -> None:
        last = secrets.token_bytes(32)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(last, ("127.0.0.1", _DISCARD_PORT))
        try:
            wait.until(lambda: self.holds(last), "the capture to catch up")
        finally:
            self._process.terminate()
            _, summary = self._process.communicate(timeout=20)
        dropped = re.search(r"(\d+) packets dropped by kernel", summary)
        assert dropped, f"no summary from tcpdump: {summary}"
        assert dropped[1] == "0", f"the capture has gaps: {summary}"

    def holds(self, marker: bytes) -> bool:
        return marker in self.path.read_bytes()
