#!/bin/bash
# SPDX-License-Identifier: MIT
#
# faults.sh -- whatever fails under a run, the same command goes on to the same bytes.
#
# usage: faults.sh SIMSIAM CONFIG_DIR SHIM [KIND...]
#
# Each call that touches the run's folder fails once, one call a run, until a run gets through without a fault: by
# each KIND of fault_shim.c, a kill and a polite stop among them.  A run that a fault stops exits 1 with a message
# that names a file and the reason; one that a fault does not stop has the right bytes.  Then the same command,
# undisturbed, comes to the same bytes.  Damage, another's checkpoint, moved folders and locks follow.
set -u
export LC_ALL=C

# A sanitizer's own library wants to be the first of all, and does without.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0

simsiam=$(realpath "$1") configs=$(realpath "$2") shim=$(realpath "$3")
kinds=("${@:4}")
[ ${#kinds[@]} -gt 0 ] || kinds=(EIO ENOSPC EACCES EINTR SHORT KILL STOP)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "faults.sh: $*" >&2; exit 1; }

# A run of everything there is and next to nothing of each: the calls count, not the numbers.  Two epochs of two
# steps, each step with a checkpoint, so that a run also stops between two steps.
mkdir -p configs/scale
sed '/^claims:/,$d' "$configs/fig2_stopgrad.yaml" >configs/x.yaml
sed '/^methods:/,$d; s/^\(monitor_count\|batch\|probe_batch\): .*/\1: 16/; s/^train_count: .*/train_count: 32/
     s/^image_size: .*/image_size: 8/; s/^widths: .*/widths: [4]/
     s/^epochs: .*/epochs: 2/; s/^probe_epochs: .*/probe_epochs: 1/; s/^knn_k: .*/knn_k: 2/' \
    "$configs/scale/test.yaml" >configs/scale/s.yaml
run() {              # run ROOT: `status` and the file `err`
    { "$simsiam" run configs/x.yaml --row with --scale s --seeds 1 --threads 1 --checkpoint-seconds 0 --quiet \
        --runs "$1" >out 2>err; } 2>/dev/null    # bash's own word on a kill is no news
    status=$?
}
# faulted ROOT KIND AT: `status` of a run whose AT-th call fails; the file `log` names the call, if it came to it.
faulted() {
    rm -f log
    LD_PRELOAD=$shim FAULT_ROOT=$work/$1 FAULT_KIND=$2 FAULT_AT=$3 FAULT_LOG=log run "$work/$1"
}
undisturbed() {      # undisturbed ROOT WHEN: the same command ends, in the right bytes
    local of=(calm/*/seed-1) is file
    run "$1"
    [ $status = 0 ] || fail "$2 the same command ends with $status: $(<err)"
    is=("$1"/*/seed-1)
    for file in metrics.jsonl summary.json checkpoint.bin config.yaml; do
        cmp "${of[0]}/$file" "${is[0]}/$file" || fail "$2 $file differs"
    done
    diff <(cd "${of[0]}" && ls -A) <(cd "${is[0]}" && ls -A) || fail "$2 other files lie in the run's folder"
}
run calm
[ $status = 0 ] || fail "the undisturbed run ends with $status: $(<err)"

# ---- each call fails ------------------------------------------------------------------------------------

declare -A reason=([EIO]='Input/output error' [ENOSPC]='No space left on device' [EACCES]='Permission denied'
                   [EINTR]='Interrupted system call' [SHORT]='' [KILL]='' [STOP]='')
# What a run may shrug off: reading what need not be there, clock readings, the lock's text, a link (a copy does),
# folders that are there, the close of what was only read.  All else, unnoticed, could be a file that is torn.
harmless='^(fopen|openat|fclose|link|mkdir) |^close [^ ]*/seed-1$|^fflush [^ ]*/timing.jsonl$'
harmless+='|^ftruncate [^ ]*/lock$'
# each_call KIND [FROM]: a run from nothing, or from a copy of the folder FROM.
each_call() {
    local kind=$1 from=${2:-} stopped=0 unnoticed=0 at what
    for ((at = 1; ; at++)); do
        rm -rf faulty
        [ -z "$from" ] || cp -r "$from" faulty
        faulted faulty "$kind" $at
        [ -e log ] || break
        what="$kind at call $at, $(<log):"
        case $status in
        0)  unnoticed=$((unnoticed + 1))
            [[ $kind == E* ]] && ! grep -qE "$harmless" log && [ "$kind $(cut -d' ' -f1 log)" != 'EINTR write' ] &&
                fail "$what not noticed" ;;
        1)  stopped=$((stopped + 1))
            grep -q "^simsiam: .*faulty.*${reason[$kind]:-no such end}" err || fail "$what no reason in: $(<err)" ;;
        137) stopped=$((stopped + 1))
            [ "$kind" = KILL ] || fail "$what killed" ;;
        75) stopped=$((stopped + 1))
            [ "$kind" = STOP ] || fail "$what stopped as if told to" ;;
        *) fail "$what exit $status: $(<err)" ;;
        esac
        undisturbed faulty "$what"
        grep -q damaged err && fail "$what a damaged checkpoint: $(<err)"
    done
    [ $status = 0 ] || fail "$kind: a run without a fault ends with $status: $(<err)"
    [ $at -gt 5 ] || fail "$kind: only $((at - 1)) calls met it: does the shim work?"
    printf '%-7s %3d calls%s: %3d stopped the run, %3d did not; all came to the same bytes\n' "$kind" $((at - 1)) \
        "${from:+ of a run that goes on}" $stopped $unnoticed
}
# A run that ended after some checkpoints: both the current and the previous one are there.
faulted halfway KILL 90
[ -e log ] && [ -e halfway/*/seed-1/checkpoint.bin.prev ] || fail "no run halfway"
for kind in "${kinds[@]}"; do each_call "$kind"; done
[[ " ${kinds[*]} " != *' EIO '* ]] || each_call EIO halfway

# ---- what a folder may have met -------------------------------------------------------------------------

# flip FILE: another byte in its middle.
flip() {
    local at=$(($(stat -c %s "$1") / 2)) byte
    byte=$(od -An -tu1 -j $at -N 1 "$1")
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek=$at conv=notrunc status=none
}
cp -r halfway damaged
flip damaged/*/seed-1/checkpoint.bin
undisturbed damaged "after a damaged checkpoint"
grep -q 'checkpoint.bin is damaged' err && grep -q 'going on from the previous' err || fail "damage: $(<err)"
rm -rf damaged
cp -r halfway damaged
flip damaged/*/seed-1/checkpoint.bin
flip damaged/*/seed-1/checkpoint.bin.prev
undisturbed damaged "after two damaged checkpoints"
grep -q 'checkpoint.bin.prev is damaged' err || fail "two damaged checkpoints: $(<err)"

mkdir -p elsewhere/deep
cp -r halfway "elsewhere/deep/another name"
undisturbed "elsewhere/deep/another name" "in a folder that was moved,"
echo 'damaged checkpoints, a moved folder: the same bytes'

# refused FILE WHAT STATUS WORDS: the run does not start, and the file stays as it is.
refused() {
    local before after
    before=$(sha256sum <"$1")
    run foreign
    after=$(sha256sum <"$1")
    [ $status = "$3" ] && grep -q "$4" err || fail "$2: exit $status, not $3: $(<err)"
    [ "$before" = "$after" ] || fail "$2 was replaced"
}
cp -r halfway foreign
file=(foreign/*/seed-1/checkpoint.bin)
"$simsiam" run configs/x.yaml --row without --scale s --seeds 1 --runs other --quiet || fail "the other row: $?"
cp other/*/seed-1/checkpoint.bin "${file[0]}"
refused "${file[0]}" "another run's checkpoint" 2 'a checkpoint of another run'
{ printf 'SSCKPT01\2\0\0\0\0\0\0\0' >body; openssl dgst -sha256 -binary <body | cat body -; } >"${file[0]}"
refused "${file[0]}" "another version's checkpoint" 2 'another version of the program wrote'
echo 'a checkpoint of another run or version: refused and kept'

# ---- two at one run -------------------------------------------------------------------------------------

cp -r configs long
sed -i 's/^epochs: .*/epochs: 5000/; s/^knn_every: .*/knn_every: 5000/' long/scale/s.yaml
"$simsiam" run long/x.yaml --row with --scale s --seeds 1 --threads 1 --runs long-runs --quiet &
first=$!
for _ in {1..100}; do [ -s long-runs/*/seed-1/metrics.jsonl ] && break; sleep 0.1; done
"$simsiam" run long/x.yaml --row with --scale s --seeds 1 --threads 1 --runs long-runs --quiet 2>err
status=$?
kill -KILL $first
{ wait $first; } 2>/dev/null
[ $status = 1 ] && grep -q "process $first on $(uname -n) is at this run" err || fail "a second: $status: $(<err)"
echo 'a second process: refused, the first is named'
