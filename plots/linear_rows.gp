# SPDX-License-Identifier: MIT
#
# linear_rows.gp -- the last panel of curves.gp where rows are names: linear top-1 of each, the paper's as a number.
# Their distances in the paper, with 0.1 % for a collapse, are of another size than any on small images.
brief(name) = strlen(name) > 16 ? name[1:15] . "…" : name
wide = 0
do for [row in rows] { if (strlen(brief(row)) > wide) { wide = strlen(brief(row)) } }
eval place(6, 5.4 * wide - 30, 30)
set title "linear top-1 (%)"
set xlabel
eval "set xrange " . around(extent(stem . ".csv", ".*", "linear"))
set yrange [n + 0.6:0.4]
set xtics step(extent(stem . ".csv", ".*", "linear"), 3.0)
unset ytics
set label "paper" at graph 1.08, graph 1 offset 0, 0.6 left textcolor rgb grey
do for [i = 1:n] {
    set label brief(word(rows, i)) at graph -0.05, first i right noenhanced
    reported = field(word(rows, i), 3)
    set label (reported eq "" ? "-" : sprintf("%.1f", reported + 0)) at graph 1.08, first i textcolor rgb grey
    if (field(word(rows, i), 4) eq "") {            # not run, or diverged
        set label field(word(rows, i), 14) at graph 0.5, first i center textcolor rgb grey
    }
}
if (words(probed)) {
    plot for [i in probed] linear(int(i)) using 2:1:3 with xerrorbars linecolor rgb tone(int(i)) \
        pointtype mark(int(i)) pointsize 0.8 linewidth 1.4
} else {
    set xrange [0:1]
    plot NaN
}
