#!/bin/bash
# SPDX-License-Identifier: MIT
#
# first_steps.sh -- the steps of first_run.sh, in their order.  Run from the project's folder.
#
# usage: first_steps.sh list | ready | judged | needs | outside | run  NAME BUILD OUT PYTHON
#
# A step says in its last line what came out.  It ends with 0 if all went well, with 77 if something that is not the
# project's is missing, and else with anything.
set -uo pipefail
export LC_ALL=C
verb=$1 name=$2 build=$3 out=$4 python=${5:-}
program=$build/simsiam-cuda
beside=$(($(nproc) < 8 ? $(nproc) : 8))          # processes on the card at a time, where nothing is timed

skip() { echo "$*"; exit 77; }
fail() { echo "$*"; exit 1; }

# Limits in seconds, 530 in all; what decides most comes first.  Expected so, on 16 cores:
#
#     bench         25  trainers opened (4), plans timed (5), readings, shares and kNN (6)
#     gpu-tests     60  ops, nets and parity, eight programs at a time, while PyTorch compiles
#     pytorch       70  its modes, from what was compiled (25), readings in turn (18), starting (10)
#     conv-bench    10  93 passes of up to 60 calls (5), plans timed (5)
#     cifar10       25  10 epochs of 97 steps of 10 ms, 3 kNN, a probe's epoch, loading (10)
#     sanitizer     40  16 runs of 5 to 15 s, 8 at a time
list() {
    cat <<'STEPS'
bench 60 a step at batch 512 with each kernel's share, and kNN
gpu-tests 120 the tests of ops, tape, nets, evaluation and parity with PyTorch, on the device
pytorch 160 the same step in PyTorch's best mode, in turn with ours
conv-bench 60 each convolution of ResNet-18 at 1024 images, through the ops
cifar10 70 ResNet-18 trained on CIFAR-10, or a part of it: loss, spread and kNN within bounds
sanitizer 60 compute-sanitizer over ops, convolutions, kNN and views at small shapes
STEPS
}

# ---- the tests ------------------------------------------------------------------------------------------------

# PyTorch keeps on the disk what it has compiled: for the step that times it, beside what is not timed.
torch_cache() { echo "$(realpath "$build")/torchinductor"; }
warm_open() {
    "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null || return 0
    TORCHINDUCTOR_CACHE_DIR=$(torch_cache) timeout 100 "$python" -B tests/bench/pytorch_gpu.py \
        --limit 95 --steps 5 </dev/null 2>&1 | sed 's/^/PyTorch, first: /'
}

# Each program, and what is asked of it.
test_programs() {
    local program
    for program in "$build"/gpu_*; do
        case ${program##*/} in
            gpu_small_shapes) ;;
            gpu_parity) echo gpu_parity; echo 'gpu_parity 224' ;;
            *) echo "${program##*/}" ;;
        esac
    done
}

# test_run LOGS NAME ARGUMENT: its log, and how it ended beside that.
test_run() {
    local log="$1/$2${3:+-$3}" status=0
    OMP_WAIT_POLICY=passive NO_COLOR=1 "$build/$2" ${3:+"$3"} >"$log" 2>&1 || status=$?
    echo $status >"$log.status"
}

# Side by side, since most of their time is the host's.  Each of them ends as skipped (77) where it finds no device,
# which is no success here.
gpu_tests() {
    local logs test log wrong='' n=0
    logs=$(mktemp -d) || fail 'no room for logs'
    warm_open &
    while read -r test; do
        while [ "$(jobs -rp | wc -l)" -gt "$beside" ]; do wait -n; done
        # shellcheck disable=SC2086
        test_run "$logs" $test &
    done < <(test_programs)
    wait
    for log in "$logs"/*.status; do
        n=$((n + 1))
        [ "$(cat "$log")" != 0 ] || continue
        wrong+=" $(basename "$log" .status) ($(cat "$log"))"
        tail -n 20 "${log%.status}"
    done
    rm -r "$logs"
    [ $n -gt 10 ] || fail "only $n tests are in $build"
    [ -z "$wrong" ] || fail "of $n tests failed, or found no device (77):$wrong"
    echo "$n tests passed"
}

sanitizer_find() {
    local at
    for at in $(command -v compute-sanitizer) ${CUDA_HOME:+"$CUDA_HOME/bin/compute-sanitizer"} \
        /usr/local/cuda*/bin/compute-sanitizer; do
        [ -x "$at" ] && { echo "$at"; return; }
    done
}

# TOOL PROGRAM ARGUMENT, the longest first.
sanitizer_runs=('memcheck gpu_small_shapes conv' 'racecheck gpu_small_shapes conv'
    'memcheck gpu_small_shapes eval' 'racecheck gpu_small_shapes eval'
    'memcheck gpu_small_shapes views' 'racecheck gpu_small_shapes views'
    'memcheck gpu_small_shapes codes' 'racecheck gpu_small_shapes codes'
    'memcheck gpu_ops_rows' 'racecheck gpu_ops_rows' 'memcheck gpu_ops_norm' 'racecheck gpu_ops_norm'
    'memcheck gpu_ops_loss' 'racecheck gpu_ops_loss' 'memcheck gpu_ops_fc' 'racecheck gpu_ops_fc')

# sanitize TOOL PROGRAM ARGUMENT: races are looked for in our own kernels alone, whose names begin so
# (part of a name is asked for: a suffix like _kernel is in the libraries', too).
sanitize() {
    local ours=()
    [ "$2" != racecheck ] || ours=(--kernel-name kns=sim_)
    "$1" --tool "$2" "${ours[@]}" --error-exitcode 9 "$build/$3" ${4:+"$4"} 2>&1 | grep -v '^\[' | tail -n 30
    return "${PIPESTATUS[0]}"
}

sanitizer() {
    local tool logs run i=0 wrong=
    tool=$(sanitizer_find)
    [ -n "$tool" ] || skip 'compute-sanitizer is not installed'
    logs=$(mktemp -d) || fail 'no room for logs'
    for run in "${sanitizer_runs[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$beside" ]; do wait -n; done
        # shellcheck disable=SC2086
        { sanitize "$tool" $run >"$logs/$i" && touch "$logs/$i.well"; } &
        i=$((i + 1))
    done
    wait
    for i in "${!sanitizer_runs[@]}"; do
        echo "== ${sanitizer_runs[i]}"
        cat "$logs/$i"
        [ -e "$logs/$i.well" ] || wrong+="${wrong:+; }${sanitizer_runs[i]}"
    done
    rm -r "$logs"
    [ -z "$wrong" ] || fail "$wrong: above"
    echo "${#sanitizer_runs[@]} runs without an error"
}

# ---- timings --------------------------------------------------------------------------------------------------

conv_bench() { "$build/conv_bench" 1024; }

# A kernel's name as people write it, where there is a program for that.
names() { if command -v c++filt >/dev/null; then c++filt; else cat; fi; }

step_of=(configs/fig2_stopgrad.yaml cifar10 512)
bench() {
    local said
    said=$("$build/step_bench" "${step_of[@]}" <<'LINES'
bf16 51
shares bf16 5
fp16 51
shares fp16 5
fp32 11
knn 10000 50000
LINES
    ) || { printf '%s\n' "$said"; fail 'step_bench failed'; }
    names <<<"$said"
    # Which kernels were chosen, for whoever reads the times.
    cp "$DATA"/plans/*.txt "$out" || fail 'no plans were kept'
    awk '$2 == "ours" { step[$1] = $8 }
         $1 == "shares" { kernels[$2] = $3 }
         $1 == "knn" { knn = $2 }
         function ms(p) { return sprintf("%s %.2f ms (kernels %.2f)", p, step[p], kernels[p]) }
         END {
             printf "step with augmentation: %s, %s, fp32 %.2f ms; ", ms("bf16"), ms("fp16"), step["fp32"]
             printf "kNN of 10,000 among 50,000: %.3f s\n", knn / 1000
             exit !(step["bf16"] && step["fp16"] && step["fp32"] && kernels["bf16"] && kernels["fp16"] && knn)
         }' <<<"$said" || fail 'step_bench left something out: above'
}

# ---- beside PyTorch -------------------------------------------------------------------------------------------

# Both sides are processes that stay open, warm, and answer a line with a line: ask_ours LINE, ask_torch LINE.
ask_ours() { echo "$1" >&"$ours_to" && read -r answer <&"$ours_from"; }
ask_torch() { echo "$1" >&"$torch_to" && read -r answer <&"$torch_from"; }

torch_open() {
    mkfifo "$pipes"/torch_{to,from} || fail 'no pipes'
    TORCHINDUCTOR_CACHE_DIR=$(torch_cache) "$python" -B tests/bench/pytorch_gpu.py --limit 115 \
        <"$pipes/torch_to" >"$pipes/torch_from" &
    exec {torch_to}>"$pipes/torch_to" {torch_from}<"$pipes/torch_from"
}

ours_open() {
    mkfifo "$pipes"/ours_{to,from} || fail 'no pipes'
    "$build/step_bench" "${step_of[@]}" <"$pipes/ours_to" >"$pipes/ours_from" {torch_to}>&- {torch_from}<&- &
    exec {ours_to}>"$pipes/ours_to" {ours_from}<"$pipes/ours_from"
}

# Reads what PyTorch says until it has tried its modes: which were timed, and which not.
torch_modes() {
    timed='' missing=''
    local line kind precision mode
    until [[ ${line:-} == ready || ${line:-} == none ]]; do
        read -r line <&"$torch_from" || fail 'PyTorch ended before it had a mode: above'
        echo "$line"
        read -r kind precision mode _ <<<"$line"
        [ "$kind" != mode ] || timed+="${timed:+, }$precision $mode"
        [ "$kind" != without ] || missing+="${missing:+, }$precision ${mode%:}"
    done
}

# turn PAIR: a reading of each, the other one first every other time; milliseconds with augmentation.
turn() {
    local ours theirs side
    for side in $(((($1 % 2)) ? 1 : 2)) $(((($1 % 2)) ? 2 : 1)); do
        if [ "$side" = 1 ]; then
            ask_ours "$precision 51" || fail 'our bench ended'
            read -r _ _ _ _ _ _ _ ours _ <<<"$answer"
        else
            ask_torch go || fail 'PyTorch ended'
            read -r _ _ theirs _ <<<"$answer"
        fi
        echo "pair $1: $answer"
    done
    ratios+=("$(awk -v a="$theirs" -v b="$ours" 'BEGIN { printf "%.3f", a / b }')")
}

# PyTorch keeps on the disk what it has compiled, so the next time it gets further.  It has not been met at its best
# where it is not compiled, in both precisions.
again=': the same command goes on'

# Ours chooses its plans while PyTorch compiles; nothing that counts is timed before both are warm and wait.
pytorch() {
    local pairs=5 pair answer precision best mode ratios=() timed missing
    "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null ||
        skip "${python:-no Python}: no PyTorch that sees the device (PYTORCH=python names one that does)"
    pipes=$(mktemp -d) || fail 'no room for pipes'
    # However it ends, neither side goes on alone.
    trap 'kill $(jobs -p) 2>/dev/null; rm -r "$pipes"' EXIT
    torch_open
    ours_open
    for precision in bf16 fp16; do ask_ours "$precision 1" || fail 'our bench ended'; done
    torch_modes
    [ -n "$timed" ] || skip "of PyTorch nothing was timed, not $missing$again"
    precision=$(for precision in bf16 fp16; do
        ask_ours "$precision 51" && echo "$answer" | tee /dev/stderr
    done | sort -s -n -k 8,8 | head -n 1 | cut -d ' ' -f 1)
    [ -n "$precision" ] || fail 'our bench ended'
    ask_torch best || fail 'PyTorch ended'
    echo "$answer"
    read -r _ best mode _ <<<"$answer"
    for ((pair = 0; pair <= pairs; pair++)); do turn $pair; done
    exec {ours_to}>&- {torch_to}>&-
    wait
    # The first pair is there for the one that had to change its precision.
    printf '%s\n' "${ratios[@]:1}" | sort -n | awk -v n=$pairs -v ours="$precision" -v theirs="$best $mode" \
        -v timed="$timed" -v missing="${missing:+; not $missing}" '
        { r[NR] = $1 }
        END { printf "with augmentation PyTorch takes %s [%s, %s] times as long as ours, median of %d pairs; ", \
                     r[int((n + 1) / 2)], r[1], r[n], n
              printf "ours in %s, PyTorch in %s, its best of %s%s\n", ours, theirs, timed, missing
              exit NR != n }' || fail 'some pair has no ratio: above'
    for precision in bf16 fp16; do
        [[ $timed =~ $precision\ (reduce-overhead|max-autotune) ]] ||
            skip "of PyTorch only $timed was timed, not $missing$again"
    done
}

# ---- ten epochs -----------------------------------------------------------------------------------------------

# values NAME: all that metrics.jsonl has of it, from the first line to the last.
values() { grep -oE "\"$1\":-?[0-9.e+-]+" "$out/cifar10.jsonl" | cut -d : -f 2; }
value() { values "$1" | tail -n 1; }

# An untrained net's kNN is about 31 % already, so the run is measured by its own: with the nets that a CPU trains,
# kNN is 6 points above after 8 epochs of 10,000 images at 16x16, and 20 after 10 epochs of all at 32x32; the loss
# is 0.2 to 0.3 below its first epoch's.  A collapsed net's kNN stays where it was or falls.
cifar10() {
    local runs config=configs/check_gpu.yaml epochs
    # A bundle has a part of the images, and how to train on it.
    if [ -f configs/check_gpu_part.yaml ]; then
        config=configs/check_gpu_part.yaml
    else
        bash experiments/commands/fetch/fetch_cifar10.sh "$DATA" "$build/simsiam" ||
            skip 'no CIFAR-10 in DATA, nor to be fetched'
    fi
    epochs=$(sed -n 's/^epochs: *//p' $config)
    # A finished run is not made again, so each card and each code has its own: a run's name knows the code alone.
    runs=$build/gpu-first-run/$(basename "$out")
    "$program" run $config --scale cifar10-100ep --seeds 1 --quiet --runs "$runs" ||
        fail 'the run failed'
    cp "$runs"/*/*/metrics.jsonl "$out/cifar10.jsonl" || fail 'the run has no metrics'
    awk -v loss="$(value loss)" -v first="$(values loss | head -n 1)" -v std="$(value std_sqrtd)" \
        -v knn="$(value knn)" -v untrained="$(values knn | head -n 1)" -v epoch="$(value epoch)" \
        -v epochs="${epochs:-10}" 'BEGIN {
        printf "epoch %s: loss %s (over -0.98, and 0.05 below its first %s), ", epoch, loss, first
        printf "std sqrt(d) %s (0.5 to 1.1), ", std
        printf "kNN %s %% (5 over the untrained %s, under 65)\n", knn, untrained
        exit !(epoch == epochs && loss > -0.98 && loss < first - 0.05 && std > 0.5 && std < 1.1 &&
               untrained > 10 && knn > untrained + 5 && knn < 65) }'
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
        gpu-tests) test_programs | cut -d ' ' -f 1 | sort -u | sed "s|^|built $build/|" ;;
        sanitizer) printf 'program compute-sanitizer\n'
            printf '%s\n' "${sanitizer_runs[@]}" | cut -d ' ' -f 2 | sed "s|^|built $build/|" | sort -u ;;
        conv-bench) echo "built $build/conv_bench" ;;
        bench) printf '%s\n' "built $build/step_bench" "source ${step_of[0]}" 'source configs/scale/cifar10.yaml' \
            'program c++filt' ;;
        pytorch) printf '%s\n' "program ${python:-python3}" "built $build/step_bench" \
            'source tests/bench/pytorch_gpu.py' 'source tests/bench/pytorch_step.py' ;;
        cifar10) printf '%s\n' "built $program" 'source configs/check_gpu.yaml' \
            'source configs/scale/cifar10-100ep.yaml' \
            'source experiments/commands/fetch/fetch_cifar10.sh' "data $DATA/cifar10" ;;
    esac
}

# What CUDA's libraries load by themselves lies beside them, so their folder counts; the C library is everywhere.
outside_paths() {
    realpath -m "$DATA/cifar10"
    command -v nvcc
    ldd "$build"/{simsiam-cuda,step_bench,conv_bench,gpu_ops_conv} 2>/dev/null |
        awk '$2 == "=>" && $3 ~ "^/" { print $3 }' | sort -u |
        grep -vE '/lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so' | sed -E 's|/lib(cudnn\|cublas)[^/]*$||'
}

# Each path outside of the project, with its size; and how it comes inside.
outside() {
    local path size inside
    inside=$(pwd -P)
    echo 'Outside of the project, and so to be there, or carried, where there is no network:'
    while read -r path; do
        [[ $path != "$inside"/* ]] || continue
        size=$(du -shL "$path" 2>/dev/null | cut -f 1)
        printf '    %6s  %s\n' "${size:-MISSING}" "$path"
    done < <(outside_paths | sort -u)
    cat <<'HOW'
cuDNN and cuBLAS (1.5 GB; 0.9 GB to fetch) and CIFAR-10 (176 MB; 170 MB to fetch) come inside with, where there is a
network,
    make -f Makefile.repro deps data-cifar10 DEVICE=cuda DATA=build-data
and the folder, carried as it is, needs no network with
    make -f Makefile.repro gpu-first-run DATA=build-data
CUDA's libraries may be those of a Python that has PyTorch (nvidia-cudnn-cu13, nvidia-cublas), which are found if it
is the `python3` of the PATH.  The compiler, CMake and the Debian packages that `deps` installs must be there;
PyTorch and compute-sanitizer, too, or their steps are skipped.
HOW
}

case $verb in
    list) list ;;
    ready) "$program" info || exit
        nvidia-smi --query-gpu=name,driver_version,clocks.max.sm --format=csv,noheader || true ;;
    judged) judged ;;
    needs) needs ;;
    run) "${name//-/_}" ;;
    outside) outside ;;
    *) echo 'usage: first_steps.sh list | ready | judged | needs | outside | run  NAME BUILD OUT PYTHON' >&2
        exit 2 ;;
esac
