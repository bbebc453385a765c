# SPDX-License-Identifier: MIT
#
# symmetry.gp -- Section 4.6: the symmetric loss, one pair of views, two pairs.
table = "symmetry"
heading = ""
axis = ""
baseline = ""
apart = ""
fifth = "rank"
load "plots/curves.gp"
