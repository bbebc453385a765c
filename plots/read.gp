# SPDX-License-Identifier: MIT
#
# read.gp -- the rows and thresholds of `data`, and which of its curves there are; read once, after style.gp.
#
#   n, name[i], state[i], paper[i], linear[i], linear_std[i]
#                    the rows, in the table's order; NaN is no number
#   right[i]         the row's loss is another quantity, with the axis on the right
#   epochs           where the x axis ends: the last epoch of any row, or 1 so that it is no point
#   curve(name, i)   the number of a curve: at[] is how many points it has, lowest[] and highest[]
#                    its ends, a std either way, if any
#   from_of, to_of   the ends of all curves of a measure, by number(m), and of the untrained network's
#                    level, but for losses with the axis on the right; NaN where there is none
#   reference        1 if the table has an untrained row, reference_run if that was run; `untrained` is its
#                    linear top-1, untrained_of(m) a measure of it
#   look[i]          the colour, dash and mark of a row: those of rows that were run are the first
#   run, probed      the rows that were run; those that have a linear top-1: a diverged one has none
measures = "loss std_train std_sqrtd view_share knn rank cos_h cos_z"
stats data index 1 using (1) nooutput
most = int(STATS_records)                       # rows of the table
array name[most]
array state[most]
array paper[most]
array linear[most]
array linear_std[most]
array right[most]
array at[most * words(measures)]
array lowest[most * words(measures)]
array highest[most * words(measures)]
array from_of[words(measures)]
array to_of[words(measures)]

stats data index 0 using (threshold_std = column("std"), threshold_share = column("share")) nooutput
n = 0
stats data index 1 using (n = n + 1, \
    name[n] = stringcolumn("row"), state[n] = stringcolumn("state"), \
    paper[n] = column("paper"), linear[n] = column("linear_mean"), \
    linear_std[n] = column("linear_std"), right[n] = column("right")) nooutput

stats data index n + 2 using (untrained = column("linear_mean"), \
    reference_run = int(column("n")), reference = int(column("there"))) nooutput
array level_of[words(measures)]
do for [k = 1:words(measures)] {
    stats data index n + 2 using (level_of[k] = column(word(measures, k) . "_mean"), 1) nooutput
    from_of[k] = level_of[k]
    to_of[k] = level_of[k]
}

# The curve of a measure and a row, as one number, and back from a list's word.
number(m) = int(sum [k = 1:words(measures)] (word(measures, k) eq m ? k : 0))
curve(m, i) = most * (number(m) - 1) + i
measure(c) = word(measures, (int(c) - 1) / most + 1)
place(c) = (int(c) - 1) % most + 1

do for [m in measures] {
    i = 0
    stats data index 1 using (i = i + 1, at[curve(m, i)] = column(m . "_points")) nooutput
}
run = ""
probed = ""
epochs = 1
do for [i = 1:n] {
    if (linear[i] == linear[i]) { probed = probed . sprintf(" %d", i) }
    do for [m in measures] {
        if (at[curve(m, i)] > 0) {
            stats data index i + 1 using (low(m)) nooutput
            lowest[curve(m, i)] = STATS_min
            stats data index i + 1 using (high(m)) nooutput
            highest[curve(m, i)] = STATS_max
            if (!(m eq "loss" && right[i] == 1)) {
                from_of[number(m)] = lesser(from_of[number(m)], lowest[curve(m, i)])
                to_of[number(m)] = greater(to_of[number(m)], highest[curve(m, i)])
            }
        }
    }
    if (at[curve("knn", i)] + at[curve("loss", i)] > 0) {
        run = run . sprintf(" %d", i)
        stats data index i + 1 using "epoch" nooutput
        if (STATS_max > epochs) { epochs = STATS_max }
    }
}

array look[n]
looks = 0
do for [i = 1:n] { look[i] = 0 }
do for [i in run] { looks = looks + 1; look[int(i)] = looks }
do for [i = 1:n] { if (look[i] == 0) { looks = looks + 1; look[i] = looks } }

# The curves of a measure that there are, as a list.
found = ""
having(m) = (found = "", \
    sum [i = 1:n] (at[curve(m, i)] > 0 ? (found = found . sprintf(" %d", curve(m, i)), 1) : 0), \
    found)

untrained_of(m) = level_of[number(m)]

# Pieces of a plot command, and the command of them: a dotted line at each y; a curve's band, and
# its line, on axes x1y1 or x1y2.  Strings, since `plot for` over an empty list looks for its first
# curve all the same.
pieces = ""
y = NaN
untrained_look = "linecolor rgb '#444444' dashtype (6, 4) linewidth 0.9"
untrained_said = reference ? "untrained" . (reference_run ? "" : " (not run)") : ""
dots(ys) = (pieces = "", sum [k = 1:words(ys)] \
    (pieces = pieces . sprintf(", %s with lines linecolor rgb grey dashtype 3", word(ys, k)), 0), \
    pieces)
# The untrained network's level of each measure of a list.
levels(ms) = (pieces = "", sum [k = 1:words(ms)] (y = untrained_of(word(ms, k)), y == y \
    ? (pieces = pieces . sprintf(", %.9g with lines ", y) . untrained_look, 0) : 0), pieces)
band(c, axes) = sprintf(", data index %d using 'epoch':(low('%s')):(high('%s')) axes %s with filledcurves " \
    . "linecolor rgb '%s'", place(c) + 1, measure(c), measure(c), axes, tone(look[place(c)]))
line(c, axes, how) = sprintf( \
    ", data index %d using 'epoch':(mean('%s')) axes %s with %s linecolor rgb '%s'", \
    place(c) + 1, measure(c), axes, how, tone(look[place(c)]))
# A row's dash and marks, of these on about eight of a curve's points.
marked(c) = sprintf( \
    "linespoints dashtype %d pointtype %d pointsize 0.8 linewidth 1.4 pointinterval %d", \
    measure(c) eq "cos_z" ? 3 : dash(look[place(c)]), mark(look[place(c)]), 1 + int(at[int(c)]) / 9)
command(pieces) = "plot " . (pieces eq "" ? "NaN" : pieces[3:*])
