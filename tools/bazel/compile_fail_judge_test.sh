#!/bin/bash
# Tests of compile_fail_judge.sh, on made-up compiler logs.
set -euo pipefail
judge=$PWD/tools/bazel/compile_fail_judge.sh
cd "$(mktemp -d)"
printf '0\n' >compiles
printf '1\na.cc:1: error: use of deleted function\n' >refused
printf '1\na.cc:1: error: no such header\n' >broken
printf 'deleted (function|constructor)\n' >expect

# check WANTED_STATUS BROKEN_LOG CONTROL_LOG WORDS_OF_THE_VERDICT
check() {
  local status=0
  bash "$judge" "$2" "$3" expect >verdict 2>&1 || status=$?
  if [ "$status" != "$1" ] || ! grep -q "$4" verdict; then
    echo "FAIL: $2 with control $3: status $status"
    cat verdict
    exit 1
  fi
}

check 0 refused compiles 'refused by the compiler'
check 1 compiles compiles 'should not'
check 1 broken compiles 'no line matches'
check 1 refused broken 'should compile'
echo PASS
