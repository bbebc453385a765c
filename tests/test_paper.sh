#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_paper.sh -- what papers are handed: each committed table in LaTeX, compiled in one column and in two, and
# matplotlib_example.py.
#
# PYTHON may name an interpreter that has matplotlib.  Without pdflatex, or without matplotlib, its part is left
# out, and said to be.
#
# usage: test_paper.sh
set -u
export LC_ALL=C

root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

failed=0 looked=0
fail() { echo "FAILED: $*" | head -c 1500; echo; failed=1; }

# ---- LaTeX -------------------------------------------------------------------------------------------------

# document FLOAT WHAT TABLE...: a paper of two columns with each table in such a float, whole, or its numbers alone.
document() {
    printf '%s\n' '\documentclass[10pt,twocolumn]{article}' '\usepackage[utf8]{inputenc}' \
        '\usepackage{booktabs,graphicx}' '\begin{document}'
    [ "$2" = whole ] || printf '\\newcommand\\simsiam%s[1]{}\n' more notes
    local table
    for table in "${@:3}"; do
        printf '%s\n' "\\begin{$1}\\centering\\input{$table}\\input{${table}_caption}\\end{$1}" '\clearpage'
    done
    echo '\end{document}'
}
tables=("$root"/results/*/*_caption.tex)
[ ${#tables[@]} -ge 10 ] || fail "${#tables[@]} tables in LaTeX are committed"
if command -v pdflatex >/dev/null; then
    looked=1
    for folder in "$root"/results/*/; do
        names=$(cd "$folder" && ls -- *_caption.tex 2>/dev/null | sed 's/_caption\.tex$//')
        [ -n "$names" ] || continue
        rm -f -- *.tex
        cp "$folder"*.tex .
        for kind in 'table whole' 'table* whole' 'table numbers' 'table* numbers'; do
            read -r float what <<<"$kind"
            document "$float" "$what" $names >paper.tex
            pdflatex -halt-on-error -interaction=nonstopmode paper.tex >log 2>&1 </dev/null ||
                { fail "$folder, $kind: pdflatex: $(grep -A 4 '^!' log)"; continue; }
            # A caption has long words; a tabular is never wider than its column.
            grep -E 'Overfull \\hbox .*(alignment|has occurred)' log && fail "$folder, $kind: too wide, as above"
            [ "$what" = whole ] || ! grep 'Float too large' log || fail "$folder, $float: too high, as above"
        done
    done
else
    echo 'no pdflatex here (on Debian: texlive-latex-recommended): the tables were not compiled'
fi

# ---- matplotlib --------------------------------------------------------------------------------------------

python=
for candidate in ${PYTHON:+"$PYTHON"} python3; do
    [ -n "$python" ] || ! "$candidate" -c 'import matplotlib' 2>/dev/null || python=$candidate
done
if [ -n "$python" ]; then
    looked=1
    for file in a.pdf b.pdf a.svg; do
        "$python" "$root/plots/matplotlib_example.py" "$root/results/quick" $file >log 2>&1 ||
            fail "matplotlib_example.py: $(tail -n 3 log)"
    done
    cmp -s a.pdf b.pdf || fail 'matplotlib_example.py: other bytes the second time'
    grep -aq '/Type3' a.pdf && fail 'matplotlib_example.py: a font of Type 3'
    [ "$(grep -c 'clip-path=' a.svg)" -ge 6 ] || fail 'matplotlib_example.py: under six curves'
else
    echo 'no Python with matplotlib here: its example was not drawn'
fi

[ $failed = 0 ] && echo 'test_paper: as written'
[ $failed = 0 ] && [ $looked = 0 ] && exit 77
exit $failed
