"""Many handshakes at once, and parts of the agent that die in the middle."""

import errno
import os
import signal
import statistics
import time

from cases import CLIENTS, LOAD, case
from guest import (agents, load, machine, manager, nfs, upcalls, usage,
                   wait)
from guest.load import OUT_OF_TIME
from guest.manager import Manager
from guest.peers import Gate, SilentClient, held_mounts

# More slots for waiting requests than nfsd has threads: none is refused.
_MEMORY = "8G"
_NFSD_THREADS = 16
# As many slots as there are clients at once.
_MEMORY_FOR_BURST = "18G"
# How long an agent that is to end may go on with what it has.
_LONGEST_END_S = 2


@case("agent/storm", "clients of nfsd, 16 and 32 at once: each gets a session",
      memory=_MEMORY, deadline_s=240, not_emulated=LOAD, beside=CLIENTS)
def storm(bed):
    clients = bed.options.get("clients", 60)
    nfs.serve(("mtls",), threads=_NFSD_THREADS)
    bed.start_agent(busy=True)
    results = [load.run(clients, at_once) for at_once in (16, 32)]
    for result in results:
        bed.note(load.describe(result))
    load.expect_served(bed, *results)
    taken = len(bed.upcalls.upcalls("server"))
    bed.note(f"server: DONE status {upcalls.explain(bed.upcalls.statuses())}")
    assert taken == 2 * clients, f"{taken} requests for {2 * clients} clients"


@case("agent/worker-killed-load", "workers are killed with many handshakes in "
      "them: those are answered, all others stay", memory=_MEMORY_FOR_BURST,
      deadline_s=240, not_emulated=LOAD, beside=CLIENTS)
def worker_killed_load(bed):
    machine.allow_descriptors()
    count = bed.options.get("handshakes", 40)
    # nfsd waits for a handshake in the thread that asked for it.
    nfs.serve(("tls",), threads=count + 8)
    bed.start_agent(busy=True)
    load.run(1, 1)  # every process has worked once
    _kill_servers_worker(bed, count)
    _kill_clients_worker(bed)


def _kill_servers_worker(bed, count: int) -> None:
    """nfsd is answered at once; handshakes of clients go on."""
    gate, mounts = held_mounts(bed.options.get("mounts", 8))
    others = [u for u in bed.upcalls.upcalls("client") if not u.statuses]
    served = len(bed.upcalls.upcalls("server"))
    silent = [SilentClient() for _ in range(count)]
    # A request more than wait at a time is refused, on a slow machine.
    bed.upcalls.wait_for_accept("server", served + count * 3 // 4, 30)
    _kill_worker(bed, "server", errno.EIO)
    going = sum(not u.statuses for u in others)
    _finish_mounts(bed, gate, mounts)
    _check_untouched(bed, others, going)
    for client in silent:
        client.close()
    bed.upcalls.wait_all_answered()


def _kill_clients_worker(bed) -> None:
    """The kernel is told to try again, and does."""
    gate, mounts = held_mounts(bed.options.get("mounts", 8))
    _kill_worker(bed, "client", errno.ETIMEDOUT)
    assert load.run(1, 1)["sessions"] == 1, "nfsd's worker does not serve"
    _finish_mounts(bed, gate, mounts)
    bed.upcalls.wait_all_answered()


def _finish_mounts(bed, gate: Gate, mounts: list[nfs.DirectMount]) -> None:
    """Each is made in the end, but on a slow machine: after a second try that
    failed the kernel waits 3 seconds, then twice as long after each further
    one, and gives a mount up after 3 minutes."""
    gate.open()
    given_up = 0
    for mount in mounts:
        try:
            mount.finish(600)
        except OSError:
            given_up += 1
        else:
            mount.unmount()
    late = sum(r.get("side") == "client" and r.get("code") in OUT_OF_TIME
               for r in agents.handshake_records(bed.agent.log()))
    bed.note(f"client: {len(mounts) - given_up} of {len(mounts)} mounts made; "
             f"{late} handshakes out of time so far")
    # One try failed for the worker's death, or none.
    assert given_up == 0 or late >= 2 * given_up, f"{given_up} given up"


def _kill_worker(bed, side: str, status: int) -> None:
    """Kills the worker that has the handshakes of `side`; each is answered by
    `status`, but for those whose time is over, and another worker comes."""
    count = sum(u.side == side for u in bed.upcalls.unanswered())
    victim = min(bed.agent.workers(),
                 key=lambda pid: abs(usage.sockets(pid) - count))
    workers = len(bed.agent.workers())
    waiting = bed.upcalls.unanswered()
    killed_at = bed.upcalls.now()
    os.kill(victim, signal.SIGKILL)
    waiting = [u for u in waiting if not u.statuses or
               u.answered_at >= killed_at]
    hit = [u for u in waiting if u.side == side]
    wait.until(lambda: len(set(bed.agent.workers()) - {victim}) == workers,
               "another worker", 30)
    replaced_s = bed.upcalls.now() - killed_at
    wait.until(lambda: all(u.statuses for u in hit),
               f"answers for the dead worker's requests, side {side}", 30)
    records = [r for r in agents.handshake_records(bed.agent.log())
               if r.get("side") == side]
    died = sum(r.get("code") == "worker_died" for r in records)
    late = sum(r.get("code", "").startswith("deadline_") for r in records)
    assert {s for u in hit for s in u.statuses} <= {status, errno.ETIMEDOUT}, \
        f"{side}: {[u.statuses for u in hit]}"
    assert died and died + late >= len(hit), f"{died} + {late} of {len(hit)}"
    bed.note(f"{side}'s worker killed in the middle of {len(waiting)} "
             f"handshakes, {len(hit)} of them its own; another worker after "
             f"{replaced_s:.2f} s")
    _note_answers(bed, side, hit, killed_at)


def _note_answers(bed, side: str, hit: list, killed_at: float) -> None:
    """How soon after the kill, and after the kernel's request, by status."""
    for status in sorted({s for u in hit for s in u.statuses}):
        answered = [u for u in hit if u.statuses == [status]]
        after_kill = sorted(u.answered_at - killed_at for u in answered)
        age = min(u.answered_at - u.accepted_at for u in answered)
        bed.note(f"{side}: {len(answered)} answered {os.strerror(status)!r} "
                 f"{after_kill[0]:.2f} to {after_kill[-1]:.2f} s after the "
                 f"kill (median {statistics.median(after_kill):.2f} s), none "
                 f"sooner than {age:.2f} s after its ACCEPT")


def _check_untouched(bed, others: list, going: int) -> None:
    """Handshakes in other workers took their course."""
    good = sum(u.statuses == [0] for u in others)
    bed.note(f"client: {going} of {len(others)} handshakes in another worker "
             f"went on meanwhile; {good} ended well, the rest later than the "
             "kernel waits")
    failed = [r.get("code") for r in agents.handshake_records(bed.agent.log())
              if r.get("side") == "client" and r.get("outcome") != "ok"]
    assert good and "worker_died" not in failed, failed


@case("agent/restart-under-load", "restarts as systemd makes them, under load: "
      "no handshake is lost", memory=_MEMORY, deadline_s=240,
      sanitizer=False, not_emulated=LOAD, beside=CLIENTS,
      own="its dealings with a service manager")
def restart_under_load(bed):
    clients = bed.options.get("clients", 150)
    nfs.serve(("mtls",), threads=_NFSD_THREADS)
    keeper = Manager("restarts")
    bed.start_agent(environment=keeper.environment(), busy=True)
    keeper.wait_told("READY=1")
    for _ in range(3):
        before = len(bed.upcalls.upcalls())
        crowd = load.Load(clients, 16, patience_s=60)
        wait.until(bed.upcalls.unanswered, "handshakes under way")
        ended_s = _restart(bed, keeper)
        result = crowd.finish()
        bed.note(load.describe(result))
        bed.upcalls.wait_all_answered()
        _check_nothing_lost(bed, result, before, ended_s)
    _restart_with_a_silent_client(bed, keeper)


def _restart(bed, keeper: Manager) -> float:
    """The next agent goes on with the socket that the manager keeps. Returns
    how many seconds the other one took to end."""
    agent, under_way = bed.agent, len(bed.upcalls.unanswered())
    ready = keeper.told().count("READY=1")
    began = time.monotonic()
    os.kill(agent.pid, signal.SIGUSR2)
    wait.until(agent.has_exited, "the agent to end", 15)
    ended_s = time.monotonic() - began
    assert agent.stop() == 0
    (kept,) = keeper.kept("ready")
    bed.start_agent(
        program=str(manager.STARTER), busy=True,
        environment=keeper.hand_over(bed.profile.program, {"ready": kept}))
    keeper.wait_told("READY=1", ready + 1)
    bed.note(f"restart with {under_way} handshakes under way: ended after "
             f"{ended_s:.2f} s, the next one ready after "
             f"{time.monotonic() - began:.2f} s")
    return ended_s


def _check_nothing_lost(bed, result: dict, before: int,
                        ended_s: float) -> None:
    """But what a slow machine had no time for: the agent says so, or nfsd did
    not wait, 5 seconds from its READY on."""
    lost = result["clients"] - result["sessions"]
    codes = [r["code"] for agent in bed.agents[-2:]
             for r in agents.handshake_records(agent.log()) if "code" in r]
    cut_off = codes.count("shutting_down")
    late = cut_off + sum(code in OUT_OF_TIME for code in codes) + sum(
        u.answered_at - ready > 4.5 for u, ready in zip(
            bed.upcalls.upcalls()[before:],
            bed.upcalls.ready_times()[before:]))
    bed.note(f"{lost} sessions lost, {late} handshakes out of time, {cut_off} "
             "of them cut off at the end")
    assert cut_off == 0 or ended_s >= _LONGEST_END_S, codes
    assert lost <= late, f"{result['failures']}, {codes}"
    assert any(agents.handshake_records(bed.agent.log())), \
        "the next agent had nothing to do: no load any more"


def _restart_with_a_silent_client(bed, keeper: Manager) -> None:
    """Nobody has the end of an agent wait for as long as a handshake may."""
    ended = bed.agent
    before = len(bed.upcalls.upcalls("server"))
    client = SilentClient()
    bed.upcalls.wait_for_accept("server", before + 1)
    ended_s = _restart(bed, keeper)
    bed.upcalls.wait_all_answered()
    codes = [r.get("code") for r in agents.handshake_records(ended.log())]
    assert codes[-1] == "shutting_down", codes[-1]
    assert ended_s >= _LONGEST_END_S, "it did not wait for the handshake"
    client.close()


@case("agent/killed-load", "the monitor is killed under load and started "
      "again: what waits is served", memory=_MEMORY, deadline_s=240,
      not_emulated=LOAD, beside=CLIENTS)
def killed_load(bed):
    nfs.serve(("tls",), threads=_NFSD_THREADS)
    agent = bed.start_agent(busy=True)
    load.run(20, 4)
    agent.wait_for_no_connection()
    baseline, files = usage.by_role(agent), usage.open_files()
    accepted = [SilentClient() for _ in range(4)]
    bed.upcalls.wait_for_accept("server", 20 + len(accepted))
    # Stopped first, so that some requests wait in the kernel for certain.
    os.kill(agent.pid, signal.SIGSTOP)
    before = len(bed.upcalls.ready_times())
    waiting = load.Load(8, 8, patience_s=60)
    wait.until(lambda: len(bed.upcalls.ready_times()) >= before + 8,
               "requests in the kernel's queue")
    roles = [pid for pid in agent.processes() if pid != agent.pid]
    agent.kill_monitor()
    abandoned = bed.upcalls.abandon()
    again = bed.start_agent(busy=True)
    _check_queue_served(bed, waiting, before)
    for client in accepted:
        client.wait_closed()
    bed.note(f"{len(abandoned)} handshakes died with the agent; their clients "
             "are rid of nfsd")
    wait.until(lambda: not any(os.path.exists(f"/proc/{pid}")
                               for pid in roles),
               "the processes of the dead monitor to end", 30)
    load.expect_served(bed, load.run(60, 8))
    bed.expect_usage(again, baseline)
    bed.note(f"open files of the guest {files}, {usage.open_files()}")


def _check_queue_served(bed, waiting: load.Load, ready: int) -> None:
    """By the new agent, unless it came too late for the kernel's timer."""
    first_ready = bed.upcalls.ready_times()[ready]
    result = waiting.finish()
    bed.upcalls.wait_all_answered()
    taken = [u for u in bed.upcalls.upcalls("server")
             if u.accepted_at > first_ready]
    bed.note(f"requests in the queue: {load.describe(result)}; the new agent "
             f"took {len(taken)}")
    if taken and taken[0].accepted_at - first_ready < 3:
        load.expect_served(bed, result)
    else:
        bed.note("it came too late for nfsd's timer")
