#!/bin/bash
# SPDX-License-Identifier: MIT
#
# same_bytes.sh BUILD BASE JOBS [full] -- do the program in BUILD and that of the commit BASE
# compute the same bytes?
#
# Compared of each run: metrics.jsonl, the weights and statistics in the checkpoint, and the
# summary's probe, data and state.  Seed 1; rows of equal settings are one run.
#
# By default every row that both have at scale quick, by each instruction set of this machine, in
# minutes: quick's net, batch (up to 1024), precision and augmentation, on synthetic images; two
# epochs of 20 steps each, a warm-up and a rate that falls, an evaluation whose last chunk is short.
# Images are of 4x4, the least that the net survives: rows differ in heads, pairs, targets and
# batch, which see no image.  $whole, whose backbone is every row's, is also run on quick's 16x16.
#
# `full`: every row at quick, two epochs of cifar10-small's, and check's, by the instruction set
# that the program chooses; hours.
#
# A line for each run, as soon as it is known; exit 1 if bytes differ, a run failed or it was
# stopped (then what was compared is told, and is a part); else the lines that equal_codes.txt may
# take.
#
# TABLES and ISAS, if set, are the only tables and instruction sets looked at.  build-same/COMMIT/
# keeps BASE's program and its runs, build-same/own those of this one while it is the same file: a
# second call makes no finished run again.  `full` looks for BASE's in build-same/COMMIT/runs-full,
# which may be a link to a folder of runs that BASE made, and begins with those.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."
build=$(realpath "$1") base=$2 jobs=$3 kind=${4:-short}
seed=1 steps=20
whole=fig2_stopgrad/with
die() { echo "same_bytes.sh: $*" >&2; exit 1; }

commit=$(git rev-parse --verify --quiet "$base^{commit}") || die "BASE=$base is no commit"
kept=$PWD/build-same/$commit own=$PWD/build-same/own
mkdir -p "$kept"

# ---- the two programs ----------------------------------------------------------------------------

if [ ! -x "$kept/build/simsiam" ]; then
    echo "building $commit in build-same/ (once)"
    rm -rf "$kept/src"
    mkdir -p "$kept/src"
    git archive "$commit" | tar -x -C "$kept/src"
    { cmake -S "$kept/src" -B "$kept/build" -DBUILD_TESTING=OFF &&
        cmake --build "$kept/build" --parallel "$jobs" --target simsiam
    } >"$kept/build.log" 2>&1 ||
        { tail -n 20 "$kept/build.log" >&2; die "BASE does not build"; }
fi
# Only runs of this very program are kept: a file that no hash covers may have changed its bytes.
is=$(sha256sum <"$build/simsiam")
[ "$is" = "$(cat "$own/program" 2>/dev/null)" ] || rm -rf "$own"
mkdir -p "$own"
echo "$is" >"$own/program"
rm -rf "$own/configs" "$kept/configs"
cp -r "$kept/src/configs" "$kept/configs"
cp -r configs "$own/configs"
program() { case $1 in "$kept") echo "$kept/build/simsiam" ;; *) echo "$build/simsiam" ;; esac; }

# ---- which rows, at which scales -----------------------------------------------------------------

# scale_make SIDE NAME FROM KEY VALUE...: a scale's file, another one's with keys set.
scale_make() {
    local file=$1/configs/scale/$2.yaml
    cp "$1/configs/scale/$3.yaml" "$file"
    for ((shift = 4; shift < $#; shift += 2)); do
        local key=${!shift} next=$((shift + 1))
        grep -q "^$key:" "$file" || echo "$key: 0" >>"$file"
        sed -i "s|^$key:.*|$key: ${!next}|" "$file"
    done
}
# rows_of SIDE TABLE SCALE: "ROW BATCH" a line, those not run there left out.
rows_of() {
    "$(program "$1")" config "$1/configs/$2.yaml" --scale "$3" 2>/dev/null |
        awk '/^# .*: not run: / { row = ""; next }
             /^# .*, row / { sub(/^.*, row /, ""); sub(/,.*/, ""); row = $0 }
             /^batch: / && row != "" { print row, $2; row = "" }'
}
tables() {
    (cd "$kept/configs" && grep -lE '^rows:' ./*.yaml) | sed 's,^\./,,; s,\.yaml$,,' |
        if [ -n "${TABLES:-}" ]; then grep -xE "${TABLES// /|}"; else cat; fi
}
is_study() { case $1 in check_* | select_* | study_*) true ;; *) false ;; esac; }

# scales_short BATCH: the scales same-BATCH and whole-BATCH of both sides.
scales_short() {
    local side
    for side in "$kept" "$own"; do
        [ ! -f "$side/configs/scale/same-$1.yaml" ] || continue
        scale_make "$side" "whole-$1" quick dataset synthetic train_count $((steps * $1 + 3)) \
            monitor_count 131 epochs 2 knn_every 1 warmup 0.3 probe_epochs 1
        scale_make "$side" "same-$1" "whole-$1" image_size 4
    done
}
# points: "STEPS TABLE ROW SCALE", a line for each row and scale to compare; makes the scales.
points() {
    local table row batch scale
    if [ $kind = full ]; then
        scale_make "$kept" same-small cifar10-small epochs 2 knn_every 1
        scale_make "$own" same-small cifar10-small epochs 2 knn_every 1
        for table in $(tables); do
            for scale in quick same-small check; do
                case $table,$scale in
                    check_collapse,check) ;;
                    *,check) continue ;;
                    *) ! is_study $table || continue ;;
                esac
                rows_of "$kept" $table $scale | while read -r row batch; do
                    echo "1 $table $row $scale"
                done
            done
        done
        return
    fi
    for table in $(tables); do
        ! is_study $table || continue
        rows_of "$kept" $table quick | while read -r row batch; do
            scales_short $batch
            echo "$batch $table $row same-$batch"
            [ $table/$row != $whole ] || echo "$((4 * batch)) $table $row whole-$batch"
        done
    done
}
# config_of SIDE TABLE ROW SCALE: the resolved config, nothing if there is no such row.
config_of() {
    "$(program "$1")" config "$1/configs/$2.yaml" --scale "$4" --row "$3" 2>/dev/null |
        grep -v '^#' || :
}

# ---- one run of each side ------------------------------------------------------------------------

root_of() {           # root_of SIDE ISA
    case $kind,$1 in full,"$kept") echo "$kept/runs-full" ;; *) echo "$1/$kind/$2" ;; esac
}
# run_find ROOT CONFIG: the folder of the finished run of that config.
run_find() {
    local config
    for config in "$1"/*/seed-$seed/config.yaml; do
        [ -f "${config%/*}/summary.json" ] || continue
        [ "$(cat "$config")" != "$2" ] || { echo "${config%/*}"; return; }
    done
    return 1
}
# run_make SIDE ISA TABLE ROW SCALE: the folder of its run, made if it is not there.
run_make() {
    local root status=0 config log
    root=$(root_of "$1" "$2")
    config=$(config_of "$1" "$3" "$4" "$5")
    mkdir -p "$root"
    ! run_find "$root" "$config" || return 0
    log=$own/$2.$3.$4.$5.log
    SIMSIAM_ISA=${2/best/} "$(program "$1")" run "$1/configs/$3.yaml" --scale "$5" --row "$4" \
        --seeds $seed --threads 1 --quiet --runs "$root" >/dev/null 2>"$log" || status=$?
    # A run that diverged has its bytes too.
    [ $status = 0 ] || [ $status = 5 ] || { cat "$log" >&2; return 1; }
    run_find "$root" "$config"
}
# What of a summary the bytes of the run decide, beside metrics.jsonl.
summary_part() { grep -E '"(linear|state|data_hash)":' "$1/summary.json" | sed 's/,$//'; }
# pair ISA TABLE ROW SCALE: both sides' run, compared; a line in results.txt.
pair() {
    local point="$2/$3 $4 $1" a b was is said=same
    local began=$SECONDS
    a=$(run_make "$kept" "$@") && b=$(run_make "$own" "$@") || said='FAILED, not run:'
    if [ "$said" != same ]; then
        :
    elif ! cmp "$a/metrics.jsonl" "$b/metrics.jsonl" >&2; then
        said='OTHER numbers:'
    elif ! was=$("$build/blob_hash" "$a/checkpoint.bin" weights statistics) ||
        ! is=$("$build/blob_hash" "$b/checkpoint.bin" weights statistics); then
        said='FAILED, no weights:'
    elif [ "$was" != "$is" ]; then
        said='OTHER weights:'
    elif [ "$(summary_part "$a")" != "$(summary_part "$b")" ]; then
        said='OTHER summary:'
    else
        sed -n 's/.*"code_hash": "\(.*\)".*/\1/p' "$a/summary.json" "$b/summary.json" |
            xargs >>"$own/codes.txt"
    fi
    echo "$said $point ($((SECONDS - began)) s)" | tee -a "$own/results.txt"
}
export -f pair run_make run_find root_of summary_part program config_of
export kept own build seed kind

# ---- all of them ---------------------------------------------------------------------------------

isas=${ISAS:-best}     # best: what the program chooses
if [ $kind = short ] && [ -z "${ISAS:-}" ]; then
    isas=
    for isa in plain avx2 avx512 avx512-bf16; do
        ! SIMSIAM_ISA=$isa "$build/simsiam" info >/dev/null 2>&1 || isas+=" $isa"
    done
fi
points >"$own/points.txt"
[ -s "$own/points.txt" ] || die "no rows to compare"
while read -r weight table row scale; do
    was=$(config_of "$kept" $table $row $scale)
    is=$(config_of "$own" $table $row $scale)
    [ -n "$is" ] || { echo "gone $table/$row $scale" >&2; continue; }
    [ $kind != full ] || ! run_find "$kept/runs-full" "$was" >/dev/null || weight=2
    hash=$(printf '%s\n' "$was" "$is" | sha256sum)
    for isa in $isas; do echo "$weight $isa $table $row $scale ${hash%% *}"; done
done <"$own/points.txt" | sort -s -k 1,1nr >"$own/all.txt"
awk '!seen[$2, $6]++ { print $2, $3, $4, $5 }' "$own/all.txt" >"$own/runs.txt"
rows=$(cut -d ' ' -f 3,4 "$own/all.txt" | sort -u | wc -l)
n=$(wc -l <"$own/runs.txt")
echo "$rows rows, by $(echo $isas): $n runs of $commit and of this code"

# In a group of their own, so that what stops this script stops the runs.
: >"$own/results.txt"
: >"$own/codes.txt"
stopped=
set -m
xargs -L 1 -P "$jobs" bash -c 'pair "$@"' _ <"$own/runs.txt" &
workers=$!
set +m
trap 'stopped=1; kill -TERM -- -$workers 2>/dev/null' INT TERM HUP
while kill -0 $workers 2>/dev/null; do wait $workers || :; done

same=$(grep -c '^same ' "$own/results.txt" || :)
grep -v '^same ' "$own/results.txt" >&2 || :
echo "$same of $n runs have the same bytes as $commit ($SECONDS s)"
[ -z "$stopped" ] || die "stopped: a part"
[ "$same" = "$n" ] || die "not shown equal"
[ -z "${TABLES:-}${ISAS:-}" ] || { echo "a chosen part: no line for equal_codes.txt"; exit; }
echo "for experiments/methods/equal_codes.txt:"
sort -u "$own/codes.txt" |
    awk -v what="same-bytes, $kind, BASE=${commit:0:7}" '$1 != $2 { print $0, what }'
