#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_results.sh -- what is committed under results/: few files, each of a known kind, and each made
# again to the byte from the committed runs, which are of the settings that their rows have.
#
# usage: test_results.sh SIMSIAM CONFIG_DIR [other]      (other: the program's codes are no release's)
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2") root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

failed=0
fail() { echo "FAILED: $*"; failed=1; }

# As committed: a user's own run of other seeds rewrites results/ and breaks no rule.
git -C "$root" archive HEAD results 2>/dev/null | tar -x -C "$work" 2>/dev/null ||
    { echo 'no committed results: nothing was looked at'; exit 77; }
cd "$work" || exit 1

# ---- files -----------------------------------------------------------------------------------------------

# of_table: the table a file of a scale is of, nothing if it is of none.
of_table() {
    local suffix table
    for suffix in _claims.csv _curves.csv _runs.jsonl _caption.tex .csv .md .tex .svg; do
        table=${1%"$suffix"}
        [ "$table" != "$1" ] && [ -f "$configs/$table.yaml" ] && echo "$table" && return
    done
}
while read -r file; do
    folder=$(dirname "$file") name=$(basename "$file")
    table=$(of_table "$name")
    case $folder/$name in
        results/bench/* | results/detector/* | results/*-select/*.txt) ;;       # of other commands, named in docs/
        */provenance.json | */claims.md | */claims.csv | */report.html) ;;
        */datapackage.json | */ro-crate-metadata.json) ;;
        *) if [ -n "$table" ] && [ -f "$configs/scale/$(basename "$folder").yaml" ]; then
               echo "$folder $table" >>"$work/of"
           else
               fail "$file: nobody reads it"
           fi ;;
    esac
done < <(find results -type f | sort)
sort "$work/of" | uniq -c | while read -r n folder table; do
    [ "$n" -le 8 ] || echo "$folder: $n files of $table, 8 are enough"
done >"$work/many"
[ -s "$work/many" ] && fail "$(<"$work/many")"
while read -r folder table; do
    runs=$(find "$folder" -name "${table}_runs*" -o -name "${table}_curves*" | wc -l)
    [ "$runs" = 2 ] || fail "$folder/$table: $runs files of runs, not 2"
done < <(sort -u "$work/of")
[ -s "$work/of" ] || fail 'no table is committed'

# ---- by this code ----------------------------------------------------------------------------------------

# Nothing that README or another page shows is a stale program's: every committed run is of a code that this program
# counts as its own, itself or by equal_codes.txt.
"$simsiam" info | sed -n 's/^code  *\([0-9a-f]*\) of .*/\1/p' >own
[ -s own ] || fail 'the program does not say its codes'
awk 'NR == FNR { is[$1] = 1; next }
     /^[0-9a-f]+ [0-9a-f]+ / { a[++n] = $1; b[n] = $2 }
     END {
         do {
             grown = 0
             for (i = 1; i <= n; i++)
                 if ((a[i] in is) != (b[i] in is)) { is[a[i]] = is[b[i]] = 1; grown = 1 }
         } while (grown)
         for (code in is) print code
     }' own "$root/experiments/methods/equal_codes.txt" | sort >joined
for papers in results/*/provenance.json; do
    sed -n '/"code_hash": {/,/}/p; /"code_hash": "/p' "$papers" | grep -o '"[0-9a-f]\{64\}"' | tr -d '"' |
        sort -u >codes
    [ -s codes ] || fail "$papers: no code"
    comm -23 codes joined | sed "s|^|$papers has runs of a code that is not this program's: |"
done >stale
[ "${3:-}" = other ] || [ ! -s stale ] || fail "$(<stale)"

# ---- written again ---------------------------------------------------------------------------------------

cp -r results again
while read -r folder table; do
    runs=$folder/${table}_runs.jsonl
    seeds=$(sed -n 's/^{"row": "[^"]*", "seed": \([0-9]*\),.*/\1/p' "$runs" | sort -nu | tr '\n' ' ')
    # Of before epochs had an oscillation: kept as it is.
    head -n 1 "$runs" | grep -q '"schema": 1,' && continue
    said=$("$simsiam" table "$configs/$table.yaml" --scale "$(basename "$folder")" --rewrite \
        --seeds "$seeds" --results "again/$(dirname "${folder#results/}")" 2>&1 >out) ||
        fail "$folder $table: exit $?: $said"
    grep -vE '^wrote |^[^ ]+ seed [0-9]+: not run$' <<<"$said" >&2 && fail "$folder $table: $said"
    for file in "$table"{.csv,.md,.tex,_caption.tex,_claims.csv,_runs.jsonl,_curves.csv} provenance.json; do
        cmp "$folder/$file" "again/${folder#results/}/$file" ||
            fail "$folder/$file is not what its runs make"
    done
done < <(sort -u "$work/of")

# Of all tables of a scale: as many seeds as its first one shows.
for page in results/*/report.html; do
    folder=${page%/*}
    runs=("$folder"/*_runs.jsonl)
    seeds=$(sed -n 's/^{"row": "[^"]*", "seed": \([0-9]*\),.*/\1/p' "${runs[0]}" 2>/dev/null |
        sort -nu | tr '\n' ' ')
    "$simsiam" report --configs "$configs" --scale "${folder#results/}" --seeds "${seeds:-1 2 3}" \
        --from-results --results again >out 2>&1 || fail "$folder: report: $(tail -n 3 out)"
    for file in claims.md claims.csv report.html datapackage.json ro-crate-metadata.json; do
        cmp "$folder/$file" "again/${folder#results/}/$file" ||
            fail "$folder/$file is not what its tables make"
    done
done

[ $failed = 0 ] && echo 'test_results: as written'
exit $failed
