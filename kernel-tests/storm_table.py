"""The table of kernel-tests/storm."""

_COLUMNS = (("mem", 4), ("slots", 5), ("at once", 7), ("agent", 14),
            ("sessions", 10), ("per s", 6), ("per CPU s", 9), ("agent ms", 8),
            ("switches", 8), ("median ms", 9), ("p99 ms", 7))
_LEFT = "agent"


def rate(one: dict) -> float:
    return one["sessions"] / max(one["wall_ms"] / 1000, 1e-3)


def rate_of_cpu(one: dict) -> float | None:
    """Sessions for each second of the host's CPU that the guest had. None where
    its clock jumped: the guest's samples then do not fit its time."""
    if one["host_cpu_ms"] <= 0:
        return None
    return one["sessions"] / (one["host_cpu_ms"] / 1000)


def cpu_ms(one: dict) -> float | None:
    """Of all the agent's processes, for each session that was made.

    To the guest, time in which the host gave it no CPU is CPU time of whoever
    ran last. What the host counted makes up for that.
    """
    if not one["sessions"] or one["host_cpu_ms"] <= 0:
        return None
    share = one["agent_cpu_ms"] / max(one["guest_busy_ms"], 1)
    return share * one["host_cpu_ms"] / one["sessions"]


def grown(samples: list[tuple[float, float]], began: float,
          ended: float) -> float:
    """How much a value grew meanwhile, between samples in a straight line."""
    return _at(samples, ended) - _at(samples, began)


def _at(samples: list[tuple[float, float]], when: float) -> float:
    earlier = [s for s in samples if s[0] <= when][-1:] or samples[:1]
    later = [s for s in samples if s[0] > when][:1] or samples[-1:]
    (start, low), (end, high) = earlier[0], later[0]
    share = (when - start) / (end - start) if end > start else 0
    return low + (high - low) * share


def table(measured: dict) -> str:
    lines = [
        f"Linux {measured['kernel']} (uml), nfsd with 16 threads, "
        f"{measured['clients']} clients, {measured['authorities']} "
        "authorities trusted; mutual TLS",
        "slots: requests that may wait; per CPU s: of all in the guest; agent "
        "ms: CPU of all", "the agent's processes for one session; switches: "
        "how often these, in one session,", "gave the CPU up or lost it", "", _row([name for name, _ in _COLUMNS])]
    rounds = measured["rounds"]
    for place in dict.fromkeys((one["memory"], one["at_once"])
                               for one in rounds):
        here = [one for one in rounds
                if (one["memory"], one["at_once"]) == place]
        lines += [_row(_cells(one)) for one in here]
        lines += [_comparison(here[0], other) for other in here[1:]]
    for counted in measured.get("calls", []):
        lines += ["", f"{counted['agent']}, {counted['memory']}: system calls "
                  "for one session", *_calls(counted["calls"])]
    return "\n".join(lines)


def lost(measured: dict) -> list[str]:
    """Where the first agent did not serve every client. What it is measured
    beside is only reported."""
    return [f"{one['memory']}, {one['at_once']} at once: {one['agent']} served "
            f"{one['sessions']} of {one['clients']}"
            for one in measured["rounds"]
            if one["number"] == 0 and one["sessions"] < one["clients"]]


def _calls(by_role: dict[str, dict[str, float]]) -> list[str]:
    """Of each role, those that it makes most, and of all."""
    lines = []
    for role, calls in sorted(by_role.items()):
        total = sum(calls.values())
        often = ", ".join(f"{name} {count:.1f}" for name, count in calls.items()
                          if count >= 0.05)
        if often:
            lines.append(f"  {role:15} {total:6.1f}: {often}")
    total = sum(sum(calls.values()) for calls in by_role.values())
    return [*lines, f"  {'all':15} {total:6.1f}"]


def _cells(one: dict) -> list[str]:
    cpu, of_cpu = cpu_ms(one), rate_of_cpu(one)
    return [one["memory"], str(one["slots"]), str(one["at_once"]),
            one["agent"][:14], f"{one['sessions']}/{one['clients']}",
            f"{rate(one):.0f}", "-" if of_cpu is None else f"{of_cpu:.0f}",
            "-" if cpu is None else f"{cpu:.2f}", _switches(one),
            f"{one['p50_ms']:.0f}", f"{one['p99_ms']:.0f}"]


def _switches(one: dict) -> str:
    if not one["sessions"]:
        return "-"
    return f"{sum(one['switches'].values()) / one['sessions']:.1f}"


def _row(cells: list[str]) -> str:
    return "  ".join(
        cell.ljust(width) if name == _LEFT else cell.rjust(width)
        for cell, (name, width) in zip(cells, _COLUMNS)).rstrip()


def _comparison(first: dict, other: dict) -> str:
    """How the first agent stands to another in the same storm."""
    said = [f"rate {rate(first) / rate(other):.1f}x"] if rate(other) else []
    mine, theirs = cpu_ms(first), cpu_ms(other)
    if mine is not None and theirs:
        said.append(f"agent's CPU {mine / theirs:.2f}x")
    return " " * 22 + (f"{first['agent']} to {other['agent']}: "
                       + (", ".join(said) or "nothing to compare"))
