# SPDX-License-Identifier: MIT
#
# given.bash -- what tests of one command share: what it answered, and what that must be.  Sourced, where $simsiam is
# the program and $work a folder.

failed=0
fail() { echo "FAILED: $*" | head -c 900; echo; failed=1; }
given() {            # given ARGUMENT...: status, out, err are what came back of it, what is what was asked
    "$simsiam" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$? out=$(<"$work/out") err=$(<"$work/err")
    what="simsiam $*"
}
ends() {             # ends STATUS [WORD...]: with this status, each word on stdout or stderr
    [ $status = "$1" ] || fail "$what: exit $status, not $1: $out $err"
    local word
    for word in "${@:2}"; do
        [[ $out$err == *"$word"* ]] || fail "$what: no \`$word\` in: $out $err"
    done
}
