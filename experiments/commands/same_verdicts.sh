#!/bin/bash
# SPDX-License-Identifier: MIT
#
# same_verdicts.sh FOLDER OTHER -- Figure 2's claims have the same verdicts, and its rows the same states, in two
# folders of results.  Prints them; exit 1 and the difference if not.
set -u
export LC_ALL=C

# told FILE COLUMN N: the first column and that one, of which N lines at least were run.
told() {
    awk -F, -v column="$2" -v want="$3" '
        NR == 1 { for (c = 1; c <= NF; c++) if ($c == column) at = c }
        NR > 1 { print $1 ": " $at; n += $at != "not run" }
        END { exit n < want }' "$1"
}
decided() { told "$1/fig2_stopgrad_claims.csv" verdict 5 && told "$1/fig2_stopgrad.csv" state 2; }
one=$(decided "$1") && other=$(decided "$2") ||
    { echo "same_verdicts.sh: a table is missing, short, or not run" >&2; exit 1; }
if [ "$one" != "$other" ]; then
    echo "$1 and $2 differ:" >&2
    diff <(echo "$one") <(echo "$other") >&2
    exit 1
fi
echo "$one"
