#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_imagenet.sh -- the paper's own net and recipe on a folder of images: some steps of SCALE=imagenet, a stop
# between two of them, monitors, and the probe by LARS.
#
# usage: test_imagenet.sh SIMSIAM CONFIG_DIR
#
# Counts, batch and passes are overridden; the net, the image size and every rate are the scale's own.
#
# And some steps of each other system by its own recipe, on small images made in code, with what is cut said.
set -u
export LC_ALL=C

simsiam=$(realpath "$1")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp -r "$2" "$work/configs"
cd "$work" || exit 1
export DATA=$work/data
fail() { echo "test_imagenet.sh: $*" >&2; exit 1; }

seed=0
for at in train/{cat,dog}/{1..6} val/{cat,dog}/{1,2}; do
    mkdir -p "$DATA/imagenet/${at%/*}"
    "$simsiam" data views synthetic --out "$DATA/imagenet/$at.png" --size 150 --images 2 --views 1 \
        --seed $((++seed)) || fail 'cannot draw images'
done
cat >configs/x.yaml <<'YAML'
train_count: 6
monitor_count: 4
batch: 2
epochs: 1
knn_every: 1
knn_k: 3
probe_epochs: 1
probe_batch: 4
rows:
  - { name: with, stop_grad: true }
YAML
run=("$simsiam" run configs/x.yaml --scale imagenet --seeds 1 --threads 1 --checkpoint-seconds 0 --runs)

"${run[@]}" calm 2>err || fail "the run ends with $?"
of=(calm/*/seed-1)
for line in 'image_size: 224' 'block: bottleneck' 'blocks: \[3, 4, 6, 3\]' 'dim: 2048' 'probe_optimizer: lars'; do
    grep -qx "$line" "${of[0]}/config.yaml" || fail "no line $line in the run's config"
done
grep -q -E '"epoch":1,"loss":-?[0-9]' "${of[0]}/metrics.jsonl" || fail "no loss: $(<"${of[0]}/metrics.jsonl")"
grep -qE '"linear": [0-9]' "${of[0]}/summary.json" || fail "no probe: $(<"${of[0]}/summary.json")"

# The first checkpoint is the untrained net's; a step that is under way then is finished before the stop.
"${run[@]}" stopped 2>err &
for _ in {1..1200}; do [ -s stopped/*/seed-1/checkpoint.bin.prev ] && break; sleep 0.05; done
kill -TERM $!
wait $!
status=$?
[ $status = 75 ] || fail "TERM after the first step: $status"
grep -q 'stopped at epoch 0 step [12];' err || fail "not stopped between two steps: $(<err)"
"${run[@]}" stopped 2>err || fail "the same command ends with $?"
is=(stopped/*/seed-1)
for file in metrics.jsonl checkpoint.bin summary.json; do
    cmp "${of[0]}/$file" "${is[0]}/$file" || fail "$file differs after a stop"
done
sed -i 's/^image_size: 224$/image_size: 64/' configs/scale/imagenet.yaml
while read -r row cut; do
    "$simsiam" bench configs/table4_linear.yaml --row "$row" --scale imagenet --batch 4 --synthetic --repeats 1 \
        --precision fp32 --brief >out 2>err || fail "steps of $row end with $?: $(<err)"
    grep -qE '^fp32 simsiam [0-9.]+ ' out || fail "no time of a step of $row: $(<out)"
    [ "$(<err)" = "made smaller for this machine: $cut" ] || fail "of $row is said: $(<err)"
done <<'END'
simclr-100 batch: 4 of 4096
moco-100 batch: 4 of 256, bn_splits: 2 of 8
byol-100 batch: 4 of 4096
swav-100 batch: 4 of 4096
END

echo "3 steps of ResNet-50 at 224 x 224, once in one go and once stopped: the same bytes"
