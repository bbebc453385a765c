#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_first_run.sh FIRST_RUN.SH FIRST_STEPS.SH -- stamps, resuming and the summary of first_run.sh, with a stub in
# the steps' place; and that the true steps are all there.
set -u
export LC_ALL=C
first_run=$(realpath "$1") first_steps=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

failed=0
fail() { echo "FAILED: $*"; failed=1; }

# The stub: `good` passes, `bad` fails, `lacks` has no program, `silent` says nothing, `slow` runs past its limit,
# `long` may need more than the budget has left.  Each run of a step adds a line to calls.
cat >stub.sh <<'STUB'
case $1 in
    list) sed 's/^ *//' <<<"${STUB_LIST:-good 5 it passes
        bad 5 it fails
        lacks 5 it has no program
        silent 5 it says nothing
        slow 1 it takes too long}" ;;
    judged) echo "${STUB_JUDGED:-a stub, code 1234}" ;;
    ready) [ -z "${STUB_NO_DEVICE:-}" ] && echo 'device: a stub' || { echo 'no CUDA device'; exit 1; } ;;
    outside) echo 'outside: nothing' ;;
    needs) echo "source stub.sh"; echo "program no-such-program"; echo "${STUB_NEEDS:-data nowhere}" ;;
    run) echo "$2" >>calls
        case $2 in
            good) echo 'all | well' ;;
            bad) echo 'something is wrong'; exit 3 ;;
            lacks) echo 'it is not installed'; exit 77 ;;
            silent) ;;
            slow) sleep 20 ;;
            long) sleep "${STUB_LONG:-20}"; echo 'at last' ;;
        esac ;;
esac
STUB
# first ARGUMENT...: runs it; its status and what it said.
first() { said=$(bash "$first_run" "$@" 2>&1); status=$?; }
row() { grep -E "^\| $1 \|" <<<"$said" | tr -s ' '; }
is() { [[ $(row "$1") == "| $1 | $2 |"* ]] || fail "$3: \`$(row "$1")\`, not $2"; }

# ---- dry ------------------------------------------------------------------------------------------------------

first --dry-run stub.sh build out
[ $status = 0 ] || fail "dry run: status $status: $said"
[ ! -e calls ] || fail 'a dry run runs a step'
for name in good bad lacks silent slow; do is $name SKIPPED 'dry run'; done
[[ $said == *'program  no-such-program'*MISSING* ]] || fail "dry run: what is missing is not said: $said"
grep -qx 'outside: nothing' <<<"$said" || fail "dry run: what lies outside is not said: $said"
[ -z "$(find out -name '*.stamp')" ] || fail 'a dry run leaves stamps'
STUB_NEEDS='built nowhere' first --dry-run stub.sh build out
[ $status = 1 ] || fail "dry run without a file of the project's own: status $status"

# ---- no device ------------------------------------------------------------------------------------------------

rm -r out/*
STUB_NO_DEVICE=1 first stub.sh build out
[ $status = 1 ] || fail "no device: status $status"
[ ! -e calls ] || fail 'a step runs without a device'
[ -z "$(ls out)" ] || fail 'without a device, results are written'
for name in good bad lacks silent slow; do is $name SKIPPED 'no device'; done

# ---- a run, and again -----------------------------------------------------------------------------------------

stub=out/a-stub-code-1234
first stub.sh build out
[ $status = 1 ] || fail "a failed step: status $status"
is good PASS 'a run'
is bad FAIL 'a run'
is lacks SKIPPED 'a run'
is silent FAIL 'a run'
is slow FAIL 'a run'
[[ $(row good) == *'all \| well |' ]] || fail "the last line of a log: $(row good)"
[[ $(row lacks) == *'it is not installed |' ]] || fail "why a step is skipped: $(row lacks)"
[ "$(cat $stub/lacks.skipped)" = 'it is not installed' ] || fail 'what a skipped step said is lost'
[[ $said == *"$(cat $stub/summary.md)"* ]] || fail "the summary that is kept: $(cat $stub/summary.md)"
rm calls
first stub.sh build out
[ "$(cat calls 2>/dev/null)" = lacks ] || fail "made again: $(tr '\n' ' ' <calls)"
is good PASS 'the second run'

# ---- another card, other code -----------------------------------------------------------------------------------

export STUB_LIST='good 5 it passes'
for other in 'another, code 1234' 'a stub, code 5678'; do
    rm -f calls
    STUB_JUDGED=$other first stub.sh build out
    [ "$(cat calls 2>/dev/null)" = good ] || fail "$other: the steps of a stub with code 1234 stand for it"
    is good PASS "$other"
    grep -qxF "$other" <<<"$said" || fail "$other: the summary speaks of another"
    rm calls
    STUB_JUDGED=$other first stub.sh build out
    [ ! -e calls ] || fail "$other: made again"
done
grep -qxF 'a stub, code 1234' $stub/summary.md || fail 'what was found of the first one is gone'
cp -r $stub out/somebody-else-code-1
STUB_JUDGED='somebody else, code 1' first stub.sh build out
[ "$(cat calls 2>/dev/null)" = good ] || fail 'stamps of another are believed'
rm calls

# ---- the time is over ------------------------------------------------------------------------------------------

sed 's/^budget=540 /budget=4 /' "$first_run" >short.sh
cmp -s short.sh "$first_run" && fail 'no budget of 540 to shorten'
said=$(STUB_LIST=$'long 10 it takes its time\ngood 5 it passes' bash short.sh stub.sh build out 2>&1)
is long SKIPPED 'what the budget left no time for'
[[ $(row long) == *'stopped after '[1-4]' of its 10 s'*'goes on |' ]] || fail "why it was stopped: $(row long)"
[ ! -e $stub/long.stamp ] && [ ! -e $stub/long.part ] || fail 'what had not all of its time leaves a stamp'
is good PASS 'what was made before'
STUB_LONG=0 STUB_LIST='long 10 it takes its time' first stub.sh build out
is long PASS 'what goes on'
rm $stub/slow.stamp
said=$(STUB_LIST='slow 1 it takes too long' bash short.sh stub.sh build out 2>&1)
is slow FAIL 'what had all of its time'

# ---- what did not run has not passed ---------------------------------------------------------------------------

first --dry-run stub.sh build out
is good SKIPPED 'a dry run over stamps'
first stub.sh build out
[ $status = 0 ] || fail "all passed: status $status"
for forged in 'PASS 1 0000' 'PASS' '' 'MAYBE 1 2'; do
    echo "$forged" >$stub/good.stamp
    rm -f calls
    first stub.sh build out
    [ -e calls ] || fail "a stamp of \`$forged\` is believed"
done
echo 'another line' >>$stub/good.log
rm -f calls
first stub.sh build out
[ -e calls ] || fail 'a log is believed that is not the one judged'
rm $stub/good.log calls
first stub.sh build out
[ -e calls ] || fail 'a stamp is believed without its log'
unset STUB_LIST

# ---- the true steps -------------------------------------------------------------------------------------------

# Who is judged: a device, and all that is built, run or read.
project() { (cd project && bash "$first_steps" judged all build out python3); }
mkdir -p project/{build,engine,experiments,tests/bench,configs}
touch project/CMakeLists.txt project/{engine,experiments,tests/bench,configs}/file
cat >project/build/simsiam-cuda <<'STUB'
#!/bin/bash
echo "device     A Card, large"
echo "library    ${LIBRARY:-cuDNN 9}"
STUB
chmod +x project/build/simsiam-cuda
before=$(project)
[[ $before =~ ^'A Card, large, code '[0-9a-f]{12}$ ]] || fail "who is judged: $before"
mkdir project/tests/bench/__pycache__ && touch project/tests/bench/__pycache__/file project/README.md
[ "$(project)" = "$before" ] || fail 'what no step reads makes another of it'
[ "$(LIBRARY='cuDNN 10' project)" != "$before" ] || fail 'another library is no other'
for file in CMakeLists.txt {engine,experiments,tests/bench,configs}/file; do
    echo more >>project/$file
    [ "$(project)" != "$before" ] || fail "$file changes nothing"
    before=$(project)
done

# A project of stubs, in which the true steps run: run_step NAME; what it says in `said`, its last line in `last`.
mkdir -p bin true/{build,out,experiments/commands/fetch,tests/bench,data/plans}
run_step() {
    said=$(cd true && PATH=$work/bin:$PATH DATA=data bash "$first_steps" run "$1" build out "$work/bin/python" 2>&1)
    status=$?
    last=$(tail -n 1 <<<"$said")
}
stub() { { echo '#!/bin/bash'; cat; } >"$1"; chmod +x "$1"; }

# ---- what lies outside -----------------------------------------------------------------------------------------

# Libraries of somebody's wheels, by their folder; one of the system; the C library, which needs no word; data.
stub bin/nvcc </dev/null
stub bin/ldd <<'STUB'
for library in wheels/cudnn/lib/libcudnn.so.9 wheels/cu13/lib/libcublasLt.so.13 usr/libyaml-0.so.2 usr/libc.so.6; do
    echo "    ${library##*/} => $LIBRARIES/$library (0x0)"
done
echo '    linux-vdso.so.1 (0x0)'
STUB
mkdir -p {far,true/build-data}/{wheels/cudnn/lib,wheels/cu13/lib,usr,cifar10}
for at in far true/build-data; do
    for library in wheels/cudnn/lib/libcudnn{,_more}.so.9 wheels/cu13/lib/libcublasLt.so.13 usr/libyaml-0.so.2; do
        head -c 65536 /dev/zero >$at/$library
    done
done
outside() {
    said=$(cd true && PATH=$work/bin:$PATH LIBRARIES=$work/$1 DATA=$2 bash "$first_steps" outside all build out)
}
outside far ../far
while read -r size path; do
    grep -qE "^ +$size  $work/$path\$" <<<"$said" || fail "outside: $size $path is not said: $said"
done <<'PATHS'
1[2-9][0-9]K far/wheels/cudnn/lib
[67][0-9]K far/wheels/cu13/lib
[67][0-9]K far/usr/libyaml-0.so.2
[0-9.]+K? far/cifar10
PATHS
grep -q 'libc\.so' <<<"$said" && fail "outside: the C library: $said"
grep -qF 'DATA=build-data' <<<"$said" || fail "outside: how it comes inside is not said: $said"
outside true/build-data build-data
[ "$(grep -cE "^ .* $work/" <<<"$said")" = 1 ] && grep -q " $work/bin/nvcc\$" <<<"$said" ||
    fail "outside, with data and libraries inside, is nvcc alone, not: $said"
outside far nowhere
grep -qE "^ +MISSING +" <<<"$said" && fail "outside: what is to come inside is missing outside: $said"
outside far ../nowhere
grep -qE "^ +MISSING  $work/nowhere/cifar10" <<<"$said" || fail "outside: what is missing is not said: $said"
rm bin/nvcc bin/ldd

# ---- compute-sanitizer ------------------------------------------------------------------------------------------

stub bin/compute-sanitizer <<'STUB'
echo "$*" >>sanitized
[ -z "${STUB_WRONG:-}" ] || [[ "$*" != *$STUB_WRONG* ]] || { echo '========= 1 error'; exit 9; }
echo '========= ERROR SUMMARY: 0 errors'
STUB
run_step sanitizer
[ $status = 0 ] || fail "sanitizer: status $status: $said"
for tool in memcheck racecheck; do
    for what in 'small_shapes '{conv,eval,views,codes} ops_rows ops_norm ops_loss ops_fc; do
        [ "$(grep -c -- "--tool $tool .*/gpu_$what\$" true/sanitized)" = 1 ] || fail "$tool does not look at $what"
    done
done
grep racecheck true/sanitized | grep -vq 'kns=sim_' && fail "racecheck looks at other people's kernels"
grep memcheck true/sanitized | grep -q 'kns=' && fail 'memcheck looks at our own kernels alone'
STUB_WRONG='racecheck --kernel-name kns=sim_ --error-exitcode 9 build/gpu_small_shapes eval' run_step sanitizer
[ $status = 1 ] && [[ $last == 'racecheck gpu_small_shapes eval: above' ]] ||
    fail "sanitizer, an error: $status, $last"

# ---- bench ------------------------------------------------------------------------------------------------------

# Answers like step_bench; a start and each line is written down.
stub true/build/step_bench <<'STUB'
echo start >>asked
while read -r a b _; do
    echo "$a $b" >>asked
    case $a in
        shares) printf '   1.0    8.0000 100.00  _Z3onev\nshares %s 8.0000, replayed 9.0000\n' "$b" ;;
        knn) echo 'knn 120.5 119.0 130.0, with the way over the host 200.0 190.0 210.0' ;;
        ${STUB_LACKS:-none}) ;;
        fp16) echo 'fp16 ours 8.0 7.9 9.0, with augmentation 9.0 8.9 9.9' ;;
        *) echo "$a ours 9.0 8.9 9.9, with augmentation 10.0 9.9 11.0" ;;
    esac
done
STUB
echo plans >true/data/plans/card.txt
run_step bench
wanted='step with augmentation: bf16 10.00 ms (kernels 8.00), fp16 9.00 ms (kernels 8.00), fp32 10.00 ms; '
[ $status = 0 ] && [ "$last" = "${wanted}kNN of 10,000 among 50,000: 0.120 s" ] || fail "bench: $status, $last"
[ -s true/out/card.txt ] || fail 'bench keeps no plans'
command -v c++filt >/dev/null && [[ $said != *' one()'* ]] && fail "bench: names of kernels: $said"
STUB_LACKS=fp16 run_step bench
[ $status = 1 ] || fail "bench without an answer: $status, $last"

# ---- beside PyTorch ---------------------------------------------------------------------------------------------

stub bin/python <<'STUB'
[ "$1" != -c ] || exit "${STUB_NO_TORCH:-0}"
echo '# PyTorch'
for mode in max-autotune eager; do
    for precision in bf16 fp16; do
        [[ " $precision $mode" != ${STUB_LATE:-none} ]] || { echo "without $precision $mode: not done"; continue; }
        echo "mode $precision $mode 13.0 12.0 14.0"
    done
done
[ -z "${STUB_ENDS:-}" ] || exit 1
[ "${STUB_LATE:-}" = '*' ] && { echo none; exit; }
echo ready
while read -r line; do
    echo "$line" >>asked-torch
    [ "$line" = best ] && echo 'best bf16 max-autotune 12.6 12.0 14.0' || echo 'bf16 max-autotune 12.6 12.0 14.0'
done
STUB
rm true/asked
run_step pytorch
wanted='with augmentation PyTorch takes 1.400 [1.400, 1.400] times as long as ours, median of 5 pairs; '
wanted+='ours in fp16, PyTorch in bf16 max-autotune, its best of bf16 max-autotune, '
wanted+='fp16 max-autotune, bf16 eager, fp16 eager'
[ $status = 0 ] && [ "$last" = "$wanted" ] || fail "pytorch: $status, $last"
[ "$(grep -c start true/asked)" = 1 ] || fail "our bench is started $(grep -c start true/asked) times"
[ "$(head -n 1 true/asked-torch)" = best ] || fail 'PyTorch is not asked which mode is best once ours is warm'
# late MODES, as a pattern; and what the step then says.
late() {
    STUB_LATE=$1 run_step pytorch
    [ $status = 77 ] && [ "$last" = "of PyTorch $2: the same command goes on" ] || fail "late $1: $status, $last"
}
late ' fp16*' 'only bf16 max-autotune, bf16 eager was timed, not fp16 max-autotune, fp16 eager'
late ' bf16*' 'only fp16 max-autotune, fp16 eager was timed, not bf16 max-autotune, bf16 eager'
late ' fp16 max*' 'only bf16 max-autotune, bf16 eager, fp16 eager was timed, not fp16 max-autotune'
late '*' 'nothing was timed, not bf16 max-autotune, fp16 max-autotune, bf16 eager, fp16 eager'
STUB_LATE=' *eager' run_step pytorch
[ $status = 0 ] && [[ $last == *'; not bf16 eager, fp16 eager' ]] || fail "what was not timed: $status, $last"
STUB_ENDS=1 run_step pytorch
[ $status = 1 ] && [[ $last == 'PyTorch ended'* ]] || fail "PyTorch ends: $status, $last"
STUB_NO_TORCH=1 run_step pytorch
[ $status = 77 ] || fail "no PyTorch: $status"

# ---- ten epochs -------------------------------------------------------------------------------------------------

stub true/experiments/commands/fetch/fetch_cifar10.sh </dev/null
stub true/build/simsiam-cuda <<'STUB'
while [ "$1" != --runs ]; do shift; done
mkdir -p "$2/hash/seed-1"
{
    echo '{"epoch":0,"loss":null,"std_sqrtd":0.2,"knn":31.5,"knn_z":99}'
    echo "{\"epoch\":1,\"loss\":$STUB_FIRST,\"std_sqrtd\":null,\"knn\":null,\"knn_z\":null}"
    echo "{\"epoch\":10,\"loss\":$STUB_LOSS,\"std_sqrtd\":$STUB_STD,\"knn\":$STUB_KNN,\"knn_z\":99}"
} >"$2/hash/seed-1/metrics.jsonl"
STUB
while read -r verdict first loss std knn what; do
    STUB_FIRST=$first STUB_LOSS=$loss STUB_STD=$std STUB_KNN=$knn run_step cifar10
    [ $status = "$verdict" ] || fail "ten epochs of $what: status $status, $last"
done <<'RUNS'
0 -0.48 -0.70 0.97 51.8 a healthy run
1 -0.48 -0.70 0.97 32.1 a net that learnt nothing
1 -0.48 -0.70 0.97 30.2 a net that is worse than an untrained one
1 -0.48 -0.50 0.97 45.0 a loss that does not fall
1 -0.70 -0.99 0.21 30.2 a collapse
1 -0.48 -0.70 0.97 80.0 features better than any run has them
1 null null 0.97 51.8 no loss
RUNS
[ -e true/build/gpu-first-run/out/hash ] || fail 'the run of ten epochs is not kept by whom it judges'

# ---- the list ---------------------------------------------------------------------------------------------------

total=0
while read -r name limit what; do
    total=$((total + limit))
    grep -qx "${name//-/_}() {.*" "$first_steps" || fail "$name ($what): no such step"
done < <(bash "$first_steps" list all build out)
[ "$total" -gt 0 ] && [ "$total" -le 540 ] || fail "the steps may take $total s, over nine minutes"

[ $failed = 0 ] && echo 'first_run.sh: in order'
exit $failed
