# SPDX-License-Identifier: MIT
"""matplotlib_example.py -- Figure 2 again, by matplotlib, from the CSV files that a clone holds.

usage: python3 plots/matplotlib_example.py [RESULTS/SCALE [FILE.pdf]]      (results/quick, figure2.pdf)

Nothing but matplotlib is needed.  Copy it and change it: fig2_stopgrad_curves.csv has a line for each row, seed and
epoch, with every number of metrics.jsonl (docs/metrics.md; datapackage.json beside it says the same to programs).
"""
import csv
import os
import statistics
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

folder = sys.argv[1] if len(sys.argv) > 1 else "results/quick"
target = sys.argv[2] if len(sys.argv) > 2 else "figure2.pdf"
with open(os.path.join(folder, "fig2_stopgrad_curves.csv"), newline="") as file:
    lines = list(csv.DictReader(file))


def curve(row, measure):
    """Epochs, means over the seeds, and stds; a number that does not exist is an empty field."""
    at = {}
    for line in lines:
        if line["row"] == row and line[measure]:
            at.setdefault(int(line["epoch"]), []).append(float(line[measure]))
    epochs = sorted(at)
    means = [statistics.fmean(at[e]) for e in epochs]
    return epochs, means, [statistics.stdev(at[e]) if len(at[e]) > 1 else 0 for e in epochs]


# Letters as letters in PDF (42: TrueType, no Type 3), and 7 points at a paper's two columns.
plt.rcParams.update({"pdf.fonttype": 42, "font.size": 7, "svg.hashsalt": "figure2", "axes.spines.top": False,
                     "axes.spines.right": False})
looks = {"with": ("with stop-gradient", "#0072B2", "-", "o"), "without": ("without", "#D55E00", "--", "s")}
panels = [("loss", "training loss"), ("std_train", "per-channel std of z/‖z‖, × √d"),
          ("knn", "kNN accuracy (%)")]
figure, axes = plt.subplots(1, 3, figsize=(18 / 2.54, 5.7 / 2.54), layout="constrained")
for ax, (measure, title) in zip(axes, panels):
    for row, (label, colour, dash, mark) in looks.items():
        epochs, means, stds = curve(row, measure)
        ax.plot(epochs, means, dash, marker=mark, markersize=3, color=colour, label=label)
        ax.fill_between(epochs, [m - s for m, s in zip(means, stds)], [m + s for m, s in zip(means, stds)],
                        color=colour, alpha=0.2, linewidth=0)
    ax.set_title(title, fontsize=7)
    ax.set_xlabel("epochs")
untrained = curve("untrained", "knn")[1]
if untrained:
    axes[2].axhline(untrained[0], color="#444444", dashes=(6, 4), linewidth=0.8, label="untrained")
axes[0].axhline(-1, color="#8A8A8A", linestyle=":", linewidth=0.8)
axes[2].set_ylim(bottom=0)
axes[2].legend(frameon=False, loc="lower left")
date = {"CreationDate": None} if target.endswith(".pdf") else {"Date": None} if target.endswith(".svg") else {}
figure.savefig(target, metadata=date, dpi=300)
print("wrote", target)
