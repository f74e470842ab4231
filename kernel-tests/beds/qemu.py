"""Boots a root directory in an emulated machine.

The root is the host's directory, by virtiofs, as it is hostfs under
User-Mode Linux: no disk image. What the kernel needs for that, Debian's cloud
kernels have built in; for one that has it as modules there is an initramfs.
"""

import dataclasses
import os
import shlex
import shutil

from beds import guests, initramfs, kernels

# The socket's name is relative: an absolute one may be too long. virtiofsd of
# Debian 12 keeps locks by that name in a folder of the host.
_SCRIPT = r"""
mkdir -p /run/virtiofsd
mount -t tmpfs guest-locks /run/virtiofsd
cd "$ROOT/tmp"
"$VIRTIOFSD" --socket-path=root.sock -o source="$ROOT" -o sandbox=chroot \
  -o cache=always -o announce_submounts -f >"$OUT/virtiofsd.log" 2>&1 &
waited=0
while [ ! -S root.sock ]; do
  if [ "$waited" = 100 ]; then
    cat "$OUT/virtiofsd.log"
    exit 1
  fi
  waited=$((waited + 1))
  sleep 0.1
done
"$@" </dev/null
"""

# Debian 12 has it in qemu-system-common, later ones in a package of its own.
_VIRTIOFSD = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd")


@dataclasses.dataclass(frozen=True)
class Machine:
    program: str
    board: str
    processor: str
    console: str        # the kernel's name for the first serial line
    kernel: str = ""    # what else its command line has


MACHINES = {
    "x86_64": Machine("qemu-system-x86_64", "q35", "max", "ttyS0",
                      # Emulated timers are late where the host is busy.
                      "tsc=reliable no_timer_check"),
    # Signing pointers as the architecture has it takes half of all time.
    "aarch64": Machine("qemu-system-aarch64", "virt", "max,pauth-impdef=on",
                       "ttyAMA0"),
}


class MissingError(Exception):
    """The host cannot emulate this machine; the text says why."""


def need(arch: str) -> None:
    program = MACHINES[arch].program
    if not shutil.which(program):
        raise MissingError(f"{program} is not installed (tools/setup qemu)")
    _virtiofsd()


def boot(folders: guests.Folders, kernel: kernels.Kernel, arch: str,
         memory: str, deadline_s: float) -> guests.Boot:
    script = f"VIRTIOFSD={shlex.quote(_virtiofsd())}\n" + _SCRIPT
    return guests.run(folders, script, _command(kernel, arch, memory),
                      deadline_s)


def _command(kernel: kernels.Kernel, arch: str, memory: str) -> list[str]:
    machine = MACHINES[arch]
    first = ["-initrd", str(kernel.initramfs)] if kernel.initramfs else []
    words = [f"console={machine.console}", "root=root", "rootfstype=virtiofs",
             "rw", f"init={initramfs.NEXT_INIT}", "panic=-1",
             "mitigations=off", "random.trust_cpu=on", "loglevel=5",
             # What was translated once is used again where the same code is at
             # the same address: the agent starts in two thirds of the time.
             "norandmaps",
             # An emulated CPU that the host lets wait is not locked up; what
             # is, misses its deadline.
             "nowatchdog", "rcupdate.rcu_cpu_stall_suppress=1",
             machine.kernel]
    return [machine.program, "-M", machine.board, "-cpu", machine.processor,
            # Not the host's virtualisation: not every host's works. One thread
            # for all CPUs, which never run at the same moment then: with a
            # thread for each, a kernel that patches its code oopsed now and
            # then at boot, by the int3 that is there meanwhile.
            "-accel", "tcg,thread=single", "-smp", "2", "-m", memory,
            "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
            "-serial", "stdio",
            # virtiofsd reads and writes the guest's memory.
            "-object", f"memory-backend-memfd,id=ram,size={memory},share=on",
            "-machine", "memory-backend=ram",
            "-chardev", "socket,id=root,path=root.sock",
            "-device", "vhost-user-fs-pci,chardev=root,tag=root",
            "-kernel", str(kernel.image), *first,
            "-append", " ".join(filter(None, words))]


def _virtiofsd() -> str:
    for path in _VIRTIOFSD:
        if os.access(path, os.X_OK):
            return path
    raise MissingError("virtiofsd is not installed (tools/setup qemu)")
