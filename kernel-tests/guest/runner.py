"""Runs the one case that /ktlsd/out/request.json names, and reports."""

import json
import os
import signal
import time
import traceback
from collections.abc import Iterator

import cases
from guest import agents, features, machine, nfs, secrets_seen, wait
from guest.bed import Bed

# Left for saving the logs when a case has run into its deadline.
_GRACE_S = 15


class _TooLate(BaseException):
    """The case ran into its deadline."""


def run() -> None:
    request = json.loads((machine.OUT / "request.json").read_text())
    case = cases.all_cases()[request["case"]]
    profile = agents.profile(request["agent"])
    started = time.monotonic()
    bed = None
    verdict, why = "passed", ""
    wait.allow(request["slower"])
    machine.set_clock(request["now"])
    signal.signal(signal.SIGALRM, _raise_too_late)
    signal.setitimer(signal.ITIMER_REAL, max(request["deadline_s"] - _GRACE_S,
                                             _GRACE_S))
    try:
        if request["options"]["sanitizer"]:
            machine.OUT.chmod(0o1777)  # roles that are not root report there
        _expect_features(case)
        bed = Bed(profile, request["options"])
        case.run(bed)
        _finish(bed)
    except cases.Skip as skip:
        verdict, why = "skipped", str(skip)
    except AssertionError as error:
        verdict, why = "failed", str(error) or traceback.format_exc()
        traceback.print_exc()
    except (Exception, _TooLate):
        verdict, why = "failed", traceback.format_exc()
        traceback.print_exc()
    signal.setitimer(signal.ITIMER_REAL, 0)
    _save(bed, verdict, why, time.monotonic() - started)


def _raise_too_late(_signal, _frame) -> None:
    raise _TooLate("the case ran into its deadline")


def _expect_features(case: cases.Case) -> None:
    if "nfs" in case.needs:
        nfs.load_modules()
    lacks = features.missing(case.needs)
    if lacks:
        raise cases.Skip(lacks)


def _finish(bed: Bed) -> None:
    """What holds at the end of every case."""
    for agent in bed.agents:
        if agent.has_exited():
            continue
        if agent.profile.keeps_deadlines and not agent.keeps_connections:
            agent.wait_for_no_connection()
        status = agent.stop()
        assert status in agent.profile.ends_with, \
            f"{agent.profile.name} ended with status {status}"
    faults = [f"{agent.profile.name}'s log has {secret}"
              for agent in bed.agents
              for secret in secrets_seen.in_text(agent.log())]
    faults += bed.upcalls.faults(
        probes_allowed=any(agent.profile.probes_with_done
                           for agent in bed.agents))
    if bed.trace:
        # The kernel traces all network namespaces, a capture is of one.
        unseen = sum("netns" in r for r in _records(bed))
        counts = [record.counts()
                  for record in (bed.upcalls, *bed.upcalls_elsewhere)]
        faults += bed.trace.faults(*(sum(said) + unseen
                                     for said in zip(*counts, strict=True)))
    assert not faults, "; ".join(faults)
    if bed.agents and bed.upcalls.sees_all and \
            all(agent.profile.logs_each_handshake for agent in bed.agents):
        lines = sum("netns" not in r for r in _records(bed))
        accepts = len(bed.upcalls.upcalls())
        # One that is killed may have answered and not yet said so.
        killed = sum(agent.was_killed for agent in bed.agents)
        assert accepts - killed <= lines <= accepts, \
            f"{lines} log lines for {accepts} handshakes"
        strange = [fault for agent in bed.agents
                   for fault in agents.log_faults(agent.log())]
        assert not strange, "; ".join(strange)
    others = [loop for agent in bed.agents
              for loop in agents.other_loops(agent.log(), bed.options)]
    assert not others, f"workers wait with {', '.join(others)}"


def _records(bed: Bed) -> Iterator[dict[str, str]]:
    """What the agents logged about handshakes. Those of other namespaces than
    the agent's own have a field `netns`."""
    return (record for agent in bed.agents
            for record in agents.handshake_records(agent.log()))


def _save(bed: Bed | None, verdict: str, why: str, seconds: float) -> None:
    result = {"verdict": verdict, "why": why, "seconds": round(seconds, 2),
              "kernel": os.uname().release,
              "notes": bed.notes if bed else [],
              "facts": bed.facts if bed else {}}
    # The result comes first: saving the rest could still go wrong.
    machine.write_out("result.json", json.dumps(result, indent=1))
    if bed:
        bed.upcalls.save()
        if bed.trace:
            bed.trace.save()
        for agent in bed.agents:
            agent.save_log()
    machine.save_kernel_log()
