#!/bin/bash
# SPDX-License-Identifier: MIT
#
# no_device.sh SIMSIAM-CUDA CONFIGS -- without a card the program says so and ends with 1 where it would compute,
# and does all else; with one there is nothing to see.
set -uo pipefail
program=$(realpath "$1") configs=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fig2=$configs/fig2_stopgrad.yaml

said=$("$program" info 2>&1 >/dev/null)
status=$?
[ $status = 0 ] && { echo 'a device is here: skipped'; exit 77; }
if [ $status != 1 ] || [[ $said != *'no CUDA device'*'try simsiam'*'not yet run on a device'* ]]; then
    echo "not ok: status $status, and: $said" >&2
    exit 1
fi
# Nothing is computed here, so nothing may ask for a device.
while read -r wanted command; do
    said=$("$program" $command 2>&1 >/dev/null)
    status=$?
    if [ $status != "$wanted" ] || [[ $said == *'CUDA device'* ]]; then
        echo "not ok: $command: status $status, not $wanted, and: $said" >&2
        exit 1
    fi
done <<COMMANDS
0 config $fig2
0 table $fig2 --runs runs --results results
0 report --configs $configs --runs runs --results results
3 check --experiment $configs/check_collapse.yaml --scale check --runs runs
0 data verify synthetic
COMMANDS
# A run that cannot be made leaves no folder behind.
"$program" run "$fig2" --scale quick --seeds 1 --quiet 2>/dev/null
[ $? = 1 ] && [ ! -e runs ] && exit
echo 'not ok: a run without a device is not refused, or leaves a folder' >&2
exit 1
