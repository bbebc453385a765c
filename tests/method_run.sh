#!/bin/bash
# SPDX-License-Identifier: MIT
#
# method_run.sh -- rows of BYOL, SimCLR, MoCo and SwAV as a user has them: keys that are read where they belong,
# runs that are monitored, probed, stopped and gone on with, the same bytes for any number of threads, and plan,
# bench, eval, check and table of them.
#
# usage: method_run.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() { echo "method_run.sh: $*" >&2; exit 1; }
ln -s "$configs"/* .

cat >both.yaml <<'END'
rows:
- { name: simsiam }
- { name: byol, method: byol, target_momentum: 0.5 }
- { name: without, method: byol, target_momentum: 0, target_schedule: constant, loss_scale: cosine }
- { name: simclr, method: simclr, predictor: [], stop_grad: false }
- { name: predicted, method: simclr, joint_bn: false }
- { name: moco, method: moco, predictor: [], queue: 128, bn_splits: 2 }
- { name: one-way, method: moco, predictor: [], queue: 128, bn_splits: 2, pairs: [[0, 1]] }
- { name: swav, method: swav, predictor: [], prototypes: 16, queue: 64, queue_from: 1 }
- { name: flow, method: swav, predictor: [], prototypes: 16, stop_grad: false, prototype_norm: in-gradient }
END
others='simclr predicted moco one-way swav flow'

# ---- keys ------------------------------------------------------------------------------------------------

"$simsiam" config both.yaml --scale test --row simsiam >simsiam.txt || fail 'config of a SimSiam row'
"$simsiam" config both.yaml --scale test --row byol >byol.txt || fail 'config of a BYOL row'
grep -qE '^(target_|loss_scale)' simsiam.txt && fail 'a SimSiam row prints keys of BYOL'
grep -q '^eta' byol.txt && fail 'a BYOL row prints keys of SimSiam'
[ "$(grep -A 3 '^pairs:' byol.txt | tail -n 3 | tr '\n' ' ')" = \
    'target_momentum: 0.5 target_schedule: cosine loss_scale: squared ' ] ||
    fail 'the keys of BYOL do not stand behind pairs'
"$simsiam" config --keys >keys.txt || fail 'config --keys'
for key in eta eta_every target_momentum target_schedule loss_scale key_momentum bn_splits prototypes; do
    [ "$(grep -c "^$key " keys.txt)" = 1 ] || fail "config --keys does not say once what $key is"
done

# said TEXT: what wrong.yaml, from standard input, is told, in that order and nothing else but the count.
said() {
    cat >wrong.yaml
    "$simsiam" config wrong.yaml --scale test >out.txt 2>err.txt
    [ $? = 2 ] || fail "no mistake in: $(cat wrong.yaml)"
    [ "$(grep -v '^simsiam: ' err.txt)" = "$1" ] || fail "said: $(cat err.txt)"
}
said "wrong.yaml:2:30: eta: a key of method: simsiam, and here is method: byol; leave it out
wrong.yaml:3:14: loss_scale: a key of method: byol, and here is method: simsiam; leave it out" <<'END'
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
said "wrong.yaml:2:27: method: byool is not known; one of simsiam, byol, simclr, moco, swav" <<'END'
target_momentum: 0.9
rows: [{ name: a, method: byool, loss_scale: cosine }]
END
said "wrong.yaml:2:39: byol's target is another network's, which has no gradient; stop_grad: true
wrong.yaml:3:38: loss_scale: squared is a distance of unit vectors; loss_scale: cosine, or distance: cosine" <<'END'
rows:
- { name: a, method: byol, stop_grad: false }
- { name: b, method: byol, distance: cross_entropy }
END
said "wrong.yaml:2:37: simclr contrasts two views with each other; pairs: [[0, 1], [1, 0]]
wrong.yaml:3:40: simclr's scores are cosines; distance: cosine
wrong.yaml:4:39: moco has no predictor; predictor: []
wrong.yaml:4:54: queue 1024; a multiple of the 24 keys of a step, so that it is replaced in whole steps
wrong.yaml:4:54: bn_splits 8 of a batch of 12; equal parts of two images or more
wrong.yaml:5:50: queue 100; a multiple of the batch of 32, so that it is replaced in whole steps
wrong.yaml:6:50: a queue goes with stop_grad: true; or queue: 0
wrong.yaml:7:56: the predictor gives 100 numbers; swav's sees the scores of 512 prototypes and gives as many
wrong.yaml:8:85: expectation_views: 4 are of a predictor of z, and swav's sees scores; expectation_views: 0
wrong.yaml:9:87: shards 4 lie across the 6 of bn_splits; one a multiple of the other" <<'END'
rows:
- { name: a, method: simclr, pairs: [[0, 1]] }
- { name: b, method: simclr, distance: cross_entropy }
- { name: c, method: moco, predictor: [fc d], batch: 12 }
- { name: d, method: swav, predictor: [], queue: 100 }
- { name: e, method: swav, predictor: [], queue: 32, stop_grad: false }
- { name: f, method: swav, prototypes: 512, predictor: [fc 100] }
- { name: g, method: swav, prototypes: 512, predictor: [fc 512], expectation_views: 4 }
- { name: h, method: moco, predictor: [], batch: 24, queue: 48, bn_splits: 6, shards: 4 }
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
for row in $others; do
    run "$row-1" "$row" --threads 1 || fail "a run of $row: $(cat err.txt)"
    run "$row-2" "$row" --threads 2 || fail "a run of $row with two threads"
    same "$row-1" "$row-2"
    grep -q '"linear":' "$row-1"/*/seed-1/summary.json || fail "the run of $row was not probed"
    ! grep -qi nan "$row-1"/*/seed-1/metrics.jsonl || fail "$row diverged"
done

# Stopped wherever it is, again and again, with a checkpoint at each look.
RANDOM=${METHOD_RUN_SEED:=$(date +%s)}
echo "stops: METHOD_RUN_SEED=$METHOD_RUN_SEED"
# stopped_run ROW
stopped_run() {
    local stops status=75          # or 143: on a busy machine it was killed before it listened
    for ((stops = 0; (status == 75 || status == 143) && stops < 100; stops++)); do
        env --default-signal=INT,TERM "$simsiam" run both.yaml --row "$1" --scale test --seeds 1 \
            --quiet --runs "$1-stopped" --threads 2 --checkpoint-seconds 0 2>>err.txt &
        sleep 0.$((RANDOM % 5 + 1))
        ((stops < 3)) && kill $! 2>/dev/null
        wait $!
        status=$?
    done
    [ $status = 0 ] || fail "a run of $1 that was stopped ended with $status"
}
stopped_run byol
same one byol-stopped
for row in moco swav simclr; do
    stopped_run $row
    same "$row-1" "$row-stopped"
done

# ---- what else is done with a row ------------------------------------------------------------------------

for row in byol $others; do
    folder=$row-1
    [ $row = byol ] && folder=one
    "$simsiam" eval both.yaml --row $row --scale test --runs $folder --threads 2 >out.txt || fail "eval of $row"
    grep -q '^linear ' out.txt || fail "eval of $row says no accuracy of the probe"
    "$simsiam" bench both.yaml --row $row --scale test --repeats 1 --precision fp32 --brief \
        --threads 2 >out.txt || fail "bench of $row"
done
"$simsiam" plan both.yaml --scale test --seeds 1 --threads 2 >out.txt || fail 'plan'
for row in byol $others; do
    grep -q -- "$row" out.txt || fail "plan says nothing of $row"
done
# All numbers are each method's own; what none of these runs has (cosines to E z, a paper's) is null and "-", and
# no zero.
mkdir all
cp -r simsiam/* without/* one/* all
for row in $others; do cp -r "$row-1"/* all; done
"$simsiam" check all/*/seed-1 >out.txt || fail "a healthy run is accused: $(<out.txt)"
[ "$(grep -c ': healthy since epoch [1-3], finished at epoch 3: ' out.txt)" = 9 ] ||
    fail "not nine healthy runs: $(<out.txt)"
for metrics in all/*/seed-1/metrics.jsonl; do
    [ "$(grep -c '"knn":[0-9.]*,.*"cos_h":null,"cos_z":null' "$metrics")" = 4 ] || fail "$metrics: $(<"$metrics")"
    ! sed 's/"epoch":0//' "$metrics" | grep -E ':-?0[,}]' || fail "a zero in $metrics"
done
"$simsiam" table both.yaml --scale test --seeds 1 --runs all --results results >out.txt 2>err.txt ||
    fail "table: $(<err.txt)"
number='-?[0-9]+\.[0-9]+'
for row in simsiam without byol $others; do
    grep -qE "^$row +1 +-( +$number){5} +healthy\$" out.txt || fail "table of $row: $(<out.txt)"
done
! grep -qE 'cos\(|nan' out.txt || fail "table tells what was not measured: $(<out.txt)"
exit 0
