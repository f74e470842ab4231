"""Debian's packages in a directory: by mmdebstrap, from the mirror that apt on
this host is set up with."""

import dataclasses
import pathlib
import shutil
import subprocess

from beds import made, progress

KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"


@dataclasses.dataclass(frozen=True)
class Wish:
    suite: str
    packages: tuple[str, ...]
    # "minbase" installs, "extract" only unpacks: no program of it runs here.
    variant: str = "minbase"
    arch: str = ""          # Debian's name; empty: this host's
    also: str = ""          # a further suite that packages may come from

    def recipe(self) -> list[str]:
        return [self.suite, self.variant, self.arch, self.also, *self.packages]


def bootstrap(wish: Wish, target: pathlib.Path,
              keyring: pathlib.Path | None = None) -> None:
    if not shutil.which("mmdebstrap"):
        raise made.MakeError("mmdebstrap is not installed")
    mirror = _mirror()
    progress.say(f"fetching {', '.join(wish.packages[:3])} and others of "
                 f"{wish.suite} from {mirror} (up to a minute or two)")
    command = ["mmdebstrap", f"--variant={wish.variant}", "--mode=root",
               *(f"--include={package}" for package in wish.packages),
               *(f"--aptopt={option}" for option in _proxy_options())]
    if wish.arch:
        command.append(f"--architectures={wish.arch}")
    if keyring and keyring.exists():
        command.append(f"--keyring={keyring}")
    suites = [wish.suite, *filter(None, [wish.also])]
    place = [wish.suite, str(target),
             *(f"deb {mirror} {suite} main" for suite in suites)]
    log = made.log_of(target)
    if _run(command + place, log):
        return
    if "is expired" in log.read_text(errors="replace"):
        # A testing suite's index is only valid for a week. A mirror that is
        # frozen or behind still has signed packages, which are good enough
        # for a guest that no one but the cases talks to.
        progress.say(f"the mirror's index of {wish.suite} is past its date; "
                     "using it all the same (signatures are still checked)")
        _empty(target)
        command.append('--aptopt=Acquire::Check-Valid-Until "false"')
        if _run(command + place, log):
            return
    tail = log.read_text(errors="replace").splitlines()[-15:]
    raise made.MakeError(f"mmdebstrap failed for {wish.suite} ({log}):\n  "
                         + "\n  ".join(tail))


def _run(command: list[str], log: pathlib.Path) -> bool:
    with open(log, "wb") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=subprocess.STDOUT)
        try:
            while True:
                try:
                    return child.wait(timeout=15) == 0
                except subprocess.TimeoutExpired:
                    progress.say(f"still at it: {_last_line(log)}")
        finally:
            # mmdebstrap unmounts what it mounted when it is interrupted.
            if child.poll() is None:
                child.terminate()
                child.wait(timeout=60)


def _last_line(log: pathlib.Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")[:70]


def _empty(directory: pathlib.Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _mirror() -> str:
    found = _mirror_in_lists()
    if not found:
        progress.say("apt has no package lists yet: apt-get update")
        subprocess.run(["apt-get", "-q", "update"], check=False,
                       stdin=subprocess.DEVNULL, capture_output=True)
        found = _mirror_in_lists()
    if not found:
        raise made.MakeError("apt is set up with no Debian mirror")
    return found


def _mirror_in_lists() -> str | None:
    fields = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"],
        capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        origin, label, component, uri = line.split("|", 3)
        if (origin, label, component) == ("Debian", "Debian", "main"):
            return uri
    return None


def _proxy_options() -> list[str]:
    """apt's proxy settings, which mmdebstrap does not take from the host."""
    dump = subprocess.run(
        ["apt-config", "dump", "--format", "%F \"%v\";%n",
         "Acquire::http::Proxy", "Acquire::https::Proxy"],
        capture_output=True, text=True, check=False)
    return [line.rstrip(";") for line in dump.stdout.splitlines()
            if '""' not in line]
