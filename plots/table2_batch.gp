# SPDX-License-Identifier: MIT
#
# table2_batch.gp -- Table 2: the batch size.
table = "table2_batch"
heading = "batch "
axis = "batch size"
baseline = "256"
apart = ""
fifth = "rank"
load "plots/curves.gp"
