#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The competitor of `simsiam bench`: one SimSiam training step in PyTorch on the CPU, as a user would write it.

usage: pytorch_step.py --widths W,W,.. --blocks N --size S --batch N --dim D [--threads N] [--steps N]
                       [--precision fp32|bf16] [--layout contiguous|channels_last]

Forward of both views, backward and SGD; heads, loss and its reading included; no loading, no augmentation.  Without
--precision or --layout all of them are tried.  Prints one line a mode: precision, layout, median, least and largest
milliseconds of a step, and the MiB that the steps added to the resident memory (the largest during the steps, less
what was resident before the first).  Give one mode alone for the memory to be its own.

torch.compile was tried on the same steps and is no faster (0.97 to 1.00 of the eager mode).
"""
import argparse
import gc
import os
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, c, k, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c, k, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(k)
        self.conv2 = nn.Conv2d(k, k, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(k)
        self.shortcut = nn.Sequential() if c == k and stride == 1 else nn.Sequential(
            nn.Conv2d(c, k, 1, stride, bias=False), nn.BatchNorm2d(k))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """The CIFAR stem (3x3, stride 1, no max-pool), stages of basic blocks, global average pooling."""

    def __init__(self, widths, blocks):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        layers, c = [], widths[0]
        for stage, k in enumerate(widths):
            for block in range(blocks):
                layers.append(Block(c, k, 2 if stage and not block else 1))
                c = k
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(F.relu(self.bn1(self.conv1(x)))).mean((2, 3))


def memory(key):
    with open('/proc/self/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key + ':')) / 1024


def measured(step, steps):
    """Median, least and largest milliseconds of a step behind one that counts for the memory alone; MiB added."""
    gc.collect()
    with open('/proc/self/clear_refs', 'w') as f:
        f.write('5')                                     # the high-water mark starts here
    before = memory('VmRSS')
    step()
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    ms = [1e3 * s for s in seconds]
    return statistics.median(ms), min(ms), max(ms), memory('VmHWM') - before


def measure(a, precision, layout):
    torch.manual_seed(0)
    f, d = a.widths[-1], a.dim
    encoder = nn.Sequential(ResNet(a.widths, a.blocks), nn.Linear(f, d, bias=False), nn.BatchNorm1d(d), nn.ReLU(),
                            nn.Linear(d, d, bias=False), nn.BatchNorm1d(d))
    predictor = nn.Sequential(nn.Linear(d, d // 4, bias=False), nn.BatchNorm1d(d // 4), nn.ReLU(),
                              nn.Linear(d // 4, d))
    sgd = torch.optim.SGD([*encoder.parameters(), *predictor.parameters()], 0.03, momentum=0.9, weight_decay=5e-4)
    form = torch.channels_last if layout == 'channels_last' else torch.contiguous_format
    encoder = encoder.to(memory_format=form)
    views = [torch.randn(a.batch, 3, a.size, a.size).to(memory_format=form) for _ in range(2)]

    def step():
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=precision == 'bf16'):
            z = [encoder(v) for v in views]
            p = [predictor(v) for v in z]

        def distance(p, z):
            return -F.cosine_similarity(p.float(), z.detach().float()).mean()
        loss = (distance(p[0], z[1]) + distance(p[1], z[0])) / 2
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        return loss.item()

    return measured(step, a.steps)


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument('--widths', required=True)
    ap.add_argument('--blocks', type=int, required=True)
    ap.add_argument('--size', type=int, required=True)
    ap.add_argument('--batch', type=int, required=True)
    ap.add_argument('--dim', type=int, required=True)
    ap.add_argument('--threads', type=int, default=0)
    ap.add_argument('--steps', type=int, default=7)
    ap.add_argument('--precision', choices=['fp32', 'bf16'])
    ap.add_argument('--layout', choices=['contiguous', 'channels_last'])
    a = ap.parse_args()
    a.widths = [int(w) for w in a.widths.split(',')]
    torch.set_num_threads(a.threads or len(os.sched_getaffinity(0)))
    print(f'# PyTorch {torch.__version__}, {torch.get_num_threads()} threads', flush=True)
    for precision in [a.precision] if a.precision else ['fp32', 'bf16']:
        for layout in [a.layout] if a.layout else ['contiguous', 'channels_last']:
            median, least, largest, mib = measure(a, precision, layout)
            print(f'{precision} {layout} {median:.2f} {least:.2f} {largest:.2f} {mib:.1f}', flush=True)


if __name__ == '__main__':
    main()
