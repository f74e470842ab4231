#!/usr/bin/python3
"""Tests of coverage_report.py."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import coverage_report  # noqa: E402  (needs the path set above)
from coverage_report import Reason  # noqa: E402

REPORT = """\
SF:ktls/door.cc
FN:1,Shut
FNDA:1,Shut
BRDA:2,2,0,1
BRDA:2,2,1,0
BRDA:4,2,0,-
DA:1,1
DA:2,7
DA:4,0
DA:6,0
DA:7,1
DA:9,0
LF:6
LH:3
end_of_record
"""
SOURCE = ["void Shut() {", "  if (open) {", "    // comment", "    Fail();", "",
          "    Log();", "  }", "", "  Bolt();", "}"]


class Report(unittest.TestCase):
    def setUp(self):
        self.files = coverage_report.parse(REPORT)
        self.runs = coverage_report.uncovered(self.files,
                                              {"ktls/door.cc": SOURCE})

    def judge(self, *reasons: Reason):
        return coverage_report.judge(self.runs, list(reasons),
                                     {"ktls/door.cc": SOURCE})

    def test_counts_lines_and_branches(self):
        rows = coverage_report.table(self.files)
        self.assertIn("    3/    6  50.0%     1/    3  33.3%", rows[1])
        self.assertTrue(rows[-1].startswith("ktls/ "))

    def test_lines_without_code_do_not_end_a_run(self):
        self.assertEqual([(run.first, len(run.texts)) for run in self.runs],
                         [(4, 3), (9, 1)])
        self.assertEqual(str(self.runs[1]), "ktls/door.cc:9\n    9:   Bolt();")

    def test_closing_brace_alone_is_no_run(self):
        runs = coverage_report.uncovered(
            coverage_report.parse("SF:ktls/door.cc\nDA:9,1\nDA:10,0\n"),
            {"ktls/door.cc": SOURCE})
        self.assertEqual(runs, [])

    def test_reason_fits_one_line_of_a_run_in_its_file(self):
        reasoned, without, stale = self.judge(
            Reason("ktls/door.cc", "Log();", "no disk"),
            Reason("ktls/gate.cc", "Bolt();", "elsewhere"))
        self.assertEqual([(run.first, why) for run, why in reasoned],
                         [(4, "no disk")])
        self.assertEqual([run.first for run in without], [9])
        self.assertEqual(len(stale), 1)

    def test_reason_of_a_reached_line_is_stale(self):
        self.runs = self.runs[1:]
        _, _, stale = self.judge(Reason("ktls/door.cc", "if (open)", "x"))
        self.assertEqual(len(stale), 1)

    def test_reason_may_name_a_line_before_a_run(self):
        reasoned, _, stale = self.judge(
            Reason("ktls/door.cc", "void Shut()", "no disk"))
        self.assertEqual([run.first for run, _ in reasoned], [4])
        self.assertEqual(stale, [])

    def test_reason_that_fits_two_lines_of_its_file_is_none(self):
        reasoned, without, complaints = self.judge(
            Reason("ktls/door.cc", "();", "no disk"))
        self.assertEqual((reasoned, len(without)), ([], 2))
        self.assertIn("in 3 lines", complaints[0])

    def test_reasons_have_three_fields(self):
        reasons, complaints = coverage_report.parse_reasons(
            "# note\n\nktls/door.cc | Log(); | no disk\nktls/door.cc | Log()\n")
        self.assertEqual(reasons, [Reason("ktls/door.cc", "Log();", "no disk")])
        self.assertEqual(len(complaints), 1)

    def test_source_in_no_test_is_missing(self):
        self.assertEqual(len(coverage_report.missing(
            self.files, ["ktls/door.cc", "ktls/gate.cc", "ktls/gate_test.cc",
                         "ktls/testing/fake.cc"])), 1)


if __name__ == "__main__":
    unittest.main()
