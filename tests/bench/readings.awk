# SPDX-License-Identifier: MIT
#
# readings.awk -- the readings of compare.sh and of methods.sh, for their tables (before compare.awk, methods.awk).

# The median of the n numbers in x; x is left sorted.
function median(x, n,    i, j, t) {
    for (i = 2; i <= n; i++) {
        t = x[i]
        for (j = i - 1; j >= 1 && x[j] > t; j--) x[j + 1] = x[j]
        x[j + 1] = t
    }
    return n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2
}

# "2.10 [1.98, 2.21]" of a / b over the pairs; "-" where one side has no reading.
function ratio(a, b, digits,    n, p, x) {
    for (p = 1; p <= pairs; p++) {
        if (!((a, p) in ms) || !((b, p) in ms)) return "-"
        x[++n] = ms[a, p] / ms[b, p]
    }
    p = median(x, n)
    return sprintf("%.2f [%.2f, %.2f]", p, x[1], x[n])
}

function middle(table, key,    n, p, x) {
    for (p = 1; p <= pairs; p++) if ((key, p) in table) x[++n] = table[key, p]
    return n ? median(x, n) : 0
}

function number(table, key, digits,    v) {
    v = middle(table, key)
    return v ? sprintf("%." digits "f", v) : "-"
}

function quotient(a, b) { return a && b ? sprintf("%.2f", a / b) : "-" }

$6 + 0 > 0 {                   # not the titles
    key = $1 " " ($2 == "simsiam" && $4 != "full" ? $4 : $2) " " $3 " " $5
    ms[key, $6] = $7
    mib[key, $6] = $10
    seen[$1] = 1
}
