#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_wheel.py -- the Python package and the shared library as one wheel, with nothing but Python.

A wheel (PEP 427) is a zip of the package and of three files about it; the same bytes every time.

usage: make_wheel.py LIBRARY VERSION FOLDER
"""
import base64
import hashlib
import os
import sys
import sysconfig
import zipfile

library, version, folder = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
tag = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
about = f"simsiam_collapse-{version}.dist-info"
package = "simsiam_collapse"
files = {}
with open(os.path.join(here, package, "__init__.py"), "rb") as source:
    files[f"{package}/__init__.py"] = source.read()
with open(library, "rb") as source:
    files[f"{package}/libsimsiam-collapse.so"] = source.read()
files[f"{about}/METADATA"] = f"""Metadata-Version: 2.1
Name: simsiam-collapse
Version: {version}
Summary: tells whether a self-supervised encoder has collapsed
License: MIT
Requires-Python: >=3.8
Requires-Dist: numpy
""".encode()
files[f"{about}/WHEEL"] = f"""Wheel-Version: 1.0
Generator: make_wheel.py
Root-Is-Purelib: false
Tag: {tag}
""".encode()


def hashed(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


record = "".join(f"{name},sha256={hashed(content)},{len(content)}\n" for name, content in files.items())
files[f"{about}/RECORD"] = (record + f"{about}/RECORD,,\n").encode()
os.makedirs(folder, exist_ok=True)
path = os.path.join(folder, f"simsiam_collapse-{version}-{tag}.whl")
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
    for name, content in files.items():
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o644 << 16
        wheel.writestr(entry, content, zipfile.ZIP_DEFLATED)
print(path)
