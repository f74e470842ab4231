#!/bin/bash
# Runs an arm64 program under qemu-user: tools/bazel/run_arm64.sh PROGRAM ARG...
# With --config=arm64 Bazel puts a copy of it, its sysroot filled in, before
# each test (sysroot.bzl).
set -euo pipefail
root=${KTLSD_ARM64_SYSROOT:-}
# Debian 12 names it qemu-aarch64-static, Debian 13 qemu-aarch64.
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) || {
  echo "no qemu-user for arm64; run tools/setup" >&2
  exit 1
}
if [ -z "$root" ] && [ ! -e /lib/ld-linux-aarch64.so.1 ]; then
  root=/usr/aarch64-linux-gnu
fi
# A test may be a script that only looks at files.
if [ "$(head -c 2 "$1" | tr -d "\0")" = "#!" ]; then
  exec "$@"
fi
exec "$qemu" ${root:+-L "$root"} "$@"
