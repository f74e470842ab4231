"""The table of kernel-tests/storm."""

_COLUMNS = (("mem", 4), ("slots", 5), ("at once", 7), ("agent", 14),
            ("sessions", 10), ("per s", 6), ("CPU ms", 7), ("median ms", 9),
            ("p99 ms", 7))
_LEFT = "agent"


def rate(one: dict) -> float:
    return one["sessions"] / max(one["wall_ms"] / 1000, 1e-3)


def cpu_ms(one: dict) -> float | None:
    """Of all the agent's processes, for each session that was made."""
    return one["agent_cpu_ms"] / one["sessions"] if one["sessions"] else None


def table(measured: dict) -> str:
    lines = [
        f"Linux {measured['kernel']} (uml), nfsd with 16 threads, "
        f"{measured['clients']} clients, {measured['authorities']} "
        "authorities trusted; mutual TLS",
        "slots: requests that may wait; CPU ms: of all the agent's processes, "
        "for one session", "", _row([name for name, _ in _COLUMNS])]
    rounds = measured["rounds"]
    for place in dict.fromkeys((one["memory"], one["at_once"])
                               for one in rounds):
        here = [one for one in rounds
                if (one["memory"], one["at_once"]) == place]
        lines += [_row(_cells(one)) for one in here]
        lines += [_comparison(here[0], other) for other in here[1:]]
    return "\n".join(lines)


def _cells(one: dict) -> list[str]:
    cpu = cpu_ms(one)
    return [one["memory"], str(one["slots"]), str(one["at_once"]),
            one["agent"][:14], f"{one['sessions']}/{one['clients']}",
            f"{rate(one):.0f}", "-" if cpu is None else f"{cpu:.2f}",
            f"{one['p50_ms']:.0f}", f"{one['p99_ms']:.0f}"]


def _row(cells: list[str]) -> str:
    return "  ".join(
        cell.ljust(width) if name == _LEFT else cell.rjust(width)
        for cell, (name, width) in zip(cells, _COLUMNS)).rstrip()


def _comparison(first: dict, other: dict) -> str:
    """How the first agent stands to another in the same storm."""
    said = [f"rate {rate(first) / rate(other):.1f}x"] if rate(other) else []
    mine, theirs = cpu_ms(first), cpu_ms(other)
    if mine is not None and theirs:
        said.append(f"CPU {mine / theirs:.2f}x")
    return " " * 22 + (f"{first['agent']} to {other['agent']}: "
                       + (", ".join(said) or "nothing to compare"))
