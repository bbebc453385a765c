#!/bin/bash
# SPDX-License-Identifier: MIT
#
# papers.sh -- what lies in a run's folder: torn papers are written again when it goes on, edited ones are no
# result, links and pipes are neither followed nor waited for, another instruction set is told and noted.
#
# usage: papers.sh SIMSIAM CONFIG_DIR SHIM
set -u
export LC_ALL=C

# A sanitizer's own library wants to be the first of all, and does without.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0

simsiam=$(realpath "$1") configs=$(realpath "$2") shim=$(realpath "$3")
. "$(dirname "$0")/seal.bash"
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

pipes=0
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
        diff <(grep -v '"started"\|"seal"' "${calm[0]}/provenance.json") \
            <(grep -v '"started"\|"seal"' "${it[0]}/provenance.json") || fail "$torn $how: provenance.json differs"
    done
done

# Another run's provenance is whole, and not true; an edited one is not what was written.
other="$("$simsiam" run "$configs/fig2_stopgrad.yaml" --row without --scale test --seeds 1 --threads 1 --quiet \
    --runs other 2>&1)" || fail "the other run: $other"
again
cp other/*/seed-1/provenance.json "${it[0]}/"
sed -i 's/"seed": 1/"seed": 2/' "${it[0]}/provenance.json" && sealed "${it[0]}/provenance.json"
run it
[ $status = 0 ] && grep -q "provenance.json is another run's: it is written again" err || fail "foreign: $(<err)"
grep -q '"seed": 1' "${it[0]}/provenance.json" || fail 'a foreign provenance.json stays'
again
sed -i 's/"kernels": "/&plain/' "${it[0]}/provenance.json"
run it
[ $status = 0 ] && grep -q 'provenance.json is not what was written: it is written again' err ||
    fail "edited: $(<err)"
same 'an edited provenance.json'

# refuses WORDS COMMAND...: what the checkpoint counts of metrics.jsonl is no longer what was written.
refuses() {
    again
    (cd "${it[0]}" && "${@:2}") || fail "cannot ${*:2}"
    run it
    [ $status = 1 ] && grep -q "$1" err || fail "${*:2}: exit $status: $(<err)"
    [ ! -e "${it[0]}/summary.json" ] || fail "${*:2}: a result is made of it"
}
refuses 'metrics.sha256 has another hash of it' sed -i '2s/"grad_norm":[0-9]*\./&1/' metrics.jsonl
refuses 'metrics.sha256 says nothing of it' rm metrics.sha256
refuses 'metrics.sha256 says nothing of it' truncate -s 0 metrics.sha256
refuses 'metrics.jsonl is shorter than its checkpoint says' sed -i 2d metrics.jsonl
refuses 'metrics.jsonl is shorter than its checkpoint says' truncate -s 0 metrics.jsonl

# A run that was begun before papers had seals goes on, and has them from then on.
again
rm "${it[0]}/metrics.sha256"
sed -i -e '/"seal"/d' -e 's/\("started": ".*"\),/\1/' "${it[0]}/provenance.json"
run it
[ $status = 0 ] && [ ! -s err ] || fail "a run of before: exit $status: $(<err)"
same 'a run of before'
[ -s "${it[0]}/metrics.sha256" ] || fail 'a run of before has no note of its metrics'

# What a finished run says is believed as it was written: named, not counted, never shown.
# unbelieved WORDS COMMAND...
unbelieved() {
    rm -rf it
    cp -r calm it
    it=(it/*/seed-1)
    (cd "${it[0]}" && "${@:2}") || fail "cannot ${*:2}"
    "$simsiam" table "$configs/fig2_stopgrad.yaml" --scale test --seeds 1 --runs it --results shown >out 2>err ||
        fail "${*:2}: table: $(<err)"
    grep -q "$1" err || fail "${*:2}: $(<err)"
    grep -q '^with  *0 ' out || fail "${*:2}: is shown: $(<out)"
}
other=$(realpath other/*/seed-1)
unbelieved 'summary.json is not what was written' sed -i 's/"linear": [0-9.]*/&1/' summary.json
unbelieved 'summary.json is not what was written' sed -i 's/"grade": "healthy"/"grade": "partial"/' summary.json
unbelieved 'metrics.jsonl is not what was written' sed -i '2s/"grad_norm":[0-9]*\./&1/' metrics.jsonl
unbelieved 'metrics.jsonl is broken in line 2' sed -i 2d metrics.jsonl
unbelieved 'summary.json is broken' truncate -s 0 summary.json
unbelieved 'is of another hash or seed than its folder' cp "$other/summary.json" "$other/metrics.jsonl" .
"$simsiam" check "${it[0]}" >out 2>&1
[ $? = 1 ] && grep -q "summary.json is of run .*, which is not its folder's name" out || fail "check: $(<out)"
unbelieved 'provenance.json is not what was written' sed -i 's/"compiler": "/&x/' provenance.json
unbelieved 'provenance.json: No such file\|provenance.json:1:' truncate -s 0 provenance.json
unbelieved 'provenance.json: of another seed, machine, code or data\|not what was written' \
    sed -i 's/"seed": 1/"seed": 2/' provenance.json
unbelieved 'with seed 1: not run' cp "$other/config.yaml" .

# ---- what lies in the way ------------------------------------------------------------------------

# Of a file that is opened for writing: refused, and what it leads to stays.  Of a temporary name: gone.
echo precious >victim
for name in metrics.jsonl timing.jsonl metrics.sha256; do
    for way in 'ln -s' ln; do
        again
        rm "${it[0]}/$name"
        $way "$work/victim" "${it[0]}/$name"
        run it
        [ $status = 1 ] && [ "$(<victim)" = precious ] || fail "$name, $way: exit $status: $(<err)"
        [ "$(<victim)" = precious ] || fail "$name, $way: followed"
    done
    again
    rm "${it[0]}/$name"
    mkfifo "${it[0]}/$name"
    { timeout 20 "$simsiam" run "$configs/fig2_stopgrad.yaml" --row with --scale test --seeds 1 --threads 1 \
        --quiet --runs it 2>err; } || [ $? = 1 ] || fail "$name is a pipe: waited for"
done
for name in summary.json.tmp checkpoint.bin.new checkpoint.bin.spare; do
    again
    ln -s "$work/victim" "${it[0]}/$name"
    run it
    [ $status = 0 ] && [ "$(<victim)" = precious ] || fail "$name is a link: exit $status: $(<err)"
    same "$name is a link"
done
again
mv "${it[0]}" elsewhere
ln -s "$work/elsewhere" "${it[0]}"
run it
[ $status = 1 ] && grep -q 'is a link, which no run' err || fail "a link for a run's folder: $status: $(<err)"
mkdir -p kept adopting
echo precious >kept/file
ln -s "$work/kept" adopting/.adopt
"$simsiam" pool calm --runs adopting >out 2>&1 || fail "pool beside a link: $(<out)"
[ "$(<kept/file)" = precious ] || fail 'pool empties what a link leads to'

# Pipes in other runs' folders, and at the names of papers: passed over by whoever lists or judges runs.
rm -rf it
cp -r calm it
it=(it/*/seed-1)
for name in config.yaml provenance.json summary.json metrics.jsonl metrics.sha256 timing.jsonl; do
    mkdir -p "it/aaaaaaaaaaaaaaa$((++pipes))/seed-1"
    cp "${calm[0]}"/* "it/aaaaaaaaaaaaaaa$pipes/seed-1/"
    rm "it/aaaaaaaaaaaaaaa$pipes/seed-1/$name"
    mkfifo "it/aaaaaaaaaaaaaaa$pipes/seed-1/$name"
done
file=$configs/fig2_stopgrad.yaml
for command in "run $file --row with --threads 1 --quiet" "table $file" "report --configs $configs"; do
    # shellcheck disable=SC2086
    timeout -k 1 60 "$simsiam" $command --scale test --seeds 1 --runs it >out 2>err ||
        fail "$command among pipes: exit $?: $(<err)"
done
for folder in it/aaaaaaaaaaaaaaa*/seed-1; do
    timeout -k 1 60 "$simsiam" check "$folder" >out 2>err
    [ $? -lt 124 ] || fail "check waits for a pipe in $folder"
done
timeout -k 1 60 "$simsiam" pool it --runs pooled >out 2>&1
[ $? = 2 ] && grep -q 'it: 1 taken' out || fail "pool among pipes: $(<out)"

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
