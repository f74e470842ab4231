"""The agent as a service: alive, kept over restarts, alone, confined."""

import os
import pathlib
import signal
import statistics
import time

from cases import TIME, case
from guest import agents, genl, machine, manager, nfs, wait
from guest.manager import Manager
from guest.peers import SilentClient

_WATCHDOG_S = 2.0
_STARTS = 5

# As the unit limits them (tools/dist/systemd/ktlsd.service).
_UNIT_CAPABILITIES = ("net_admin", "kill", "sys_chroot", "setuid", "setgid",
                      "setpcap")
_UNIT_EFFECTIVE, _UNIT_PERMITTED = f"{0x1020:016x}", f"{0x411e0:016x}"
_CELL = pathlib.Path("/run/ktlsd-cell")


def _inodes(pid: int) -> set[int]:
    """Of the sockets that a process has."""
    links = [os.readlink(entry)
             for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    return {int(link[8:-1]) for link in links if link.startswith("socket:[")}


@case("agent/watchdog", "beats for the watchdog come from the loop that serves",
      own="its dealings with a service manager")
def watchdog(bed):
    nfs.serve(("tls",))
    watcher = Manager("watchdog", _WATCHDOG_S)
    agent = bed.start_agent(environment=watcher.environment())
    watcher.wait_told("READY=1")
    watcher.wait_beats(3)
    pause = watcher.longest_pause_s()
    bed.note(f"{watcher.beats()} beats, the longest pause {pause:.2f} s, "
             f"{_WATCHDOG_S:g} s allowed")
    assert pause < _WATCHDOG_S, "an agent that serves would be restarted"
    os.kill(agent.pid, signal.SIGSTOP)
    watcher.wait_silence()
    bed.note("none any more from a monitor that hangs")
    os.kill(agent.pid, signal.SIGCONT)
    watcher.wait_beats(2)
    agent.reload()
    watcher.wait_told("READY=1", 2)
    bed.mount("tls")
    nfs.unmount()
    agent.stop()
    watcher.wait_told("STOPPING=1")
    # A kept descriptor would make consumers wait for nobody.
    assert watcher.told() == ["FDSTORE=1", "READY=1", "RELOADING=1", "READY=1",
                              "FDSTOREREMOVE=1", "STOPPING=1"], watcher.told()
    assert not watcher.kept("ready"), "something is kept after a stop"
    bed.mount_refused("tls", "No such process", within_s=3)


@case("agent/kept-socket", "what came between two runs is served by the second",
      own="its dealings with a service manager")
def kept_socket(bed):
    nfs.serve(("tls",))
    keeper = Manager("kept")
    agent = bed.start_agent(environment=keeper.environment())
    keeper.wait_told("READY=1")
    (kept,) = keeper.kept("ready")
    inode = os.fstat(kept).st_ino
    assert inode in _inodes(agent.pid), "what is kept is not the agent's"
    os.kill(agent.pid, signal.SIGUSR2)  # as systemd does for a restart
    wait.until(agent.has_exited, "the agent to end")
    assert agent.stop() == 0
    assert genl.listening_inodes(bed.family) == {inode}, "nobody listens"
    mounting = nfs.start_mount("tls")
    wait.until(lambda: len(bed.upcalls.ready_times()) >= 2,
               "a READY from both ends")
    agent = bed.start_agent(
        program=str(manager.STARTER),
        environment=keeper.hand_over(bed.profile.program, {"ready": kept}))
    mounted = nfs.finish_mount(mounting)
    assert mounted.ok, mounted.message
    bed.wait_for_event("ready", ready_socket="kept")
    assert genl.listening_inodes(bed.family) == {inode}, "it opened another"
    bed.check_data(4096)
    nfs.unmount()
    keeper.wait_told("READY=1", 2)
    assert len(keeper.kept("ready")) == 1, "the same is kept twice"
    roles = [pid for pid in agent.processes() if pid != agent.pid]
    assert roles and all(inode not in _inodes(pid) for pid in roles), \
        "a role has the socket"


@case("agent/kept-another", "what is handed over and is something else",
      own="its dealings with a service manager")
def kept_another(bed):
    nfs.serve(("tls",))
    keeper = Manager("another")
    with genl.open_socket() as stranger:  # in no group
        wrong = stranger.fileno()
        bed.start_agent(
            program=str(manager.STARTER),
            environment=keeper.hand_over(bed.profile.program, {
                "old": wrong, "ready": wrong}))
        inode = os.fstat(wrong).st_ino
    bed.wait_for_event("service_trouble")
    bed.wait_for_event("ready", ready_socket="replaced")
    keeper.wait_told("READY=1")
    assert keeper.told() == ["FDSTOREREMOVE=1", "FDSTOREREMOVE=1", "FDSTORE=1",
                             "READY=1"], keeper.told()
    (kept,) = keeper.kept("ready")
    assert os.fstat(kept).st_ino in genl.listening_inodes(bed.family)
    assert inode not in _inodes(bed.agent.pid), \
        f"the stranger {inode} is still open: {_inodes(bed.agent.pid)}"
    bed.mount("tls")
    nfs.unmount()


@case("agent/two-agents", "two agents: each says so, and requests are answered",
      own="its dealings with a service manager")
def two_agents(bed):
    nfs.serve(("tls",))
    first = bed.start_agent()
    second = bed.start_agent()
    for name, agent in (("second", second), ("first", first)):
        def warned(agent=agent):
            return [e for e in agents.events(agent.log(), "service_trouble")
                    if "another agent" in e.get("reason", "")]
        wait.until(warned, f"the {name} agent to warn", 15)
        bed.note(f"{name}: {warned()[-1]}")
        assert len(warned()) == 1, "it says it again and again"
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()
    bed.expect_statuses("client", [0])


@case("agent/start", "from the start to the first ACCEPT", not_emulated=TIME)
def start(bed):
    nfs.serve(("tls",))
    # Once before, for its program to be in memory.
    bed.start_agent()
    bed.agent.stop()
    took_ms = []
    # Stands in for an agent that is there, so that the kernel queues.
    with genl.join_group(bed.family):
        for number in range(1, _STARTS + 1):
            client = SilentClient()
            wait.until(lambda n=number: len(bed.upcalls.ready_times()) >= n,
                       "a request in the kernel's queue")
            began = time.monotonic()
            bed.start_agent()
            bed.upcalls.wait_for_accept("server", number)
            accepted = bed.upcalls.upcalls("server")[-1].accepted_at
            took_ms.append((bed.upcalls.started + accepted - began) * 1e3)
            client.close()
            bed.upcalls.wait_all_answered()
            bed.agent.stop()
    bed.note(f"{_STARTS} starts, fork to ACCEPT: quickest {min(took_ms):.0f} "
             f"ms, median {statistics.median(took_ms):.0f} ms")
    bed.fact("start_ms", took_ms)
    if bed.profile.name == "ktlsd":
        own_ms = [int(e["start_us"]) / 1e3 for agent in bed.agents[1:]
                  for e in agents.events(agent.log(), "ready")]
        assert len(own_ms) == _STARTS, "a start says nothing of its time"
        bed.note(f"start_us of the log: quickest {min(own_ms):.0f} ms, median "
                 f"{statistics.median(own_ms):.0f} ms")
        bed.fact("start_us_ms", own_ms)


def _status(pid: int, field: str) -> str:
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(line.split(":", 1)[1].strip() for line in text.splitlines()
                if line.startswith(f"{field}:"))


# A sanitizer needs some of what is taken.
@case("agent/unit", "with no more rights than its unit gives it",
      sanitizer=False, own="its dealings with a service manager")
def unit(bed):
    _CELL.mkdir()
    machine.mount("none", str(_CELL), "tmpfs", "mode=0555", flags=1)  # MS_RDONLY
    limited = agents.RUN / "limited"
    agents.RUN.mkdir(parents=True, exist_ok=True)
    kept = ",".join(f"+{name}" for name in _UNIT_CAPABILITIES)
    limited.write_text(f"#!/bin/sh\nexec setpriv --no-new-privs "
                       f"--bounding-set=-all,{kept} {bed.profile.program} "
                       '"$@"\n')
    limited.chmod(0o755)
    nfs.serve(("tls",))
    agent = bed.start_agent(program=str(limited),
                            environment={"KTLSD_CELL": str(_CELL)})
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()
    assert _status(agent.pid, "CapEff") == _UNIT_EFFECTIVE
    for field in ("CapPrm", "CapBnd"):
        assert _status(agent.pid, field) == _UNIT_PERMITTED, field
    roles = [pid for pid in agent.processes() if pid != agent.pid]
    for pid in roles:
        assert os.stat(f"/proc/{pid}/root").st_dev == os.stat(_CELL).st_dev, \
            "its root is another"
        assert (_status(pid, "CapBnd"), _status(pid, "Seccomp")) == (
            "0" * 16, "2")
    bed.note(f"monitor {_UNIT_EFFECTIVE}; {len(roles)} processes in {_CELL}")


@case("agent/unit-cell", "a root directory that is not empty is refused",
      own="its dealings with a service manager")
def unit_cell(bed):
    agent = agents.Agent(bed.profile, bed.family, agents.Credentials(),
                         agents.Credentials(), 1,
                         environment={"KTLSD_CELL": "/etc"})
    bed.agents.append(agent)
    wait.until(agent.has_exited, "the agent to give up")
    assert agent.stop() == os.EX_CONFIG, "it did not fail for good"
    assert "root directory is not empty and read-only" in agent.log(), \
        agent.log()
