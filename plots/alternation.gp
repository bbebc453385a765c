# SPDX-License-Identifier: MIT
#
# alternation.gp -- Section 5.2: targets computed k steps ahead.
table = "alternation"
heading = "k = "
axis = "steps of an alternation, k"
baseline = "1"
apart = ""
fifth = "rank"
load "plots/curves.gp"
