#!/usr/bin/python3
"""Tests of mutation_table.py."""

import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import mutation_table  # noqa: E402  (needs the path set above)
from mutation_table import TableError, parse  # noqa: E402

SOURCE = """\
Status Check(int a, int b) {
  if (a > 1 && b > 2) {
    return Error();
  }
  RETURN_IF_ERROR(Other(a));
  return a == b;
}
Status CheckAgain(int a) {
  RETURN_IF_ERROR(Other(a));
}
"""


def row(**fields: object) -> mutation_table.Mutation:
    return parse({"name": "area/check", "file": "x/door.cc",
                  "tests": ["//x:door_test"], **fields}, "t.toml")


class TreeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "x").mkdir()
        (self.root / "x/door.cc").write_text(SOURCE)
        (self.root / "x/BUILD").write_text("")

    def mutated(self, **fields: object) -> str:
        return mutation_table.mutated(self.root, row(**fields))

    def test_condition_is_never_or_always_true(self):
        self.assertIn("if (((a > 1) && false) && b > 2) {",
                      self.mutated(never="a > 1"))
        self.assertIn("if (a > 1 && ((b > 2) || true)) {",
                      self.mutated(always="b > 2"))

    def test_statement_is_dropped(self):
        text = self.mutated(drop="return a == b;")
        self.assertIn("RETURN_IF_ERROR(Other(a));\n  ;\n}", text)

    def test_call_stays_where_its_error_is_dropped(self):
        drop = {"drop": "RETURN_IF_ERROR(Other(a));",
                "after": "Status CheckAgain"}
        text = self.mutated(**drop)
        self.assertIn("(int a) {\n  static_cast<void>(Other(a));\n}", text)
        self.assertEqual(text.count("RETURN_IF_ERROR"), 1)
        text = mutation_table.switched(self.root, [row(**drop)])["x/door.cc"]
        self.assertIn("{ static_cast<void>(Other(a)); } "
                      "else { RETURN_IF_ERROR(Other(a)); }", text)

    def test_call_of_several_lines_stays_too(self):
        call = row(drop="RETURN_IF_ERROR(Other(\n    a, b));")
        self.assertEqual(call.replacement(),
                         "static_cast<void>(Other(\n    a, b));")

    def test_text_must_be_there_once(self):
        for gone in ("RETURN_IF_ERROR(Other(a));", "RETURN_IF_ERROR(Else());"):
            with self.assertRaises(TableError):
                self.mutated(drop=gone)

    def test_text_must_be_behind_its_mark(self):
        with self.assertRaises(TableError):
            self.mutated(never="a > 1", after="Status CheckAgain")

    def test_switches_of_one_file_stand_side_by_side(self):
        rows = [row(never="a > 1"),
                row(statement="return a == b;", instead="return Ok{};")]
        text = mutation_table.switched(self.root, rows)["x/door.cc"]
        self.assertIn('if (((a > 1) && !KtlsdMutant("area/check")) && b', text)
        self.assertIn('  if (KtlsdMutant("area/check")) { return Ok{}; } '
                      "else { return a == b; }", text)

    def test_switches_do_not_overlap(self):
        rows = [row(never="a > 1"), row(never="a > 1 && b > 2")]
        with self.assertRaises(TableError):
            mutation_table.switched(self.root, rows)

    def test_table_names_tests_of_the_tree(self):
        mutation_table.check(self.root, [row(never="a > 1")])
        with self.assertRaises(TableError):
            mutation_table.check(
                self.root, [row(never="a > 1", tests=["//y:door_test"])])


class Parse(unittest.TestCase):
    def test_row_has_one_kind_and_known_fields(self):
        for wrong in ({}, {"never": "a", "drop": "b;"}, {"nevr": "a"},
                      {"text": "a"}, {"never": "a", "instead": "b"},
                      {"never": "a", "tests": []}):
            with self.assertRaises(TableError):
                row(**wrong)

    def test_only_text_needs_a_build_of_its_own(self):
        self.assertTrue(row(never="a").switchable)
        self.assertFalse(row(text="a", instead="b").switchable)


class Committed(unittest.TestCase):
    def test_names_are_unique(self):
        with tempfile.TemporaryDirectory() as folder:
            one = ('[[row]]\nname = "a"\nfile = "f"\ntests = ["//x:y"]\n'
                   'never = "c"\n')
            pathlib.Path(folder, "a.toml").write_text(one + one)
            with self.assertRaises(TableError):
                mutation_table.load(pathlib.Path(folder))


if __name__ == "__main__":
    unittest.main()
