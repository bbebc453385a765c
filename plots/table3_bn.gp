# SPDX-License-Identifier: MIT
#
# table3_bn.gp -- Table 3: batch norm in the heads.
table = "table3_bn"
heading = ""
axis = ""
baseline = ""
apart = ""
fifth = "rank"
load "plots/curves.gp"
