"""The agent under test: starting, watching and stopping it.

What differs from agent to agent (command, wording of the log) is in one
Profile each; cases speak of the codes of ktlsd's error table only.
"""

import dataclasses
import errno
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

from guest import genl, machine, tlshd, wait

# name=value, name="what has to be quoted"; see agent/log/log_event.cc.
_FIELD = re.compile(r'(\w+)=(?:([^\s"]+)|"((?:[^"\\]|\\.)*)")')
_WHOLE_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_LINE = re.compile(rf"{_FIELD.pattern}(?: {_FIELD.pattern})*")
_ESCAPED = re.compile(r'\\(["\\])')

# Configurations, and whatever else a case wants to change while it runs.
RUN = pathlib.Path("/run/ktlsd-test")


@dataclasses.dataclass(frozen=True)
class Credentials:
    """One [authenticate.*] section; names of files of the test PKI.

    Each may also be a path, without ".pem" and ".key".
    """

    truststore: str | None = "ca"
    certificate: str | None = None
    crl: str | None = None
    pq_certificate: str | None = None

    def section(self, name: str, group: str = "authenticate") -> str:
        lines = [f"[{group}.{name}]"]
        if self.truststore:
            lines.append(
                f"x509.truststore={machine.PKI / self.truststore}.pem")
        if self.crl:
            lines.append(f"x509.crl={machine.PKI / self.crl}.pem")
        for kind, name in (("", self.certificate),
                           ("pq.", self.pq_certificate)):
            if name:
                base = machine.PKI / name
                lines.append(f"x509.{kind}certificate={base}.pem")
                lines.append(f"x509.{kind}private_key={base}.key")
        return "\n".join(lines) + "\n"


@dataclasses.dataclass(frozen=True)
class Profile:
    """What to expect of an agent beyond what every agent must do."""

    name: str
    program: str
    # finds(log, code, side): whether the log gives this reason.
    finds: Callable[[str, str, str], bool]
    # Exit statuses after SIGTERM.
    ends_with: tuple[int, ...] = (0,)
    # A regular expression that the command lines of those children match who do
    # the handshakes.
    worker: str = r"\bworker\b"
    # One line of fields for each handshake.
    logs_each_handshake: bool = True
    # Statuses of a refusal.
    refuses_with: tuple[int, ...] = (errno.EACCES,)
    # The rest are the ways in which tlshd falls short.
    keeps_deadlines: bool = True
    sends_alerts: bool = True
    # Asks what the kernel can do by a DONE for descriptor -1.
    probes_with_done: bool = False


# How tlshd 1.0.0 and 1.4.0 word what their client finds. About a client's
# certificate, the server's log names no reason (1.0.0) or every one (1.4.0).
_TLSHD_CLIENT_TEXTS = {
    "certificate_expired": "Certificate expired",
    "certificate_name_mismatch": "Certificate owner unexpected",
    "certificate_unknown_issuer": "Certificate signer not found",
}


def _tlshd_finds(log: str, code: str, side: str) -> bool:
    text = _TLSHD_CLIENT_TEXTS.get(code, "") if side == "client" else ""
    return text in log


def _ktlsd_finds(log: str, code: str, side: str) -> bool:
    return any(r.get("code") == code and r.get("side") == side
               for r in handshake_records(log))


PROFILES = {
    "ktlsd": Profile(name="ktlsd", program="/ktlsd/agent/ktlsd",
                     finds=_ktlsd_finds),
    "tlshd": Profile(name="tlshd", program=tlshd.OF_THE_ROOT,
                     finds=_tlshd_finds, ends_with=(0, -signal.SIGTERM),
                     worker="",
                     refuses_with=(errno.EACCES, errno.EIO, errno.ETIMEDOUT),
                     logs_each_handshake=False, keeps_deadlines=False,
                     sends_alerts=False, probes_with_done=True),
}


def profile(name: str) -> Profile:
    """That of an agent; a program that was staged comes first."""
    own, found = machine.AGENT / name, PROFILES[name]
    if own.is_file():
        return dataclasses.replace(found, program=str(own))
    if name == "tlshd":
        return dataclasses.replace(found, program=tlshd.program())
    return found


def _lines(log: str) -> Iterator[str]:
    """One by one: a soak's log is tens of megabytes of the guest's memory."""
    return (found.group().rstrip("\n") for found in _WHOLE_LINE.finditer(log))


def events(log: str, kind: str) -> Iterator[dict[str, str]]:
    """The fields of each of ktlsd's lines about one kind of event."""
    records = (_fields(line) for line in _lines(log))
    return (r for r in records if r.get("event") == kind)


def handshake_records(log: str) -> Iterator[dict[str, str]]:
    return events(log, "handshake_done")


def log_faults(log: str) -> list[str]:
    """Lines of ktlsd's log that are not what they should be."""
    faults = [f"not a line of fields: {line!r}" for line in _lines(log)
              if not _fields(line).get("event")]
    return faults + [
        f"a handshake of job {r.get('job')} failed, the log does not say why"
        for r in handshake_records(log)
        if r.get("outcome") != "ok" and not (r.get("reason") and r.get("code"))]


def environment_of(options: dict) -> dict[str, str]:
    """What the run's options ask of an agent."""
    found = {}
    if loop := options.get("event_loop"):
        found["KTLSD_EVENT_LOOP"] = loop
    if options.get("quarantine") == 0:
        found["ASAN_OPTIONS"] = ("quarantine_size_mb=0:"
                                 "thread_local_quarantine_size_kb=0:"
                                 "allocator_release_to_os_interval_ms=-1")
    return found


def other_loops(log: str, options: dict) -> list[str]:
    """Event loops that workers chose instead of the one that was asked for."""
    loop = options.get("event_loop")
    return [chosen for record in events(log, "started")
            if (chosen := record.get("event_loop")) and loop not in
            (None, chosen)]


def _fields(line: str) -> dict[str, str]:
    """Of a line that is nothing else. Quick: soaks write very many of them."""
    if not _LINE.fullmatch(line):
        return {}
    return {name: _ESCAPED.sub(r"\1", quoted) if quoted else plain
            for name, plain, quoted in _FIELD.findall(line)}


class Agent:
    """A running agent. Its log is kept in /ktlsd/out as it comes, or, where it
    is much, saved there at the end."""

    def __init__(self, profile: Profile, family: genl.Family,
                 client: Credentials, server: Credentials, number: int,
                 program: str | None = None,
                 environment: dict[str, str] | None = None,
                 *, busy: bool = False, more: str = "",
                 configuration: str | None = None):
        """`busy`: it will log so much that its log is kept in memory.

        `more`: further groups of its configuration. `configuration`: all of it,
        instead.
        """
        self.profile = profile
        self.was_killed = False
        self.keeps_connections = False  # a process of it is made to
        self._family = family
        RUN.mkdir(parents=True, exist_ok=True)
        self.config = RUN / f"config-{number}"
        if configuration is None:
            self.configure(client, server, more)
        else:
            self.config.write_text(configuration)
        log = _BusyLog(number) if busy else _Log(number)
        self._process = subprocess.Popen(
            [program or profile.program, "-c", str(self.config), "-s"],
            stdin=subprocess.DEVNULL, stdout=log.target,
            stderr=subprocess.STDOUT,
            env=_environment(number, environment or {}))
        self._log = log
        self._log.follow(self._process)

    def configure(self, client: Credentials, server: Credentials,
                  more: str = "") -> None:
        """Writes its configuration; see `reload`."""
        self.config.write_text("[debug]\nloglevel=0\ntls=0\nnl=0\n"
                               + client.section("client")
                               + server.section("server") + more)

    def reload(self) -> None:
        """Tells it to read its configuration again."""
        self._process.send_signal(signal.SIGHUP)

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        return self._log.text()

    def save_log(self) -> None:
        self._log.save()

    def wait_listening(self, deadline_s: float = 60) -> None:
        """Until one of its processes is in the kernel's multicast group."""
        wait.until(self._listens, f"{self.profile.name} to listen", deadline_s)

    def wait_confined(self, deadline_s: float = 10) -> None:
        """Until ktlsd's other processes have begun their work, the last of
        which is a worker: each has filtered its system calls by then."""
        def confined() -> bool:
            roles = set(self.processes()) - {self.pid}
            return set(self.workers()) <= roles and len(roles) > 2 and \
                all(map(_is_filtered, roles))
        wait.until(confined, "ktlsd's processes to be confined", deadline_s)

    def wait_for_log(self, code: str, side: str,
                     deadline_s: float = 5) -> None:
        def found():
            return self.profile.finds(self.log(), code, side)
        wait.until(found, f"{code} (side {side}) in the agent's log",
                   deadline_s)

    def workers(self) -> list[int]:
        return [p for p in self.processes() if p != self.pid and
                re.search(self.profile.worker, _command_line(p))]

    def processes(self) -> list[int]:
        """The agent and all its descendants."""
        parents = _parents()
        tree = {self.pid}
        while True:
            more = {p for p, parent in parents.items()
                    if parent in tree and p not in tree}
            if not more:
                return sorted(tree)
            tree |= more

    def wait_for_no_connection(self, deadline_s: float = 15) -> None:
        """Until it has closed every connection that it was given."""
        wait.until(lambda: not any(map(remote_ports, self.processes())),
                   f"{self.profile.name} to close its connections", deadline_s)

    def stop(self, deadline_s: float = 15) -> int:
        """Asks it to stop; returns the exit status (sanitizers report now)."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._end(deadline_s)

    def kill(self) -> None:
        """Kills every process of it at once, as a power cut would."""
        self.was_killed = True
        self.signal_all(signal.SIGKILL)
        self._end(5)

    def signal_all(self, number: int) -> None:
        for pid in self.processes():
            kill(pid, number)

    def kill_monitor(self) -> None:
        """Kills the first process alone; the others have to find out."""
        self.was_killed = True
        kill(self.pid, signal.SIGKILL)
        self._process.wait(timeout=15)

    def has_exited(self) -> bool:
        return self._process.poll() is not None

    def _end(self, deadline_s: float) -> int:
        try:
            status = self._process.wait(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            raise wait.DeadlineExceeded(
                f"{self.profile.name} did not end in {deadline_s:g} s"
            ) from None
        self._log.end()
        return status

    def _listens(self) -> bool:
        if self.has_exited():
            raise AssertionError(f"{self.profile.name} ended at once, status "
                                 f"{self._process.returncode}: {self.log()}")
        inodes = genl.listening_inodes(self._family)
        return any(inodes & socket_inodes(p) for p in self.processes())


class _Log:
    """What an agent writes, line by line: in /ktlsd/out even if all else dies.
    """

    target: int = subprocess.PIPE

    def __init__(self, number: int):
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._file = os.open(
            machine.OUT / f"agent-{number}.log",
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._reader: threading.Thread | None = None

    def follow(self, process: subprocess.Popen) -> None:
        self._reader = threading.Thread(target=self._read,
                                        args=(process.stdout,), daemon=True)
        self._reader.start()

    def text(self) -> str:
        with self._changed:
            return "".join(self._lines)

    def end(self) -> None:
        self._reader.join(timeout=5)

    def save(self) -> None:
        """It is there already."""

    def _read(self, pipe) -> None:
        with pipe:
            for line in iter(pipe.readline, b""):
                os.write(self._file, line)
                os.fdatasync(self._file)
                with self._changed:
                    self._lines.append(line.decode(errors="replace"))


class _BusyLog:
    """A file in memory that the agent writes without us, saved at the end."""

    def __init__(self, number: int):
        self._name = f"agent-{number}.log"
        self._path = RUN / self._name
        self.target = os.open(self._path, os.O_WRONLY | os.O_CREAT |
                              os.O_APPEND | os.O_CLOEXEC, 0o644)

    def follow(self, _process: subprocess.Popen) -> None:
        os.close(self.target)

    def text(self) -> str:
        return self._path.read_text(errors="replace")

    def end(self) -> None:
        """There is nothing to wait for."""

    def save(self) -> None:
        machine.write_out(self._name, self.text())


def _environment(number: int, more: dict[str, str]) -> dict[str, str]:
    """Sanitizers, where the agent has them, write beside the other logs; what
    `more` has of their options comes on top."""
    # There is no symbolizer in the guest: addresses only, see the README.
    common = f"log_path={machine.OUT}/sanitizer-{number}:symbolize=0"
    own = {"ASAN_OPTIONS": f"{common}:detect_leaks=1:exitcode=99:"
                           "detect_stack_use_after_return=1",
           "UBSAN_OPTIONS": f"{common}:print_stacktrace=1:halt_on_error=1",
           "LSAN_OPTIONS": f"{common}:exitcode=99"}
    added = {name: f"{own[name]}:{value}" if name in own else value
             for name, value in more.items()}
    return {**os.environ, **own, **added}


def _is_filtered(pid: int) -> bool:
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "Seccomp:\t2" in status


def _parents() -> dict[int, int]:
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry)] = int(parent)
    return parents


def _command_line(pid: int) -> str:
    try:
        raw = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace")


def socket_inodes(pid: int) -> set[int]:
    return set(_sockets(pid).values())


def _sockets(pid: int) -> dict[int, int]:
    """The inode of each descriptor that is a socket."""
    inodes = {}
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{entry}")
            if target.startswith("socket:["):
                inodes[int(entry)] = int(target[8:-1])
    except OSError:
        pass  # it ended while we looked
    return inodes


def remote_ports(pid: int) -> list[int]:
    """Of each socket of it that is of TCP, in whatever state or namespace; 0
    where there is no other end."""
    ports = []
    for descriptor in _sockets(pid):
        copy = machine.descriptor_of(pid, descriptor)
        if copy is None:
            continue
        with socket.socket(fileno=copy) as seen:
            if seen.family in (socket.AF_INET, socket.AF_INET6):
                ports.append(_remote_port(seen))
    return ports


def _remote_port(sock: socket.socket) -> int:
    try:
        return sock.getpeername()[1]
    except OSError:
        return 0


def kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
