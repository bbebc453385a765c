# SPDX-License-Identifier: MIT
"""Makes parity_*.txt: what PyTorch computes for one training step and after three, as tests/test_parity.c wants it.

    python3 make_parity.py            (PyTorch 2.x on the CPU; some minutes; writes beside this script)
    python3 make_parity.py NET...     (those nets alone)
    python3 make_parity.py --search [NET...]   (prints the seeds of NETS)

The two programs share no file of weights.  Every tensor comes from one formula, a hash of its name and of the
element's index, on the C layout: convolutions KRSC, images NHWC.  The answers are computed in double, so that they
are exact for the purpose, and the fp32 of the C engine is held against them; PyTorch's own fp32 has to pass the
same tolerance here, or nothing is written.

One thing must be kept out of the comparison: a ReLU whose input lies within rounding of zero, where two right
programs differ by a whole step.  Where there are many pixels the betas are far from zero, so that few inputs are
near it, and the images' seed is one for which none is; that too is checked before anything is written.  The last
stage and the heads have common betas: were they all but linear, the batch norms behind them would leave nothing of
the gradient.  A max-pool whose largest two inputs lie within rounding of each other is the same trouble, and is
looked for too.  Of ImageNet's nets the margin is that of the heads alone, whose few rows are felt one by one: their
betas are far enough from zero to find a seed, and near enough to keep them from being linear.  Of the backbone's
millions of inputs one may go another way whatever the seed, and is hardly felt: a wider tolerance is for that.

A file is text.  '#' starts a comment; every other line is one tensor:

    KIND NAME COUNT SCALE  NORM PROJECTION PROJECTION ENTRY ...

KIND is out (loss, z, p of the first step), grad (of the first step), or after (weights and running statistics after
three).  SCALE is the tensor's l2 norm; where the exact gradient is zero, and of ImageNet's nets wherever it is
smaller, 1e-3 of the whole gradient's norm; where the exact running mean is zero, the norm of the standard
deviations; of ImageNet's nets, whose loss is near zero, LOSS if the loss is smaller.  The norm itself, the
projections and the entries follow as multiples of 1e-7 SCALE.
"""
import os
import sys
from typing import NamedTuple
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cosine_similarity

BATCH, STEPS, PROJECTIONS = 8, 3, 2
LR, MOMENTUM, DECAY = 0.002, 0.9, 0.5      # steps short enough to stay comparable, decay strong enough to be seen
UNIT = 1e-7
TOLERANCE = 1e-4        # of SCALE; the C test's number
ZERO_SHARE = 1e-3
LOSS = 0.01             # a loss nearer to zero has no relative error to speak of
MARGIN = 4              # each ReLU's input nearest to zero, over the rms error of fp32 among that ReLU's inputs

PREDICTOR = ["fc d/4", "bn", "relu", "fc d"]
HEADS = {               # the paper's head; the released code's; biases that a batch norm removes again
    "paper": (["fc d", "bn", "relu", "fc d", "bn"], PREDICTOR),
    "released": (["fc d", "bn", "relu", "fc d frozen-bias", "bn no-affine"], PREDICTOR),
    "bias": (["fc d bias", "bn", "relu", "fc d bias", "bn"], ["fc d/4 bias", "bn", "relu", "fc d"]),
    "three": (["fc d", "bn", "relu", "fc d", "bn", "relu", "fc d", "bn"], PREDICTOR),      # ImageNet's, Sec. 3
}


class Net(NamedTuple):
    widths: tuple
    blocks: tuple           # of each stage
    size: int               # of the images
    d: int
    images: int             # their seed (found by --search)
    imagenet: bool = False  # the stem, three layers in the projector, and how parity is told (above)
    expansion: int = 1      # 4: bottlenecks

    def entries(self):      # of a tensor in the file
        return 16 if self.imagenet else 64

    def tolerance(self):
        return 1e-3 if self.imagenet else TOLERANCE

    def beta(self, name):   # how far from zero a module's are
        if name.startswith(("pro", "pre")):
            return 1.5 if self.imagenet else 0
        if self.imagenet:
            return 4
        return 0 if name.startswith(f"layer{len(self.widths)}") else 3


NETS = {
    "small": Net((32, 64, 128), (1, 1, 1), 16, 64, 4),
    "resnet18": Net((64, 128, 256, 512), (2, 2, 2, 2), 16, 256, 31),
    "resnet18_224": Net((64, 128, 256, 512), (2, 2, 2, 2), 224, 2048, 4, True),
    "resnet50_224": Net((64, 128, 256, 512), (3, 4, 6, 3), 224, 2048, 13, True, 4),
}
CASES = [                # net, head, stop-gradient
    ("small", "paper", True), ("small", "paper", False), ("small", "released", True), ("small", "released", False),
    ("small", "bias", True), ("small", "bias", False),
    ("resnet18", "paper", True), ("resnet18", "paper", False),
    ("resnet18", "released", True), ("resnet18", "released", False),
    ("resnet18_224", "three", True), ("resnet50_224", "three", True),
]


# ---- the formula that both languages share ------------------------------------------------------------------

def uniform(name, n):
    """u[i] in [-1, 1): 24 bits of a hash of the name (FNV-1a) and i (a 32-bit finaliser); exact in fp32."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 & 0xffffffff
    x = (np.arange(1, n + 1, dtype=np.uint64) * 0x9e3779b9 + h & 0xffffffff).astype(np.uint32)
    x = (x ^ x >> 16) * np.uint32(0x7feb352d)
    x = (x ^ x >> 15) * np.uint32(0x846ca68b)
    x = x ^ x >> 16
    return (x >> 8).astype(np.float32) / np.float32(1 << 23) - np.float32(1)


def formula(name, dims, module, net):
    """The fp32 values of a module's parameter; dims is its C layout."""
    u = uniform(name, int(np.prod(dims)))
    if isinstance(module, nn.Conv2d):                      # K R R C: the variance of kaiming's fan_out
        v = np.float32(np.sqrt(6 / (dims[0] * dims[1] * dims[2]))) * u
    elif isinstance(module, nn.Linear):                    # K C, large: what fp32 leaves of a zero gradient shrinks
        v = np.float32(np.sqrt(16 / dims[1]) if len(dims) == 2 else 0.25) * u
    elif name.endswith(".weight"):                         # gamma
        v = np.float32(1) + np.float32(0.125) * u
    else:                                                  # beta: the same side of zero on both legs of a block
        off = np.float32(net.beta(name))
        v = np.float32(0.25) * u + np.where(np.arange(u.size) % 2, -off, off)
    return v.reshape(dims)


def images(seed, views, n, size):
    """views * n images NHWC: four blocks that the views share, so that images differ by more than noise, whose mean
    a pooling would leave next to nothing of; and noise of each view's own."""
    dims, blocks, side = (views, n, size, size, 3), (n, 2, 2, 3), size // 2
    shared = uniform(f"image {seed}", int(np.prod(blocks))).reshape(blocks).repeat(side, 1).repeat(side, 2)
    return shared + np.float32(0.5) * uniform(f"view {seed}", int(np.prod(dims))).reshape(dims)


def positions(count, entries):
    if count <= entries:
        return np.arange(count)
    k, stride = np.arange(entries), count // entries
    return k * stride + k % stride


# ---- the model ----------------------------------------------------------------------------------------------

class Relu(nn.Module):
    """Remembers its input and how far each is from where the slope changes, for fits()."""
    def forward(self, x):
        self.seen, self.clear = x.detach(), x.detach().abs()
        return torch.relu(x)


class MaxPool(nn.Module):
    """The same; behind a ReLU, where zeros are equal in every arithmetic."""
    def forward(self, x):
        self.seen = x.detach()
        windows = nn.functional.unfold(self.seen.flatten(0, 1)[:, None], 3, padding=1, stride=2)
        first, second = windows.topk(2, 1).values.unbind(1)
        self.clear = torch.where(first > 0, first - second, first.new_tensor(torch.inf))
        return nn.functional.max_pool2d(x, 3, 2, 1)


class Block(nn.Module):
    """Basic: 3x3, 3x3.  Bottleneck, four times as wide at its end: 1x1, 3x3 with the stride, 1x1."""
    def __init__(self, c, width, expansion, stride):
        super().__init__()
        k, sides = width * expansion, (3, 3) if expansion == 1 else (1, 3, 1)
        self.n, self.downsample = len(sides), None
        for i, r in enumerate(sides):
            into, out = c if i == 0 else width, k if i + 1 == self.n else width
            step = stride if i == self.n - 2 else 1
            self.add_module(f"conv{i + 1}", nn.Conv2d(into, out, r, step, r // 2, bias=False))
            self.add_module(f"bn{i + 1}", nn.BatchNorm2d(out))
            self.add_module(f"relu{i + 1}", Relu())
        if stride != 1 or c != k:
            self.downsample = nn.Sequential(nn.Conv2d(c, k, 1, stride, bias=False), nn.BatchNorm2d(k))

    def forward(self, x):
        y = x
        for i in range(1, self.n + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i == self.n:
                y = y + (self.downsample(x) if self.downsample else x)
            y = getattr(self, f"relu{i}")(y)
        return y


def head(words, width, d):
    layers = []
    for i, word in enumerate(words):
        kind, *options = word.split()
        if kind == "fc":
            free = i + 1 == len(words) or not words[i + 1].startswith("bn")      # no batch norm would remove it
            bias = "no-bias" not in options and (free or options[1:] != [])
            k = d // 4 if options[0] == "d/4" else d if options[0] == "d" else int(options[0])
            layers.append(nn.Linear(width, k, bias=bias))
            if "frozen-bias" in options:
                layers[-1].bias.requires_grad = False
            width = k
        elif kind == "bn":
            layers.append(nn.BatchNorm1d(width, affine="no-affine" not in options))
        else:
            layers.append(Relu())
    return nn.Sequential(*layers)


class SimSiam(nn.Module):
    def __init__(self, net, projector, predictor):
        super().__init__()
        c, shape = net.widths[0], (7, 2, 3) if net.imagenet else (3, 1, 1)
        self.conv1, self.bn1 = nn.Conv2d(3, c, *shape, bias=False), nn.BatchNorm2d(c)
        self.relu, self.pool, self.stages = Relu(), MaxPool() if net.imagenet else nn.Identity(), []
        for s, (width, blocks) in enumerate(zip(net.widths, net.blocks)):
            stage = []
            for b in range(blocks):
                stage.append(Block(c, width, net.expansion, 2 if s and b == 0 else 1))
                c = width * net.expansion
            self.add_module(f"layer{s + 1}", nn.Sequential(*stage))
            self.stages.append(f"layer{s + 1}")
        self.projector, self.predictor = head(projector, c, net.d), head(predictor, net.d, net.d)

    def f(self, x):
        y = self.pool(self.relu(self.bn1(self.conv1(x))))
        for stage in self.stages:
            y = getattr(self, stage)(y)
        return self.projector(y.mean((2, 3)))

    def forward(self, x):
        z = self.f(x)
        return z, self.predictor(z)


def c_layout(t):
    """A tensor as the C engine lays it out: OIHW becomes KRSC."""
    return (t.permute(0, 2, 3, 1) if t.dim() == 4 else t).detach().double().contiguous().numpy().ravel()


def load_formula(model, net):
    for prefix, module in model.named_modules():
        for name, p in module.named_parameters(prefix, recurse=False):
            dims = tuple(p.permute(0, 2, 3, 1).shape if p.dim() == 4 else p.shape)
            v = torch.from_numpy(formula(name, dims, module, net))
            with torch.no_grad():
                p.copy_(v.permute(0, 3, 1, 2) if p.dim() == 4 else v)


def build(net, heads, seed, dtype):
    model = SimSiam(NETS[net], *HEADS[heads])
    load_formula(model, NETS[net])
    x = torch.from_numpy(images(seed, 2, BATCH, NETS[net].size)).permute(0, 1, 4, 2, 3).to(dtype)
    return model.to(dtype).train(), x


def forward(model, x1, x2, stop):
    """z, p of both views, and eq. (4); separate passes, so that batch norm sees one view at a time."""
    (z1, p1), (z2, p2) = model(x1), model(x2)
    t1, t2 = (z1.detach(), z2.detach()) if stop else (z1, z2)
    loss = -(cosine_similarity(p1, t2, eps=1e-8).mean() + cosine_similarity(p2, t1, eps=1e-8).mean()) / 2
    return torch.cat((z1, z2)), torch.cat((p1, p2)), loss


def fits(net, heads, seed):
    """Are a net's images good for a comparison: no ReLU (of ImageNet's nets, none of a head) near zero in either
    view, no loss near zero?"""
    exact, x = build(net, heads, seed, torch.float64)
    single, _ = build(net, heads, seed, torch.float32)
    least = np.inf
    with torch.no_grad():
        for view in x:
            exact(view), single(view.float())
            for (name, a), b in zip(exact.named_modules(), single.modules()):
                looked = not NETS[net].imagenet or name.startswith(("pro", "pre"))
                if looked and isinstance(a, (Relu, MaxPool)):
                    least = min(least, (a.clear.min() / (a.seen - b.seen).square().mean().sqrt()).item())
        loss = forward(exact, *x, False)[2].item()
    print(f"{net} {heads}: images {seed} have margin {least:.2f}, loss {loss:.4f}", flush=True)
    return least >= MARGIN and (abs(loss) >= LOSS or NETS[net].imagenet)


# ---- three steps --------------------------------------------------------------------------------------------

def train(net, heads, stop, dtype):
    """{(kind, name): values} of a case, in the C layout."""
    model, (x1, x2) = build(net, heads, NETS[net].images, dtype)
    sgd = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], LR, MOMENTUM, weight_decay=DECAY)
    out = {}
    for step in range(STEPS):
        z, p, loss = forward(model, x1, x2, stop)
        sgd.zero_grad()
        loss.backward()
        if step == 0:
            out["out", "loss"] = c_layout(loss)
            out["out", "z"], out["out", "p"] = c_layout(z), c_layout(p)
            for name, w in model.named_parameters():
                if w.requires_grad:
                    out["grad", name] = c_layout(w.grad)
        sgd.step()
    for name, t in model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            out["after", name] = c_layout(t)
    return out


def measure(name, values, entries):
    """What a file keeps of a tensor: its norm, the projections on random signs, the entries."""
    signs = [np.sign(uniform(f"{name}/sign{j}", values.size) + 2.0**-25) for j in range(PROJECTIONS)]
    some = values[positions(values.size, entries)]
    return np.concatenate(([np.linalg.norm(values)], [s @ values for s in signs], some))


def scale_of(kind, name, exact, norm, whole, imagenet):
    """The norm, but where the exact value is zero, of which double leaves some 1e-16, or next to nothing."""
    if kind == "grad" and norm < (ZERO_SHARE if imagenet else 1e-10) * whole:      # a bias before a batch norm
        return ZERO_SHARE * whole
    if name == "loss" and imagenet:
        return max(norm, LOSS)
    if name.endswith("running_mean") and norm < 1e-10:     # an fc without bias behind a batch norm without affine
        return np.sqrt(exact[kind, name.replace("mean", "var")].sum())
    return norm


def write_case(folder, net, heads, stop):
    assert fits(net, heads, NETS[net].images), "choose other images by --search"
    exact, single = train(net, heads, stop, torch.float64), train(net, heads, stop, torch.float32)
    whole = np.sqrt(sum(v @ v for (kind, _), v in exact.items() if kind == "grad"))
    lines, worst, entries = [], (0, ""), NETS[net].entries()
    for (kind, name), values in exact.items():
        m = measure(name, values, entries)
        scale = scale_of(kind, name, exact, m[0], whole, NETS[net].imagenet)
        ratio = np.abs(measure(name, single[kind, name], entries) - m).max() / (NETS[net].tolerance() * scale)
        worst = max(worst, (ratio, f"{kind} {name}"))
        units = " ".join(str(int(round(v))) for v in m / (UNIT * scale))
        lines.append(f"{kind} {name} {values.size} {scale:.9g}  {units}\n")
    case = f"parity_{net}_{heads}_{'stop' if stop else 'flow'}"
    print(f"{case}: loss {exact['out', 'loss'][0]:.4f}, PyTorch's fp32 uses {worst[0]:.3f} of the tolerance"
          f" ({worst[1]})", flush=True)
    assert worst[0] <= 1, "PyTorch's fp32 misses the tolerance"
    with open(os.path.join(folder, case + ".txt"), "w") as f:
        f.write(f"# made by make_parity.py, PyTorch {torch.__version__}, in double; do not edit\n")
        f.writelines(lines)


def search(net):
    """Prints the first seed whose images fit every head of the net."""
    heads = sorted({h for n, h, _ in CASES if n == net})
    print(net, next(seed for seed in range(1, 1000) if all(fits(net, h, seed) for h in heads)))


if __name__ == "__main__":
    wanted = [name for name in sys.argv[1:] if name != "--search"] or list(NETS)
    if "--search" in sys.argv:
        for net in wanted:
            search(net)
        sys.exit()
    for case in CASES:
        if case[0] in wanted:
            write_case(os.path.dirname(os.path.abspath(__file__)), *case)
