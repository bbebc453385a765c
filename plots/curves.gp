# SPDX-License-Identifier: MIT
#
# curves.gp -- the rows of a table over training, and where they end: loss, std, view share, kNN, one number more,
# and linear top-1 beside the paper's.  A table's own script sets, and loads this:
#
#   table      its name; RESULTS/SCALE/<table>{,_bands,_curves}.csv are read, OUT.svg and OUT.png drawn
#   heading    what the names in the key are; "" where they speak for themselves
#   axis       the rows are points of one axis, which this names: linear top-1 is drawn against it; "": they are not
#   baseline   of such rows, the one at which our axis and the paper's meet
#   apart      a row whose loss is another quantity and has the axis on the right; ""
#   fifth      the panel beside kNN: "rank", or "cos" for h(z) and z beside the mean view of row `default`
#
#   gnuplot -e "scale='quick'; results='results'" plots/table3_bn.gp
if (!exists("results")) results = "results"
if (!exists("scale")) scale = "quick"
if (!exists("out")) out = results . "/" . scale . "/" . table
stem = results . "/" . scale . "/" . table
bands = stem . "_bands.csv"
load "plots/style.gp"

# ---- what is read ------------------------------------------------------------------------------------------

# All rows, in the table's order, so that a row has its colour whether others were run or not.
rows = system(sprintf("awk -F, 'NR > 1 { print $1 }' '%s.csv'", stem))
n = words(rows)
tone(i) = colour[(i - 1) % 8 + 1]
dash(i) = dashes[(i - 1) % 8 + 1]
mark(i) = points[(i - 1) % 8 + 1]

# What the bands lack comes from the curves of each seed, as the same lines: "epoch mean std".
seeds(row, name) = sprintf("< awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } " \
    . "NR > 1 && $1 == \"%s\" && (\"%s\" in at) && $at[\"%s\"] != \"\" " \
    . "{ e = $3; x = $at[\"%s\"]; n[e]++; s[e] += x; q[e] += x * x; if (e > last) last = e } " \
    . "END { for (e = 0; e <= last; e++) if (n[e]) { " \
    . "v = n[e] > 1 ? (q[e] - s[e] * s[e] / n[e]) / (n[e] - 1) : 0; " \
    . "print e, s[e] / n[e], (v > 0 ? sqrt(v) : 0) } }' '%s_curves.csv'", row, name, name, name, stem)
banded = "loss std_sqrtd view_share knn"
lines(row, name) = strstrt(banded, name) ? curve(row, name) : seeds(row, name)
count(row, name) = int(system(lines(row, name)[3:*] . " | wc -l"))
# A mark on about eight of a curve's points.
every(row, name) = 1 + count(row, name) / 9

# "x mean std" of a row's linear top-1, at its place in the table; the paper's, which is no wider than its point.
linear(i) = sprintf("< awk -F, 'NR == %d + 1 && $4 != \"\" { print %d, $4, $5 + 0 }' '%s.csv'", i, i, stem)
paper = sprintf("< awk -F, 'NR > 1 && $3 != \"\" { print NR - 1, $3 }' '%s.csv'", stem)
field(row, k) = system(sprintf("awk -F, '$1 == \"%s\" { print $%d }' '%s.csv'", row, k, stem))

# The rows that were run; those that have a linear top-1, which a diverged one has not.
run = ""
probed = ""
do for [i = 1:n] {
    if (count(word(rows, i), "knn") + count(word(rows, i), "loss") > 0) { run = run . sprintf(" %d", i) }
    if (field(word(rows, i), 4) ne "") { probed = probed . sprintf(" %d", i) }
}

# The ends of a table's column, a std either way: "low high", or "" without a number.
extent(file, row, name) = system(sprintf("awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } " \
    . "NR > 1 && $1 ~ /^%s$/ && $at[\"%s_mean\"] != \"\" { m = $at[\"%s_mean\"]; s = $at[\"%s_std\"]; " \
    . "if (!some++ || m - s < low) low = m - s; if (some == 1 || m + s > high) high = m + s } " \
    . "END { if (some) print low, high }' '%s'", row, name, name, name, file))
# From such ends the step of an axis, for so many tics or a few more.
nice(x) = x * 10 ** -floor(log10(x)) > 5 ? 10 ** ceil(log10(x)) \
    : (x * 10 ** -floor(log10(x)) > 2 ? 5 : x * 10 ** -floor(log10(x)) > 1 ? 2 : 1) * 10 ** floor(log10(x))
step(ends, tics) = words(ends) < 2 || word(ends, 2) - word(ends, 1) <= 0 ? 1 \
    : nice((word(ends, 2) - word(ends, 1)) / tics)
# A range around one value, where all are the same; gnuplot's own choice else.
around(ends) = words(ends) == 2 && word(ends, 1) + 0 == word(ends, 2) + 0 \
    ? sprintf("[%g:%g]", word(ends, 1) - 0.5, word(ends, 1) + 0.5) : "[*:*]"

# ---- where it goes -----------------------------------------------------------------------------------------

# In dots of the SVG: the key, two lines of three panels, a note.
longest = 0
do for [i in run] { if (strlen(word(rows, int(i))) > longest) { longest = strlen(word(rows, int(i))) } }
key_columns = 660 / (60 + 6 * (longest + strlen(heading)))
key_columns = key_columns < 1 ? 1 : key_columns
key_lines = (words(run) + key_columns - 1) / key_columns
key_height = 18 * key_lines + 4
height = key_height + 384
place(k, before, behind) = sprintf("set lmargin at screen %f; set rmargin at screen %f; " \
    . "set tmargin at screen %f; set bmargin at screen %f", \
    (42 + 230 * ((k - 1) % 3) + before) / 680.0, (207 + 230 * ((k - 1) % 3) - behind) / 680.0, \
    1 - (key_height + 26 + 184.0 * (k > 3)) / height, 1 - (key_height + 150 + 184.0 * (k > 3)) / height)

array title[5] = ["training loss", "std·√d of z/‖z‖", "view share", "kNN accuracy (%)", "effective rank / d"]
array range[5] = ["[-1.04:-0.45 < *]", "[-0.04:1.1]", "[0:1]", around(extent(bands, ".*", "knn")), \
    "[0:*]"]
array tics[5] = ["('-1' -1, '-0.5' -0.5, '0' 0)", "('0' 0, '0.5' 0.5, '1' 1)", "('0' 0, '0.43' 0.43, '1' 1)", \
    sprintf("%g", step(extent(bands, ".*", "knn"), 4.0)), "autofreq"]
# Dotted: the loss's minimum; outputs that spread evenly, and the thresholds of collapse (engine/collapse.h).
array dotted[5] = ["-1", "1 0.5", "0.43", "", ""]
if (apart ne "" && count(apart, "loss") > 0) { title[1] = title[1] . " (" . apart . ": right axis)" }
if (fifth eq "cos") { title[5] = "cos to the mean view"; range[5] = "[*:1.02]" }
note = "Bands and bars: std over seeds.  Dotted: the loss's minimum, an even spread (1), the thresholds of " \
    . "collapse (0.5 and 0.43)."

clean = "reset; load 'plots/style.gp'; set xrange [0:epochs]; set xlabel 'epochs'; " \
    . (epochs <= 5 ? "set xtics 1" : "set xtics autofreq")

# A curve's band and its line, as pieces of a plot command.
band(i, name, axes) = sprintf(", lines(word(rows, %d), '%s') using 1:($2 - $3):($2 + $3) axes %s " \
    . "with filledcurves linecolor rgb '%s'", i, name, axes, tone(i))
line(i, name, axes) = sprintf(", lines(word(rows, %d), '%s') using 1:2 axes %s with linespoints " \
    . "linecolor rgb '%s' dashtype %d pointtype %d pointsize 0.55 linewidth 1.4 pointinterval %d", \
    i, name, axes, tone(i), name eq "cos_z" ? 3 : dash(i), mark(i), every(word(rows, i), name)) \
    . (name eq "cos_h" ? " title 'h(z)'" : name eq "cos_z" ? " title 'z'" : "")

do for [kind in "svg png"] {
    eval "set terminal " . terminal(kind, height)
    small = kind eq "svg" ? ",7.5" : ",20"
    set output out . "." . kind
    set multiplot

    # The key and the note, alone.
    eval clean
    unset border; unset tics; unset xlabel
    set lmargin at screen 0.02; set rmargin at screen 0.98
    set tmargin at screen 1; set bmargin at screen 1 - key_height / (height + 0.0)
    set key at screen 0.5, screen 1 - 4.0 / height center top horizontal Left reverse samplen 3.5 noenhanced
    set key maxrows key_lines width 1.5
    set label note at screen 0.5, screen 9.0 / height center textcolor rgb grey noenhanced font small
    set yrange [0:1]
    plot for [i in run] NaN with linespoints linecolor rgb tone(int(i)) dashtype dash(int(i)) \
        pointtype mark(int(i)) pointsize 0.6 linewidth 1.4 title heading . word(rows, int(i))

    do for [k = 1:5] {
        names = k == 5 ? (fifth eq "cos" ? "cos_h cos_z" : fifth) : word("loss std_sqrtd view_share knn", k)
        eval clean
        eval place(k, 0, 0)
        set title title[k] noenhanced
        eval "set yrange " . range[k]
        eval "set ytics " . tics[k]
        if (k == 5) { set key at graph 1, 0.06 bottom right horizontal samplen 2.5 noautotitle }
        highest = 0
        bands_drawn = ""
        lines_drawn = ""
        do for [name in names] {
            do for [i in run] {
                row = word(rows, int(i))
                axes = k == 1 && row eq apart ? "x1y2" : "x1y1"
                if (axes eq "x1y2") {
                    set border 11
                    set y2tics step(extent(bands, apart, "loss"), 4.0)
                    eval "set y2range " . around(extent(bands, apart, "loss"))
                }
                if (count(row, name) > 0) {
                    if (name eq "rank") {
                        stats lines(row, name) using ($2 + $3) nooutput
                        if (STATS_max > highest) { highest = STATS_max }
                        set ytics step(sprintf("0 %g", highest), 4.0)
                    }
                    bands_drawn = bands_drawn . band(int(i), name, axes)
                    lines_drawn = lines_drawn . line(int(i), name, axes)
                }
            }
        }
        if (lines_drawn eq "") {
            set label "not measured" at graph 0.5, 0.5 center textcolor rgb grey
            unset ytics
            set yrange [0:1]
            lines_drawn = ", NaN"
        }
        dots = ""
        do for [y in dotted[k]] { dots = dots . ", " . y . " with lines linecolor rgb grey dashtype 3" }
        eval "plot " . (dots . bands_drawn . lines_drawn)[3:*]
    }

    # Where they end.
    eval clean
    load axis eq "" ? "plots/linear_rows.gp" : "plots/linear_axis.gp"
    unset multiplot
    unset output
}
