#!/usr/bin/python3
"""Tests of fault_table.py."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import fault_table  # noqa: E402  (needs the path set above)

PAGE = """# Faults

- not a reference: above the first fault it is a complaint

## 1. A flood
Words.
- `//base:flood_test Flood.Ends`
- `bogo *Flood*`

## 2. Silence
- `kernel agent/silent`
"""


class Parse(unittest.TestCase):
    def test_page(self):
        faults, complaints = fault_table.parse(PAGE)
        self.assertEqual([(f.number, f.title) for f in faults],
                         [(1, "A flood"), (2, "Silence")])
        self.assertEqual(faults[0].tests, [
            fault_table.Reference("unit", "//base:flood_test", "Flood.Ends"),
            fault_table.Reference("bogo", "", "*Flood*")])
        self.assertEqual(complaints, ["line 3: names no test"])

    def complaints(self, text: str) -> int:
        return len(fault_table.parse(text)[1])

    def test_numbers_have_no_gap(self):
        self.assertEqual(self.complaints("## 2. A\n- `kernel a/b`\n"), 1)

    def test_each_fault_has_a_test(self):
        self.assertEqual(self.complaints("## 1. A\nwords\n"), 1)

    def test_a_reference_is_of_a_known_kind(self):
        self.assertEqual(self.complaints("## 1. A\n- `kernel a/b`\n- `x y`\n"),
                         1)


class Outcome(unittest.TestCase):
    def setUp(self):
        (self.flood, self.silence), _ = fault_table.parse(PAGE)
        self.results = {("//base:flood_test", "Flood.Ends"): "passed",
                        ("", "SendFlood-TLS13"): "passed",
                        ("", "FloodOfAlerts"): "passed"}

    def outcome(self, fault):
        return fault_table.outcome(fault, self.results)

    def test_a_glob_counts_each_test(self):
        self.assertEqual(self.outcome(self.flood),
                         ("ok 1 A flood: 3 passed", []))

    def test_a_failure_is_named(self):
        self.results["", "FloodOfAlerts"] = "failed"
        self.assertEqual(self.outcome(self.flood),
                         ("not ok 1 A flood: 2 passed, 1 failed",
                          ["failed: bogo *Flood*"]))

    def test_what_did_not_run_is_a_failure(self):
        self.assertEqual(self.outcome(self.silence),
                         ("not ok 2 Silence: 0 passed, 1 failed",
                          ["did not run: kernel agent/silent"]))

    def test_nothing_but_skipped_tests_show_nothing(self):
        self.results["", "agent/silent"] = "skipped"
        self.assertEqual(self.outcome(self.silence)[0],
                         "not ok 2 Silence: 0 passed, 1 skipped")

    def test_tests_of_other_targets_do_not_count(self):
        self.results = {("//base:other_test", "Flood.Ends"): "passed",
                        ("", "Flood.Ends"): "passed"}
        self.assertIn("did not run: //base:flood_test Flood.Ends",
                      self.outcome(self.flood)[1])


if __name__ == "__main__":
    unittest.main()
