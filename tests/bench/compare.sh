#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# compare.sh -- a training step of ours and of PyTorch, side by side on this machine.
#
# usage: compare.sh SIMSIAM CONFIGS OUT [PYTHON]
#
# Each net, precision and thread count is timed in processes of its own that take turns, ours and PyTorch's, PAIRS times;
# a pair's ratio is PyTorch's median step over ours, and the table has the median, least and largest of the pairs.
# PyTorch runs in the layout that was faster for that net and precision (tried first); "best" is its faster precision.
# OUT/cpu.csv has every reading, OUT/cpu.md the table with the machine's description.  Without PYTHON (an interpreter
# with PyTorch) the table has our side alone.  NETS="small quick" measures those anew and keeps the others' readings.
set -euo pipefail
export LC_ALL=C

simsiam=$1 configs=$2 out=$3 python=${4:-}
here=$(cd "$(dirname "$0")" && pwd)
pairs=${PAIRS:-5} steps=${STEPS:-7}
threads=$(nproc)
# A worker that waits for work spins, as PyTorch's do: both sides alike.
export OMP_WAIT_POLICY=active

mkdir -p "$out"
csv=$out/cpu.csv
echo "net,side,precision,mode,threads,pair,median_ms,least_ms,most_ms,memory_mib" > "$csv.tmp"

# net, scale, batch, widths, blocks, size, dim
nets=(
    "small cifar10-small 128 16,32,64 1 32 256"
    "quick quick 128 32,64,128 1 16 256"
    "resnet18 cifar10 32 64,128,256,512 2 32 2048"
)
if [[ -n ${NETS:-} ]]; then
    chosen=()
    for net in "${nets[@]}"; do [[ " $NETS " == *" ${net%% *} "* ]] && chosen+=("$net"); done
    nets=("${chosen[@]}")
    [[ -f $csv ]] && awk -F, -v nets=" $NETS " 'NR > 1 && !index(nets, " " $1 " ")' "$csv" >> "$csv.tmp"
fi

# record NET SIDE MODE THREADS PAIR: the line "PRECISION NAME MEDIAN LEAST MOST MIB" from stdin, as CSV
record() {
    awk -v net="$1" -v side="$2" -v mode="$3" -v threads="$4" -v pair="$5" '
        /^(fp32|bf16) / { printf "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n", net, side, $1, mode, threads, pair, $3, $4, $5, $6 }
    ' | tee -a "$csv.tmp" >&2
}
ours() {        # ours MODE PRECISION THREADS PAIR
    local env=()
    [[ $1 == no-winograd ]] && env=(SIMSIAM_WINOGRAD=off)
    env "${env[@]}" "$simsiam" bench "$configs/fig2_stopgrad.yaml" --scale "$scale" --batch "$batch" --precision "$2" \
        --threads "$3" --repeats "$steps" --brief | record "$net" simsiam "$1" "$3" "$4"
}
theirs() {      # theirs LAYOUT PRECISION THREADS PAIR
    [[ -z $python ]] && return
    "$python" "$here/pytorch_step.py" --widths "$widths" --blocks "$blocks" --size "$size" --batch "$batch" --dim "$dim" \
        --threads "$3" --steps "$steps" --precision "$2" --layout "$1" | record "$net" pytorch "$1" "$3" "$4"
}
layout() {      # layout PRECISION: the faster one, from the readings of pair 0
    [[ -z $python ]] && return
    awk -F, -v net="$net" -v precision="$1" '
        $1 == net && $2 == "pytorch" && $3 == precision && $6 == 0 && (!best || $7 < best) { best = $7; mode = $4 }
        END { print mode }' "$csv.tmp"
}

for description in "${nets[@]}"; do
    read -r net scale batch widths blocks size dim <<< "$description"
    for precision in fp32 bf16; do
        for form in contiguous channels_last; do theirs $form $precision "$threads" 0; done
    done
    for ((pair = 1; pair <= pairs; pair++)); do
        for precision in bf16 fp32; do
            ours full $precision "$threads" "$pair"
            theirs "$(layout $precision)" $precision "$threads" "$pair"
        done
        [[ $net == resnet18 ]] && ours no-winograd bf16 "$threads" "$pair"
        for precision in bf16 fp32; do ours full $precision 1 "$pair"; done
    done
done
mv "$csv.tmp" "$csv"

# ---- the table -------------------------------------------------------------------------------------------------

{
    echo "# A training step on the CPU, beside PyTorch's"
    echo
    echo "Forward of both views, backward and SGD; heads, loss and its reading included; no loading, no augmentation."
    echo "Milliseconds are medians of $pairs processes' medians of $steps steps; ratios are of processes that took turns:"
    echo "median [least, largest].  Made by \`make -f Makefile.repro bench PYTORCH=PYTHON\`; every reading is in cpu.csv."
    echo
    echo '```'
    "$simsiam" info | grep -E '^(code|version|commit|compiler|machine|device|kernels|library|system|threads) '
    [[ -n $python ]] && "$python" -c 'import torch; print(f"pytorch    {torch.__version__}")'
    echo '```'
    echo
    awk -F, -v pairs="$pairs" -v threads="$threads" -f "$here/readings.awk" \
        -f "$here/compare.awk" "$csv"
} > "$out/cpu.md.tmp"
mv "$out/cpu.md.tmp" "$out/cpu.md"
cat "$out/cpu.md"
