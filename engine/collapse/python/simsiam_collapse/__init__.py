# SPDX-License-Identifier: MIT
"""Has a self-supervised encoder collapsed?

    from simsiam_collapse import check, assert_healthy, Monitor

z1, z2 [samples, features] are the outputs for two augmented views of the same samples, in evaluation
mode; rest (optional) those for the samples as they are.  Arrays of numpy, tensors of PyTorch, or
anything numpy.asarray() takes.  The numbers and the rule are libsimsiam-collapse's: what they mean
stands in the header simsiam_collapse.h.
"""
import ctypes
import json
import math
import os
from dataclasses import dataclass, field

import numpy as np

__all__ = ["check", "compare", "assert_healthy", "Detector", "Monitor", "Report", "GRADES"]

GRADES = ("healthy", "dimensional", "partial", "complete", "undecided")
_OK, _NO_MEMORY, _BAD_ARGUMENT, _TOO_FEW, _TWINS, _NOT_FINITE, _NO_CONVERGENCE = range(7)


class _Evidence(ctypes.Structure):
    _fields_ = [("n", ctypes.c_int64), ("d", ctypes.c_int32)] + [
        (name, ctypes.c_double)
        for name in ("std_sqrtd", "mean_norm", "view_share", "rank", "participation", "directions_90",
                     "directions_99")]


class _Verdict(ctypes.Structure):
    _fields_ = [("grade", ctypes.c_int), ("distance", ctypes.c_double * len(GRADES))]


class _Others(ctypes.Structure):
    _fields_ = [(name, ctypes.c_double) for name in ("level", "rankme", "alpha_req", "lidar")]


def _load():
    library = ctypes.CDLL(os.path.join(os.path.dirname(__file__), "libsimsiam-collapse.so"))
    rows, handle = ctypes.POINTER(ctypes.c_float), ctypes.c_void_p
    for name, arguments in (
            ("open", [ctypes.POINTER(handle), ctypes.c_int, ctypes.c_int, ctypes.c_int]),
            ("add", [handle, rows, rows, rows, ctypes.c_int64]),
            ("measure", [handle, ctypes.POINTER(_Evidence)]),
            ("compare", [handle, ctypes.POINTER(_Others)])):
        getattr(library, "simsiam_" + name).argtypes = arguments
    library.simsiam_judge.argtypes = [ctypes.POINTER(_Verdict), ctypes.POINTER(_Evidence), handle]
    library.simsiam_judge.restype = None
    library.simsiam_close.argtypes = [handle]
    library.simsiam_close.restype = None
    library.simsiam_status_text.restype = ctypes.c_char_p
    return library


_library = _load()


def _fail(status):
    text = _library.simsiam_status_text(status).decode()
    raise MemoryError(text) if status == _NO_MEMORY else ValueError(text)


def _array(z):
    if hasattr(z, "detach"):       # PyTorch: off the graph and the card; numpy has no bfloat16
        z = z.detach().float().cpu().numpy()
    z = np.ascontiguousarray(z, dtype=np.float32)
    if z.ndim != 2:
        raise ValueError(f"{z.ndim} dimensions; 2 are wanted, samples and features")
    return z


@dataclass(frozen=True)
class Report:
    """A verdict (one of GRADES, or "diverged": a number is not finite) and what it rests on."""
    grade: str
    samples: int
    features: int
    std_sqrtd: float = math.nan
    mean_norm: float = math.nan
    view_share: float = math.nan
    rank: float = math.nan
    participation: float = math.nan
    directions_90: float = math.nan
    directions_99: float = math.nan
    # The share by which a grade's thresholds would have to move until it holds; below 0 it holds.
    distance: dict = field(default_factory=dict)

    def __str__(self):
        away = ", ".join(f"{name} {100 * share:+.0f} %" for name, share in self.distance.items())
        return (f"{self.grade} ({self.samples} samples of {self.features} features): "
                f"std*sqrt(d) {self.std_sqrtd:.3f}, view share {self.view_share:.3f}, "
                f"|E z'| {self.mean_norm:.3f}, directions {self.rank:.1f}; thresholds away: {away}")


class Detector:
    """Outputs batch by batch, so that they need not lie in memory together."""

    _handle = None                 # also of one whose arguments were wrong

    def __init__(self, with_rest=False, threads=0):
        self._handle, self._rest, self._threads = ctypes.c_void_p(), with_rest, threads
        self._features, self._samples, self._diverged = 0, 0, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()

    def close(self):
        if self._handle:
            _library.simsiam_close(self._handle)
            self._handle = ctypes.c_void_p()

    def add(self, z1, z2, rest=None):
        """The next samples' outputs."""
        views = [_array(z) for z in (z1, z2, rest) if z is not None]
        if (rest is not None) != self._rest:
            raise ValueError("rest with every batch, or with none")
        if any(z.shape != views[0].shape for z in views):
            raise ValueError(f"shapes {[z.shape for z in views]}; outputs of the same samples are wanted")
        if not self._handle:
            self._features = views[0].shape[1]
            self._check(_library.simsiam_open(ctypes.byref(self._handle), self._features, self._rest,
                                              self._threads))
        if views[0].shape[1] != self._features:
            raise ValueError(f"{views[0].shape[1]} features, after batches of {self._features}")
        rows = [z.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for z in views] + [None] * (3 - len(views))
        self._check(_library.simsiam_add(self._handle, *rows, len(views[0])))
        self._samples += len(views[0])

    def _check(self, status):
        if status == _NOT_FINITE:
            self._diverged = True
        elif status != _OK:
            _fail(status)

    def report(self):
        """The verdict on all samples so far."""
        evidence, verdict = _Evidence(), _Verdict()
        if not self._handle:
            _fail(_TOO_FEW)
        if not self._diverged:
            self._check(_library.simsiam_measure(self._handle, ctypes.byref(evidence)))
        if self._diverged:
            return Report("diverged", self._samples, self._features)
        _library.simsiam_judge(ctypes.byref(verdict), ctypes.byref(evidence), None)
        measures = {name: getattr(evidence, name) for name, _ in _Evidence._fields_[2:]}
        distance = {name: verdict.distance[GRADES.index(name)] for name in ("complete", "partial", "dimensional")}
        return Report(GRADES[verdict.grade], evidence.n, evidence.d, **measures, distance=distance)

    def compare(self):
        """What other tools measure: lightly's level, RankMe, alpha-ReQ, LiDAR."""
        others = _Others()
        status = _library.simsiam_compare(self._handle, ctypes.byref(others)) if self._handle else _TOO_FEW
        if status != _OK:
            _fail(status)
        return {name: getattr(others, name) for name, _ in _Others._fields_}


def check(z1, z2, rest=None, threads=0):
    """The verdict on whole arrays.  ValueError: too few samples, other shapes, twice the same view."""
    with Detector(rest is not None, threads) as detector:
        detector.add(z1, z2, rest)
        return detector.report()


def compare(z1, z2, rest=None, threads=0):
    with Detector(rest is not None, threads) as detector:
        detector.add(z1, z2, rest)
        return detector.compare()


def assert_healthy(z1, z2, rest=None, allow=("healthy", "undecided")):
    """For pytest: an AssertionError that says why, unless the verdict is one of `allow`."""
    report = check(z1, z2, rest)
    if report.grade not in allow:
        raise AssertionError(f"collapse: {report}")
    return report


class Monitor:
    """A series of verdicts, one an epoch."""

    def __init__(self, fail_on=("partial", "complete", "diverged"), patience=1):
        self.series, self._fail_on, self._patience = [], tuple(fail_on), patience

    def add(self, epoch, z1, z2, rest=None):
        return self.put(epoch, check(z1, z2, rest))

    def put(self, epoch, report):
        """A verdict that was made elsewhere, by a Detector."""
        self.series.append((epoch, report))
        return report

    @property
    def since(self):
        """The first epoch from which on all verdicts are the last one; None without any."""
        first = None
        for epoch, report in reversed(self.series):
            if report.grade != self.series[-1][1].grade:
                break
            first = epoch
        return first

    @property
    def failed(self):
        """Are the last `patience` verdicts all of those that fail?"""
        last = self.series[-self._patience:]
        return len(last) == self._patience and all(report.grade in self._fail_on for _, report in last)

    def save(self, path):
        """JSON lines that `simsiam check --metrics` reads."""
        def number(x):
            return x if math.isfinite(x) else None
        with open(path, "w") as file:
            for epoch, report in self.series:
                line = {"epoch": epoch}
                for name in ("std_sqrtd", "view_share", "mean_norm"):
                    line[name] = number(getattr(report, name))
                print(json.dumps(line), file=file)
