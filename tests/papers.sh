#!/bin/bash
# SPDX-License-Identifier: MIT
#
# papers.sh -- what lies in a run's folder when it is to go on: torn papers are written again, a lock
# that is not ours is left alone, another instruction set is told and noted.
#
# usage: papers.sh SIMSIAM CONFIG_DIR SHIM
set -u
export LC_ALL=C

# A sanitizer's own library wants to be the first of all, and does without.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0

simsiam=$(realpath "$1") configs=$(realpath "$2") shim=$(realpath "$3")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "papers.sh: $*" >&2; exit 1; }

run() {              # run ROOT: `status` and the file `err`
    "$simsiam" run "$configs/fig2_stopgrad.yaml" --row with --scale test --seeds 1 --threads 1 --quiet \
        --runs "$1" 2>err
    status=$?
}
run calm
[ $status = 0 ] || fail "the undisturbed run: $(<err)"
calm=(calm/*/seed-1)
again() {            # a run that ended but for its summary, in `it`
    rm -rf it
    cp -r calm it
    it=(it/*/seed-1)
    rm "${it[0]}/summary.json"
}
same() {
    local file
    for file in metrics.jsonl summary.json checkpoint.bin config.yaml; do
        cmp "${calm[0]}/$file" "${it[0]}/$file" || fail "$1: $file differs"
    done
}

# ---- papers --------------------------------------------------------------------------------------

again
run it
[ $status = 0 ] && [ ! -s err ] || fail "going on: exit $status: $(<err)"
cmp "${calm[0]}/provenance.json" "${it[0]}/provenance.json" || fail 'whole papers are written again'
for torn in config.yaml provenance.json; do
    for how in empty gone half; do
        again
        case $how in
        empty) : >"${it[0]}/$torn" ;;
        gone) rm "${it[0]}/$torn" ;;
        half) head -c 100 "${calm[0]}/$torn" >"${it[0]}/$torn" ;;
        esac
        run it
        [ $status = 0 ] && grep -q "$torn is torn: it is written again" err ||
            fail "$torn $how: exit $status: $(<err)"
        same "$torn $how"
        diff <(grep -v '"started"' "${calm[0]}/provenance.json") \
            <(grep -v '"started"' "${it[0]}/provenance.json") || fail "$torn $how: provenance.json differs"
    done
done

# ---- the lock ------------------------------------------------------------------------------------

# refused WHAT WORDS: the run does not start, and the victim stays as it is.
refused() {
    run it
    [ $status = 1 ] && grep -q "$2" err || fail "$1: exit $status: $(<err)"
    [ "$(<victim)" = precious ] || fail "$1: the file is written over"
}
again
rm "${it[0]}/lock"
echo precious >victim
ln -s "$work/victim" "${it[0]}/lock"
refused 'a link for a lock' 'lock is a link, which no lock is'
rm "${it[0]}/lock"
ln victim "${it[0]}/lock"
refused 'another file for a lock' 'lock is no lock that a run has written'
rm "${it[0]}/lock"
mkfifo "${it[0]}/lock"
refused 'a FIFO for a lock' 'lock is no lock that a run has written'

again
begun=$SECONDS
LD_PRELOAD=$shim FAULT_ROOT=$work/it FAULT_KIND=ENOLCK FAULT_AT=1 FAULT_LOG=log run "$work/it"
[ $status = 1 ] && grep -q 'cannot lock .*/lock: No locks available' err ||
    fail "no locks: exit $status: $(<err)"
[ $((SECONDS - begun)) -lt 4 ] || fail 'no locks: waited for another process'

# ---- the instruction set -------------------------------------------------------------------------

SIMSIAM_ISA=plain run plain
[ $status = 0 ] || fail "with plain C: exit $status: $(<err)"
rm plain/*/seed-1/summary.json
run plain
[ $status = 0 ] || fail "going on with another instruction set: exit $status: $(<err)"
if [ "$("$simsiam" info | grep '^kernels')" != "$(SIMSIAM_ISA=plain "$simsiam" info | grep '^kernels')" ]; then
    grep -q 'began with kernels of plain.* and goes on with .*: its bytes are neither' err ||
        fail "another instruction set is not told: $(<err)"
    grep -q '"kernels": "plain.* then ' plain/*/seed-1/provenance.json ||
        fail 'provenance.json does not name both'
    rm plain/*/seed-1/summary.json
    run plain
    [ ! -s err ] || fail "kernels that are named are told again: $(<err)"
fi
echo 'papers.sh: as written'
