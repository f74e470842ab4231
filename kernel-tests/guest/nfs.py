"""Both NFS ends in the guest: the kernel's server and its client.

The server is set up through the kernel's own files, as mountd and exportfs
would: no rpcbind, no mountd, NFSv4 only.
"""

import errno
import os
import pathlib
import subprocess
import threading
import time
from typing import NamedTuple

from guest import machine, wait

EXPORT = pathlib.Path("/run/export")
MOUNT = pathlib.Path("/mnt/nfs")
PORT = 2049
_CONTROL = pathlib.Path("/proc/fs/nfsd")

# NFSEXP_INSECURE_PORT | ASYNC | NOSUBTREECHECK | FSID, <linux/nfsd/export.h>
_EXPORT_FLAGS = 0x2412
_SECURITY = {"none": 1, "tls": 2, "mtls": 4}
_ALWAYS = 36000


class Mounting(NamedTuple):
    started_at: float
    child: subprocess.Popen


class Mounted(NamedTuple):
    ok: bool
    message: str     # what mount(8) said
    seconds: float


def load_modules() -> None:
    machine.load_modules("tls", "gcm", "sunrpc", "nfsd", "nfs", "nfsv4")


def serve(policy: tuple[str, ...], threads: int = 4,
          clients: tuple[str, ...] = ("127.0.0.1",)) -> None:
    """Exports EXPORT at "/" to `clients` under the xprtsec `policy`."""
    EXPORT.mkdir(parents=True)
    machine.mount("tmpfs", str(EXPORT), "tmpfs")
    machine.mount("nfsd", str(_CONTROL), "nfsd")
    _start_recovery_tracking()
    _write(_CONTROL / "nfsv4leasetime", "10")
    _write(_CONTROL / "nfsv4gracetime", "10")
    start_server(threads)
    publish(policy, clients)


def start_server(threads: int = 4) -> None:
    _write(_CONTROL / "versions", "-3")
    _write(_CONTROL / "portlist", f"tcp {PORT}")
    _write(_CONTROL / "threads", str(threads))


def stop_server() -> None:
    """Ends its connections, listens no more, forgets what it exports."""
    _write(_CONTROL / "threads", "0")


def _start_recovery_tracking() -> None:
    """nfsdcld; without it nfsd has clients wait for ten seconds, and so it does
    when nfsdcld does not watch yet for nfsd to come."""
    pipes = pathlib.Path("/run/rpc_pipefs")
    pipes.mkdir(exist_ok=True)
    machine.mount("rpc_pipefs", str(pipes), "rpc_pipefs")
    store = pathlib.Path("/var/lib/nfs/nfsdcld")
    store.mkdir(parents=True, exist_ok=True)
    daemon = subprocess.Popen(
        ["nfsdcld", "-F", "-p", str(pipes), "-s", str(store)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    wait.until(lambda: _watches(daemon.pid), "nfsdcld to wait for nfsd")


def _watches(pid: int) -> bool:
    folder = pathlib.Path(f"/proc/{pid}/fd")
    try:
        return any(os.readlink(entry) == "anon_inode:inotify"
                   for entry in folder.iterdir())
    except FileNotFoundError:
        return False  # a descriptor that was closed while we looked


def publish(policy: tuple[str, ...],
            clients: tuple[str, ...] = ("127.0.0.1",)) -> None:
    """What is exported to whom; instead of what was before."""
    until = int(time.time()) + _ALWAYS
    rpc = pathlib.Path("/proc/net/rpc")
    modes = " ".join(str(_SECURITY[p]) for p in policy)
    for client in clients:
        _write(rpc / "auth.unix.ip/channel", f"nfsd {client} {until} guest")
    _write(rpc / "nfsd.fh/channel", f"guest 1 \\x00000000 {until} {EXPORT}")
    _write(rpc / "nfsd.export/channel",
           f"guest {EXPORT} {until} {_EXPORT_FLAGS} 65534 65534 0 "
           f"xprtsec {len(policy)} {modes}")


def _write(path: pathlib.Path, text: str) -> None:
    with open(path, "w", encoding="ascii") as out:
        out.write(text + "\n")


def mount(security: str, host: str = "localhost", port: int = PORT, *,
          more: str = "", place: pathlib.Path = MOUNT,
          deadline_s: float = 40) -> Mounted:
    return finish_mount(
        start_mount(security, host, port, more=more, place=place), deadline_s)


def start_mount(security: str, host: str = "localhost", port: int = PORT, *,
                more: str = "", place: pathlib.Path = MOUNT,
                netns: str = "") -> Mounting:
    """A mount that may have to wait; see finish_mount."""
    place.mkdir(parents=True, exist_ok=True)
    options = f"vers=4.2,port={port},xprtsec={security},retry=0"
    if more:
        options += f",{more}"
    command = ["mount", "-t", "nfs4", "-o", options, f"{host}:/", str(place)]
    if netns:
        command = ["nsenter", f"--net=/run/netns/{netns}", *command]
    return Mounting(time.monotonic(), subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True))


class DirectMount(threading.Thread):
    """A mount without mount(8), where there are many."""

    def __init__(self, place: pathlib.Path, port: int = PORT,
                 security: str = "tls", *, more: str = ""):
        super().__init__(daemon=True)
        self.error: OSError | None = None
        self._place = place
        self._options = ("vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,"
                         f"port={port},xprtsec={security}"
                         + (f",{more}" if more else ""))
        place.mkdir(parents=True, exist_ok=True)
        self.start()

    def run(self) -> None:
        try:
            machine.mount("localhost:/", str(self._place), "nfs4",
                          self._options)
        except OSError as error:
            self.error = error

    def finish(self, deadline_s: float = 60) -> None:
        self.join(deadline_s)
        if self.is_alive():
            raise wait.DeadlineExceeded(
                f"mount did not return in {deadline_s:g} s")
        if self.error:
            raise self.error

    def use(self, at_once: int) -> None:
        """So many calls at once: a mount with several connections takes the
        next one for each, and makes it when it is first used."""
        callers = [threading.Thread(target=os.statvfs, args=(self._place,),
                                    daemon=True) for _ in range(at_once)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(60)

    def unmount(self) -> None:
        machine.unmount(str(self._place))

    def unmount_at_once(self) -> None:
        """Whoever still waits for the server gets an error."""
        try:
            self.unmount()
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            machine.unmount_by_force(str(self._place))


def finish_mount(mounting: Mounting, deadline_s: float = 40) -> Mounted:
    child = mounting.child
    try:
        message, _ = child.communicate(timeout=wait.scaled(deadline_s))
    except subprocess.TimeoutExpired:
        child.kill()
        raise wait.DeadlineExceeded(
            f"mount did not return in {deadline_s:g} s") from None
    return Mounted(child.returncode == 0, message.strip(),
                   time.monotonic() - mounting.started_at)


def unmount(place: pathlib.Path = MOUNT) -> None:
    machine.run("umount", str(place))


def use_and_unmount(place: pathlib.Path, connects_anew) -> None:
    """Somebody wants something of a mount that has lost its connection; when it
    makes another one, `umount -f`."""
    user = subprocess.Popen(["stat", "-f", str(place)],
                            stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    wait.until(connects_anew, "the client to connect anew", 60)
    user.kill()
    machine.unmount_by_force(str(place))
    user.wait(timeout=60)


def mount_options() -> str:
    """What the kernel says about the mount."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        fields = line.split()
        if fields[1] == str(MOUNT):
            return fields[3]
    return ""


def write_through_mount(name: str, data: bytes) -> None:
    with open(MOUNT / name, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def read_through_mount(name: str) -> bytes:
    """From the server: the client's own copy is dropped first."""
    machine.drop_caches()
    return (MOUNT / name).read_bytes()
