"""Overload, lost messages, consumers that are gone, clocks that jump."""

import os
import resource
import signal
import time

from cases import CLIENTS, LOAD, case
from guest import agents, genl, load, nfs, usage, wait
from guest.peers import Gate, HalfOpenClients, SilentClient

_DAY = 24 * 3600


@case("agent/half-open", "1000 clients of nfsd that never go on: another "
      "mounts all the same", memory="8G", deadline_s=240, not_emulated=LOAD,
      beside=CLIENTS)
def half_open(bed):
    count = bed.options.get("clients", 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * count, 4 * count))
    nfs.serve(("tls",), threads=16)
    bed.start_agent(busy=True)
    load.run(1, 1)
    crowd = HalfOpenClients(count)
    bed.upcalls.wait_for_accept("server", 17, 60)
    mounted = nfs.mount("tls", deadline_s=120)
    taken = len(bed.upcalls.upcalls("server"))
    bed.note(f"mounted in {mounted.seconds:.1f} s beside {count} clients, of "
             f"which {crowd.asked} had asked and {taken} were taken")
    assert mounted.ok, mounted.message
    bed.check_data(4096)
    nfs.unmount()
    crowd.close()
    bed.upcalls.wait_all_answered(60)


@case("agent/overrun", "the monitor sleeps through 10000 READY, which are "
      "more than its socket takes: nothing that waits is forgotten",
      memory="8G", deadline_s=240, not_emulated=LOAD, beside=CLIENTS)
def overrun(bed):
    nfs.serve(("tls",), threads=16)
    agent = bed.start_agent(busy=True)
    load.run(8, 4)
    agent.wait_for_no_connection()
    used = usage.by_role(agent)
    sockets = genl.listening_inodes(bed.family)
    # With room, so that the kernel finds a listener that can be told.
    with genl.join_group(bed.family) as another, genl.open_socket() as speaker:
        os.kill(agent.pid, signal.SIGSTOP)
        said = _overrun(bed, speaker, another, sockets)
        before = len(bed.upcalls.ready_times())
        clients = load.Load(8, 8, patience_s=60)
        wait.until(lambda: len(bed.upcalls.ready_times()) >= before + 8,
                   "requests in the kernel's queue")
        os.kill(agent.pid, signal.SIGCONT)
    result = clients.finish()
    bed.note(f"{said} READY, {genl.dropped(sockets)} of them dropped; then "
             f"{load.describe(result)}")
    if bed.profile.logs_each_handshake:
        bed.wait_for_event("kernel_trouble")
    later = load.run(8, 4)
    load.expect_served(bed, result, later)
    bed.expect_usage(agent, used)


def _overrun(bed, speaker, another, sockets: set[int]) -> int:
    """Says READY until the agent's socket is full, 10000 times at least."""
    at_least, at_most, batch = 10_000, 200_000, 100
    said = 0
    while said < at_least or not genl.dropped(sockets):
        assert said < at_most, f"{said} READY fit into the agent's socket"
        for _ in range(batch):
            genl.forge_ready(speaker, bed.family)
            another.recv(4096)
        said += batch
        bed.upcalls.ready_times()  # let the observer catch up
    return said


@case("agent/consumer-gone", "nfsd gives up waiting; umount -f in the middle "
      "of a handshake", deadline_s=240)
def consumer_gone(bed):
    nfs.serve(("tls",), threads=8)
    agent = bed.start_agent()
    bed.mount("tls")
    nfs.unmount()
    _nfsd_gives_up(bed, agent)
    _client_gives_up(bed)
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()


def _nfsd_gives_up(bed, agent: agents.Agent) -> None:
    """The answer comes when nobody waits for it any more."""
    served = len(bed.upcalls.upcalls("server"))
    client = SilentClient()
    bed.upcalls.wait_for_accept("server", served + 1)
    agent.signal_all(signal.SIGSTOP)
    client.wait_closed()
    late = bed.upcalls.upcalls("server")[served]
    assert not late.statuses, "answered by whom?"
    agent.signal_all(signal.SIGCONT)
    bed.upcalls.wait_all_answered()
    bed.note(f"nfsd: answered {late.answered_at - late.accepted_at:.1f} s after "
             "the ACCEPT, when nfsd had hung up")
    assert 0 not in late.statuses, "a success without a client"


def _client_gives_up(bed) -> None:
    gate = Gate()
    gate.open()
    (port,) = gate.ports
    mounted = nfs.mount("tls", port=port, more="soft,timeo=100,retrans=1")
    assert mounted.ok, mounted.message
    nfs.write_through_mount("before", b"x")
    gate.close()
    taken = len(bed.upcalls.upcalls("client"))
    gate.cut()
    nfs.use_and_unmount(nfs.MOUNT, lambda: gate.held() >= 1)
    bed.upcalls.wait_all_answered(60)
    ended = bed.upcalls.upcalls("client")[taken]
    bed.note(f"umount -f: answered {ended.answered_at - ended.accepted_at:.1f} "
             f"s after the ACCEPT, status {ended.statuses}")
    assert ended.statuses != [0], "a success without a server"
    gate.open()


@case("agent/clock", "the clock jumps: deadlines stay, certificates expire",
      deadline_s=240)
def clock(bed):
    nfs.serve(("tls",))
    bed.start_agent()
    bed.mount("tls")
    nfs.unmount()
    _jump_in_handshake(bed)
    with _Jump(60 * _DAY):
        bed.mount_refused("tls", "access denied by server")
        bed.expect_log("certificate_expired", "client")
    with _Jump(-20 * _DAY):
        bed.mount_refused("tls", "access denied by server")
        bed.expect_log("certificate_not_yet_valid", "client")
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()


class _Jump:
    """The clock is so far from what it was, as a `with` block."""

    def __init__(self, seconds: int):
        self._seconds = seconds

    def __enter__(self) -> None:
        _set_clock(time.time() + self._seconds)

    def __exit__(self, *_unused) -> None:
        _set_clock(time.time() - self._seconds)


def _set_clock(seconds: float) -> None:
    time.clock_settime(time.CLOCK_REALTIME, seconds)


def _jump_in_handshake(bed) -> None:
    """An hour ahead and back again, with one handshake under way."""
    gate = Gate()
    (port,) = gate.ports
    mounting = nfs.start_mount("tls", port=port)
    wait.until(lambda: gate.held() == 1, "a handshake under way")
    (held,) = bed.upcalls.upcalls("client")[1:]
    with _Jump(3600):
        assert nfs.mount("tls", place=nfs.MOUNT.with_name("other")).ok, \
            "no other handshake meanwhile"
    gate.open()
    mounted = nfs.finish_mount(mounting)
    assert mounted.ok, mounted.message
    took = held.answered_at - held.accepted_at
    bed.note(f"a handshake with a jump of an hour in it: status "
             f"{held.statuses}, after {took:.1f} s")
    assert held.statuses == [0] or took > 3, "its deadline was the clock's"
    nfs.unmount()
    nfs.unmount(nfs.MOUNT.with_name("other"))
