# SPDX-License-Identifier: MIT
#
# table2_batch.gp -- Table 2: the batch size.
heading = "batch "
axis = "batch size"
baseline = "256"
load "curves.gp"
