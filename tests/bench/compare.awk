# SPDX-License-Identifier: MIT
#
# compare.awk -- the tables of compare.sh from its readings: cpu.csv -> Markdown.

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

$6 > 0 {
    key = $1 " " ($2 == "simsiam" && $4 != "full" ? $4 : $2) " " $3 " " $5
    ms[key, $6] = $7
    mib[key, $6] = $10
    seen[$1] = 1
}

END {
    n = split("small quick resnet18", all, " ")
    for (i = 1; i <= n; i++) if (all[i] in seen) net[++nets] = all[i]
    print "| net | ours, ms: bf16 | fp32 | PyTorch, ms: bf16 | fp32 | best of PyTorch / ours in bf16 | fp32 / fp32 | bf16, no Winograd |"
    print "|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= nets; i++) {
        o = net[i] " simsiam "; p = net[i] " pytorch "; t = " " threads
        best = middle(ms, p "bf16" t) < middle(ms, p "fp32" t) ? p "bf16" t : p "fp32" t
        printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", net[i], number(ms, o "bf16" t, 1), number(ms, o "fp32" t, 1),
            number(ms, p "bf16" t, 1), number(ms, p "fp32" t, 1), ratio(best, o "bf16" t), ratio(p "fp32" t, o "fp32" t),
            ratio(best, net[i] " no-winograd bf16" t)
    }
    print ""
    print "| net | 1 thread / " threads " threads: bf16 | fp32 | memory a step adds, MiB: ours bf16 | fp32 | PyTorch bf16 | fp32 | ours / PyTorch: bf16 | fp32 |"
    print "|---|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= nets; i++) {
        o = net[i] " simsiam "; p = net[i] " pytorch "; t = " " threads
        printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", net[i], ratio(o "bf16 1", o "bf16" t),
            ratio(o "fp32 1", o "fp32" t), number(mib, o "bf16" t, 0), number(mib, o "fp32" t, 0), number(mib, p "bf16" t, 0),
            number(mib, p "fp32" t, 0), quotient(middle(mib, o "bf16" t), middle(mib, p "bf16" t)),
            quotient(middle(mib, o "fp32" t), middle(mib, p "fp32" t))
    }
}
