# SPDX-License-Identifier: MIT
"""read_export.py -- exported weights as their readers open them, written to the formats' descriptions.

usage: read_export.py WEIGHTS.safetensors BACKBONE.pkl

Python alone reads both: a pickle's numpy arrays by the two calls that they are made of.  Where there is numpy, its
own reader must find the same; where there is torchvision, or timm, a strict load of a ResNet-18 must succeed.
"""
import json
import pickle
import struct
import sys


def safetensors(path):
    raw = open(path, "rb").read()
    (length,) = struct.unpack("<Q", raw[:8])
    assert length % 8 == 0, "what follows the header lies at no multiple of eight"
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__")
    assert all(isinstance(text, str) for text in metadata.values()), "metadata are texts"
    tensors, behind = {}, raw[8 + length :]
    for name, said in header.items():
        start, end = said["data_offsets"]
        tensors[name] = (said["dtype"], said["shape"], behind[start:end])
    assert sum(len(t[2]) for t in tensors.values()) == len(behind), "bytes that are no tensor's"
    return metadata, tensors


class Array:
    def __setstate__(self, state):
        version, self.shape, self.dtype, fortran, self.data = state
        assert version == 1 and not fortran


class Dtype:
    def __init__(self, name, align, copy):
        self.name = name

    def __setstate__(self, state):
        self.order = state[1]


class Reader(pickle.Unpickler):
    """detectron2 calls pickle.load(file, encoding="latin1") (detection_checkpoint.py)."""

    def find_class(self, module, name):
        known = {
            ("numpy.core.multiarray", "_reconstruct"): lambda kind, shape, code: kind(),
            ("numpy", "ndarray"): Array,
            ("numpy", "dtype"): Dtype,
        }
        return known[module, name]


# detectron2's names of a ResNet, from a torchvision one's (detectron2/checkpoint/c2_model_loading.py).
def detectron_name(name):
    stage, _, rest = name.partition(".")
    if not stage.startswith("layer"):
        return "stem." + name.replace("bn1.", "conv1.norm.")
    block, _, rest = rest.partition(".")
    for ours, theirs in ("downsample.0", "shortcut"), ("downsample.1", "shortcut.norm"):
        rest = rest.replace(ours, theirs)
    if rest.startswith("bn"):
        rest = "conv" + rest[2] + ".norm" + rest[3:]
    return f"res{int(stage[5:]) + 1}.{block}.{rest}"


metadata, tensors = safetensors(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    pickled = Reader(file, encoding="latin1").load()
assert pickled["matching_heuristics"] is True and pickled["__author__"]
model, seen = pickled["model"], 0
for name, (dtype, shape, data) in tensors.items():
    if name.startswith("fc.") or name.endswith("num_batches_tracked"):
        continue
    array = model[detectron_name(name)]
    assert dtype == "F32" and (array.dtype.name, array.dtype.order) == ("f4", "<"), name
    assert list(array.shape) == shape and array.data == data, name
    seen += 1
assert seen == len(model) > 0, "names that torchvision's do not make"

try:
    import numpy as np

    with open(sys.argv[2], "rb") as file:
        for name, array in pickle.load(file, encoding="latin1")["model"].items():
            assert array.dtype == np.float32 and array.tobytes() == model[name].data, name
    print("numpy reads the same")
except ImportError:
    print("no numpy here")

try:
    import torch
    import torchvision

    net = torchvision.models.resnet18(num_classes=tensors["fc.bias"][1][0])
    net.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)       # as the metadata say
    kinds = {"F32": torch.float32, "I64": torch.int64}
    state = {
        name: torch.frombuffer(bytearray(data), dtype=kinds[dtype]).reshape(shape)
        for name, (dtype, shape, data) in tensors.items()
    }
    net.load_state_dict(state, strict=True)
    print("torchvision loads it strictly")
    import timm

    net = timm.create_model("resnet18", num_classes=tensors["fc.bias"][1][0])
    net.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
    net.load_state_dict(state, strict=True)
    print("timm loads it strictly")
except ImportError as error:
    print(error)
