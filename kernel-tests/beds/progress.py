"""Progress messages go to stderr, so that stdout stays pure KTAP."""

import sys


def say(text: str) -> None:
    print(f"kernel-tests: {text}", file=sys.stderr, flush=True)
