# SPDX-License-Identifier: MIT
#
# output_dim.gp -- Supplement B: the output dimension.
heading = "d = "
axis = "output dimension d"
baseline = "2048"
load "curves.gp"
