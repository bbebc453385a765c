# SPDX-License-Identifier: MIT
#
# curves.gp -- the rows of any table over training, and where they end: loss, std, view share, kNN,
# one number more, and linear top-1 beside the paper's.  A table whose rows are points of one axis
# has a script that sets, and loads this:
#
#   heading    what the names in the key are
#   axis       what the axis is: linear top-1 is drawn against it
#   baseline   the row at which our axis and the paper's meet
#
# The untrained network is a dashed level in each panel.
# A row whose loss is another quantity has its axis on the right.  The fifth panel is h(z) and z
# beside the mean view where a row has those, else the rank.
if (!exists("heading")) heading = ""
if (!exists("axis")) axis = ""
if (!exists("baseline")) baseline = ""
load "style.gp"
load "read.gp"

# The ends of listed curves, a std either way; NaN without one.
end = NaN
least(curves) = (end = NaN, sum [k = 1:words(curves)] (end = lesser(end, lowest[int(word(curves, k))]), 0), end)
largest(curves) = (end = NaN, sum [k = 1:words(curves)] (end = greater(end, highest[int(word(curves, k))]), 0), end)

# ---- what is in the first five panels ------------------------------------------------------------

fifth = words(having("cos_h")) ? "cos_h cos_z" : "rank"
array shown[5] = ["loss", "std_sqrtd", "view_share", "knn", fifth]
array title[5] = ["training loss", "std·√d of z/‖z‖", "view share", "kNN accuracy (%)", \
    "effective rank / d"]
# What an axis spans at least; NaN: what is drawn decides.
array lowest_tic[5] = [-1.04, -0.04, 0, NaN, 0]
array highest_tic[5] = [-0.45, 1.1, 1, NaN, NaN]
array tics[5] = ["('-1' -1, '-0.5' -0.5, '0' 0, '0.5' 0.5, '1' 1)", "('0' 0, '0.5' 0.5, '1' 1)", \
    sprintf("('0' 0, '%g' %g, '1' 1)", threshold_share, threshold_share), \
    sprintf("%g", step(from_of[number("knn")], to_of[number("knn")], 4.0)), \
    sprintf("%g", step(0, to_of[number("rank")], 4.0))]
# Dotted: the loss's minimum; outputs that spread evenly, and the thresholds of collapse.
array dotted[5] = ["-1", sprintf("1 %g", threshold_std), sprintf("%g", threshold_share), "", ""]
if (fifth ne "rank") {
    title[5] = "cos to the mean view"
    lowest_tic[5] = NaN
    highest_tic[5] = 1.02
    tics[5] = "autofreq"
}
array range[5]
do for [k = 1:5] {
    from = NaN
    to = NaN
    do for [m in shown[k]] {
        from = lesser(from, from_of[number(m)])
        to = greater(to, to_of[number(m)])
    }
    range[k] = from != from && lowest_tic[k] != lowest_tic[k] ? "[0:1]" \
        : span(lowest_tic[k], highest_tic[k], from, to)
}

# The losses that have the axis on the right, and whose they are.
apart = ""
aside = ""
do for [c in having("loss")] {
    if (right[place(c)] == 1) {
        apart = apart . " " . c
        aside = aside . (aside eq "" ? "" : ", ") . name[place(c)]
    }
}
panel_room = width / across - 70
beside = ""
if (strlen(aside) * 5 > panel_room - 90) {
    beside = " On the right axis of the loss: " . aside . "."
    aside = sprintf("%d rows", words(apart))
}
if (words(apart)) { title[1] = title[1] . " (" . aside . ": right axis)" }

# What the key says of a curve beside its row.
said(c) = (measure(c) eq "cos_h" ? " title 'h(z)'" : measure(c) eq "cos_z" ? " title 'z'" : "")

# ---- where it goes -------------------------------------------------------------------------------

# In dots: the key, lines of panels, a note.  Above each other, panels share the axis of epochs.
longest = 0
do for [i in run] { longest = greater(longest, strlen(heading . name[int(i)])) }
longest = greater(longest, strlen(untrained_said))
key_columns = int((width - 20) / (60 + 6 * longest))
key_columns = key_columns < 1 ? 1 : key_columns
key_lines = (words(run) + (reference ? 1 : 0) + key_columns - 1) / key_columns
key_height = int(13.5 * key_lines) + 8
note = wrapped(sprintf("Bands and bars: std over seeds. Dotted: the loss's minimum, an even spread (1), " \
    . "the thresholds of collapse (%g and, under the scale's views, %g).%s", \
    threshold_std, threshold_share, beside), int(width / 4.7))
tall = across == 1 ? 74 : 124
gap = across == 1 ? 24 : 60
# The last panel names each row: 10.5 dots a name.
last_tall = axis eq "" && 10.5 * n > tall ? int(10.5 * n) : tall
lines = (6 + across - 1) / across
at_line(k) = (k - 1) / across
above_panel(k) = key_height + 26 + at_line(k) * (tall + gap) + (across == 1 && k == 6 ? 36 : 0)
below_panel(k) = above_panel(k) + (at_line(k) == lines - 1 ? last_tall : tall)
height = int(below_panel(6) + 40 + 10 * lines_in(note))
pitch = (width + 10) / across
left_edge(k, before) = (42 + pitch * ((k - 1) % across) + before) / width
right_edge(k, behind) = (pitch - (across == 1 ? 36 : 23) + pitch * ((k - 1) % across) - behind) / width
top_edge(k) = 1 - above_panel(k) / (height + 0.0)
bottom_edge(k) = 1 - below_panel(k) / (height + 0.0)

# ---- drawing -------------------------------------------------------------------------------------

clean = "reset; load 'style.gp'; set xrange [0:epochs]; set xlabel 'epochs'; " \
    . (epochs <= 5 ? "set xtics 1" : "set xtics autofreq")
eval "set terminal " . terminal(height)
set output out
set multiplot

# The key and the note, alone.
eval clean
unset border; unset tics; unset xlabel
set lmargin at screen 0.02; set rmargin at screen 0.98
set tmargin at screen 1; set bmargin at screen 1 - key_height / (height + 0.0)
set key at screen 0.5, screen 1 - 4.0 / height center top horizontal Left reverse samplen 3.5
set key maxrows key_lines width 1.5
set label note at screen 0.5, screen (10 * lines_in(note) - 1.0) / height center textcolor rgb grey font small
set yrange [0:1]
plot for [i in run] NaN with linespoints linecolor rgb tone(look[int(i)]) dashtype dash(look[int(i)]) \
    pointtype mark(look[int(i)]) pointsize 0.8 linewidth 1.4 title heading . name[int(i)], \
    for [k = 1:(reference ? 1 : 0)] NaN with lines @untrained_look title untrained_said

do for [k = 1:5] {
    eval clean
    set lmargin at screen left_edge(k, 0); set rmargin at screen right_edge(k, 0)
    set tmargin at screen top_edge(k); set bmargin at screen bottom_edge(k)
    set title title[k]
    if (across == 1 && k < 5) { set format x ""; unset xlabel }
    eval "set yrange " . range[k]
    eval "set ytics " . tics[k]
    if (k == 5) { set key at graph 1, 0.06 bottom right horizontal samplen 2.5 noautotitle }
    bands = ""
    lines_of = ""
    do for [m in shown[k]] {
        do for [c in having(m)] {
            axes = k == 1 && right[place(c)] == 1 ? "x1y2" : "x1y1"
            bands = bands . band(c, axes)
            lines_of = lines_of . line(c, axes, marked(c)) . said(c)
        }
    }
    if (k == 1 && words(apart)) {
        set border 11
        set y2tics step(least(apart), largest(apart), 4.0)
        eval "set y2range " . span(NaN, NaN, least(apart), largest(apart))
    }
    if (lines_of eq "") {
        set label "not measured" at graph 0.5, 0.5 center textcolor rgb grey
        unset ytics
        set yrange [0:1]
    }
    eval command(dots(dotted[k]) . levels(shown[k]) . bands . lines_of)
}

# Where they end.
eval clean
load axis eq "" ? "linear_rows.gp" : "linear_axis.gp"
unset multiplot
