# SPDX-License-Identifier: MIT
#
# collapse.gp -- Section 4.1: rows without stop-gradient, each without another part of the design too.
table = "collapse"
heading = ""
axis = ""
baseline = ""
apart = "cross_entropy"
fifth = "rank"
load "plots/curves.gp"
