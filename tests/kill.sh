#!/bin/bash
# SPDX-License-Identifier: MIT
#
# kill.sh -- a run that is killed, however often, ends in the bytes of one that is not.
#
# usage: kill.sh SIMSIAM CONFIG_DIR [KILLS [SEED]]
#
# KILLS SIGKILLs hit `simsiam run` and `simsiam table` at random times, every second one in the phase hit least so
# far; each time the same command goes on.  Then the same for SIGTERM, SIGINT and SIGUSR1, which must end with 75,
# for a second signal, which must not wait for the step, and for one thread against two.  Compared: metrics.jsonl,
# summary.json, checkpoint.bin, every file of the table, and that nothing else lies in the folder.  A smaller run of
# each method with all that it may keep is killed a quarter as often, and refused to a second process.
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2") kills=${3:-20}
RANDOM=${4:-1}
work=$(mktemp -d) || exit 1
held=()              # processes that are stopped: nobody else would end them
trap 'kill -KILL "${held[@]}" 2>/dev/null; rm -rf "$work"' EXIT
export SIMSIAM_PHASE_FILE=$work/phase

fail() { echo "kill.sh: $*" >&2; exit 1; }
now_us() { echo "${EPOCHREALTIME/./}"; }
random_below() { echo $(((RANDOM << 15 | RANDOM) % ($1 > 0 ? $1 : 1))); }
# A sleep without a process of its own, so that it can be short.
exec {never}<> <(:)
sleep_us() { read -r -t "$(printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)))" -u "$never"; }

# ---- the two commands ----------------------------------------------------------------------------------

threads=2 experiment=$configs/fig2_stopgrad.yaml row=with scale=test calm=$work/calm
run_command() {      # run_command ROOT
    exec env --default-signal=INT,TERM,USR1 "$simsiam" run "$experiment" --row $row --seeds 1 --scale $scale \
        --runs "$1/runs" --threads $threads --checkpoint-seconds 0 --quiet
}
table_command() {    # table_command ROOT
    exec "$simsiam" table "$configs/fig2_stopgrad.yaml" --seeds 1 --scale test --runs "$1/runs" \
        --results "$1/results" >"$1/table.txt" 2>&1
}
finish() { ("$@") || fail "$1 ended with $?"; }

# same ROOT: what lies there is what the undisturbed run left.
same() {
    local of=("$calm"/runs/*/seed-1) is=("$1"/runs/*/seed-1) file
    for file in metrics.jsonl summary.json checkpoint.bin config.yaml; do
        cmp "${of[0]}/$file" "${is[0]}/$file" || fail "$file differs $2"
    done
    diff <(cd "${of[0]}" && ls -A) <(cd "${is[0]}" && ls -A) || fail "other files lie in the run's folder $2"
}
same_table() {
    diff -r "$work/calm/results" "$1/results" || fail "the table differs $2"
}

# ---- kills ---------------------------------------------------------------------------------------------

# The word in the phase file; it may be between two words.
phase() { local word=; read -r word <"$SIMSIAM_PHASE_FILE"; echo "${word:-start}"; } 2>/dev/null

declare -A hits=()
least_hit() {        # of the phases of a run
    local least=train word
    for word in train knn probe checkpoint; do
        [ "${hits[$word]:-0}" -lt "${hits[$least]:-0}" ] && least=$word
    done
    echo $least
}

# strike SIGNAL SPAN_US AIM COMMAND ROOT: starts the command and sends the signal after a random part of the span
# and, with an aim, once the aim's phase is reached.  Sets `status`, and `word`, the phase that was hit.
strike() {
    local signal=$1 delay aim=$3 pid
    delay=$(random_below "$2")
    echo start >"$SIMSIAM_PHASE_FILE"
    ("$4" "$5") &
    pid=$!
    sleep_us "$delay"
    while [ -n "$aim" ] && [ "$(phase)" != "$aim" ] && kill -0 $pid 2>/dev/null; do sleep_us 500; done
    word=$(phase)
    kill -s "$signal" $pid 2>/dev/null
    { wait $pid; } 2>/dev/null
    status=$?
}

# Every run that ends before its blow is compared, and another is begun.
kill_runs() {
    local left=$1 aim tries=0
    while [ "$left" -gt 0 ]; do
        [ $((tries += 1)) -lt $((20 * $1 + 100)) ] || fail "the runs end before they can be killed"
        aim=
        [ $((left % 2)) = 0 ] && aim=$(least_hit)
        strike KILL "$span" "$aim" run_command "$work/killed"
        case $status in
        137) hits[$word]=$((${hits[$word]:-0} + 1)) left=$((left - 1)) ;;
        0) same "$work/killed" "after kills"; rm -rf "$work/killed" ;;
        *) fail "a killed run went on to end with $status" ;;
        esac
    done
    finish run_command "$work/killed"
    same "$work/killed" "after kills"
}

kill_tables() {
    local left=$1 tries=0
    while [ "$left" -gt 0 ]; do
        [ $((tries += 1)) -lt $((100 * $1 + 100)) ] || fail "the tables end before they can be killed"
        strike KILL "$table_span" "" table_command "$work/killed"
        case $status in
        137) hits[table]=$((${hits[table]:-0} + 1)) left=$((left - 1)) ;;
        0) same_table "$work/killed" "after kills" ;;
        *) fail "a killed table went on to end with $status" ;;
        esac
    done
    finish table_command "$work/killed"
    same_table "$work/killed" "after kills"
}

# A polite stop: 75 after a checkpoint, and the same command goes on.
stop_runs() {
    local signal stops=0 tries=0
    for signal in TERM INT USR1; do
        rm -rf "$work/killed"
        stops=0
        while [ $stops -lt 2 ]; do
            [ $((tries += 1)) -lt 100 ] || fail "the runs end before SIG$signal reaches them"
            strike $signal $((span / 2)) "" run_command "$work/killed"
            case $status in
            75) stops=$((stops + 1)) ;;
            0) rm -rf "$work/killed"; stops=0 ;;
            # Before the handler is in place the signal ends the program as it ends any other.
            *) [ "$word" = start ] || fail "SIG$signal in $word ended the run with $status, not 75" ;;
            esac
        done
        finish run_command "$work/killed"
        same "$work/killed" "after SIG$signal"
        echo "SIG$signal: stopped $stops times with 75, then the same bytes"
    done
}

# The first signal lets the step end and saves; a second one, inside that step, ends the run at once, and what was
# saved before is what the same command goes on from.  A step of a part of a second leaves room for both.
stop_twice() {
    local scale=$work/slow/scale pid
    mkdir -p "$scale"
    cp "$configs/fig2_stopgrad.yaml" "$configs/paper.yaml" "$work/slow"
    cp "$configs"/scale/*.yaml "$scale"                  # the paper's statements name some
    sed '/^methods:/,$d; s/^image_size: .*/image_size: 32/; s/^widths: .*/widths: [16]/; s/^epochs: .*/epochs: 1/
         s/^\(train_count\|batch\): .*/\1: 128/; s/^monitor_count: .*/monitor_count: 16/
         s/^probe_augment: .*/probe_augment: false/' "$configs/scale/test.yaml" >"$scale/s.yaml"
    slow_run() {
        exec env --default-signal=INT,TERM "$simsiam" run "$work/slow/fig2_stopgrad.yaml" --row with --seeds 1 \
            --scale s --runs "$1" --threads 1
    }
    # A machine that is shared may let the step end between the two: then the run is made again from its start.
    local tries
    for ((tries = 0; tries < 20; tries++)); do
        rm -rf "$work/twice"
        echo start >"$SIMSIAM_PHASE_FILE"
        (slow_run "$work/twice" 2>"$work/said") &
        pid=$!
        while [ "$(phase)" != train ] && kill -0 $pid; do sleep_us 500; done 2>/dev/null
        sleep_us 20000
        kill -TERM $pid 2>/dev/null
        kill -INT $pid 2>/dev/null
        wait $pid
        case $? in
        75) grep -q 'stopped at epoch' "$work/said" || break ;;
        0) ;;
        *) fail "a second signal: neither 75 nor the run's end: $(<"$work/said")" ;;
        esac
    done
    [ $tries -lt 20 ] || fail "a second signal waited for the step: $(<"$work/said")"
    finish slow_run "$work/twice" 2>"$work/said"
    finish slow_run "$work/once" 2>>"$work/said"
    for file in metrics.jsonl summary.json checkpoint.bin; do
        cmp "$work"/once/*/seed-1/$file "$work"/twice/*/seed-1/$file || fail "$file differs after two signals"
    done
    echo "two signals: ended at once with 75, then the same bytes"
}

# Reading a whole set is long too; there is nothing to save, and it begins anew.
stop_verify() {
    local tries pid delay
    for ((tries = 0; tries < 40; tries++)); do
        delay=$((5000 * (tries + 1)))
        (exec env --default-signal=TERM "$simsiam" data verify synthetic >/dev/null) &
        pid=$!
        sleep_us $delay
        kill -TERM $pid 2>/dev/null
        { wait $pid; } 2>/dev/null
        case $? in
        75) echo "data verify: stopped with 75"; return ;;
        0 | 143) ;;                            # before the handler was there, or too late
        *) fail "SIGTERM ended data verify with another status than 75" ;;
        esac
    done
    fail "SIGTERM never ended data verify with 75"
}

# ---- each method ---------------------------------------------------------------------------------------

methods=(simsiam byol simclr moco swav)
# Four steps an epoch, with queues of two, which are full and used in the first: what is kept is soon needed.
methods_write() {
    mkdir -p "$work/small/scale"
    cp "$configs/paper.yaml" "$work/small"
    cp "$configs"/scale/*.yaml "$work/small/scale"
    sed '/^methods:/,$d; s/^\(batch\|probe_batch\): .*/\1: 16/; s/^train_count: .*/train_count: 64/
         s/^monitor_count: .*/monitor_count: 32/; s/^widths: .*/widths: [4]/; s/^dim: .*/dim: 8/
         s/^knn_k: .*/knn_k: 2/; s/^probe_epochs: .*/probe_epochs: 2/' \
        "$configs/scale/test.yaml" >"$work/small/scale/s.yaml"
    sed 's/^\(epochs\|knn_every\): .*/\1: 5000/' "$work/small/scale/s.yaml" >"$work/small/scale/long.yaml"
    cat >"$work/small/methods.yaml" <<'END'
rows:
- { name: simsiam, predictor: [], eta: average }
- { name: byol, method: byol, target_momentum: 0.5 }
- { name: simclr, method: simclr, predictor: [], stop_grad: false }
- { name: moco, method: moco, predictor: [], queue: 64, bn_splits: 2, key_momentum: 0.75 }
- { name: swav, method: swav, predictor: [], prototypes: 12, queue: 32, queue_from: 0 }
END
    experiment=$work/small/methods.yaml
}

kill_methods() {     # kill_methods KILLS: of each
    local where
    scale=s
    for row in "${methods[@]}"; do
        calm=$work/$row
        mkdir "$calm"
        rm -rf "$work/killed"
        begin=$(now_us)
        finish run_command "$calm"
        span=$(($(now_us) - begin))
        hits=()
        kill_runs "$1"
        where=$(for word in "${!hits[@]}"; do echo "$word ${hits[$word]}"; done | sort | paste -sd ,)
        echo "$row: $1 SIGKILLs ($where), then the same bytes"
    done
}

# Each run is held by a process that does nothing, and each second process waits as long for it, beside the others.
refuse_seconds() {
    local -A second=()
    local i
    scale=long
    for row in "${methods[@]}"; do
        (run_command "$work/held") &
        held+=($!)
        for ((i = 0; i < 600; i++)); do
            [ "$(find "$work/held" -name metrics.jsonl -size +0 2>/dev/null | wc -l)" = ${#held[@]} ] && break
            sleep_us 20000
        done
        kill -STOP $!
    done
    for row in "${methods[@]}"; do
        (run_command "$work/held" 2>"$work/$row.said") &
        second[$row]=$!
    done
    for ((i = 0; i < ${#methods[@]}; i++)); do
        row=${methods[i]}
        wait ${second[$row]}
        [ $? = 1 ] && grep -q "process ${held[i]} on $(uname -n) is at this run" "$work/$row.said" ||
            fail "a second process at a run of $row: $(<"$work/$row.said")"
    done
    kill -KILL "${held[@]}"
    { wait "${held[@]}"; } 2>/dev/null
    held=()
    echo "a second process at a run of each method: refused, the first is named"
}

# ---- the test ------------------------------------------------------------------------------------------

mkdir "$work"/calm "$work"/one
begin=$(now_us)
finish run_command "$work/calm"
span=$(($(now_us) - begin))
begin=$(now_us)
finish table_command "$work/calm"
table_span=$(($(now_us) - begin))

(threads=1; run_command "$work/one") || fail "one thread: $?"
same "$work/one" "with one thread"
echo "one thread and two: the same bytes"

tables=$((kills / 5))
mkdir -p "$work/killed"
kill_runs $((kills - tables))
kill_tables $tables
echo "$kills SIGKILLs, then the same bytes; where they hit:"
for word in "${!hits[@]}"; do
    printf '  %-10s %2d %s\n' "$word" "${hits[$word]}" "$(printf '%*s' "${hits[$word]}" '' | tr ' ' '#')"
done | sort
stop_runs
stop_twice
stop_verify
methods_write
kill_methods $((kills / 4 + 1))
refuse_seconds
