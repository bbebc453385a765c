# SPDX-License-Identifier: MIT
#
# methods.awk -- the table of methods.sh from its readings (readings.awk): methods.csv -> Markdown.

{ if ($1 in seen && !($1 in listed)) { listed[$1] = 1; net[++nets] = $1 } }

END {
    t = " " threads
    print "| net, system | ours, ms: bf16 | fp32 | PyTorch, ms: bf16 | fp32 | best of PyTorch / ours in bf16 | fp32 / fp32 | memory a step adds, MiB: ours bf16 | fp32 | PyTorch bf16 | fp32 | ours / PyTorch: bf16 | fp32 |"
    print "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= nets; i++) {
        o = net[i] " simsiam "; p = net[i] " pytorch "
        half = middle(ms, p "bf16" t); full = middle(ms, p "fp32" t)
        best = half && (!full || half < full) ? p "bf16" t : p "fp32" t
        name = net[i]
        sub("/", ", ", name)
        printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, number(ms, o "bf16" t, 1),
            number(ms, o "fp32" t, 1), number(ms, p "bf16" t, 1), number(ms, p "fp32" t, 1), ratio(best, o "bf16" t),
            ratio(p "fp32" t, o "fp32" t), number(mib, o "bf16" t, 0), number(mib, o "fp32" t, 0),
            number(mib, p "bf16" t, 0), number(mib, p "fp32" t, 0),
            quotient(middle(mib, o "bf16" t), middle(mib, p "bf16" t)),
            quotient(middle(mib, o "fp32" t), middle(mib, p "fp32" t))
    }
}
