"""Runs the one case that /ktlsd/out/request.json names, and reports."""

import json
import signal
import time
import traceback

import cases
from guest import agents, machine
from guest.bed import Bed

# Left for saving the logs when a case has run into its deadline.
_GRACE_S = 15


class _TooLate(BaseException):
    """The case ran into its deadline."""


def run() -> None:
    request = json.loads((machine.OUT / "request.json").read_text())
    case = cases.all_cases()[request["case"]]
    profile = agents.PROFILES[request["agent"]]
    started = time.monotonic()
    bed = None
    verdict, why = "passed", ""
    signal.signal(signal.SIGALRM, _raise_too_late)
    signal.setitimer(signal.ITIMER_REAL, max(request["deadline_s"] - _GRACE_S,
                                             _GRACE_S))
    try:
        if request["options"]["sanitizer"]:
            machine.OUT.chmod(0o1777)  # roles that are not root report there
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


def _finish(bed: Bed) -> None:
    """What holds at the end of every case."""
    for agent in bed.agents:
        if agent.has_exited():
            continue
        status = agent.stop()
        assert status in agent.profile.ends_with, \
            f"{agent.profile.name} ended with status {status}"
    faults = bed.upcalls.faults(
        probes_allowed=any(agent.profile.probes_with_done
                           for agent in bed.agents))
    assert not faults, "; ".join(faults)
    if bed.agents and bed.upcalls.sees_all and \
            all(agent.profile.logs_each_handshake for agent in bed.agents):
        # The capture is of this network namespace.
        lines = sum("netns" not in record for agent in bed.agents
                    for record in agents.handshake_records(agent.log()))
        accepts = len(bed.upcalls.upcalls())
        # One that is killed may have answered and not yet said so.
        killed = sum(agent.was_killed for agent in bed.agents)
        assert accepts - killed <= lines <= accepts, \
            f"{lines} log lines for {accepts} handshakes"
        strange = [fault for agent in bed.agents
                   for fault in agents.log_faults(agent.log())]
        assert not strange, "; ".join(strange)


def _save(bed: Bed | None, verdict: str, why: str, seconds: float) -> None:
    result = {"verdict": verdict, "why": why, "seconds": round(seconds, 2),
              "notes": bed.notes if bed else [],
              "facts": bed.facts if bed else {}}
    # The result comes first: saving the rest could still go wrong.
    machine.write_out("result.json", json.dumps(result, indent=1))
    if bed:
        bed.upcalls.save()
        for agent in bed.agents:
            agent.save_log()
    machine.save_kernel_log()
