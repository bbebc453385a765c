#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_figures.sh -- every table has its figure, which is drawn from what tables write, with rows missing, diverged
# or of one seed, of any width, and always in the same bytes.
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
        [ "$table" = fig2_stopgrad ] ||
            { grep -q 'collapse (0.5 and, under the' "$svg" && grep -q '0.39)' "$svg"; } ||
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

# ---- for a paper -----------------------------------------------------------------------------------------

# pdf_right TABLE: fonts lie in the file, none is of Type 3, and it has no date of its own.
pdf_right() {
    local pdf=$work/results/test/$1.pdf fonts files
    fonts=$(grep -ac '/Type /FontDescriptor' "$pdf") files=$(grep -aoc '/FontFile[23]' "$pdf")
    [ "$fonts" -ge 1 ] && [ "$fonts" = "$files" ] || fail "$1.pdf: $files of $fonts fonts are embedded"
    grep -aq '/Type3' "$pdf" && fail "$1.pdf: a font of Type 3"
    grep -aqF "/CreationDate${2:+ (D:$2Z)}" "$pdf" && [ -z "${2:-}" ] && fail "$1.pdf: it has a date"
    [ -z "${2:-}" ] || grep -aqF "/CreationDate (D:$2Z)" "$pdf" || fail "$1.pdf: its date is not $2"
}
# letters SVG: no text under 5 points, 6.67 dots.
letters() {
    awk '{ while (match($0, /font-size="[0-9.]+"/)) {
               if (substr($0, RSTART + 11, RLENGTH - 12) < 20 / 3) exit 1
               n++
               $0 = substr($0, RSTART + RLENGTH)
           } } END { exit !n }' "$1" || fail "$1: no text, or text under 5 points"
}
fake fig2_stopgrad "$work/results/test" 3
fake table2_batch "$work/results/test" 3
for table in fig2_stopgrad table2_batch; do
    for width in '' 8.5cm; do
        export WIDTH=$width
        draw $table --svg --pdf || fail "$table, WIDTH=$width: $said"
        [ "$(wc -l <<<"$said")" = 2 ] || fail "$table, WIDTH=$width: gnuplot says: $said"
        pdf_right $table
        cp "$work/results/test/$table.pdf" "$work"
        draw $table --pdf || fail "$table: no PDF again: $said"
        cmp -s "$work/$table.pdf" "$work/results/test/$table.pdf" || fail "$table.pdf has other bytes again"
        letters "$work/results/test/$table.svg"
        dots=680 points=510
        [ -z "$width" ] || dots=321 points=241
        grep -q "^ width=\"$dots\"" "$work/results/test/$table.svg" || fail "$table, WIDTH=$width: another width"
        grep -aqE "/MediaBox \[ 0 0 $points " "$work/results/test/$table.pdf" ||
            fail "$table, WIDTH=$width: the PDF: $(grep -ao '/MediaBox[^]]*' "$work/results/test/$table.pdf")"
    done
done
SOURCE_DATE_EPOCH=86399 draw fig2_stopgrad --pdf || fail "a dated PDF: $said"
pdf_right fig2_stopgrad 19700101235959
for wrong in 8.5 wide 3cm 99cm 8,5cm; do
    WIDTH=$wrong draw table2_batch --pdf && fail "WIDTH=$wrong is a width"
    [[ $said == *"WIDTH=$wrong is no width"* ]] || fail "WIDTH=$wrong: $said"
done
unset WIDTH

# many FOLDER ROWS LOSS STD SHARE KNN: the CSV files of a table of so many rows, by what their curves begin with.
many() {
    mkdir -p "$1"
    awk -v rows="$2" -v loss="$3" -v std="$4" -v share="$5" -v knn="$6" -v stem="$1/new" 'BEGIN {
        print "row,n,paper,linear_mean,linear_std,state" >(stem ".csv")
        print "row,seed,epoch,loss,std_train,std_sqrtd,view_share,rank,knn" >(stem "_curves.csv")
        for (i = 1; i <= rows; i++) {
            print "row-" i ",2," 60 + i "," 40 + i / 2 ",0.4,healthy" >(stem ".csv")
            for (e = 0; e <= 3; e++)
                for (s = 1; s <= 2; s++)
                    print "row-" i "," s "," e "," loss - e / 50 "," std "," std + s * std / 9 "," \
                        share + s * share / 9 ",0.3," knn + e + s >(stem "_curves.csv")
        }
        print "untrained,1,,90,,healthy" >(stem ".csv")
        print "untrained,1,0,,,1,0.5,0.5,2" >(stem "_curves.csv")
    }'
}
# marks FILE: a line for each mark of a point, the key's too, and the lines of each row.
marks() { grep -oE "xlink:href='#gpPt[0-9]+'" "$1" | wc -l; }
# An axis holds what is drawn: with numbers beyond each axis's usual ends there are as many points, and no fewer.
for table in new fig2_stopgrad; do
    for numbers in '-0.6 0.5 0.4 30' '-1.4 1.3 1.2 104' '0.7 0.01 0.01 1'; do
        read -ra list <<<"$numbers"
        many "$work/results/ends" 5 "${list[@]}"
        for file in "$work/results/ends"/new*.csv; do
            [ $table = new ] || mv "$file" "${file/new/$table}"
        done
        said=$(bash "$root/plots/draw.sh" $table ends "$work/results" 2>&1) || fail "$table of $numbers: $said"
        marks "$work/results/ends/$table.svg"
    done >"$work/marks"
    [ "$(sort -u "$work/marks" | wc -l)" = 1 ] && [ "$(head -n 1 "$work/marks")" -ge 60 ] ||
        fail "$table: with numbers beyond the usual ends other points are drawn: $(tr '\n' ' ' <"$work/marks")"
done
# More rows than a table may have: each is named, has marks and dashes that no other has, and has its place.
many "$work/results/own" 45 -0.6 0.5 0.4 30
said=$(bash "$root/plots/draw.sh" new own "$work/results" 2>&1) || fail "45 rows: $said"
svg=$work/results/own/new.svg
for row in $(seq 45); do
    [ "$(grep -c "<text>[^<]*row-$row<" "$svg")" = 2 ] || fail "45 rows: row-$row is not named twice"
done
letters "$svg"
# In the key, a row is its name's text and then its line: colour, dashes and mark.
awk '/<text>row-[0-9]+</ { if (!key) name = $0 }
     /<path / && name != "" { match($0, /stroke=.*d=/); look = substr($0, RSTART, RLENGTH) }
     /stroke-dasharray/ { match($0, /stroke-dasharray=.[0-9., ]*/); dash = substr($0, RSTART, RLENGTH) }
     /gpPt/ && name != "" {
         match($0, /gpPt[0-9]+/)
         print dash, substr($0, RSTART, RLENGTH)
         name = ""
         dash = ""
     }' "$svg" | head -n 45 | sort | uniq -d | grep . && fail '45 rows: two of equal dashes and marks, as above'

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
