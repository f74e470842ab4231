"""Whoever comes beside peers, consumers and machines that are in trouble.

For each fault of docs/faults.md that others can be beside, by its number: what
it does to them (I4), what is left of it (I5), and how it is answered.
"""

import collections
import dataclasses
import math
import secrets
import statistics

from cases import LOAD, Skip, case
from guest import agents, hellos, load, machine, nfs, nvme, usage, visits, wait
from guest.crowd import Crowd, Visit
from guest.live_files import LiveFiles
from guest.tls_library import Psk

# Of a fault, at first and in all where a stall of the machine is in them.
_ROUNDS, _MOST_ROUNDS = 3, 15
_CLIENTS, _AT_ONCE = 100, 16
_MANY, _SOME, _HELD = 40, 8, 8
# Clients of nfsd hold a thread of it each.
_NFSD_THREADS = _MANY + 16
_FLOOD = 1000
_CERTIFICATES = 100
_MOST_RATIO = 2
# What some pages and a table that is not yet full add to a role's processes.
_SLACK_KIB = 256
# The kernel's timers: of nfsd, and of its NFS client.
_LONGEST_S = {"server": 5, "client": 10}


@dataclasses.dataclass(frozen=True)
class _Fault:
    number: int
    what: str
    visits: tuple[Visit, ...]
    # Some of its handshakes end well.
    is_served: bool = False


@case("agent/others", "beside each kind of trouble: others wait no longer, and "
      "nothing is left of it", memory="8G", deadline_s=600, sanitizer=False,
      modules_if_any=True, not_emulated=LOAD)
def others(bed):
    if bed.profile.name != "ktlsd":
        raise Skip(f"{bed.profile.name} has a process for each")
    machine.allow_descriptors()
    live = LiveFiles("server")
    nfs.serve(("none", "tls"), threads=_NFSD_THREADS)
    agent = bed.start_agent(server=live.credentials, busy=True)
    load.run(_CLIENTS, _AT_ONCE)  # what is remembered is
    faults = (*_faults_of_clients(), *_faults_of_hosts(),
              *_faults_of_consumers(agent),
              *_faults_of_the_machine(bed, agent, live))
    only = bed.options.get("fault")
    complaints = [complaint for fault in faults
                  if only in (None, fault.number)
                  for complaint in _survive(bed, agent, fault)]
    assert not complaints, "; ".join(complaints)


def _faults_of_clients() -> list[_Fault]:
    """Those of peers, told by nfsd's."""
    hello = hellos.client_hello()
    pki = machine.PKI
    return [
        _Fault(1, "a byte at a time", (visits.dribble(),) * _SOME),
        _Fault(2, "silence, of either side",
               (visits.say(),) * _SOME + (visits.hold_mounts(_HELD),),
               is_served=True),
        _Fault(3, "a peer that goes away", tuple(
            visits.leave(said, by_reset=by_reset, answered=answered)
            for by_reset in (False, True)
            for said, answered in ((b"", False), (hello[:20], False),
                                   (hello, True)))),
        _Fault(4, "many half-open connections", (visits.say(),) * _MANY),
        _Fault(5, "a flood of alerts", tuple(
            visits.say(said + alert * _FLOOD) for said in (b"", hello)
            for alert in (hellos.USER_CANCELED, hellos.CLOSE_NOTIFY))),
        _Fault(6, "records that carry nothing", tuple(
            visits.say(said + nothing * _FLOOD) for said in (b"", hello)
            for nothing in (hellos.EMPTY_RECORD, hellos.CHANGE_CIPHER_SPEC))),
        _Fault(7, "broken record headers", tuple(
            visits.say(record) for record in (
                hellos.RECORD_LONGER_THAN_ANY, hellos.RECORD_OF_NO_TYPE,
                hellos.FATAL_ALERT))),
        _Fault(8, "a ClientHello that is too large",
               (visits.say(hellos.hello_that_says_it_has((1 << 24) - 1)),
                visits.say(hellos.client_hello(unknown_extensions=4096)))),
        _Fault(9, "certificates that are work",
               (visits.show(_long_chain(), pki / "client.key"),
                visits.show(pki / "client-many-names.pem",
                            pki / "client-many-names.key"))),
        _Fault(10, "a peer that does not speak TLS",
               (visits.say(b"\x80\x00\x00\x28" + bytes(40)),) * 2),
        _Fault(11, "data right behind the Finished",
               (visits.call_behind_finished(),), is_served=True),
        _Fault(12, "session tickets", (visits.mount_with_tickets(),),
               is_served=True),
        _Fault(13, "KeyUpdate in the handshake",
               (visits.say(hellos.KEY_UPDATE),
                visits.say(hello + hellos.KEY_UPDATE))),
        _Fault(14, "HelloRetryRequest without end",
               (visits.retry_without_change(),) * 2),
        _Fault(16, "wrong certificates", tuple(
            visits.show(pki / f"{name}.pem", pki / f"{name}.key")
            for name in ("client-expired", "client-other-ca", "server"))),
    ]


def _faults_of_hosts() -> list[_Fault]:
    if not nvme.built():
        return []
    nvme.load_modules()
    known = nvme.identity("01")
    nvme.add_key(known, secrets.token_bytes(32))
    nvme.serve()
    return [_Fault(15, "wrong pre-shared keys", tuple(
        visits.connect_with(Psk(identity, secrets.token_bytes(32)))
        for identity in (known, known + "0", known[:-1])))]


def _faults_of_consumers(agent: agents.Agent) -> list[_Fault]:
    return [
        _Fault(18, "a worker that dies, with others' handshakes",
               (visits.kill_their_worker(_HELD, agent),), is_served=True),
        _Fault(20, "a consumer that goes away",
               (visits.unmount_in_handshake(),), is_served=True),
    ]


def _faults_of_the_machine(bed, agent: agents.Agent,
                           live: LiveFiles) -> list[_Fault]:
    return [
        _Fault(22, "READY for nothing", (visits.forge_ready(bed.family),)),
        _Fault(27, "files that change", (visits.renew(live, agent),)),
        _Fault(29, "a clock that jumps", (visits.move_clock(),)),
    ]


def _long_chain():
    chain = agents.RUN / "long-chain.pem"
    leaf, issuer = ((machine.PKI / f"{name}.pem").read_text()
                    for name in ("client", "ca"))
    chain.write_text(leaf + issuer * (_CERTIFICATES - 1))
    return chain


def _survive(bed, agent: agents.Agent, fault: _Fault) -> list[str]:
    """What did not hold beside it."""
    first, logged = len(bed.upcalls.upcalls()), len(_outcomes(agent))
    alone, beside, used = [], [], []
    rounds = bed.options.get("rounds", _ROUNDS)
    while len(alone) < rounds or (_ratio(beside, alone) > _MOST_RATIO and
                                   len(alone) < _MOST_ROUNDS):
        alone.append(_p99_ms(bed))
        with Crowd(fault.visits) as crowd:
            before = len(bed.upcalls.upcalls())
            wait.until(lambda: crowd.visits() or
                       len(bed.upcalls.upcalls()) > before, fault.what)
            beside.append(_p99_ms(bed))
        bed.upcalls.wait_all_answered(60)
        agent.wait_for_no_connection()
        used.append(usage.by_role(agent))
    answers = bed.upcalls.upcalls()[first:]
    codes = collections.Counter(_outcomes(agent)[logged:])
    codes["ok"] -= 2 * len(alone) * _CLIENTS
    slowest = {side: max((u.answered_at - u.accepted_at for u in answers
                          if u.side == side), default=0)
               for side in _LONGEST_S}
    bed.note(f"{fault.number}. {fault.what}: 99 of 100 others in "
             f"{statistics.median(beside):.1f} ms, {_ratio(beside, alone):.2f} "
             f"times as without it; answered "
             + ", ".join(f"{code} {n}" for code, n in sorted(codes.items()) if n)
             + f", after {max(slowest.values()):.1f} s at most; then "
             + usage.compare(used[0], used[-1]))
    complaints = []
    if _ratio(beside, alone) > _MOST_RATIO:
        complaints.append(f"others took {beside} ms, without it {alone}")
    if codes["ok"] and not fault.is_served:
        complaints.append(f"{codes['ok']} successes")
    complaints += [f"{side}: answered after {seconds:.1f} s"
                   for side, seconds in slowest.items()
                   if seconds >= _LONGEST_S[side]]
    complaints += _left(used[0], used[-1])
    return [f"{fault.number}. {fault.what}: {one}" for one in complaints]


def _left(before: dict[str, usage.Usage],
          now: dict[str, usage.Usage]) -> list[str]:
    """Of a fault, when nobody makes trouble any more."""
    if before.keys() != now.keys():
        return [f"processes of {before.keys()}, then of {now.keys()}"]
    grown = []
    for role, one in now.items():
        if one[:2] != before[role][:2] or \
                one.anonymous_kib > before[role].anonymous_kib + _SLACK_KIB:
            grown.append(f"{role} has {one}, had {before[role]}")
    return grown


def _ratio(beside: list[float], alone: list[float]) -> float:
    return statistics.median(beside) / statistics.median(alone)


def _outcomes(agent: agents.Agent) -> list[str]:
    """How each handshake so far ended."""
    return [record.get("code", "ok")
            for record in agents.handshake_records(agent.log())]


def _p99_ms(bed) -> float:
    """Of the agent's time for a good client of nfsd, ACCEPT to DONE."""
    before = len(bed.upcalls.upcalls())
    result = load.run(_CLIENTS, _AT_ONCE)
    assert result["sessions"] == _CLIENTS, load.describe(result)
    times = sorted(u.answered_at - u.accepted_at
                   for u in bed.upcalls.upcalls()[before:]
                   if u.side == "server" and u.statuses == [0])
    assert len(times) >= _CLIENTS, f"{len(times)} answers"
    return times[math.ceil(len(times) * 0.99) - 1] * 1000
