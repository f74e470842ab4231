"""Very many handshakes: nothing grows."""

from cases import LOAD, Skip, case
from guest import agents, load, nfs, nvme, usage, wait
from guest.agents import Credentials

_GATE = 2000
# Until here tables that are bounded may still fill.
_WARM_UP_SHARE = 0.4
# What a page or two of each process adds; less than 32 bytes, the least that
# can leak, for each handshake of the gate.
_SLACK_KIB = 32
_LOAD, _MOUNTS, _CONNECTIONS = 16, 3, 8


@case("agent/soak", "handshakes by certificate, as client and as server, and "
      "by PSK where there is NVMe: memory and descriptors stay",
      memory="8G", deadline_s=900, modules_if_any=True, not_emulated=LOAD)
def soak(bed):
    if bed.profile.name != "ktlsd":
        raise Skip("about processes that stay")
    wanted = bed.options.get("handshakes", _GATE)
    nfs.serve(("mtls",), threads=16)
    agent = bed.start_agent(client=Credentials(certificate="client"),
                            busy=True)
    psk = _prepare_nvme()
    samples: list[tuple[int, dict[str, usage.Usage]]] = []
    while (done := bed.upcalls.answers()) < wanted:
        _round(psk)
        bed.upcalls.wait_all_answered()
        assert bed.upcalls.answers() > done, "a round without handshakes"
        samples.append((bed.upcalls.answers(), _settled(agent, samples)))
        bed.progress(f"{samples[-1][0]} of {wanted} handshakes")
    if psk:
        nvme.disconnect()
    _check_outcomes(bed, len(samples), psk)
    _check_memory(bed, samples)


def _prepare_nvme() -> bool:
    if not nvme.built():
        return False
    nvme.load_modules()
    nvme.add_key(nvme.identity("01"), b"k" * 32)
    nvme.serve()
    nvme.connect()
    return True


def _round(psk: bool) -> None:
    load.run(_LOAD, 8)
    for _ in range(_MOUNTS):
        mounted = nfs.mount("mtls", more=f"nconnect={_CONNECTIONS}")
        assert mounted.ok, mounted.message
        # Only what uses them makes the connections.
        nfs.write_through_mount("soak", b"x" * (1 << 20))
        nfs.unmount()
    if psk:
        nvme.reset()


def _settled(agent: agents.Agent,
             samples: list[tuple[int, dict[str, usage.Usage]]]) -> dict:
    """What the roles take once they hold no more than after the first round.

    A worker that has done its share may for a moment be there beside the next.
    """
    if not samples:
        return usage.by_role(agent)
    first = samples[0][1]
    seen = {}

    def as_before() -> bool:
        seen.clear()
        seen.update(usage.by_role(agent))
        return _descriptors(seen) == _descriptors(first)
    try:
        wait.until(as_before, "descriptors to be as after the first round", 30)
    except wait.DeadlineExceeded:
        raise AssertionError(f"descriptors {_descriptors(seen)}, at first "
                             f"{_descriptors(first)}") from None
    return dict(seen)


def _descriptors(roles: dict[str, usage.Usage]) -> dict[str, tuple[int, int]]:
    return {role: (used.processes, used.descriptors)
            for role, used in roles.items()}


def _check_outcomes(bed, rounds: int, psk: bool) -> None:
    done = bed.upcalls.upcalls()
    failed = [u for u in done if u.statuses != [0]]
    kinds = ", ".join(f"{sum(u.side == side for u in done)} as {side}"
                      for side in ("client", "server"))
    bed.note(f"{len(done)} handshakes in {rounds} rounds: {kinds}, "
             f"{len(failed)} failed"
             + (", PSKs among them" if psk else "; this kernel has no NVMe"))
    # A stall of the machine may cost a few; more would be another test.
    assert len(failed) * 100 <= len(done), \
        f"{len(failed)} failed, the first: {failed[0]}"


def _check_memory(bed,
                  samples: list[tuple[int, dict[str, usage.Usage]]]) -> None:
    wanted = samples[-1][0] * _WARM_UP_SHARE
    (start, before), (end, after) = \
        next(s for s in samples if s[0] >= wanted), samples[-1]
    bed.fact("samples", [(count, {role: used._asdict()
                                  for role, used in roles.items()})
                         for count, roles in samples])
    faults = []
    for role, used in after.items():
        grown = used.anonymous_kib - before[role].anonymous_kib
        bed.note(f"{role}: {used.processes} processes, {used.descriptors} "
                 f"descriptors, {used.anonymous_kib} KiB, {grown:+} KiB in "
                 f"{end - start} handshakes")
        # A sanitizer keeps what was freed for a while.
        if grown > _SLACK_KIB * used.processes and \
                not bed.options["sanitizer"]:
            faults.append(f"{role} grew by {grown} KiB")
    assert not faults, "; ".join(faults)
