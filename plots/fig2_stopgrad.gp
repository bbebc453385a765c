# SPDX-License-Identifier: MIT
#
# fig2_stopgrad.gp -- Figure 2: training loss, std of the output and kNN accuracy, with and without stop-gradient.
#
#   gnuplot -e "scale='quick'; results='results'" plots/fig2_stopgrad.gp
#
# reads RESULTS/SCALE/fig2_stopgrad_bands.csv and draws OUT.svg and OUT.png; OUT is RESULTS/SCALE/fig2_stopgrad
# unless given.
if (!exists("results")) results = "results"
if (!exists("scale")) scale = "quick"
bands = results . "/" . scale . "/fig2_stopgrad_bands.csv"
if (!exists("out")) out = results . "/" . scale . "/fig2_stopgrad"
load "plots/style.gp"

rows = "with without"

do for [kind in "svg png"] {
    eval "set terminal " . terminal(kind, 215)
    set output out . "." . kind
    set multiplot layout 1, 3 margins 0.06, 0.985, 0.205, 0.875 spacing 0.085, 0
    set xrange [0:epochs]
    if (epochs <= 5) { set xtics 1 } else { set xtics autofreq }
    set xlabel "epochs"

    # Left.  The loss cannot fall below -1.
    set title "training loss"
    set yrange [-1.04:-0.45 < *]
    set ytics ("-1" -1, "-0.5" -0.5, "0" 0)
    plot -1 with lines linecolor rgb grey dashtype 3, \
        for [i = 1:2] curve(word(rows, i), "loss") using 1:($2 - $3):($2 + $3) \
            with filledcurves linecolor rgb colour[i], \
        for [i = 1:2] curve(word(rows, i), "loss") using 1:2 \
            with lines linecolor rgb colour[i] linewidth 1.6

    # Middle.  Spread evenly over the sphere, each of d channels of z/|z| has a std of 1/sqrt(d); a constant has 0.
    # Between the two is room for the key of all three.
    set title "per-channel std of z/‖z‖"
    set yrange [-0.04:1.1]
    set ytics ("0" 0, "1/√d" 1)
    set key at graph 1, 0.77 right center Left reverse samplen 1.5 spacing 1.15 noautotitle
    plot 1 with lines linecolor rgb grey dashtype 3, 0 with lines linecolor rgb grey dashtype 3, \
        for [i = 1:2] curve(word(rows, i), "std_train") using 1:($2 - $3):($2 + $3) \
            with filledcurves linecolor rgb colour[i], \
        for [i = 1:2] curve(word(rows, i), "std_train") using 1:2 \
            with lines linecolor rgb colour[i] linewidth 1.6 title word(rows, i) . " stop-gradient"
    unset key

    # Right.  Epoch 0 is the untrained backbone, which is far above chance on small images.
    set title "kNN accuracy (%)"
    set yrange [0:*]
    set ytics 10
    plot for [i = 1:2] curve(word(rows, i), "knn") using 1:($2 - $3):($2 + $3) \
            with filledcurves linecolor rgb colour[i], \
        for [i = 1:2] curve(word(rows, i), "knn") using 1:2 \
            with lines linecolor rgb colour[i] linewidth 1.6
    unset multiplot
    unset output
}
