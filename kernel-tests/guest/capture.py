"""A capture of what crosses the loopback device."""

import pathlib
import re
import subprocess

from guest import machine


class Capture:
    """tcpdump on lo into /ktlsd/out, from a `with` block."""

    def __init__(self, name: str):
        self.path = machine.OUT / f"{name}.pcap"
        self._process = None

    def __enter__(self) -> "Capture":
        self._process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-w", str(self.path), "-U", "-s", "0",
             "-B", "16384", "-Z", "root"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            if "listening on" in line:
                return self
        raise AssertionError("tcpdump did not start")

    def __exit__(self, *_unused) -> None:
        self._process.terminate()
        _, summary = self._process.communicate(timeout=20)
        dropped = re.search(r"(\d+) packets dropped by kernel", summary)
        assert dropped, f"no summary from tcpdump: {summary}"
        assert dropped[1] == "0", f"the capture has gaps: {summary}"

    def holds(self, marker: bytes) -> bool:
        return marker in pathlib.Path(self.path).read_bytes()
