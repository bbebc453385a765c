# SPDX-License-Identifier: MIT
#
# expectation.gp -- Section 5.2: a moving average in the predictor's place; what h(z) is.
table = "expectation"
heading = ""
axis = ""
baseline = ""
apart = ""
fifth = "cos"
load "plots/curves.gp"
