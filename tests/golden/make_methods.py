# SPDX-License-Identifier: MIT
"""Makes simclr_*.txt, moco_*.txt and swav_*.txt: what PyTorch computes for steps of these methods, as
tests/test_parity_methods.c wants it.

    python3 make_methods.py            (PyTorch 2.x on the CPU; seconds; writes beside this script)
    python3 make_methods.py --broken   (writes nothing: says how far each of BROKEN is from the files)
    python3 make_methods.py --search   (prints the first images' seed that fits each case)

Nets, images and steps are make_parity.py's, lines of a file make_byol.py's; written from the papers and the code
that their authors released:

    SimCLR  L = cross-entropy of s = unit(p) unit(z)^T / T over the 2N rows but the row itself, class: the other
            view; batch norm over both views at once.  With a predictor, Sec. 6.2 of SimSiam's paper: p = h(z).
    MoCo    f_k <- m f_k + (1 - m) f_q before k = f_k(x); L = cross-entropy of (q k, q queue) / T, class 0; of both
            views the mean; then the keys replace the oldest of the queue.  Batch norm over parts of each view:
            running statistics of f_q move as if each part had its own, and these were averaged.
    SwAV    scores s = unit(z) unit(c)^T; codes q by Sinkhorn, prototypes first and samples last, of each view by
            itself; L = mean of the two cross-entropies of softmax(s / T) of a view with the code of the other one.
            With a predictor, Sec. 6.2 of SimSiam's paper: of softmax(h(s) / T), h on the scores.

MoCo's first queue is a formula's, and its steps are 1, 2 and 3, so that the ring goes over its end.
"""
import os
import sys
import numpy as np
import torch
from torch import nn
from torch.nn.functional import batch_norm, cross_entropy, log_softmax, normalize
import make_parity
from make_byol import ENTRIES, scale_find, worst_ratio
from make_parity import DECAY, LR, MARGIN, MOMENTUM, NETS, STEPS, UNIT
from make_parity import Relu, SimSiam, c_layout, images, load_formula, measure, uniform

BATCH, QUEUE, M, SPLITS, PROTOTYPES = 8, 48, 0.6, 2, 20
TOLD = ["fc 16", "bn", "relu", f"fc {PROTOTYPES}"]         # SwAV's predictor
make_parity.HEADS["contrast"] = (["fc d", "bn", "relu", "fc d", "bn"], [])
make_parity.HEADS["linear"] = (["fc d bias", "relu", "fc d bias"], [])
make_parity.HEADS["swav"] = (["fc d", "bn", "relu", "fc d bias"], [])
# name: method, heads, images' seed, options
CASES = {
    "simclr_small_joint": ("simclr", "contrast", 1, dict(t=0.5, joint=True, stop=False)),
    "simclr_small_predictor": ("simclr", "paper", 4, dict(t=0.2, joint=False, stop=True)),
    "moco_small_both": ("moco", "linear", 1, dict(t=0.2, views=2)),
    "moco_small_one": ("moco", "linear", 1, dict(t=0.2, views=1)),
    "swav_small_outside": ("swav", "swav", 1, dict(t=0.1, epsilon=0.05, inside=False, stop=True)),
    "swav_small_flow": ("swav", "swav", 1, dict(t=0.2, epsilon=0.1, inside=True, stop=False)),
    "swav_small_predictor": ("swav", "swav", 4, dict(t=2.0, epsilon=0.1, inside=True, stop=True, told=TOLD)),
}
# What a wrong program would do: each must lie far outside of the tolerance, or the files are blind.
BROKEN = {
    "simclr": ["sum of the views", "batch norm the other way", "own row a negative", "keys as they flow"],
    "moco": ["key moved after the optimiser's step", "one group", "queue before its end", "sum of the views",
             "a move a split"],
    "swav": ["samples first", "own code", "mean over the prototypes", "norm the other way",
             "codes of what h tells"],
}


class SplitNorm(nn.Module):
    """A batch norm that `parts` consecutive parts of the rows go through apart."""
    def __init__(self, inner):
        super().__init__()
        self.weight, self.bias, self.parts, self.track = inner.weight, inner.bias, 1, True
        self.register_buffer("running_mean", inner.running_mean)
        self.register_buffer("running_var", inner.running_var)
        self.in_turn = False                               # a mistake: a move a part, one after the other

    def forward(self, x):
        out, means, variances = [], [], []
        mean, var = self.running_mean.clone(), self.running_var.clone()
        for part in x.chunk(self.parts):
            if not self.in_turn:
                mean, var = self.running_mean.clone(), self.running_var.clone()
            out.append(batch_norm(part, mean, var, self.weight, self.bias, True, 0.1, 1e-5))
            means.append(mean.clone())
            variances.append(var.clone())
        if self.track:
            self.running_mean.copy_(means[-1] if self.in_turn else torch.stack(means).mean(0))
            self.running_var.copy_(variances[-1] if self.in_turn else torch.stack(variances).mean(0))
        return torch.cat(out)


def split(model, parts, in_turn=False):
    """Every batch norm of the model becomes a SplitNorm."""
    for name, child in list(model.named_children()):
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            setattr(model, name, SplitNorm(child))
            getattr(model, name).parts, getattr(model, name).in_turn = parts, in_turn
        else:
            split(child, parts, in_turn)
    return model


class Method:
    def __init__(self, case, dtype, seed=None, broken=None):
        self.method, heads, images_seed, self.o = CASES[case]
        self.broken, self.t = broken, self.o["t"]
        net = NETS["small"]
        self.online = SimSiam(net, *make_parity.HEADS[heads])
        if self.method == "swav":
            self.online.prototypes = nn.Linear(net.d, PROTOTYPES, bias=False)
            self.online.predictor = make_parity.head(self.o.get("told", []), PROTOTYPES, net.d)
        load_formula(self.online, net)
        x = torch.from_numpy(images(seed or images_seed, 2, BATCH, net.size))
        self.x1, self.x2 = x.permute(0, 1, 4, 2, 3).to(dtype)
        self.online.to(dtype).train()
        self.target = None
        if self.method == "moco":
            self.moco_open(net, heads, dtype)
        self.start = {name: w.detach().clone() for name, w in self.online.named_parameters()}
        self.sgd = torch.optim.SGD(self.online.parameters(), LR, MOMENTUM, weight_decay=DECAY)

    # ---- SimCLR

    def nt_xent(self, p, z):
        s = normalize(p, dim=1) @ normalize(z, dim=1).T / self.t
        if self.broken != "own row a negative":
            s = s.masked_fill(torch.eye(2 * BATCH, dtype=torch.bool), -torch.inf)
        return cross_entropy(s, torch.arange(2 * BATCH).roll(BATCH))

    def simclr(self):
        if self.o["joint"] != (self.broken == "batch norm the other way"):
            z, p = self.online(torch.cat((self.x1, self.x2)))
        else:
            (z1, p1), (z2, p2) = self.online(self.x1), self.online(self.x2)
            z, p = torch.cat((z1, z2)), torch.cat((p1, p2))
        if self.o["stop"] != (self.broken == "keys as they flow"):
            z = z.detach()
        return self.nt_xent(p, z) * (2 if self.broken == "sum of the views" else 1)

    # ---- MoCo

    def moco_open(self, net, heads, dtype):
        parts = 1 if self.broken == "one group" else SPLITS
        self.target = SimSiam(net, *make_parity.HEADS[heads])
        load_formula(self.target, net)
        self.target.to(dtype).train().requires_grad_(False)
        split(self.online, parts, self.broken == "a move a split")
        for module in split(self.target, parts).modules():
            module.track = False                           # of SplitNorm: its running ones serve nobody
        rows = torch.from_numpy(uniform("queue", QUEUE * net.d).reshape(QUEUE, net.d))
        self.queue, self.place = normalize(rows.to(dtype), dim=1), BATCH * self.o["views"]

    @torch.no_grad()
    def move(self):
        online = dict(self.online.named_parameters())
        for name, w in self.target.named_parameters():
            w.mul_(M).add_(online[name], alpha=1 - M)

    def info_nce(self, q, k):
        q = normalize(q, dim=1)
        own = (q * k).sum(1, keepdim=True)
        return cross_entropy(torch.cat((own, q @ self.queue.T), 1) / self.t, torch.zeros(BATCH, dtype=torch.long))

    def moco(self):
        if self.broken != "key moved after the optimiser's step":
            self.move()
        pairs = ((self.x1, self.x2), (self.x2, self.x1))[:self.o["views"]]
        q = [self.online(x)[0] for x, _ in pairs]
        k = [normalize(self.target(y)[0], dim=1) for _, y in pairs]
        if self.broken == "queue before its end":
            self.enqueue(k)
        terms = [self.info_nce(a, b) for a, b in zip(q, k)]
        loss = sum(terms) / (1 if self.broken == "sum of the views" else len(terms))
        self.keys = k
        return loss

    def enqueue(self, k):
        keys = torch.cat(k[::-1])                          # view 1's first, which the second query met
        self.queue = self.queue.clone()
        self.queue[(self.place + torch.arange(len(keys))) % QUEUE] = keys
        self.place += len(keys)

    # ---- SwAV

    def code(self, s):
        q = torch.exp(s / self.o["epsilon"]).T
        q = q / q.sum()
        axes = ((1, PROTOTYPES), (0, BATCH))
        for _ in range(3):
            for axis, total in reversed(axes) if self.broken == "samples first" else axes:
                q = q / q.sum(axis, keepdim=True) / total
        q = (q * BATCH).T
        return q.detach() if self.o["stop"] else q

    def swav(self):
        c = self.online.prototypes.weight
        if self.o["inside"] != (self.broken == "norm the other way"):
            c = normalize(c, dim=1)
        else:
            with torch.no_grad():
                c.copy_(normalize(c, dim=1))
        s = normalize(self.online.f(torch.cat((self.x1, self.x2))), dim=1) @ c.T
        p = self.online.predictor(s)
        q1, q2 = (self.code(half) for half in (p if self.broken == "codes of what h tells" else s).chunk(2))
        s1, s2 = p.chunk(2)
        if self.broken == "own code":
            q1, q2 = q2, q1
        terms = [-(q * log_softmax(s / self.t, 1)).sum(1).mean() for q, s in ((q2, s1), (q1, s2))]
        return sum(terms) / 2 / (PROTOTYPES if self.broken == "mean over the prototypes" else 1)

    # ---- steps

    def step(self):
        loss = getattr(self, self.method)()
        self.sgd.zero_grad()
        loss.backward()
        self.sgd.step()
        if self.method == "moco":
            if self.broken == "key moved after the optimiser's step":
                self.move()
            if self.broken != "queue before its end":
                self.enqueue(self.keys)
        return loss

    def tell(self, model, statistics):
        for name, w in model.named_parameters():
            yield name, c_layout(w.double() - self.start[name].double())
        for name, s in model.named_buffers():
            if statistics and s.is_floating_point():
                yield name, c_layout(s).copy()


def train(case, dtype, broken=None):
    m, out = Method(case, dtype, broken=broken), {}
    for k in range(STEPS):
        out["out", f"loss{k + 1}"] = c_layout(m.step())
        if k not in (0, STEPS - 1):
            continue
        for name, w in m.online.named_parameters():
            out[f"grad{k + 1}", name] = c_layout(w.grad)
        out.update(((f"online{k + 1}", name), v) for name, v in m.tell(m.online, True))
        if m.target:
            out.update(((f"target{k + 1}", name), v) for name, v in m.tell(m.target, False))
    if m.method == "moco":
        out["own", "queue"] = c_layout(m.queue)
    return out, m


def scales(exact, m):
    start = {name: c_layout(w) for name, w in m.start.items()}
    return {(kind, name): scale_find(exact, start, kind, name) if kind != "own" else np.linalg.norm(values)
            for (kind, name), values in exact.items()}


def margin(case, seed):
    """Of the first step, in the method's own batch norm: how near a ReLU's input comes to zero."""
    exact, single, least = Method(case, torch.float64, seed), Method(case, torch.float32, seed), np.inf
    for m in (exact, single):
        for module in m.online.modules():
            if isinstance(module, Relu):
                module.all = []
                module.register_forward_hook(lambda mod, _, __: mod.all.append(mod.seen.double()))
        with torch.no_grad():
            getattr(m, m.method)()
    for a, b in zip(exact.online.modules(), single.online.modules()):
        for x, y in zip(getattr(a, "all", ()), getattr(b, "all", ())):
            least = min(least, (x.abs().min() / (x - y).square().mean().sqrt()).item())
    return least


def write_case(folder, case):
    assert margin(case, None) >= MARGIN, f"{case}: choose other images by --search"
    exact, m = train(case, torch.float64)
    scale = scales(exact, m)
    ratio, where = worst_ratio(exact, train(case, torch.float32)[0], scale)
    print(f"{case}: loss {exact['out', 'loss1'][0]:.4f}, PyTorch's fp32 uses {ratio:.3f} of the tolerance"
          f" ({where})", flush=True)
    assert ratio <= 1, "PyTorch's fp32 misses the tolerance"
    with open(os.path.join(folder, case + ".txt"), "w") as f:
        f.write(f"# made by make_methods.py, PyTorch {torch.__version__}, in double; do not edit\n")
        for (kind, name), values in exact.items():
            units = measure(name, values, ENTRIES) / (UNIT * scale[kind, name])
            numbers = " ".join(str(int(round(u))) for u in units)
            f.write(f"{kind} {name} {values.size} {scale[kind, name]:.9g}  {numbers}\n")


def tell_broken(case):
    exact, m = train(case, torch.float64)
    scale = scales(exact, m)
    for broken in BROKEN[m.method]:
        if broken == "sum of the views" and m.o.get("views") == 1:
            continue                                       # one view has no sum
        if broken == "codes of what h tells" and "told" not in m.o:
            continue
        ratio, where = worst_ratio(exact, train(case, torch.float64, broken)[0], scale)
        print(f"{case}: {broken}: {ratio:.0f} times the tolerance ({where})", flush=True)
        assert ratio > 10, "the files could not tell"


if __name__ == "__main__":
    for wanted in CASES:
        if "--search" in sys.argv:
            print(wanted, next(s for s in range(1, 1000) if margin(wanted, s) >= MARGIN), flush=True)
        elif "--broken" in sys.argv:
            tell_broken(wanted)
        else:
            write_case(os.path.dirname(os.path.abspath(__file__)), wanted)
