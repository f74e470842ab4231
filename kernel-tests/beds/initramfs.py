"""A small initramfs for a kernel that has virtiofs, or its bus, as a module.

It has the modules that the root directory is seen through, and one program
that loads them and goes over to the root (initramfs_init.c).
"""

import gzip
import lzma
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable

# What runs in the root, with an initramfs or without.
NEXT_INIT = "/ktlsd/tests/guest/init"

# What the root is seen through; what is built in is not among the modules.
_WANTED = ("virtio_pci", "virtiofs")

_SOURCE = pathlib.Path(__file__).with_name("initramfs_init.c")
_COMPILERS = {"x86_64": ("gcc", "kernel"),
              "aarch64": ("aarch64-linux-gnu-gcc", "arm64")}


class InitramfsError(Exception):
    """It cannot be made for this kernel; the text says why."""


def needed(modules: pathlib.Path) -> bool:
    """`modules` is the folder of one release, as everywhere here."""
    return any(name in _paths(modules) for name in _WANTED)


def make(modules: pathlib.Path, arch: str, place: pathlib.Path) -> None:
    """Writes the archive for this kernel to `place`."""
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        for name in ("modules", "newroot"):
            (tree / name).mkdir()
        _compile(tree / "init", arch)
        for number, path in enumerate(load_order(modules)):
            name = pathlib.PurePath(path).name.partition(".")[0]
            (tree / "modules" / f"{number:03}-{name}").write_bytes(
                _content(modules / path))
        names = [str(path.relative_to(tree))
                 for path in sorted(tree.rglob("*"))]
        _run("qemu", ["cpio", "--create", "--format=newc", "--quiet",
                      "--owner=+0:+0", f"--file={place.resolve()}"],
             "\n".join(names).encode(), tree)


def load_order(modules: pathlib.Path) -> list[str]:
    """Paths below `modules`: each behind what it depends on."""
    paths = _paths(modules)
    needs = {path: listed.split() for path, _, listed in
             (line.partition(":") for line in _lines(modules))}
    order: list[str] = []
    for name in _WANTED:
        if name in paths:
            # modules.dep has what is to be loaded first as the last.
            order += [*reversed(needs[paths[name]]), paths[name]]
    return list(dict.fromkeys(order))


def _lines(modules: pathlib.Path) -> list[str]:
    return (modules / "modules.dep").read_text().splitlines()


def _paths(modules: pathlib.Path) -> dict[str, str]:
    """Where each module is, by the name that it has in the kernel."""
    paths = [line.partition(":")[0] for line in _lines(modules)]
    return {pathlib.PurePath(path).name.partition(".")[0].replace("-", "_"):
            path for path in paths}


def _content(module: pathlib.Path) -> bytes:
    """Decompressed: not every kernel does that itself."""
    decompress = _DECOMPRESS.get(module.suffix)
    if decompress is None:
        raise InitramfsError(f"{module}: compressed in an unknown way")
    try:
        return decompress(module.read_bytes())
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InitramfsError(f"{module}: {error}") from None


def _decompress_zstd(data: bytes) -> bytes:
    return _run("qemu", ["zstd", "-dq"], data)


_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".ko": bytes, ".xz": lzma.decompress, ".gz": gzip.decompress,
    ".zst": _decompress_zstd}


def _compile(program: pathlib.Path, arch: str) -> None:
    compiler, group = _COMPILERS[arch]
    _run(group, [compiler, "-O2", "-static", f'-DNEXT_INIT="{NEXT_INIT}"',
                 str(_SOURCE), "-o", str(program)])


def _run(group: str, command: list[str], data: bytes = b"",
         folder: pathlib.Path | None = None) -> bytes:
    """`group` is that of tools/setup which has the program."""
    if not shutil.which(command[0]):
        raise InitramfsError(f"not installed: {command[0]} "
                             f"(tools/setup {group})")
    done = subprocess.run(command, input=data, capture_output=True, cwd=folder,
                          check=False)
    if done.returncode != 0:
        raise InitramfsError(f"{command[0]}: "
                             f"{done.stderr.decode(errors='replace').strip()}")
    return done.stdout
