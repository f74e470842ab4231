"""The agent is missing, late, killed, or its peer keeps it waiting."""

import errno
import os
import signal

from cases import case
from guest import agents, genl, machine, nfs, wait
from guest.agents import Credentials
from guest.peers import SilentClient, StallingServer

# ESRCH, in mount's words: nobody is in the kernel's multicast group.
_NO_AGENT = "No such process"

# The kernel's own timers, which run from the moment the request is queued.
_KERNEL_CLIENT_S, _KERNEL_SERVER_S = 10, 5

# Handshakes at once for workers that get no CPU: all at the same time too late.
_LATE = 8

# What an agent says that ran out of time, and its other half, whose peer is
# gone then; None is a success.
_OUT_OF_TIME = ("deadline_total", "too_busy", "peer_closed", None)


@case("agent/none", "without an agent the mount fails at once")
def none(bed):
    nfs.serve(("tls",))
    bed.mount_refused("tls", _NO_AGENT, within_s=3)
    assert not bed.upcalls.upcalls(), "somebody accepted"


@case("agent/late", "an agent takes what was queued before it started")
def late(bed):
    nfs.serve(("tls",))
    # Once before, for its program to be in memory: a first start takes about as
    # long as nfsd waits.
    bed.start_agent()
    bed.agent.stop()
    # Stands in for an agent that is there, so that the kernel queues.
    with genl.join_group(bed.family):
        mounting = nfs.start_mount("tls")
        wait.until(lambda: len(bed.upcalls.ready_times()) >= 2,
                   "a READY from both ends")
        bed.start_agent()
        mounted = nfs.finish_mount(mounting)
    assert mounted.ok, mounted.message
    bed.check_data()
    bed.upcalls.wait_all_answered()
    _check_taken_late(bed, "client", _KERNEL_CLIENT_S)
    _check_taken_late(bed, "server", _KERNEL_SERVER_S)
    if len(bed.upcalls.upcalls()) == 2:
        ready = len(bed.upcalls.ready_times())
        assert ready == 2, f"{ready} READY: the kernel does not repeat itself"
    nfs.unmount()


def _check_taken_late(bed, side: str, kernel_waits_s: float) -> None:
    """What was queued was taken without a further READY, and served.

    On a slow machine time runs out: for the kernel, which then asks anew, or
    for the agent, which does not know how old a request is. That is the only
    reason for another try that is accepted, and the last has to succeed.
    """
    first, *later = bed.upcalls.upcalls(side)
    taken_s = first.accepted_at - bed.upcalls.ready_times()[0]
    worked_s = first.answered_at - first.accepted_at
    bed.note(f"{side}: first taken after {first.ready_before} READY and "
             f"{taken_s:.1f} s, status {first.statuses[0]} {worked_s:.1f} s "
             f"later; {len(later)} more")
    assert first.ready_before == 2 or taken_s > kernel_waits_s, \
        f"{side}: waited for READY, which the kernel does not repeat"
    *failed, last = bed.upcalls.statuses(side)
    assert last == 0, f"{side}: DONE status {last} at last"
    for record in agents.handshake_records(bed.agent.log()):
        assert not failed or record.get("code") in _OUT_OF_TIME, record


def _mount_again(bed) -> None:
    bed.mount("mtls")
    bed.check_data(4096)
    nfs.unmount()


@case("agent/restart", "stopped and started again: the next mount works")
def restart(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"))
    _mount_again(bed)
    bed.agent.stop()
    bed.mount_refused("mtls", _NO_AGENT, within_s=3)
    bed.start_agent(client=Credentials(certificate="client"))
    _mount_again(bed)


@case("agent/killed", "killed under a mount: data flows on; then a new one")
def killed(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"))
    bed.mount("mtls")
    bed.agent.kill()
    # The kernel has the keys; it needs no agent for a connection that is up.
    bed.check_data(4096)
    nfs.unmount()
    bed.start_agent(client=Credentials(certificate="client"))
    _mount_again(bed)


def _kill_in_handshake(bed, number: int) -> None:
    """Sends `number` to every worker while one waits for its peer."""
    nfs.serve(("tls",))
    agent = bed.start_agent()
    server = StallingServer()
    mounting = nfs.start_mount("tls", port=server.PORT)
    server.wait_for_hello()
    workers = agent.workers()
    assert workers, "the agent has no worker process"
    for worker in workers:
        os.kill(worker, number)
    (upcall,) = bed.upcalls.upcalls("client")[:1]
    wait.until(lambda: upcall.statuses, "a DONE for the worker that died",
               _KERNEL_CLIENT_S)
    took = upcall.answered_at - upcall.accepted_at
    bed.note(f"answered {took:.1f} s after the ACCEPT")
    assert upcall.statuses == [errno.ETIMEDOUT], upcall.statuses
    # The kernel tries again, and a new worker serves it.
    mounted = nfs.finish_mount(mounting)
    assert mounted.ok, mounted.message
    bed.check_data(4096)
    nfs.unmount()


@case("agent/worker-killed", "a worker is killed in the middle of a handshake")
def worker_killed(bed):
    _kill_in_handshake(bed, signal.SIGKILL)
    bed.expect_log("worker_died", "client")


@case("agent/worker-stopped", "a worker stops in the middle of a handshake")
def worker_stopped(bed):
    _kill_in_handshake(bed, signal.SIGSTOP)


@case("agent/worker-late", "workers that come too late, but come, are kept")
def worker_late(bed):
    nfs.serve(("tls",), threads=_LATE + 8)
    _start_and_use(bed)
    served = len(bed.upcalls.upcalls("server"))
    workers = bed.agent.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    clients = [SilentClient() for _ in range(_LATE)]
    bed.upcalls.wait_for_done("server", served + _LATE)
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    late = bed.upcalls.upcalls("server")[served:]
    waited = [u.answered_at - u.accepted_at for u in late]
    bed.note(f"{len(late)} answered after {min(waited):.1f} to "
             f"{max(waited):.1f} s")
    assert max(waited) < _KERNEL_SERVER_S, "the kernel gave up first"
    for client in clients:
        client.close()
    bed.expect_log("too_busy", "server")
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()
    assert bed.agent.workers() == workers, "a late worker was killed"


def _start_and_use(bed) -> None:
    """Starts an agent and lets it serve once, so that its workers run.

    On a slow machine their start takes the time that a case is about.
    """
    bed.start_agent()
    bed.mount("tls")
    nfs.unmount()


@case("agent/silent-server", "a server that stays silent: answered in time")
def silent_server(bed):
    nfs.serve(("tls",))
    _start_and_use(bed)
    served = len(bed.upcalls.upcalls("client"))
    server = StallingServer()
    mounting = nfs.start_mount("tls", port=server.PORT)
    bed.upcalls.wait_for_accept("client", served + 1)
    _expect_timeout(bed, "client", served, _KERNEL_CLIENT_S)
    mounted = nfs.finish_mount(mounting)
    assert mounted.ok, mounted.message
    nfs.unmount()


@case("agent/silent-client", "a client that stays silent: answered in time")
def silent_client(bed):
    nfs.serve(("tls",))
    _start_and_use(bed)
    served = len(bed.upcalls.upcalls("server"))
    client = SilentClient()
    bed.upcalls.wait_for_accept("server", served + 1)
    _expect_timeout(bed, "server", served, _KERNEL_SERVER_S)
    client.close()
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()


def _expect_timeout(bed, side: str, number: int, kernel_s: float) -> None:
    upcall = bed.upcalls.upcalls(side)[number]
    wait.until(lambda: upcall.statuses, f"a DONE, side {side}", kernel_s)
    took = upcall.answered_at - upcall.accepted_at
    bed.note(f"answered {took:.1f} s after the ACCEPT; the kernel would have "
             f"given up after {kernel_s} s")
    assert upcall.statuses == [errno.ETIMEDOUT], upcall.statuses
    assert took < kernel_s, f"answered after {took:.1f} s"


@case("agent/not-tls", "a client that sends something else than TLS")
def not_tls(bed):
    nfs.serve(("tls",))
    _start_and_use(bed)
    served = len(bed.upcalls.statuses("server"))
    client = SilentClient()
    client.send(b"GET / HTTP/1.0\r\n\r\n" * 8)
    bed.upcalls.wait_for_done("server", served + 1)
    assert 0 not in bed.upcalls.statuses("server")[served:]
    bed.expect_log("not_tls", "server")
    client.close()
    bed.mount("tls")
    nfs.unmount()


@case("agent/broken-readback", "keys that cannot be confirmed are no success",
      own="that it reads back what it installed")
def broken_readback(bed):
    nfs.serve(("tls",))
    bed.start_agent(program=machine.staged("ktlsd_broken_readback"))
    bed.mount_refused("tls", "")
    assert 0 not in bed.upcalls.statuses(), "success without proof"
    bed.expect_log("offload_not_confirmed", "client")
