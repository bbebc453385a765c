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

# The stub: `good` passes, `bad` fails, `lacks` has no program, `silent` says nothing, `slow` runs past its limit.
# Each run of a step adds a line to calls.
cat >stub.sh <<'STUB'
case $1 in
    list) sed 's/^ *//' <<<"${STUB_LIST:-good 5 it passes
        bad 5 it fails
        lacks 5 it has no program
        silent 5 it says nothing
        slow 1 it takes too long}" ;;
    ready) [ -z "${STUB_NO_DEVICE:-}" ] && echo 'device: a stub' || { echo 'no CUDA device'; exit 1; } ;;
    needs) echo "source stub.sh"; echo "program no-such-program"; echo "${STUB_NEEDS:-data nowhere}" ;;
    run) echo "$2" >>calls
        case $2 in
            good) echo 'all | well' ;;
            bad) echo 'something is wrong'; exit 3 ;;
            lacks) echo 'it is not installed'; exit 77 ;;
            silent) ;;
            slow) sleep 20 ;;
        esac ;;
esac
STUB
# first ARGUMENT...: runs it; its status and what it said.
first() { said=$(bash "$first_run" "$@" 2>&1); status=$?; }
row() { grep -E "^\| $1 \|" out/summary.md | tr -s ' '; }
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

STUB_NO_DEVICE=1 first stub.sh build out
[ $status = 1 ] || fail "no device: status $status"
[ ! -e calls ] || fail 'a step runs without a device'
for name in good bad lacks silent slow; do is $name SKIPPED 'no device'; done

# ---- a run, and again -----------------------------------------------------------------------------------------

first stub.sh build out
[ $status = 1 ] || fail "a failed step: status $status"
is good PASS 'a run'
is bad FAIL 'a run'
is lacks SKIPPED 'a run'
is silent FAIL 'a run'
is slow FAIL 'a run'
[[ $(row good) == *'all \| well |' ]] || fail "the last line of a log: $(row good)"
[[ $(row lacks) == *'it is not installed |' ]] || fail "why a step is skipped: $(row lacks)"
rm calls
first stub.sh build out
[ "$(cat calls 2>/dev/null)" = lacks ] || fail "made again: $(tr '\n' ' ' <calls)"
is good PASS 'the second run'

# ---- what did not run has not passed ---------------------------------------------------------------------------

first --dry-run stub.sh build out
is good SKIPPED 'a dry run over stamps'
export STUB_LIST='good 5 it passes'
first stub.sh build out
[ $status = 0 ] || fail "all passed: status $status"
STUB_NO_DEVICE=1 first stub.sh build out
is good PASS 'what once ran'
for forged in 'PASS 1 0000' 'PASS' '' 'MAYBE 1 2'; do
    echo "$forged" >out/good.stamp
    STUB_NO_DEVICE=1 first stub.sh build out
    is good SKIPPED "a stamp of \`$forged\`"
done
sum=$(sha256sum <out/good.log | cut -d ' ' -f 1)
echo "PASS 1 $sum" >out/good.stamp
echo 'another line' >>out/good.log
STUB_NO_DEVICE=1 first stub.sh build out
is good SKIPPED 'a log that is not the one judged'
rm out/good.log
STUB_NO_DEVICE=1 first stub.sh build out
is good SKIPPED 'a stamp without its log'

# ---- the true steps -------------------------------------------------------------------------------------------

total=0
while read -r name limit what; do
    total=$((total + limit))
    grep -qx "${name//-/_}() {.*" "$first_steps" || fail "$name ($what): no such step"
done < <(bash "$first_steps" list all build out)
[ "$total" -gt 0 ] && [ "$total" -le 540 ] || fail "the steps may take $total s, over nine minutes"

[ $failed = 0 ] && echo 'first_run.sh: in order'
exit $failed
