#!/bin/bash
# SPDX-License-Identifier: MIT
#
# real_runs.sh -- the runs of the detector's protocol as the detector and other tools measure them: FOLDER/real.csv
# and real.md, how often each finds a planted collapse and accuses a healthy run.
#
# usage: real_runs.sh SIMSIAM FOLDER CHOOSING_SEEDS TESTING_SEEDS CASES_SEEDS
#        (after make -f Makefile.repro detector-runs)
#
# From every run's checkpoint come z at rest and of two standard views of the monitor images; `check --others`
# measures them.  Other tools give a number and no verdict: each gets the threshold that parts the choosing half
# best (detection less false alarm, of all planted and of all healthy runs), and is tested on the testing half as
# the detector is.
set -eu
export LC_ALL=C

simsiam=$1 folder=$2 choosing=$3 testing=$4 cases=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# number NAME: what stands under it in the verdict's JSON; empty for null.
number() { sed -n "s/^ *\"$1\": \(-\{0,1\}[0-9][0-9.e+-]*\),\{0,1\}$/\1/p" "$work/verdict"; }
# one HALF CONFIG SEED ROW: a line.
one() {
    local truth=healthy
    case $1,$4 in cases,*) truth= ;; *,plant-*) truth=collapsed ;; *,few-*) truth=dimensional ;; esac
    local end=0
    "$simsiam" eval "$2" --row "$4" --scale "$scale" --seed "$3" --outputs "$work/z" >/dev/null || end=$?
    [ $end != 0 ] || "$simsiam" check --views "$work/z/z1.npy" "$work/z/z2.npy" --rest "$work/z/z.npy" --others \
        --json --fail-on none >"$work/verdict" || end=$?
    case $end in
    0) ;;
    5) printf '%s,%s,%s,%s,diverged,,,,,,,,,\n' "$1" "$4" "$3" "$truth"; return ;;
    *) exit "$end" ;;
    esac
    printf '%s,%s,%s,%s,%s' "$1" "$4" "$3" "$truth" "$(sed -n 's/^ *"verdict": "\(.*\)",$/\1/p' "$work/verdict")"
    local name
    for name in samples features std_sqrtd view_share rank level rankme lidar alpha_req; do
        printf ',%s' "$(number $name)"
    done
    echo
}

{
    echo half,row,seed,truth,grade,samples,features,std_sqrtd,view_share,rank,level,rankme,lidar,alpha_req
    for half in choose test cases; do
        config=configs/detector_$half.yaml
        case $half in
        choose) seeds=$choosing scale=detector ;;
        test) seeds=$testing scale=detector ;;
        cases) seeds=$cases scale=detector-cases ;;
        esac
        for row in $(sed -nE 's/^  - (\{ )?name: ([^,} ]*).*/\2/p' "$config"); do
            for seed in $seeds; do one $half "$config" "$seed" "$row"; done
        done
    done
} >"$work/real.csv"
mv "$work/real.csv" "$folder/real.csv"
awk -f experiments/commands/real_runs.awk "$folder/real.csv" >"$work/real.md"
grep -q '^Thresholds: ' "$work/real.md"
mv "$work/real.md" "$folder/real.md"
