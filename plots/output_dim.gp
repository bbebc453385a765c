# SPDX-License-Identifier: MIT
#
# output_dim.gp -- Supplement B: the output dimension.
table = "output_dim"
heading = "d = "
axis = "output dimension d"
baseline = "2048"
apart = ""
fifth = "rank"
load "plots/curves.gp"
