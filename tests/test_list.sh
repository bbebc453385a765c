#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_list.sh -- which tables there are is said once, in configs/: the program, make and docs/ say
# the same.
#
# usage: test_list.sh SIMSIAM
set -u
export LC_ALL=C

simsiam=$(realpath "$1") root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$root" || exit 1

failed=0
fail() { echo "FAILED: $*"; failed=1; }
# same WHAT ONE OTHER
same() { [ "$2" = "$3" ] || fail "$1:"$'\n'"$(diff <(echo "$2") <(echo "$3"))"; }

targets=$("$simsiam" list --only targets)
same 'targets are those of the files' "$(sort <<<"$targets")" \
    "$(sed -n 's/^target: //p' configs/*.yaml | sort)"
same 'tables run in the order of turn' "$targets" \
    "$(grep -H '^turn: ' configs/*.yaml | sed 's/^\(.*\):turn: \([0-9]*\).*/\2 \1/' | sort -n |
        while read -r _ file; do sed -n 's/^target: //p' "$file"; done)"
[ "$(head -n 1 <<<"$targets")" = stopgrad ] || fail "the first table is not Figure 2's"
same 'the report has the order of the paper' "$("$simsiam" list --paper --only names)" \
    "$(grep -H '^order: ' configs/*.yaml | sed 's,^configs/\(.*\)\.yaml:order: \([0-9]*\).*,\2 \1,' | sort -n |
        cut -d ' ' -f 2)"
for target in $targets; do
    [ "$(sed -n 's/^target: //p' "$("$simsiam" list "$target" --only files)")" = "$target" ] ||
        fail "the file of $target is not its own"
done
[ "$("$simsiam" list dim --only names)" = output_dim ] || fail 'the name of dim is not its file'"'"'s'

# make lists them before there is a program, with the same words.
said=$(make -f Makefile.repro help | sed -n 's/^  table-\([^ ]*\) *\(.*\)/\1 \2/p')
same 'make help' "$said" "$("$simsiam" list | sed 's/^\([^ ]*\) .*\.yaml  *[0-9]* */\1 /')"
made=$(make -n -f Makefile.repro tables SCALE=test 2>&1 |
    sed -n 's/.*list \([^ ]*\) --only names.*/\1/p')
same 'make tables' "$made" "$targets"

# README and docs/ name each, and none that there is not.
same 'README and docs/' "$(grep -ohE '\btable-[a-z0-9-]+' README.md docs/*.md | sed 's/^table-//' | sort -u)" \
    "$(sort <<<"$targets")"

# ---- mistakes ------------------------------------------------------------------------------------------

# refused PATTERN ARGUMENT...: exit 2, nothing on stdout, and the pattern on stderr.
refused() {
    "$simsiam" list "${@:2}" >"$work/out" 2>"$work/err"
    [ $? = 2 ] || fail "list ${*:2}: not exit 2"
    [ ! -s "$work/out" ] || fail "list ${*:2}: on stdout: $(<"$work/out")"
    grep -qE -- "$1" "$work/err" || fail "list ${*:2}: no \`$1\` in: $(<"$work/err")"
}
refused 'did you mean `stopgrad`' stopgrat
refused 'did you mean targets' --only target
refused 'cannot list .*nowhere' --configs "$work/nowhere"
# wrong PATTERN LINE...: the lines are a table's head beside good ones.
wrong() {
    rm -rf "$work/configs"
    mkdir "$work/configs"
    printf 'target: a\norder: 1\nturn: 1\ncost: none\nrows:\n  - { name: x }\n' >"$work/configs/a.yaml"
    printf 'rows:\n  - { name: x }\n' >"$work/configs/check.yaml"
    [ $# = 1 ] || printf '%s\n' "${@:2}" >"$work/configs/b.yaml"
    [ -z "$1" ] || refused "$1" --configs "$work/configs"
}
wrong ''
[ "$("$simsiam" list --configs "$work/configs" --only targets)" = a ] ||
    fail 'an experiment without a target is listed'
wrong 'b.yaml:1:9: target: a.yaml has the same' 'target: a' 'order: 2' 'turn: 2' 'cost: none'
wrong 'b.yaml:2:8: order: a.yaml has the same' 'target: b' 'order: 1' 'turn: 2' 'cost: none'
wrong 'b.yaml:3:7: turn: a.yaml has the same' 'target: b' 'order: 2' 'turn: 1' 'cost: none'
wrong 'b.yaml:1:9: .*there is no turn' 'target: b' 'order: 2' 'cost: none'
wrong 'b.yaml:1:9: target: .*small letters' 'target: "b c"' 'order: 2' 'turn: 2' 'cost: none'
wrong 'b.yaml:2:8: order' 'target: b' 'order: first' 'turn: 2' 'cost: none'

[ $failed = 0 ] && echo 'test_list: as written'
exit $failed
