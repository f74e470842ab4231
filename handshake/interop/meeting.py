"""Runs one handshake between our driver and a peer, and judges it."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from cases import DEFAULT, DUAL, SCHEMES, Case
from peers import NAME, OURS, THEIRS, Peer
from pki import Pki

DEADLINE = 20  # seconds for one handshake, on a busy machine
POLL = 0.01    # seconds


class Failed(Exception):
    """What is wrong, in one line, and then what the programs said."""


class Meeting:
    """One peer's program and our driver, in a folder of their own."""

    def __init__(self, driver: str, pki: Pki, peer: Peer, case: Case,
                 folder: pathlib.Path):
        self.driver, self.pki, self.peer, self.case = driver, pki, peer, case
        self.folder = folder
        folder.mkdir(parents=True)
        self.key_log = folder / "key_log"
        self.output = folder / "peer_output"

    def with_server(self, **changes: str) -> dict[str, str]:
        """Our client meets the peer's server; what our client reports."""
        for _ in range(3):  # another program may take the port first
            port = free_port()
            command = self.peer.serve(self.case, port, self.key_log)
            server = self._start(command.arguments)
            try:
                if await_listener(server, port):
                    return self._client(command, port, changes)
            finally:
                stop(server)
        raise Failed("the peer's server does not listen\n" + self._said())

    def with_client(self, **changes: str) -> dict[str, str]:
        """The peer's client meets our server; what our server reports."""
        driver = subprocess.Popen(
            self._driver("server", {
                "suites": self.case.suite, "groups": self.case.group,
                "client-auth": "require" if self.case.mutual else "none",
                **self._ours("server"), "send": OURS, "expect": THEIRS, **changes}),
            stdout=subprocess.PIPE, text=True)
        try:
            port = int(driver.stdout.readline().strip().removeprefix("port="))
            command = self.peer.connect(self.case, port, self.key_log)
            client = self._start(command.arguments)
            try:
                return self._server(driver, client)
            finally:
                stop(client)
        finally:
            stop(driver)

    def check(self, role: str, report: dict[str, str]) -> None:
        """Raises Failed unless `report`, of our `role`, is as it must be."""
        if report.get("outcome") != "ok":
            raise Failed(f"{report}\n" + self._said())
        other = "client" if role == "server" else "server"
        theirs = role == "client" or self.case.mutual
        wanted = {
            "exit": "0", "suite": self.case.suite, "group": self._group(),
            "hello_retry": self.case.retry, "resumption": "none",
            "peer_subject": f"CN={self.case.kind}-{other}" if theirs else ""}
        for name, value in wanted.items():
            if report.get(name) != value:
                raise Failed(f"{name} is {report.get(name)}, not {value}")
        ours = role == "server" or self.case.mutual
        for name, used in (("our_scheme", ours), ("peer_scheme", theirs)):
            wanted_scheme = SCHEMES[self.case.kind] if used else "none"
            if not report[name].startswith(wanted_scheme):
                raise Failed(f"{name} is {report[name]}, not {wanted_scheme}")
        if self.peer.no_key_log is None:
            self._check_secrets(report)

    def _group(self) -> str:
        """The group that must come out."""
        return (self.peer.best_group if self.case.group == DEFAULT
                else self.case.group)

    def _check_secrets(self, report: dict[str, str]) -> None:
        text = self.key_log.read_text()
        for name in ("client", "server"):
            logged = re.findall(
                rf"^{name.upper()}_TRAFFIC_SECRET_0 \S+ (\S+)$", text, re.M)
            if logged != [report[f"{name}_secret"]]:
                raise Failed(f"{name}'s traffic secret: the peer logged "
                             f"{logged}, ours is {report[f'{name}_secret']}")

    def _client(self, command, port: int, changes) -> dict[str, str]:
        mine = {}
        if self.case.mutual:
            mine = self._ours("client")
        arguments = self._driver("client", {
            "port": port, "name": NAME, "suites": self.case.suite,
            "groups": ",".join(self.case.client_groups),
            "shares": self.case.first_group, "send": command.send,
            "expect": command.expect, **mine, **changes})
        done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True,
                              timeout=2 * DEADLINE)
        return parse(done.stdout, done.returncode)

    def _server(self, driver, client) -> dict[str, str]:
        client.stdin.write(f"{THEIRS}\n".encode())
        client.stdin.flush()
        output = driver.communicate(timeout=2 * DEADLINE)[0]
        report = parse(output, driver.returncode)
        if report.get("outcome") == "ok":
            # Our data is there when the client's output has it.
            end = time.monotonic() + DEADLINE
            while OURS not in self._said():
                if time.monotonic() > end:
                    raise Failed("our data did not arrive\n" + self._said())
                pause(client)
        return report

    def _ours(self, role: str) -> dict[str, str]:
        kinds = (self.peer.dual_kinds if self.case.auth == DUAL
                 else (self.case.kind,))
        return {
            "certificate": ",".join(str(self.pki.chain(k, role))
                                    for k in kinds),
            "key": ",".join(str(self.pki.key(k, role)) for k in kinds)}

    def _driver(self, role: str, options: dict) -> list[str]:
        options = {"role": role, "authorities": self.pki.authorities,
                   "timeout-ms": DEADLINE * 1000, **options}
        return [self.driver, *(f"--{k}={v}" for k, v in options.items()
                               if v != DEFAULT)]

    def _start(self, command: list[str]) -> subprocess.Popen:
        environment = {**os.environ, "HOME": str(self.folder),
                       "SSLKEYLOGFILE": str(self.key_log)}
        with self.output.open("wb") as out:
            return subprocess.Popen(command, env=environment, stdout=out,
                                    stderr=subprocess.STDOUT,
                                    stdin=subprocess.PIPE, cwd=self.folder)

    def _said(self) -> str:
        return self.output.read_text(errors="replace")[-3000:]


def parse(output: str, status: int) -> dict[str, str]:
    """The driver's report, with its exit status: sanitizers speak by it."""
    report = dict(line.split("=", 1) for line in output.splitlines())
    return {**report, "exit": str(status)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_listener(server: subprocess.Popen, port: int) -> bool:
    """True once somebody listens; a connection to find out would count."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and server.poll() is None:
        if listens(port):
            return True
        pause(server)
    return False


def listens(port: int) -> bool:
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").open():
            fields = line.split()
            if fields[3] == "0A" and fields[1].endswith(f":{port:04X}"):
                return True
    return False


def pause(process: subprocess.Popen) -> None:
    """Waits a moment, or until the process ends."""
    try:
        process.wait(POLL)
    except subprocess.TimeoutExpired:
        pass


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    process.wait()
