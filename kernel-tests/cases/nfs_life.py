"""Mounts that live on: the server restarts, certificates are renewed, much
data moves."""

import os
import random
import secrets
import threading

from cases import CLIENTS, case
from guest import load, machine, nfs
from guest.agents import Credentials
from guest.live_files import LiveFiles

_CONNECTIONS = 8


@case("nfs/server-restart", "nfsd is stopped and started under a mount",
      deadline_s=180)
def server_restart(bed):
    nfs.serve(("mtls",))
    bed.start_agent(client=Credentials(certificate="client"))
    bed.mount("mtls")
    bed.check_data()
    for count in (2, 3):
        nfs.stop_server()
        nfs.start_server()
        nfs.publish(("mtls",))
        bed.check_data()
        for side in ("client", "server"):
            bed.upcalls.wait_for_accept(side, count)
            bed.expect_statuses(side, [0] * count)
    nfs.unmount()


@case("nfs/server-reboot", "all connections of a server that was down come "
      "back at once", deadline_s=180)
def server_reboot(bed):
    nfs.serve(("mtls",), threads=16)
    bed.start_agent(client=Credentials(certificate="client"))
    bed.mount("mtls", more=f"nconnect={_CONNECTIONS}")
    bed.check_data(_CONNECTIONS << 20)
    nfs.stop_server()
    nfs.start_server(threads=16)
    nfs.publish(("mtls",))
    bed.check_data(_CONNECTIONS << 20)
    for side in ("client", "server"):
        bed.upcalls.wait_for_accept(side, 2 * _CONNECTIONS)
        bed.expect_statuses(side, [0] * 2 * _CONNECTIONS)
    nfs.unmount()


@case("nfs/renewal-under-load",
      "the server's certificate is renewed while clients come and data flows",
      deadline_s=180, sanitizer=False, beside=CLIENTS)
def renewal_under_load(bed):
    clients = bed.options.get("clients", 80)
    nfs.serve(("tls", "mtls"), threads=8)
    live = LiveFiles("server")
    bed.start_agent(server=live.credentials, busy=True)
    bed.mount("tls")
    crowd = load.Load(clients, 4)
    for step in range(1, 5):
        crowd.wait_ended(step * clients // 5)
        live.replace("server-renewed" if step % 2 else "server")
        bed.check_data(64 << 10)
    result = crowd.finish()
    bed.note(load.describe(result))
    load.expect_served(bed, result)
    nfs.unmount()
    live.replace("server-renewed")
    _becomes_renewed(bed)
    bed.upcalls.wait_all_answered()


def _becomes_renewed(bed) -> None:
    """The next mounts see the new certificate, within the agent's second."""
    for _ in range(20):
        bed.mount("tls")
        nfs.unmount()
        if 'subject="CN=server-renewed"' in bed.agent.log() or \
                bed.profile.name != "ktlsd":
            return
    raise AssertionError("the renewed certificate did not come into use")


class _Model:
    """A file through the mount, and what must be in it."""

    def __init__(self, name: str, size: int, seed: int):
        self.name = name
        self._size = size
        self._random = random.Random(seed)
        self._content = bytearray()
        self._file = os.open(nfs.MOUNT / name, os.O_RDWR | os.O_CREAT, 0o600)
        self.moved = 0

    def step(self) -> None:
        self._random.choices((self._write, self._read, self._resize),
                             (5, 4, 1))[0]()

    def check_whole(self) -> None:
        """By the client, who fetches it again, and by the server."""
        os.fsync(self._file)
        machine.drop_caches()
        self._expect(os.pread(self._file, self._size + 1, 0), 0)
        self._expect((nfs.EXPORT / self.name).read_bytes(), 0)

    def close(self) -> None:
        os.close(self._file)

    def _write(self) -> None:
        start = self._random.randrange(self._size)
        data = self._random.randbytes(
            self._random.randint(1, min(200_000, self._size - start)))
        os.pwrite(self._file, data, start)
        self._grow(start)
        self._content[start:start + len(data)] = data
        self.moved += len(data)

    def _read(self) -> None:
        if self._random.random() < 0.3:
            os.fsync(self._file)
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
        start = self._random.randrange(self._size)
        length = self._random.randint(1, 200_000)
        got = os.pread(self._file, length, start)
        assert got == bytes(self._content[start:start + length]), \
            f"{self.name}: other data at {start}, {length} bytes"
        self.moved += len(got)

    def _resize(self) -> None:
        size = self._random.randrange(self._size)
        os.ftruncate(self._file, size)
        self._grow(size)
        del self._content[size:]

    def _grow(self, size: int) -> None:
        self._content.extend(bytes(max(0, size - len(self._content))))

    def _expect(self, got: bytes, start: int) -> None:
        assert got == bytes(self._content[start:]), \
            f"{self.name}: other data than was written"


@case("nfs/fsx", "writes, reads and truncations at random, all compared",
      deadline_s=300)
def fsx(bed):
    """As fsx does it; four files at a time over four connections."""
    steps = bed.options.get("steps", 200)
    seed = bed.options.get("seed", secrets.randbits(32))
    bed.note(f"seed {seed}")
    nfs.serve(("mtls",), threads=8)
    bed.start_agent(client=Credentials(certificate="client"))
    bed.mount("mtls", more="nconnect=4")
    files = [_Model(f"fsx-{n}", 4 << 20, seed + n) for n in range(4)]
    errors: list[BaseException] = []
    threads = [threading.Thread(target=_work, args=(file, steps, errors))
               for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    for file in files:
        file.check_whole()
        file.close()
    bed.note(f"{steps} steps with each of {len(files)} files, "
             f"{sum(f.moved for f in files) >> 20} MiB moved, equal")
    nfs.unmount()


def _work(file: _Model, steps: int, errors: list[BaseException]) -> None:
    try:
        for _ in range(steps):
            file.step()
    except BaseException as error:
        errors.append(error)
