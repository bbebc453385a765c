#!/bin/bash
# SPDX-License-Identifier: MIT
#
# byol_run.sh -- rows of BYOL as a user has them: keys that are read where they belong, runs that are monitored,
# probed, stopped and gone on with, the same bytes for any number of threads, and plan, bench and eval of them.
#
# usage: byol_run.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() { echo "byol_run.sh: $*" >&2; exit 1; }
ln -s "$configs"/* .

cat >both.yaml <<'END'
rows:
- { name: simsiam }
- { name: byol, method: byol, target_momentum: 0.5 }
- { name: without, method: byol, target_momentum: 0, target_schedule: constant, loss_scale: cosine }
END

# ---- keys ------------------------------------------------------------------------------------------------

"$simsiam" config both.yaml --scale test --row simsiam >simsiam.txt || fail 'config of a SimSiam row'
"$simsiam" config both.yaml --scale test --row byol >byol.txt || fail 'config of a BYOL row'
grep -qE '^(target_|loss_scale)' simsiam.txt && fail 'a SimSiam row prints keys of BYOL'
grep -q '^eta' byol.txt && fail 'a BYOL row prints keys of SimSiam'
[ "$(grep -A 3 '^pairs:' byol.txt | tail -n 3 | tr '\n' ' ')" = \
    'target_momentum: 0.5 target_schedule: cosine loss_scale: squared ' ] ||
    fail 'the keys of BYOL do not stand behind pairs'
"$simsiam" config --keys >keys.txt || fail 'config --keys'
for key in eta eta_every target_momentum target_schedule loss_scale; do
    [ "$(grep -c "^$key " keys.txt)" = 1 ] || fail "config --keys does not say once what $key is"
done

# said TEXT: what wrong.yaml, from standard input, is told, in that order and nothing else but the count.
said() {
    cat >wrong.yaml
    "$simsiam" config wrong.yaml --scale test >out.txt 2>err.txt
    [ $? = 2 ] || fail "no mistake in: $(cat wrong.yaml)"
    [ "$(grep -v '^simsiam: ' err.txt)" = "$1" ] || fail "said: $(cat err.txt)"
}
said "wrong.yaml:2:30: eta: a key of method: simsiam, and this row has method: byol; leave it out
wrong.yaml:3:14: loss_scale: a key of method: byol, and this row has method: simsiam; leave it out" <<'END'
rows:
- { name: a, method: byol,   eta: cache }
- { name: b, loss_scale: cosine }
END
said "wrong.yaml:2:1: eta_every: a key of method: simsiam, which no row here has; leave it out" <<'END'
method: byol
eta_every: 3
rows: [{ name: a }]
END
said "wrong.yaml:1:18: target_momentum: 2 is out of range; 0 to 1" <<'END'
target_momentum: 2
rows: [{ name: a }, { name: b, method: byol }, { name: c, method: byol }]
END
said "wrong.yaml:2:27: method: byool is not known; one of simsiam, byol" <<'END'
target_momentum: 0.9
rows: [{ name: a, method: byool, loss_scale: cosine }]
END
said "wrong.yaml:2:39: byol's target is another network's, which has no gradient; stop_grad: true
wrong.yaml:3:38: loss_scale: squared is a distance of unit vectors; loss_scale: cosine, or distance: cosine" <<'END'
rows:
- { name: a, method: byol, stop_grad: false }
- { name: b, method: byol, distance: cross_entropy }
END
cat >right.yaml <<'END'
target_momentum: 0.75
eta_every: 2
rows: [{ name: a }, { name: b, method: byol }, { name: c, method: byol, target_momentum: 0.25 }]
END
"$simsiam" config right.yaml --scale test >out.txt || fail 'keys of the rows that have them stand above'
[ "$(grep -E '^(target_momentum|eta_every)' out.txt | tr '\n' ' ')" = \
    'eta_every: 2 target_momentum: 0.75 target_momentum: 0.25 ' ] || fail 'keys above the rows are not read'

# ---- runs ------------------------------------------------------------------------------------------------

# run ROOT ROW OPTION...: of seed 1.
run() {
    local root=$1 row=$2
    "$simsiam" run both.yaml --row "$row" --scale test --seeds 1 --quiet --runs "$root" "${@:3}" 2>>err.txt
}
# same FOLDER FOLDER
same() {
    local file
    for file in metrics.jsonl summary.json checkpoint.bin; do
        cmp "$1"/*/seed-1/$file "$2"/*/seed-1/$file || fail "$file of $1 and $2 differ"
    done
}
run one byol --threads 1 || fail "a run of BYOL: $(cat err.txt)"
run two byol --threads 2 || fail 'a run of BYOL with two threads'
same one two
grep -q '"linear":' one/*/seed-1/summary.json || fail 'the run was not probed'

run simsiam simsiam --threads 2 || fail 'a run of SimSiam'
run without without --threads 2 || fail 'a run of BYOL without momentum'
cmp simsiam/*/seed-1/metrics.jsonl without/*/seed-1/metrics.jsonl ||
    fail 'BYOL without momentum is not SimSiam'
cmp -s simsiam/*/seed-1/metrics.jsonl one/*/seed-1/metrics.jsonl &&
    fail 'BYOL with momentum is SimSiam'

# Stopped wherever it is, again and again, with a checkpoint at each look.
RANDOM=${BYOL_RUN_SEED:=$(date +%s)}
echo "stops: BYOL_RUN_SEED=$BYOL_RUN_SEED"
for ((stops = 0, status = 75; status == 75 && stops < 100; stops++)); do
    env --default-signal=INT,TERM "$simsiam" run both.yaml --row byol --scale test --seeds 1 \
        --quiet --runs stopped --threads 2 --checkpoint-seconds 0 2>>err.txt &
    sleep 0.$((RANDOM % 5 + 1))
    ((stops < 3)) && kill $! 2>/dev/null
    wait $!
    status=$?
done
[ $status = 0 ] || fail "a run that was stopped ended with $status"
same one stopped

# ---- what else is done with a row ------------------------------------------------------------------------

"$simsiam" eval both.yaml --row byol --scale test --runs one --threads 2 >out.txt || fail 'eval'
grep -q '^linear ' out.txt || fail 'eval says no accuracy of the probe'
"$simsiam" bench both.yaml --row byol --scale test --repeats 1 --precision fp32 --brief \
    --threads 2 >out.txt || fail 'bench'
"$simsiam" plan both.yaml --scale test --seeds 1 --threads 2 >out.txt || fail 'plan'
grep -q 'byol' out.txt || fail 'plan says nothing of the row'
"$simsiam" table both.yaml --scale test --seeds 1 --runs one --results results >/dev/null 2>&1 || fail 'table'
exit 0
