#!/usr/bin/python3
"""Tests of what the cases read and print, without a guest."""

import json
import pathlib
import platform
import sys
import tempfile
import unittest
import unittest.mock

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import beside  # noqa: E402
import cases  # noqa: E402
import interop_table  # noqa: E402
from cases import agent_others, ktls_selftests  # noqa: E402
from guest import openssl, rpc, usage  # noqa: E402

_KTAP = """TAP version 13
1..4
# Starting 4 tests from 2 test cases.
#  RUN           global.keysizes ...
ok 1 global.keysizes
not ok 2 tls.12_aes_gcm.send
ok 3 tls.12_aes_gcm.recv # SKIP no support
ok 4 global.closed
# FAILED: 3 / 4 tests passed.
"""


class Selftests(unittest.TestCase):
    def test_what_is_known_is_that_of_the_kernel(self):
        text = ("# words\n*     variant  a b  | why\n"
                "6.12  fails    x.y  | why\n6.1   fails    z  | why\n")
        self.assertEqual(ktls_selftests.expected("6.12.113", text),
                         {"variant": ["a", "b"], "test": [], "fails": ["x.y"]})
        self.assertEqual(ktls_selftests.expected("7.2.7", text)["fails"], [])

    def test_the_recorded_file_is_whole(self):
        text = ktls_selftests._EXPECTED.read_text()
        for kernel in ("6.12.1", "7.2.7"):
            known = ktls_selftests.expected(kernel, text)
            self.assertEqual(len(known["variant"]), 4)
        self.assertIn("rekey", ktls_selftests.expected("6.12.1", text)["test"])

    def test_results_are_told_apart(self):
        self.assertEqual(
            ktls_selftests.results(_KTAP),
            {"global.keysizes": "ok", "tls.12_aes_gcm.send": "not ok",
             "tls.12_aes_gcm.recv": "skip", "global.closed": "ok"})


class InteropTable(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.run_folder = pathlib.Path(folder.name)

    def result(self, root: str, name: str, verdict: str, **fact) -> None:
        place = self.run_folder / root / f"interop-{name}"
        place.mkdir(parents=True)
        (place / "result.json").write_text(json.dumps(
            {"verdict": verdict, "why": "the reason\nmore",
             "facts": {"interop": fact}}))

    def test_a_row_has_both_roles_in_each_root(self):
        tls = {"peer": "tlshd 1.4.0", "what": "NFS"}
        self.result("forky", "a", "passed", ktlsd="client", **tls)
        self.result("forky", "b", "failed", ktlsd="server", **tls)
        self.assertEqual(
            interop_table.table(interop_table.read(self.run_folder)),
            ["| peer | what | forky, client | forky, server |",
             "|---|---|---|---|",
             "| tlshd 1.4.0 | NFS | pass | failed: the reason |"])

    def test_a_pass_may_have_a_remark_a_failure_has_none(self):
        fact = {"peer": "p", "what": "w", "ktlsd": "client", "remark": "but"}
        self.result("x", "a", "passed", **fact)
        self.result("y", "a", "failed", **fact)
        (row,) = interop_table.read(self.run_folder).values()
        self.assertEqual(row, {"x, client": "but",
                               "y, client": "failed: the reason"})


class Beside(unittest.TestCase):
    def test_all_that_a_case_wants_can_be_staged(self):
        wanted = {name for case in cases.all_cases().values()
                  for name in case.beside}
        self.assertLessEqual(wanted, set(beside._STAGERS))
        self.assertTrue(wanted)

    def test_says_what_cannot_be_had(self):
        def fail(_target, _machine):
            raise beside.CannotStage("no network")
        place = pathlib.Path("/nowhere")
        with unittest.mock.patch.dict(beside._STAGERS, selftests=fail):
            self.assertEqual(
                beside.stage({"selftests"}, platform.machine(), place),
                {"selftests": "needs selftests: no network"})
        self.assertEqual(beside.stage(set(), "s390x", place), {})

    def test_what_was_built_is_of_the_build_for_that_machine(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for place, machine in (("bazel-bin", "x86_64"),
                                   ("bazel-out/k8-dbg/bin", "s390x"),
                                   ("bazel-out/k8-opt-arm64/bin", "aarch64")):
                built = root / place / "kernel-tests/load/storm_load"
                built.parent.mkdir(parents=True)
                built.write_text(machine)
            (root / "agent").mkdir()
            with unittest.mock.patch("staging.ROOT", root), \
                    unittest.mock.patch("staging.machine_of",
                                        pathlib.Path.read_text):
                for machine in ("x86_64", "aarch64"):
                    place = root / "agent" / machine
                    place.mkdir()
                    self.assertEqual(
                        beside.stage({"storm_load"}, machine, place), {})
                    self.assertEqual((place / "storm_load").read_text(),
                                     machine)
                (why,) = beside.stage({"storm_load"}, "s390x",
                                      root / "agent").values()
        self.assertIn("it was not built for s390x", why)


class WhatRoundsAdd(unittest.TestCase):
    def growing(self, *kib: int) -> list[str]:
        """One worker has so much before and after each round, two are idle."""
        used = [{pid: usage.ProcessUsage("ktlsd-worker", 5,
                                         one if pid == 1 else 1000)
                 for pid in (1, 2, 3)} for one in kib]
        rounds = [1.0] * (len(kib) - 1)
        return agent_others._growing(
            agent_others._Measured(rounds, rounds, 0, used))

    def test_one_worker_that_leaks_is_found_among_idle_ones(self):
        self.assertEqual(self.growing(1000, 1500, 1540, 1580),
                         ["ktlsd-worker 1 grows by 40 KiB in each of 2 rounds"])

    def test_the_first_round_may_leave_more(self):
        self.assertEqual(self.growing(1000, 1500, 1510, 1520), [])

    def test_a_step_is_no_leak_once_there_are_more_rounds(self):
        steps = [1000, 1500, 1580, *[1580] * 7]
        self.assertTrue(self.growing(*steps[:4]))
        self.assertEqual(self.growing(*steps), [])


class Wire(unittest.TestCase):
    def test_a_reply_that_was_not_carried_out_is_no_success(self):
        good = bytes.fromhex("00000001" "00000001" "00000000" "00000000"
                             "00000000" "00000000")
        self.assertTrue(rpc.succeeded(good))
        for place in (11, 23):
            bad = bytearray(good)
            bad[place] = 1
            self.assertFalse(rpc.succeeded(bytes(bad)), place)

    def test_der_of_a_session(self):
        self.assertEqual(openssl._der(2, b"\1"), b"\x02\x01\x01")


if __name__ == "__main__":
    unittest.main()
