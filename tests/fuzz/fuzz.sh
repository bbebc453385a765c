#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fuzz.sh -- builds every target in tests/fuzz and runs each over its corpus and what grows out of it.
#
# usage: fuzz.sh BUILD SECONDS JOBS
#
# JOBS targets run at a time, SECONDS each.  What grows is kept in BUILD/grown, where the next call takes it up.  A
# finding is reported and starts no further target; the input lies in BUILD/found, and belongs into the corpus with
# its mending.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.."

build=$1 seconds=$2 jobs=$3
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: SECONDS=$seconds is not a number from 1" >&2; exit 2; }
cmake -S . -B "$build" -DFUZZ=ON -DWERROR=ON -DBUILD_TESTING=OFF -DCMAKE_C_COMPILER=clang >/dev/null
cmake --build "$build" --target fuzzers --parallel "$jobs"

mkdir -p "$build/found"

# fuzz NAME: what a reader says of wrong input would fill the log; libFuzzer's own report is not silenced by this.
fuzz() {
    trap 'exit 130' INT                        # a Ctrl-C is no finding
    local log=$build/fuzz_$1.log
    mkdir -p "$build/grown/$1"
    if ! "$build/fuzz_$1" -close_fd_mask=2 -print_final_stats=1 -max_total_time="$seconds" \
        -artifact_prefix="$build/found/$1-" "$build/grown/$1" "tests/fuzz/corpus/$1" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "fuzz: a finding in $1: $build/found" >&2
        return 1
    fi
    # The second line is of the processes that this shell has waited for; not to be asked in a shell of its own.
    times >>"$log"
    printf '%-12s %10s inputs, %4s CPU seconds, no finding\n' "$1" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(tail -n 1 "$log" | awk -F '[ms ]' '{ print int(60 * $1 + $2 + 60 * $4 + $5) }')"
}

running=0 status=0
for source in tests/fuzz/fuzz_*.c; do
    if [ $running = "$jobs" ]; then
        wait -n || status=1
        running=$((running - 1))
    fi
    [ $status = 0 ] || break
    name=$(basename "$source" .c)
    fuzz "${name#fuzz_}" &
    running=$((running + 1))
done
while [ $running -gt 0 ]; do
    wait -n || status=1
    running=$((running - 1))
done
exit $status
