"""The whole agent without a kernel: its processes, confined as always, make both
ends of handshakes over loopback for this program, which stands in for the
kernel. See agent/testing/without_kernel.cc."""

import contextlib
import pathlib
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

_REQUESTS = 9  # the daemon's descriptor
_CLIENT, _SERVER, _X509 = 1, 2, 3
_MESSAGE_TYPE, _TIMEOUT, _AUTH_MODE, _PEER_NAME = 3, 4, 5, 8
_TIMEOUT_MS = 10_000
_NAME = b"server.example\0"
_DEADLINE_S = 60


def _attribute(number: int, payload: bytes) -> bytes:
    size = 4 + len(payload)
    return struct.pack("=HH", size, number) + payload + bytes(-size % 4)


def _request(kind: int) -> bytes:
    words = ((_MESSAGE_TYPE, kind), (_TIMEOUT, _TIMEOUT_MS),
             (_AUTH_MODE, _X509))
    attributes = b"".join(_attribute(number, struct.pack("=I", value))
                          for number, value in words)
    name = _attribute(_PEER_NAME, _NAME) if kind == _CLIENT else b""
    return attributes + name


_BOTH = (_request(_SERVER), _request(_CLIENT))


class Agent:
    """A daemon that takes requests from here."""

    def __init__(self, program: pathlib.Path, config: pathlib.Path,
                 log: pathlib.Path) -> None:
        self._upcalls, theirs = socket.socketpair(socket.AF_UNIX,
                                                  socket.SOCK_SEQPACKET)
        self._upcalls.settimeout(_DEADLINE_S)
        self._log = log
        with theirs, log.open("wb") as out:
            self._process = subprocess.Popen(
                ["sh", "-c", f'exec "$0" -s -c "$1" {_REQUESTS}<&0 </dev/null',
                 program, config], stdin=theirs, stderr=out)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._asked = 0
        self._open: dict[int, socket.socket] = {}  # by number of the request

    def close(self) -> None:
        self._listener.close()
        self._upcalls.close()
        self._process.terminate()
        self._process.wait(_DEADLINE_S)

    def handshakes(self, count: int, at_once: int) -> None:
        """So many connections, of which it makes both ends."""
        begun = ended = 0
        while ended < 2 * count:
            while begun < count and 2 * begun - ended <= 2 * (at_once - 1):
                self._begin()
                begun += 1
            self._take_answer()
            ended += 1

    def _begin(self) -> None:
        client = socket.create_connection(self._listener.getsockname())
        server, _ = self._listener.accept()
        for end, request in zip((server, client), _BOTH):
            socket.send_fds(self._upcalls, [request], [end.fileno()])
            self._open[self._asked] = end
            self._asked += 1

    def _take_answer(self) -> None:
        try:
            answer = self._upcalls.recv(64)
        except TimeoutError:
            answer = b""
        if len(answer) != 12:
            raise RuntimeError(f"no answer: {self._log.read_text()}")
        number, status, _ = struct.unpack("=III", answer)
        self._open.pop(number).close()
        if status:
            raise RuntimeError(f"status {status}: {self._log.read_text()}")

    def cpu_us(self) -> Counter[str]:
        """What each role has taken so far."""
        return self._sum(lambda task: int(
            (task / "schedstat").read_text().split()[0]) / 1000)

    def switches(self) -> Counter[str]:
        """How often each role has given up the CPU, or lost it."""
        return self._sum(lambda task: sum(
            int(line.split()[1])
            for line in (task / "status").read_text().splitlines()
            if "_ctxt_switches" in line))

    def _sum(self, of) -> Counter[str]:
        found: Counter[str] = Counter()
        monitor = pathlib.Path(f"/proc/{self._process.pid}")
        children = (monitor / f"task/{self._process.pid}/children").read_text()
        for process in (monitor, *(pathlib.Path(f"/proc/{child}")
                                   for child in children.split())):
            role = (process / "comm").read_text().strip()
            name = role.removeprefix("ktlsd-") if role.startswith("ktlsd-") \
                else "monitor"
            found[name] += sum(of(task) for task in
                               (process / "task").iterdir())
        return found


@contextlib.contextmanager
def running(program: pathlib.Path, pki: pathlib.Path) -> Iterator[Agent]:
    """With the keys of one folder that pki_main made."""
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        config = folder / "config"
        config.write_text(_configuration(pki, folder))
        agent = Agent(program, config, folder / "log")
        try:
            yield agent
        finally:
            agent.close()


def _configuration(pki: pathlib.Path, folder: pathlib.Path) -> str:
    text = ""
    trust = _pem(pki / "root.der", folder)
    for side in ("client", "server"):
        text += (f"[authenticate.{side}]\n"
                 f"x509.truststore={trust}\n"
                 f"x509.certificate={_pem(pki / f'{side}.der', folder)}\n"
                 f"x509.private_key={_pem(pki / f'{side}.key', folder)}\n"
                 "ciphers=TLS_AES_256_GCM_SHA384\ngroups=x25519\n")
    return text


def _pem(der: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    text = ssl.DER_cert_to_PEM_cert(der.read_bytes())
    if der.suffix == ".key":
        text = text.replace("CERTIFICATE", "PRIVATE KEY")
    place = folder / f"{der.name}.pem"
    place.touch(mode=0o600)
    place.write_text(text)
    return place


def start_us(program: pathlib.Path, pki: pathlib.Path) -> float:
    """From the start of the daemon to its first answer, in which the time of a
    handshake is."""
    begun = time.monotonic()
    with running(program, pki) as agent:
        agent.handshakes(1, 1)
        return (time.monotonic() - begun) * 1e6
