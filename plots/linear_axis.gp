# SPDX-License-Identifier: MIT
#
# linear_axis.gp -- the last panel of curves.gp where rows are points of an axis: ours on the left,
# the paper's on the right.  A point is a point on both, and the two meet at the baseline, or where
# that was not run at the first row that was.
meet = words(probed) ? int(word(probed, 1)) : 0
do for [i in probed] { if (name[int(i)] eq baseline) { meet = int(i) } }
above = meet && paper[meet] == paper[meet] ? linear[meet] - paper[meet] : 0
from = untrained
to = untrained
do for [i = 1:n] {
    from = lesser(lesser(from, linear[i] - linear_std[i]), paper[i] + above)
    to = greater(greater(to, linear[i] + linear_std[i]), paper[i] + above)
}
if (from != from) { from = 0; to = 0 }
if (from == to) { from = from - 0.5; to = to + 0.5 }
bottom = from - 0.08 * (to - from)
top = to + 0.25 * (to - from)                   # room for the key
set lmargin at screen left_edge(6, 0); set rmargin at screen right_edge(6, 18)
set tmargin at screen top_edge(6); set bmargin at screen bottom_edge(6)
set title "linear top-1 (%)"
set border 11
set xlabel axis
set xrange [0.6:n + 0.4]
set xtics () scale 0
do for [i = 1:n] { set xtics add (name[i] i) }
if (n > 5) { set xtics font small rotate by (n > 12 ? 90 : 40) right offset 0.6, 0.1 }
set yrange [bottom:top]
set ytics step(from, to, 4.0)
set y2range [bottom - above:top - above]
set y2tics step(from, to, 4.0) textcolor rgb grey
set key at graph 0.5, 0.99 top center horizontal samplen 1.5 noautotitle
plot data index 1 using "place":"paper" axes x1y2 with linespoints linecolor rgb grey dashtype 3 \
        pointtype 12 pointsize 0.8 title "paper (right)", \
    untrained with lines @untrained_look, \
    for [i in probed] data index 1 \
        using "place":(column("place") == i ? column("linear_mean") : NaN):"linear_std" \
        with yerrorbars linecolor rgb tone(look[int(i)]) pointtype mark(look[int(i)]) pointsize 0.8 linewidth 1.4
