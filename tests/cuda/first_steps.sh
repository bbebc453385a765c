#!/bin/bash
# SPDX-License-Identifier: MIT
#
# first_steps.sh -- the steps of first_run.sh, in their order.  Run from the project's folder.
#
# usage: first_steps.sh list | ready | judged | needs | run  NAME BUILD OUT PYTHON
#
# A step says in its last line what came out.  It ends with 0 if all went well, with 77 if something that is not the
# project's is missing, and else with anything.
set -uo pipefail
verb=$1 name=$2 build=$3 out=$4 python=${5:-}
program=$build/simsiam-cuda

skip() { echo "$*"; exit 77; }
fail() { echo "$*"; exit 1; }

list() {
    cat <<'STEPS'
gpu-tests 160 the tests of ops, tape, nets and evaluation, on the device
sanitizer 60 compute-sanitizer over the ops' tests, whose shapes are small
conv-bench 70 each convolution of ResNet-18 at 1024 images, through the ops
bench 40 a step at batch 512 and the share of each layer
pytorch 130 the same step in PyTorch's best mode, in turn with ours
cifar10 80 ten epochs of CIFAR-10: loss, spread and kNN within bounds
STEPS
}

# ---- the tests ------------------------------------------------------------------------------------------------

# Each of them ends as skipped where it finds no device, which is no success here.
gpu_tests() {
    local said
    said=$(ctest --test-dir "$build" -L '^gpu$' --output-on-failure --no-tests=error --timeout 60 2>&1)
    local status=$?
    printf '%s\n' "$said"
    [ $status = 0 ] || fail 'a test failed: above'
    ! grep -q '\*\*\*Skipped' <<<"$said" || fail 'a test found no device: above'
    grep -E '^[0-9]+% tests passed' <<<"$said"
}

sanitizer_find() {
    local at
    for at in $(command -v compute-sanitizer) ${CUDA_HOME:+"$CUDA_HOME/bin/compute-sanitizer"} \
        /usr/local/cuda*/bin/compute-sanitizer; do
        [ -x "$at" ] && { echo "$at"; return; }
    done
}

sanitizer_runs=('memcheck rows' 'memcheck norm' 'memcheck loss' 'memcheck fc' 'racecheck norm' 'racecheck rows')
sanitizer() {
    local tool kind ops done=0
    tool=$(sanitizer_find)
    [ -n "$tool" ] || skip 'compute-sanitizer is not installed'
    for run in "${sanitizer_runs[@]}"; do
        read -r kind ops <<<"$run"
        echo "== $kind, ops_$ops"
        "$tool" --tool "$kind" --error-exitcode 9 "$build/gpu_ops_$ops" 2>&1 | grep -v '^\[' | tail -n 30
        [ "${PIPESTATUS[0]}" = 0 ] || fail "$kind: ops_$ops: above"
        done=$((done + 1))
    done
    echo "$done runs without an error"
}

# ---- timings --------------------------------------------------------------------------------------------------

conv_bench() { "$build/conv_bench" 1024; }

step_of=(configs/fig2_stopgrad.yaml --scale cifar10 --batch 512 --synthetic)
bench() {
    local said
    said=$("$program" bench "${step_of[@]}" --repeats 11) || fail 'bench failed'
    printf '%s\n' "$said"
    echo 'Each layer is timed with a wait behind it, which the step does not have.'
    # Which kernels were chosen, for whoever reads the times.
    cp "$DATA"/plans/*.txt "$out" || fail 'no plans were kept'
    # Fp32 first, then bf16 and fp16.
    awk '/^step / && $2 != "with" { printf "%sstep %s ms", comma, $2; comma = "; " }
         /^step with/ { printf ", with augmentation %s ms", $4 } END { print " (fp32; bf16; fp16)" }' <<<"$said"
}

# Prints the faster of our 16-bit precisions.
ours_best() {
    local precision line
    for precision in bf16 fp16; do
        line=$("$program" bench "${step_of[@]}" --precision "$precision" --repeats 21 --brief) || return
        echo "$line" >&2
        echo "$line"
    done | sort -s -n -k 3,3 | head -n 1 | cut -d ' ' -f 1
}

# PyTorch stays open, compiled and warm; its steps and ours take turns.
pytorch() {
    local pairs=5 line ours theirs ratios=() precision
    "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null ||
        skip "${python:-no Python}: no PyTorch that sees the device (PYTORCH=python names one that does)"
    coproc torch { exec "$python" tests/bench/pytorch_gpu.py --limit 80; }
    local from=${torch[0]} to=${torch[1]} pid=$!
    until [[ ${line:-} == best* ]]; do
        read -r line <&"$from" || fail 'PyTorch ended before it had a best mode: above'
        echo "$line"
    done
    precision=$(ours_best) && [ -n "$precision" ] || fail 'our bench failed'
    for ((pair = 1; pair <= pairs; pair++)); do
        line=$("$program" bench "${step_of[@]}" --precision "$precision" --repeats 51 --brief) ||
            fail 'our bench failed'
        read -r _ _ ours _ <<<"$line"
        echo "pair $pair: $line"
        echo go >&"$to"
        read -r line <&"$from" || fail 'PyTorch ended'
        read -r _ _ theirs _ <<<"$line"
        echo "pair $pair: pytorch $line"
        ratios+=("$(awk -v a="$theirs" -v b="$ours" 'BEGIN { printf "%.3f", a / b }')")
    done
    eval "exec $to>&-"
    wait "$pid"
    printf '%s\n' "${ratios[@]}" | sort -n | awk -v n=$pairs -v precision="$precision" '
        { r[NR] = $1 }
        END { printf "PyTorch takes %s [%s, %s] times as long as ours in %s: median of %d pairs\n",
              r[int((n + 1) / 2)], r[1], r[n], precision, n; exit NR != n }'
}

# ---- ten epochs -----------------------------------------------------------------------------------------------

# value NAME: of the last line of metrics.jsonl that has it.
value() { grep -oE "\"$1\":-?[0-9.e+-]+" "$out/cifar10.jsonl" | tail -n 1 | cut -d : -f 2; }

# A bound is wide: published runs without warm-up have a kNN of 28 to 39 % at this age, an untrained net about 30 %.
cifar10() {
    bash experiments/fetch_cifar10.sh "$DATA" "$build/simsiam" || skip 'no CIFAR-10 in DATA, nor to be fetched'
    "$program" run configs/check_gpu.yaml --scale cifar10-100ep --seeds 1 --quiet --runs "$build/gpu-first-run" ||
        fail 'the run failed'
    local metrics
    # A run of other code, should there be one, lies beside it.
    metrics=$(find "$build/gpu-first-run" -name metrics.jsonl -printf '%T@ %p\n' | sort -n | tail -n 1)
    cp "${metrics#* }" "$out/cifar10.jsonl" || fail 'the run has no metrics'
    awk -v loss="$(value loss)" -v std="$(value std_sqrtd)" -v knn="$(value knn)" -v epoch="$(value epoch)" 'BEGIN {
        printf "epoch %s: loss %s (-0.98 to -0.3), std sqrt(d) %s (0.5 to 1.1), kNN %s %% (25 to 65)\n",
               epoch, loss, std, knn
        exit !(epoch == 10 && loss > -0.98 && loss < -0.3 && std > 0.5 && std < 1.1 && knn > 25 && knn < 65) }'
}

# ---- who is judged --------------------------------------------------------------------------------------------

# The device; and one hash of the libraries, of all that is built, and of what the steps run and read.
judged() {
    local info sum
    info=$("$program" info) || exit
    sum=$({
        sed -n 's/^library *//p' <<<"$info"
        find CMakeLists.txt engine experiments tests configs -name __pycache__ -prune -o -type f -print | sort |
            xargs -d '\n' sha256sum
    } | sha256sum | head -c 12)
    printf '%s, code %s\n' "$(sed -n 's/^device *//p' <<<"$info")" "$sum"
}

# ---- what is needed -------------------------------------------------------------------------------------------

needs() {
    case $name in
        gpu-tests) printf 'program ctest\n'
            ctest --test-dir "$build" -L '^gpu$' --show-only 2>/dev/null |
                sed -nE "s|^ *Test +#[0-9]+: (.*)\.gpu\$|built $build/gpu_\1|p" ;;
        sanitizer) printf 'program compute-sanitizer\n'
            printf '%s\n' "${sanitizer_runs[@]}" | sed "s|.* |built $build/gpu_ops_|" | sort -u ;;
        conv-bench) echo "built $build/conv_bench" ;;
        bench) printf '%s\n' "built $program" "source ${step_of[0]}" 'source configs/scale/cifar10.yaml' ;;
        pytorch) printf '%s\n' "program ${python:-python3}" "built $program" 'source tests/bench/pytorch_gpu.py' \
            'source tests/bench/pytorch_step.py' ;;
        cifar10) printf '%s\n' "built $program" 'source configs/check_gpu.yaml' \
            'source configs/scale/cifar10-100ep.yaml' 'source experiments/fetch_cifar10.sh' "data $DATA/cifar10" ;;
    esac
}

case $verb in
    list) list ;;
    ready) "$program" info || exit
        nvidia-smi --query-gpu=name,driver_version,clocks.max.sm --format=csv,noheader || true ;;
    judged) judged ;;
    needs) needs ;;
    run) "${name//-/_}" ;;
    *) echo 'usage: first_steps.sh list | ready | judged | needs | run  NAME BUILD OUT PYTHON' >&2; exit 2 ;;
esac
