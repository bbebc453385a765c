#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_against.sh -- `simsiam table --against`: a rerun beside the committed table is the same, cannot
# be told apart, or is different, with what differs named.
#
# usage: test_against.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
. "$(dirname "$0")/seal.bash"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fig2=$configs/fig2_stopgrad.yaml

failed=0
fail() { echo "FAILED: $*"; failed=1; }
where=()                                       # the environment
# against STATUS WORDS DIR ARGUMENT...: `said` is stdout.
against() {
    said=$(env "${where[@]}" "$simsiam" table "$fig2" --scale test --seeds '1 2 3' --runs again \
        --against "$3" "${@:4}" 2>err)
    local status=$?
    [ $status = "$1" ] || fail "against $*: exit $status: $said $(<err)"
    if [ "$1" = 2 ]; then
        [ -z "$said" ] || fail "against $*: on stdout: $said"
        [[ $(<err) == *"$2"* ]] || fail "against $*: no \`$2\` in: $(<err)"
    else
        [[ $said == *"$2"* ]] || fail "against $*: no \`$2\` in: $said"
    fi
    [ ! -e results ] || fail "against $* wrote results/"
}
run() { "$simsiam" run "$fig2" --scale test --seeds "$1" --threads 1 --quiet --runs "$2" || fail "run: $?"; }
run '1 2 3' again
"$simsiam" table "$fig2" --scale test --seeds '1 2 3' --runs again --results 'the paper'"'"'s' >/dev/null 2>&1
there="the paper's/test"

against 0 'the same' "$there/"
grep -qE '^against .*: [6-9] of [6-9] runs that both have are equal to the last digit$' <<<"$said" ||
    fail "equal runs: $said"
if localedef -i de_DE -f UTF-8 "$work/de_DE.UTF-8" >/dev/null 2>&1; then       # where 0.5 is 0,5
    where=(LOCPATH="$work" LC_ALL=de_DE.UTF-8)
    against 0 'the same' "$there"
    where=()
fi
# Other instructions, other digits, and no difference that the seeds' spread does not have.
SIMSIAM_ISA=plain run '1 2 3' plain
said=$("$simsiam" table "$fig2" --scale test --runs plain --against "$there" 2>err) || fail "plain: $?: $said"
[[ $said == *'no difference found' ]] || cmp -s plain/*/seed-1/metrics.jsonl again/*/seed-1/metrics.jsonl ||
    [[ $said == *'the same' ]] || fail "plain: $said"

# edited SCRIPT: in `edited/test`, what is committed of runs, by sed.
edited() {
    rm -rf edited
    mkdir edited
    cp -r "$there" edited/
    unsealed edited/test/fig2_stopgrad_runs.jsonl
    cp edited/test/fig2_stopgrad_runs.jsonl unedited
    sed -i "$1" edited/test/fig2_stopgrad_runs.jsonl
    ! cmp -s unedited edited/test/fig2_stopgrad_runs.jsonl || fail "$1 changes nothing"
}
# A number that follows from no other: far off, and near.
edited '/"row": "with"/s/"linear": [0-9]/"linear": 9/'
against 3 'different' edited/test
grep -qE '^  with linear: [0-9.]+ here, 9[0-9]\.[0-9]+ there, more than [0-9.]+ apart$' <<<"$said" ||
    fail "far off: $said"
grep -qE ' 1 of 1[0-9] cells differ ' <<<"$said" || fail "cells: $said"
edited '/"seed": 2/s/"linear": \([0-9]*\)[0-9.]*/"linear": \1.01/'
against 0 'no difference found' edited/test
[[ $said == *' 0 of '*' cells differ '* ]] || fail "near: $said"
# A verdict that was decided otherwise.
edited '/"row": "with"/s/"linear": [0-9.]*/"linear": 1/; /"row": "without"/s/"linear": [0-9.]*/"linear": 99/'
against 3 'stopgrad-accuracy: ' edited/test
grep -qE '^  stopgrad-accuracy: (holds here, fails there: flipped|inconclusive here, fails there, which is no)' \
    <<<"$said" || fail "a flip: $said"

# Of two seeds nothing can be said but that they are the same.
"$simsiam" table "$fig2" --scale test --seeds '1 2' --runs again --results two >/dev/null 2>&1
against 0 'cannot tell' two/test
[[ $said == *'with: cannot tell: fewer than 3 seeds on a side'* ]] || fail "two seeds: $said"
said=$("$simsiam" table "$fig2" --scale test --seeds '1 2' --runs again --against two/test 2>err)
[[ $said == *'the same' ]] || fail "the same two seeds: $said"
unsealed two/test/fig2_stopgrad_runs.jsonl
sed -i 's/"linear": [0-9.]*/"linear": 3/' two/test/fig2_stopgrad_runs.jsonl
said=$("$simsiam" table "$fig2" --scale test --seeds '1 2' --runs again --against two/test 2>err) ||
    fail "two other seeds: exit $?"
[[ $said == *'cannot tell' ]] || fail "two other seeds: $said"

# What cannot be compared is named, and nothing is printed or written.
against 2 'nowhere/test/fig2_stopgrad_runs.jsonl: no run is committed there' nowhere/test
against 2 "--against $work: results of scale test are wanted" "$work"
edited '$s/.$//'
against 2 'edited/test/fig2_stopgrad_runs.jsonl is broken' edited/test
edited '/"row": "with", "seed": 1/s/"loss": -0\../"loss": -0.9/'
against 2 'edited/test/fig2_stopgrad_runs.jsonl is broken' edited/test
grep -q 'with seed 1 is broken, the last epoch' err || fail "a broken number is not named: $(<err)"
rm edited/test/fig2_stopgrad_curves.csv
against 2 'edited/test/fig2_stopgrad_runs.jsonl is broken' edited/test
edited 's/"momentum: 0.9"/"momentum: 0.8"/'
against 2 'fig2_stopgrad_runs.jsonl: row with is of other settings than scale test has here' edited/test
against 2 '--against writes nothing' "$there" --rewrite

[ $failed = 0 ] && echo 'test_against: as written'
exit $failed
