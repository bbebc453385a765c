#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_metrics.sh -- docs/metrics.md names each key of metrics.jsonl, and no other; the same numbers go to
# TensorBoard.
#
# usage: test_metrics.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

. "$here/given.bash"

ln -s "$configs"/* .
printf '%s\n' 'rows:' '  - { name: one }' >x.yaml
given run x.yaml --row one --scale test --seeds 1 --threads 1 --quiet; ends 0
run=$(echo runs/*/seed-1)

# ---- the format's page -------------------------------------------------------------------------------------

# in_page HEADING: the keys of the table below it.
in_page() { sed -n "/^## $1\$/,/^## /s/^| \`\([a-z_0-9]*\)\` |.*/\1/p" "$here/../docs/metrics.md" | sort; }
keys() { grep -o '"[a-z_0-9]*":' | tr -d '":' | sort -u; }
diff <(keys <"$run/metrics.jsonl") <(in_page 'metrics.jsonl') >log ||
    fail "keys of metrics.jsonl (<) and of docs/metrics.md (>): $(<log)"
diff <(keys <"$run/timing.jsonl") <(in_page 'timing.jsonl') >log ||
    fail "keys of timing.jsonl (<) and of docs/metrics.md (>): $(<log)"
diff <(keys <"$run/summary.json" | grep -vxF "$(in_page 'metrics.jsonl')") \
    <(in_page 'summary.json') >log || fail "keys of summary.json (<) and of docs/metrics.md (>): $(<log)"

# ---- TensorBoard -------------------------------------------------------------------------------------------

given export "$run" --tensorboard 'board/o ne'; ends 0 'board/o ne: ' ' numbers of '
events=$(echo board/o\ ne/events.out.tfevents.*.simsiam)
cp "$events" first
given export "$run/checkpoint.bin" --tensorboard 'board/o ne'; ends 0
cmp -s "$events" first || fail 'exported twice, other bytes'
if command -v python3 >/dev/null; then
    for python in python3 ${PYTHON:+"$PYTHON"}; do
        "$python" "$here/read_events.py" "$events" "$run/metrics.jsonl" "$run/summary.json" >log 2>&1 ||
            fail "$python: $(<log)"
        echo "$python: $(tr '\n' ';' <log)"
    done
else
    echo 'no Python here: the events were not read'
fi
# A run under way has the epochs that it has.
cp -r "$run" half
rm half/summary.json half/metrics.sha256
head -n 2 "$run/metrics.jsonl" >half/metrics.jsonl
given export half --tensorboard halfway; ends 0 ' numbers of half'
[ "$(stat -c %s halfway/*)" -lt "$(stat -c %s first)" ] || fail 'a run under way has as many numbers'
given export nowhere --tensorboard none; ends 2 'nowhere: no epoch of a run is there'
[ ! -e none ] || fail 'what was refused left a folder'
: >file
given export "$run" --tensorboard file/board; ends 1 'cannot make file/board'
given export "$run"; ends 2 'or --tensorboard DIR'
given export "$run" --tensorboard early --to early.bin; ends 2 "read by its name's end"
[ ! -e early ] || fail 'written before a mistake was told'

[ $failed = 0 ] && echo 'test_metrics: as written'
exit $failed
