#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_slurm.sh -- docs/slurm.sh under a stand-in for Slurm: stopped, it requeues; called again, it goes on.
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
echo 'test_slurm: requeued on 75 alone'
