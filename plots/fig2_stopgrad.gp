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
    sum [k = 1:words(list)] (drawn = drawn . line(word(list, k), "x1y1", marked(word(list, k))) \
        . (key ? said(word(list, k)) : ""), 0), drawn)
held(low, high, m) = span(low, high, from_of[number(m)], to_of[number(m)])

# Beside each other, or above each other with one axis of epochs.
columns = across == 3 ? 3 : 1
tall = columns == 3 ? 144 : 92
height = columns == 3 ? 215 : 3 * tall + 2 * 26 + 27 + 44
from_left(k) = (41 + (columns == 3 ? (k - 1) * (width - 52 + 58) / 3.0 : 0)) / width
to_right(k) = from_left(k) + (columns == 3 ? (width - 52 + 58) / 3.0 - 58 : width - 52) / width
top_edge(k) = 1 - (27 + (columns == 3 ? 0 : (k - 1) * (tall + 26))) / (height + 0.0)
bottom_edge(k) = top_edge(k) - tall / (height + 0.0)
margins = "set lmargin at screen from_left(k); set rmargin at screen to_right(k); " \
    . "set tmargin at screen top_edge(k); set bmargin at screen bottom_edge(k)"

eval "set terminal " . terminal(height)
set output out
set multiplot
set xrange [0:epochs]
if (epochs <= 5) { set xtics 1 } else { set xtics autofreq }

# The loss cannot fall below -1.
k = 1
eval margins
if (columns == 3) { set xlabel "epochs" } else { set format x "" }
set title "training loss"
eval "set yrange " . held(-1.04, -0.45, "loss")
set ytics ("-1" -1, "-0.5" -0.5, "0" 0, "0.5" 0.5, "1" 1)
eval command(dots("-1") . curves("loss", 0))

# Spread evenly over the sphere, each of d channels of z/|z| has a std of 1/sqrt(d); a constant has 0.
# Between the two is room for the key of all three.
k = 2
eval margins
set title "per-channel std of z/‖z‖"
eval "set yrange " . held(-0.04, 1.1, "std_train")
set ytics ("0" 0, "1/√d" 1)
set key at graph (columns == 3 ? 1.06 : 1), graph (columns == 3 ? 0.77 : 0.66) right center Left reverse \
    samplen 3 spacing 1.15 noautotitle
eval command(dots("1 0") . curves("std_train", 1))
unset key

# An untrained backbone is far above chance on small images.
k = 3
eval margins
set format x "%g"
set xlabel "epochs"
set title "kNN accuracy (%)"
eval "set yrange " . held(0, NaN, "knn")
set ytics 10
set key at graph 1, 0.06 right bottom Left reverse samplen 3.5 noautotitle
eval command(levels("knn") . curves("knn", 0) \
    . (reference ? ", NaN with lines " . untrained_look . " title '" . untrained_said . "'" : ""))
unset multiplot
