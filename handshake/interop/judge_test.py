#!/usr/bin/python3
"""The judge of the interoperability tests refuses what is not as it must be."""

import pathlib
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import cases  # noqa: E402
from meeting import Failed, Meeting  # noqa: E402

CASE = cases.Case("x25519", cases.SUITES[0], "rsa", "mutual", "no")
REPORT = {
    "outcome": "ok", "exit": "0", "suite": CASE.suite, "group": "x25519",
    "hello_retry": "no", "resumption": "none", "peer_subject": "CN=rsa-server",
    "our_scheme": "rsa_pss_rsae_sha256", "peer_scheme": "rsa_pss_rsae_sha384",
    "client_secret": "aa", "server_secret": "bb"}
KEY_LOG = ("CLIENT_TRAFFIC_SECRET_0 00 aa\nSERVER_TRAFFIC_SECRET_0 00 bb\n"
           "EXPORTER_SECRET 00 cc\n")


class Judge(unittest.TestCase):
    def judge(self, key_log: str = KEY_LOG, **changes: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            meeting = Meeting("", None, types.SimpleNamespace(no_key_log=None),
                              CASE, pathlib.Path(folder) / "0")
            meeting.key_log.write_text(key_log)
            meeting.output.write_text("")
            meeting.check("client", {**REPORT, **changes})

    def test_accepts_a_good_handshake(self):
        self.judge()

    def test_refuses_any_other_value(self):
        for name in REPORT:
            with self.subTest(name), self.assertRaises(Failed):
                self.judge(**{name: "other"})

    def test_refuses_a_missing_certificate(self):
        for name, value in (("peer_subject", ""), ("our_scheme", "none")):
            with self.subTest(name), self.assertRaises(Failed):
                self.judge(**{name: value})

    def test_refuses_a_key_log_without_the_secrets(self):
        with self.assertRaises(Failed):
            self.judge(key_log="")

    def test_refuses_the_key_log_of_two_connections(self):
        with self.assertRaises(Failed):
            self.judge(key_log=KEY_LOG * 2)


class Cases(unittest.TestCase):
    def test_pairs_meet_every_value_of_every_two_parameters(self):
        chosen = {p for c in cases.covering_pairs()
                  for p in cases.pairs_of(c)}
        self.assertEqual(chosen, {p for c in cases.full_product()
                                  for p in cases.pairs_of(c)})

    def test_leaves_out_what_a_peer_is_unable_to(self):
        chosen = cases.full_product({"rsa": "why", cases.SUITES[0]: "why"})
        self.assertFalse([c for c in chosen if not c.within(
            ("rsa", cases.SUITES[0]))])
        self.assertEqual(
            {c.suite for c in chosen}, set(cases.SUITES[1:]))

    def test_a_retry_begins_with_another_group(self):
        for case in cases.full_product():
            with self.subTest(str(case)):
                self.assertEqual(case.first_group != case.group,
                                 case.retry == "yes")
                self.assertIn(case.group, case.client_groups)


if __name__ == "__main__":
    unittest.main()
