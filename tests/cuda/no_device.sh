#!/bin/bash
# SPDX-License-Identifier: MIT
#
# no_device.sh SIMSIAM-CUDA -- without a card the program says so and ends with 1; with one there is nothing to see.
set -uo pipefail

said=$("$1" info 2>&1 >/dev/null)
status=$?
[ $status = 0 ] && { echo 'a device is here: skipped'; exit 77; }
[ $status = 1 ] && [[ $said == *'no CUDA device'*'try simsiam'*'not yet run on a device'* ]] && exit 0
echo "not ok: status $status, and: $said" >&2
exit 1
