#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The competitor of methods.sh: a training step of each method in PyTorch on the CPU, as its authors' code has it.

usage: methods_pytorch.py [--threads N]

Answers lines "CONFIG PRECISION LAYOUT STEPS", CONFIG a file that `simsiam config` printed, which both sides have: net,
heads, batch and the method's own numbers are read from it.  Forward of both views, loss, backward, SGD and what
the method moves; the loss is read; no loading, no augmentation.  Each line is answered by a process of its own, which
PyTorch's import is shared with, so that its memory is its own, in pytorch_step.py's form: precision, layout, median,
least and largest milliseconds of a step, and the MiB that the steps added to the resident memory.
"""
import argparse
import copy
import os
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

from pytorch_step import ResNet, measured


def numbers(text):
    return [int(x) for x in text.strip('[]').split(',')]


def read(path):
    """The settings as text, by name."""
    with open(path) as f:
        return dict(line.rstrip('\n').split(': ', 1) for line in f if ': ' in line and not line.startswith('#'))


# ---- nets ---------------------------------------------------------------------------------------------------------

class SplitBatchNorm(nn.BatchNorm2d):
    """MoCo's, of its program for CIFAR-10: statistics of parts of the rows, as on so many devices."""

    def __init__(self, c, splits):
        super().__init__(c)
        self.splits = splits

    def forward(self, x):
        n, c = x.shape[:2]
        s = self.splits
        mean, var = self.running_mean.repeat(s), self.running_var.repeat(s)
        y = F.batch_norm(x.reshape(n // s, c * s, *x.shape[2:]), mean, var, self.weight.repeat(s), self.bias.repeat(s),
                         True, self.momentum, self.eps)
        self.running_mean.copy_(mean.view(s, c).mean(0))
        self.running_var.copy_(var.view(s, c).mean(0))
        return y.reshape(x.shape)


def split(module, splits):
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, SplitBatchNorm(child.num_features, splits))
        else:
            split(child, splits)


def head(words, width, d, f):
    """The layers of `[fc d, bn, relu, fc d]` behind `width` features, and how many they give."""
    layers, words = [], [w.strip() for w in words.strip('[]').split(',') if w.strip()]
    for i, word in enumerate(words):
        kind, *rest = word.split()
        if kind == 'fc':
            base, _, part = rest[0].partition('/')
            out = {'d': d, 'f': f}.get(base) or int(base)
            out //= int(part or 1)
            before_bn = i + 1 < len(words) and words[i + 1].startswith('bn')
            layers.append(nn.Linear(width, out, bias='bias' in rest[1:] or (not rest[1:] and not before_bn)))
            width = out
        else:
            layers.append(nn.ReLU() if kind == 'relu' else nn.BatchNorm1d(width, affine=not rest))
    return nn.Sequential(*layers), width


class Model:
    def __init__(self, s):
        widths, d = numbers(s['widths']), int(s['dim'])
        self.s, self.batch, f = s, int(s['batch']), widths[-1]
        projector, self.width = head(s['projector'], f, d, f)
        self.f = nn.Sequential(ResNet(widths, numbers(s['blocks'])[0]), projector)
        seen = int(s['prototypes']) if s['method'] == 'swav' else self.width
        self.h = head(s['predictor'], seen, d, f)[0]
        self.more = nn.ModuleList()
        self.stop = s['stop_grad'] == 'true'


# ---- losses: functions of both views, under autocast, to float ----------------------------------------------------

def cosine(p, z):
    return -F.cosine_similarity(p.float(), z.detach().float()).mean()


def simsiam(m):
    def loss(a, b):
        z = [m.f(a), m.f(b)]
        p = [m.h(v) for v in z]
        return lambda: (cosine(p[0], z[1]) + cosine(p[1], z[0])) / 2
    return loss, None


def twin_of(m):
    twin = copy.deepcopy(m.f)
    for p in twin.parameters():
        p.requires_grad_(False)
    return twin


def move(twin, net, momentum):
    with torch.no_grad():
        torch._foreach_lerp_(list(twin.parameters()), list(net.parameters()), 1 - momentum)


def byol(m):
    twin, momentum = twin_of(m), float(m.s['target_momentum'])

    def loss(a, b):
        z = [m.h(m.f(a)), m.h(m.f(b))]
        with torch.no_grad():
            t = [twin(a), twin(b)]
        return lambda: (cosine(z[0], t[1]) + cosine(z[1], t[0])) / 2
    return loss, lambda: move(twin, m.f, momentum)


def simclr(m):
    temperature, n = float(m.s['temperature']), m.batch
    self_mask = torch.eye(2 * n, dtype=torch.bool)
    positive = (torch.arange(2 * n) + n) % (2 * n)

    def loss(a, b):
        z = m.f(torch.cat([a, b]))
        p = m.h(z)

        def rest():
            keys = F.normalize(z.float())
            anchors = keys if p is z else F.normalize(p.float())
            if m.stop:
                keys = keys.detach()
            scores = (anchors @ keys.T / temperature).masked_fill(self_mask, float('-inf'))
            return F.cross_entropy(scores, positive)
        return rest
    return loss, None


def moco(m):
    s, n = m.s, m.batch
    temperature, momentum, k = float(s['temperature']), float(s['key_momentum']), int(s['queue'])
    split(m.f, int(s['bn_splits']))
    twin = twin_of(m)
    queue, at = F.normalize(torch.randn(k, m.width)), 0
    zeros = torch.zeros(n, dtype=torch.long)

    def key(x):
        order = torch.randperm(n)
        return F.normalize(twin(x[order]).float())[torch.argsort(order)]

    def loss(a, b):
        nonlocal at
        move(twin, m.f, momentum)
        q = [m.f(a), m.f(b)]
        with torch.no_grad():
            keys = [key(b), key(a)]

        def rest():
            nonlocal at
            terms = 0
            for i in range(2):
                unit = F.normalize(q[i].float())
                own = (unit * keys[i]).sum(1, keepdim=True)
                terms = terms + F.cross_entropy(torch.cat([own, unit @ queue.clone().T], 1) / temperature, zeros)
            for new in keys:
                queue[at:at + n] = new
                at = (at + n) % k
            return terms / 2
        return rest
    return loss, None


@torch.no_grad()
def sinkhorn(scores, epsilon, iterations):
    q = torch.exp(scores / epsilon).T
    k, b = q.shape
    q /= q.sum()
    for _ in range(iterations):
        q /= q.sum(1, keepdim=True) * k
        q /= q.sum(0, keepdim=True) * b
    return (q * b).T


def swav(m):
    s, n = m.s, m.batch
    temperature, epsilon, iterations = float(s['temperature']), float(s['epsilon']), int(s['sinkhorn'])
    c = nn.Linear(m.width, int(s['prototypes']), bias=False)
    m.more.append(c)

    def loss(a, b):
        with torch.no_grad():
            c.weight.copy_(F.normalize(c.weight))
        z = m.f(torch.cat([a, b]))

        def rest():
            scores = F.linear(F.normalize(z.float()), c.weight)
            codes = [sinkhorn(part, epsilon, iterations) for part in scores.detach().split(n)]
            told = F.log_softmax(scores / temperature, 1).split(n)
            return -((codes[1] * told[0]).sum(1).mean() + (codes[0] * told[1]).sum(1).mean()) / 2
        return rest
    return loss, None


METHODS = {'simsiam': simsiam, 'byol': byol, 'simclr': simclr, 'moco': moco, 'swav': swav}


# ---- a step -------------------------------------------------------------------------------------------------------

def step_of(s, precision, layout):
    """A function that makes one step and waits for its loss."""
    torch.manual_seed(0)
    m = Model(s)
    form = torch.channels_last if layout == 'channels_last' else torch.contiguous_format
    m.f = m.f.to(memory_format=form)
    loss, moved = METHODS[s['method']](m)
    sgd = torch.optim.SGD([*m.f.parameters(), *m.h.parameters(), *m.more.parameters()], 0.03, momentum=0.9,
                          weight_decay=5e-4)
    size = int(s['image_size'])
    views = [torch.randn(m.batch, 3, size, size).to(memory_format=form) for _ in range(2)]

    def step():
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=precision == 'bf16'):
            rest = loss(*views)
        value = rest()                                   # in float: of cosines near 1 a half leaves little
        sgd.zero_grad()
        value.backward()
        sgd.step()
        if moved:
            moved()
        return value.item()
    return step


def measure(s, precision, layout, steps):
    median, least, most, mib = measured(step_of(s, precision, layout), steps)
    return f'{median:.2f} {least:.2f} {most:.2f} {mib:.1f}'


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument('--threads', type=int, default=0)
    threads = ap.parse_args().threads or len(os.sched_getaffinity(0))
    print(f'{torch.__version__}', flush=True)
    for line in sys.stdin:
        config, precision, layout, steps = line.split()
        child = os.fork()                                # before any thread of PyTorch's
        if not child:
            torch.set_num_threads(threads)
            print(f'{precision} {layout} {measure(read(config), precision, layout, int(steps))}', flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            print(f'{precision} {layout} none', flush=True)


if __name__ == '__main__':
    main()
