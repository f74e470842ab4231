# Shared by the shell scripts of tools/: sourced, from the top of the tree.
# shellcheck shell=bash

# One folder for what is made once and kept: Bazel's disk cache, the arm64
# sysroot, root directories of the kernel tests.
KTLSD_CACHE=${KTLSD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ktlsd}
export KTLSD_CACHE
