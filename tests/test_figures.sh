#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_figures.sh -- every table has its figure, which is drawn from what tables write, with rows missing, diverged
# or of one seed, and always in the same bytes.
#
# usage: test_figures.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

export SIMSIAM
SIMSIAM=$(realpath "$1") configs=$(realpath "$2") root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

failed=0
fail() { echo "FAILED: $*"; failed=1; }

mapfile -t tables < <("$SIMSIAM" list --configs "$configs" --only names)
[ ${#tables[@]} -ge 10 ] || fail "simsiam list knows ${#tables[@]} tables"

command -v gnuplot >/dev/null || { echo 'gnuplot is missing: nothing was drawn'; exit $((failed ? 1 : 77)); }

# fake TABLE FOLDER SEEDS: the CSV files of a table whose last row but one was not run and whose last one diverged,
# with an untrained network, which was not run with one seed.
fake() {
    mkdir -p "$2"
    sed -nE 's/.*name: *([^,} ]+).*/\1/p' "$configs/$1.yaml" | awk -v seeds="$3" -v stem="$2/$1" '
        { row[++n] = $1 }
        END {
            print "row,n,paper,linear_mean,linear_std,knn_mean,knn_std,loss_mean,loss_std,std_sqrtd_mean," \
                  "std_sqrtd_std,view_share_mean,view_share_std,state" >(stem ".csv")
            print "row,seed,epoch,loss,std_train,std_sqrtd,view_share,rank,knn,cos_h,cos_z" >(stem "_curves.csv")
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
                    for (s = 1; s <= seeds; s++)
                        print row[i] "," s "," e "," loss ",0.9,0.9,0.4,0." s e "," 30 + e ",0.9,0.8" \
                            >(stem "_curves.csv")
                }
            }
            if (seeds > 1) print "untrained," seeds ",,36,0.5,34,,,,0.98,,0.78,,healthy" >(stem ".csv")
            else print "untrained,0,,,,,,,,,,,,not run" >(stem ".csv")
            for (s = 1; s <= seeds && seeds > 1; s++)
                print "untrained," s ",0,,,0.98,0.78,0.58,34,0.9,0.8" >(stem "_curves.csv")
        }'
}

draw() { said=$(bash "$root/plots/draw.sh" "$1" test "$work/results" "${@:2}" 2>&1); }
for seeds in 3 1; do
    for table in "${tables[@]}"; do
        fake "$table" "$work/results/test" $seeds
        draw "$table" || fail "$table, seeds $seeds: $said"
        [ "$(wc -l <<<"$said")" = 1 ] || fail "$table, seeds $seeds: gnuplot says: $said"
        svg=$work/results/test/$table.svg
        grep -q '</svg>' "$svg" || fail "$table, seeds $seeds: half a drawing"
        for row in $(tail -n +2 "$work/results/test/$table.csv" | cut -d , -f 1); do
            # At the axis a long name is cut short, and Figure 2 has no place for what was not run.
            grep -q ">[^<]*${row:0:15}" "$svg" || fail "$table, seeds $seeds: no row $row in the figure"
        done
        [ $seeds = 3 ] || grep -q '>untrained (not run)<' "$svg" ||
            fail "$table: untrained is not said to be not run"
        [ "$table" = fig2_stopgrad ] || grep -q 'collapse (0.5 and, under the scale.*s views, 0.39)' "$svg" ||
            fail "$table: the thresholds are not the rule's"
    done
done

# The same numbers, the same bytes; a picture of dots is made where it is asked for.
table=table2_batch
for kind in svg png; do
    [ $kind = svg ] || [ ! -e "$work/results/test/$table.png" ] || fail 'a PNG that nobody asked for'
    option=()
    [ $kind = svg ] || option=(--png)
    draw $table "${option[@]}" || fail "no $kind of $table: $said"
    cp "$work/results/test/$table.$kind" "$work"
    draw $table "${option[@]}" || fail "$table is not drawn again: $said"
    cmp -s "$work/$table.$kind" "$work/results/test/$table.$kind" ||
        fail "$table.$kind has other bytes the second time"
done

# Rows that nobody foresaw, a loss of another kind among them, and a name that would be markup.
mkdir -p "$work/results/own"
for table in fig2_stopgrad similarity new; do
    printf '%s\n' 'row,n,paper,linear_mean,linear_std,state' 'with,1,,40,,healthy' 'my_x,1,,41,,healthy' \
        'half_lr,1,,42,,healthy' >"$work/results/own/$table.csv"
    {
        echo row,seed,epoch,loss,std_train,knn
        for row in with my_x half_lr; do
            for e in 1 2 3; do echo $row,1,$e,$([ $row = my_x ] && echo 6 || echo -0.5),0.9,$((30 + e)); done
        done
    } >"$work/results/own/${table}_curves.csv"
    said=$(bash "$root/plots/draw.sh" $table own "$work/results" 2>&1) || fail "$table of other rows: $said"
    svg=$work/results/own/$table.svg
    [ "$(grep -c '<text>[^<]*my_x' "$svg")" -ge 1 ] || fail "$table: no my_x"
    grep -q '<text>[^<]*half_lr' "$svg" || fail "$table: no half_lr"
    [ $table = fig2_stopgrad ] || grep -q 'training loss (my_x: right axis)' "$svg" || fail "$table: my_x's loss"
done

# Nothing to draw is said, and what was drawn stays.
table=table2_batch
sed -i '2,$d' "$work/results/test/${table}_curves.csv"
draw $table && fail 'a table without an epoch is drawn'
[ -s "$work/results/test/$table.svg" ] || fail 'a figure that could not be drawn took the old one with it'
[ -z "$(ls -A "$work/results/test" | grep '^\.draw')" ] || fail 'a folder of gnuplot stays'

[ $failed = 0 ] && echo 'test_figures: as written'
exit $failed
