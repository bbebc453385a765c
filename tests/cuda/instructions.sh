#!/bin/bash
# SPDX-License-Identifier: MIT
#
# instructions.sh CUOBJDUMP OBJECT... -- what is in the kernels' instructions?
#
# How many do batch norm's passes take for 8 channels of 16 bits?  A card's memory brings 19 bytes a clock to a
# multiprocessor, which issues 4 instructions of 32 threads each: at 45 for the 16 bytes read and the 16 written of
# `apply`, memory decides.  Counted is the longest loop of each kernel, divided by the packs of 8 that it reads of
# x.
#
# And is any of them atomic?  The same bytes run to run want additions in one order: none but two kinds of kernels
# may, to count in integers, which come to the same in any.
set -euo pipefail
export LC_ALL=C
[ -x "$1" ] || { echo "no cuobjdump here: $1"; exit 77; }

tool=$1
shift
for object in "$@"; do PATH=$(dirname "$tool"):$PATH "$tool" -sass "$object"; done | awk '
# Of a kernel: what it may take, and how many tensors it reads for a pack of x.
function limits(name) {
    reads = most = 0
    if (name !~ /I(4bf16|4fp16)Li8E/) return
    if (name ~ /5applyI.*Lb0ELb.E/)                 { reads = 1; most = 45 }
    else if (name ~ /5applyI.*Lb1ELb.E/)            { reads = 2; most = 65 }
    else if (name ~ /7momentsI/)                    { reads = 1; most = 45 }
    else if (name ~ /9gradientsI.*mask0ELb0ELb0E/)  { reads = 2; most = 60 }
    else if (name ~ /9gradientsI.*mask1ELb0ELb0E/)  { reads = 3; most = 70 }
    else if (name ~ /9gradientsI.*mask2ELb0ELb0E/)  { reads = 2; most = 90 }
    else if (name ~ /16gradient_momentsI.*mask0E/)  { reads = 2; most = 80 }
    else if (name ~ /16gradient_momentsI.*mask1E/)  { reads = 3; most = 90 }
    else if (name ~ /16gradient_momentsI.*mask2E/)  { reads = 2; most = 100 }
}
# What may be atomic: how many scores have a digit, and which place of a list is free, before it is sorted; how many
# blocks have come to an end.
function is_count(name, what) {
    return name ~ /sim_vote/ && (what == "ATOMS.ADD" || what == "ATOMS.POPC.INC.32") ||
           name ~ /sim_bn_sums/ && what == "ATOMG.E.ADD.STRONG.GPU"
}
function hex(s,   i, n) {
    for (i = 1; i <= length(s); i++) n = 16 * n + index("0123456789abcdef", substr(s, i, 1)) - 1
    return n
}
function judge(   i, j, loads, body, longest) {
    if (!most) return
    for (i = 1; i <= n; i++) {
        if (!(i in target) || target[i] >= at[i]) continue
        body = loads = 0
        for (j = 1; j <= i; j++) {
            if (at[j] < target[i]) continue
            body++
            loads += text[j] ~ /LDG\.E\.128/
        }
        if (body > longest && loads) { longest = body; packs = loads / reads }
    }
    if (!longest) { print "not ok: no loop in " name; bad = 1; return }
    printf "%s %5.1f of %d: %s\n", longest / packs <= most ? "ok    " : "not ok", longest / packs, most, name
    bad = bad || longest / packs > most
    seen++
}
/Function : / { judge(); kernels++; name = $3; limits(name); n = 0; delete target; delete at; delete text }
/RED|ATOM/ && match($0, /[^A-Z](RED|REDG|ATOM[GS]?|UBLKRED|UTMAREDG|SURED|SUATOM)[. ][.A-Z0-9]*/) {
    what = substr($0, RSTART + 1, RLENGTH - 1)
    if (is_count(name, what)) counts++
    else { print "not ok: " what " in " name; bad = 1 }
}
!most { next }
match($0, /\/\*[0-9a-f]+\*\/ +[@!A-Z]/) && /;/ {
    address = $0
    sub(/^[^*]*\*/, "", address); sub(/\*.*/, "", address)
    at[++n] = hex(address)
    text[n] = $0
    if (match($0, /BRA[^;]*0x[0-9a-f]+/)) {
        to = substr($0, RSTART, RLENGTH)
        sub(/.*0x/, "", to)
        target[n] = hex(to)
    }
}
END {
    judge()
    if (seen < 24) { print "not ok: only " seen + 0 " passes were counted"; bad = 1 }
    if (!counts || kernels < 100) { print "not ok: what was read?"; bad = 1 }
    if (!bad) print "ok     no atomic but " counts " of integers in " kernels " kernels"
    exit bad
}'
