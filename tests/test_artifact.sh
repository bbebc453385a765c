#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_artifact.sh -- docs/ARTIFACT.md has every statement of the paper with the command that decides it and a
# result that is there; what is cited is this version.
#
# usage: test_artifact.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2") root=$(realpath "$(dirname "$0")/..")
cd "$root" || exit 1

failed=0
fail() { echo "FAILED: $*"; failed=1; }

# ---- claims ------------------------------------------------------------------------------------------------

claims=$(grep -E '^\| `[a-z0-9-]+` \| ' docs/ARTIFACT.md | sed 's/^| `\([a-z0-9-]*\)`.*/\1/')
diff <(sed -n 's/^\([a-z0-9-]*\):$/\1/p' "$configs/paper.yaml") <(echo "$claims") >/dev/null ||
    fail "statements of paper.yaml, and of docs/ARTIFACT.md: $(diff <(sed -n 's/^\([a-z0-9-]*\):$/\1/p' \
        "$configs/paper.yaml") <(echo "$claims"))"
while read -r id table; do
    line=$(grep "^| \`$id\` | " docs/ARTIFACT.md)
    if [ ! -f "$configs/$table.yaml" ]; then
        [[ $line == *'| not run | - | - |'* ]] || fail "$id: there is no table $table: $line"
        continue
    fi
    target=$(sed -n 's/^target: *\([a-z-]*\).*/\1/p' "$configs/$table.yaml")
    [[ $line == *"| \`table-$target\` | "* ]] || fail "$id: not by table-$target: $line"
    [[ $line =~ \|\ [0-9]+\ \|\ [0-9]+\ \|\ \`${table}_claims.csv\`\ \|$ ]] ||
        fail "$id: no minutes, MB and result: $line"
    [ -f "results/quick/${table}_claims.csv" ] || fail "$id: no results/quick/${table}_claims.csv"
done < <(awk '/^[a-z0-9-]+:$/ { id = substr($1, 1, length($1) - 1) } $1 == "table:" { print id, $2 }' \
    "$configs/paper.yaml")
"$simsiam" list --configs "$configs" --only names | while read -r table; do
    grep -q "\`${table}_claims.csv\`" docs/ARTIFACT.md || echo "$table"
done | { ! grep . ; } || fail 'a table of which ARTIFACT.md has no claim'

# ---- links, commands, citation -----------------------------------------------------------------------------

grep -ohE '\]\([^)#]+' docs/{ARTIFACT,metrics,weights}.md | sed 's/^](//' | grep -v '^https\{0,1\}:' |
    while read -r link; do [ -e "docs/$link" ] || echo "$link"; done | { ! grep . ; } || fail 'a link to nothing'
goals=$(make -f Makefile.repro help)
grep -oE 'make -f Makefile.repro [a-z -]+' docs/ARTIFACT.md | sed 's/.*repro //' | tr ' ' '\n' | grep . | sort -u |
    while read -r goal; do
        grep -qE "^  $goal( |$)" <<<"$goals" || grep -qE "^$goal:" Makefile.repro || echo "$goal"
    done | { ! grep . ; } || fail 'a target that is none'
[ "$(wc -l <reproduce.sh)" = 3 ] || fail 'reproduce.sh has not three lines'
said=$(sh reproduce.sh -n SCALE=nosuch 2>&1) && fail "reproduce.sh does not end as make does: $said"
[[ $said == *'SCALE=nosuch is not one of'* ]] || fail "reproduce.sh hands nothing on: $said"
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
day=$(sed -n 's/^set(RELEASED \([0-9-]*\)).*/\1/p' CMakeLists.txt)
grep -qx "version: $version" CITATION.cff || fail "CITATION.cff is not of version $version"
grep -qx "date-released: $day" CITATION.cff || fail "CITATION.cff is not of $day"

[ $failed = 0 ] && echo 'test_artifact: as written'
exit $failed
