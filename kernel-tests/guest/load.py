"""The clients of a storm: storm_load, a program of its own, in the background.

In Python they would take more of the guest's one CPU than the agent does.
"""

import json
import pathlib
import subprocess

from guest import agents, machine, wait

# Codes of handshakes that a machine was too slow for.
OUT_OF_TIME = ("deadline_first_byte", "deadline_progress", "deadline_total",
               "too_busy")
_PLACE = pathlib.Path("/run")


class Load:
    """`clients` TLS clients of nfsd, `at_once` at a time.

    Each makes one call over its session, takes any certificate of the server,
    and shows `certificate`, if it is not None.
    """

    _number = 0

    def __init__(self, clients: int, at_once: int, *,
                 certificate: str | None = "client", patience_s: float = 15):
        Load._number += 1
        self.clients = clients
        self._progress = _PLACE / f"storm-progress-{Load._number}"
        command = [machine.staged("storm_load"), "--clients", str(clients),
                   "--at-once", str(at_once),
                   "--patience-ms", str(round(patience_s * 1000)),
                   "--progress", str(self._progress)]
        if certificate:
            base = machine.PKI / certificate
            command += ["--certificate", f"{base}.pem", "--key", f"{base}.key"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def ended(self) -> int:
        """How many clients are over, of which ten have ended since."""
        try:
            return int(self._progress.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def wait_ended(self, count: int, deadline_s: float = 60) -> None:
        wait.until(lambda: self.ended() >= count or
                   self._process.poll() is not None,
                   f"{count} clients to end", deadline_s)

    def finish(self, deadline_s: float = 120) -> dict:
        """What became of them; see kernel-tests/load/main.cc."""
        try:
            said, errors = self._process.communicate(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise wait.DeadlineExceeded(
                f"{self.ended()} of {self.clients} clients ended in "
                f"{deadline_s:g} s") from None
        assert self._process.returncode == 0, f"storm_load: {errors}"
        return json.loads(said)


def run(clients: int, at_once: int, *, certificate: str | None = "client",
        deadline_s: float = 120) -> dict:
    """The whole, and its result."""
    return Load(clients, at_once, certificate=certificate).finish(deadline_s)


def expect_served(bed, *results: dict) -> None:
    """Every client got its session, but for those whose time was over.

    On a slow machine that happens; the agent's log has it for each.
    """
    lost = sum(r["clients"] - r["sessions"] for r in results)
    late = sum(record.get("code") in OUT_OF_TIME for agent in bed.agents
               for record in agents.handshake_records(agent.log())
               if record.get("side") == "server")
    if lost:
        bed.note(f"{lost} sessions lost, {late} handshakes out of time")
    assert lost <= late, [r["failures"] for r in results]


def describe(result: dict) -> str:
    failures = ", ".join(f"{count} {why}"
                         for why, count in result["failures"].items())
    rate = result["sessions"] / max(result["wall_ms"] / 1000, 0.001)
    return (f"{result['sessions']} of {result['clients']} sessions, "
            f"{result['at_once']} at once: {rate:.0f}/s, median "
            f"{result['p50_ms']:.0f} ms" + (f"; {failures}" if failures else ""))
