#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_cli.sh -- what a user types and what comes back: streams, exit codes, files.
#
# usage: test_cli.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
. "$(dirname "$0")/seal.bash"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fig2=$configs/fig2_stopgrad.yaml
commands=(run eval table list plan decide pool check export config data info bench completion)

failed=0
fail() { echo "FAILED: $*"; failed=1; }
# given ARGUMENT...: runs the program; status, out and err are what came back.
given() {
    "$simsiam" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$? out=$(<"$work/out") err=$(<"$work/err")
    what="simsiam $*"
}
is_told() {          # to stdout, status 0, silence on stderr
    [ $status = 0 ] || fail "$what: exit $status, not 0: $err"
    [ -n "$out" ] || fail "$what: nothing on stdout"
    [ -z "$err" ] || fail "$what: on stderr: $err"
}
is_done() {          # like is_told, but talk on stderr is fine
    [ $status = 0 ] || fail "$what: exit $status: $err"
    [ -n "$out" ] || fail "$what: nothing on stdout"
}
is_refused() {       # is_refused WORD: status 2, a message with the word, silence on stdout, nothing written
    [ $status = 2 ] || fail "$what: exit $status, not 2"
    [[ $err == *"$1"* ]] || fail "$what: no \`$1\` in: $err"
    [ -z "$out" ] || fail "$what: on stdout: $out"
    [ "$(ls -A "$work")" = $'err\nout' ] || fail "$what: wrote $(ls -A "$work")"
}

# ---- help and mistakes ---------------------------------------------------------------------------------

given --help; is_told
for command in "${commands[@]}"; do
    [[ $out == *"  $command "* ]] || fail "simsiam --help does not name $command"
done
# What somebody who reports a bug sends: one screen, the same words as `info` and a run's papers.
given --version; is_told
[[ $out =~ ^simsiam\ [0-9]+\.[0-9]+\.[0-9]+$'\n' ]] || fail "--version says: $out"
[ "$(wc -l <<<"$out")" -le 24 ] || fail "--version is no screen: $out"
[ "$(awk 'NR > 1 { print $1 }' <<<"$out" | xargs)" = 'commit code compiler machine' ] || fail "--version says: $out"
[ "$(awk 'length > 79' <<<"$out")" = '' ] || fail "--version is too wide: $out"
version=$out
given info; is_told
for fact in commit compiler; do
    grep -qxF -- "$(grep "^$fact " <<<"$version")" <<<"$out" || fail "--version and info differ in $fact"
done
grep -qxF -- "$(grep '^code ' <<<"$version") of simsiam" <<<"$out" || fail '--version and info differ in code'
grep -qx "machine *$(sed -n 's/^machine  *//p' <<<"$out"), $(sed -n 's/^device  *//p' <<<"$out")" <<<"$version" ||
    fail "--version and info differ in the machine: $version"
for command in "${commands[@]}"; do
    given "$command" --help; is_told
    [[ $out == *"usage: simsiam $command"* ]] || fail "$what has no usage line"
    given "$command" --no-such-option; is_refused no-such-option
done

given; is_refused usage
given tabel; is_refused table
given run; is_refused FILE
given run "$fig2" --scael test; is_refused scale
given run "$fig2" --scale nosuch; is_refused nosuch
given run "$fig2" --scale test --row witout; is_refused without
given run "$fig2" --scale test --seeds "1 1"; is_refused 1
given run "$fig2" --scale test --seeds one; is_refused one
given run "$fig2" --scale test --jobs 0; is_refused jobs
for command in run plan bench; do
    given $command "$fig2" --scale test --threads -5; is_refused threads
done
given eval "$fig2" --scale test --row with --probe-rates "0.1 x"; is_refused "\`x\`"
given run nosuch.yaml --scale test; is_refused nosuch.yaml

# Every mistake of a file, each where it stands, in one pass.
cp -r "$configs" wrong
sed 's/^rows:/epoch: 3\nbatch: many\nrows:/' "$fig2" >wrong/fig2_stopgrad.yaml
given config wrong/fig2_stopgrad.yaml --scale test
[ $status = 2 ] || fail "$what: exit $status, not 2"
[ "$(grep -cE '^[^ ]*fig2_stopgrad\.yaml:[0-9]+:[0-9]+: ' <<<"$err")" = 2 ] ||
    fail "$what: not two located mistakes: $err"
[[ $err == *epochs* ]] || fail "$what: does not name the nearest key: $err"
rm -r wrong

# ---- config --------------------------------------------------------------------------------------------

given config "$fig2" --row with --scale test; is_told
grep -q '^stop_grad: true$' <<<"$out" || fail "$what: no stop_grad: true"
grep -qE '\b[0-9a-f]{64}\b' <<<"$out" || fail "$what: no hash"
with=$out
given config "$fig2" --row without --scale test; is_told
differ=$(diff <(echo "$with") <(echo "$out") | grep '^> [^#]')
[ "$differ" = '> stop_grad: false' ] || fail "the rows differ in more than stop_grad: $differ"

# ---- run and table, end to end -------------------------------------------------------------------------

# The results of a test are no results of the project: everything stays in this folder.
run=(run "$fig2" --scale test --seeds "1 2" --runs runs --threads 1)
table=(table "$fig2" --scale test --seeds "1 2" --runs runs --results results)

given "${table[@]}"
[ $status = 0 ] || fail "$what before any run: exit $status"
grep -q 'not run' <<<"$out" || fail "$what before any run does not say so"

given "${run[@]}" --jobs 2
[ $status = 0 ] || fail "$what: exit $status: $err"
[ -z "$out" ] || fail "$what: progress on stdout"
grep -q $'[\r\e]' <<<"$err" && fail "$what: a terminal's control characters in a file"
for file in config.yaml provenance.json metrics.jsonl timing.jsonl checkpoint.bin summary.json; do
    [ "$(find runs -path '*/seed-[12]/*' -name $file | wc -l)" = 6 ] || fail "not one $file for each of 6 runs"
done

stamps() { find runs -type f -printf '%p %T@ %s\n' | sort; }
before=$(stamps)
given "${run[@]}" --jobs 2
[ $status = 0 ] || fail "the second $what: exit $status: $err"
[ "$before" = "$(stamps)" ] || fail "a second $what did something again"
given "${run[@]}" --quiet
[ -z "$out$err" ] || fail "$what is not quiet: $out$err"

given "${table[@]}"
[ $status = 0 ] || fail "$what: exit $status: $err"
for file in fig2_stopgrad{.csv,.md,.tex,_caption.tex,_curves.csv,_claims.csv}; do
    [ -s "results/test/$file" ] || fail "$what: no results/test/$file"
done
columns=row,n,paper,linear_mean,linear_std,knn_mean,knn_std,loss_mean,loss_std,std_sqrtd_mean,std_sqrtd_std
[ "$(head -n 1 results/test/fig2_stopgrad.csv)" = "$columns,view_share_mean,view_share_std,state" ] ||
    fail "the columns are $(head -n 1 results/test/fig2_stopgrad.csv)"
grep -qE '^with,2,67\.7,' results/test/fig2_stopgrad.csv ||
    fail "no row \`with\` of 2 seeds beside the paper's 67.7"
cp -r results first
given "${table[@]}"
diff -r first results >/dev/null || fail "the second $what wrote other bytes"

# ---- runs of other code, broken papers, divergence ------------------------------------------------------

# The same config under another hash is a run of other code: named, not counted, made again.
own=$(dirname "$(dirname "$(find runs -path '*/seed-1/summary.json' | sort | head -n 1)")")
cp -r runs kept
# They are what they say: another code's, in the folder that it names.
old=$(printf 0%.0s {1..64})
for file in "$own"/seed-*/summary.json; do
    data=$(sed -n 's/.*"data_hash": "\(.*\)".*/\1/p' "$file")
    named=$({ cat "${file%/*}/config.yaml"
              printf 'machine: cpu\ncode: %s\ndata: %s\n' "$old" "$data"; } | sha256sum)
    sed -i -e "s/\"code_hash\": \".*\"/\"code_hash\": \"$old\"/" \
        -e "s/\"hash\": \".*\"/\"hash\": \"${named%% *}\"/" "$file" "${file%/*}/provenance.json"
    sealed "$file"
    sealed "${file%/*}/provenance.json"
done
stale=runs/${named:0:16}
mv "$own" "$stale"
given "${run[@]}"
[ $status = 0 ] || fail "$what beside stale runs: exit $status: $err"
grep -q "$stale/seed-1 is of other code" <<<"$err" || fail "$what does not name the stale run: $err"
cmp -s "$own/seed-1/metrics.jsonl" "kept/${own#runs/}/seed-1/metrics.jsonl" || fail "run again, it is another run"
# The same by a name that is not theirs.
rm -r "$own"
mv "$stale" runs/0123456789abcdef
given "${run[@]}"
[ $status = 0 ] || fail "$what beside misnamed runs: exit $status: $err"
grep -q 'runs/0123456789abcdef/seed-1 is of another hash' <<<"$err" ||
    fail "$what does not name the misnamed run: $err"
rm -r runs/0123456789abcdef

echo garbage >"$own/seed-1/summary.json"
given "${run[@]}"
[ $status = 0 ] || fail "$what with a broken summary: exit $status: $err"
grep -q 'other code' <<<"$err" && fail "$what takes a broken summary for other code"
cmp -s "$own/seed-1/summary.json" "kept/${own#runs/}/seed-1/summary.json" ||
    fail "the broken summary was not mended"

# A killed parent takes its runs with it, and the same command goes on at once.
"$simsiam" "${run[@]:0:4}" --seeds "1 2" --runs orphans --threads 1 --jobs 2 --quiet &
sleep 0.4
kill -KILL $!
{ wait $!; } 2>/dev/null
given run "$fig2" --scale test --seeds "1 2" --runs orphans --threads 1 --jobs 2
[ $status = 0 ] || fail "$what after its parent was killed: exit $status: $err"
for file in metrics.jsonl summary.json checkpoint.bin; do
    cmp -s "orphans/${own#runs/}/seed-1/$file" "kept/${own#runs/}/seed-1/$file" ||
        fail "$what: other bytes in $file"
done
rm -r orphans

# Such a run does not live on: this one is far too long to end by itself meanwhile.
cp -r "$configs" long
sed 's/^epochs: .*/epochs: 5000/; s/^knn_every: .*/knn_every: 5000/' \
    "$configs/scale/test.yaml" >long/scale/test.yaml
"$simsiam" run long/fig2_stopgrad.yaml --scale test --seeds 1 --runs long-runs --threads 1 --jobs 2 --quiet &
for _ in {1..100}; do
    locks=(long-runs/*/seed-1/metrics.jsonl)
    [ ${#locks[@]} = 2 ] && [ -s "${locks[0]}" ] && [ -s "${locks[1]}" ] && break
    sleep 0.1
done
kill -KILL $!
{ wait $!; } 2>/dev/null
for lock in long-runs/*/seed-1/lock; do
    flock --wait 10 "$lock" true || fail "a run outlives its killed parent"
done
[ ${#locks[@]} = 2 ] || fail "the long runs did not start"
rm -r long long-runs

# Somebody else is at the run: it waits, and a stop meanwhile is a stop.
rm "$own/seed-1/summary.json"
exec {held}<>"$own/seed-1/lock"
flock "$held"
for wait in 0.5 1 2 4 4; do                                # 143: it was not yet there to be told
    "$simsiam" "${run[@]}" --quiet 2>"$work/err" {held}>&- &
    sleep $wait
    kill -TERM $!
    wait $!
    status=$?
    [ $status = 143 ] || break
done
[ $status = 75 ] || fail "stopped while it waits for a lock: exit $status, not 75: $(<"$work/err")"
exec {held}>&-

# The last step of this run's only epoch makes the weights NaN: no step after it sees that.
cp -r "$configs" hot
sed 's/^base_lr: .*/base_lr: 1000/; s/^weight_decay: .*/weight_decay: 1/; s/^epochs: .*/epochs: 1/' \
    "$configs/scale/test.yaml" >hot/scale/test.yaml
for time in first second; do
    given run hot/fig2_stopgrad.yaml --row with --scale test --seeds 1 --runs hot-runs
    [ $status = 5 ] || fail "the $time $what, diverged: exit $status, not 5: $err"
done
grep -q '"state": "diverged"' hot-runs/*/seed-1/summary.json || fail "$what: a diverged run is not called so"
grep -qE '"knn": [0-9]' hot-runs/*/seed-1/summary.json && fail "$what: a diverged run has a kNN"
rm -r hot hot-runs kept

# ---- the rest ------------------------------------------------------------------------------------------

given info; is_told
given plan "$fig2" --scale test
is_done
given bench "$fig2" --scale test --repeats 1 --batch 200              # an epoch of one step
is_done
given bench "$fig2" --scale test --repeats 1
is_done

[ $failed = 0 ] && echo "test_cli: as written"
exit $failed
