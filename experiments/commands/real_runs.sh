#!/bin/bash
# SPDX-License-Identifier: MIT
#
# real_runs.sh -- the runs of the detector's protocol as the detector and other tools measure them: FOLDER/real.csv
# and real.md, how often each finds a planted collapse and accuses a healthy run.
#
# usage: real_runs.sh SIMSIAM JOBS FOLDER CHOOSING_SEEDS TESTING_SEEDS CASES_SEEDS
#        (after make -f Makefile.repro detector-runs)
#
# From every run's checkpoint come z at rest and of two standard views of the monitor images; `check --others`
# measures them.  Other tools give a number and no verdict: each gets the threshold that parts the choosing half
# best (detection less false alarm, of all planted and of all healthy runs), and is tested on the testing half as
# the detector is.
set -eu
export LC_ALL=C

simsiam=$1 jobs=$2 folder=$3 choosing=$4 testing=$5 cases=$6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# number NAME: what stands under it in the verdict's JSON; empty for null.
number() { sed -n "s/^ *\"$1\": \(-\{0,1\}[0-9][0-9.e+-]*\),\{0,1\}$/\1/p" "$at/verdict"; }
# one N HALF SCALE SEED ROW: a line, in a file of its own.
one() {
    local at=$work/$1 config=configs/detector_$2.yaml truth=healthy end=0 name
    case $2,$5 in cases,*) truth= ;; *,plant-*) truth=collapsed ;; *,few-*) truth=dimensional ;; esac
    mkdir "$at"
    "$simsiam" eval "$config" --row "$5" --scale "$3" --seed "$4" --threads 1 --outputs "$at" >"$at/said" || end=$?
    [ $end != 0 ] || "$simsiam" check --views "$at/z1.npy" "$at/z2.npy" --rest "$at/z.npy" --others --threads 1 \
        --json --fail-on none >"$at/verdict" || end=$?
    case $end in
    0)
        printf '%s,%s,%s,%s,%s' "$2" "$5" "$4" "$truth" "$(sed -n 's/^ *"verdict": "\(.*\)",$/\1/p' "$at/verdict")"
        for name in samples features std_sqrtd view_share rank level rankme lidar alpha_req; do
            printf ',%s' "$(number $name)"
        done
        echo
        ;;
    5) printf '%s,%s,%s,%s,diverged,,,,,,,,,\n' "$2" "$5" "$4" "$truth" ;;
    *) return 255 ;;                           # ends xargs
    esac >"$work/$1.csv"
    rm -r "$at"
}
export -f number one
export simsiam work

n=1000
for half in choose test cases; do
    case $half in
    choose) seeds=$choosing scale=detector ;;
    test) seeds=$testing scale=detector ;;
    cases) seeds=$cases scale=detector-cases ;;
    esac
    for row in $(sed -nE 's/^  - (\{ )?name: ([^,} ]*).*/\2/p' "configs/detector_$half.yaml"); do
        for seed in $seeds; do echo $((n += 1)) $half $scale "$seed" "$row"; done
    done
done >"$work/tasks"
xargs -P "$jobs" -L 1 bash -c 'one "$@"' one <"$work/tasks"
{
    echo half,row,seed,truth,grade,samples,features,std_sqrtd,view_share,rank,level,rankme,lidar,alpha_req
    cat "$work"/[0-9]*.csv
} >"$work/real.csv"
[ "$(wc -l <"$work/real.csv")" = $(($(wc -l <"$work/tasks") + 1)) ]
mv "$work/real.csv" "$folder/real.csv"
awk -f experiments/commands/real_runs.awk "$folder/real.csv" >"$work/real.md"
grep -q '^Thresholds: ' "$work/real.md"
mv "$work/real.md" "$folder/real.md"
