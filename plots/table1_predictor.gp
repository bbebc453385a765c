# SPDX-License-Identifier: MIT
#
# table1_predictor.gp -- Table 1: no predictor, a fixed one, one whose rate is not decayed.
table = "table1_predictor"
heading = ""
axis = ""
baseline = ""
apart = ""
fifth = "rank"
load "plots/curves.gp"
