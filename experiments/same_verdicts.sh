#!/bin/bash
# SPDX-License-Identifier: MIT
#
# same_verdicts.sh FOLDER OTHER -- Figure 2's claims have the same verdicts, and its rows the same states, in two
# folders of results.  Prints them; exit 1 and the difference if not.
set -u
export LC_ALL=C

decided() {
    awk -F, 'NR > 1 { print $1 ": " $NF; n++ } END { exit n < least }' least=5 "$1/fig2_stopgrad_claims.csv" &&
        awk -F, 'NR > 1 { print "row " $1 ": " $NF; n++ } END { exit n < least }' least=2 "$1/fig2_stopgrad.csv"
}
one=$(decided "$1") && other=$(decided "$2") ||
    { echo "same_verdicts.sh: a table is missing or short" >&2; exit 1; }
if [ "$one" != "$other" ]; then
    echo "$1 and $2 differ:" >&2
    diff <(echo "$one") <(echo "$other") >&2
    exit 1
fi
echo "$one"
