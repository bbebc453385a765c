# SPDX-License-Identifier: MIT
"""Makes byol_*.txt: what PyTorch computes for steps of BYOL, as tests/test_parity_methods.c wants it.

    python3 make_byol.py            (PyTorch 2.x on the CPU; seconds; writes beside this script)
    python3 make_byol.py --broken   (writes nothing: says how far each of BROKEN is from the files)

Nets, weights, images and what a file keeps of a tensor are make_parity.py's.  BYOL is written down
anew here, from its paper (arXiv 2006.07733) and the code that its authors released:

    per step k = 0 .. K - 1:
        p  = h(f(x))   of either view, by the online net f, h
        z' = f'(x)     of either view, by the target net f': no predictor, no gradient
        loss = |unit(p1) - unit(z2')|^2 + |unit(p2) - unit(z1')|^2, mean over images  (eq. 2)
        SGD on f and h
        f' <- tau f' + (1 - tau) f,  tau = 1 - (1 - base) (cos(pi k / K) + 1) / 2

f' begins as a copy of f.  Both nets are in training mode and see a view at a time, so either has
batch statistics of each view and running statistics of its own: those of f' are not averaged with
those of f.  The other scale of the loss is SimSiam's, the mean over the two views of -cos, of which
eq. 2 is 4 times plus 4.

A file is text, '#' starts a comment, and a line is as make_parity.py's:

    KIND NAME COUNT SCALE  NORM PROJECTION PROJECTION ENTRY ...

KIND is out (loss1, loss2, loss3), grad1, grad3 (of that step), and online1, online3, target1,
target3: a net when that step is over.  Of a net, running statistics are told as they are, and
weights less those of the start, so that a target that hardly moves is seen to move by the right
amount.  Their SCALE is at least 1 % of the norm that the weights had at the start: of less than
that fp32 rounds too much away.
"""
import copy
import math
import os
import sys
import numpy as np
import torch
from torch.nn.functional import normalize
import make_parity
from make_parity import LR, MOMENTUM, DECAY, STEPS, TOLERANCE, UNIT
from make_parity import build, c_layout, fits, measure, scale_of

TAU, K = 0.6, 4           # far from 1, and far apart from step to step, so that each is seen
ENTRIES = 8               # of a tensor in the file
LEAST = 0.01
WIDE = ["fc 128 bias", "bn", "relu", "fc d no-bias"]   # BYOL's: batch norm in the middle alone
make_parity.HEADS["byol"] = (WIDE, WIDE)
CASES = [                 # net, heads, scale of the loss
    ("small", "paper", "squared"), ("small", "paper", "cosine"), ("small", "byol", "squared"),
]
# What a wrong program would do: each must lie far outside of the tolerance, or the files are blind.
BROKEN = [
    "target in evaluation mode", "target moved before the optimiser", "momentum of the next step",
    "momentum that stays", "target that stays", "target's statistics averaged",
    "views in one batch", "the same view", "gradient into the target",
]


def tau(k):
    return 1 - (1 - TAU) * (math.cos(math.pi * k / K) + 1) / 2


def loss_of(p, z, scale):
    """Of two pairs (p, z'); eq. 2 as it stands in the paper, or SimSiam's eq. 4."""
    units = [(normalize(a, dim=1), normalize(b, dim=1)) for a, b in zip(p, z)]
    if scale == "squared":
        return sum((a - b).square().sum(1).mean() for a, b in units)
    return sum(-(a * b).sum(1).mean() for a, b in units) / 2


class Byol:
    def __init__(self, net, heads, scale, dtype, broken=None):
        self.online, (self.x1, self.x2) = build(net, heads, make_parity.NETS[net].images, dtype)
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        del self.target.predictor
        self.start = {name: w.detach().clone() for name, w in self.online.named_parameters()}
        self.sgd = torch.optim.SGD(self.online.parameters(), LR, MOMENTUM, weight_decay=DECAY)
        self.scale, self.broken = scale, broken
        if broken == "target in evaluation mode":
            self.target.eval()

    def target_view(self, x):
        """f'(x): SimSiam's forward without the predictor."""
        f = self.target
        y = f.pool(f.relu(f.bn1(f.conv1(x))))
        for stage in f.stages:
            y = getattr(f, stage)(y)
        return f.projector(y.mean((2, 3)))

    def forward(self):
        if self.broken == "views in one batch":
            z, p = self.online(torch.cat((self.x1, self.x2)))
            (z1, z2), (p1, p2) = z.chunk(2), p.chunk(2)
        else:
            (z1, p1), (z2, p2) = self.online(self.x1), self.online(self.x2)
        t1, t2 = self.target_view(self.x1), self.target_view(self.x2)
        if self.broken == "the same view":
            t1, t2 = t2, t1
        if self.broken == "gradient into the target":      # as if it were the online net
            t1, t2 = z1, z2
        return loss_of((p1, p2), (t2, t1), self.scale)

    @torch.no_grad()
    def move(self, k):
        t = {"momentum of the next step": tau(k + 1), "momentum that stays": TAU,
             "target that stays": 1}.get(self.broken, tau(k))
        online = dict(self.online.named_parameters())
        for name, w in self.target.named_parameters():
            w.mul_(t).add_(online[name], alpha=1 - t)
        if self.broken == "target's statistics averaged":
            running = dict(self.online.named_buffers())
            for name, s in self.target.named_buffers():
                if s.is_floating_point():
                    s.mul_(t).add_(running[name], alpha=1 - t)

    def step(self, k):
        loss = self.forward()
        self.sgd.zero_grad()
        loss.backward()
        if self.broken == "target moved before the optimiser":
            self.move(k)
        self.sgd.step()
        if self.broken != "target moved before the optimiser":
            self.move(k)
        return loss

    def tell(self, model):
        """A net's weights less those of the start, and its running statistics."""
        for name, w in model.named_parameters():
            yield name, c_layout(w.double() - self.start[name].double())
        for name, s in model.named_buffers():
            if s.is_floating_point():
                yield name, c_layout(s).copy()     # of double it is the tensor's own memory


def train(net, heads, scale, dtype, broken=None):
    """{(kind, name): values} of a case, in the C layout, and the nets."""
    byol, out = Byol(net, heads, scale, dtype, broken), {}
    for k in range(STEPS):
        out["out", f"loss{k + 1}"] = c_layout(byol.step(k))
        if k in (0, STEPS - 1):
            for name, w in byol.online.named_parameters():
                out[f"grad{k + 1}", name] = c_layout(w.grad)
            for kind, model in ((f"online{k + 1}", byol.online), (f"target{k + 1}", byol.target)):
                out.update(((kind, name), values) for name, values in byol.tell(model))
    return out, byol


def scale_find(exact, start, kind, name):
    """What differences of a tensor are measured by."""
    values = exact[kind, name]
    norm = np.linalg.norm(values)
    if kind.startswith("grad"):          # where it is zero itself, the whole one of its step
        whole = np.sqrt(sum(v @ v for (other, _), v in exact.items() if other == kind))
        return scale_of("grad", name, exact, norm, whole, False)
    if "running" in name:
        return scale_of(kind, name, exact, norm, 0, False)
    return norm if kind == "out" else max(norm, LEAST * np.linalg.norm(start[name]))


def scales(exact, byol):
    start = {name: c_layout(w) for name, w in byol.start.items()}
    return {(kind, name): scale_find(exact, start, kind, name) for kind, name in exact}


def worst_ratio(exact, other, scale):
    """The largest difference over the tolerance, and where it is."""
    return max((np.abs(measure(name, other[kind, name], ENTRIES) - measure(name, v, ENTRIES)).max()
                / (TOLERANCE * scale[kind, name]), f"{kind} {name}")
               for (kind, name), v in exact.items())


def write_case(folder, net, heads, scale_name):
    assert fits(net, heads, make_parity.NETS[net].images), "choose other images"
    exact, byol = train(net, heads, scale_name, torch.float64)
    scale = scales(exact, byol)
    single, _ = train(net, heads, scale_name, torch.float32)
    ratio, where = worst_ratio(exact, single, scale)
    case = f"byol_{net}_{heads}_{scale_name}"
    print(f"{case}: loss {exact['out', 'loss1'][0]:.4f}, PyTorch's fp32 uses {ratio:.3f} of the"
          f" tolerance ({where})", flush=True)
    assert ratio <= 1, "PyTorch's fp32 misses the tolerance"
    with open(os.path.join(folder, case + ".txt"), "w") as f:
        f.write(f"# made by make_byol.py, PyTorch {torch.__version__}, in double; do not edit\n")
        for (kind, name), values in exact.items():
            units = measure(name, values, ENTRIES) / (UNIT * scale[kind, name])
            numbers = " ".join(str(int(round(u))) for u in units)
            f.write(f"{kind} {name} {values.size} {scale[kind, name]:.9g}  {numbers}\n")


def tell_broken(net, heads, scale_name):
    exact, byol = train(net, heads, scale_name, torch.float64)
    scale = scales(exact, byol)
    for broken in BROKEN:
        other, _ = train(net, heads, scale_name, torch.float64, broken)
        ratio, where = worst_ratio(exact, other, scale)
        print(f"{net} {heads} {scale_name}: {broken}: {ratio:.0f} times the tolerance ({where})",
              flush=True)
        assert ratio > 10, "the files could not tell"


if __name__ == "__main__":
    for wanted in CASES:
        if "--broken" in sys.argv:
            tell_broken(*wanted)
        else:
            write_case(os.path.dirname(os.path.abspath(__file__)), *wanted)
