"""What an operator sees: ktlsctl against the running agent."""

import os
import stat

from cases import case
from guest import agents, control, nfs, wait
from guest.agents import Credentials

_SOCKET = "/run/ktlsd/control"
_FIELDS = ("outcome", "code", "side", "consumer", "peer", "reason", "job",
           "total_us")


def _as_logged(record: dict) -> list[str]:
    return [str(record.get(field, "")) for field in _FIELDS]


def _handshakes(bed) -> int:
    return sum(1 for _ in agents.handshake_records(bed.agent.log()))


def _mount_both_ways(bed) -> None:
    """One mount that works, and one that the client refuses."""
    nfs.serve(("tls",))
    bed.start_agent()
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()
    bed.agent.configure(Credentials(truststore="other-ca"),
                        Credentials(certificate="server"))
    bed.agent.reload()
    bed.wait_for_event("config_loaded", 2)
    bed.mount_refused("tls", "access denied by server")
    bed.expect_log("certificate_unknown_issuer", "client")
    bed.expect_log("alert_received", "server")
    bed.upcalls.wait_all_answered()


def _check_sessions(bed) -> None:
    logged = list(agents.handshake_records(bed.agent.log()))
    told = control.ask_json("sessions")["sessions"]
    assert [_as_logged(s) for s in told] == [_as_logged(r) for r in logged], \
        f"{told} is not what the log says: {logged}"
    failed = control.ask_json("sessions", "--failed")["sessions"]
    assert {s["outcome"] for s in failed} <= {"refused", "failed"}
    assert len(failed) == len([r for r in logged if r["outcome"] != "ok"]) > 0
    text = control.ask("sessions", "--failed").stdout
    assert "certificate_unknown_issuer: unable to get local issuer" in text, \
        text
    bed.note(f"sessions: {len(told)}, {len(failed)} of them failed")
    bed.note(text.splitlines()[1])


def _check_metrics(bed) -> None:
    text = control.ask("metrics").stdout
    name = "ktlsd_handshakes_total"
    good = control.metric(
        text, name + '{consumer="nfs-client",side="client",outcome="ok",'
        'code="none"}')
    refused = control.metric(
        text, name + '{consumer="nfs-client",side="client",outcome="refused",'
        'code="certificate_unknown_issuer"}')
    statuses = bed.upcalls.statuses("client")
    assert good == statuses.count(0) > 0, f"{good} of {statuses}"
    assert refused == len(statuses) - good > 0, f"{refused} of {statuses}"
    samples = sum(float(line.rpartition(" ")[2]) for line in text.splitlines()
                  if line.startswith(name + "{"))
    assert samples == _handshakes(bed), \
        f"{samples:g} handshakes counted, {_handshakes(bed)} logged"
    timed = control.metric(
        text, 'ktlsd_handshake_duration_seconds_count{phase="total"}')
    assert timed == samples, f"{timed:g} of {samples:g} timed"
    bed.note(f"metrics: {samples:g} handshakes, {refused:g} refused")


def _check_status(bed) -> None:
    status = control.ask_json("status")
    assert status["pid"] == bed.agent.pid
    pids = {p["pid"] for p in status["processes"]} | {bed.agent.pid}
    assert pids == set(bed.agent.processes()), f"{status['processes']}"
    assert status["kernel"]["tls"] == "yes"
    assert status["kernel"]["release"] == os.uname().release
    assert status["requests"]["running"] == 0
    assert {(s["side"], s["setting"], s["state"])
            for s in status["settings"]} >= {("client", "trust", "loaded"),
                                             ("server", "credential",
                                              "loaded")}
    bed.note(control.ask("status").stdout.splitlines()[0])


@case("agent/control", "ktlsctl shows a good and a refused mount",
      own="ktlsctl")
def shows(bed):
    _mount_both_ways(bed)
    _check_sessions(bed)
    _check_metrics(bed)
    _check_status(bed)


@case("agent/control-roots", "the control socket is root's, and comes and goes",
      own="ktlsctl")
def roots(bed):
    assert control.ask("status").returncode == 2
    bed.start_agent()
    # It listens to the kernel first.
    wait.until(lambda: os.path.exists(_SOCKET), "the control socket")
    assert stat.S_IMODE(os.stat(_SOCKET).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(_SOCKET)).st_mode) == 0o700
    assert control.ask("status").returncode == 0
    nobody = control.ask("status", user="nobody")
    assert nobody.returncode == 2, nobody.stdout
    bed.note(f"nobody: {nobody.stderr.strip()}")
    # Both doors open: the daemon itself asks who comes.
    os.chmod(os.path.dirname(_SOCKET), 0o755)
    os.chmod(_SOCKET, 0o666)
    nobody = control.ask("status", user="nobody")
    assert nobody.returncode == 2 and "only root" in nobody.stderr, \
        f"{nobody.stdout}{nobody.stderr}"
    # One that was killed leaves its socket; the next one takes the place.
    bed.agent.kill()
    assert os.path.exists(_SOCKET)
    bed.start_agent()
    wait.until(lambda: control.ask_json("status")["pid"] == bed.agent.pid,
               "the new agent to answer")
    bed.agent.stop()
    assert not os.path.exists(_SOCKET)
