# SPDX-License-Identifier: MIT
#
# linear_axis.gp -- the last panel of curves.gp where rows are points of an axis: ours on the left, the paper's on
# the right.  A point is a point on both, and the two meet at the baseline, or where that was not run at the first
# row that was.
meet = field(baseline, 4) ne "" || !words(probed) ? baseline : word(rows, int(word(probed, 1)))
above = field(meet, 4) ne "" ? field(meet, 4) - field(meet, 3) : 0
ends = system(sprintf("awk -F, -v above=%g 'NR > 1 { if ($4 != \"\") { print $4 - $5; print $4 + $5 } " \
    . "if ($3 != \"\") print $3 + above }' '%s.csv' | sort -g | sed -n '1p;$p'", above, stem))
span = word(ends, 2) - word(ends, 1)
low = word(ends, 1) - 0.08 * span
high = word(ends, 2) + 0.25 * span              # room for the key
eval place(6, 0, 18)
set title "linear top-1 (%)"
set border 11
set xlabel axis
set xrange [0.6:n + 0.4]
set xtics () scale 0
do for [i = 1:n] { set xtics add (word(rows, i) i) }
if (n > 5) { set xtics font small rotate by 40 right offset 0.6, 0.1 }
set yrange [low:high]
set ytics step(ends, 4.0)
set y2range [low - above:high - above]
set y2tics step(ends, 4.0) textcolor rgb grey
set key at graph 0.5, 0.99 top center horizontal samplen 1.5 noautotitle
plot paper using 1:2 axes x1y2 with linespoints linecolor rgb grey dashtype 3 pointtype 12 pointsize 0.8 \
        title "paper (right)", \
    for [i in probed] linear(int(i)) using 1:2:3 with yerrorbars linecolor rgb tone(int(i)) \
        pointtype mark(int(i)) pointsize 0.8 linewidth 1.4
