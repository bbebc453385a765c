#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ranks.sh -- a run on any number of processes ends in the bytes of one: every method, asymmetric and averaged rows,
# fp32 and bf16, on 1, 2 and 4 processes of 1 and 2 threads; stopped and gone on with by another number of them.  A
# process that dies or hangs ends the others, and is named; a mistake is said once, before anything is written.
#
# usage: ranks.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
work=$(mktemp -d) || exit 1
held=()              # processes that are stopped: nobody else would end them
trap 'kill -KILL "${held[@]}" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() { echo "ranks.sh: $*" >&2; exit 1; }
ln -s "$configs"/* .

cat >shards.yaml <<'END'
shards: 4
rows:
- { name: symmetric }
- { name: asymmetric, pairs: [[0, 1]], precision: bf16 }
- { name: two-pairs, pairs: [[0, 2], [1, 3]] }
- { name: no-stop, pairs: [[0, 1]], stop_grad: false, expectation_views: 2 }
- { name: average, predictor: [], eta: average, precision: bf16 }
- { name: cache, eta: cache, eta_every: 2 }
- { name: entropy, distance: cross_entropy, precision: bf16 }
- { name: byol, method: byol, optimizer: lars-byol, lr_schedule: step }
- { name: simclr, method: simclr, predictor: [], stop_grad: false, precision: bf16 }
- { name: predicted, method: simclr, joint_bn: false }
- { name: moco, method: moco, predictor: [], queue: 128, bn_splits: 4 }
- { name: one-way, method: moco, predictor: [], queue: 128, bn_splits: 1, pairs: [[0, 1]], precision: bf16 }
- { name: swav, method: swav, predictor: [], prototypes: 16, queue: 64, queue_from: 1 }
- { name: swav-h, method: swav, prototypes: 16, predictor: [fc 16], precision: bf16 }
- { name: flow, method: swav, predictor: [], prototypes: 16, stop_grad: false, prototype_norm: in-gradient }
END
sed 's/^shards: 4/shards: 8/' shards.yaml >eight.yaml
sed 's/^epochs: .*/epochs: 40/; s/^knn_every: .*/knn_every: 20/' scale/test.yaml >long.yaml

run() {              # run ROW RUNS OPTION...
    local row=$1 runs=$2
    shift 2
    "$simsiam" run shards.yaml --row "$row" --scale "$scale" --seeds 1 --runs "$runs" --quiet "$@"
}
bytes() { cat "$1"/*/seed-1/{metrics.jsonl,checkpoint.bin,summary.json} | sha256sum; }

# ---- the same bytes --------------------------------------------------------------------------------------

scale=test
for row in $(sed -n 's/^- { name: \([a-z-]*\).*/\1/p' shards.yaml); do
    for way in 1x1 1x2 2x1 4x1 4x2; do
        run "$row" "$row-$way" --ranks "${way%x*}" --threads "${way#*x}" || fail "$row on $way: $?"
        [ "$(bytes "$row-$way")" = "$(bytes "$row-1x1")" ] || fail "$row: other bytes on $way than on 1x1"
    done
done

# ---- stopped, and gone on with by others -----------------------------------------------------------------

scale=long
run symmetric calm --threads 1 || fail "the undisturbed run: $?"
status=75 stops=0
for ranks in 4 2 1 4 1 2 2 4; do
    run symmetric stopped --ranks $ranks --threads 1 &
    sleep 0.$((RANDOM % 4 + 3))
    kill -USR1 $! 2>/dev/null
    wait $!
    status=$?
    case $status in
    75) stops=$((stops + 1)) ;;
    0) break ;;
    *) fail "stopped on $ranks processes: $status" ;;
    esac
done
[ $stops -gt 0 ] || fail 'no stop came in time'
[ $status = 0 ] || run symmetric stopped --ranks 2 --threads 1 || fail "going on: $?"
[ "$(bytes stopped)" = "$(bytes calm)" ] || fail "other bytes after $stops stops"

# ---- one that dies, or hangs -----------------------------------------------------------------------------

for signal in KILL STOP; do
    run symmetric "lost-$signal" --ranks 2 --threads 1 --patience 2 2>said &
    launcher=$!
    for ((i = 0; i < 100; i++)); do
        [ -s "$(echo "lost-$signal"/*/seed-1/metrics.jsonl)" ] && break
        sleep 0.05
    done
    lost=$(pgrep -P $launcher | tail -1)
    held+=("$lost")
    kill -$signal "$lost" || fail "no second process to lose"
    began=$SECONDS
    wait $launcher
    status=$?
    [ $status = 1 ] || fail "one lost by $signal: $status: $(cat said)"
    [ $((SECONDS - began)) -le 5 ] || fail "$signal: waited for $((SECONDS - began)) s"
    grep -q 'rank 1' said || fail "$signal: nobody says which: $(cat said)"
    held=()
    run symmetric "lost-$signal" --ranks 4 --threads 1 || fail "going on after $signal: $?"
    [ "$(bytes "lost-$signal")" = "$(bytes calm)" ] || fail "other bytes after $signal"
done

# ---- mistakes --------------------------------------------------------------------------------------------

scale=test
said() {             # said MESSAGE FILE OPTION...
    local message=$1 file=$2
    shift 2
    "$simsiam" run "$file" --scale test --seeds 1 --runs none --quiet "$@" 2>said
    local status=$?
    [ $status = 2 ] || fail "$*: $status instead of 2"
    [ "$(grep -c "$message" said)" = 1 ] || fail "$*: said $(cat said)"
    [ ! -e none ] || fail "$*: something is written"
}
said 'eight/symmetric: shards: 8 on 6 processes: take 1, 2, 4 or 8$' eight.yaml --row symmetric --ranks 6
said 'shards: 4 on 8 processes: take 1, 2 or 4$' shards.yaml --row symmetric --ranks 8
said 'bn_splits: 4 on 8 processes' eight.yaml --row moco --ranks 8
said 'several runs, or several processes of one' shards.yaml --ranks 2 --jobs 2
said 'ranks -1: 0 or more' shards.yaml --ranks -1
