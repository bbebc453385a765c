# SPDX-License-Identifier: MIT
#
# real_runs.awk -- real.csv to real.md (real_runs.sh).
#
# A tool flags what lies at or below its threshold (level: at or above; alpha-ReQ: outside two), which lies half way
# between two runs of the choosing half, or beyond all of them.  RankMe and LiDAR are shares of min(n - 1, d).  A
# number that does not exist flags nothing.
BEGIN {
    FS = ","
    TOOLS = 5                                  # std, level, RankMe, LiDAR, alpha-ReQ
    BEYOND = 1e30
}
$1 == "cases" {
    if (!($2 in case_at)) { cases++; case_at[$2] = cases; case_row[cases] = $2 }
    case_said[case_at[$2]] = case_said[case_at[$2]] sprintf(" %s (%s) |", $5,
        $5 == "diverged" ? "-" : sprintf("%.2f, %s, %.1f", $8, $9 == "" ? "-" : sprintf("%.2f", $9), $10))
    if (cases == 1) seeds_head = seeds_head sprintf(" seed %s |", $3)
    next
}
function least(a, b) { return a < b ? a : b }
NR > 1 && $5 != "diverged" {
    n++
    half[n] = $1; row[n] = $2; truth[n] = $4; grade[n] = $5
    most = least($6 - 1, $7)
    x[1, n] = $8
    x[2, n] = $11 == "" ? "" : -$11            # turned round, as all others flag what is small
    x[3, n] = $12 == "" ? "" : $12 / most
    x[4, n] = $13 == "" ? "" : $13 / most
    x[5, n] = $14
}
NR > 1 && $5 == "diverged" { diverged++ }
function flags(k, i) {
    return x[k, i] != "" && (x[k, i] + 0 <= low[k] || x[k, i] + 0 >= high[k])
}
# Detection less false alarm on the choosing half.
function gain(k,    i, sick, well, found, wrong) {
    for (i = 1; i <= n; i++) {
        if (half[i] != "choose") continue
        if (truth[i] == "healthy") { well++; wrong += flags(k, i) }
        else { sick++; found += flags(k, i) }
    }
    return found / sick - wrong / well
}
# The choosing half's numbers in order, between two each a threshold: at[0 .. m].
function candidates(k, at,    i, j, m, v, sorted) {
    for (i = 1; i <= n; i++) {
        if (half[i] != "choose" || x[k, i] == "") continue
        v = x[k, i] + 0
        for (j = ++m; j > 1 && sorted[j - 1] > v; j--) sorted[j] = sorted[j - 1]
        sorted[j] = v
    }
    at[0] = -BEYOND
    for (i = 1; i < m; i++) at[i] = (sorted[i] + sorted[i + 1]) / 2
    at[m] = BEYOND
    return m
}
function fit(k,    at, m, i, j, best, now, best_low, best_high) {
    m = candidates(k, at)
    best = -2
    for (i = 0; i <= m; i++) {
        for (j = k == 5 ? i + 1 : m; j <= m; j++) {
            low[k] = at[i]
            high[k] = at[j] < BEYOND ? at[j] : 2 * BEYOND
            now = gain(k)
            if (now > best) { best = now; best_low = low[k]; best_high = high[k] }
        }
    }
    low[k] = best_low
    high[k] = best_high
}
function bound(v) { return v < -BEYOND / 2 || v > BEYOND / 2 ? "none" : sprintf("%.4g", v) }
function share(a, b) { return b ? sprintf("%.0f (%d of %d)", 100 * a / b, a, b) : "-" }
# A line of the table: the runs of one half and one truth.
function line(name, which, what,    i, k, all, right, flagged, doubt, found) {
    for (i = 1; i <= n; i++) {
        if (half[i] != which || truth[i] != what) continue
        all++
        doubt += grade[i] == "undecided"
        flagged += grade[i] != "healthy" && grade[i] != "undecided"
        right += is_right(i)
        for (k = 1; k <= TOOLS; k++) found[k] += flags(k, i)
    }
    if (!all) return
    printf "| %s | %s | %d | %s | %s | %s", which, name, all, share(right, all), share(flagged, all), share(doubt, all)
    for (k = 1; k <= TOOLS; k++) printf " | %.0f", 100 * found[k] / all
    print " |"
}
function is_right(i) {
    return truth[i] == "collapsed" ? grade[i] == "partial" || grade[i] == "complete" : grade[i] == truth[i]
}
END {
    for (k = 1; k <= TOOLS; k++) fit(k)
    print "# How often the collapse detector is right: training runs"
    print ""
    print "Runs of SimSiam, BYOL, SimCLR, MoCo and SwAV whose truth is by design, on CIFAR-10 and Fashion-MNIST"
    print "([docs/detector.md](../../docs/detector.md), The protocol). The rule's thresholds and those of the other tools"
    print "were chosen on the half `choose`; `test` is what they were not chosen by. *Flagged*: the rule says dimensional,"
    print "partial or complete. Made by `make -f Makefile.repro detector-real`; every run is in real.csv."
    print ""
    printf "Thresholds: std at most %s; level at least %s; RankMe at most %s and LiDAR at most %s of min(n - 1, d);\n",
        bound(low[1]), bound(-low[2]), bound(low[3]), bound(low[4])
    printf "alpha-ReQ at most %s or at least %s. Runs that diverged, and are not counted: %d.\n", bound(low[5]),
        bound(high[5]), diverged
    print ""
    print "Share of the runs, in percent: flagged is a false alarm of healthy ones, a detection of the others."
    print ""
    print "| half | truth | runs | rule: right | flagged | undecided | std | level | RankMe | LiDAR | alpha-ReQ |"
    print "|---|---|---|---|---|---|---|---|---|---|---|"
    for (h = 1; h <= 2; h++) {
        which = h == 1 ? "choose" : "test"
        line("healthy", which, "healthy")
        line("collapsed", which, "collapsed")
        line("few directions", which, "dimensional")
    }
    print ""
    print "Not right:"
    print ""
    none = 1
    for (i = 1; i <= n; i++) {
        if (is_right(i)) continue
        none = 0
        printf "* %s, %s: %s, std·√d %.3f\n", half[i], row[i], grade[i], x[1, i]
    }
    if (none) print "* none"
    if (!cases) exit
    print ""
    print "## Cases"
    print ""
    print "Runs without a truth by design, by which nothing was chosen: what is known of each stands in"
    print "[configs/detector_cases.yaml](../../configs/detector_cases.yaml). The verdict (std·√d, view share, directions)."
    print ""
    print "| row |" seeds_head
    line_of = "|---|"
    for (i = split(seeds_head, unused, "|"); i > 1; i--) line_of = line_of "---|"
    print line_of
    for (i = 1; i <= cases; i++) print "| " case_row[i] " |" case_said[i]
}
