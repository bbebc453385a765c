# SPDX-License-Identifier: MIT
#
# compare.awk -- the tables of compare.sh from its readings (readings.awk): cpu.csv -> Markdown.

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
