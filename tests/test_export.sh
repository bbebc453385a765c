#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_export.sh -- `simsiam export` and `eval --from FILE.safetensors`: what goes out comes back with the same
# accuracies, other programs' readers open it, and what is wrong is named.
#
# Where SIMSIAM_RESNET20 names the public ResNet-20 of configs/resnet20.yaml, its published accuracy is met.
#
# usage: test_export.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

. "$here/given.bash"

# ---- out and back ------------------------------------------------------------------------------------------

ln -s "$configs"/* .
printf '%s\n' 'rows:' '  - { name: one }' '  - { name: wider, dim: 24 }' \
    '  - { name: other, pixel_mean: [0.4, 0.4, 0.4], pixel_std: [0.3, 0.2, 0.2] }' >x.yaml
given run x.yaml --row one --scale test --seeds 1 --threads 1 --quiet; ends 0
run=(runs/*/seed-1)
given export "${run[0]}" --to one.safetensors; ends 0 'one.safetensors: ' 'tensors of run '
given export "${run[0]}" --to 'tw o.safetensors' --for torchvision; ends 0
given export "${run[0]}" --to one.pkl --for detectron2; ends 0
pickled=${out#*: } pickled=${pickled%% *}
kinds='res[0-9.]*conv[0-9].weight\|stem.conv1.weight\|shortcut.weight\|norm.[a-z_]*'
[ "$(grep -ao "$kinds" one.pkl | wc -l)" = "$pickled" ] ||
    fail "$pickled tensors are said to be in the pickle"
cp one.safetensors before
given export "${run[0]}" --to one.safetensors; ends 0
cmp -s one.safetensors before || fail 'exported twice, other bytes'
given export "${run[0]}/checkpoint.bin" --to one.safetensors; ends 0
cmp -s one.safetensors before || fail 'exported by its name, other bytes'

given eval x.yaml --row one --scale test --seed 1 --threads 1; ends 0
knn=$(sed -n 's/^kNN \([0-9.]*\) on f, .*/\1/p' out)
on_z=$(sed -n 's/^kNN .* \([0-9.]*\) on z$/\1/p' out)
linear=$(sed -n 's/^linear \([0-9.]*\) after .*/\1/p' out)
measures=$(sed -n 's/^\(std\*sqrt(d) .*, rank [0-9.]*\)$/\1/p' out)
[ -n "$knn$on_z$linear" ] && [ -n "$measures" ] || fail "eval of the run: $out"
given eval x.yaml --row one --scale test --seed 1 --threads 1 --from one.safetensors
ends 0 "kNN $knn on f" "fc $linear on" "$measures, kNN $on_z on z"
given eval x.yaml --row one --scale test --seed 1 --threads 1 --from 'tw o.safetensors' --probe-rates 0.1
ends 0 "kNN $knn on f" "fc $linear on" 'no projector is in the file' 'at lr 0.1'

# What z is, and its two views, the detector reads from files as the monitors do.
given eval x.yaml --row one --scale test --seed 1 --threads 1 --outputs 'out puts'; ends 0
for file in train_f train_label test_f test_label z z1 z2; do
    [ -s "out puts/$file.npy" ] || fail "no $file.npy: $(ls 'out puts')"
done
given check --views 'out puts/z1.npy' 'out puts/z2.npy' --rest 'out puts/z.npy'
ends 0 "$(sed 's/, |E.*//' <<<"$measures")" "$(sed 's/.*\(view share [0-9.]*\).*/\1/' <<<"$measures")"
if command -v python3 >/dev/null && python3 -c 'import numpy' 2>/dev/null; then
    python3 - 'out puts' <<'END' || fail 'numpy reads other arrays'
import sys, numpy as np
at = {name: np.load(f"{sys.argv[1]}/{name}.npy") for name in ("test_f", "test_label", "z", "z1")}
assert at["test_f"].dtype == np.float32 and at["test_label"].dtype == np.int32
assert at["test_f"].shape[0] == at["test_label"].shape[0] and at["z"].shape == at["z1"].shape
END
fi

# ---- other readers -----------------------------------------------------------------------------------------

if command -v python3 >/dev/null; then
    # ResNet-18's own shapes, as it begins.
    printf '%s\n' 'rows:' '  - { name: r18, epochs: 0, widths: [64, 128, 256, 512], blocks: 2, train_count: 16,' \
        '      monitor_count: 16, batch: 16, knn_k: 3, probe_epochs: 1, probe_batch: 16 }' >r18.yaml
    given run r18.yaml --scale test --seeds 1 --threads 1 --quiet --runs r18; ends 0
    r18=(r18/*/seed-1)
    given export "${r18[0]}" --to r18.safetensors --for torchvision; ends 0
    given export "${r18[0]}" --to r18.pkl --for detectron2; ends 0
    for python in python3 ${PYTHON:+"$PYTHON"}; do
        "$python" "$here/read_export.py" r18.safetensors r18.pkl >log 2>&1 || fail "$python: $(<log)"
        echo "$python: $(tr '\n' ';' <log)"
    done
else
    echo 'no Python here: the pickle was not read'
fi

# ---- what is wrong -----------------------------------------------------------------------------------------

given export "${run[0]}"; ends 2 'export needs --to FILE.safetensors'
given export "${run[0]}" --to one.bin; ends 2 '.safetensors'
given export "${run[0]}" --to one.safetensors --for detectron2; ends 2 '.pkl'
given export "${run[0]}" --to one.pkl --for detectron; ends 2 'nearest is detectron2'
given export nowhere --to one.safetensors; ends 2 'nowhere/config.yaml'
given export "${run[0]}" --to no/one.safetensors; ends 1 'cannot write no/one.safetensors'
cp -r "${run[0]}" pooled
rm pooled/checkpoint.bin*
given export "${run[0]}/checkpoint.bin.prev" --to one.safetensors; ends 2 'older state'
(cd "${run[0]}" && "$simsiam" export checkpoint.bin --to "$work/here.safetensors" >/dev/null) ||
    fail 'export checkpoint.bin'
cmp -s here.safetensors before || fail 'exported from inside its folder, other bytes'
given export pooled --to pooled.safetensors; ends 2 'pooled/checkpoint.bin: no checkpoint'
cp -r "${run[0]}" foreign
sed -i 's/^dim: 16$/dim: 24/; s/^dim: 32$/dim: 24/; s/^dim: 64$/dim: 24/' foreign/config.yaml
given export foreign --to foreign.safetensors; ends 2 'foreign/'
[ ! -e foreign.safetensors ] && [ ! -e pooled.safetensors ] || fail 'what was refused left a file'

from=(eval x.yaml --scale test --seed 1 --threads 1 --from)
given "${from[@]}" one.safetensors --row wider
ends 2 'one.safetensors: tensor projector.' 'is wanted' 'not the net of this row'
given "${from[@]}" one.safetensors --row other; ends 2 'say pixel_mean: ['
sed 's/"mean":"[^"]*"/"mean":"[0.5, 0.5, 0.5]"/' one.safetensors >spelt.safetensors
given "${from[@]}" spelt.safetensors --row one; ends 2 spelt.safetensors
mkfifo pipe.safetensors
given "${from[@]}" pipe.safetensors --row one; ends 2 'pipe.safetensors: it is no regular file'
head -c 5000 one.safetensors >half.safetensors
given "${from[@]}" half.safetensors --row one; ends 2 'is it whole?'
given "${from[@]}" none.safetensors --row one; ends 2 'none.safetensors'
cp one.pkl pickle.safetensors
given "${from[@]}" pickle.safetensors --row one; ends 2 'no .safetensors file'

# ---- a public net ------------------------------------------------------------------------------------------

if [ -n "${SIMSIAM_RESNET20:-}" ]; then
    given eval resnet20.yaml --row resnet20 --scale cifar10 --from "$SIMSIAM_RESNET20"
    ends 0 'fc '
    awk '/^fc / { exit !($2 >= 91.71 && $2 <= 91.75) }' out || fail "ResNet-20: not 91.73: $out"
    echo "ResNet-20: $(grep '^fc' out)"
else
    echo 'ResNet-20: not looked at: SIMSIAM_RESNET20 names no file'
fi

[ $failed = 0 ] && echo 'export: in order'
exit $failed
