#!/usr/bin/python3
"""Tests of stalls.py, with a clock of their own."""

import os
import pathlib
import sys
import unittest.mock

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import stalls  # noqa: E402  (needs the path set above)
from guest import wait  # noqa: E402
from report import Outcome  # noqa: E402


class Stalls(unittest.TestCase):
    def setUp(self):
        self.now = 100.0
        self.watch = stalls.Watch(lambda: self.now)
        self.cpu = min(os.sched_getaffinity(0))

    def run_case(self, verdicts: list[str], *, lasts_s: float,
                 trouble: bool = False) -> Outcome:
        self.tried = []

        def attempt(suffix: str) -> Outcome:
            self.tried.append(suffix)
            self.now += lasts_s
            self.watch.tick(self.cpu)
            return Outcome("one", "g/a", 1, verdicts[len(self.tried) - 1],
                           "why", [], lasts_s, HERE, trouble=trouble)
        return stalls.run_on(self.watch, attempt, lambda: self.now)

    def test_what_failed_in_a_stall_is_run_again(self):
        found = self.run_case(["failed", "passed"], lasts_s=4)
        self.assertEqual((found.verdict, self.tried),
                         ("passed", ["", ".again"]))
        self.assertEqual(found.first_try,
                         "why\na processor stood still for 4.0 s")

    def test_once(self):
        found = self.run_case(["failed", "failed"], lasts_s=4)
        self.assertEqual((found.verdict, len(self.tried)), ("failed", 2))

    def test_nothing_else_is(self):
        for verdict, lasts_s in (("failed", 1), ("passed", 4), ("skipped", 4)):
            found = self.run_case([verdict], lasts_s=lasts_s)
            self.assertEqual((found.verdict, self.tried, found.first_try),
                             (verdict, [""], ""))

    def test_what_a_kernel_complained_of_counts(self):
        found = self.run_case(["failed"], lasts_s=4, trouble=True)
        self.assertEqual((found.verdict, self.tried), ("failed", [""]))

    def test_a_stall_before_the_case_is_nothing_to_it(self):
        self.now += 8
        self.watch.tick(self.cpu)
        self.assertEqual(self.watch.longest(since=107), 8)
        self.assertEqual(self.watch.longest(since=108), 0)

    def test_one_that_goes_on_counts(self):
        self.assertEqual(self.watch.longest(), 0)
        self.now += 3
        self.assertEqual(self.watch.longest(), 3)

    def test_of_several_processors_at_a_time_it_is_one(self):
        with unittest.mock.patch("os.sched_getaffinity", return_value={0, 1}):
            watch = stalls.Watch(lambda: self.now)
        self.now += 2
        watch.tick(0)
        self.now += 0.5
        watch.tick(1)
        self.now += 0.5
        watch.tick(0)
        self.assertEqual(watch.describe(),
                         "times in which a processor stood still: 1, of 2.5 s "
                         "at most")

    def test_a_thread_on_each_processor_looks_at_the_clock(self):
        with stalls.Watch() as watch:
            begun = dict(watch._last)
            wait.until(lambda: all(watch._last[cpu] > begun[cpu]
                                   for cpu in os.sched_getaffinity(0)),
                       "a tick of each", 30)


if __name__ == "__main__":
    unittest.main()
