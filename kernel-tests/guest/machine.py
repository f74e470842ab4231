"""Brings the guest up: file systems, modules, the loopback device.

The root is the host's directory, read-only. What a case writes goes to a
tmpfs, and its results to /ktlsd/out.
"""

import ctypes
import errno
import os
import pathlib
import resource
import subprocess

OUT = pathlib.Path("/ktlsd/out")
PKI = pathlib.Path("/ktlsd/pki")
AGENT = pathlib.Path("/ktlsd/agent")

_MS_BIND = 4096
_MNT_FORCE, _MNT_DETACH = 1, 2
_POWER_OFF = 0x4321FEDC
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
    mount("none", str(OUT), "hostfs", str(OUT))
    # The modules are where modprobe does not look for them.
    mount("/usr/lib/uml/modules", "/usr/lib/modules", flags=_MS_BIND)
    hosts = pathlib.Path("/run/hosts")
    hosts.write_text(_HOSTS)
    mount(str(hosts), "/etc/hosts", flags=_MS_BIND)
    run("ip", "link", "set", "lo", "up")


def mount(source: str, target: str, kind: str = "", data: str = "",
          flags: int = 0) -> None:
    """mount(2), so that bringing the guest up does not fork ten times."""
    done = _libc.mount(source.encode(), target.encode(), kind.encode(),
                       ctypes.c_ulong(flags), data.encode())
    if done != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mount {source}: {os.strerror(error)}", target)


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
    run("modprobe", "-a", *names)


def built_modules() -> pathlib.Path:
    """Where modules are that beds/modules.py has built, if it has."""
    return AGENT / "modules" / os.uname().release


def load_built_modules(*names: str) -> None:
    for name in names:
        run("insmod", str(built_modules() / f"{name}.ko"))


def run(*command: str, check: bool = True, deadline_s: float = 30,
        ) -> subprocess.CompletedProcess:
    return subprocess.run(command, check=check, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=deadline_s)


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
