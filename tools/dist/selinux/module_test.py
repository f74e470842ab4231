#!/usr/bin/python3
"""The module compiles with the policy that is installed."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).absolute().parent
MAKEFILE = pathlib.Path("/usr/share/selinux/devel/Makefile")
TOOLS = ("checkmodule", "semodule_package", "make", "m4")
MISSING = [t for t in TOOLS if not shutil.which(t)]


@unittest.skipIf(MISSING, f"not installed: {', '.join(MISSING)}")
@unittest.skipUnless(MAKEFILE.exists(), "selinux-policy-dev is not installed")
class ModuleTest(unittest.TestCase):
    def build(self, change=lambda text: text) -> tuple[int, str, bytes]:
        with tempfile.TemporaryDirectory(
                dir=os.environ.get("TEST_TMPDIR")) as folder:
            place = pathlib.Path(folder)
            shutil.copy(HERE / "ktlsd.fc", place)
            (place / "ktlsd.te").write_text(
                change((HERE / "ktlsd.te").read_text()))
            done = subprocess.run(
                ["make", "-f", str(MAKEFILE), "ktlsd.pp"], cwd=place,
                capture_output=True, text=True, timeout=120, check=False)
            made = place / "ktlsd.pp"
            return (done.returncode, done.stdout + done.stderr,
                    made.read_bytes() if made.exists() else b"")

    def test_compiles_into_a_package(self):
        status, said, package = self.build()
        self.assertEqual(status, 0, said)
        for word in (b"ktlsd_t", b"ktlsd_exec_t", b"/usr/(local/)?sbin/ktlsd"):
            self.assertIn(word, package)

    # Else the test above shows nothing.
    def test_a_mistake_does_not_compile(self):
        status, _, package = self.build(
            lambda text: text.replace("type ktlsd_unit_t;", ""))
        self.assertNotEqual(status, 0)
        self.assertEqual(package, b"")


if __name__ == "__main__":
    unittest.main()
