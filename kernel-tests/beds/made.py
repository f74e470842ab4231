"""What is made once and kept in the cache: root directories, kernels.

A thing is a directory. It is made in a temporary one and renamed, so one that
exists is complete. Its stamp holds a hash of everything that went into it; one
whose stamp differs is made again.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable

from beds import progress
from project import cache_dir  # of tools/

STAMP = "ktlsd-root-stamp"


class MakeError(Exception):
    """It could not be made; the text says why."""


def ensure(kind: str, name: str, recipe: list[str],
           make: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """Returns CACHE/kind/name, which `make` fills first where that is needed.

    `recipe` is what decides how it comes out.
    """
    place = cache_dir() / kind / name
    stamp = hashlib.sha256("\n".join([name, *recipe]).encode()).hexdigest()
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.parent / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _stamp_of(place) != stamp:
            _make(place, stamp, make)
    return place


def log_of(place: pathlib.Path) -> pathlib.Path:
    """Where the making of it is logged; `place` may be the temporary one."""
    return place.parent / f"{place.name.lstrip('.').partition('~')[0]}.log"


def _stamp_of(place: pathlib.Path) -> str:
    try:
        return (place / STAMP).read_text().strip()
    except OSError:
        return ""


def _make(place: pathlib.Path, stamp: str,
          make: Callable[[pathlib.Path], None]) -> None:
    if os.geteuid() != 0:
        raise MakeError(f"only root can make {place}")
    started = time.monotonic()
    _remove_unfinished(place)
    work = pathlib.Path(tempfile.mkdtemp(prefix=f".{place.name}~",
                                         dir=place.parent))
    try:
        # mkdtemp's 0700 would be the mode of the guest's "/".
        work.chmod(0o755)
        make(work)
        (work / STAMP).write_text(stamp + "\n")
        _replace(place, work)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    progress.say(f"{place} made in {time.monotonic() - started:.0f} s")


def _remove_unfinished(place: pathlib.Path) -> None:
    """What a harness that was killed left; the lock keeps others out."""
    mounts = pathlib.Path("/proc/self/mounts").read_text()
    for left in place.parent.glob(f".{place.name}~*"):
        if str(left) not in mounts:
            shutil.rmtree(left, ignore_errors=True)


def _replace(place: pathlib.Path, new: pathlib.Path) -> None:
    if place.exists():
        old = pathlib.Path(tempfile.mkdtemp(prefix=f".{place.name}~old-",
                                            dir=place.parent))
        os.rename(place, old / "old")
        os.rename(new, place)
        shutil.rmtree(old)
    else:
        os.rename(new, place)


def empty_folder() -> pathlib.Path:
    """One that stays empty."""
    place = cache_dir() / "empty"
    place.mkdir(parents=True, exist_ok=True)
    return place
