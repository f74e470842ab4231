"""Many handshakes at once, and parts of the agent that die in the middle."""

import errno
import os
import signal

from cases import LOAD, Skip, case
from guest import agents, load, machine, nfs, upcalls, usage, wait
from guest.peers import Gate, SilentClient

# More slots for waiting requests than nfsd has threads: none is refused.
_MEMORY = "8G"
_NFSD_THREADS = 16
# As many slots as there are clients at once.
_MEMORY_FOR_BURST = "18G"


@case("agent/storm", "clients of nfsd, 16 and 32 at once: each gets a session",
      memory=_MEMORY, deadline_s=240, not_emulated=LOAD)
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


def _only_ktlsd(bed) -> None:
    if not bed.profile.answers_for_dead_workers:
        raise Skip(f"{bed.profile.name} does not answer for a dead worker")


@case("agent/worker-killed-load", "workers are killed with many handshakes in "
      "them: those are answered, all others stay", memory=_MEMORY_FOR_BURST,
      deadline_s=240, not_emulated=LOAD)
def worker_killed_load(bed):
    _only_ktlsd(bed)
    machine.allow_descriptors()
    count = bed.options.get("handshakes", 40)
    # nfsd waits for a handshake in the thread that asked for it.
    nfs.serve(("tls",), threads=count + 8)
    bed.start_agent(busy=True)
    load.run(1, 1)  # every process has worked once
    _kill_servers_worker(bed, count)
    _kill_clients_worker(bed)


def _kill_servers_worker(bed, count: int) -> None:
    """nfsd is answered at once; handshakes of clients end well."""
    gate, mounts = _held_mounts(bed)
    others = bed.upcalls.upcalls("client")
    served = len(bed.upcalls.upcalls("server"))
    silent = [SilentClient() for _ in range(count)]
    # A request more than wait at a time is refused, on a slow machine.
    bed.upcalls.wait_for_accept("server", served + count * 3 // 4, 30)
    _kill_worker(bed, "server", errno.EIO)
    _finish_mounts(gate, mounts)
    _check_untouched(bed, others)
    for client in silent:
        client.close()
    bed.upcalls.wait_all_answered()


def _kill_clients_worker(bed) -> None:
    """The kernel is told to try again, and does."""
    gate, mounts = _held_mounts(bed)
    _kill_worker(bed, "client", errno.ETIMEDOUT)
    assert load.run(1, 1)["sessions"] == 1, "nfsd's worker does not serve"
    _finish_mounts(gate, mounts)
    bed.upcalls.wait_all_answered()


def _held_mounts(bed) -> tuple[Gate, list[nfs.DirectMount]]:
    """NFS clients, each in the middle of a handshake."""
    gate = Gate(bed.options.get("mounts", 8))
    mounts = [nfs.DirectMount(nfs.MOUNT / str(port), port)
              for port in gate.ports]
    wait.until(lambda: gate.held() >= len(mounts), "the clients' handshakes",
               60)
    return gate, mounts


def _finish_mounts(gate: Gate, mounts: list[nfs.DirectMount]) -> None:
    gate.open()
    for mount in mounts:
        mount.finish(120)
    for mount in mounts:
        mount.unmount()


def _kill_worker(bed, side: str, status: int) -> None:
    """Kills the worker that has the handshakes of `side`; each is answered by
    `status`, but for those whose time is over, and another worker comes."""
    hit = [u for u in bed.upcalls.upcalls(side) if not u.statuses]
    victim = min(bed.agent.workers(),
                 key=lambda pid: abs(usage.sockets(pid) - len(hit)))
    workers = len(bed.agent.workers())
    killed_at = bed.upcalls.now()
    os.kill(victim, signal.SIGKILL)
    wait.until(lambda: all(u.statuses for u in hit),
               f"answers for the dead worker's requests, side {side}", 30)
    records = [r for r in agents.handshake_records(bed.agent.log())
               if r.get("side") == side]
    died = sum(r.get("code") == "worker_died" for r in records)
    late = sum(r.get("code", "").startswith("deadline_") for r in records)
    assert {s for u in hit for s in u.statuses} <= {status, errno.ETIMEDOUT}, \
        f"{side}: {[u.statuses for u in hit]}"
    assert died and died + late >= len(hit), f"{died} + {late} of {len(hit)}"
    last = max(u.answered_at for u in hit) - killed_at
    wait.until(lambda: len(set(bed.agent.workers()) - {victim}) == workers,
               "another worker", 30)
    bed.note(f"{side}: {died} handshakes answered for the dead worker within "
             f"{last:.2f} s, {late} were out of time; another worker after "
             f"{bed.upcalls.now() - killed_at:.2f} s")


def _check_untouched(bed, others: list) -> None:
    """Handshakes in other workers took their course."""
    good = sum(u.statuses == [0] for u in others)
    bed.note(f"client: {good} of {len(others)} handshakes in another worker "
             "ended well")
    codes = [r.get("code") for r in agents.handshake_records(bed.agent.log())
             if r.get("side") == "client" and r.get("outcome") != "ok"]
    assert good and "worker_died" not in codes, codes


@case("agent/killed-load", "the monitor is killed under load and started "
      "again: what waits is served", memory=_MEMORY, deadline_s=240,
      not_emulated=LOAD)
def killed_load(bed):
    if not bed.profile.takes_what_is_queued:
        raise Skip(f"{bed.profile.name} waits for the kernel's next READY")
    nfs.serve(("tls",), threads=_NFSD_THREADS)
    agent = bed.start_agent(busy=True)
    load.run(20, 4)
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
    _check_baseline(bed, again, baseline, files)


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


def _check_baseline(bed, agent: agents.Agent, baseline: dict,
                    files: int) -> None:
    """Descriptors as before, and memory but for what some pages add."""
    slack_kib = 1 << 20 if bed.options["sanitizer"] else 512

    def back() -> bool:
        now = usage.by_role(agent)
        return now.keys() == baseline.keys() and all(
            now[role].descriptors == before.descriptors and
            now[role].anonymous_kib <= before.anonymous_kib + slack_kib
            for role, before in baseline.items())
    try:
        wait.until(back, "descriptors and memory to be as before", 30)
    finally:
        bed.note("before and now: "
                 + usage.compare(baseline, usage.by_role(agent))
                 + f"; open files of the guest {files}, {usage.open_files()}")
