#!/bin/bash
# SPDX-License-Identifier: MIT
#
# same_verdicts.sh FOLDER OTHER -- Figure 2's claims have the same verdicts, and its rows the same states, in two
# folders of results.  Prints them; exit 1 and the difference if not.
set -u
export LC_ALL=C

# told FILE N: the first and last column of N lines, each of which was run.
told() { awk -F, -v want="$2" 'NR > 1 { print $1 ": " $NF; n += $NF != "not run" } END { exit n != want }' "$1"; }
decided() { told "$1/fig2_stopgrad_claims.csv" 5 && told "$1/fig2_stopgrad.csv" 2; }
one=$(decided "$1") && other=$(decided "$2") ||
    { echo "same_verdicts.sh: a table is missing, short, or not run" >&2; exit 1; }
if [ "$one" != "$other" ]; then
    echo "$1 and $2 differ:" >&2
    diff <(echo "$one") <(echo "$other") >&2
    exit 1
fi
echo "$one"
