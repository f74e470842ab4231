"""Kernel TLS without an agent."""

import re

from cases import case
from guest import machine


@case("ktls/kernel", "keys that our own code installs, on sockets of its own",
      needs=(), own="its own code")
def kernel(bed):
    done = machine.run(machine.staged("kernel_test"), "--require", check=False,
                       deadline_s=60)
    machine.write_out("kernel_test.log", done.stdout + done.stderr)
    lines = done.stdout.splitlines()
    planned = [int(m[1]) for m in map(re.compile(r"1\.\.(\d+)$").match, lines)
               if m]
    ok = [line for line in lines if re.match(r"ok \d+ (?!.*# SKIP)", line)]
    others = [line for line in lines + done.stderr.splitlines()
              if line not in ok and not re.match(r"KTAP|1\.\.|#", line)]
    bed.note(f"kernel_test: {len(ok)} of {sum(planned)} passed")
    assert done.returncode == 0 and not others and planned == [len(ok)], \
        f"exit status {done.returncode}: {'; '.join(others) or lines[-3:]}"
