#!/bin/bash
# SPDX-License-Identifier: MIT
#
# draw.sh TABLE SCALE RESULTS [--png] -- draws RESULTS/SCALE/TABLE.svg (with --png: TABLE.png, and
# no SVG) from the table's CSV files.  Started anywhere; SIMSIAM names the program if it is neither
# build/simsiam of the checkout nor the one that was installed with this, SEEDS the table's seeds if
# they are not all whose curves are committed.
set -eu
export LC_ALL=C                    # a comma is no decimal point to gnuplot
fail() { echo "draw.sh: $*" >&2; exit 1; }
kind=svg
[ "${4:-}" = --png ] && [ $# = 4 ] && kind=png && set -- "$1" "$2" "$3"
[ $# = 3 ] || fail 'wanted: TABLE SCALE RESULTS [--png], like fig2_stopgrad quick results'
table=$1 folder=$3/$2
plots=$(cd "$(dirname "$0")" && pwd)
installed=$plots/../../../bin/simsiam
simsiam=${SIMSIAM:-$plots/../build/simsiam}
[ -n "${SIMSIAM:-}" ] || [ -x "$simsiam" ] || [ ! -x "$installed" ] || simsiam=$installed

command -v gnuplot > /dev/null ||
    fail 'gnuplot is missing (on Debian: apt-get install gnuplot-nox fonts-dejavu-core)'
[ -x "$simsiam" ] || fail "no program $simsiam (make -f Makefile.repro build)"
[ -f "$folder/$table.csv" ] ||
    fail "no $folder/$table.csv (make the table first: simsiam table configs/$table.yaml --scale $2)"

# Beside the target, so that mv is a rename; its own, so that two kinds may be drawn at once.
temporary=$(mktemp -d -- "$folder/.draw-$table.XXXXXX")
trap 'rm -rf -- "$temporary"' EXIT
trap 'exit 143' HUP INT TERM
"$simsiam" table "$table.yaml" --scale "$2" --results "$3" --seeds "${SEEDS:-1 2 3}" \
    --figure "$temporary/data" ||
    exit                           # it said why
# The thresholds' line begins with a number, too.
[ "$(grep -c '^[0-9]' "$temporary/data")" -gt 1 ] ||
    fail "$folder/$table.csv and its curves hold no epoch: nothing to draw"

# A table may have a script of its own.  No path is a part of what gnuplot reads: it runs where the
# data lie.
script=$plots/$table.gp
[ -f "$script" ] || script=$plots/curves.gp
(cd -- "$temporary" &&
    GNUPLOT_LIB=$plots gnuplot -e "kind = '$kind'; data = 'data'; out = 'figure'" "$script") ||
    fail "gnuplot could not draw $table"
[ -s "$temporary/figure" ] || fail "gnuplot left no $kind (its $kind terminal may be missing)"
mv -- "$temporary/figure" "$folder/$table.$kind"
echo "wrote $folder/$table.$kind"
