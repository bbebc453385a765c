#!/bin/bash
# SPDX-License-Identifier: MIT
#
# first_run.sh -- what wants a card, in one command of at most nine minutes: steps, a stamp for each, a summary.
#
# usage: first_run.sh [--dry-run] STEPS BUILD OUT [PYTHON]
#
# STEPS (first_steps.sh) knows the steps, and who it is that is judged: a device and the code.  Each such pair has a
# folder of its own in OUT, so that another card, or other code, begins anew.  A step that came to its end, well or
# not, leaves NAME.log there with what it said and NAME.stamp with how it ended, and is not made again (remove its
# stamp to have it again).  One that was stopped, lacks something (NAME.skipped has what it said), or had not all of
# its time because the budget of them all ran out, leaves no stamp: the same command goes on with it.  summary.md is
# made from the stamps, and a stamp counts only beside the log it was made with, for the pair it was made for: what
# did not run cannot be shown as passed.
#
# --dry-run says what each step needs and whether it is here, and what of it lies outside of the project; it runs
# none, believes no stamp, and leaves its summary in OUT itself.  Ends with 0; 1 if a step failed, if none could
# run, or if in a dry run a file of the project's own is missing; 2 for a wrong command.
set -uo pipefail
export LC_ALL=C

dry=
[ "${1:-}" != --dry-run ] || { dry=1; shift; }
[ $# = 3 ] || [ $# = 4 ] || { echo 'usage: first_run.sh [--dry-run] STEPS BUILD OUT [PYTHON]' >&2; exit 2; }
steps=$1 build=$2 out=$3 python=${4:-}
budget=540                             # seconds, of all steps together
declare -A reason=()                   # why a step was skipped
judged=                                # the device and the code: "NAME, code HASH"; empty: no device

step() { bash "$steps" "$1" "$2" "$build" "$out" "$python"; }
# The sum of a log, and of whom it speaks.
sum_of() { { echo "$judged"; cat "$1"; } | sha256sum | cut -d ' ' -f 1; }

# how NAME: "PASS SECONDS" or "FAIL SECONDS" if its stamp is that of its log; else nothing.
how() {
    local verdict seconds sum
    [ -n "$judged" ] && [ -s "$out/$1.log" ] && [ -f "$out/$1.stamp" ] || return 0
    read -r verdict seconds sum <"$out/$1.stamp" || return 0
    [[ $verdict == PASS || $verdict == FAIL ]] && [ "$sum" = "$(sum_of "$out/$1.log")" ] || return 0
    echo "$verdict $seconds"
}

# make_step NAME LIMIT: runs it; 77 is a skip, and its last line says why.
make_step() {
    local name=$1 limit=$2 status=0 start=$SECONDS verdict=PASS left=$((budget - SECONDS)) cut=
    [ "$limit" -le "$left" ] || { limit=$left cut=1; }
    [ "$limit" -gt 0 ] || { reason[$name]="the $budget seconds are over: the same command goes on"; return; }
    echo "$name: at most $limit s"
    timeout --kill-after=10 "$limit" bash "$steps" run "$name" "$build" "$out" "$python" >"$out/$name.part" 2>&1 ||
        status=$?
    case $status in
        0) ;;
        77) reason[$name]=$(tail -n 1 "$out/$name.part"); mv "$out/$name.part" "$out/$name.skipped"; return ;;
        124 | 137)
            # Less than its own limit was left, so it has not been tried.
            if [ -n "$cut" ]; then
                reason[$name]="stopped after $limit of its $2 s, the last of $budget: the same command goes on"
                rm -f "$out/$name.part"
                return
            fi
            verdict=FAIL; echo "not done after $limit s" >>"$out/$name.part" ;;
        *) verdict=FAIL; echo "ended with status $status" >>"$out/$name.part" ;;
    esac
    [ -s "$out/$name.part" ] || { verdict=FAIL; echo 'said nothing' >"$out/$name.part"; }
    mv "$out/$name.part" "$out/$name.log" && rm -f "$out/$name.skipped"
    echo "$verdict $((SECONDS - start)) $(sum_of "$out/$name.log")" >"$out/$name.stamp.part"
    mv "$out/$name.stamp.part" "$out/$name.stamp"
}

# What a step needs, a line each: KIND PATH.  What the project has or builds must be here.
tell_needs() {
    local kind path here
    while read -r kind path; do
        here=MISSING
        if [ "$kind" = program ]; then command -v "$path" >/dev/null && here=here
        elif [ -e "$path" ]; then here=here; fi
        printf '    %-8s %-48s %s\n' "$kind" "$path" "$here"
        [[ $here == here || $kind == program || $kind == data ]] || lacking=1
    done < <(step needs "$1")
}

summary() {
    local name limit what verdict seconds said
    echo '# First run on a device'
    echo
    if [ -n "$dry" ]; then echo 'A dry run: no step ran, and nothing here was measured.'
    elif [ -n "$judged" ]; then printf '%s\n\n' "$judged"; sed 's/^/    /' "$out/machine.txt"
    else echo 'No device was here.'; fi
    printf '\n| step | result | seconds | what | the last it said |\n|---|---|---|---|---|\n'
    while read -r name limit what; do
        read -r verdict seconds < <(how "$name") || { verdict=SKIPPED seconds=; }
        said=${reason[$name]:-not run yet}
        [ "$verdict" = SKIPPED ] || said=$(tail -n 1 "$out/$name.log")
        printf '| %s | %s | %s | %s | %s |\n' "$name" "$verdict" "$seconds" "$what" "${said//|/\\|}"
    done <<<"$list"
}

# ---- dry, without a device, or with one -----------------------------------------------------------------------

list=$(step list all)
[ -n "$list" ] || { echo "first_run.sh: $steps has no list of steps" >&2; exit 2; }
lacking='' failed='' ran='' keep=1
if [ -n "$dry" ]; then
    mkdir -p "$out" || exit 1
    while read -r name limit what; do
        printf '%s: %s (at most %s s)\n' "$name" "$what" "$limit"
        tell_needs "$name"
        reason[$name]='dry run'
    done <<<"$list"
    step outside all
    echo
elif ready=$(step ready all 2>&1) && judged=$(step judged all) && [ -n "$judged" ]; then
    out=$out/$(tr -cs 'A-Za-z0-9\n' - <<<"$judged")
    mkdir -p "$out" || exit 1
    echo "$ready" >"$out/machine.txt"
    while read -r name limit what; do
        [ -n "$(how "$name")" ] || make_step "$name" "$limit" </dev/null
    done <<<"$list"
else
    # Nobody is judged, and nobody's results are touched.
    judged='' keep=''
    printf '%s\n' "$ready" >&2
    while read -r name limit what; do reason[$name]='no device'; done <<<"$list"
fi
said=$(summary)
echo "$said"
if [ -n "$keep" ]; then
    echo "$said" >"$out/summary.part" && mv "$out/summary.part" "$out/summary.md" || exit 1
    printf '\nIn %s\n' "$out"
fi
while read -r name limit what; do
    verdict=$(how "$name")
    [ -z "$verdict" ] || ran=1
    [[ $verdict != FAIL* ]] || failed=1
done <<<"$list"
[ -z "$dry" ] || { [ -z "$lacking" ]; exit; }
[ -n "$ran" ] && [ -z "$failed" ]
