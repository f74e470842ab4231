#!/bin/bash
# Each benchmark runs once: all handshakes are ones that succeed, and what the
# driver reads is there.
set -euo pipefail
cd "$(dirname "$0")"

./pki_main "$TEST_TMPDIR/pki"
test -s "$TEST_TMPDIR/pki/ed25519/client.key"
./versions_main >"$TEST_TMPDIR/versions"
grep -q 'OpenSSL 3.*; GnuTLS 3' "$TEST_TMPDIR/versions"

./sides_bench --benchmark_min_time=0.0000001 --benchmark_format=csv \
  >"$TEST_TMPDIR/sides.csv" 2>"$TEST_TMPDIR/sides.err"
if grep -q ERROR "$TEST_TMPDIR/sides.csv" "$TEST_TMPDIR/sides.err"; then
  cat "$TEST_TMPDIR/sides.csv" "$TEST_TMPDIR/sides.err"
  exit 1
fi
for who in floor ours remembered libssl gnutls; do
  grep -q "^\"mutual_ecdsa/client/$who/manual_time\"," "$TEST_TMPDIR/sides.csv"
done

./memory_main 3 >"$TEST_TMPDIR/memory"
grep -Eq '^memory/mutual_ecdsa/client own [1-9][0-9]* allocations$' \
  "$TEST_TMPDIR/memory"
grep -Eq '^memory/parked/server libcrypto [1-9][0-9]* bytes$' \
  "$TEST_TMPDIR/memory"
# What a side may take of our own code, in any case but a hybrid group, whose
# shares are as large as a flight.
awk '/mlkem/ { next }
  $2 == "own" && $4 == "allocations" && $3 > 40 { print; bad = 1 }
  $2 == "own_peak" && $3 > 16384 { print; bad = 1 }
  END { exit bad }' "$TEST_TMPDIR/memory"
./parked_bench --benchmark_min_time=0.0000001 --benchmark_filter=/1/ \
  --benchmark_format=csv >"$TEST_TMPDIR/parked.csv" 2>/dev/null
grep -q '^"parked/server/1/manual_time",' "$TEST_TMPDIR/parked.csv"
./steps_bench --benchmark_min_time=0.0000001 --benchmark_format=csv \
  >"$TEST_TMPDIR/steps.csv" 2>/dev/null
grep -q '^"step/key_schedule",' "$TEST_TMPDIR/steps.csv"
