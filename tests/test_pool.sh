#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_pool.sh -- `simsiam pool`: runs from elsewhere count once they are verified, what is wrong with
# them is named and not taken, and whatever fails or kills it loses nothing.
#
# usage: test_pool.sh SIMSIAM CONFIG_DIR SHIM
set -u
export LC_ALL=C

# A sanitizer's own library wants to be the first of all, and does without.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0

simsiam=$(realpath "$1") configs=$(realpath "$2") shim=$(realpath "$3")
. "$(dirname "$0")/seal.bash"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fig2=$configs/fig2_stopgrad.yaml

failed=0
fail() { echo "FAILED: $*"; failed=$((failed + 1)); [ $failed -lt 5 ] || exit 1; }
where=()                                       # the environment
# pool WANTED_STATUS WORDS ARGUMENT...: `said` has the words, from either stream.
pool() {
    said=$(env "${where[@]}" "$simsiam" pool "${@:3}" 2>&1)
    local status=$?
    [ $status = "$1" ] || fail "pool ${*:3}: exit $status, not $1: $said"
    [[ $said == *"$2"* ]] || fail "pool ${*:3}: no \`$2\` in: $said"
}
# same FOLDER OTHER: the same runs, but for the locks of those who made them.
same() {
    diff -r -x lock -x '*.prev' -x metrics.sha256 "$1" "$2" >diff.txt || fail "$1 and $2 differ: $(<diff.txt)"
}

# ---- a folder of runs ------------------------------------------------------------------------------------

runs='cluster, 2nd day'                        # a blank, and a comma, in its name
"$simsiam" run "$fig2" --scale test --seeds '1 2' --threads 1 --quiet --runs "$runs" || fail "run: $?"
one=$(cd "$runs" && grep -l '"row": "with"' */seed-1/summary.json)
one=${one%/summary.json}                       # HASH/seed-1, one of three rows
hash=${one%/*}

pool 0 "$runs: 6 taken, 0 there already, 0 refused" "$runs"
same "$runs" runs
[ "$(ls -A runs | grep -c '^\.')" = 0 ] || fail "pool leaves $(ls -A runs)"
before=$(find runs -printf '%p %T@\n' | sort)
pool 0 '0 taken, 6 there already, 0 refused' "$runs"
[ "$before" = "$(find runs -printf '%p %T@\n' | sort)" ] || fail 'the second pool wrote something'
said=$("$simsiam" run "$fig2" --scale test --seeds '1 2' --runs runs 2>&1)
[ "$(grep -c 'finished, ' <<<"$said")" = 6 ] || fail "run makes again what was pooled: $said"
[ "$before" = "$(find runs -printf '%p %T@\n' | sort)" ] || fail 'run wrote into what was pooled'

# Without clock readings and checkpoints it is the same run; half done, or from two folders, too.
cp -r "$runs" lean
rm lean/*/seed-*/{timing.jsonl,checkpoint.bin}
rm -f lean/*/seed-*/checkpoint.bin.prev
mkdir -p half/"$hash"
mv lean/"$one" half/"$hash"/
cp -r half unfinished
rm unfinished/"$one"/summary.json
rm -rf runs
pool 0 'unfinished: 0 taken, 0 there already, 0 refused, 1 not finished' lean half unfinished
[[ $said == *'lean: 5 taken'*'half: 1 taken'* ]] || fail "two folders: $said"
[ "$("$simsiam" run "$fig2" --scale test --seeds '1 2' --runs runs 2>&1 | grep -c 'finished, ')" = 6 ] ||
    fail 'run makes again what was pooled without checkpoints'

# ---- what is refused -------------------------------------------------------------------------------------

# refused WORDS COMMAND...: the command spoils one run, which alone is not taken.  The words begin with
# the file's name.
refused() {
    rm -rf spoilt into
    cp -r "$runs" spoilt
    (cd spoilt/"$one" && "${@:2}") || fail "cannot ${*:2}"
    pool 2 "spoilt/$one/$1" spoilt --runs into
    [[ $said == *'5 taken, 0 there already, 1 refused'* ]] || fail "${*:2}: $said"
    [ ! -e into/"$one" ] || fail "${*:2}: taken all the same"
    [ "$(ls -A into | grep -c '^\.')" = 0 ] || fail "${*:2}: leaves $(ls -A into)"
}
# edit FILE SCRIPT: by sed, which must change something.
edit() { cp "$1" "$work/was" && sed -i "$2" "$1" && ! cmp -s "$1" "$work/was"; }
edited() { edit "$@" && sealed "$1"; }
zero() { printf '\0' | dd of="$1" bs=1 seek=8 conv=notrunc 2>/dev/null; }
for file in metrics.jsonl config.yaml provenance.json; do
    refused "$file: cannot be read: No such file" rm $file
done
refused 'metrics.jsonl: not text: byte 9 is 0' zero metrics.jsonl
refused 'metrics.jsonl is broken in line 2' edit metrics.jsonl '2s/.$//'
refused 'summary.json and metrics.jsonl are broken, the last epoch' \
    edit metrics.jsonl '$s/"loss":-0\../"loss":-0.9/'
refused 'summary.json and metrics.jsonl are broken, the last epoch' edit metrics.jsonl '$d'
refused 'summary.json is broken' edit summary.json 's/"seed"/"sed"/'
refused 'summary.json is broken' truncate -s 100 summary.json
refused 'summary.json and metrics.jsonl are broken, an accuracy' \
    edit summary.json 's/"linear": [0-9.]*/"linear": 101/'
refused 'summary.json and metrics.jsonl are broken, its numbers' \
    edit summary.json 's/"state": .*/"state": "diverged",/'
refused 'summary.json is not what was written' edit summary.json 's/"seed": 1/"seed": 2/'
refused 'summary.json: of run ' edited summary.json 's/"seed": 1/"seed": 2/'
refused 'summary.json is not what was written' edit summary.json 's/"linear": [0-9.]*/&0/'
refused 'metrics.jsonl is not what was written' edit metrics.jsonl '2s/"grad_norm":0/"grad_norm":1/'
refused 'provenance.json: it must name' edit provenance.json '/train_hash/d'
refused 'provenance.json is not what was written' edit provenance.json 's/"compiler": "/&another /'
refused 'provenance.json: of another' edited provenance.json 's/"seed": 1/"seed": 2/'
refused 'provenance.json: of another' edited provenance.json 's/\("code_hash": "\)./\1x/'
refused 'config.yaml: with the machine, code and data' edit config.yaml 's/^momentum: .*/momentum: 0.8/'
refused 'checkpoint.bin: not whole' truncate -s -1 checkpoint.bin
flip() { printf 'x' | dd of="$1" bs=1 seek=300 conv=notrunc 2>/dev/null; }
refused 'checkpoint.bin: not whole' flip checkpoint.bin
other=$(cd "$runs" && grep -l '"row": "without"' */seed-2/summary.json)
refused "checkpoint.bin: another run's" cp "$work/$runs/${other%/*}/checkpoint.bin" checkpoint.bin
mv "$runs/$one" "$runs/$hash/seed-01"
one=$hash/seed-01
refused 'summary.json: of run ' true
mv "$runs/$one" "$runs/$hash/seed-1"
one=$hash/seed-1

# What names a run is made to fit again, as someone would who wants it to count.
# renamed KEY VALUE: in summary and provenance.
renamed() {
    (cd "$work/spoilt/$one" || exit 1
     sed -i "s/\"$1\": \".*\"/\"$1\": \"$2\"/" summary.json provenance.json
     named=$({ cat config.yaml
               sed -n 's/.*"machine": "\(.*\)".*/machine: \1/p' summary.json
               sed -n 's/.*"code_hash": "\(.*\)".*/code: \1/p' summary.json
               sed -n 's/.*"data_hash": "\(.*\)".*/data: \1/p' summary.json; } | sha256sum)
     sed -i "s/\"hash\": \".*\"/\"hash\": \"${named%% *}\"/" summary.json
     rm checkpoint.bin*
     sealed summary.json
     sealed provenance.json
     cd "$work/spoilt" && mkdir "${named:0:16}" && mv "$one" "${named:0:16}/" && echo "${named:0:16}")
}
# wants WORDS KEY VALUE [EDIT]: so renamed, the run is refused with the words.
wants() {
    rm -rf spoilt into
    cp -r "$runs" spoilt
    [ -z "${4:-}" ] || edit spoilt/"$one"/config.yaml "$4" || fail "cannot edit: $4"
    local new
    new=$(renamed "$2" "$3")
    pool 2 "spoilt/$new/seed-1/$1" spoilt --runs into
    [ ! -e into/"$new" ] || fail "$2 $3: taken all the same"
}
zeros=$(printf 0%.0s {1..64})
wants 'summary.json: of code 00000000, which equal_codes.txt does not join' code_hash "$zeros"
wants 'summary.json: by machine cuda, and this program computes on cpu' machine cuda
wants 'config.yaml: not the settings of a run' machine cpu 's/^momentum: .*/momentum: much/'
[[ $said == *"spoilt/"*"config.yaml:"[1-9]*": momentum"* ]] || fail "a wrong setting has no place: $said"
wants 'config.yaml: not the settings of a run' machine cpu 's/^momentum: .*/momentum: 0.90/'
wants 'summary.json: epochs 3, and config.yaml has 4' machine cpu 's/^epochs: .*/epochs: 4/'
# Of other data than those at hand: their hashes are in the provenance, whose hash is the summary's.
rm -rf spoilt into
cp -r "$runs" spoilt
monitor=$(sed -n 's/.*"monitor_hash": "\(.*\)".*/\1/p' "spoilt/$one/provenance.json")
sed -i "s/\"train_hash\": \".*\"/\"train_hash\": \"$zeros\"/" "spoilt/$one/provenance.json"
data=$(printf '%s%s' "$zeros" "$monitor" | sha256sum)
sed -i "s/\"data_hash\": \".*\"/\"data_hash\": \"${data%% *}\"/" "spoilt/$one/summary.json"
new=$(renamed machine cpu)
pool 2 "spoilt/$new/seed-1/summary.json: trained on data ${data:0:8}, and those at hand are " spoilt --runs into
[ ! -e "into/$new" ] || fail 'of other data, and taken all the same'

# The same run with other numbers: what is there stays.
rm -rf into
cp -r "$runs" into
cp -r "$runs" other
sed -i 's/"grad_norm":0/"grad_norm":1/' other/"$one"/metrics.jsonl
resealed other/"$one"
cmp -s "$runs/$one/metrics.jsonl" other/"$one"/metrics.jsonl && fail 'no gradient norm to edit'
pool 2 "other/$one/metrics.jsonl: into/$one is the same run with other numbers, and stays" other --runs into
[[ $said == *'0 taken, 5 there already, 1 refused'* ]] || fail "a conflict: $said"
same "$runs" into

pool 2 'nowhere: No such file' nowhere --runs none
pool 2 'diff.txt: no folder' "$runs" diff.txt --runs none
mkdir empty
pool 2 'empty: no run in it' empty --runs none
[ ! -e none ] || fail 'where nothing was taken a folder stays'

# ---- in the place of a half-done run ---------------------------------------------------------------------

rm -rf into
cp -r "$runs" into
rm into/"$one"/summary.json
echo mine >into/"$one"/mine
exec {held}<>"into/$one/lock"
flock "$held"
pool 2 "summary.json: a process is at the same run in into/$one" "$runs" --runs into
[ -f into/"$one"/mine ] || fail 'the run of another process was replaced'
exec {held}>&-
pool 0 '1 taken, 5 there already' "$runs" --runs into
same "$runs" into

# ---- whatever fails --------------------------------------------------------------------------------------

# Each call that touches the folder fails once, by a fault or a kill: a run lies there whole or not at
# all, and the same command then takes the rest.  In the place of one run lies a half-done one.
mkdir few
cp -r "$runs/$hash" few/
begun() {
    rm -rf into
    mkdir -p into/"$one"
    cp "$runs/$one"/{config.yaml,metrics.jsonl} into/"$one"/
}
for kind in KILL EIO; do
    for ((at = 1; at < 500; at++)); do
        begun
        rm -f log
        said=$({ LD_PRELOAD=$shim FAULT_ROOT=$work/into FAULT_KIND=$kind FAULT_AT=$at FAULT_LOG=$work/log \
            "$simsiam" pool few --runs "$work/into"; } 2>&1)
        status=$?
        [ -e log ] || break                    # it got through without that many calls
        [[ $status =~ ^(0|1|2|137)$ ]] || fail "$kind $at: exit $status: $said"
        [ $kind = KILL ] || [ $status = 0 ] || [[ $said == *"$work/into"* ]] ||
            fail "$kind $at: names no file: $said"
        for folder in into/*/seed-*; do
            if [ -e "$folder/summary.json" ]; then
                diff -r -x lock -x '*.prev' -x metrics.sha256 "few/${folder#into/}" "$folder" >/dev/null ||
                    fail "$kind $at: $folder is torn"
            else
                [ "$folder" = "into/$one" ] && cmp -s "few/$one/metrics.jsonl" "$folder/metrics.jsonl" ||
                    fail "$kind $at: $folder is half taken"
            fi
        done
        pool 0 ' 0 refused' few --runs into
        same few into
        [ "$(ls -A into)" = "$hash" ] || fail "$kind $at: leaves $(ls -A into)"
    done
    [ $at -gt 20 ] || fail "$kind: only $((at - 1)) calls met it: does the shim work?"
done

# ---- committed results -----------------------------------------------------------------------------------

"$simsiam" table "$fig2" --scale test --seeds '1 2' --runs "$runs" >/dev/null 2>&1 || fail "table: $?"
"$simsiam" run "$configs/table1_predictor.yaml" --row baseline --scale test --seeds 1 --runs "$runs" \
    --quiet || fail "run: $?"
"$simsiam" table "$configs/table1_predictor.yaml" --scale test --seeds 1 --runs "$runs" >/dev/null 2>&1
rm -rf runs
if localedef -i de_DE -f UTF-8 "$work/de_DE.UTF-8" >/dev/null 2>&1; then       # where 0.5 is 0,5
    where=(LOCPATH="$work" LC_ALL=de_DE.UTF-8)
    pool 0 'results/test: 6 taken, 0 there already' --scale test
    where=()
    mv runs 'with comma'
fi
pool 0 'results/test: 6 taken, 0 there already, 0 refused' --scale test
[ ! -e 'with comma' ] || same runs 'with comma'
[ "$(wc -l <<<"$said")" = 1 ] || fail "from results: $said"
for folder in runs/*/seed-*; do
    for file in config.yaml metrics.jsonl summary.json; do
        cmp "$folder/$file" "$runs/${folder#runs/}/$file" || fail "$folder/$file is not what it was"
    done
    diff <(grep -v '"seal"' "$folder/provenance.json" | sort | tr -d ,) \
        <(grep -v '"started"\|"seal"' "$runs/${folder#runs/}/provenance.json" | sort | tr -d ,) ||
        fail "$folder/provenance.json is not what it was, but for the time"
    [ ! -e "$folder/checkpoint.bin" ] || fail "$folder has a checkpoint from nowhere"
done
pool 0 'results/test: 0 taken, 6 there already' --scale test
[ "$("$simsiam" run "$fig2" --scale test --seeds '1 2' --runs runs 2>&1 | grep -c 'finished, ')" = 6 ] ||
    fail 'run makes again what was pooled from results'
"$simsiam" eval "$fig2" --scale test --row with --runs runs >said 2>&1
[ $? = 2 ] && grep -q 'pooled from results/ has none' said || fail "eval of such a run: $(<said)"
# Written from those runs the results are the same.
cp -r results again
"$simsiam" table "$fig2" --scale test --seeds '1 2' --results again >/dev/null 2>&1 || fail "table: $?"
diff -r results again || fail 'the table of pooled runs is another'

# What is wrong with them is named, and the rest is taken.
# broken WORDS TAKEN FILE SCRIPT: by sed.
broken() {
    rm -rf spoilt into
    cp -r results spoilt
    edit spoilt/test/"$3" "$4" || fail "cannot edit $3: $4"
    pool 2 "$1" spoilt/test --runs into
    [[ $said == *"spoilt/test: $2 taken"* ]] || fail "$3, $4: $said"
}
first='fig2_stopgrad_runs.jsonl'
broken "$first and _curves.csv: without seed 2 is broken, the last epoch" 5 fig2_stopgrad_curves.csv \
    '/^without,2,3,/s/,1,-0/,1,-1/'
broken "$first: with seed 1: config.yaml: with the machine, code and data" 0 $first \
    's/"momentum: 0.9"/"momentum: 0.8"/'
broken 'is broken: a run that it should tell of does not count' 5 $first \
    '/"row": "with", "seed": 2,/s/"final"/"last"/'
broken "$first:1 is broken" 2 $first '1s/"schema"/"shema"/'
broken 'provenance.json: ' 0 provenance.json 's/"libc": "/&9/'
rm -rf spoilt into
cp -r results spoilt
rm spoilt/test/provenance.json
pool 2 'is broken: a run' spoilt/test --runs into

rm -rf spoilt into
cp -r results spoilt
truncate -s -1 "spoilt/test/$first"
pool 2 "$first is torn: its last line has no end" spoilt/test --runs into
[[ $said == *'5 taken, 0 there already, 1 refused'* ]] || fail "a torn file: $said"

# Of other code: only shown, which is no fault.  The making is named by its facts (makings.h).
rm -rf into
for file in results/test/*_runs.jsonl; do unsealed "$file"; done
facts=$({ sed -n 's/^ "\([a-z_]*\)": \(.*[^{,]\),\{0,1\}$/"\1":\2/p' results/test/provenance.json
          echo "\"code_hash\":\"$zeros\""; } | sort | paste -sd ,)
making=$(printf '{%s}' "$facts" | sha256sum)
making=00000000-${making:0:8}
sed -i "s/^  \"[0-9a-f]*-[0-9a-f]*\": \"[0-9a-f]*\"/  \"$making\": \"$zeros\"/" results/test/provenance.json
sed -i "s/\"making\": \"[^\"]*\"/\"making\": \"$making\"/" results/test/*_runs.jsonl
for folder in "$runs"/*/seed-1; do
    old=$(sed -n 's/.*"hash": "\(.*\)",.*/\1/p' "$folder/summary.json" | head -n 1)
    new=$({ cat "$folder/config.yaml"
            printf 'machine: cpu\ncode: %s\n' "$zeros"
            sed -n 's/.*"data_hash": "\(.*\)".*/data: \1/p' "$folder/summary.json"; } | sha256sum)
    sed -i "s/$old/${new%% *}/" results/test/*_runs.jsonl
done
pool 0 'results/test: 0 taken, 0 there already, 0 refused, 6 of other code (simsiam table --from' \
    results/test --runs into
[ ! -e into ] || fail "taken of other code: $(ls -A into)"
"$simsiam" table "$fig2" --scale test --seeds '1 2' --from-results >said 2>&1 && grep -q 00000000 said ||
    fail "shown of other code: $(<said)"

[ $failed = 0 ] && echo 'test_pool: as written'
exit $((failed > 0))
