#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_plan.sh -- `simsiam plan`: which runs are needed, shared, done, left out; and that it makes none.
#
# usage: test_plan.sh SIMSIAM CONFIG_DIR [imagenet]
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fig2=$configs/fig2_stopgrad.yaml table1=$configs/table1_predictor.yaml alternation=$configs/alternation.yaml

failed=0
fail() { echo "FAILED: $*"; failed=1; }
# plan ARGUMENT...: runs it; out is its words with one space between them.
plan() {
    out=$("$simsiam" plan "$@" --scale test --runs runs --threads 1 --steps 1 2>err | tr -s ' ')
    what="simsiam plan $*"
    [ ! -s err ] || fail "$what: on stderr: $(<err)"
}
says() {             # says PATTERN...: each is a line's beginning
    local pattern
    for pattern in "$@"; do
        grep -qE "^$pattern" <<<"$out" || fail "$what: no line \`$pattern\` in:"$'\n'"$out"
    done
}
number='[0-9]+(\.[0-9]+)?'
cost="$number $number $number $number $number\$"

plan "$fig2" --seeds "1 2"
says "with 2 2 $cost" "without 2 2 $cost" \
    "untrained 2 2 $cost" "6 distinct runs, 0 done, 6 left: about $number MiB of disk and $number minutes"
[ ! -e runs ] || fail "$what: made $(find runs)"

# A row of both tables is one run, at its first place, whatever the order and the number of jobs.
plan "$fig2" "$table1" --seeds "1 2" --jobs 3
says fig2_stopgrad "with 2 2 $cost" table1_predictor "baseline the runs of fig2_stopgrad/with" "none 2 2 $cost" \
    "14 distinct runs, 0 done, 14 left: .* with 3 at a time"
plan "$table1" "$fig2" --seeds 1
says "with the runs of table1_predictor/baseline" "7 distinct runs, 0 done, 7 left"

plan "$alternation" --seeds 1
says "1 1 1 $cost" "100 not run: an epoch has 8 steps here" "epoch 1 1 $cost" "3 distinct runs, 0 done"

"$simsiam" run "$fig2" --row with --scale test --seeds 1 --runs runs --threads 1 --quiet ||
    fail "the run ended with $?"
before=$(find runs -type f -printf '%p %T@ %s\n' | sort)
plan "$fig2" "$table1" --seeds "1 2"
says "with 2 1 $cost" "without 2 2 $cost" "14 distinct runs, 1 done, 13 left"
[ "$before" = "$(find runs -type f -printf '%p %T@ %s\n' | sort)" ] || fail "$what: changed something in runs/"

# What a method keeps is in a run's memory, and twice on disk: 65,536 keys of 32 numbers are 8 MiB.
mkdir own
ln -s "$configs"/* own
cat >own/queue.yaml <<'END'
method: moco
predictor: []
bn_splits: 2
rows: [{ name: short, queue: 64 }, { name: long, queue: 65536 }]
END
plan own/queue.yaml --seeds 1
says "short 1 1 $cost" "long 1 1 $cost"
awk '$1 == "short" { memory = $6; disk = $7 }
     $1 == "long" { found = $6 - memory > 7 && $6 - memory < 10 && $7 - disk > 15.5 && $7 - disk < 16.5 }
     END { exit !found }' <<<"$out" || fail "$what: a queue of 8 MiB is not in:"$'\n'"$out"

# The paper's own run: planned from a part of a step, without its data, and said to belong elsewhere.
if [ "${3:-}" = imagenet ]; then
    out=$("$simsiam" plan "$configs/fig2_stopgrad.yaml" --scale imagenet --seeds 1 --runs runs 2>err | tr -s ' ')
    what="simsiam plan --scale imagenet"
    [ ! -s err ] || fail "$what: on stderr: $(<err)"
    says "with 1 1 $cost" "without 1 1 $cost" "3 distinct runs, 0 done, 3 left" \
        "a step is too long to be made here" "imagenet should run on 8 GPUs"
fi

for wrong in "--jobs 0" "--steps 0"; do
    "$simsiam" plan "$fig2" --scale test $wrong >out 2>err
    [ $? = 2 ] && grep -q -- "${wrong% 0}" err || fail "plan $wrong: not refused: $(<err)"
done

[ $failed = 0 ] && echo 'plan: in order'
exit $failed
