#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_decide.sh -- `simsiam decide`: seeds in order where they can decide, none elsewhere, nothing that
# does not fit the time, and what is stopped goes on.
#
# usage: test_decide.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
. "$(dirname "$0")/seal.bash"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fig2=$configs/fig2_stopgrad.yaml

failed=0
fail() { echo "FAILED: $*"; failed=1; }
# decided STATUS WORDS ARGUMENT...: at scale test, into `my runs`.
decided() {
    said=$("$simsiam" decide "${@:3}" --scale test --threads 1 --quiet 2>err)
    local status=$?
    [ $status = "$1" ] || fail "decide ${*:3}: exit $status, not $1: $said $(<err)"
    [[ $said$(<err) == *"$2"* ]] || fail "decide ${*:3}: no \`$2\` in: $said $(<err)"
}
seeds() { (cd "$1" && echo */seed-*) | tr ' ' '\n' | sed 's/.*seed-//' | sort -n | uniq -c | tr -s ' \n' ' '; }

# Both rows are healthy, so that a lead of three is there after three seeds, and looks at three end it.
decided 0 '5 claims wait for seeds; the cheapest first, in ' "$fig2" --runs 'my runs' --budget 2
[[ $said == *$'\n6 runs were made in '*' were expected'* ]] || fail "what it got: $said"
grep -qE '^  stopgrad-std +3 runs, about [0-9]+ seconds: with/1 with/2 with/3$' <<<"$said" ||
    fail "what it expects: $said"
grep -qE '^  stopgrad-std +holds, n 3 \(it was not run\)$' <<<"$said" || fail "a verdict: $said"
[[ $said == *'0 claims still wait for seeds' ]] || fail "the end: $said"
[ "$(seeds 'my runs')" = ' 2 1 2 2 2 3 ' ] || fail "other seeds than 1 to 3: $(seeds 'my runs')"
before=$(find 'my runs' -printf '%p %T@\n' | sort)
decided 0 '0 runs were made' "$fig2" --runs 'my runs' --budget 2
[ "$before" = "$(find 'my runs' -printf '%p %T@\n' | sort)" ] || fail 'decided, and run again'
# They are the runs that `run` makes, whose table has these verdicts.
said=$("$simsiam" run "$fig2" --scale test --seeds '1 2 3' --runs 'my runs' --threads 1 2>&1)
[ "$(grep -c 'finished, healthy' <<<"$said")" = 6 ] || fail "run makes them again: $said"

# What it takes is known from their clocks, if they are of this machine and as many threads.
sed -i 's/"seconds":[0-9.]*/"seconds":500/' 'my runs'/*/seed-[12]/timing.jsonl
cp -r "$configs" later
sed -i 's/^looks: .*/looks: [5]/' later/scale/test.yaml
decided 0 '0 runs were made' later/fig2_stopgrad.yaml --runs 'my runs' --budget 0.5
grep -qE '^  stopgrad-knn +2 runs, about [0-9.]+ minutes: with/4 with/5$' <<<"$said" || fail "by the clock: $said"
for papers in 'my runs'/*/seed-*/provenance.json; do
    sed -i 's/"device": "/&another /' "$papers" && sealed "$papers"
done

# A later look is waited for, by two seeds a row, in order, where two are there already.
rm -r "my runs"/*/seed-2
decided 0 '0 claims still wait' later/fig2_stopgrad.yaml --runs 'my runs' --budget 2
[[ $said == *$'\n6 runs were made in '* ]] || fail "a later look: $said"
[ "$(seeds 'my runs')" = ' 3 1 2 2 3 3 2 4 2 5 ' ] ||       # the untrained row has 1 and 3
    fail "a later look: $(seeds 'my runs')"

# What does not fit is not begun: a budget that planning uses up; below, runs of hours.
decided 0 '0 runs were made' "$fig2" --runs none --budget 0.001
[ ! -e none ] || fail 'begun without time'
cp -r "$configs" long

# A stop is a stop, after a checkpoint.
sed 's/^epochs: .*/epochs: 400/; s/^knn_every: .*/knn_every: 400/' "$configs/scale/test.yaml" \
    >long/scale/test.yaml
"$simsiam" decide long/fig2_stopgrad.yaml --scale test --threads 1 --quiet --runs stopped --budget 60 \
    >out 2>err &
for _ in {1..200}; do
    locks=(stopped/*/seed-*/metrics.jsonl)
    [ -s "${locks[0]}" ] && break
    sleep 0.1
done
kill -TERM $!
wait $!
status=$?
[ $status = 75 ] && grep -q '^0 runs were made' out || fail "stopped: exit $status: $(<out) $(<err)"
half=(stopped/*/seed-1)
[ -s "${half[0]}/checkpoint.bin" ] || fail 'stopped without a checkpoint'

# The end of the time is such a stop.  Its lines say that this run is nearly done, which is not so: it is
# begun, and is not over in time.
epochs=90000
sed "s/^epochs: .*/epochs: $epochs/; s/^knn_every: .*/knn_every: $epochs/" "$configs/scale/test.yaml" \
    >long/scale/test.yaml
"$simsiam" run long/fig2_stopgrad.yaml --row with --scale test --seeds 1 --threads 1 --quiet --runs over 2>err &
for _ in {1..200}; do
    lines=(over/*/seed-1/metrics.jsonl)
    [ -s "${lines[0]}" ] && [ "$(wc -l <"${lines[0]}")" -gt 2 ] && break
    sleep 0.1
done
kill -TERM $!
wait $!
[ $? = 75 ] || fail "the long run ended: $(<err)"
n=$(wc -l <"${lines[0]}")
tail -n 1 "${lines[0]}" >line
awk -v n="$n" -v epochs=$epochs \
    '{ for (i = n; i <= epochs; i++) { sub(/"epoch":[0-9]*/, "\"epoch\":" i); print } }' line >>"${lines[0]}"
# A minute that planning needs is none of the run's: where this machine is busy it takes more of them.
for budget in 0.3 2; do
    out=$("$simsiam" decide long/fig2_stopgrad.yaml --scale test --threads 1 --quiet --runs over \
        --budget $budget 2>err)
    status=$?
    [ $status = 0 ] || break
done
[ $status = 75 ] && [[ $out == *'0 runs were made'* ]] || fail "the end of the time: exit $status: $out $(<err)"
[ "$(ls -d over/*/seed-* | wc -l)" = 1 ] || fail "begun, and does not fit: $(ls -d over/*/seed-*)"
now=$(wc -l <"${lines[0]}")
[ "$now" -lt $epochs ] || fail 'it did not go on from the checkpoint'
[ "$now" -gt "$n" ] || fail 'it came no further'

for wrong in '--budget 0' '--budget -1' '--jobs 0 --budget 1' ''; do
    # shellcheck disable=SC2086
    decided 2 'simsiam: ' "$fig2" --runs none $wrong
done
[ ! -e none ] || fail 'a wrong command leaves a folder'

[ $failed = 0 ] && echo 'test_decide: as written'
exit $failed
