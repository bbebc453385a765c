# SPDX-License-Identifier: MIT
#
# style.gp -- what all figures share: the look, and how `data` is read.
#
# `simsiam table FILE --figure data` wrote it (experiments/pages/figure.h): block 0 is the
# thresholds, block 1 the rows, block i + 1 the curves of row i, the last the untrained network.

# Colours of Okabe and Ito, told apart by colour-blind readers: one a row, the same in each panel.
# Yellow, the faintest on white, comes last.  Where more than two rows meet, dashes and points tell
# them apart without colour.
grey = "#8A8A8A"
array colour[8] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", \
    "#E69F00", "#56B4E9", "#000000", "#C9B500"]
array dashes[8] = [1, 2, 4, 5, 1, 2, 4, 5]
array points[8] = [7, 5, 9, 11, 6, 4, 8, 10]
tone(i) = colour[(i - 1) % 8 + 1]
dash(i) = dashes[(i - 1) % 8 + 1]
mark(i) = points[(i - 1) % 8 + 1]

set border 3 linewidth 0.8 linecolor rgb "#444444"
set tics out nomirror scale 0.5 textcolor rgb "#222222"
set format "%g"                     # the default starts with a space, and a centred label hangs right
set style fill transparent solid 0.2 noborder
set xlabel offset 0, 0.4
set title offset 0, -0.4
unset key
set datafile missing "NaN"
set datafile columnheaders

# 18 cm wide, as two columns of a paper are, HEIGHT / 680 of that high; the PNG has 288 dots an inch.
# What a text holds is letters, not markup: a row may be called my_x.
terminal(height) = (kind eq "svg" \
    ? sprintf("svg size 680, %d font 'DejaVu Sans,9' linewidth 1.2", height) \
    : sprintf("pngcairo size 2040, %d font 'DejaVu Sans,24' linewidth 3.6", 3 * height)) \
    . " background 'white' noenhanced"

# A block's curve: the number, and its ends a std either way.
mean(name) = column(name . "_mean")
low(name) = column(name . "_mean") - column(name . "_std")
high(name) = column(name . "_mean") + column(name . "_std")
