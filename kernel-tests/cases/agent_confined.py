"""What the agent's processes may still do once they run."""

import os
import pathlib
import re

from cases import case
from guest import machine, nfs
from guest.agents import Credentials

_NOBODY = "65534"
_NONE = "0" * 16
# DAC_READ_SEARCH, KILL, NET_ADMIN in effect; SETGID, SETUID, SETPCAP and
# SYS_CHROOT more for the roles that it starts.
_MONITOR_EFFECTIVE, _MONITOR_PERMITTED = f"{0x1024:016x}", f"{0x411e4:016x}"


def _status(pid: int) -> dict[str, str]:
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in
            (line.partition(":") for line in lines)}


def _check_role(bed, pid: int) -> None:
    status = _status(pid)
    place = pathlib.Path(f"/proc/{pid}")
    sanitizer = bed.options["sanitizer"]
    for ids in ("Uid", "Gid"):
        assert set(status[ids].split()) == {_NOBODY}, f"{ids} {status[ids]}"
    assert not status["Groups"], f"groups {status['Groups']}"
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status[name] == _NONE, f"{name} {status[name]}"
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
    if not sanitizer:
        assert not os.listdir(place / "root"), "its root is not empty"
        assert os.stat(place / "mem").st_uid == 0, "it may be inspected"
    assert os.readlink(place / "ns/net") != os.readlink("/proc/self/ns/net"), \
        "it is in the host's network"
    bed.note(f"{status['Name']}: uid {_NOBODY}, no capability, filtered, "
             f"{'with a sanitizer' if sanitizer else 'empty root'}")


@case("agent/confined", "every process of the agent has what it needs only",
      own="its processes of several rights")
def confined(bed):
    nfs.serve(("mtls",))
    agent = bed.start_agent(client=Credentials(certificate="client"))
    bed.mount("mtls")
    nfs.unmount()
    roles = [pid for pid in agent.processes() if pid != agent.pid]
    names = {_status(pid)["Name"] for pid in roles}
    assert names == {"ktlsd-keeper", "ktlsd-verifier", "ktlsd-worker"}, names
    for pid in roles:
        _check_role(bed, pid)
    monitor = _status(agent.pid)
    assert monitor["CapEff"] == _MONITOR_EFFECTIVE, monitor["CapEff"]
    for name in ("CapPrm", "CapBnd"):
        assert monitor[name] == _MONITOR_PERMITTED, f"{name} {monitor[name]}"
    assert monitor["NoNewPrivs"] == "1", "the monitor could gain privileges"
    bed.note(f"monitor: capabilities {monitor['CapEff']} in effect, "
             f"{monitor['CapPrm']} for starting roles")


# A sanitizer needs some of what the lock-down takes.
@case("agent/lock-down", "the lock-down, step by step, seen from outside",
      sanitizer=False, own="its processes of several rights")
def lock_down(bed):
    done = machine.run(machine.staged("lock_down_test"), check=False,
                       deadline_s=60)
    machine.write_out("lock_down_test.log", done.stdout + done.stderr)
    passed = re.search(r"\[  PASSED  \] (\d+) tests?\.", done.stdout)
    bed.note(f"lock_down_test: {passed[1] if passed else 0} passed")
    failed = re.findall(r"\[  FAILED  \] (\S+)", done.stdout)
    assert done.returncode == 0 and passed, \
        f"exit status {done.returncode}: {', '.join(failed)}"
