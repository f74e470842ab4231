#!/bin/bash
# Unpacks an arm64 root directory with the libraries that --config=arm64 needs;
# installs nothing on this machine.
#   tools/make_sysroot.sh [DIR [SUITE [MIRROR]]]
# DIR is the cache's arm64-sysroot where Bazel finds it by itself; elsewhere,
# set KTLSD_ARM64_SYSROOT=DIR. (Not below /tmp: Bazel 7 hides that.) SUITE is
# this machine's own: the cross compiler's runtime must fit.
# Needs mmdebstrap; any user, no qemu.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
# shellcheck source=tools/lib.sh
. tools/lib.sh
help_if_asked "$@"
named=${1:+$(cd "$here" && realpath -m -- "$1")}

dir=${named:-$KTLSD_CACHE/arm64-sysroot}
suite=${2:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
mirror=${3:-}
if [ -z "$mirror" ] && [ -z "${2:-}" ]; then
  # Where this machine's own apt asks.
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if [ -s "$file" ]; then
      mirror=$file
      break
    fi
  done
fi
gcc=$(aarch64-linux-gnu-gcc -dumpversion)
gcc=${gcc%%.*}
packages="libc6-dev linux-libc-dev libstdc++-$gcc-dev libssl-dev
  liburing-dev libkeyutils-dev libseccomp-dev libcap-dev
  libgtest-dev libgmock-dev libbenchmark-dev libglib2.0-dev libsystemd-dev
  libfmt-dev libcli11-dev libyaml-cpp-dev nlohmann-json3-dev prometheus-cpp-dev"

# Made anew when this script or the suite changes.
stamp="$suite $(sha256sum <tools/make_sysroot.sh)"
if [ "$(cat "$dir/.ktlsd-sysroot" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
mode=chrootless
[ "$(id -u)" = 0 ] && mode=root
rm -rf "$dir.new"
mkdir -p "$dir.new"
echo "unpacking an arm64 root directory ($suite) into $dir"
mmdebstrap --quiet --mode=$mode --architectures=arm64 --variant=extract \
  --include="$(echo "$packages" | tr -s ' \n' ',')" "$suite" - \
  ${mirror:+"$mirror"} </dev/null |
  tar -C "$dir.new" --exclude='./dev/*' --no-same-owner -xf -
# Merge /lib into /usr/lib, as the package base-files would: the program loader
# is found below /lib.
if [ -d "$dir.new/lib" ] && [ ! -L "$dir.new/lib" ]; then
  cp -an "$dir.new/lib/." "$dir.new/usr/lib/"
  rm -rf "$dir.new/lib"
fi
ln -sfn usr/lib "$dir.new/lib"
# Absolute links inside the root must not point at this machine's files.
find "$dir.new" -type l -lname '/*' | while read -r link; do
  target=$(readlink "$link")
  ln -sfn "$(realpath -ms --relative-to="$(dirname "$link")" \
    "$dir.new$target")" "$link"
done
echo "$stamp" >"$dir.new/.ktlsd-sysroot"
rm -rf "$dir"
mv "$dir.new" "$dir"
