"""Whoever comes beside peers, consumers and machines that are in trouble.

For each fault of docs/faults.md that others can be beside, by its number: how
it is answered, what it does to them, and what is left of it.
"""

import collections
import dataclasses
import math
import secrets
import statistics
from collections.abc import Callable

from cases import CLIENTS, LOAD, case
from guest import agents, hellos, load, machine, nfs, nvme, usage, visits
from guest.crowd import Crowd, Visit
from guest.live_files import LiveFiles
from guest.tls_library import Psk

# In each round the good clients come once without the fault and once beside it.
# Where the first rounds are not good enough, once more of them, and so many that
# a machine with busy neighbours spoils the lesser part; all are judged together.
_ROUNDS, _MORE_ROUNDS = 3, 24
# As many at once as wait in a reconnect storm.
_CLIENTS, _AT_ONCE = 100, 16
_MOST_RATIO = 2
_MANY, _SOME, _HELD = 40, 8, 8
# Clients of nfsd hold a thread of it each.
_NFSD_THREADS = _MANY + _AT_ONCE
_FLOOD = 1000
_CERTIFICATES = 100
# What a role's processes may keep of the first round, for the next ones to use,
# and what some pages add then, by the median of the later rounds: a leak shows
# in each of them, an allocator's holes in one or two.
_KEPT_KIB, _SLACK_KIB = 2048, 64
# The kernel's timers from the request on: of nfsd and, where it is more, nvmet;
# of the NFS client.
_LONGEST_S = {"server": 5, "client": 10}
_LEFT = frozenset({"peer_closed", "peer_reset"})


@dataclasses.dataclass(frozen=True)
class _Fault:
    number: int
    what: str
    visits: tuple[Visit, ...]
    # How its handshakes end that do not end well, each of them at least once.
    codes: frozenset[str] = frozenset()
    # And may end.
    also: frozenset[str] = frozenset()
    # Handshakes of a consumer that has gone may end well all the same.
    more_succeed: bool = False
    # What grows by it where that is no handshake.
    counts: Callable[[], int] | None = None


@dataclasses.dataclass
class _Measured:
    alone: list[float]      # ms that 99 of 100 took, a round each
    beside: list[float]
    successes: int          # of the crowd, as it saw them
    # Before it, and after each round.
    used: list[dict[int, usage.ProcessUsage]]

    def ratio(self) -> float:
        return statistics.median(self.beside) / statistics.median(self.alone)


@case("agent/others", "beside each kind of trouble: others wait no longer, and "
      "nothing is left of it", memory="8G", deadline_s=900, sanitizer=False,
      modules_if_any=True, not_emulated=LOAD, beside=CLIENTS,
      own="workers that handshakes share")
def others(bed):
    machine.allow_descriptors()
    live = LiveFiles("server")
    nfs.serve(("none", "tls"), threads=_NFSD_THREADS)
    agent = bed.start_agent(server=live.credentials, busy=True)
    load.run(_CLIENTS, _AT_ONCE)  # what is remembered is
    faults = [*_faults_of_clients(), *_faults_of_hosts(bed),
              *_faults_of_consumers(agent),
              *_faults_of_the_machine(bed, agent, live)]
    if only := bed.options.get("fault"):
        faults = [fault for fault in faults if fault.number == only]
        assert faults, f"nobody is beside fault {only} here"
    complaints = [f"{fault.number}. {fault.what}: {complaint}"
                  for fault in faults
                  for complaint in _survive(bed, agent, fault)]
    assert not complaints, "; ".join(complaints)


def _faults_of_clients() -> list[_Fault]:
    hello = hellos.client_hello()
    return [
        _Fault(1, "a byte at a time", (visits.dribble(),) * _SOME,
               frozenset({"deadline_total"})),
        _Fault(2, "silence, of either side",
               (visits.be_silent(),) * _SOME + (visits.hold_mounts(_HELD),),
               frozenset({"deadline_first_byte"})),
        _Fault(3, "a peer that goes away", tuple(
            visit for by_reset in (False, True) for visit in (
                visits.leave(by_reset=by_reset),
                visits.leave(hello[:20], by_reset=by_reset),
                visits.leave_when_asked_again(by_reset=by_reset))), _LEFT),
        _Fault(4, "many half-open connections", (visits.be_silent(),) * _MANY,
               frozenset({"deadline_first_byte"})),
        _Fault(5, "a flood of alerts, and one that ends it",
               _says(hellos.USER_CANCELED * _FLOOD,
                     hello + hellos.USER_CANCELED * _FLOOD,
                     hello + hellos.CLOSE_NOTIFY, hello + hellos.FATAL_ALERT),
               frozenset({"record_flood", "peer_closed", "alert_received"})),
        _Fault(6, "records that carry nothing",
               _says(hellos.EMPTY_RECORD * _FLOOD,
                     hello + hellos.EMPTY_RECORD * _FLOOD,
                     hellos.CHANGE_CIPHER_SPEC * _FLOOD,
                     hello + hellos.CHANGE_CIPHER_SPEC * _FLOOD),
               frozenset({"decode_error", "record_flood",
                          "unexpected_message"})),
        _Fault(7, "broken record headers",
               (*_says(hello + hellos.RECORD_LONGER_THAN_ANY,
                       hello + hellos.RECORD_OF_NO_TYPE),
                visits.leave(hello + hellos.HALF_A_RECORD_HEADER,
                             by_reset=False)),
               frozenset({"record_overflow", "unexpected_message"}),
               also=_LEFT),
        _Fault(8, "a ClientHello that is too large",
               _says(hellos.hello_that_says_it_has((1 << 24) - 1),
                     hellos.client_hello(unknown_extensions=4096)),
               frozenset({"message_too_large"})),
        _Fault(9, "certificates that are work",
               (visits.show(_long_chain(), machine.PKI / "client.key"),
                _shows("client-many-names")),
               frozenset({"certificate_chain_too_long",
                          "certificate_expired"})),
        _Fault(10, "a peer that does not speak TLS",
               _says(hellos.CALL_IN_CLEAR_TEXT, hellos.RECORD_OF_NO_TYPE),
               frozenset({"not_tls"})),
        _Fault(11, "data right behind the Finished",
               (visits.call_behind_finished(),)),
        _Fault(12, "session tickets", (visits.mount_with_tickets(),)),
        _Fault(13, "KeyUpdate in the handshake",
               _says(hellos.KEY_UPDATE, hello + hellos.KEY_UPDATE),
               frozenset({"unexpected_message"})),
        _Fault(14, "HelloRetryRequest without end",
               (visits.retry_without_change(),) * 2,
               frozenset({"illegal_parameter"})),
        _Fault(16, "wrong certificates",
               tuple(_shows(name) for name in ("client-expired",
                                               "client-other-ca", "server")),
               frozenset({"certificate_expired", "certificate_unknown_issuer",
                          "certificate_wrong_purpose"})),
    ]


def _says(*data: bytes) -> tuple[Visit, ...]:
    return tuple(map(visits.say, data))


def _shows(name: str) -> Visit:
    return visits.show(machine.PKI / f"{name}.pem", machine.PKI / f"{name}.key")


def _long_chain():
    chain = agents.RUN / "long-chain.pem"
    leaf, issuer = ((machine.PKI / f"{name}.pem").read_text()
                    for name in ("client", "ca"))
    chain.write_text(leaf + issuer * (_CERTIFICATES - 1))
    return chain


def _faults_of_hosts(bed) -> list[_Fault]:
    if not nvme.built():
        bed.note("15. wrong pre-shared keys: not here, there is no NVMe/TCP "
                 "with TLS")
        return []
    nvme.load_modules()
    known = nvme.identity("01")
    nvme.add_key(known, secrets.token_bytes(32))
    nvme.serve()
    return [_Fault(15, "wrong pre-shared keys", tuple(
        visits.connect_with(Psk(identity, secrets.token_bytes(32)))
        for identity in (known, known + "0", known[:-1])),
        frozenset({"bad_psk_binder", "unknown_psk_identity"}))]


def _faults_of_consumers(agent: agents.Agent) -> list[_Fault]:
    return [
        _Fault(18, "a worker that dies, with others' handshakes",
               (visits.kill_their_worker(_HELD, agent),),
               frozenset({"worker_died"}), also=_LEFT),
        _Fault(20, "a consumer that goes away",
               (visits.unmount_in_handshake(),),
               also=_LEFT | {"deadline_first_byte"}, more_succeed=True),
    ]


def _faults_of_the_machine(bed, agent: agents.Agent,
                           live: LiveFiles) -> list[_Fault]:
    """With the forged READY last: no other can be told from them then."""
    return [
        _Fault(27, "files that change", (visits.renew(live, agent),),
               counts=lambda: sum(
                   1 for _ in agents.events(agent.log(), "config_loaded"))),
        _Fault(29, "a clock that jumps", (visits.move_clock(),)),
        _Fault(22, "READY for nothing", (visits.forge_ready(bed.family),),
               counts=lambda: len(bed.upcalls.ready_times())),
    ]


def _survive(bed, agent: agents.Agent, fault: _Fault) -> list[str]:
    """What did not hold beside it."""
    first, logged = len(bed.upcalls.upcalls()), len(_outcomes(agent))
    counted = fault.counts() if fault.counts else 0
    measured = _measure(bed, agent, fault)
    answers = bed.upcalls.upcalls()[first:]
    codes = collections.Counter(_outcomes(agent)[logged:])
    del codes["ok"]  # what is said of these is not what counts
    slowest = _slowest(bed, first)
    bed.note(_describe(fault, measured, codes, slowest))
    complaints = _left(measured)
    if measured.ratio() > _MOST_RATIO:
        complaints.append(f"others took {measured.beside} ms, without it "
                          f"{measured.alone}")
    if missing := fault.codes - codes.keys():
        complaints.append(f"nothing was answered {', '.join(missing)}")
    if strange := codes.keys() - fault.codes - fault.also:
        complaints.append(f"answered {', '.join(strange)}")
    if fault.counts and fault.counts() == counted:
        complaints.append("nobody noticed it")
    good = sum(u.statuses == [0] for u in answers)
    wanted = 2 * len(measured.alone) * _CLIENTS + measured.successes
    if good < wanted or (good > wanted and not fault.more_succeed):
        complaints.append(f"{good} successes, not {wanted}")
    complaints += [f"{side}: answered {seconds:.1f} s after the request"
                   for side, seconds in slowest.items()
                   if seconds >= _LONGEST_S[side]]
    return complaints


def _measure(bed, agent: agents.Agent, fault: _Fault) -> _Measured:
    measured = _Measured([], [], 0, [])
    wanted = bed.options.get("rounds", _ROUNDS)
    assert wanted > 1, "growth is from one round to another"
    while len(measured.alone) < wanted:
        measured.alone.append(_p99_ms(bed))
        if not measured.used:
            measured.used.append(_usage(agent))
        with Crowd(fault.visits) as crowd:
            crowd.wait_there()
            measured.beside.append(_p99_ms(bed))
        measured.successes += crowd.successes()
        bed.upcalls.wait_all_answered(60)
        measured.used.append(_usage(agent))
        if len(measured.alone) == _ROUNDS and (
                measured.ratio() > _MOST_RATIO or _growing(measured)):
            wanted += _MORE_ROUNDS
    return measured


def _usage(agent: agents.Agent) -> dict[int, usage.ProcessUsage]:
    agent.wait_for_no_connection()
    return usage.by_process(agent)


def _left(measured: _Measured) -> list[str]:
    """Of the fault, when nobody makes trouble any more."""
    before, first, *_, last = measured.used
    roles = usage.sum_by_role(before)
    return (usage.left(roles, usage.sum_by_role(first), _KEPT_KIB)
            + usage.left(roles, usage.sum_by_role(last), _KEPT_KIB)
            + _growing(measured))


def _growing(measured: _Measured) -> list[str]:
    """What most rounds after the first add, to one of the processes that see
    them: its growth would not show among idle ones of its role."""
    samples = [usage.Sample(rounds, {
        pid: one._replace(role=f"{one.role} {pid}")
        for pid, one in used.items()})
               for rounds, used in enumerate(measured.used)]
    growth = usage.growth(samples, 1, lambda used: used.anonymous_kib)
    later = len(measured.alone) - 1
    return [f"{role} grows by {grown.slope:.0f} KiB in each of {later} rounds"
            for role, grown in growth.items()
            if grown.slope * later > _SLACK_KIB]


def _p99_ms(bed) -> float:
    """Of the agent's time for a good client of nfsd, ACCEPT to DONE. None in
    the crowd shows a certificate that is good, as they do."""
    before = len(bed.upcalls.upcalls())
    result = load.run(_CLIENTS, _AT_ONCE)
    assert result["sessions"] == _CLIENTS, load.describe(result)
    times = sorted(u.answered_at - u.accepted_at
                   for u in bed.upcalls.upcalls()[before:]
                   if u.side == "server" and u.remote_auth == [-1])
    assert len(times) == _CLIENTS, f"{len(times)} answers"
    return times[math.ceil(len(times) * 0.99) - 1] * 1000


def _slowest(bed, first: int) -> dict[str, float]:
    """How long after the kernel's request the last answer came, by side; after
    the ACCEPT where READY is forged. Requests are taken in their order."""
    done, ready = bed.upcalls.upcalls(), bed.upcalls.ready_times()
    assert len(ready) >= len(done), f"{len(ready)} READY, {len(done)} requests"
    since = ready if len(ready) == len(done) else [u.accepted_at for u in done]
    return {side: max((u.answered_at - asked
                       for u, asked in zip(done[first:], since[first:])
                       if u.side == side), default=0.0)
            for side in _LONGEST_S}


def _outcomes(agent: agents.Agent) -> list[str]:
    """How each handshake so far ended."""
    return [record.get("code", "ok")
            for record in agents.handshake_records(agent.log())]


def _describe(fault: _Fault, measured: _Measured,
              codes: collections.Counter, slowest: dict[str, float]) -> str:
    failures = ", ".join(f"{code} {count}"
                         for code, count in sorted(codes.items()))
    return (f"{fault.number}. {fault.what}: 99 of 100 others in "
            f"{statistics.median(measured.beside):.0f} ms, "
            f"{measured.ratio():.2f} times as without it "
            f"({len(measured.alone)} rounds); "
            f"{failures or 'no failures'}, {measured.successes} successes; "
            f"answered within {max(slowest.values()):.1f} s; "
            + usage.compare(*map(usage.sum_by_role,
                                 (measured.used[0], measured.used[-1]))))
