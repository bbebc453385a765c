#!/bin/bash
# SPDX-License-Identifier: MIT
#
# recipe.sh RECIPE -- the shell of Makefile.repro's recipes: bash, that ends what it started.
#
# TERM to make alone reaches only this shell, and bash would end and leave its commands running.  They are told
# instead, each once, the last of a chain alone (a shell between ends by what it waited for), until nothing is left.
# After Ctrl-C, which all get, their end is waited for.
set -u
"$BASH" -o pipefail -c "$1" <&0 &
recipe=$!

declare -A kids told
kids_look() {
    local stat line pid rest
    kids=()
    for stat in /proc/[0-9]*/stat; do
        { read -r line <"$stat"; } 2>/dev/null || continue
        pid=${stat#/proc/}
        read -ra rest <<<"${line##*) }"        # state, parent ...
        [ "${rest[0]}" = Z ] || kids[${rest[1]}]+=" ${pid%/stat}"
    done
}
last_tell() {        # last_tell PID: TERM to those below it that have nobody below them
    local pid
    if [ -n "${kids[$1]:-}" ]; then
        for pid in ${kids[$1]}; do last_tell "$pid"; done
    elif [ -z "${told[$1]:-}" ]; then
        told[$1]=1
        kill -TERM "$1" 2>/dev/null
    fi
}
ended=0
trap 'ended=TERM' TERM HUP
trap '[ $ended = TERM ] || ended=INT' INT
wait $recipe
status=$?
while [ $ended != 0 ]; do
    kill -0 $recipe 2>/dev/null || break
    if [ $ended = TERM ]; then
        kids_look
        last_tell $recipe
        sleep 0.1
    else
        wait $recipe
        status=$?
    fi
done
[ $ended = 0 ] || { wait $recipe; status=$?; }
exit $status
