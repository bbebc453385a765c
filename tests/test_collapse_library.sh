#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_collapse_library.sh -- libsimsiam-collapse as somebody else has it: installed, found by pkg-config, used by
# ten lines of C, dependent on libm and libc alone, with no name of its own but simsiam_...
#
# usage: test_collapse_library.sh BUILD CC
set -u
export LC_ALL=C

build=$(realpath "$1") cc=$2
if ! command -v pkg-config readelf nm >/dev/null; then
    echo "skipped: no pkg-config or binutils here"
    exit 77
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

failed=0
fail() { echo "FAILED: $*" | head -c 600; echo; failed=1; }

cmake --install "$build" --component collapse --prefix "$work/there" >"$work/log" || fail "install: $(<"$work/log")"
mv "$work/there" "$work/moved"
found=$(find "$work/moved" -name simsiam-collapse.pc)
export PKG_CONFIG_PATH=${found%/*}
for file in include/simsiam_collapse.h "*/libsimsiam-collapse.a" "*/libsimsiam-collapse.so"; do
    find "$work/moved" -path "$work/moved/$file" | grep -q . || fail "not installed: $file"
done

cat >"$work/ten.c" <<'END'
#include <simsiam_collapse.h>
#include <stdio.h>
int main(void)
{
    static float z1[64 * 8], z2[64 * 8];
    for (int i = 0; i < 64 * 8; i++) z2[i] = 1e-3f + (z1[i] = (float)(i * i % 509) / 509 - 0.5f);
    struct simsiam_evidence e;
    struct simsiam_verdict v;
    const int status = simsiam_check(&e, &v, z1, z2, NULL, 64, 8, 1);
    printf("%s, %s\n", simsiam_status_text(status), status ? "" : simsiam_grade_name(v.grade));
}
END
read -ra flags <<<"$(pkg-config --cflags --libs simsiam-collapse)"
read -ra static_flags <<<"$(pkg-config --cflags --libs --static simsiam-collapse)"
library=$(dirname "$(find "$work/moved" -name libsimsiam-collapse.so)")
# A build with a sanitizer wants it in every program.
read -ra own <<<"$(grep -oE '^SANITIZE:[A-Z]*=.+' "$build/CMakeCache.txt" | sed 's/.*=/-fsanitize=/')"
run() {              # run NAME FLAG...
    "$cc" ${own[@]+"${own[@]}"} "$work/ten.c" -o "$work/$1" "${@:2}" 2>"$work/log" || fail "$1: $(<"$work/log")"
    said=$(LD_LIBRARY_PATH=$library "$work/$1") || fail "$1 ends with $?"
    [ "$said" = "done, healthy" ] || fail "$1 says: $said"
}
run shared "${flags[@]}"
rm "$library"/libsimsiam-collapse.so*
run static "${static_flags[@]}"

needed=$(readelf -d "$build/libsimsiam-collapse.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
if [ ${#own[@]} = 0 ]; then
    other=$(grep -vE '^(libm|libc|libpthread|ld-linux.*)\.so' <<<"$needed")
    [ -z "$other" ] || fail "it needs more than libm: $other"
fi
other=$(nm -D --defined-only "$build/libsimsiam-collapse.so" | awk '$3 !~ /^(simsiam_|_|__)/ { print $3 }')
[ -z "$other" ] || fail "names that are not its own: $other"

[ $failed = 0 ] && echo 'collapse_library: in order'
exit $failed
