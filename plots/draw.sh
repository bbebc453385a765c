#!/bin/bash
# SPDX-License-Identifier: MIT
#
# draw.sh TABLE SCALE RESULTS -- draws RESULTS/SCALE/TABLE.svg and .png from the table's bands; both are replaced
# together, or neither is.
set -eu
fail() { echo "draw.sh: $*" >&2; exit 1; }
[ $# = 3 ] || fail 'wanted: TABLE SCALE RESULTS, like fig2_stopgrad quick results'
table=$1 scale=$2
results=$(realpath -m -- "$3")
case $results/$scale in *\'*) fail "$results/$scale: gnuplot needs a path without a quote (')" ;; esac
cd "$(dirname "$0")/.."
folder=$results/$scale
bands=$folder/${table}_bands.csv

[ -f "plots/$table.gp" ] || fail "$table has no figure (no plots/$table.gp)"
command -v gnuplot > /dev/null ||
    fail 'gnuplot is missing (on Debian: apt-get install gnuplot-nox fonts-dejavu-core)'
[ -f "$bands" ] || fail "no $bands (make the table first: simsiam table configs/$table.yaml --scale $scale)"
[ "$(wc -l < "$bands")" -gt 1 ] || fail "$bands holds no epoch: nothing to draw"

# Beside the target, so that mv is a rename; what a killed call left is cleared by the next.
temporary=$folder/.draw-$table
rm -rf "$temporary"
mkdir "$temporary"
trap 'rm -rf "$temporary"' EXIT
gnuplot -e "scale='$scale'; results='$results'; out='$temporary/figure'" "plots/$table.gp" ||
    fail "gnuplot could not draw $table"
for kind in svg png; do
    [ -s "$temporary/figure.$kind" ] || fail "gnuplot left no $kind (its $kind terminal may be missing)"
done
for kind in svg png; do mv "$temporary/figure.$kind" "$folder/$table.$kind"; done
echo "wrote $folder/$table.svg and .png"
