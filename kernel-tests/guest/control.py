"""Asks the running agent with ktlsctl."""

import json
import os
import subprocess

from guest import machine

PROGRAM = machine.AGENT / "ktlsctl"


def ask(*words: str, user: str | None = None) -> subprocess.CompletedProcess:
    """Runs ktlsctl, as another user if one is named."""
    command = [str(PROGRAM), *words]
    if user:
        command = ["setpriv", f"--reuid={user}", "--clear-groups", *command]
    # What it is linked with need not be in the guest: it lies beside it.
    return subprocess.run(
        command, env={**os.environ, "LD_LIBRARY_PATH": str(machine.AGENT)},
        capture_output=True, text=True, timeout=20, check=False)


def ask_json(*words: str, status: int = 0):
    """The answer to a question that is answered with that exit status."""
    asked = ask(*words, "--json")
    assert asked.returncode == status, \
        f"ktlsctl {words}: exit status {asked.returncode}: {asked.stderr}"
    return json.loads(asked.stdout)


def metric(text: str, name: str) -> float:
    """The value of a sample, named with its labels as it is printed."""
    values = [line.rpartition(" ")[2] for line in text.splitlines()
              if line.rpartition(" ")[0] == name]
    assert len(values) == 1, f"{len(values)} samples of {name} in:\n{text}"
    return float(values[0])
