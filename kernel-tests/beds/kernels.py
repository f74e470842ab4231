"""Kernels for emulated machines: Debian's packages, or a developer's own.

Debian's are only unpacked. Their modules are decompressed once here, which an
emulated processor would take seconds for at each boot.
"""

import dataclasses
import pathlib
import re
import shutil
import subprocess
import tempfile

from beds import debian, initramfs, made, progress, rootdir, uml

_TOOLS = ("xz", "zstd", "depmod")
_ZSTD = bytes.fromhex("28b52ffd")


@dataclasses.dataclass(frozen=True)
class Kernel:
    release: str            # as uname -r says it
    image: pathlib.Path
    modules: pathlib.Path   # what is in it is below /lib/modules
    # What an emulated one is booted with, if it needs one.
    initramfs: pathlib.Path | None = None


class KernelError(Exception):
    """Not a kernel that can be used; the text says why."""


# 7.x has its modules in a package of their own.
PACKAGES = {
    "trixie-amd64": debian.Wish("trixie", ("linux-image-cloud-amd64",),
                                "extract", "amd64"),
    "backports-amd64": debian.Wish(
        "trixie", ("linux-image-cloud-amd64/trixie-backports",
                   "linux-modules-cloud-amd64/trixie-backports"),
        "extract", "amd64", also="trixie-backports"),
    "trixie-arm64": debian.Wish("trixie", ("linux-image-cloud-arm64",),
                                "extract", "arm64"),
}


def ensure(name: str) -> Kernel:
    """The newest of Debian's, as it was when it was fetched."""
    wish = PACKAGES[name]
    place = made.ensure("kernels", name, [*wish.recipe(), "unpacked"],
                        lambda work: _fill(wish, work))
    return _in_cache(place)


def of_root(root: pathlib.Path) -> Kernel:
    """The User-Mode Linux of a root directory."""
    modules = root / uml.MODULES
    release = next((entry.name for entry in modules.iterdir()), "unknown")
    return Kernel(release, root / uml.IMAGE, modules)


def _in_cache(place: pathlib.Path) -> Kernel:
    (release,) = [entry.name for entry in (place / "modules").iterdir()]
    (image,) = place.glob("vmlinu?")
    return Kernel(release, image, place / "modules")


def _fill(wish: debian.Wish, work: pathlib.Path) -> None:
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    if missing:
        raise made.MakeError(f"not installed: {', '.join(missing)} "
                             "(tools/setup qemu)")
    with tempfile.TemporaryDirectory(dir=work.parent,
                                     prefix=f"{work.name}-packages") as folder:
        unpacked = pathlib.Path(folder)
        debian.bootstrap(wish, unpacked,
                         rootdir.keyring(rootdir.ROOTS["trixie"]))
        (found,) = (unpacked / "usr/lib/modules").iterdir()
        images = [*(unpacked / "boot").glob("vmlinuz-*"),
                  *found.glob("vmlinuz")]
        _unpack(images[0], work)
        shutil.move(found, work / "modules" / found.name)
    modules = work / "modules" / found.name
    progress.say(f"decompressing the modules of {modules.name}")
    subprocess.run(["sh", "-c", "find . -name '*.ko.xz' -print0 | "
                    "xargs -0 -r -n 64 -P 2 xz -d"], cwd=modules, check=True)
    base = work / "depmod"  # which wants them below lib/modules
    (base / "lib").mkdir(parents=True)
    (base / "lib/modules").symlink_to("../../modules")
    subprocess.run(["depmod", "-b", str(base), modules.name], check=True)
    shutil.rmtree(base)


def _unpack(image: pathlib.Path, work: pathlib.Path) -> None:
    """A kernel for x86 decompresses itself, for more than a second of each boot
    where the processor is emulated; qemu boots what comes of it as well.
    Documentation/arch/x86/boot.rst, payload_offset and payload_length."""
    data = image.read_bytes()
    start = 512 * (data[0x1F1] + 1) + int.from_bytes(data[0x248:0x24C], "little")
    length = int.from_bytes(data[0x24C:0x250], "little")
    payload = data[start:start + length - 4]  # its size stands behind it
    if data[0x202:0x206] == b"HdrS" and payload[:4] == _ZSTD:
        with open(work / "vmlinux", "wb") as unpacked:
            subprocess.run(["zstd", "-dq"], input=payload, stdout=unpacked,
                           check=True)
    else:
        shutil.copyfile(image, work / "vmlinuz")


def given(image: pathlib.Path, modules: pathlib.Path | None,
          out: pathlib.Path) -> tuple[str, Kernel]:
    """A developer's own: its architecture, "um" for User-Mode Linux. What has
    to be made for it comes into the folder `out`."""
    arch = _architecture(image)
    release = _release(image, arch)
    if modules is None:
        return arch, Kernel(release, image, made.empty_folder())
    above = _folder_above(modules, release)
    return arch, Kernel(release, image, above,
                        _initramfs(above / release, arch, out))


def _initramfs(modules: pathlib.Path, arch: str,
               out: pathlib.Path) -> pathlib.Path | None:
    if arch == "um" or not initramfs.needed(modules):
        return None
    place = out / "initramfs"
    try:
        initramfs.make(modules, arch, place)
    except initramfs.InitramfsError as error:
        raise KernelError(str(error)) from None
    return place


def _architecture(image: pathlib.Path) -> str:
    if not image.is_file():
        raise KernelError(f"no kernel at {image}")
    with open(image, "rb") as file:
        start = file.read(0x210)
    if start[0x202:0x206] == b"HdrS":
        return "x86_64"
    if start[0x38:0x3C] == b"ARMd":
        return "aarch64"
    if start[:4] == b"\x7fELF" and start[16:18] in (b"\2\0", b"\3\0"):
        if b"User Mode Linux" in image.read_bytes():
            return "um"
    raise KernelError(f"{image} is neither a bzImage, nor an arm64 Image, nor "
                      "a User-Mode Linux")


def _release(image: pathlib.Path, arch: str) -> str:
    data = image.read_bytes()
    if arch == "x86_64":  # Documentation/arch/x86/boot.rst, kernel_version
        start = 0x200 + int.from_bytes(data[0x20E:0x210], "little")
        text = data[start:start + 256].partition(b"\0")[0]
        return text.decode("ascii", "replace").partition(" ")[0]
    found = re.search(rb"Linux version (\S+) \(", data)
    return found[1].decode("ascii", "replace") if found else "unknown"


def _folder_above(modules: pathlib.Path, release: str) -> pathlib.Path:
    """`modules` may be where modules_install put them, or the folder of this
    release."""
    for place in (modules, modules / "lib/modules", modules.parent):
        if (place / release / "modules.dep").is_file():
            return place
    raise KernelError(f"{modules} has no modules of {release} with a "
                      "modules.dep (make modules_install "
                      f"INSTALL_MOD_PATH={modules})")
