"""The beds: each is a kernel, a root directory, and what boots them.

What a kernel has is asked in the guest (guest/features.py), so that a case
runs on any bed, and on a developer's own kernel, that has what it needs.
"""

import dataclasses
import pathlib
import re

from beds import guests, kernels, qemu, rootdir, uml


@dataclasses.dataclass(frozen=True)
class Bed:
    name: str
    root: str               # of rootdir.ROOTS
    arch: str               # "um", or one of qemu.MACHINES
    kernel: str = ""        # of kernels.PACKAGES; empty: the root's own
    # How much longer everything may take than on this machine itself.
    slower: float = 1
    # Why address sanitizers cannot run there; empty: they can.
    no_sanitizer: str = ""

    @property
    def emulated(self) -> bool:
        return self.arch != "um"

    @property
    def machine(self) -> str:
        """What programs in the guest are built for."""
        return self.arch if self.emulated else "x86_64"

    def prepare(self) -> "Ready":
        """Makes what is missing in the cache, which may take minutes."""
        return self._with(kernels.ensure(self.kernel) if self.kernel else None)

    def prepare_with(self, kernel: kernels.Kernel) -> "Ready":
        """The same with another kernel."""
        return self._with(kernel)

    def _with(self, kernel: kernels.Kernel | None) -> "Ready":
        if self.arch != "um":
            qemu.need(self.arch)
        root = rootdir.ensure(self.root)
        return Ready(self, root, kernel or kernels.of_root(root))


@dataclasses.dataclass(frozen=True)
class Ready:
    """A bed whose root directory and kernel are there."""

    bed: Bed
    root: pathlib.Path
    kernel: kernels.Kernel

    @property
    def title(self) -> str:
        """For people: "uml 6.12", "qemu 7.3 amd64"."""
        version = re.match(r"\d+\.\d+|", self.kernel.release)[0] or "?"
        if self.bed.arch == "um":
            return f"uml {version}"
        return f"qemu {version} {_DEBIAN_NAMES[self.bed.arch]}"

    @property
    def may_lack_nvme(self) -> bool:
        """A User-Mode Linux of Debian; see beds/modules.py."""
        return self.kernel.image == self.root / uml.IMAGE

    @property
    def machine(self) -> str:
        return self.bed.machine

    def boot(self, folders: guests.Folders, memory: str,
             deadline_s: float) -> guests.Boot:
        if self.bed.arch == "um":
            return uml.boot(folders, self.kernel.image, memory, deadline_s)
        return qemu.boot(folders, self.kernel, self.bed.arch, memory,
                         deadline_s)


_DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}

# Emulated, by how much slower than uml the slowest of a case's steps were
# seen to be, and as much again for a host that is busy.
_EMULATED = 4.0
_EMULATED_ARM64 = 6.0

BEDS = {bed.name: bed for bed in (
    Bed("uml-trixie", "trixie", "um",
        no_sanitizer="its page tables have three levels"),
    Bed("uml-forky", "forky", "um"),
    Bed("qemu-trixie", "trixie", "x86_64", "trixie-amd64", _EMULATED),
    Bed("qemu-backports", "trixie", "x86_64", "backports-amd64", _EMULATED),
    Bed("qemu-arm64", "arm64-trixie", "aarch64", "trixie-arm64",
        _EMULATED_ARM64),
)}

# Where a developer's own kernel is booted, by its architecture.
_HOME = {"um": "uml-trixie", "x86_64": "qemu-trixie", "aarch64": "qemu-arm64"}


def of_kernel(image: pathlib.Path, modules: pathlib.Path | None,
              out: pathlib.Path) -> Ready:
    """A bed for a kernel that is not Debian's; see kernels.given."""
    arch, kernel = kernels.given(image.resolve(), modules, out)
    home = BEDS[_HOME[arch]]
    own = dataclasses.replace(home, name="kernel", no_sanitizer="")
    return own.prepare_with(kernel)
