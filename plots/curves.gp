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

# ---- ends and steps ------------------------------------------------------------------------------

# The ends of listed curves, a std either way; NaN without one.
end = NaN
least(curves) = (end = NaN, sum [k = 1:words(curves)] (c = int(word(curves, k)), \
    end = !(end <= lowest[c]) ? lowest[c] : end, 0), end)
largest(curves) = (end = NaN, sum [k = 1:words(curves)] (c = int(word(curves, k)), \
    end = !(end >= highest[c]) ? highest[c] : end, 0), end)
# The step of an axis between two ends, for so many tics or a few more.
nice(x) = x * 10 ** -floor(log10(x)) > 5 ? 10 ** ceil(log10(x)) \
    : (x * 10 ** -floor(log10(x)) > 2 ? 5 : x * 10 ** -floor(log10(x)) > 1 ? 2 : 1) \
    * 10 ** floor(log10(x))
step(from, to, tics) = to > from ? nice((to - from) / tics) : 1
# A range around one value, where all are the same; gnuplot's own choice else.
around(from, to) = from == to ? sprintf("[%g:%g]", from - 0.5, to + 0.5) : "[*:*]"

# ---- where it goes -------------------------------------------------------------------------------

# In dots of the SVG: the key, two lines of three panels, a note.
longest = 0
do for [i in run] { if (strlen(name[int(i)]) > longest) { longest = strlen(name[int(i)]) } }
if (strlen(untrained_said) > longest + strlen(heading)) { longest = strlen(untrained_said) - strlen(heading) }
key_columns = 660 / (60 + 6 * (longest + strlen(heading)))
key_columns = key_columns < 1 ? 1 : key_columns
key_lines = (words(run) + (reference ? 1 : 0) + key_columns - 1) / key_columns
key_height = 18 * key_lines + 4
height = key_height + 384
left_edge(k, before) = (42 + 230 * ((k - 1) % 3) + before) / 680.0
right_edge(k, behind) = (207 + 230 * ((k - 1) % 3) - behind) / 680.0
top_edge(k) = 1 - (key_height + 26 + 184.0 * (k > 3)) / height
bottom_edge(k) = 1 - (key_height + 150 + 184.0 * (k > 3)) / height

# ---- what is in the first five panels ------------------------------------------------------------

fifth = words(having("cos_h")) ? "cos_h cos_z" : "rank"
array shown[5] = ["loss", "std_sqrtd", "view_share", "knn", fifth]
array title[5] = ["training loss", "std·√d of z/‖z‖", "view share", "kNN accuracy (%)", \
    "effective rank / d"]
array range[5] = ["[-1.04:-0.45 < *]", "[-0.04:1.1]", "[0:1]", \
    around(least(having("knn")), largest(having("knn"))), "[0:*]"]
array tics[5] = ["('-1' -1, '-0.5' -0.5, '0' 0)", "('0' 0, '0.5' 0.5, '1' 1)", \
    sprintf("('0' 0, '%g' %g, '1' 1)", threshold_share, threshold_share), \
    sprintf("%g", step(least(having("knn")), largest(having("knn")), 4.0)), \
    sprintf("%g", step(0, largest(having("rank")), 4.0))]
# Dotted: the loss's minimum; outputs that spread evenly, and the thresholds of collapse.
array dotted[5] = ["-1", sprintf("1 %g", threshold_std), sprintf("%g", threshold_share), "", ""]
if (fifth ne "rank") {
    title[5] = "cos to the mean view"
    range[5] = "[*:1.02]"
    tics[5] = "autofreq"
}
note = sprintf("Bands and bars: std over seeds.  Dotted: the loss's minimum, an even spread (1), " \
    . "the thresholds of collapse (%g and, under the scale's views, %g).", threshold_std, threshold_share)

# The losses that have the axis on the right, and whose they are.
apart = ""
aside = ""
do for [c in having("loss")] {
    if (right[place(c)] == 1) {
        apart = apart . " " . c
        aside = aside . (aside eq "" ? "" : ", ") . name[place(c)]
    }
}
if (words(apart)) { title[1] = title[1] . " (" . aside . ": right axis)" }

# A mark on about eight of a curve's points; what the key says of a curve beside its row.
every(c) = 1 + int(at[int(c)]) / 9
style(c) = sprintf( \
    "linespoints dashtype %d pointtype %d pointsize 0.55 linewidth 1.4 pointinterval %d", \
    measure(c) eq "cos_z" ? 3 : dash(place(c)), mark(place(c)), every(c))
said(c) = (measure(c) eq "cos_h" ? " title 'h(z)'" : measure(c) eq "cos_z" ? " title 'z'" : "")

# ---- drawing -------------------------------------------------------------------------------------

clean = "reset; load 'style.gp'; set xrange [0:epochs]; set xlabel 'epochs'; " \
    . (epochs <= 5 ? "set xtics 1" : "set xtics autofreq")
eval "set terminal " . terminal(height)
small = kind eq "svg" ? ",7.5" : ",20"
set output out
set multiplot

# The key and the note, alone.
eval clean
unset border; unset tics; unset xlabel
set lmargin at screen 0.02; set rmargin at screen 0.98
set tmargin at screen 1; set bmargin at screen 1 - key_height / (height + 0.0)
set key at screen 0.5, screen 1 - 4.0 / height center top horizontal Left reverse samplen 3.5
set key maxrows key_lines width 1.5
set label note at screen 0.5, screen 9.0 / height center textcolor rgb grey font small
set yrange [0:1]
plot for [i in run] NaN with linespoints linecolor rgb tone(int(i)) dashtype dash(int(i)) \
    pointtype mark(int(i)) pointsize 0.6 linewidth 1.4 title heading . name[int(i)], \
    for [k = 1:(reference ? 1 : 0)] NaN with lines @untrained_look title untrained_said

do for [k = 1:5] {
    eval clean
    set lmargin at screen left_edge(k, 0); set rmargin at screen right_edge(k, 0)
    set tmargin at screen top_edge(k); set bmargin at screen bottom_edge(k)
    set title title[k]
    eval "set yrange " . range[k]
    eval "set ytics " . tics[k]
    if (k == 5) { set key at graph 1, 0.06 bottom right horizontal samplen 2.5 noautotitle }
    bands = ""
    lines = ""
    do for [m in shown[k]] {
        do for [c in having(m)] {
            axes = k == 1 && right[place(c)] == 1 ? "x1y2" : "x1y1"
            bands = bands . band(c, axes)
            lines = lines . line(c, axes, style(c)) . said(c)
        }
    }
    if (k == 1 && words(apart)) {
        set border 11
        set y2tics step(least(apart), largest(apart), 4.0)
        eval "set y2range " . around(least(apart), largest(apart))
    }
    if (lines eq "") {
        set label "not measured" at graph 0.5, 0.5 center textcolor rgb grey
        unset ytics
        set yrange [0:1]
    }
    eval command(dots(dotted[k]) . levels(shown[k]) . bands . lines)
}

# Where they end.
eval clean
load axis eq "" ? "linear_rows.gp" : "linear_axis.gp"
unset multiplot
