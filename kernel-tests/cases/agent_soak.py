"""Very many handshakes: nothing grows."""

import time

from cases import CLIENTS, LOAD, case
from guest import agents, load, machine, nfs, nvme, usage, wait
from guest.agents import Credentials

_GATE = 2000
# Until here tables that are bounded may still fill.
_WARM_UP_SHARE = 0.4
# Of a process that begins later, as well; more than any table takes.
_MOST_WARM_UP = 4000
# What a page or two of each process adds; less than 32 bytes, the least that
# can leak, for each handshake of the gate.
_SLACK_KIB = 32
# What stalls of the machine may add to one process: then more handshakes wait
# there at a time than ever before.
_MOST_IN_STEPS_KIB = 512
# A round, a third of it each: clients of nfsd alone; mounts, with both ends
# here; connections of NVMe, with both ends here.
_LOAD, _AT_ONCE = 96, 16
_MOUNTS, _CONNECTIONS = 3, 16
_RESETS, _CONTROLLERS = 4, 4
# Of one controller, on one CPU, beside that of the administrator.
_QUEUES = {"nr_io_queues": 1, "nr_write_queues": 1}


@case("agent/soak", "handshakes by certificate, as client and as server, and "
      "by PSK where there is NVMe: memory and descriptors stay",
      memory="8G", deadline_s=900, modules_if_any=True, not_emulated=LOAD,
      beside=CLIENTS, own="processes that stay")
def soak(bed):
    wanted = bed.options.get("handshakes", _GATE)
    machine.allow_descriptors()
    nfs.serve(("mtls",), threads=16)
    agent = bed.start_agent(client=Credentials(certificate="client"),
                            busy=True)
    psk = _prepare_nvme()
    samples: list[usage.Sample] = []
    started = time.monotonic()
    while (done := bed.upcalls.answers()) < wanted:
        _round(psk)
        bed.upcalls.wait_all_answered()
        assert bed.upcalls.answers() > done, "a round without handshakes"
        samples.append(usage.Sample(bed.upcalls.answers(),
                                    _settled(agent, samples)))
        bed.progress(f"{samples[-1].handshakes} of {wanted} handshakes, "
                     f"{time.monotonic() - started:.0f} s")
    if psk:
        nvme.disconnect()
    _check_outcomes(bed, len(samples), time.monotonic() - started)
    _check_growth(bed, samples, wanted)


def _prepare_nvme() -> bool:
    if not nvme.built():
        return False
    nvme.load_modules()
    nvme.add_key(nvme.identity("01"), b"k" * 32)
    nvme.serve()
    nvme.connect(**_QUEUES)
    nvme.connect_more(_CONTROLLERS - 1, **_QUEUES)
    return True


def _round(psk: bool) -> None:
    load.run(_LOAD, _AT_ONCE)
    for _ in range(_MOUNTS):
        mount = nfs.DirectMount(nfs.MOUNT, security="mtls",
                                more=f"nconnect={_CONNECTIONS}")
        mount.finish()
        mount.use(2 * _CONNECTIONS)
        # Where the machine stood still for longer than the server waits, Linux
        # 6.12's client may wait for ever on one of its connections.
        mount.unmount_at_once()
    if psk:
        for _ in range(_RESETS):
            nvme.reset_all()


def _settled(agent: agents.Agent, samples: list[usage.Sample]) -> dict:
    """What the roles take once they hold no more than after the first round.

    A worker that has done its share may for a moment be there beside the next.
    """
    if not samples:
        return usage.by_process(agent)
    first = _descriptors(samples[0].processes)
    seen = {}

    def as_before() -> bool:
        seen.clear()
        seen.update(usage.by_process(agent))
        return _descriptors(seen) == first
    try:
        wait.until(as_before, "descriptors to be as after the first round", 30)
    except wait.DeadlineExceeded:
        raise AssertionError(f"descriptors {_descriptors(seen)}, at first "
                             f"{first}") from None
    return dict(seen)


def _descriptors(processes: dict) -> dict[str, tuple[int, int]]:
    return {role: (used.processes, used.descriptors)
            for role, used in usage.sum_by_role(processes).items()}


def _check_outcomes(bed, rounds: int, seconds: float) -> None:
    done = bed.upcalls.upcalls()
    failed = [u for u in done if u.statuses != [0]]
    kinds = ", ".join(
        f"{sum((u.side, u.psk) == (side, psk) for u in done)} as {side} by "
        f"{'PSK' if psk else 'certificate'}"
        for psk in (False, True) for side in ("client", "server"))
    bed.note(f"{len(done)} handshakes in {rounds} rounds, "
             f"{len(done) / seconds:.0f}/s: {kinds}; {len(failed)} failed")
    # A stall of the machine may cost a few; more would be another test.
    assert len(failed) * 100 <= len(done), \
        f"{len(failed)} failed, the first: {failed[0]}"


def _check_growth(bed, samples: list[usage.Sample], wanted: int) -> None:
    first = samples[0].handshakes
    warm_up = min(int(samples[-1].handshakes * _WARM_UP_SHARE), _MOST_WARM_UP)
    measured = samples[-1].handshakes - first - warm_up
    bed.fact("samples", [(s.handshakes, s.processes) for s in samples])
    memory = usage.growth(samples, warm_up, lambda used: used.anonymous_kib)
    descriptors = usage.growth(samples, warm_up,
                               lambda used: used.descriptors)
    faults = []
    for role, used in usage.sum_by_role(samples[-1].processes).items():
        if role not in memory:
            faults.append(f"too few samples of {role} for a slope, with "
                          f"{wanted} handshakes")
            continue
        lives = {pid for sample in samples
                 for pid, one in sample.processes.items() if one.role == role}
        grown_kib = memory[role].slope * measured
        bed.note(f"{role}: {used.processes} processes ({len(lives)} in all), "
                 f"{used.descriptors} descriptors, {used.anonymous_kib} KiB; "
                 f"slope {descriptors[role].slope:+.6f} descriptors and "
                 f"{memory[role].slope * 1024:+.3f} bytes a handshake and "
                 f"process, {grown_kib:+.1f} KiB in {measured} handshakes; "
                 f"in a life {memory[role].rise:+} KiB at most")
        # A sanitizer keeps what was freed for a while.
        if grown_kib > _SLACK_KIB and not bed.options["sanitizer"]:
            faults.append(f"{role} grew by {grown_kib:.0f} KiB a process")
        if memory[role].rise > _MOST_IN_STEPS_KIB and \
                not bed.options["sanitizer"]:
            faults.append(f"{role} grew by {memory[role].rise} KiB in steps")
        if abs(descriptors[role].slope) * measured >= 1:
            faults.append(f"{role} has more or fewer descriptors")
    assert not faults, "; ".join(faults)
