"""Boots a root directory under User-Mode Linux: one process, one kernel."""

import functools
import pathlib
import shlex
import shutil
import subprocess

from beds import guests, made

# The kernel keeps the guest's memory in a file in TMPDIR, which must be on a
# tmpfs. It wants the root's C library, hence the chroot.
_SCRIPT = r"""
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
if [ -n "$KERNEL" ]; then
  touch "$ROOT/tmp/kernel"
  mount --bind "$KERNEL" "$ROOT/tmp/kernel"
fi
if [ -n "$FP_STATE" ]; then
  cp "$FP_STATE" "$ROOT/tmp/fp_state.so"
fi
cd "$ROOT"
TMPDIR=/tmp HOME=/tmp chroot "$ROOT" "$@" </dev/null
"""

# Where Debian's package puts both.
IMAGE = "usr/bin/linux.uml"
MODULES = "usr/lib/uml/modules"


def boot(folders: guests.Folders, image: pathlib.Path, memory: str,
         deadline_s: float) -> guests.Boot:
    """The guest's init is kernel-tests/guest/init; what it writes to its
    /ktlsd/out is found in the folder `out`."""
    own = image == folders.root / IMAGE
    fp_state = _fp_state() if _state_is_too_large_for(image) else ""
    script = (f"KERNEL={'' if own else shlex.quote(str(image))}\n"
              f"FP_STATE={shlex.quote(str(fp_state))}\n" + _SCRIPT)
    command = ["/usr/bin/env", "LD_PRELOAD=/tmp/fp_state.so"] \
        if fp_state else []
    command.append(f"/{IMAGE}" if own else "/tmp/kernel")
    return guests.run(folders, script, command + _arguments(image, memory),
                      deadline_s)


def _arguments(image: pathlib.Path, memory: str) -> list[str]:
    arguments = ["rootfstype=hostfs", "root=/dev/root", "rootflags=/", "ro",
                 "init=/ktlsd/tests/guest/init", f"mem={memory}",
                 "con=null", "con0=fd:0,fd:1", "loglevel=5"]
    if _catches_by_seccomp(image):
        # Instead of ptrace: system calls become about twice as fast.
        arguments.append("seccomp=on")
    return arguments


@functools.cache
def _catches_by_seccomp(image: pathlib.Path) -> bool:
    """Whether the kernel's own help text has the option."""
    return b"seccomp=<" in image.read_bytes()


def _state_is_too_large_for(image: pathlib.Path) -> bool:
    """See fp_state.c: the size is fixed in those that know ptrace only."""
    processor = pathlib.Path("/proc/cpuinfo").read_text()
    return " amx_tile" in processor and not _catches_by_seccomp(image)


def _fp_state() -> pathlib.Path:
    """The library to preload, compiled when it is not in the cache."""
    source = pathlib.Path(__file__).with_name("fp_state.c")

    def compile_into(work: pathlib.Path) -> None:
        if not shutil.which("gcc"):
            raise made.MakeError("not installed: gcc (tools/setup kernel)")
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", str(source),
                        "-o", str(work / "fp_state.so")], check=True)

    return made.ensure("uml", "fp_state", [source.read_text()],
                       compile_into) / "fp_state.so"
