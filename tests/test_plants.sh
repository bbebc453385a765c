#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_plants.sh -- planted outputs: every grade is found, each broken threshold noticed, and the committed table of
# the operating characteristic is what its command makes, as far as a second goes.
#
# usage: test_plants.sh PLANTS
set -u
export LC_ALL=C

plants=$(realpath "$1") root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

failed=0
fail() { echo "FAILED: $*" | head -c 900; echo; failed=1; }

"$plants" check >out 2>&1 || fail "plants check: exit $?: $(<out)"
points=$(sed -n '1s/^1\.\.//p' out)
[ "$(grep -c '^ok ' out)" = "$points" ] || fail "not $points points ok: $(<out)"
for grade in healthy dimensional partial complete undecided; do
    grep -q "^ok .*: $grade\$" out || fail "no plant is $grade: $(<out)"
done

"$plants" broken >out 2>err || fail "plants broken: exit $?: $(<err)"
for threshold in dead spread share few few_least few_share few_dim near; do
    n=$(sed -n "s/^# $threshold times \([0-9.]*\): not ok .*/\1/p" out | sort -u | wc -l)
    [ "$n" = 2 ] || fail "$threshold is not broken in two ways: $(grep "^# $threshold " out)"
done

mkdir one two
"$plants" table one 2 && "$plants" table two 2 || fail "plants table: exit $?"
for name in operating.csv operating_pooled.csv operating.md; do
    cmp -s one/$name two/$name || fail "$name has other bytes the second time"
done
# Thresholds of other tools are chosen over all sizes; the rule's own columns are the same.
own() { awk -F , '$4 == 16' "$1" | cut -d , -f 1-10; }
[ "$(own one/operating.csv | wc -l)" -ge 20 ] || fail "few lines: $(<one/operating.csv)"
if [ -f "$root/results/detector/operating.csv" ]; then
    diff <(own "$root/results/detector/operating.csv") <(own one/operating.csv) >diff.txt ||
        fail "results/detector is not what its command makes: $(<diff.txt)"
fi

"$plants" table nosuch 1 2>err
[ $? = 1 ] && grep -q 'cannot write nosuch/operating.csv: No such file' err || fail "a folder that is none: $(<err)"
"$plants" chek 2>err
[ $? = 2 ] && grep -q '^usage: plants' err || fail "a wrong word: $(<err)"

[ $failed = 0 ] && echo 'plants: in order'
exit $failed
