"""Where benchmarks run: on this host, or in a Debian 13 root directory.

The programs are built on this host and run in the root as they are, with the
libcrypto, libssl and GnuTLS that they find there. The one with rustls is built
in the root, by its cargo and from its packages alone.
"""

import contextlib
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from project import BAZEL, ROOT, cache_dir

sys.path.insert(0, str(ROOT / "kernel-tests"))

from beds import rootdir  # noqa: E402
from beds.made import STAMP  # noqa: E402

SOURCES = ROOT / "tools/benchmarks"
PACKAGE = "tools/benchmarks"
MOUNT = "/ktlsd/tests"  # in a root
AGENT_TARGET = "//agent:ktlsd_without_kernel"
AGENT = ROOT / "bazel-bin/agent/ktlsd_without_kernel"

# Private mounts, which end with the command; the root stays as it is.
_IN_ROOT = """set -e
mount --bind "$2" "$1{mount}"
mount --bind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount -t tmpfs tmp "$1/tmp"
root=$1; shift 2
exec chroot "$root" env LD_LIBRARY_PATH={mount} "$@"
""".format(mount=MOUNT)

_CARGO = """[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
"""


class Place:
    """Runs programs that are in its folder."""

    def __init__(self, name: str, folder: pathlib.Path,
                 root: pathlib.Path | None) -> None:
        self.name = name
        self.folder = folder
        self._root = root

    def command(self, program: str, *arguments: str) -> list[str]:
        if self._root is None:
            return [str(self.folder / program), *arguments]
        return ["unshare", "--mount", "--net", "sh", "-c", _IN_ROOT, "sh",
                str(self._root), str(self.folder), f"{MOUNT}/{program}",
                *arguments]

    def path(self, name: str) -> str:
        """As the programs see a file of the folder."""
        return str(self.folder / name) if self._root is None \
            else f"{MOUNT}/{name}"

    def run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(self.command(program, *arguments),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8", check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {program} {' '.join(arguments)}: "
                     f"{done.stderr.strip()}")
        return done.stdout


def build(targets: list[str], *others: str) -> None:
    """Builds programs of tools/benchmarks, and others, as they are measured."""
    command = [*BAZEL, "build", "-c", "opt", "--noshow_progress",
               "--ui_event_filters=-info", *others,
               *(f"//{PACKAGE}:{target}" for target in targets)]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit("bench: the build failed")


@contextlib.contextmanager
def place(name: str, programs: list[str]) -> Iterator[Place]:
    """`here`, or `trixie`, with these programs, which are built."""
    # Where Bazel 7 and later put them differs; bazel-bin always leads there.
    built = ROOT / "bazel-bin" / PACKAGE
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        for program in programs:
            shutil.copy(built / program, folder)
        if name == "here":
            yield Place(name, folder, None)
            return
        _copy_google_benchmark(folder)
        yield Place(name, folder, rootdir.ensure("bench"))


def _copy_google_benchmark(folder: pathlib.Path) -> None:
    """Its shared object has another name in each Debian."""
    for directory in pathlib.Path("/usr/lib").glob("*-linux-gnu"):
        for library in directory.glob("libbenchmark.so.*"):
            shutil.copy(library, folder)


def rustls_program() -> pathlib.Path:
    """Builds tools/benchmarks/rustls in the root, once for each version."""
    root = rootdir.ensure("bench")
    source = SOURCES / "rustls"
    files = sorted(p for p in source.rglob("*") if p.is_file())
    stamp = hashlib.sha256((root / STAMP).read_bytes() + b"".join(
        p.read_bytes() for p in files)).hexdigest()[:16]
    kept = cache_dir() / "bench" / f"rustls-side-{stamp}"
    if kept.exists():
        return kept
    print("bench: building the program with rustls (two minutes, once)",
          file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        shutil.copytree(source, folder / "source")
        (folder / "cargo").mkdir()
        (folder / "cargo/config.toml").write_text(_CARGO, encoding="utf-8")
        inside = Place("trixie", folder, root)
        done = subprocess.run(inside.command(
            "../../usr/bin/env", f"CARGO_HOME={MOUNT}/cargo", "cargo", "build",
            "--offline", "--release", "--quiet",
            f"--manifest-path={MOUNT}/source/Cargo.toml",
            f"--target-dir={MOUNT}/target"), check=False)
        if done.returncode != 0:
            sys.exit("bench: cargo failed")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "target/release/rustls-side", kept)
    return kept
