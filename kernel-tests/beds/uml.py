"""Boots a root directory under User-Mode Linux: one process, one kernel."""

import functools
import pathlib
import shlex

from beds import guests

# The kernel keeps the guest's memory in a file in TMPDIR, which must be on a
# tmpfs. It wants the root's C library, hence the chroot.
_SCRIPT = r"""
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
if [ -n "$KERNEL" ]; then
  touch "$ROOT/tmp/kernel"
  mount --bind "$KERNEL" "$ROOT/tmp/kernel"
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
    script = f"KERNEL={'' if own else shlex.quote(str(image))}\n" + _SCRIPT
    program = f"/{IMAGE}" if own else "/tmp/kernel"
    return guests.run(folders, script, [program, *_arguments(image, memory)],
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
