#!/usr/bin/python3
"""The unit is one that systemd understands, and as closed as it has to be."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import textwrap
import unittest

# Of 10; systemd-analyze counts from one decimal.
MOST_EXPOSURE = 2.5

# What systemd-analyze finds open, and the words by which the unit's own comments
# say why, where those are not the setting's name.
OTHER_WORDS = {
    "SystemCallFilter=~@resources": "@resources",
    "SystemCallFilter=~@privileged": "@privileged",
    "SystemCallFilter=~@mount": "@mount",
    "RootDirectory=/RootImage=": "RootDirectory=",
    "User=/DynamicUser=": "User=",
    "CapabilityBoundingSet=~CAP_SET(UID|GID|PCAP)": "CAP_SETPCAP",
    "RestrictAddressFamilies=~AF_(INET|INET6)": "AF_INET6",
    "IPAddressDeny=": "IPAddressAllow=",
}

UNIT = pathlib.Path(__file__).absolute().with_name("ktlsd.service")
DOCS = UNIT.parents[3] / "docs"
DAEMON = pathlib.Path("agent/ktlsd").absolute()  # among the test's data


def settings() -> list[tuple[str, str]]:
    pairs = re.findall(r"^([A-Za-z]+)=(.*)$", UNIT.read_text(), re.M)
    return [(name, value.strip()) for name, value in pairs]


def documented_drop_ins() -> list[tuple[float, str]]:
    """Exposure and text of each drop-in that the documentation shows."""
    shown = r"exposure\s+of ([0-9.]+):\n\n((?: {4}.*\n)+)"
    return [(float(exposure), textwrap.dedent(text))
            for page in ("service.md", "tokens.md")
            for exposure, text in re.findall(shown, (DOCS / page).read_text())]


def comments() -> str:
    return "\n".join(re.findall(r"^#.*$", UNIT.read_text(), re.M))


class UnitTest(unittest.TestCase):
    def test_is_a_service_that_is_watched_and_restarted(self):
        have = settings()
        for wanted in (("Type", "notify"), ("NotifyAccess", "main"),
                       ("Conflicts", "tlshd.service"),
                       ("Restart", "on-failure"), ("KillMode", "mixed"),
                       # Crashes in a row do not end it for good.
                       ("StartLimitIntervalSec", "0"),
                       ("RestartKillSignal", "SIGUSR2"),
                       ("RuntimeDirectory", "ktlsd"),
                       ("RuntimeDirectoryMode", "0700"),
                       ("FileDescriptorStoreMax", "1")):
            self.assertIn(wanted, have)
        self.assertIn("WatchdogSec", dict(have))

    def test_starts_it_again_but_for_a_configuration_that_is_unusable(self):
        have = dict(settings())
        self.assertEqual(have["RestartSec"], "500ms")
        done = subprocess.run([DAEMON, "--stderr", "-c", "/no/such/file"],
                              capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertIn("/no/such/file", done.stderr)
        self.assertEqual(done.returncode, 78)
        self.assertEqual(have["RestartPreventExitStatus"], "69 78")

    def test_makes_the_directory_that_it_names(self):
        text = UNIT.read_text()
        cell = re.search(r"KTLSD_CELL=(\S+)", text)[1]
        self.assertIn(f"TemporaryFileSystem={cell}:ro,", text)


@unittest.skipUnless(shutil.which("systemd-analyze"),
                     "systemd-analyze is not installed")
class SystemdTest(unittest.TestCase):
    def setUp(self):
        # The program need not be installed.
        self.folder = tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(self.folder.cleanup)
        self.unit = pathlib.Path(self.folder.name) / "ktlsd.service"
        self.unit.write_text(re.sub(r"^(ExecStart)=\S+", r"\1=/bin/true",
                                    UNIT.read_text(), flags=re.M))

    def analyze(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["systemd-analyze", *arguments, str(self.unit)],
            capture_output=True, text=True, timeout=60, check=False)

    def assessment(self, *more: str) -> str:
        done = self.analyze("security", "--offline=true", "--no-pager", *more)
        if "Unknown option" in done.stderr or "unrecognized" in done.stderr:
            self.skipTest("this systemd-analyze cannot assess a file")
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_has_no_mistake(self):
        done = self.analyze("verify", "--man=no")
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def exposure(self) -> float:
        said = self.assessment()
        found = re.search(r"Overall exposure level for ktlsd\.service: "
                          r"([0-9.]+)", said)
        self.assertTrue(found, said)
        return float(found[1])

    def test_is_closed_enough(self):
        exposure = self.exposure()
        print(f"exposure {exposure}, {MOST_EXPOSURE} allowed")
        self.assertLessEqual(exposure, MOST_EXPOSURE)

    def test_is_as_open_with_a_drop_in_as_the_documentation_says(self):
        shipped = self.unit.read_text()
        drop_ins = documented_drop_ins()
        self.assertEqual(len(drop_ins), 2)
        for exposure, text in drop_ins:
            with self.subTest(text):
                self.unit.write_text(shipped + text)
                self.assertEqual(self.exposure(), exposure)

    def test_says_why_each_setting_is_open(self):
        reasons = comments()
        opened = [entry["name"]
                  for entry in json.loads(self.assessment("--json=short"))
                  if float(entry.get("exposure") or 0) > 0]
        self.assertTrue(opened, "no report")
        unexplained = [name for name in opened
                       if OTHER_WORDS.get(name, name.split("~")[-1])
                       not in reasons]
        self.assertEqual(unexplained, [])


if __name__ == "__main__":
    unittest.main()
