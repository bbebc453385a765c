# SPDX-License-Identifier: MIT
#
# style.gp -- what all figures share: the look, and how `data` is read.
#
# `simsiam table FILE --figure data` wrote it (experiments/pages/figure.h): block 0 is the
# thresholds, block 1 the rows, block i + 1 the curves of row i, the last the untrained network.
# draw.sh sets kind, data and out, and cm where a width is asked for.

# Colours of Okabe and Ito, told apart by colour-blind readers: one a row, the same in each panel.
# Yellow, the faintest on white, comes last.  A row's dash and mark together are its own without the
# colour, too: 4 dashes and 13 marks, 52 rows.
grey = "#8A8A8A"
array colour[8] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", \
    "#E69F00", "#56B4E9", "#000000", "#C9B500"]
array dashes[4] = [1, 2, 4, 5]
array points[13] = [7, 5, 9, 11, 6, 4, 8, 10, 13, 2, 1, 3, 14]
tone(i) = colour[(i - 1) % 8 + 1]
dash(i) = dashes[(i - 1) % 4 + 1]
mark(i) = points[(i - 1) % 13 + 1]

set border 3 linewidth 0.8 linecolor rgb "#444444"
set tics out nomirror scale 0.5 textcolor rgb "#222222"
set format "%g"                     # the default starts with a space, and a centred label hangs right
set style fill transparent solid 0.2 noborder
set xlabel offset 0, 0.4
set title offset 0, -0.4
unset key
set datafile missing "NaN"
set datafile columnheaders

# ---- sizes: in dots, 96 an inch --------------------------------------------------------------------------

# 18 cm, as two columns of a paper are, unless a width is said.  Text is 9 dots high, 6.75 points, and 7.5 or 5.6
# where it is small, whatever the width; the PNG has 288 dots an inch.
width = exists("cm") ? cm / 2.54 * 96 : 680.0
# Panels beside each other.
across = width >= 500 ? 3 : width >= 370 ? 2 : 1
# What a text holds is letters, not markup: a row may be called my_x.
letters(dots) = sprintf(",%g", dots * (kind eq "svg" ? 1 : kind eq "pdf" ? 0.75 : 8 / 3.0))
terminal(height) = (kind eq "svg" \
    ? sprintf("svg size %d, %d linewidth 1.2", width + 0.5, height) \
    : kind eq "pdf" ? sprintf("pdfcairo size %.6fin, %.6fin fontscale 1 linewidth 1.2", \
        (ceil(0.75 * width) + 0.01) / 72, (ceil(0.75 * height) + 0.01) / 72) \
    : sprintf("pngcairo size %d, %d linewidth 3.6", 3 * width + 0.5, 3 * height)) \
    . " font 'DejaVu Sans" . letters(9) . "' background 'white' noenhanced"
small = letters(7.5)

# ---- numbers ---------------------------------------------------------------------------------------------

# A block's curve: the number, and its ends a std either way.
mean(name) = column(name . "_mean")
low(name) = column(name . "_mean") - column(name . "_std")
high(name) = column(name . "_mean") + column(name . "_std")
# The lesser and the greater of two numbers; one that does not exist is neither.
lesser(a, b) = b != b ? a : a <= b ? a : b
greater(a, b) = b != b ? a : a >= b ? a : b
# The step of an axis between two ends, for so many tics or a few more.
nice(x) = x * 10 ** -floor(log10(x)) > 5 ? 10 ** ceil(log10(x)) \
    : (x * 10 ** -floor(log10(x)) > 2 ? 5 : x * 10 ** -floor(log10(x)) > 1 ? 2 : 1) \
    * 10 ** floor(log10(x))
step(from, to, tics) = to > from ? nice((to - from) / tics) : 1
# An axis from `low` to `high`, where they exist; what is drawn goes from `from` to `to`, and is held with a
# margin where it goes beyond.
margin(from, to) = to > from ? 0.05 * (to - from) : 0.5
axis_low(low, from, to) = low <= from || from != from ? low : from - margin(from, to)
axis_high(high, from, to) = high >= to || to != to ? high : to + margin(from, to)
end_of(x) = x == x ? sprintf("%.9g", x) : "*"
span(low, high, from, to) = "[" . end_of(axis_low(low, from, to)) . ":" . end_of(axis_high(high, from, to)) . "]"
# A text's words in lines of at most so many letters.
row_of = ""
folded = ""
wrapped(words_of, most) = (row_of = "", folded = "", \
    sum [k = 1:words(words_of)] (strlen(row_of) + strlen(word(words_of, k)) < most \
        ? (row_of = row_of . (row_of eq "" ? "" : " ") . word(words_of, k), 0) \
        : (folded = folded . row_of . "\n", row_of = word(words_of, k), 0)), folded . row_of)
lines_in(said) = 1 + sum [k = 1:strlen(said)] (said[k:k] eq "\n")
