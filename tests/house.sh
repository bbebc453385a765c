#!/bin/bash
# SPDX-License-Identifier: MIT
#
# house.sh -- the rules of STYLE.md that a compiler cannot check.  Needs nothing but the sources.
set -u
export LC_ALL=C
shopt -s nullglob lastpipe
cd "$(dirname "$0")/.." || exit 1

bad=0
# complain RULE: the lines on standard input break it.
complain() {
    local found
    found=$(sed 's/^/    /')
    [ -z "$found" ] && return
    printf 'house: %s\n%s\n' "$1" "$found"
    bad=1
}
# includes PATTERN FILE...: the #include lines whose name begins like the pattern.
includes() { grep -nHE "^#[[:space:]]*include[[:space:]]*[<\"]($1)" "${@:2}"; }

detector=(engine/collapse/*.[ch])
engine=(engine/*.[ch] engine/comm/*.[ch] "${detector[@]}")
machines=(engine/cpu/*.[ch] engine/cuda/*.[ch] engine/cuda/*.cu)
experiments=(experiments/*/*.[ch])
code=("${engine[@]}" "${machines[@]}" "${experiments[@]}" tests/*.[ch] tests/fuzz/*.[ch] tests/cuda/*.c
    tests/cuda/*/*.[ch] tests/cuda/*/*.cu)
scripts=(CMakeLists.txt reproduce.sh .ci/* .packaging/Dockerfile* .packaging/make_source .github/workflows/*.yml
    docs/*.sh
    engine/*.cmake engine/cuda/*.cmake engine/cuda/*.sh experiments/*/*.sh experiments/*/*/*.sh plots/*
    engine/collapse/python/*.py engine/collapse/python/*/*.py docs/*.py
    tests/*.sh tests/*.py tests/fuzz/*.sh tests/cuda/*.cmake tests/cuda/*.sh tests/golden/*.py)
configs=(configs/*.yaml configs/scale/*.yaml)
sources=("${code[@]}" "${scripts[@]}" "${configs[@]}" Makefile.repro)
prose=(./*.md docs/*.md)

# ---- the machine ---------------------------------------------------------------------------------------

ops() { grep -oE '\b(op|mem|machine)_[a-z0-9_]+\(' | tr -d '(' | sort -u; }
promised=$(grep -E '^[a-z].*;|^[a-z].*,$' engine/ops.h | ops)
for machine in engine/cpu engine/cuda; do
    files=("$machine"/*.c "$machine"/*.cu)
    [ ${#files[@]} = 0 ] && continue
    # A definition starts in column 0 and has no semicolon behind it.
    kept=$(grep -hE '^[a-z][^;=]*\([^;]*$' "${files[@]}" | grep -v '^static' | ops)
    comm -23 <(echo "$promised") <(echo "$kept") | complain "in engine/ops.h, but not in $machine"
    comm -13 <(echo "$promised") <(echo "$kept") | complain "in $machine, but not in engine/ops.h"
done

includes 'cblas|openblas|cuda|cudnn|cublas|nccl' "${engine[@]}" "${experiments[@]}" |
    complain 'a machine is seen above engine/ops.h'
includes 'mpi\.h' "${code[@]}" | grep -v '^engine/comm/mpi\.c:' | complain 'MPI outside engine/comm/mpi.c'
includes '([^"]*/)?(calls|shared)\.h' "${code[@]}" | grep -v '^engine/comm/' |
    complain 'what is behind engine/comm.h is seen outside engine/comm/'
includes '\.\./' engine/comm/*.[ch] | grep -vE '"\.\./(ops|base|comm)\.h"' |
    complain 'engine/comm/ sees more of the engine than ops.h and base.h'
includes 'lapack' "${code[@]}" | grep -v '^engine/spectrum\.c:' | complain 'LAPACK outside engine/spectrum.c'
grep -nHE '^[[:space:]]*#[[:space:]]*(pragma omp|include <omp)' "${engine[@]}" "${experiments[@]}" |
    grep -v '^engine/base\.c:' | complain 'OpenMP above engine/ops.h, outside engine/base.c: each_parallel()'
includes '\.\./' "${machines[@]}" | grep -vE '"\.\./(ops|base|augment|philox)\.h"' |
    complain 'a machine sees what is above it'
includes '.*experiments/' "${engine[@]}" "${machines[@]}" | complain 'engine/ includes experiments/'
includes '.*tests/' "${code[@]}" | complain 'tests/ is included'
grep -nHE '^#[[:space:]]*include[[:space:]]*"' "${detector[@]}" | grep -vE '"(detector|simsiam_collapse)\.h"' |
    complain 'the detector is a library of its own: it sees no file of the rest'
# One direction: a room includes only itself, rooms to its right, and the engine.
rooms=(commands pages suite run methods)
for ((i = 0; i < ${#rooms[@]}; i++)); do
    for ((j = 0; j < i; j++)); do
        includes "\.\./${rooms[j]}/" experiments/"${rooms[i]}"/*.[ch]
    done
done | complain 'a room of experiments/ includes one to its left: commands, pages, suite, run, methods'
printf '%s\n' "${code[@]}" "${scripts[@]}" | sed 's,.*/,,' | sort | uniq -d |
    complain 'a file name that stands twice'
grep -nHiE '^#[[:space:]]*(if|elif).*(cuda|backend)' engine/*.c "${experiments[@]}" |
    complain 'a machine chosen by #if: CMake chooses'

# One table of numbers: their names are typed in no other, but where they are a format of its own for strangers
# (docs/check.schema.json), which must not change when ours do.
measured=$(grep -oE '(EPOCH|RUN)\([a-z_]+\),' experiments/run/measures.c | sed 's/.*(//; s/),//' | tr '\n' '|')
for file in "${experiments[@]}"; do
    [[ $file == experiments/run/measures.c || $file == experiments/commands/subject*.c ]] && continue
    typed=$(grep -oE "\"(${measured%|})(_mean|_std)?\"" "$file" | sed -E 's/(_mean|_std)?"$//' | sort -u | wc -l)
    [ "$typed" -lt 3 ] || echo "$file: $typed names"
done | complain 'a list of numbers beside experiments/run/measures.c'

# ---- the look ------------------------------------------------------------------------------------------

for file in "${code[@]}" "${scripts[@]}" Makefile.repro; do
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file"
done | complain 'no SPDX line at the top'
grep -nHP '\t' "${code[@]}" "${scripts[@]}" "${configs[@]}" | complain 'a tab'
grep -nHE '[[:space:]]+$' "${sources[@]}" | complain 'space at the end of a line'
awk 'length > 116 { print FILENAME ":" FNR ": " length " columns" }' "${sources[@]}" | complain 'over 116 columns'
# Of each folder's C, at most one line in twenty is over 100 columns.
awk 'FNR == 1 { folder = FILENAME; sub(/\/[^\/]*$/, "", folder) }
     { lines[folder]++; over[folder] += length > 100 }
     END { for (f in lines) if (over[f] * 20 > lines[f]) print f ": " over[f] " of " lines[f] " lines" }' \
    "${code[@]}" | complain 'over 100 columns, more than one line in twenty'
# What stands in (), [] and {}, in strings and in comments is taken away; two words in a row declare.
awk 'FNR == 1 { before = ";" }
     /^[[:space:]]*$/ || /^ *\/?\*/ || /^#/ { next }
     {
         line = $0
         sub(/ *\\$/, "", line)
         gsub(/\\./, "", line)
         gsub(/"[^"]*"/, "", line)
         gsub(/'\''[^'\'']*'\''/, "", line)
         gsub(/ *\/\*.*/, "", line)
         starts = before ~ /([;{}:]|else|do)$/ || before ~ /^ *(if|for|while) .*\)$/
         before = line
         gsub(/<[A-Za-z0-9_]+(, *[A-Za-z0-9_]+)*>/, "", line)
         while (gsub(/\([^()]*\)|\[[^][]*\]|\{[^{}]*\}/, "@", line)) ;
         for (last = ""; line != last; ) {
             last = line
             sub(/^ *(} *)?(else +|do +|if @ *|for @ *|while @ *|case [^:]*: *|\{ *)/, "", line)
         }
         if (starts && line ~ /,.*;$/ && line !~ /^ *return/ &&
             line ~ /^ *[*@+-]*[A-Za-z_][A-Za-z_0-9.@>-]*( [-+*\/%|&^]?=| <<=| >>=|,|;)/)
             print FILENAME ":" FNR ": " $0
     }' "${code[@]}" | complain 'two statements joined by a comma'
# A first header of the project may stand before those of the system: the file's own, or a test's.
awk 'FNR == 1 { n = 0; last = 0; open = 1 }
     /^#if|^[a-z_A-Z]/ { open = 0 }
     open && /^#include/ {
         n++
         rank = $2 ~ /^</ ? 1 : 2 + gsub(/\.\.\//, "&", $2)
         if ($2 ~ /"(code_hash|build_info)\.h"/) rank = 9
         if (rank < last) print FILENAME ":" FNR ": " $0
         last = n == 1 && rank > 1 ? 0 : rank
     }' "${code[@]}" | complain 'includes: own header, system, project with the nearest first, generated last'
# From a brace in column 0 to a brace in column 0.
awk '/^\{/ { start = FNR }
     /^\}/ { if (start && FNR - start > 81) print FILENAME ":" start ": " FNR - start - 1 " lines"; start = 0 }' \
    "${code[@]}" | complain 'a function of over 80 lines'
# The patterns are split, or this file would find itself.
grep -nHE '\b(TO''DO|FIX''ME|XX''X)\b' "${sources[@]}" "${prose[@]}" | complain 'something left to do'
grep -nHE '\.\./sha''red|/ho''me/[a-z]|/ro''ot/' "${sources[@]}" "${prose[@]}" |
    complain "a path of somebody's machine"

# A comma is a decimal point in half of the world's locales, and no order of letters is everybody's.
for file in .ci/* docs/*.sh engine/*/*.sh experiments/*/*.sh experiments/*/*/*.sh plots/*.sh \
            tests/*.sh tests/*/*.sh; do
    ! grep -qE '\b(awk|sort|comm)\b|printf.*%[0-9.]*[efg]' "$file" ||
        grep -q '^export LC_ALL=C' "$file" || echo "$file"
done | complain 'awk, sort or decimals without LC_ALL=C'

# ---- nothing lies about unnamed ------------------------------------------------------------------------

for file in "${engine[@]}" "${machines[@]}" "${experiments[@]}"; do
    grep -qE "(^|[ (])$file([ )]|\$)" CMakeLists.txt || echo "$file"
done | complain 'not named in CMakeLists.txt'
run=" $(tr '\n' ' ' <CMakeLists.txt |
    grep -oE '\b((cmocka|collapse)_tests|shell_test|add_test)\([^)]*\)' | tr '()\n' '   ') "
for file in tests/test_*.c tests/*.sh; do
    name=${file#tests/} name=${name%.c}
    [[ $name == *.sh ]] || name=${name#test_}
    [[ $run == *" $name "* ]] || echo "$file"
done | complain 'a test that CMakeLists.txt does not run'
for file in configs/*.yaml; do
    name=$(basename "$file" .yaml)
    [ "$name" = paper ] || grep -q '^target: ' "$file" || grep -v '^#' Makefile.repro | grep -qwF "$name" ||
        echo "$file"
done | complain 'an experiment without a target, of its own or in Makefile.repro'
for file in configs/scale/*.yaml; do
    grep -qF "\`$(basename "$file" .yaml)\`" docs/scales.md || echo "$file"
done | complain 'a scale that docs/scales.md does not name'

# ---- README and docs/ ----------------------------------------------------------------------------------

# Numbers and verdicts in their tables are lines of committed results, not a memory of them.  As committed: a user's
# own run of other seeds rewrites results/ and breaks no rule.
committed=$(git ls-files -z 'results/*.md' 2>/dev/null | sed -z 's/^/HEAD:/' | xargs -0 -r git show 2>/dev/null)
[ -z "$committed" ] ||
    grep -nE '^\|.*( ± |\| (holds|fails|mixed|inconclusive|not run) \|( [0-9]|$))' README.md docs/*.md |
    while IFS=: read -r page number line; do
        grep -qxF -- "$line" <<<"$committed" || echo "$page:$number: $line"
    done | complain 'not in the committed results/'
# So is how many statements have each verdict.
counted=$(git show HEAD:results/quick/claims.md 2>/dev/null | sed -n '3s/,//gp' | sed -n 's/ 0 mixed//p' |
    while read -r all _ holds _ fails _ open _ none _; do
        echo "$holds of $all statements hold, $fails fail, $open are inconclusive and $none not run"
    done)
[ -z "$committed" ] || tr '\n' ' ' <README.md | grep -qF -- "${counted:-no such line}" || echo "$counted" |
    complain 'README counts other verdicts than results/quick/claims.md'
[ "$(wc -l <README.md)" -le 200 ] || complain 'README has over 200 lines; the rest is for docs/' <<<README.md

# A link leads to what is there, an anchor to a heading of that page; whole pages are to be found from README.
anchors() {          # anchors PAGE: of its headings, as GitHub makes them
    sed -n '/^```/,/^```/!s/^##* //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'
}
for page in "${prose[@]}" engine/*/NOTES.md; do
    grep -oE '\]\([^) ]+' "$page" | cut -c 3- | grep -v '^https\{0,1\}:' | sort -u | while read -r link; do
        place=$(dirname "$page")/${link%%#*}
        [ -n "${link%%#*}" ] || place=$page
        [ -e "$place" ] || echo "$page: $link"
        [[ $link != *'#'* ]] || anchors "$place" 2>/dev/null | grep -qxF -- "${link#*#}" || echo "$page: $link"
    done
done | complain 'a link to nothing'
for page in docs/*.md; do
    grep -qF "]($page)" README.md || echo "$page"
done | complain 'a page to which README has no link'

# The difference of two methods stands in docs/ as it is.
shown=$(sed -n '/^```diff$/,/^```$/p' docs/source.md | sed '1d; $d')
diff experiments/methods/simsiam.c experiments/methods/byol.c | diff - <(echo "$shown") |
    complain 'docs/source.md shows another difference of simsiam.c and byol.c than there is'

[ $bad = 0 ] && echo 'house: in order'
exit $bad
