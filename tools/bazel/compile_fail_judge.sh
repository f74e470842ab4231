#!/bin/bash
# Judges what the compiler said for a ktlsd_compile_fail_test.
#   compile_fail_judge.sh BROKEN_LOG CONTROL_LOG EXPECT_FILE
# The first line of a log is the compiler's exit status.
set -euo pipefail
broken=$1 control=$2 expect=$3
if [ "$(head -1 "$control")" != 0 ]; then
  echo "FAIL: with -DCONTROL the source should compile, but:"
  tail -n +2 "$control"
  exit 1
fi
if [ "$(head -1 "$broken")" = 0 ]; then
  echo "FAIL: the source compiles, and should not"
  exit 1
fi
if ! tail -n +2 "$broken" | grep -Eq -f "$expect"; then
  echo "FAIL: the source does not compile, but no line matches: $(cat "$expect")"
  tail -n +2 "$broken"
  exit 1
fi
echo "refused by the compiler, as it should be:"
tail -n +2 "$broken" | grep -E -f "$expect" | head -3
