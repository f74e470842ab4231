"""Which tlshd runs: the newest one, or the root's own."""

import functools
import re

from guest import features, machine

# The newest one, with what it is linked with: see ../beside.py.
_NEWEST = machine.AGENT / "newest-tlshd/tlshd"
OF_THE_ROOT = "/usr/sbin/tlshd"


@functools.cache
def program() -> str:
    """1.4.0 answers EIO to everything on a kernel without
    TLS_TX_MAX_PAYLOAD_LEN, as 6.12: there it is the one of the root."""
    limits = features.FEATURES["record-size-limit"].there()
    return str(_NEWEST) if limits and _NEWEST.exists() else OF_THE_ROOT


def version() -> str:
    """As "1.4.0"."""
    said = machine.run(program(), "--version", check=False)
    (found,) = re.findall(r"ktls-utils ([\d.]+)", said.stdout + said.stderr)
    return found
