# SPDX-License-Identifier: MIT
#
# similarity.gp -- Section 4.5: cosine and cross-entropy.
table = "similarity"
heading = ""
axis = ""
baseline = ""
apart = "cross_entropy"
fifth = "rank"
load "plots/curves.gp"
