#!/usr/bin/python3
"""The profile is one that AppArmor's own parser accepts."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

PROFILE = pathlib.Path(__file__).absolute().with_name("ktlsd")
PARSER = shutil.which("apparmor_parser",
                      path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@unittest.skipUnless(PARSER, "apparmor_parser is not installed")
class ProfileTest(unittest.TestCase):
    def parse(self, text: str) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory(
                dir=os.environ.get("TEST_TMPDIR")) as folder:
            profile = pathlib.Path(folder) / "ktlsd"
            profile.write_text(text)
            return subprocess.run(
                [PARSER, "--skip-kernel-load", "--skip-cache",
                 "--skip-read-cache", str(profile)],
                capture_output=True, text=True, timeout=60, check=False)

    def test_is_accepted(self):
        done = self.parse(PROFILE.read_text())
        self.assertEqual(done.returncode, 0, done.stderr)

    # Else the test above shows nothing.
    def test_a_mistake_is_not_accepted(self):
        text = PROFILE.read_text().replace("capability kill,",
                                           "capability killing,")
        self.assertNotEqual(self.parse(text).returncode, 0)

    def test_what_is_not_named_is_forbidden(self):
        rules = PROFILE.read_text()
        for widest in ("flags=(complain", "flags=(unconfined", "/** ", " ux,",
                       " Ux,", "capability,", "network,", "mount,", "ptrace"):
            self.assertNotIn(f"\n  {widest}", rules)
            if not widest.startswith("/"):
                self.assertNotIn(widest, rules)


if __name__ == "__main__":
    unittest.main()
