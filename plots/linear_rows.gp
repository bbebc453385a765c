# SPDX-License-Identifier: MIT
#
# linear_rows.gp -- the last panel of curves.gp where rows are names: linear top-1 of each, the
# paper's as a number.  Their distances in the paper, with 0.1 % for a collapse, are of another size
# than any on small images.
brief(text) = strlen(text) > 16 ? text[1:15] . "…" : text
wide = 0
from = NaN
to = NaN
do for [i = 1:n] {
    if (strlen(brief(name[i])) > wide) { wide = strlen(brief(name[i])) }
    if (linear[i] == linear[i]) {
        if (!(from <= linear[i] - linear_std[i])) { from = linear[i] - linear_std[i] }
        if (!(to >= linear[i] + linear_std[i])) { to = linear[i] + linear_std[i] }
    }
}
if (untrained == untrained) {
    if (!(from <= untrained)) { from = untrained }
    if (!(to >= untrained)) { to = untrained }
    set arrow from first untrained, graph 0 to first untrained, graph 1 nohead @untrained_look
}
set lmargin at screen left_edge(6, 5.4 * wide - 30); set rmargin at screen right_edge(6, 30)
set tmargin at screen top_edge(6); set bmargin at screen bottom_edge(6)
set title "linear top-1 (%)"
set xlabel
eval "set xrange " . around(from, to)
set yrange [n + 0.6:0.4]
set xtics step(from, to, 3.0)
unset ytics
set label "paper" at graph 1.08, graph 1 offset 0, 0.6 left textcolor rgb grey
do for [i = 1:n] {
    set label brief(name[i]) at graph -0.05, first i right
    set label (paper[i] == paper[i] ? sprintf("%.1f", paper[i]) : "-") at graph 1.08, first i textcolor rgb grey
    if (linear[i] != linear[i]) {                   # not run, or diverged
        set label state[i] at graph 0.5, first i center textcolor rgb grey
    }
}
if (!words(probed)) { set xrange [0:1] }
plot NaN, for [i in probed] data index 1 \
    using "linear_mean":(column("place") == i ? column("place") : NaN):"linear_std" \
    with xerrorbars linecolor rgb tone(int(i)) pointtype mark(int(i)) pointsize 0.8 linewidth 1.4
