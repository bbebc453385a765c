#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_collapse_python.sh -- the Python package as somebody else has it: its wheel, built here, installed by pip in
# a fresh environment; and a collapse in PyTorch that it catches.
#
# Skips what it has no program for, with the reason: Python with venv, an index that pip gets numpy from, PyTorch
# (of the Python that PYTHON names, else python3).
#
# usage: test_collapse_python.sh BUILD SOURCE_DIR VERSION
set -u
export LC_ALL=C

build=$(realpath "$1") source=$(realpath "$2") version=$3
skip() { echo "skipped: $*"; exit 77; }
python3 -c 'import venv, ensurepip' 2>/dev/null || skip "no python3 with venv here"
! grep -qE '^SANITIZE:[A-Z]*=.+' "$build/CMakeCache.txt" || skip "a sanitizer's library cannot be loaded by Python"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

failed=0
fail() { echo "FAILED: $*" | tail -c 1500; echo; failed=1; }

make_wheel() {
    python3 "$source/engine/collapse/python/make_wheel.py" "$build/libsimsiam-collapse.so" "$version" "$1"
}
wheel=$(make_wheel one) && again=$(make_wheel two) || fail "no wheel: $wheel"
cmp -s "$wheel" "$again" || fail "the wheel has other bytes each time"

python3 -m venv fresh >log 2>&1 || skip "python3 cannot make an environment: $(tail -n 1 log)"
fresh/bin/pip install --disable-pip-version-check numpy >log 2>&1 || skip "pip gets no numpy: $(tail -n 1 log)"
fresh/bin/pip install --disable-pip-version-check --no-index "$wheel" >log 2>&1 || fail "pip install: $(<log)"
fresh/bin/python "$source/tests/collapse_package.py" "$build/simsiam" >log 2>&1 || fail "$(<log)"

torch=${PYTHON:-python3}
if "$torch" -c 'import torch, numpy' 2>/dev/null; then
    python3 -m zipfile -e "$wheel" unpacked
    PYTHONPATH=$PWD/unpacked "$torch" "$source/tests/collapse_torch.py" "$source/docs" >torch.log 2>&1 ||
        fail "$(<torch.log)"
    [ $failed = 1 ] || head -n 2 torch.log
else
    echo "not tried on a collapse in PyTorch: $torch has none"
fi

[ $failed = 0 ] && echo 'collapse_python: in order'
exit $failed
