# SPDX-License-Identifier: MIT
#
# operating.gp -- the detector's operating characteristic, of operating_pooled.csv (plants table): on the left how
# often each tool flags each kind of planted output, on the right detection and false alarm by size.
load "style.gp"
set datafile separator ","
height = 330
eval "set terminal " . terminal(height)
set output out

tools = "rule std level RankMe LiDAR alpha-ReQ"
array label_of[6] = ["rule", "std", "level", "RankMe", "LiDAR", "α-ReQ"]
healthy = tone(2)
collapsed = tone(1)
n = 0
sizes = 0
stats data using (1) nooutput
array name[int(STATS_records)]
array sick[int(STATS_records)]
array size_name[int(STATS_records)]
is(over, truth) = stringcolumn("over") eq over && stringcolumn("truth") eq truth
stats data using (stringcolumn("over") eq "kind" ? (n = n + 1, name[n] = stringcolumn("name"), \
    sick[n] = stringcolumn("truth") eq "collapsed") : 0, \
    is("size", "healthy") ? (sizes = sizes + 1, size_name[sizes] = stringcolumn("name")) : 0, 0) nooutput
# Where a line has this kind of row and truth: its place, and a tool's percents.
place(over, truth) = is(over, truth) ? column("place") : NaN
share(k, over, truth) = is(over, truth) ? column(word(tools, k)) : NaN

set multiplot

# ---- kinds -----------------------------------------------------------------------------------------------

set lmargin at screen 0.155
set rmargin at screen 0.53
set tmargin at screen 0.84
set bmargin at screen 0.04
set border 0
set xrange [0.4:6.6]
set yrange [n + 0.6:0.4]
set xtics scale 0 offset 0, -0.3
unset ytics
unset xtics
do for [k = 1:6] { set label label_of[k] at first k, graph 1.03 center }
do for [i = 1:n] {
    set label name[i] . (sick[i] ? " ●" : " ○") at graph -0.02, first i right \
        textcolor rgb (sick[i] ? collapsed : healthy)
}
set label "flagged, %:" at screen 0.155, screen 0.96
set label "○ false alarms" at screen 0.26, screen 0.96 textcolor rgb healthy
set label "● detections" at screen 0.38, screen 0.96 textcolor rgb collapsed
percent(k) = share(k, "kind", "healthy") == share(k, "kind", "healthy") ? share(k, "kind", "healthy") \
    : share(k, "kind", "collapsed")
# A disk's area is the share.
plot for [k = 1:6] data using (k):(place("kind", "healthy")):(0.035 * sqrt(share(k, "kind", "healthy"))) \
        with circles linecolor rgb healthy linewidth 1.2 fillstyle empty, \
    for [k = 1:6] data using (k):(place("kind", "collapsed")):(0.035 * sqrt(share(k, "kind", "collapsed"))) \
        with circles linecolor rgb collapsed fillstyle transparent solid 0.35 noborder, \
    for [k = 1:6] data using (k):(stringcolumn("over") eq "kind" ? column("place") : NaN): \
        (sprintf("%.0f", percent(k))) with labels
unset label

# ---- sizes -----------------------------------------------------------------------------------------------

set border 3
set xrange [0.8:sizes + 0.2]
set yrange [-4:104]
set ytics out nomirror 0, 50, 100
set lmargin at screen 0.6
set rmargin at screen 0.87
do for [k = 1:6] {
    set label label_of[k] at screen 0.905, screen 0.84 - 0.075 * k textcolor rgb tone(k)
    set label "" at screen 0.892, screen 0.84 - 0.075 * k point pointtype mark(k) pointsize 0.6 \
        linecolor rgb tone(k)
}
do for [panel = 1:2] {
    truth = panel == 1 ? "collapsed" : "healthy"
    set title panel == 1 ? "detection by samples × features (%)" : "false alarm (%)"
    set tmargin at screen (panel == 1 ? 0.9 : 0.46)
    set bmargin at screen (panel == 1 ? 0.56 : 0.2)
    unset xtics
    if (panel == 2) {
        set xtics out nomirror scale 0.5 rotate by -40 ("" 1)
        do for [k = 1:sizes] { set xtics add (size_name[k] k) }
    }
    plot for [k = 1:6] data using (place("size", truth)):(share(k, "size", truth)) with linespoints \
        linecolor rgb tone(k) dashtype dash(k) pointtype mark(k) pointsize 0.6 linewidth 1.2
    unset label
}
unset multiplot
