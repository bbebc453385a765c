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

sed 's/^budget=540 /budget=3 /' "$first_run" >short.sh
cmp -s short.sh "$first_run" && fail 'no budget of 540 to shorten'
said=$(STUB_LIST=$'long 10 it takes its time\ngood 5 it passes' bash short.sh stub.sh build out 2>&1)
is long SKIPPED 'what the budget left no time for'
[[ $(row long) == *'stopped after 3 of its 10 s'*'goes on |' ]] || fail "why it was stopped: $(row long)"
[ ! -e $stub/long.stamp ] && [ ! -e $stub/long.part ] || fail 'what had not all of its time leaves a stamp'
is good PASS 'what was made before'
STUB_LONG=0 STUB_LIST='long 10 it takes its time' first stub.sh build out
is long PASS 'what goes on'
rm $stub/slow.stamp
said=$(STUB_LIST='slow 2 it takes too long' bash short.sh stub.sh build out 2>&1)
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

total=0
while read -r name limit what; do
    total=$((total + limit))
    grep -qx "${name//-/_}() {.*" "$first_steps" || fail "$name ($what): no such step"
done < <(bash "$first_steps" list all build out)
[ "$total" -gt 0 ] && [ "$total" -le 540 ] || fail "the steps may take $total s, over nine minutes"

[ $failed = 0 ] && echo 'first_run.sh: in order'
exit $failed
