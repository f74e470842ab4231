#!/usr/bin/python3
"""Tests of test_results.py, on pieces of real output."""

import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import test_results  # noqa: E402  (needs the path set above)

GTEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" disabled="1" errors="0" name="AllTests">
  <testsuite name="Door" tests="4">
    <testcase name="Opens" status="run" result="completed" classname="Door"/>
    <testcase name="Shuts" status="run" result="completed" classname="Door">
      <failure message="x" type=""/>
    </testcase>
    <testcase name="Off" status="notrun" result="suppressed"
              classname="Door"/>
    <testcase name="Ktls" status="run" result="skipped" classname="Door">
      <skipped message="no tls module"/>
    </testcase>
  </testsuite>
</testsuites>
"""


class CountXml(unittest.TestCase):
    def test_each_case_counts_once(self):
        count = test_results.count_xml("//x:door_test", GTEST)
        self.assertEqual(count.line(), "1 passed, 1 failed, 1 skipped")
        self.assertEqual(count.failures, ["//x:door_test Door.Shuts"])

    def test_cut_file_counts_nothing(self):
        count = test_results.count_xml("//x:door_test", GTEST[:200])
        self.assertEqual(count.line(), "0 passed, 0 failed")


class CountLeftOut(unittest.TestCase):
    def test_all_roots(self):
        self.assertEqual(test_results.count_left_out(
            "KTAP version 1\n1..1\n"
            "# left out: 1 cases that are nothing for it\n"
            "  # left out: 5 cases (not emulated: too slow)\n"
            "# log: left out: 7 cases \nok 1 a\n"), 6)

    def test_none(self):
        self.assertEqual(test_results.count_left_out("1..1\nok 1 a\n"), 0)


NESTED = """KTAP version 1
1..2
# agent x
  KTAP version 1
  1..3
  # ok 7 not a result
  ok 1 nfs/tls
  not ok 2 nfs/mtls
  ok 3 nvme/psk # SKIP the kernel has no NVMe (CONFIG_X)
not ok 1 uml
  KTAP version 1
  1..2
  ok 1 nfs/tls
  ok 2 nvme/psk # SKIP tlshd cannot
ok 2 qemu
2 passed, 1 failed
"""


class CountNested(unittest.TestCase):
    def test_only_the_innermost_count(self):
        count = test_results.count_checks(NESTED)
        self.assertEqual(count.line(), "2 passed, 1 failed, 2 skipped")
        self.assertEqual(count.failures, ["nfs/mtls"])

    def test_what_did_not_run_has_failed(self):
        for gone in ("  ok 2 nvme/psk # SKIP tlshd cannot\n", "ok 2 qemu\n"):
            count = test_results.count_checks(NESTED.replace(gone, ""))
            self.assertEqual(count.failures, ["nfs/mtls",
                                              "a planned case did not run"])

    def test_failures_with_the_reasons(self):
        failures = test_results.count_checks(NESTED).failures + ["the build"]
        self.assertEqual(test_results.with_reasons(failures, NESTED),
                         [*failures])
        said = NESTED + "# failed: uml/nfs/mtls: no key: a.pem\n"
        self.assertEqual(test_results.with_reasons(failures, said),
                         ["uml/nfs/mtls: no key: a.pem", "the build"])

    def test_a_skip_needs_a_kernel_that_lacks_something(self):
        self.assertEqual(test_results.unexcused_skips(NESTED),
                         ["nvme/psk # SKIP tlshd cannot"])


class CountChecks(unittest.TestCase):
    def test_ktap(self):
        count = test_results.count_checks(
            "KTAP version 1\n1..3\n# ok 7 not a result\nok 1 nfs/tls\n"
            "not ok 2 nfs/mtls\nok 3 nvme/tls # SKIP no device\n")
        self.assertEqual(count.line(), "1 passed, 1 failed, 1 skipped")
        self.assertEqual(count.failures, ["nfs/mtls"])

    def test_missing_case_is_a_failure(self):
        count = test_results.count_checks("1..2\nok 1 nfs/tls\n")
        self.assertEqual(count.line(), "1 passed, 1 failed")


class CountBazel(unittest.TestCase):
    def count(self, *events: dict) -> test_results.Count:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("\n".join(map(json.dumps, events)))
            file.flush()
            return test_results.count_bazel(pathlib.Path(file.name))

    FINISHED = {"id": {"buildFinished": {}}, "finished": {}}

    def result(self, status: str, xml: pathlib.Path | None = None) -> dict:
        outputs = [{"name": "test.xml", "uri": xml.as_uri()}] if xml else []
        return {"id": {"testResult": {"label": "//x:y_test"}},
                "testResult": {"status": status, "testActionOutput": outputs}}

    def test_cases_of_a_target(self):
        with tempfile.TemporaryDirectory() as folder:
            xml = pathlib.Path(folder, "test.xml")
            xml.write_bytes(GTEST)
            count = self.count(self.result("FAILED", xml), self.FINISHED)
        self.assertEqual(count.line(), "1 passed, 1 failed, 1 skipped")

    def test_timeout_without_cases_is_a_failure(self):
        count = self.count(self.result("TIMEOUT"), self.FINISHED)
        self.assertEqual(count.line(), "0 passed, 1 failed")

    def test_target_that_does_not_build_is_a_failure(self):
        count = self.count(
            {"id": {"targetCompleted": {"label": "//x:y"}}, "completed": {}},
            self.FINISHED)
        self.assertEqual(count.failures, ["//x:y (build)"])

    def test_unfinished_build_is_a_failure(self):
        self.assertEqual(self.count(self.result("PASSED")).line(),
                         "1 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
