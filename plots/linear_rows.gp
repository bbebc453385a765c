# SPDX-License-Identifier: MIT
#
# linear_rows.gp -- the last panel of curves.gp where rows are names: linear top-1 of each, the
# paper's as a number.  Their distances in the paper, with 0.1 % for a collapse, are of another size
# than any on small images.
brief(text) = strlen(text) > 16 ? text[1:15] . "…" : text
wide = 0
from = untrained
to = untrained
do for [i = 1:n] {
    wide = greater(wide, strlen(brief(name[i])))
    from = lesser(from, linear[i] - linear_std[i])
    to = greater(to, linear[i] + linear_std[i])
}
if (untrained == untrained) {
    set arrow from first untrained, graph 0 to first untrained, graph 1 nohead @untrained_look
}
set lmargin at screen left_edge(6, 5.6 * wide - 26); set rmargin at screen right_edge(6, across == 1 ? 12 : 30)
set tmargin at screen top_edge(6); set bmargin at screen bottom_edge(6)
set title "linear top-1 (%)"
set xlabel
eval "set xrange " . (from == from ? span(NaN, NaN, from, to) : "[0:1]")
set yrange [n + 0.6:0.4]
set xtics step(from, to, 3.0)
unset ytics
set label "paper" at graph 1, graph 1 offset 1.2, 0.6 left textcolor rgb grey
do for [i = 1:n] {
    set label brief(name[i]) at graph 0, first i right offset -0.8, 0
    set label (paper[i] == paper[i] ? sprintf("%.1f", paper[i]) : "-") at graph 1, first i offset 1.2, 0 \
        textcolor rgb grey
    if (linear[i] != linear[i]) {                   # not run, or diverged
        set label state[i] at graph 0.5, first i center textcolor rgb grey
    }
}
plot NaN, for [i in probed] data index 1 \
    using "linear_mean":(column("place") == i ? column("place") : NaN):"linear_std" \
    with xerrorbars linecolor rgb tone(look[int(i)]) pointtype mark(look[int(i)]) pointsize 0.8 linewidth 1.4
