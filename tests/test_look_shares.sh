#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_look_shares.sh LOOK_SHARES -- what the looks of a scale may be told: no difference is found in
# 5 % at most, a wide one always, and the choice is the one of the lines above it.
set -u
export LC_ALL=C
tool=$1
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# A share's line: [first, last]  difference  decided at the first look  at either  expected seeds
lines() { "$tool" "$@" | sed -n 's/^\[[0-9.]*, [0-9.]*\] *//p'; }

said=$(lines 0.5 3 8 0)
awk '$3 > 0.053 || $3 < 0.04 || $2 > $3 { exit 1 } END { exit NR != 9 }' <<<"$said" ||
    fail "a difference of 0 is found as often as this: $said"
said=$(lines 0.5 3 8 100)
awk '$2 != 1 || $3 != 1 || $4 != 3 { exit 1 } END { exit NR != 9 }' <<<"$said" ||
    fail "a difference of 200 deviations is not always found: $said"
# Of the powers within a point of the best, the one of the fewest seeds.
said=$("$tool" 0.5 3 8 1.2)
awk '/^\[/ { line[$1 " " $2] = $6; power[$1 " " $2] = $5; if ($5 > best) best = $5 }
     /^look_errors/ { for (k in line)
         if (sprintf("[%g,", substr(k, 2)) == $2) mine = k
         for (k in line) if (power[k] > best - 0.009 && line[k] < line[mine]) exit 1
         exit power[mine] < best - 0.011 }' <<<"$said" ||
    fail "not the fewest seeds: $said"
# What night's looks rest on.
"$tool" 0.51316 3 8 0.5 1 2 3 | tail -n 1 | grep -q '^look_errors: \[0.01, 0.04\]: ' ||
    fail "night's looks would be others"
for wrong in '' '0.5 3 8' '0.5 8 3 1' '0.5 1 8 1' '0 3 8 1' '0.5 3 8 x' '0.5 3 65 1'; do
    "$tool" $wrong >/dev/null 2>&1
    [ $? = 2 ] || fail "look_shares $wrong: not exit 2"
done
exit $failed
