#!/bin/bash
# SPDX-License-Identifier: MIT
#
# draw.sh TABLE SCALE RESULTS [--svg] [--pdf] [--png] -- draws RESULTS/SCALE/TABLE.svg, or the kinds
# that are asked for, from the table's CSV files.  Started anywhere; SIMSIAM names the program if it is
# neither build/simsiam of the checkout nor the one that was installed with this, SEEDS the table's seeds
# if they are not all whose curves are committed.
#
# WIDTH=8.5cm is a figure's width, 5 to 60 cm (18 cm without): text keeps its size, and panels that have
# no room beside each other stand above each other.  A PDF has a date only if SOURCE_DATE_EPOCH says one,
# so that the same numbers always give the same bytes.
set -eu
export LC_ALL=C                    # a comma is no decimal point to gnuplot
fail() { echo "draw.sh: $*" >&2; exit 1; }
kinds=() operands=()
for word; do
    case $word in
        --svg | --pdf | --png) kinds+=("${word#--}") ;;
        *) operands+=("$word") ;;
    esac
done
[ ${#operands[@]} = 3 ] ||
    fail 'wanted: TABLE SCALE RESULTS [--svg] [--pdf] [--png], like fig2_stopgrad quick results'
table=${operands[0]} folder=${operands[2]}/${operands[1]}
plots=$(cd "$(dirname "$0")" && pwd)
installed=$plots/../../../bin/simsiam
simsiam=${SIMSIAM:-$plots/../build/simsiam}
[ -n "${SIMSIAM:-}" ] || [ -x "$simsiam" ] || [ ! -x "$installed" ] || simsiam=$installed

size=''
if [ -n "${WIDTH:-}" ]; then
    cm=${WIDTH%cm}
    [[ $WIDTH == *cm && $cm =~ ^[0-9]{1,2}(\.[0-9]{1,3})?$ ]] &&
        awk "BEGIN { exit !($cm >= 5 && $cm <= 60) }" ||
        { echo "draw.sh: WIDTH=$WIDTH is no width from 5cm to 60cm, like WIDTH=8.5cm" >&2; exit 2; }
    size="cm = $cm; "
fi
command -v gnuplot > /dev/null ||
    fail 'gnuplot is missing (on Debian: apt-get install gnuplot-nox fonts-dejavu-core)'
[ -x "$simsiam" ] || fail "no program $simsiam (make -f Makefile.repro build)"
[ -f "$folder/$table.csv" ] ||
    fail "no $folder/$table.csv (make the table first: simsiam table configs/$table.yaml --scale ${operands[1]})"

# Beside the target, so that mv is a rename; its own, so that two may be drawn at once.
temporary=$(mktemp -d -- "$folder/.draw-$table.XXXXXX")
trap 'rm -rf -- "$temporary"' EXIT
trap 'exit 143' HUP INT TERM
"$simsiam" table "$table.yaml" --scale "${operands[1]}" --results "${operands[2]}" --seeds "${SEEDS:-1 2 3}" \
    --figure "$temporary/data" ||
    exit                           # it said why
# The thresholds' line begins with a number, too.
[ "$(grep -c '^[0-9]' "$temporary/data")" -gt 1 ] ||
    fail "$folder/$table.csv and its curves hold no epoch: nothing to draw"

# cairo's date, in the file's own bytes and as many of them: that of SOURCE_DATE_EPOCH, or blanks.
date_set() {
    local at old new=
    at=$(grep -abo -m 1 '/CreationDate ([^)]*)' "$1") || return 0
    old=${at#*:} at=${at%%:*}
    [ -z "${SOURCE_DATE_EPOCH:-}" ] || new="/CreationDate (D:$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S)Z)"
    [ ${#new} -le ${#old} ] || return 1
    printf "%-${#old}s" "$new" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# A table may have a script of its own.  No path is a part of what gnuplot reads: it runs where the
# data lie.
script=$plots/$table.gp
[ -f "$script" ] || script=$plots/curves.gp
for kind in "${kinds[@]:-svg}"; do
    (cd -- "$temporary" &&
        GNUPLOT_LIB=$plots gnuplot -e "kind = '$kind'; data = 'data'; out = 'figure'; $size" "$script") ||
        fail "gnuplot could not draw $table"
    [ -s "$temporary/figure" ] || fail "gnuplot left no $kind (its $kind terminal may be missing)"
    [ "$kind" != pdf ] || date_set "$temporary/figure" || fail "the date of $table.pdf cannot be set"
    mv -- "$temporary/figure" "$folder/$table.$kind"
    echo "wrote $folder/$table.$kind${WIDTH:+, $WIDTH wide}"
done
