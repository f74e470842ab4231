# Shared by the shell scripts of tools/: sourced, from the top of the tree.
# shellcheck shell=bash

# One folder for what is made once and kept: Bazel's disk cache, the arm64
# sysroot, root directories of the kernel tests.
KTLSD_CACHE=${KTLSD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ktlsd}
BAZEL=${BAZEL:-bazel}
export KTLSD_CACHE BAZEL

# The comment at the head of a script of tools/ is its help.
usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "tools/${0##*/}"; }

# For a script that was called with these arguments: helps where it is asked to.
help_if_asked() {
  local argument
  for argument; do
    case $argument in
      -h | --help)
        usage
        exit 0
        ;;
    esac
  done
}

# The project's files that match the patterns; with or without git.
list_files() {
  if [ -e .git ]; then
    git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard -- "$@" |
      while read -r file; do
        if [ -f "$file" ]; then echo "$file"; fi
      done
  else
    local pattern
    for pattern; do
      find . -path './bazel-*' -prune -o -name "$pattern" -type f -print
    done
  fi
}
