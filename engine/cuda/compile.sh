#!/bin/bash
# SPDX-License-Identifier: MIT
#
# compile.sh REPORT COMMAND... -- run a compiler; what it says goes to REPORT, and is shown if it fails.
set -u
report=$1
shift
"$@" >"$report" 2>&1 && exit
cat "$report" >&2
rm -f "$report"
exit 1
