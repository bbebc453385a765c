#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# methods.sh -- a training step of each method, ours and PyTorch's side by side on this machine.
#
# usage: methods.sh SIMSIAM CONFIGS OUT [PYTHON]
#
# The systems of Table 4 with their own heads, at scales cifar10-small and quick, whose nets are compare.sh's small and
# quick.  Ours and PyTorch's (methods_pytorch.py) take turns, PAIRS times, in processes of their own; a pair's ratio is
# PyTorch's median step over ours, and the table has the median, least and largest of the pairs.  PyTorch runs in the
# layout that was faster for that net, method and precision (tried first, by two steps); "best" is its faster precision,
# and bf16, where it takes over twice as long, as on processors that have none, is not measured further.
# OUT/methods.csv has every reading, OUT/methods.md the table with the machine's description.  Without PYTHON (an
# interpreter with PyTorch) the table has our side alone.  NETS="small" and METHODS="moco swav" measure those alone.
set -euo pipefail
export LC_ALL=C

simsiam=$1 configs=$2 out=$3 python=${4:-}
here=$(cd "$(dirname "$0")" && pwd)
pairs=${PAIRS:-3} steps=${STEPS:-5}
threads=$(nproc)
# A worker that waits for work spins, as PyTorch's do: both sides alike.
export OMP_WAIT_POLICY=active
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$out"
csv=$out/methods.csv
echo "net,side,precision,mode,threads,pair,median_ms,least_ms,most_ms,memory_mib" >"$csv.tmp"

version=
if [[ -n $python ]]; then
    coproc THEIRS { exec "$python" "$here/methods_pytorch.py" --threads "$threads"; }
    read -r version <&"${THEIRS[0]}"
fi

# record SIDE MODE PAIR: the line "PRECISION NAME MEDIAN LEAST MOST MIB" from stdin, as CSV
record() {
    awk -v net="$net/$method" -v side="$1" -v mode="$2" -v threads="$threads" -v pair="$3" '
        /^(fp32|bf16) .* [0-9]/ {
            printf "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n", net, side, $1, mode, threads, pair, $3, $4, $5, $6
            found = 1
        }
        END { exit !found }
    ' | tee -a "$csv.tmp" >&2
}
ours() {        # ours PRECISION PAIR
    "$simsiam" bench "$configs/table4_linear.yaml" --row "$method-100" --scale "$scale" --precision "$1" --synthetic \
        --threads "$threads" --repeats "$steps" --brief 2>"$work/said" | record simsiam full "$2" || cat "$work/said" >&2
}
theirs() {      # theirs LAYOUT PRECISION PAIR
    local line
    [[ -z $python || $1 == slow ]] && return
    echo "$work/config $2 $1 $(($3 ? steps : 2))" >&"${THEIRS[1]}"
    read -r line <&"${THEIRS[0]}"
    record pytorch "$1" "$3" <<<"$line"
}
layout() {      # layout PRECISION: the faster one, from the readings of pair 0; or `slow`
    [[ -z $python ]] && return
    awk -F, -v net="$net/$method" -v precision="$1" '
        $1 != net || $2 != "pytorch" || $6 != 0 { next }
        $3 == precision && (!best || $7 < best) { best = $7; mode = $4 }
        !least || $7 < least { least = $7 }
        END { print (precision == "bf16" && best > 2 * least ? "slow" : mode) }' "$csv.tmp"
}

for net in ${NETS:-small quick}; do
    scale=$net
    [[ $net == small ]] && scale=cifar10-small
    for method in ${METHODS:-simsiam byol simclr moco swav}; do
        "$simsiam" config "$configs/table4_linear.yaml" --row "$method-100" --scale "$scale" >"$work/config"
        for precision in fp32 bf16; do
            for form in contiguous channels_last; do theirs $form $precision 0; done
        done
        for ((pair = 1; pair <= pairs; pair++)); do
            for precision in bf16 fp32; do
                ours $precision "$pair"
                theirs "$(layout $precision)" $precision "$pair"
            done
        done
    done
done
mv "$csv.tmp" "$csv"

# ---- the table -------------------------------------------------------------------------------------------------

{
    echo "# A training step of each method on the CPU, beside PyTorch's"
    echo
    echo "The systems of Table 4, batches of 128.  Forward of both views, loss and its reading, backward, SGD and what the"
    echo "method moves (twin, queue, prototypes); no loading, no augmentation.  Milliseconds are medians of $pairs processes'"
    echo "medians of $steps steps; ratios are of processes that took turns: median [least, largest].  PyTorch's bf16"
    echo "is left out where it takes over twice as long as fp32.  Made by"
    echo "\`make -f Makefile.repro bench-methods PYTORCH=PYTHON\`; every reading is in methods.csv."
    echo
    echo '```'
    "$simsiam" info | grep -E '^(code|version|commit|compiler|machine|device|kernels|library|system|threads) '
    [[ -n $version ]] && echo "pytorch    $version"
    echo '```'
    echo
    awk -F, -v pairs="$pairs" -v threads="$threads" -f "$here/readings.awk" -f "$here/methods.awk" "$csv"
} >"$out/methods.md.tmp"
mv "$out/methods.md.tmp" "$out/methods.md"
cat "$out/methods.md"
