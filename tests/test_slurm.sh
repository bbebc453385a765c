#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_slurm.sh -- docs/slurm.sh and slurm_array.sh under a stand-in for Slurm: stopped, they requeue; called again,
# they go on.
#
# usage: test_slurm.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

script=$(realpath "$(dirname "$0")/../docs/slurm.sh") configs=$(realpath "$2")
SIMSIAM=$(realpath "$1")
export SIMSIAM
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "test_slurm.sh: $*" >&2; exit 1; }

bash -n "$script" || fail "not the shell's language"
grep -q '^#SBATCH.*--requeue' "$script" || fail "sbatch would not requeue it"
grep -q '^#SBATCH --signal=B:USR1@' "$script" || fail "no signal comes before the end"
mkdir bin
printf '#!/bin/sh\necho "$*" >>"%s/requeued"\n' "$work" >bin/scontrol
chmod +x bin/scontrol
export PATH=$work/bin:$PATH SLURM_JOB_ID=4711 SIMSIAM_PHASE_FILE=$work/phase

# Long enough not to end by itself before the signal.
cp -r "$configs" configs
sed -i 's/^epochs: .*/epochs: 60/; s/^knn_every: .*/knn_every: 60/; s/^probe_epochs: .*/probe_epochs: 1/' \
    configs/scale/test.yaml
job=("$script" configs/fig2_stopgrad.yaml --row with --scale test --seeds 1 --threads 1 --quiet)

for signal in USR1 TERM; do
    : >phase
    bash "${job[@]}" &
    pid=$!
    for _ in {1..200}; do grep -q train phase && break; sleep 0.05; done
    kill -s $signal $pid
    wait $pid
    status=$?
    [ $status = 75 ] || fail "told by $signal, the job ends with $status, not 75"
    [ "$(<requeued)" = 'requeue 4711' ] || fail "told by $signal, the job asks for: $(<requeued)"
    rm requeued
done
bash "${job[@]}" || fail "back from the queue, the job ends with $?"
[ -e requeued ] && fail "a finished job goes back into the queue"
ls runs/*/seed-1/summary.json >/dev/null || fail "the job is done and the run is not"
bash "${job[@]}" --row nosuch 2>/dev/null
[ $? = 2 ] || fail "a mistake is not the job's status"
[ -e requeued ] && fail "a mistake goes back into the queue"

# A task of an array asks for itself, told twice or not, and takes its own line of the list.
array=${script%.sh}_array.sh
bash -n "$array" || fail "not the shell's language: $array"
grep -q '^#SBATCH --signal=B:USR1@' "$array" || fail "no signal comes before an array's end"
mv configs "con 'figs"
"$SIMSIAM" plan "con 'figs/fig2_stopgrad.yaml" --scale test --seeds '2 1' --runs none --steps 1 --threads 1 --list \
    >list || fail "plan --list ends with $?"
[ "$(wc -l <list)" = 6 ] || fail "three rows and two seeds make: $(<list)"
sort -c -s -n -r -k 5 list || fail "not the longest first: $(<list)"
at=$(grep -n ' with 2 ' list | cut -d : -f 1)
export SLURM_ARRAY_JOB_ID=4711 SLURM_ARRAY_TASK_ID=$((at - 1 - 1)) OFFSET=1
job=("$array" list --scale test --runs array --threads 1 --quiet)
: >phase
bash "${job[@]}" &
pid=$!
for _ in {1..200}; do grep -q train phase && break; sleep 0.05; done
kill -s USR1 $pid
kill -s TERM $pid
wait $pid
status=$?
[ $status = 75 ] || fail "told twice, the task ends with $status, not 75"
[ "$(<requeued)" = "requeue 4711_$SLURM_ARRAY_TASK_ID" ] || fail "the task asks for: $(<requeued)"
rm requeued
bash "${job[@]}" || fail "back from the queue, the task ends with $?"
[ -e requeued ] && fail "a finished task goes back into the queue"
[ "$(echo array/*/seed-*/summary.json | sed 's/.*seed/seed/')" = seed-2/summary.json ] || fail "not the line's run"
OFFSET=1000 bash "${job[@]}" 2>/dev/null
[ $? = 2 ] || fail "a line that is not there is no mistake"

# A divergence is a result.
printf '#!/bin/sh\nexit 5\n' >bin/diverged
chmod +x bin/diverged
SIMSIAM=$work/bin/diverged bash "${job[@]}" || fail "a diverged task ends with $?"
echo 'test_slurm: requeued on 75 alone, an array by its own tasks'
