# SPDX-License-Identifier: MIT
#
# style.gp -- what all figures share: the look, and how a curve is read from a table's bands.

# Colours of Okabe and Ito, told apart by colour-blind readers: one a row, the same in each panel.  Yellow, the
# faintest on white, comes last.  Where more than two rows meet, dashes and points tell them apart without colour.
blue = "#0072B2"
vermillion = "#D55E00"
grey = "#8A8A8A"
array colour[8] = [blue, vermillion, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#C9B500"]
array dashes[8] = [1, 2, 4, 5, 1, 2, 4, 5]
array points[8] = [7, 5, 9, 11, 6, 4, 8, 10]

set border 3 linewidth 0.8 linecolor rgb "#444444"
set tics out nomirror scale 0.5 textcolor rgb "#222222"
set format "%g"                     # the default starts with a space, and a centred label hangs right
set style fill transparent solid 0.2 noborder
set xlabel offset 0, 0.4
set title offset 0, -0.4
unset key

# 18 cm wide, as two columns of a paper are, HEIGHT / 680 of that high; the PNG has 288 dots an inch.
terminal(kind, height) = kind eq "svg" \
    ? sprintf("svg size 680, %d font \"DejaVu Sans,9\" linewidth 1.2 background \"white\"", height) \
    : sprintf("pngcairo size 2040, %d font \"DejaVu Sans,24\" linewidth 3.6 background \"white\"", 3 * height)

# Lines "epoch mean std" of column NAME (NAME_mean, NAME_std) of one row; epochs that have no number are left out,
# and one seed has no band.
curve(row, name) = sprintf("< awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } " \
    . "NR > 1 && $1 == \"%s\" && $at[\"%s_mean\"] != \"\" " \
    . "{ print $at[\"epoch\"], $at[\"%s_mean\"], $at[\"%s_std\"] + 0 }' '%s'", row, name, name, name, bands)
# Where the x axis ends: the last epoch of any row, or 1 so that the axis is not a point.
last_epoch = int(system(sprintf("awk -F, 'NR > 1 && $2 > e { e = $2 } END { print e + 0 }' '%s'", bands)))
epochs = last_epoch < 1 ? 1 : last_epoch
