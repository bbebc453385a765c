# SPDX-License-Identifier: MIT
#
# real_runs.awk -- real.csv to real.md (real_runs.sh).
#
# A tool flags what lies at or below its threshold (level: at or above; alpha-ReQ: outside two).  RankMe and LiDAR are
# shares of min(n - 1, d).  A number that does not exist flags nothing.
BEGIN {
    FS = ","
    split("std level RankMe LiDAR alpha-ReQ", tool, " ")
    TOOLS = 5
}
function least(a, b) { return a < b ? a : b }
NR > 1 {
    n++
    half[n] = $1; row[n] = $2; truth[n] = $4; grade[n] = $5
    most = least($6 - 1, $7)
    x[1, n] = $8
    x[2, n] = $11 == "" ? "" : -$11
    x[3, n] = $12 == "" ? "" : $12 / most
    x[4, n] = $13 == "" ? "" : $13 / most
    x[5, n] = $14
}
function flags(k, i) {
    if (x[k, i] == "") return 0
    return x[k, i] + 0 <= low[k] || (k == 5 && x[k, i] + 0 >= high)
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
function fit(k,    i, j, best, at, above, now) {
    best = -2
    high = 1e30
    for (i = 1; i <= n; i++) {
        if (half[i] != "choose" || x[k, i] == "") continue
        for (j = 0; j <= (k == 5 ? n : 0); j++) {
            if (j && (half[j] != "choose" || x[k, j] == "")) continue
            low[k] = x[k, i] + 0
            high = j ? x[k, j] + 0 : 1e30
            if (high <= low[k]) continue
            now = gain(k)
            if (now > best) { best = now; at = low[k]; above = high }
        }
    }
    low[k] = at
    high = above
    if (k == 5) above_most = above
}
function share(a, b) { return b ? sprintf("%.0f (%d of %d)", 100 * a / b, a, b) : "-" }
# A line of the table: the runs of one half whose truth is `what` ("": sick ones).
function line(name, which, what,    i, k, all, right, flagged, doubt, found) {
    for (i = 1; i <= n; i++) {
        if (half[i] != which || truth[i] != what) continue
        all++
        doubt += grade[i] == "undecided"
        flagged += grade[i] != "healthy" && grade[i] != "undecided"
        right += what == "collapsed" ? grade[i] == "partial" || grade[i] == "complete" : grade[i] == what
        for (k = 1; k <= TOOLS; k++) found[k] += flags(k, i)
    }
    printf "| %s | %s | %d | %s | %s | %s", which, name, all, share(right, all), share(flagged, all), share(doubt, all)
    for (k = 1; k <= TOOLS; k++) printf " | %.0f", 100 * found[k] / all
    print " |"
}
END {
    for (k = 1; k <= TOOLS; k++) fit(k)
    high = above_most
    print "# How often the collapse detector is right: training runs"
    print ""
    print "Runs of SimSiam, BYOL, SimCLR, MoCo and SwAV whose truth is by design, on CIFAR-10 and Fashion-MNIST"
    print "([docs/detector.md](../../docs/detector.md), The protocol). The rule's thresholds and those of the other tools were"
    print "chosen on the half `choose`; `test` is what they were not chosen by. *Flagged*: the rule says dimensional, partial"
    print "or complete. Made by `make -f Makefile.repro detector-real`; every run is in real.csv."
    print ""
    printf "Thresholds: std %.3f; level %.3f; RankMe %.4f and LiDAR %.4f of min(n - 1, d); alpha-ReQ outside %.2f .. %s.\n",
        low[1], -low[2], low[3], low[4], low[5], high > 1e29 ? "any" : sprintf("%.2f", high)
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
        ok = truth[i] == "collapsed" ? grade[i] == "partial" || grade[i] == "complete" : grade[i] == truth[i]
        if (ok) continue
        none = 0
        printf "* %s, %s: %s, std·√d %.3f\n", half[i], row[i], grade[i], x[1, i]
    }
    if (none) print "* none"
}
