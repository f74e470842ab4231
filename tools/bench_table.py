"""Samples of the benchmarks, and what is said of them.

Samples are taken in rounds, one of each competitor in turn, so that all have
the same machine; a ratio is the median of the rounds' own ratios, which load
from elsewhere disturbs least.
"""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Name:
    """What was measured: of whom, in which group of competitors."""
    group: str  # "sides/mutual_ecdsa/client"
    who: str    # "ours"

    def __str__(self) -> str:
        return f"{self.group}/{self.who}"


@dataclasses.dataclass
class Row:
    """The samples of one name, one a round, in `unit`."""
    name: Name
    unit: str
    samples: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a part of the median."""
        if len(self.samples) < 3 or not self.median:
            return 0.0
        first, _, third = statistics.quantiles(self.samples, n=4)
        return (third - first) / 2 / self.median


class Table:
    """Rows in the order in which they came."""

    def __init__(self) -> None:
        self._rows: dict[Name, Row] = {}

    def add(self, group: str, who: str, unit: str, sample: float) -> None:
        name = Name(group, who)
        self._rows.setdefault(name, Row(name, unit, [])).samples.append(sample)

    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def ratios(self, row: Row) -> dict[str, float]:
        """Of `row` to every other one of its group that ran as often."""
        found = {}
        for other in self._rows.values():
            if (other.name.group == row.name.group and other is not row
                    and other.unit == row.unit
                    and len(other.samples) == len(row.samples)
                    and all(other.samples)):
                found[other.name.who] = statistics.median(
                    a / b for a, b in zip(row.samples, other.samples))
        return found

    def lines(self) -> list[str]:
        """`name value unit ratio-to...`, for scripts."""
        lines = []
        for row in self.rows():
            ratios = [f"{who}={value:.2f}"
                      for who, value in self.ratios(row).items()]
            lines.append(" ".join([str(row.name), f"{row.median:.1f}",
                                   row.unit, *ratios]))
        return lines

    def markdown(self, columns: list[str]) -> list[str]:
        """A table with ratios to `columns`, for people."""
        heads = ["", "median", "spread", *(f"to {c}" for c in columns)]
        lines = ["| " + " | ".join(heads) + " |",
                 "|---|--:|--:|" + "--:|" * len(columns)]
        for row in self.rows():
            ratios = self.ratios(row)
            cells = [str(row.name), f"{row.median:.1f} {row.unit}",
                     f"{row.spread:.0%}",
                     *(f"{ratios[c]:.2f}" if c in ratios else ""
                       for c in columns)]
            lines.append("| " + " | ".join(cells) + " |")
        return lines
