#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_figures.sh -- every table has its figure, which is drawn from what tables write, with rows missing, diverged
# or of one seed, and always in the same bytes.
#
# usage: test_figures.sh CONFIG_DIR
set -u
export LC_ALL=C

configs=$(realpath "$1") root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

failed=0
fail() { echo "FAILED: $*"; failed=1; }

# What a figure says of collapse is the engine's rule.
for value in $(sed -nE 's/^#define COLLAPSE_(STD|SHARE) +([0-9.]+).*/\2/p' "$root/engine/collapse.h"); do
    grep -q "thresholds.*$value\|$value.*)\.\"" "$root/plots/curves.gp" || fail "curves.gp does not know $value"
done

tables=()
for config in "$configs"/*.yaml; do
    name=$(basename "$config" .yaml)
    case $name in paper | select_* | study_* | check_*) continue ;; esac
    tables+=("$name")
    [ -f "$root/plots/$name.gp" ] || fail "$name has no figure (plots/$name.gp)"
done

command -v gnuplot >/dev/null || { [ $failed = 0 ] && echo 'gnuplot is missing: nothing was drawn'; exit 77; }

# fake TABLE FOLDER SEEDS: the CSV files of a table whose last row but one was not run and whose last one diverged.
fake() {
    mkdir -p "$2"
    sed -nE 's/.*name: *([^,} ]+).*/\1/p' "$configs/$1.yaml" | awk -v seeds="$3" -v stem="$2/$1" '
        { row[++n] = $1 }
        END {
            print "row,n,paper,linear_mean,linear_std,knn_mean,knn_std,loss_mean,loss_std,std_sqrtd_mean," \
                  "std_sqrtd_std,view_share_mean,view_share_std,state" >(stem ".csv")
            print "row,epoch,n,loss_mean,loss_std,std_train_mean,std_train_std,std_sqrtd_mean,std_sqrtd_std," \
                  "view_share_mean,view_share_std,knn_mean,knn_std" >(stem "_bands.csv")
            print "row,seed,epoch,loss,std_sqrtd,view_share,rank,knn,cos_h,cos_z" >(stem "_curves.csv")
            for (i = 1; i <= n; i++) {
                out = n > 2 && i == n - 1
                bad = n > 2 && i == n
                std = seeds > 1 ? 0.01 : ""
                if (out) print row[i] ",0,60,,,,,,,,,,,not run" >(stem ".csv")
                else if (bad) print row[i] "," seeds ",0.1,,,,,,,,,,,diverged" >(stem ".csv")
                else print row[i] "," seeds ",60," 40 + i "," std ",38," std ",-0.6," std ",0.9," std ",0.4," std \
                           ",healthy" >(stem ".csv")
                for (e = 0; e <= (bad ? 1 : 3) && !out; e++) {
                    loss = e ? -0.2 * e : ""
                    print row[i] "," e "," seeds "," loss "," (e ? std : "") ",0.9," std ",0.9," std ",0.4," std \
                          "," 30 + e "," std >(stem "_bands.csv")
                    for (s = 1; s <= seeds; s++)
                        print row[i] "," s "," e "," loss ",0.9,0.4,0." s e ",30,0.9,0.8" >(stem "_curves.csv")
                }
            }
        }'
}

for seeds in 3 1; do
    for table in "${tables[@]}"; do
        fake "$table" "$work/results/test" $seeds
        said=$(bash "$root/plots/draw.sh" "$table" test "$work/results" 2>&1) || fail "$table, seeds $seeds: $said"
        [ "$(wc -l <<<"$said")" = 1 ] || fail "$table, seeds $seeds: gnuplot says: $said"
        for kind in svg png; do
            [ -s "$work/results/test/$table.$kind" ] || fail "$table, seeds $seeds: no $kind"
        done
        grep -q '</svg>' "$work/results/test/$table.svg" || fail "$table, seeds $seeds: half a drawing"
    done
done

# The same numbers, the same bytes.
table=table2_batch
cp "$work/results/test/$table".{svg,png} "$work"
bash "$root/plots/draw.sh" $table test "$work/results" >/dev/null || fail "$table is not drawn again"
for kind in svg png; do
    cmp -s "$work/$table.$kind" "$work/results/test/$table.$kind" ||
        fail "$table.$kind has other bytes the second time"
done

# Nothing to draw is said, and what was drawn stays.
sed -i '2,$d' "$work/results/test/${table}_bands.csv"
bash "$root/plots/draw.sh" $table test "$work/results" >/dev/null 2>&1 && fail 'a table without an epoch is drawn'
[ -s "$work/results/test/$table.svg" ] || fail 'a figure that could not be drawn took the old one with it'

[ $failed = 0 ] && echo 'test_figures: as written'
exit $failed
