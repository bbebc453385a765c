#!/bin/bash
# SPDX-License-Identifier: MIT
#
# slurm.sh -- a table's runs as one job that requeues itself: sbatch docs/slurm.sh configs/fig2_stopgrad.yaml
#
#SBATCH --job-name=simsiam
#SBATCH --ntasks=1 --cpus-per-task=8 --time=04:00:00
#SBATCH --requeue --open-mode=append
# Two minutes before the time is up, to this script alone: a step and a checkpoint take seconds.
#SBATCH --signal=B:USR1@120
#
# The program ends with 75 when it was stopped after a checkpoint; the same command goes on from there, so the job
# goes back into the queue, as often as it takes.  Every other status is the job's own: 0 is done.
set -u

simsiam=${SIMSIAM:-build/simsiam}

# Slurm signals the script, not what it has started, and may do so twice, or again right after a restart, before the
# program listens: until then it is ignored, by the program too.  Only the first is passed on: a second one
# would end the program without its last checkpoint.
trap '' USR1 TERM
"$simsiam" run "${1:?an experiment, like configs/fig2_stopgrad.yaml}" "${@:2}" --jobs 1 &
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
    job=$SLURM_JOB_ID
    [ -z "${SLURM_ARRAY_JOB_ID-}" ] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    scontrol requeue "$job" || exit
fi
exit "$status"
