#!/usr/bin/python3
"""Tests of rfc_table.py."""

import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rfc_table  # noqa: E402  (needs the path set above)

ROW = "4.1 door | MUST be shut | door.cc#Shut( | door_test.cc#Door.Shuts"


class Parse(unittest.TestCase):
    def complaints(self, *lines: str) -> int:
        return len(rfc_table.parse("\n".join(("## RFC 1", *lines)))[1])

    def test_row(self):
        (rule,), complaints = rfc_table.parse(f"## RFC 1\n# note\n\n{ROW}\n")
        self.assertEqual(complaints, [])
        self.assertEqual((rule.rfc, rule.name, rule.reason),
                         ("RFC 1", "4.1 door", ""))

    def test_row_needs_four_fields_and_an_rfc(self):
        self.assertEqual(self.complaints("4.1 door | MUST | door.cc#x"), 1)
        self.assertEqual(self.complaints("4.1 door | MUST |  | x"), 1)
        self.assertEqual(len(rfc_table.parse(ROW)[1]), 1)

    def test_name_is_there_once(self):
        self.assertEqual(self.complaints(ROW, ROW), 1)


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = pathlib.Path(folder.name)
        files = {"handshake/door.cc": "void Shut() {}\n",
                 "handshake/door_test.cc": "TEST(Door, Shuts) {}\n"
                                           "TYPED_TEST(Gate,\n     Shuts) {}\n",
                 "handshake/bolt.cc": "", "ktls/bolt.cc": "void Bolt();\n"}
        for name, text in files.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
        self.tree = rfc_table.Tree({name: root / name for name in files})

    def wrong(self, code: str, test: str) -> int:
        return len(self.tree.check(
            rfc_table.Rule("RFC 1", "4.1 door", "MUST", code, test)))

    def test_code_and_test_are_where_the_row_says(self):
        self.assertEqual(self.wrong("door.cc#Shut(", "door_test.cc#Door.Shuts"),
                         0)
        self.assertEqual(self.wrong("ktls/bolt.cc#Bolt",
                                    "door_test.cc#Gate.Shuts"), 0)

    def test_each_place_counts(self):
        self.assertEqual(self.wrong("door.cc#Shut(;door.cc#Open(",
                                    "door_test.cc#Door.Opens"), 2)

    def test_test_is_a_whole_case(self):
        self.assertEqual(self.wrong("door.cc#Shut(", "door_test.cc#Door.Shut"),
                         1)

    def test_name_is_of_one_file(self):
        self.assertEqual(self.wrong("bolt.cc#Bolt", "-: a reason to have none"),
                         1)
        self.assertEqual(self.wrong("lock.cc#Bolt", "-: a reason to have none"),
                         1)

    def test_missing_code_needs_a_reason(self):
        self.assertEqual(self.wrong("-", "we do not do this at all"), 0)
        self.assertEqual(self.wrong("-", "none"), 1)


class Core(unittest.TestCase):
    def test_core_is_what_a_program_is_made_of(self):
        core = ["handshake/client.cc", "handshake/codec/messages.h"]
        other = ["handshake/client_test.cc", "handshake/testing/walk.cc",
                 "handshake/c/session.cc", "handshake/bogo/shim.cc",
                 "handshake/BUILD", "ktls/verify.cc"]
        self.assertEqual([n for n in core + other if rfc_table.is_core(n)],
                         core)


if __name__ == "__main__":
    unittest.main()
