"""Workers that were taken over, and what stops each attempt of theirs.

The agent is ktlsd_hostile_worker: its own monitor, keeper and verifier, but
workers that do nothing but the one attempt, on a job of nfsd's or, with
pre-shared keys, of NVMe/TCP's. What they may get is in docs/threat-model.md.
"""

import dataclasses
import errno
import secrets
import socket

from cases import case
from guest import agents, machine, nfs, nvme, wait
from guest.agents import Credentials
from guest.peers import SilentClient, StallingServer

_FILTER = ("process_ended", "killed by signal 31")


@dataclasses.dataclass(frozen=True)
class _Attempt:
    name: str
    event: str
    reason: str
    # Needs a job of the client's, which another worker has.
    another: bool = False


def _lie(name: str, reason: str, *, another: bool = False) -> _Attempt:
    return _Attempt(name, "process_misbehaved", reason, another)


_ATTEMPTS = (
    _lie("success-at-once", "success without a signature of ours"),
    _Attempt("success-without-keys", "handshake_done",
             "TCP_ULP is not tls"),
    _lie("success-with-refused-peer", "success with a peer that was refused"),
    _lie("second-signature", "asked for a second signature for one job"),
    _lie("other-scheme", "asked for a scheme that the key does not have"),
    _lie("no-hash", "malformed or unexpected message"),
    _lie("anothers-signature", "asked for the job of another worker",
         another=True),
    _lie("anothers-report", "a report of another's job", another=True),
    _lie("second-verdict", "asked for a second verdict for one job"),
    _lie("secret-of-no-psk", "it asks for a PSK in a job without one"),
    _lie("anothers-psk", "it asks about another's job", another=True),
    _lie("questions-without-end", "it asks on about a job that was ended"),
    _lie("oversize-to-monitor", "a message was cut off"),
    _lie("oversize-to-keeper", "a message was cut off"),
    _lie("oversize-to-verifier", "a message was cut off"),
    *(_Attempt(name, *_FILTER) for name in (
        "copied-descriptor", "sent-descriptor", "open", "socket", "connect",
        "ptrace", "execve", "kill", "io_uring_setup", "io_uring_register")),
    _Attempt("sendmsg-by-ring", "handshake_done", "the ring refused"),
)
# What the run time of a sanitizer itself does, and may.
_OF_SANITIZERS = ("open", "ptrace")


def _start(bed, name: str) -> agents.Agent:
    return bed.start_agent(
        client=Credentials(certificate="client"),
        program=machine.staged("ktlsd_hostile_worker"),
        environment={"KTLSD_HOSTILE_ATTEMPT": name,
                     "KTLSD_HOSTILE_IDENTITY": nvme.identity("02")})


def _server_asks(bed) -> SilentClient | None:
    """A client makes nfsd ask for a handshake, and the worker gets it."""
    before = len(bed.upcalls.upcalls("server"))
    try:
        client = SilentClient()
    except (ConnectionError, TimeoutError):
        # The worker was quicker than nfsd's STARTTLS: it hung up, or keys of
        # its own made that unreadable.
        client = None
    wait.until(lambda: len(bed.upcalls.upcalls("server")) > before,
               "nfsd's request", 10)
    return client


def _wait_stopped(bed, attempt: _Attempt, agent: agents.Agent) -> None:
    def stopped():
        return [e for e in agents.events(agent.log(), attempt.event)
                if e.get("reason") == attempt.reason]
    wait.until(stopped, f"{attempt.name}: {attempt.event} "
               f"{attempt.reason!r} in the agent's log", 10)
    bed.note(f"{attempt.name}: {attempt.reason}")


def _try(bed, attempt: _Attempt, server: StallingServer) -> None:
    agent = _start(bed, attempt.name)
    mounting = None
    if attempt.another:
        before = len(bed.upcalls.upcalls("client"))
        mounting = nfs.start_mount("mtls", port=server.PORT)
        wait.until(lambda: len(bed.upcalls.upcalls("client")) > before,
                   "the client's request", 10)
    client = _server_asks(bed)
    _wait_stopped(bed, attempt, agent)
    if client:
        client.close()
    agent.stop()
    if mounting:
        nfs.finish_mount(mounting)
    bed.upcalls.wait_all_answered()
    assert 0 not in bed.upcalls.statuses(), f"{attempt.name}: a success"


# Its client has no key.
_VOUCH = _lie("success-for-psk-client",
              "it asks for more of a PSK than it may have")


def _serve_psk() -> int:
    """The key's serial."""
    nvme.load_modules()
    key = nvme.add_key(nvme.identity("02"), secrets.token_bytes(48))
    nvme.serve()
    return key


def _vouch_for_psk_client(bed) -> None:
    _serve_psk()
    agent = _start(bed, _VOUCH.name)
    with socket.create_connection(("127.0.0.1", nvme.PORT), 10) as client:
        client.sendall(b"\x16\x03\x01\x00\x80" + bytes(128))
        _wait_stopped(bed, _VOUCH, agent)
    agent.stop()
    bed.upcalls.wait_all_answered()
    assert 0 not in bed.upcalls.statuses(), f"{_VOUCH.name}: a success"


@case("agent/hostile-worker", "a worker that was taken over gets nothing",
      deadline_s=240, modules_if_any=True,
      own="its workers, which have fewer rights")
def hostile_worker(bed):
    nfs.serve(("tls", "mtls"))
    server = StallingServer(stalls=1 << 20)
    for attempt in _ATTEMPTS:
        if not (bed.options["sanitizer"] and attempt.name in _OF_SANITIZERS):
            _try(bed, attempt, server)
    if nvme.built():
        _vouch_for_psk_client(bed)


@case("agent/hostile-admitted", "what a worker that was taken over does get",
      modules_if_any=True, own="its workers, which have fewer rights")
def hostile_admitted(bed):
    nfs.serve(("tls", "mtls"))
    # Keys of its own instead of the handshake's: the connection is of no use to
    # anybody but the worker, and no peer counts as verified.
    agent = _start(bed, "success-with-own-keys")
    client = _server_asks(bed)  # stays open
    bed.upcalls.wait_all_answered()
    (upcall,) = bed.upcalls.upcalls("server")
    assert upcall.statuses == [0], upcall.statuses
    assert upcall.remote_auth == [], "a peer that nobody verified"
    bed.note("success-with-own-keys: admitted, without a peer")
    del client
    agent.stop()
    # The descriptor of a job that it reported as failed.
    agent = _start(bed, "kept-descriptor")
    client = _server_asks(bed)  # stays open
    bed.upcalls.wait_all_answered()
    assert bed.upcalls.statuses("server")[1:] == [errno.EIO], \
        bed.upcalls.statuses("server")
    agent.keeps_connections = True
    bed.note("kept-descriptor: admitted, as long as the worker lives")
    del client
    agent.stop()
    if nvme.built():
        _vouch_for_psk_server(bed)


def _vouch_for_psk_server(bed) -> None:
    """Only the server's Finished shows that it has the key, and the worker that
    reads it could have made it."""
    key = _serve_psk()
    agent = _start(bed, "success-for-psk-server")
    before = len(bed.upcalls.upcalls("client"))
    connecting = nvme.start_connect(tls_key=key)
    bed.upcalls.wait_for_done("client", before + 1)
    upcall = bed.upcalls.upcalls("client")[before]
    assert upcall.statuses == [0], upcall.statuses
    assert upcall.remote_auth == [key], upcall.remote_auth
    bed.note("success-for-psk-server: admitted, with the key of the request")
    agent.stop()
    connecting.wait(60)
