"""Brings the guest up: file systems, modules, the loopback device.

The root is the host's directory, read-only, by hostfs or by virtiofs. What a
case writes goes to a tmpfs, and its results to /ktlsd/out.
"""

import ctypes
import errno
import os
import pathlib
import resource
import subprocess
import time

from guest import wait

OUT = pathlib.Path("/ktlsd/out")
PKI = pathlib.Path("/ktlsd/pki")
AGENT = pathlib.Path("/ktlsd/agent")

_MS_BIND = 4096
_MNT_FORCE, _MNT_DETACH = 1, 2
_PIDFD_GETFD = 438  # of every machine
_POWER_OFF = 0x4321FEDC
_CLOCK_MAY_BE_OFF_S = 600
_libc = ctypes.CDLL(None, use_errno=True)

# One address for each name: mount tries all that a name has, and every attempt
# counts.
_HOSTS = "127.0.0.1 localhost server.example\n::1 server6.example\n"


def prepare() -> None:
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")
    if not os.path.ismount("/dev"):  # the kernel may have done it
        mount("devtmpfs", "/dev", "devtmpfs")
    for place in ("/run", "/tmp", "/var/lib/nfs", "/root", "/mnt"):
        mount("tmpfs", place, "tmpfs", "mode=0755")
    os.chmod("/tmp", 0o1777)
    if _root_type() == "hostfs":
        # That of the root cannot be written to, whatever the host allows.
        mount("none", str(OUT), "hostfs", str(OUT))
    hosts = pathlib.Path("/run/hosts")
    hosts.write_text(_HOSTS)
    mount(str(hosts), "/etc/hosts", flags=_MS_BIND)
    run("ip", "link", "set", "lo", "up")


def _root_type() -> str:
    mounts = pathlib.Path("/proc/mounts").read_text().splitlines()
    return next(line.split()[2] for line in mounts if line.split()[1] == "/")


def mount(source: str, target: str, kind: str = "", data: str = "",
          flags: int = 0) -> None:
    """mount(2), so that bringing the guest up does not fork ten times."""
    done = _libc.mount(source.encode(), target.encode(), kind.encode(),
                       ctypes.c_ulong(flags), data.encode())
    if done != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mount {source}: {os.strerror(error)}", target)


def unmount(target: str) -> None:
    """umount2(2), as `mount`."""
    if _libc.umount2(target.encode(), 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def unmount_by_force(target: str) -> None:
    """What waits for the server fails; the mount goes when it is unused.

    By umount2(2): umount(8) would ask the server first.
    """
    for flag in (_MNT_FORCE, _MNT_DETACH):
        if _libc.umount2(target.encode(), flag) == 0:
            return
        error = ctypes.get_errno()
        if error != errno.EBUSY:
            break
    raise OSError(error, os.strerror(error), target)


def load_modules(*names: str) -> None:
    """Those of them that the kernel has as modules; a feature that is not
    there is missed by who asks for it (guest/features.py)."""
    if _modules_folder().is_dir():
        run("modprobe", "-a", "-q", *names, check=False)


def _modules_folder() -> pathlib.Path:
    return pathlib.Path("/usr/lib/modules") / os.uname().release


def built_modules() -> pathlib.Path:
    """Where modules are that beds/modules.py has built, if it has."""
    return AGENT / "modules" / os.uname().release


def load_built_modules(*names: str) -> None:
    """The kernel's own where they had not to be built."""
    if not built_modules().is_dir():
        load_modules(*names)
        return
    for name in names:
        run("insmod", str(built_modules() / f"{name}.ko"))


def run(*command: str, check: bool = True, deadline_s: float = 30,
        ) -> subprocess.CompletedProcess:
    return subprocess.run(command, check=check, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL,
                          timeout=wait.scaled(deadline_s))


def has_key_type(name: str) -> bool:
    """Whether the kernel knows it: an unknown one is ENODEV."""
    tried = run("keyctl", "add", name, "ktlsd-test", "x", "@p", check=False)
    return os.strerror(errno.ENODEV) not in tried.stderr


def staged(name: str) -> str:
    """A program that was built beside the agent."""
    path = AGENT / name
    assert path.is_file(), f"{name} was not built"
    return str(path)


def allow_descriptors() -> None:
    """As many for the case itself as a process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def descriptor_of(pid: int, descriptor: int) -> int | None:
    """A copy of another process's, if it is still there."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        copy = _libc.syscall(_PIDFD_GETFD, process, descriptor, 0)
    finally:
        os.close(process)
    return copy if copy >= 0 else None


def set_clock(now: float) -> None:
    """A machine without a clock of its own would find no certificate valid."""
    if abs(time.time() - now) > _CLOCK_MAY_BE_OFF_S:
        time.clock_settime(time.CLOCK_REALTIME, now)


def drop_caches() -> None:
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")


def save_kernel_log() -> None:
    log = run("dmesg", check=False).stdout
    write_out("dmesg.log", log)


def write_out(name: str, text: str) -> None:
    """Writes a result and makes sure that the host has it."""
    with open(OUT / name, "w", encoding="utf-8", errors="replace") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


def power_off() -> None:
    os.sync()
    _libc.reboot(_POWER_OFF)
