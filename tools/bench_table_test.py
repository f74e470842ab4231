#!/usr/bin/python3
"""What is said of samples."""

import sys
import unittest

sys.dont_write_bytecode = True

from bench_table import Table  # noqa: E402


class TableTest(unittest.TestCase):

    def table(self) -> Table:
        table = Table()
        # The machine is twice as slow in the second round, ten times in the
        # third.
        for ours, floor in ((30, 20), (62, 40), (300, 200)):
            table.add("sides/a/client", "floor", "us", floor)
            table.add("sides/a/client", "ours", "us", ours)
        return table

    def test_ratios_are_of_the_same_round(self) -> None:
        table = self.table()
        floor, ours = table.rows()
        self.assertEqual(table.ratios(ours), {"floor": 1.5})
        self.assertAlmostEqual(table.ratios(floor)["ours"], 2 / 3)

    def test_other_groups_and_units_are_not_compared(self) -> None:
        table = self.table()
        for _ in range(3):
            table.add("sides/a/server", "rustls", "us", 1)
            table.add("sides/a/client", "size", "bytes", 1)
        self.assertEqual(set(table.ratios(table.rows()[1])), {"floor"})

    def test_a_competitor_that_missed_rounds_is_not_compared(self) -> None:
        table = self.table()
        table.add("sides/a/client", "rustls", "us", 1)
        self.assertEqual(set(table.ratios(table.rows()[1])), {"floor"})

    def test_lines_are_for_scripts(self) -> None:
        self.assertEqual(self.table().lines(),
                         ["sides/a/client/floor 40.0 us ours=0.67",
                          "sides/a/client/ours 62.0 us floor=1.50"])

    def test_a_table_has_medians_and_ratios(self) -> None:
        self.assertEqual(
            self.table().markdown(["floor"])[-1],
            "| sides/a/client/ours | 62.0 us | 218% | 1.50 |")

    def test_spread_is_half_the_distance_of_the_quartiles(self) -> None:
        table = Table()
        for sample in (10, 10, 11, 9, 10):
            table.add("g", "w", "us", sample)
        self.assertAlmostEqual(table.rows()[0].spread, 0.05)


if __name__ == "__main__":
    unittest.main()
