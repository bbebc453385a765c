#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fuzz.sh -- builds every target in tests/fuzz and runs each over its corpus and what grows out of it.
#
# usage: fuzz.sh BUILD SECONDS JOBS
#
# What grows is kept in BUILD/grown, where the next call takes it up.  A finding ends everything with its report;
# the input lies in BUILD/found, and belongs into the corpus with its mending.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$1 seconds=$2 jobs=$3
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: SECONDS=$seconds is not a number from 1" >&2; exit 2; }
cmake -S . -B "$build" -DFUZZ=ON -DWERROR=ON -DBUILD_TESTING=OFF -DCMAKE_C_COMPILER=clang >/dev/null
cmake --build "$build" --target fuzzers --parallel "$jobs"

mkdir -p "$build/found"
log=$build/fuzz.log
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c) name=${name#fuzz_}
    mkdir -p "$build/grown/$name"
    # What a reader says of wrong input would fill the log; libFuzzer's own report is not silenced by this.
    if ! "$build/fuzz_$name" -close_fd_mask=2 -print_final_stats=1 -max_total_time="$seconds" \
        -artifact_prefix="$build/found/$name-" "$build/grown/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "fuzz: a finding in $name: $build/found" >&2
        exit 1
    fi
    sed -n "s/^stat::number_of_executed_units: *//p" "$log" | xargs printf '%-12s %10s inputs, no finding\n' "$name"
done
