#!/usr/bin/python3
"""Tests of bogo_cases.py."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bogo_cases  # noqa: E402  (needs the path set above)
from bogo_cases import BadConfig, Case, Expectations  # noqa: E402

NAMES = ["A-1", "A-2", "B", "C"]


def expectations(otherwise: dict | None = None,
                 disabled: dict | None = None) -> Expectations:
    return Expectations({"errors": {":X:": ":Y:"},
                         "otherwise": otherwise or {},
                         "disabled": disabled or {}}, NAMES)


class Config(unittest.TestCase):
    def test_patterns_stand_for_cases(self):
        got = expectations(disabled={"old": ["A-*"], "odd": ["B"]})
        self.assertEqual(got.for_shim(), {
            "DisabledTests": {"A-1": "old", "A-2": "old", "B": "odd"},
            "ErrorMap": {":X:": ":Y:"}})

    def test_a_pattern_must_match(self):
        with self.assertRaises(BadConfig):
            expectations(disabled={"old": ["D*"]})

    def test_a_case_has_one_reason(self):
        with self.assertRaises(BadConfig):
            expectations(disabled={"old": ["A-*"], "odd": ["A-1"]})
        with self.assertRaises(BadConfig):
            expectations({"rule": {"shows": ["x"], "cases": ["B"]}},
                         {"odd": ["B"]})

    def test_another_end_must_show(self):
        with self.assertRaises(BadConfig):
            expectations({"rule": {"shows": [], "cases": ["B"]}})


class Judge(unittest.TestCase):
    def result(self, name: str, result: str, output: str = "") -> str:
        rule = {"rule": {"shows": ["alert 47", "seen"], "cases": ["B"]}}
        return expectations(rule).judge(Case(name, result, output)).result

    def test_other_cases_end_as_the_runner_says(self):
        for result in ("PASSED", "FAILED", "UNIMPLEMENTED"):
            self.assertEqual(self.result("C", result, "alert 47 seen"), result)

    def test_another_end_passes_only_when_it_shows(self):
        self.assertEqual(self.result("B", "FAILED", "alert 47\nseen"),
                         "PASSED")
        self.assertEqual(self.result("B", "FAILED", "alert 47"), "FAILED")
        self.assertEqual(self.result("B", "FAILED"), "FAILED")

    def test_the_runners_own_end_is_a_failure_there(self):
        self.assertEqual(self.result("B", "PASSED"), "FAILED")

    def test_a_flag_that_lacks_is_no_pass(self):
        self.assertEqual(self.result("B", "UNIMPLEMENTED", "alert 47 seen"),
                         "UNIMPLEMENTED")


class Summary(unittest.TestCase):
    def test_reasons_and_counts(self):
        rule = {"rule": {"shows": ["x"], "cases": ["B", "C"]}}
        got = expectations(rule, {"old": ["A-*"]})
        cases = [Case("B", "PASSED", ""), Case("D", "FAILED", ""),
                 Case("E", "UNIMPLEMENTED", "")]
        self.assertEqual(got.summary(cases), [
            "otherwise     1  rule",
            "disabled      2  old",
            "bogo: 1 passed, 2 disabled, 1 unimplemented, 1 failed"])

    def test_lines_of_a_case(self):
        # Behind the last case is what the runner prints at its end.
        for output in ("", "PASS"):
            self.assertEqual(bogo_cases.case_lines(
                Case("B", "PASSED", output)), ["ok B"])
        self.assertEqual(
            bogo_cases.case_lines(Case("B", "PASSED", "otherwise: rule")),
            ["ok B # otherwise: rule"])
        self.assertEqual(bogo_cases.case_lines(Case("B", "FAILED", "x\n\ny")),
                         ["not ok B", "  x", "  y"])
        self.assertIn("# SKIP", bogo_cases.case_lines(
            Case("B", "UNIMPLEMENTED", ""))[0])


if __name__ == "__main__":
    unittest.main()
