# SPDX-License-Identifier: MIT
"""Makes features_*.txt: what torchvision's nets make of one image, for tests/test_features.c.

    python3 make_features.py          (PyTorch 2.x and torchvision on the CPU; writes beside this script)

No file of weights is shared: each tensor of a ResNet-18 and a ResNet-50, running statistics too, comes from the
formula of make_parity.py, by torchvision's name and in its layout, and so does the image [3, 224, 224].  The
answers are computed in double; torchvision's own fp32 has to be within the test's tolerance, or nothing is written.

A file is text: '#' starts a comment, then the features in their order, eight a line.
"""
import os
import numpy as np
import torch
import torchvision
from make_parity import uniform

TOLERANCE = 1e-5        # of the largest feature; the C test's number


def formula(name, dims):
    u = uniform(name, int(np.prod(dims))).astype(np.float32)
    half = np.float32(0.5)
    if len(dims) == 4:                                     # K C R S: a variance of 2 / (C R S)
        return (np.float32(np.sqrt(6 / (dims[1] * dims[2] * dims[3]))) * u).reshape(dims)
    if name.endswith("running_var"):
        return np.float32(1) + half * u
    if name.endswith(".weight"):                           # gamma
        return np.float32(0.75) + np.float32(0.25) * u
    return np.float32(0.25) * u                            # beta, running_mean


def features(net, dtype):
    net = net.to(dtype).eval()
    x = uniform("image", 3 * 224 * 224).reshape(1, 3, 224, 224)
    with torch.no_grad():
        return net(torch.from_numpy(x).to(dtype))[0].double().numpy()


for name in "resnet18", "resnet50":
    net = getattr(torchvision.models, name)()
    net.fc = torch.nn.Identity()
    state = {key: t if key.endswith("num_batches_tracked") else torch.from_numpy(formula(key, tuple(t.shape)))
             for key, t in net.state_dict().items()}
    net.load_state_dict(state)
    narrow = features(net, torch.float32)
    f = features(net, torch.float64)
    off = abs(narrow - f).max() / abs(f).max()
    print(f"{name}: {f.size} features, the largest {abs(f).max():.3g}, {np.mean(f == 0):.2f} of them zero; "
          f"PyTorch's fp32 is off by {off:.2e}")
    assert off < TOLERANCE / 4
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"features_{name}.txt"), "w") as out:
        out.write(f"# features of torchvision's {name}, made by make_features.py\n")
        for i in range(0, f.size, 8):
            out.write(" ".join(f"{x:.9g}" for x in f[i : i + 8]) + "\n")
