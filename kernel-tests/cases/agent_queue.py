"""Many requests at once."""

import os
import signal

from cases import LOAD, case
from guest import nfs, wait
from guest.peers import SilentClient

_BURST = 40
# The kernel lets one request wait for each 400 MiB of memory, 50 at most; a
# guest only takes from the host what it uses.
_MEMORY_FOR_BURST = "18G"


@case("agent/queue", f"{_BURST} requests wait when the agent wakes up",
      memory=_MEMORY_FOR_BURST, not_emulated=LOAD)
def queue(bed):
    # nfsd waits for a handshake in the thread that asked for it.
    nfs.serve(("tls",), threads=_BURST + 8)
    agent = bed.start_agent()
    os.kill(agent.pid, signal.SIGSTOP)
    clients = [SilentClient() for _ in range(_BURST)]
    wait.until(lambda: len(bed.upcalls.ready_times()) >= _BURST,
               f"{_BURST} requests in the kernel's queue")
    os.kill(agent.pid, signal.SIGCONT)
    bed.upcalls.wait_for_accept("server", _BURST)
    early = len(bed.upcalls.statuses("server"))
    bed.note(f"{_BURST} accepted, {early} of them answered by then")
    for client in clients:
        client.close()
    bed.upcalls.wait_for_done("server", _BURST)
    assert 0 not in bed.upcalls.statuses("server"), "success without a client"
    bed.mount("tls")
    bed.check_data(4096)
    nfs.unmount()
    bed.expect_statuses("client", [0])
    assert len(bed.upcalls.upcalls("server")) == _BURST + 1
