"""What the tools share: where the project and its cache are, and Bazel.

A tool of this folder imports it as `project`; sys.dont_write_bytecode is set
before, so that nothing is written into the tree.
"""

import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BAZEL = shlex.split(os.environ.get("BAZEL", "bazel"))


def cache_dir() -> pathlib.Path:
    """Where what is made once is kept; tools/lib.sh says the same."""
    chosen = os.environ.get("KTLSD_CACHE")
    if chosen:
        return pathlib.Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    home = pathlib.Path(os.environ.get("HOME", "/root"))
    return (pathlib.Path(base) if base else home / ".cache") / "ktlsd"


def help_if_asked(text: str) -> None:
    """For a tool without options: prints its help where that is asked for."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(text.strip())
        sys.exit(0)


def own_files() -> list[str]:
    """Names, from ROOT, of the files that git does not ignore, sorted.

    Without git, as in an unpacked archive, all but what Bazel made.
    """
    if not (ROOT / ".git").exists():
        return sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                      if path.is_file() and
                      not path.relative_to(ROOT).parts[0].startswith("bazel-"))
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached",
         "--others", "--exclude-standard"], cwd=ROOT, check=True,
        stdout=subprocess.PIPE, encoding="utf-8").stdout.splitlines()
    return sorted({name for name in listed if (ROOT / name).is_file()})
