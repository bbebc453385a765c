# SPDX-License-Identifier: MIT
"""collapse_package.py -- the Python package, as somebody has it who installed its wheel.

usage: collapse_package.py SIMSIAM
"""
import json
import math
import subprocess
import sys

import numpy as np

import simsiam_collapse
from simsiam_collapse import Detector, Monitor, assert_healthy, check, compare

N, D = 600, 48
rng = np.random.default_rng(1)


def views(between, within, offset=0.0):
    z = offset + between * rng.standard_normal((N, D))
    return [(z + within * rng.standard_normal((N, D))).astype("f4") for _ in range(2)]


def raises(kind, word, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        assert word in str(error), f"no `{word}` in: {error}"
    else:
        raise AssertionError(f"no {kind.__name__} from {call.__name__}")


healthy, partial, constant = views(1, 0.3), views(0.05, 0.15, 1.0), views(0, 1e-6, 1.0)
few = [np.outer(z[:, 0], np.ones(D)) + 1e-4 * z for z in healthy]

# Three lines, on files that numpy made.
np.save("a.npy", partial[0])
np.save("b.npy", partial[1])
report = check(np.load("a.npy"), np.load("b.npy"))
assert report.grade == "partial", report

# The program says the same, to the digit.
said = json.loads(subprocess.run([sys.argv[1], "check", "--views", "--json", "--others", "a.npy", "b.npy"],
                                 stdout=subprocess.PIPE).stdout)["subjects"][0]
assert said["verdict"] == report.grade and said["samples"] == N == report.samples
for name, value in said["evidence"].items():
    assert math.isclose(value, getattr(report, name), rel_tol=1e-8), name
for name, value in said["distance"].items():
    assert math.isclose(value, report.distance[name], rel_tol=1e-8), name
for name, value in compare(*partial).items():
    assert math.isclose(value, said["others"][name], rel_tol=1e-8), name

# Grades; any memory layout, any kind of number.
for pair, grade in ((healthy, "healthy"), (few, "dimensional"), (partial, "partial"), (constant, "complete")):
    assert check(*pair).grade == grade, check(*pair)
    assert repr(check(*(np.asfortranarray(z, dtype="f8") for z in pair))) == repr(check(*pair))
assert check(*healthy, rest=constant[0]).grade == "complete"
assert check(healthy[0], np.where(healthy[1] > 3, np.nan, healthy[1])).grade == "diverged"

# By batches as by one.
with Detector(threads=2) as detector:
    for i in range(0, N, 7):
        detector.add(healthy[0][i:i + 7], healthy[1][i:i + 7])
    assert detector.report() == check(*healthy)
    assert detector.compare() == compare(*healthy)

# What is wrong is said.
raises(ValueError, "too few", check, healthy[0][:95], healthy[1][:95])
raises(ValueError, "same numbers", check, healthy[0], healthy[0])
raises(ValueError, "shapes", check, healthy[0], healthy[1][1:])
raises(ValueError, "3 dimensions", check, healthy[0][None], healthy[1][None])
raises(ValueError, "rest with every batch", Detector(with_rest=True).add, *healthy)
raises(ValueError, "too few", Detector().report)
detector = Detector()
detector.add(*healthy)
raises(ValueError, "after batches of 48", detector.add, healthy[0][:, :7], healthy[1][:, :7])

# For tests.
assert assert_healthy(*healthy).grade == "healthy"
raises(AssertionError, "collapse: dimensional", assert_healthy, *few)
assert assert_healthy(*few, allow=("healthy", "dimensional")).grade == "dimensional"

# A series.
monitor = Monitor(patience=2)
assert monitor.since is None and not monitor.failed
for epoch, pair in enumerate((healthy, partial, healthy, partial, partial), 1):
    monitor.add(epoch, *pair)
    assert monitor.failed == (epoch == 5), epoch
assert monitor.since == 4
monitor.save("log.jsonl")
done = subprocess.run([sys.argv[1], "check", "--metrics", "log.jsonl"], stdout=subprocess.PIPE)
assert done.returncode == 4 and b"partial" in done.stdout and b"since epoch 4, at epoch 5" in done.stdout, done
print("simsiam_collapse:", simsiam_collapse.__file__)
