#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_check.sh -- `simsiam check` on runs that are written here, not trained: verdicts, exit codes, TAP, and that
# the check of the rule fails where the rule is broken on purpose.
#
# Two runs of the smallest scale are trained, for run --stop-on-collapse, and one of each other method that outputs
# a constant.
#
# usage: test_check.sh SIMSIAM CONFIG_DIR BROKEN_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2") broken=$(realpath "$3")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
plan=$configs/check_collapse.yaml

. "$here/given.bash"

# ---- runs without a machine ------------------------------------------------------------------------------

# line EPOCH STD SHARE: a monitored epoch.  Without STD: one that is not.
line() {
    local monitors=
    [ $# = 1 ] ||
        monitors=",\"std_sqrtd\":$2,\"mean_norm\":0.5,\"view_share\":$3,\"rank\":null,\"knn\":30.5,\
\"knn_z\":30,\"cos_h\":null,\"cos_z\":null"
    local loss=-0.9
    [ "$1" != 0 ] || loss=null
    echo "{\"epoch\":$1,\"loss\":$loss,\"oscillation\":null,\"std_train\":0.5,\"grad_norm\":1,\"lr\":0.1,\
\"lr_predictor\":0.1$monitors}"
}
# What a finished run's summary says of its last line.
summary() {          # summary ROW SEED HASH FOLDER STATE
    local last epoch
    last=$(tail -n 1 "$4/metrics.jsonl")
    last=$(sed -E 's/"(grad_norm|lr|lr_predictor)":[^,}]*,?//g; s/,\}/}/' <<<"$last")
    [[ $last == *knn* ]] ||
        last=${last%\}},\"std_sqrtd\":null,\"mean_norm\":null,\"view_share\":null,\"rank\":null,\
\"knn\":null,\"knn_z\":null,\"cos_h\":null,\"cos_z\":null}
    epoch=${last#*:} epoch=${epoch%%,*}
    echo "{\"schema\":2,\"row\":\"$1\",\"seed\":$2,\"epochs\":$epoch,\"state\":\"$5\",\"rule\":3,\"evidence\":\"\",\
\"hash\":\"$3\",\"code_hash\":\"$code\",\"data_hash\":\"$data\",\"machine\":\"cpu\",\"frozen_hash\":\"$data\",\
\"linear\":30,\"final\":$last}"
}
# No data are at hand here: which they were does not matter.
export DATA=$PWD/nodata
code_of() { "$simsiam" info | sed -n "s/^code  *\([0-9a-f]*\) of $1\$/\1/p"; }
code=$(code_of simsiam)
train=$(printf 0%.0s {1..64}) monitor=$(printf 1%.0s {1..64})
data=$(printf %s "$train$monitor" | sha256sum) data=${data%% *}
untrained=$(line 0 0.2 0.6)
# run FOLDER LINE...: an unfinished run with these lines.
run() {
    mkdir -p "$1"
    echo 'epochs: 4' >"$1/config.yaml"
    printf '%s\n' "${@:2}" >"$1/metrics.jsonl"
}

# ---- single runs -----------------------------------------------------------------------------------------

run healthy "$untrained" "$(line 1)" "$(line 2 0.98 0.3)" "$(line 3)"
given check healthy; ends 0 "healthy: healthy since epoch 2, not finished, at epoch 2" "complete +1860 %" \
    "partial +96 %" "dimensional none"
[ -z "$err" ] || fail "$what: on stderr: $err"

# Collapsed at first, then not, then for good.
run found "$untrained" "$(line 1 0.2 0.6)" "$(line 2 0.6 0.6)" "$(line 3 0.3 0.6)" "$(line 4)" "$(line 5 0.2 0.7)"
given check found; ends 4 "partial since epoch 3, not finished, at epoch 5" "partial -60 %"
run dead "$untrained" "$(line 1 0.01 null)"
given check dead; ends 4 "complete since epoch 1" "complete -80 %" "view share none"

# What loss and std alone would accuse; and the same as a threshold comes near.
run offset "$untrained" "$(line 1 0.3 0.25)"
given check offset; ends 0 "offset: healthy since" "partial +36 %"
run close "$untrained" "$(line 1 0.3 0.42)"
given check close; ends 0 "close: undecided since epoch 1" "partial -8 %"
given check close --fail-on undecided; ends 4 undecided
given check found --fail-on complete; ends 0 partial
given check found --fail-on partail; ends 2 "partial"

# Directions are a share of what the config's z has at most.
few() {              # few FOLDER RANK
    run "$1" "$untrained" "$(line 1 0.98 0.3 | sed "s/\"rank\":null/\"rank\":$2/")"
    printf 'monitor_count: 2000\ndim: 256\nprojector: [fc d, bn, relu, fc d, bn]\n' >"$1/config.yaml"
}
few few 0.016
given check few; ends 0 "few: dimensional since epoch 1" "directions 4.1"
given check few --fail-on dimensional; ends 4 dimensional
few many 0.5
given check many --fail-on dimensional,undecided; ends 0 "many: healthy" "directions 128.0"

# A finished run is judged by its metrics as well; a summary that says otherwise is a broken one.
cp -r found finished
summary row 1 "$(printf '%064d' 1)" finished collapsed >finished/summary.json
given check finished; ends 4 "partial since epoch 3, finished at epoch 5"
sed -i 's/"state":"collapsed"/"state":"healthy"/' finished/summary.json
given check finished; ends 1 "state" "cannot be read"
sed -i 's/"rule":3,//' finished/summary.json             # what the rule's first edition made of it
given check finished; ends 4 "partial since epoch 3, finished at epoch 5"

run diverged "$untrained" "$(line 1 | sed 's/"loss":-0.9/"loss":null/')"
given check diverged; ends 5 "diverged: a number stopped being finite in epoch 1"
cp -r healthy probe
summary row 1 "$(printf '%064d' 1)" probe diverged >probe/summary.json
given check probe; ends 5 diverged

# ---- no verdict is no health ---------------------------------------------------------------------------------

run young "$untrained"
given check young; ends 75 "nothing to judge yet"
[ -z "$out" ] || fail "$what: a verdict without a monitored epoch: $out"
run unborn
rm unborn/metrics.jsonl
given check unborn; ends 75 "nothing to judge yet"
run torn "$untrained" "$(line 1 0.98 0.3)"
line 2 0.2 0.7 | head -c 50 >>torn/metrics.jsonl
given check torn; ends 0 "healthy since epoch 1, not finished, at epoch 1"
run damaged "$untrained" "$(line 1 | head -c 50)" "$(line 2 0.98 0.3)"
given check damaged; ends 1 "line 2 of metrics.jsonl is damaged"
cp -r healthy halved
echo '{}' >halved/summary.json
given check halved; ends 1 summary.json "cannot be read"
rm -rf locked
run locked "$untrained"
rm locked/metrics.jsonl
mkdir locked/metrics.jsonl
given check locked; ends 1 metrics.jsonl "cannot be read"
mkdir empty
given check empty; ends 2 "empty: no run lies here"
given check nosuch; ends 2 "nosuch: no run lies here"

# Several: a line each, and the gravest end.
given check healthy offset; ends 0
[ "$(wc -l <out)" = 2 ] || fail "$what: not a line each: $out"
given check healthy found dead; ends 4
[ "$(wc -l <out)" = 3 ] || fail "$what: not a line each: $out"
given check diverged found healthy; ends 5
given check diverged found young; ends 5
given check young found healthy; ends 4 "young: nothing to judge yet"
given check healthy young; ends 75
given check damaged young found; ends 1
given check found nosuch healthy damaged; ends 2 "healthy: healthy" "found: partial" "damaged: line 2"

given check; ends 2 "no RUN"
given check healthy --seeds 1; ends 2 --experiment
given check healthy --experiment "$plan"; ends 2 "one of the two"

# ---- the rule, by TAP ------------------------------------------------------------------------------------------

tap=(check --experiment "$plan" --seeds "1 2" --runs runs)
given check --experiment "$configs/fig2_stopgrad.yaml" --scale test; ends 2 "planted collapse"
given "${tap[@]}" --seeds 1; ends 2 "at least 20"
given "${tap[@]}"; ends 3 "not ok 1 " "not run"
rows=$(sed -nE 's/^  - (\{ )?name: ([^,} ]*).*/\2/p' "$plan")
for row in $rows; do
    "$simsiam" config "$plan" --row "$row" --scale check | grep -v '^#' >config
    code=$(code_of "$(sed -n 's/^method: //p' config)")
    hash=$({ cat config; printf 'machine: cpu\ncode: %s\ndata: %s\n' "$code" "$data"; } | sha256sum)
    hash=${hash%% *}
    end=$(line 6 0.98 0.36) state=healthy
    case $row in
    plant-*) end=$(line 6 0.25 0.65) state=collapsed ;;
    few-*) end=$(line 6 0.64 0.61 | sed 's/"rank":null/"rank":0.018/') ;;       # 1.2 of 64
    swav) end=$(line 6 0.36 0.25) ;;
    esac
    for seed in 1 2; do
        folder=runs/${hash:0:16}/seed-$seed
        run "$folder" "$untrained" "$(line 1)" "$(line 2 0.9 0.5)" "$(line 3)" "$(line 4)" "$(line 5)" "$end"
        cp config "$folder/config.yaml"
        echo "{\"code_hash\": \"$code\", \"machine\": \"cpu\", \"seed\": $seed, \"train_hash\": \"$train\", \
            \"monitor_hash\": \"$monitor\"}" >"$folder/provenance.json"
        summary "$row" $seed "$hash" "$folder" "$state" >"$folder/summary.json"
    done
done

given "${tap[@]}"; ends 0 "planted: 8 of 8 found so; nearest: plant-" "healthy: 20 of 20 found so; nearest: " \
    "few directions: 2 of 2 found so; nearest: few-1" "undecided: 0 of 20 healthy, 0 of 8 planted, 0 of 2 few"
points=$((2 * $(wc -w <<<"$rows") + 1))
[ "$(head -n 1 out)" = "1..$points" ] || fail "$what: plan of $points points: $(head -n 1 out)"
[ "$(grep -c '^ok [0-9]* - ' out)" = $points ] || fail "$what: not $points points ok: $out"
grep -vqE '^(1\.\.|ok |not ok |#)' out && fail "$what: a line that is no TAP: $out"
cp out sound

# What makes a point not ok, each by itself: a run that is missing, half, diverged, another's.
some=$(dirname "$(ls -d runs/*/seed-2 | head -n 1)")
not_ok() {           # not_ok WORD: one point, for this reason
    given "${tap[@]}"; ends 3 "$1"
    [ "$(grep -c '^not ok' out)" = 1 ] || fail "$what: not one point not ok for \`$1\`: $out"
    rm -rf "$some/seed-2"
    cp -r kept "$some/seed-2"
}
cp -r "$some/seed-2" kept
rm -r "$some/seed-2"; not_ok "not run"
rm "$some/seed-2/summary.json"; not_ok "not finished"
sed -i 's/"state":"[a-z]*"/"state":"diverged"/; s/"linear":30/"linear":null/' "$some/seed-2/summary.json"
not_ok diverged
sed -i 's/"seed":2/"seed":1/' "$some/seed-2/summary.json"; not_ok "another hash or seed"
given "${tap[@]}"; ends 0

# Three ways to break the rule (CMakeLists.txt), and who must notice: `blind` finds no plant, `std-alone` accuses
# SwAV, `first-epoch` takes the untrained network's outputs for the trained one's.
notices() {          # notices NAME PATTERN: the points not ok are those of the rows that match
    "$broken/$1" "${tap[@]}" >broken.out 2>&1
    local end=$?
    [ $end = 3 ] || fail "with the rule broken ($1) the check ends with $end, not 3: $(<broken.out)"
    diff <(sed -nE 's/^not ok [0-9]+ - ([^:]*):.*/\1/p' broken.out) \
        <(sed -nE 's/^ok [0-9]+ - ([^:]*):.*/\1/p' sound | grep -E "$2") >/dev/null ||
        fail "with the rule broken ($1) other points are not ok: $(grep '^not ok' broken.out)"
}
notices blind '^plant-'
notices std-alone '^swav '
notices first-epoch '^([^pu]|predictor)'           # the last point, undecided, is no row's

# ---- run --stop-on-collapse --------------------------------------------------------------------------------------

# A finished run is judged as one under way: near the thresholds it is no collapse.
again=(run "$plan" --scale check --row plant-neither --seeds 1 --runs runs --quiet --stop-on-collapse)
given "${again[@]}"; ends 4
near=$(dirname "$(grep -l '"row":"plant-neither","seed":1' runs/*/seed-1/summary.json)")
sed -i 's/"std_sqrtd":0.25\(.*\)"view_share":0.65/"std_sqrtd":0.49\1"view_share":0.44/' \
    "$near"/{metrics.jsonl,summary.json}
given check "$near"; ends 0 "undecided since epoch 6, finished at epoch 6"
given "${again[@]}"; ends 0

cp -r "$configs" own
printf '%s\n' 'rows:' '  - { name: dead, projector: [fc d constant] }' '  - { name: alive }' >own/stop.yaml
train=(run own/stop.yaml --scale test --seeds 1 --runs trained --threads 1 --quiet)
given "${train[@]}" --stop-on-collapse; ends 4
dead=$(dirname "$(grep -l 'fc d constant' trained/*/seed-1/config.yaml)")
[ "$(ls trained/*/seed-1/summary.json | wc -l)" = 1 ] || fail "$what: not the one summary of the healthy run"
[ -s "$dead/checkpoint.bin" ] || fail "$what: no checkpoint of the run that was stopped"
given "${train[@]}" --stop-on-collapse; ends 4           # the same command trains no further
given check "$dead"; ends 4 "complete since epoch 1, not finished, at epoch 2"
given "${train[@]}"; ends 0
given check "$dead"; ends 4 "complete since epoch 1, finished at epoch 3"
given "${train[@]}" --stop-on-collapse; ends 4

# A constant is one, whatever the method.
cat >own/constant.yaml <<'END'
projector: [fc d constant]
rows:
- { name: byol, method: byol }
- { name: simclr, method: simclr, predictor: [], stop_grad: false }
- { name: moco, method: moco, predictor: [], queue: 128, bn_splits: 2 }
- { name: swav, method: swav, predictor: [], prototypes: 16 }
END
for row in byol simclr moco swav; do
    given run own/constant.yaml --row $row --scale test --seeds 1 --runs constant-$row --threads 1 --quiet \
        --stop-on-collapse
    ends 4
    given check constant-$row/*/seed-1
    ends 4 "complete since epoch 1, not finished, at epoch 2" "std*sqrt(d) 0.000" "view share none"
done

[ $failed = 0 ] && echo 'check: in order'
exit $failed
