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
"$simsiam" run "${1:?an experiment, like configs/fig2_stopgrad.yaml}" "${@:2}" --jobs 1 &
program=$!

# Slurm signals the script, not what it has started.  A signal ends a `wait`, so there is another one behind it.
told=0
trap 'told=1; kill -s USR1 $program' USR1 TERM
wait $program
status=$?
while [ $told = 1 ]; do
    told=0
    wait $program
    status=$?
done

if [ $status = 75 ]; then
    echo "stopped after a checkpoint; back into the queue"
    scontrol requeue "$SLURM_JOB_ID" || exit
fi
exit $status
