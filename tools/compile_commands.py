#!/usr/bin/python3
"""Writes compile_commands.json, for editors and clangd, from Bazel's own graph.

  tools/compile_commands.py [bazel flags, for example --config=arm64]
"""

import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True

from project import BAZEL, help_if_asked  # noqa: E402  (after the path)

# GCC flags that clang-tidy and clangd do not know.
_GCC_ONLY = {
    "-fno-canonical-system-headers",
    "-Wno-free-nonheap-object",
    "-Wunused-but-set-parameter",
}


def main():
    help_if_asked(__doc__)
    flags = sys.argv[1:]

    def run(*args):
        return subprocess.run([*BAZEL, *args], check=True,
                              stdout=subprocess.PIPE, encoding="utf-8").stdout

    root = run("info", "workspace", *flags).strip()
    execroot = run("info", "execution_root", *flags).strip()
    query = 'mnemonic("CppCompile", //...)'
    graph = json.loads(run("aquery", query, "--output=jsonproto", *flags))

    commands = {}
    for action in graph["actions"]:
        args = [a for a in action["arguments"] if a not in _GCC_ONLY]
        source = args[args.index("-c") + 1]
        if not os.path.exists(os.path.join(root, source)):
            continue
        if source.startswith(("external/", "bazel-out/")):
            continue
        # Headers of other repositories are below the execution root only.
        for i, arg in enumerate(args):
            path_flag = args[i - 1] in ("-isystem", "-iquote", "-I")
            if path_flag and arg.startswith(("external/", "bazel-out/")):
                args[i] = os.path.join(execroot, arg)
        entry = {"directory": root, "file": source, "arguments": args}
        # A source compiled twice (with and without -fPIC) is named once.
        commands.setdefault(source, entry)
    path = os.path.join(root, "compile_commands.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(sorted(commands.values(), key=lambda e: e["file"]), out, indent=1)
    print(f"compile_commands.json: {len(commands)} files")


if __name__ == "__main__":
    main()
