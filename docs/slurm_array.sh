#!/bin/bash
# SPDX-License-Identifier: MIT
#
# slurm_array.sh -- a task for each line of a list of runs; it requeues itself until its run is done:
#
#   simsiam plan configs/*.yaml --scale cifar10 --list >list
#   sbatch --array=0-$(($(wc -l <list) - 1))%16 docs/slurm_array.sh list --scale cifar10
#
# Task i makes line i, from 0; with OFFSET=1000 in the environment line 1000 + i, for a list longer than a site's
# MaxArraySize.  What follows the list are options of `simsiam run`; --scale and --runs are those of the plan.
#
#SBATCH --job-name=simsiam
#SBATCH --ntasks=1 --cpus-per-task=8 --time=04:00:00
#SBATCH --requeue --open-mode=append
# Two minutes before the time is up, to this script alone: a step and a checkpoint take seconds.
#SBATCH --signal=B:USR1@120
#
# 75: stopped after a checkpoint, back into the queue.  5: diverged, which is a result, and the task is done.
set -u

simsiam=${SIMSIAM:-build/simsiam} list=${1:?a list, by: simsiam plan FILE... --list}
line=$((${OFFSET:-0} + ${SLURM_ARRAY_TASK_ID:?no task of an array: sbatch --array=0-N}))
mapfile -d '' -t word < <(sed -n "$((line + 1))p" "$list" | xargs -r printf '%s\0')
if [ ${#word[@]} != 4 ]; then
    echo "slurm_array.sh: $list: line $line, from 0, is no FILE ROW SEED SECONDS" >&2
    exit 2
fi

# Slurm signals the script, not what it has started, and may do so twice, or again right after a restart, before the
# program listens: until then it is ignored, by the program too.  Only the first is passed on: a second one
# would end the program without its last checkpoint.
trap '' USR1 TERM
"$simsiam" run "${word[0]}" --row "${word[1]}" --seeds "${word[2]}" "${@:2}" &
program=$!
told=0 woken=1
trap 'woken=1; [ $told = 1 ] || kill -s USR1 $program; told=1' USR1 TERM

# A signal ends a `wait`, so there is another one behind it.
while [ $woken = 1 ]; do
    woken=0
    wait $program
    status=$?
done

if [ "$status" = 75 ]; then
    echo "stopped after a checkpoint; back into the queue"
    # An array's last task has the array's own number: by that, finished tasks would be made again, too.
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" || exit
fi
[ "$status" = 5 ] && exit 0
exit "$status"
