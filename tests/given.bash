# SPDX-License-Identifier: MIT
#
# given.bash -- what tests of one command share: what it answered, and what that must be.  Sourced; `given` is the
# test's own, and sets status, out, err and what.

failed=0
fail() { echo "FAILED: $*" | head -c 900; echo; failed=1; }
ends() {             # ends STATUS [WORD...]: with this status, each word on stdout or stderr
    [ $status = "$1" ] || fail "$what: exit $status, not $1: $out $err"
    local word
    for word in "${@:2}"; do
        [[ $out$err == *"$word"* ]] || fail "$what: no \`$word\` in: $out $err"
    done
}
