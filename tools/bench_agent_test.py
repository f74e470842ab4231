#!/usr/bin/python3
"""Tests of the agent without a kernel: its handshakes succeed, and are counted."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import bench_agent  # noqa: E402

PROGRAM = pathlib.Path("agent/ktlsd_without_kernel").absolute()
MAKE_PKI = pathlib.Path("tools/benchmarks/pki_main").absolute()


class WithoutKernel(unittest.TestCase):
    def setUp(self):
        if os.getuid() != 0:
            self.skipTest("a daemon is root's")

    def test_makes_both_ends_of_handshakes(self):
        with tempfile.TemporaryDirectory() as made:
            pki = pathlib.Path(made)
            subprocess.run([MAKE_PKI, pki], check=True, timeout=60)
            with bench_agent.running(PROGRAM, pki / "ecdsa") as agent:
                agent.handshakes(20, 4)
                cpu, switches = agent.cpu_us(), agent.switches()
            for counted in (cpu, switches):
                self.assertEqual(set(counted), {"monitor", "keeper", "verifier",
                                                "worker"})
                self.assertTrue(all(counted.values()), counted)


if __name__ == "__main__":
    unittest.main()
