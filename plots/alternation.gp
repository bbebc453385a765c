# SPDX-License-Identifier: MIT
#
# alternation.gp -- Section 5.2: targets computed k steps ahead.
heading = "k = "
axis = "steps of an alternation, k"
baseline = "1"
load "curves.gp"
