#!/bin/bash
# SPDX-License-Identifier: MIT
#
# spills.sh REPORT... -- what ptxas said of each kernel: none may keep registers in memory, and all are named
# sim_..., by which a sanitizer is told ours from the libraries'.
set -euo pipefail
export LC_ALL=C

kernels=$(cat "$@" | grep -c 'Used [0-9]* registers' || true)
[ "$kernels" -gt 0 ] || { echo 'not ok: the reports speak of no kernel' >&2; exit 1; }
if grep -hE 'spill (stores|loads)' "$@" | grep -vE '\b0 bytes spill stores, 0 bytes spill loads'; then
    echo 'not ok: registers are spilled, as above' >&2
    exit 1
fi
if grep -h 'Compiling entry function' "$@" | grep -v sim_; then
    echo "not ok: a kernel's name does not begin with sim_, as above" >&2
    exit 1
fi
echo "ok: $kernels kernels, no spills, at most $(cat "$@" | sed -nE 's/.*Used ([0-9]+) registers.*/\1/p' | sort -n |
    tail -n 1) registers"
