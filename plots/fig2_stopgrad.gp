# SPDX-License-Identifier: MIT
#
# fig2_stopgrad.gp -- Figure 2: training loss, std of the output and kNN accuracy, with and without stop-gradient.
load "style.gp"
load "read.gp"

# A measure's bands and lines; `key`: the rows are named here.
said(c) = sprintf(" title '%s%s'", name[place(c)], \
    name[place(c)] eq "with" || name[place(c)] eq "without" ? " stop-gradient" : "")
curves(m, key) = (list = having(m), drawn = "", \
    sum [k = 1:words(list)] (drawn = drawn . band(word(list, k), "x1y1"), 0), \
    sum [k = 1:words(list)] (drawn = drawn . line(word(list, k), "x1y1", "lines linewidth 1.6") \
        . (key ? said(word(list, k)) : ""), 0), drawn)

eval "set terminal " . terminal(215)
set output out
set multiplot layout 1, 3 margins 0.06, 0.985, 0.205, 0.875 spacing 0.085, 0
set xrange [0:epochs]
if (epochs <= 5) { set xtics 1 } else { set xtics autofreq }
set xlabel "epochs"

# Left.  The loss cannot fall below -1.
set title "training loss"
set yrange [-1.04:-0.45 < *]
set ytics ("-1" -1, "-0.5" -0.5, "0" 0)
eval command(dots("-1") . curves("loss", 0))

# Middle.  Spread evenly over the sphere, each of d channels of z/|z| has a std of 1/sqrt(d); a constant has 0.
# Between the two is room for the key of all three.
set title "per-channel std of z/‖z‖"
set yrange [-0.04:1.1]
set ytics ("0" 0, "1/√d" 1)
set key at graph 1, 0.77 right center Left reverse samplen 1.5 spacing 1.15 noautotitle
eval command(dots("1 0") . curves("std_train", 1))
unset key

# Right.  An untrained backbone is far above chance on small images.
set title "kNN accuracy (%)"
set yrange [0:*]
set ytics 10
set key at graph 1, 0.06 right bottom Left reverse samplen 2.5 noautotitle
eval command(levels("knn") . curves("knn", 0) \
    . (reference ? ", NaN with lines " . untrained_look . " title '" . untrained_said . "'" : ""))
unset multiplot
