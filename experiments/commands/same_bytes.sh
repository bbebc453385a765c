#!/bin/bash
# SPDX-License-Identifier: MIT
#
# same_bytes.sh BUILD BASE JOBS [full] -- do the program in BUILD and that of the commit BASE compute
# the same bytes?
#
# Compared are metrics.jsonl, and the weights and statistics in the checkpoint, of rows that both have.
# By default each row's net and batch at scale quick, on synthetic images: two epochs of 20 steps, an evaluation
# whose last chunk is short, a warm-up; and the rows of $few by each other instruction set that this
# machine has.  `full`: every row at quick, two epochs of cifar10-small's, and check's, with seed 1.
# A line for each row, the first difference, exit 1 if there is one or if nothing was compared; else
# the lines that equal_codes.txt may take.
#
# TABLES and ISAS, if set, are the only tables and instruction sets (best: the one that the program
# chooses) looked at.  build-same/COMMIT/ keeps BASE's program and runs: a second call does not repeat
# them.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."
build=$(realpath "$1") base=$2 jobs=$3 kind=${4:-short}
seed=1 steps=20
few='fig2_stopgrad similarity expectation'      # every op of a step, in a few runs
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
        cmake --build "$kept/build" --parallel "$jobs" --target simsiam; } >"$kept/build.log" 2>&1 ||
        { tail -n 20 "$kept/build.log" >&2; die "BASE does not build"; }
fi
# What is now is run anew: a file that no hash covers may have changed its bytes.
rm -rf "$own"
mkdir -p "$own"
[ -d "$kept/configs" ] || cp -r "$kept/src/configs" "$kept/configs"
cp -r configs "$own/configs"
program() { case $1 in "$kept") echo "$kept/build/simsiam" ;; *) echo "$build/simsiam" ;; esac; }

# ---- which rows, at which scales -----------------------------------------------------------------

# scale_set FILE KEY VALUE...: keys of a scale's file, set.
scale_set() {
    local file=$1
    for ((shift = 2; shift < $#; shift += 2)); do
        local key=${!shift} next=$((shift + 1))
        grep -q "^$key:" "$file" || echo "$key: 0" >>"$file"
        sed -i "s|^$key:.*|$key: ${!next}|" "$file"
    done
}
# documents PROGRAM TABLE SCALE: the rows, as `config` prints them, those not run there left out.
documents() { "$(program "$1")" config "$1/configs/$2.yaml" --scale "$3" 2>/dev/null; }
# rows_of SIDE TABLE SCALE: "ROW BATCH" a line.
rows_of() {
    documents "$@" | awk '/^# .*: not run: / { row = ""; next }
                          /^# .*, row / { sub(/^.*, row /, ""); sub(/,.*/, ""); row = $0 }
                          /^batch: / && row != "" { print row, $2; row = "" }'
}
tables() {
    (cd "$1/configs" && grep -lE '^rows:' ./*.yaml) | sed 's,^\./,,; s,\.yaml$,,' |
        if [ -n "${TABLES:-}" ]; then grep -xE "${TABLES// /|}"; else cat; fi
}
is_study() { case $1 in check_* | select_* | study_*) true ;; *) false ;; esac; }

# points SIDE: "TABLE ROW SCALE", a line for each point to compare; makes the scales.
points() {
    local side=$1 table row batch scale quick=$1/configs/scale/quick.yaml
    if [ $kind = full ]; then
        cp "$side/configs/scale/cifar10-small.yaml" "$side/configs/scale/same-small.yaml"
        scale_set "$side/configs/scale/same-small.yaml" epochs 2 knn_every 1
    fi
    for table in $(tables "$side"); do
        if [ $kind = full ]; then
            [ $table != check_collapse ] || rows_of "$side" $table check |
                sed "s/^\([^ ]*\).*/$table \1 check/"
            is_study $table && continue
            for scale in quick same-small; do
                rows_of "$side" $table $scale | sed "s/^\([^ ]*\).*/$table \1 $scale/"
            done
            continue
        fi
        is_study $table && continue
        rows_of "$side" $table quick | while read -r row batch; do
            scale=same-$batch
            if [ ! -f "$side/configs/scale/$scale.yaml" ]; then
                cp "$quick" "$side/configs/scale/$scale.yaml"
                scale_set "$side/configs/scale/$scale.yaml" dataset synthetic train_count $((steps * batch + 3)) \
                    monitor_count 300 epochs 2 knn_every 1 warmup 0.3 probe_epochs 3
            fi
            echo "$table $row $scale"
        done
    done
}
# config_of SIDE TABLE ROW SCALE: the resolved config, whose SHA-256 finds the run.
config_of() { "$(program "$1")" config "$1/configs/$2.yaml" --scale "$4" --row "$3" | grep -v '^#'; }

# ---- running -------------------------------------------------------------------------------------

run_point() {          # run_point SIDE ROOT TABLE ROW SCALE
    local status=0
    "$(program "$1")" run "$1/configs/$3.yaml" --scale "$5" --row "$4" --seeds $seed --threads 1 --quiet \
        --runs "$2" 2>"$2.$3.$4.$5.log" || status=$?
    # A run that diverged has its bytes too.
    [ $status = 0 ] || [ $status = 5 ] || { cat "$2.$3.$4.$5.log" >&2; return 1; }
    rm "$2.$3.$4.$5.log"
}
export -f run_point program
export kept own build seed

# runs SIDE: "ISA TABLE ROW SCALE FOLDER" a line in SIDE/runs.txt, after all of them are run, each config once.
runs() {
    local side=$1 isa table row scale hash config
    points "$side" >"$side/points.txt"
    while read -r table row scale; do
        hash=$(config_of "$side" $table $row $scale | sha256sum)
        echo "$table $row $scale ${hash%% *}"
    done <"$side/points.txt" >"$side/hashed.txt"
    : >"$side/runs.txt"
    for isa in $isas; do
        local root=$side/$kind/$isa list=$side/$kind/$isa.txt
        mkdir -p "$root"
        if [ $isa = best ]; then
            cp "$side/hashed.txt" "$list"
        else
            grep -E "^(${few// /|}) " "$side/hashed.txt" >"$list"
        fi
        sort -u -k 4,4 "$list" | while read -r table row scale hash; do
            printf '%s\0' "$side" "$root" $table $row $scale
        done | SIMSIAM_ISA=${isa/best/} xargs -0 -r -n 5 -P "$jobs" bash -c 'run_point "$@"' _ ||
            die "a run failed"
        for config in "$root"/*/seed-$seed/config.yaml; do
            [ ! -f "${config%/*}/summary.json" ] || echo "$(sha256sum <"$config") $config"
        done | sed 's,  - , ,; s,/config.yaml$,,' >"$side/folders.txt"
        while read -r table row scale hash; do
            config=$(sed -n "s/^$hash //p" "$side/folders.txt" | head -n 1)
            [ -n "$config" ] || die "$table/$row at $scale ($isa): no run of it in $root"
            printf '%s\t%s\n' "$isa $table/$row $scale" "$config"
        done <"$list" >>"$side/runs.txt"
    done
}

isas=best          # the one that the program chooses
if [ -n "${ISAS:-}" ]; then
    isas=$ISAS
elif [ $kind = short ]; then
    chosen=$("$build/simsiam" info | sed -n 's/^kernels *\([^ ,]*\).*/\1/p')
    for isa in plain avx2 avx512 avx512-bf16; do
        [ $isa != "$chosen" ] || continue
        ! SIMSIAM_ISA=$isa "$build/simsiam" info >/dev/null 2>&1 || isas+=" $isa"
    done
fi
echo "instruction sets: $isas"
runs "$kept"
runs "$own"

# ---- comparing -----------------------------------------------------------------------------------

weights() { "$build/blob_hash" "$1/checkpoint.bin" weights statistics; }
compared=0
: >"$own/codes.txt"
while IFS=$'\t' read -r point folder; do
    other=$(awk -F'\t' -v point="$point" '$1 == point { print $2 }' "$own/runs.txt")
    [ -n "$other" ] || { echo "gone  $point"; continue; }
    cmp "$folder/metrics.jsonl" "$other/metrics.jsonl" || die "$point: other numbers"
    was=$(weights "$folder") && is=$(weights "$other") || die "$point: no weights to compare"
    [ "$was" = "$is" ] || die "$point: other weights"$'\n'"$was"$'\n'"$is"
    echo "same  $point"
    compared=$((compared + 1))
    sed -n 's/.*"code_hash": "\(.*\)".*/\1/p' "$folder/summary.json" "$other/summary.json" |
        xargs >>"$own/codes.txt"
done <"$kept/runs.txt"
[ $compared -gt 0 ] || die "nothing was compared"
echo "$compared runs compared, all of the same bytes as $commit"
# A part shows nothing of the rest.
[ -z "${TABLES:-}${ISAS:-}" ] || exit 0
echo "for experiments/methods/equal_codes.txt:"
sort -u "$own/codes.txt" | sed "s/\$/ same-bytes${kind:+, $kind}, BASE=${commit:0:7}/"
