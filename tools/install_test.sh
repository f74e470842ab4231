#!/bin/bash
# tools/install: what it installs, and that a C99 program which knows only
# pkg-config compiles, links and runs with it.
set -euo pipefail
here=$PWD
dir=$(mktemp -d "${TEST_TMPDIR:-/tmp}/install.XXXXXX")
trap 'rm -rf "$dir"' EXIT

fail() {
  echo "not so: $*" >&2
  exit 1
}

root=$dir/root
libdir=/opt/t/lib/triplet
tools/install --built "$here" --prefix /opt/t --libdir "$libdir" "$root/" \
  >"$dir/list"
cat >"$dir/wanted" <<'LIST'
/opt/t/include/ktlsd.h
/opt/t/include/ktlsd_codes.h
/opt/t/lib/systemd/system/ktlsd.service
/opt/t/lib/sysusers.d/ktlsd.conf
/opt/t/lib/triplet/libktlsd.so
/opt/t/lib/triplet/libktlsd.so.0
/opt/t/lib/triplet/pkgconfig/ktlsd.pc
/opt/t/sbin/ktlsctl
/opt/t/sbin/ktlsd
/opt/t/share/man/man3/ktlsd_handshake.3
/opt/t/share/man/man5/ktlsd.conf.5
/opt/t/share/man/man8/ktlsctl.8
/opt/t/share/man/man8/ktlsd.8
LIST
(cd "$root" && find . ! -type d | sed 's/^\.//' | LC_ALL=C sort) >"$dir/found"
diff "$dir/wanted" "$dir/found" || fail "these files are installed"
LC_ALL=C sort "$dir/list" | diff "$dir/wanted" - || fail "it prints each file"
[ "$(readlink "$root$libdir/libktlsd.so")" = libktlsd.so.0 ] || fail "symlink"
[ "$(stat -L -c %a "$root/opt/t/sbin/ktlsd")" = 755 ] || fail "mode of ktlsd"
[ "$(stat -L -c %a "$root/opt/t/include/ktlsd.h")" = 644 ] || fail "mode"

grep -qx 'ExecStart=/opt/t/sbin/ktlsd' \
  "$root/opt/t/lib/systemd/system/ktlsd.service" || fail "the unit's program"

for wrong in "" "--prefix relative $dir/x" "--unknown $dir/x" "a b"; do
  # shellcheck disable=SC2086  # the words are the arguments
  if tools/install --built "$here" $wrong >/dev/null 2>&1; then
    fail "'$wrong' is refused"
  fi
done

if ! mandoc -T lint -W warning "$root"/opt/t/share/man/man*/*; then
  fail "mandoc has nothing to say about the pages"
fi

nm -D "$root$libdir/libktlsd.so.0" >"$dir/symbols"
if grep -q __asan_init "$dir/symbols"; then
  echo "SKIP: only a program with sanitizers links a library with them"
  exit 0
fi

export PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_LIBDIR=$root$libdir/pkgconfig
[ "$(pkg-config --modversion ktlsd)" = "$(sed -n \
  's/.*kVersion\[\] = "\(.*\)";.*/\1/p' agent/version.h)" ] ||
  fail "the version is the agent's"
sed 's|"handshake/c/ktlsd.h"|<ktlsd.h>|' handshake/c/header_test.c \
  >"$dir/program.c"
read -ra flags < <(pkg-config --cflags --libs ktlsd)
cc -std=c99 -pedantic -Wall -Wextra -Werror -o "$dir/program" \
  "$dir/program.c" "${flags[@]}"
readelf -d "$dir/program" >"$dir/dynamic"
grep -q 'NEEDED.*\[libktlsd.so.0\]' "$dir/dynamic" ||
  fail "the program asks for the SONAME"
LD_LIBRARY_PATH=$root$libdir "$dir/program" || fail "the program runs"
echo "installed, compiled, linked and run"
