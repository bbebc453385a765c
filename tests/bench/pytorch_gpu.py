#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The competitor of `simsiam-cuda bench`: the same SimSiam training step in PyTorch on a device, in its best mode.

usage: pytorch_gpu.py [--batch N] [--steps N] [--limit SECONDS]

Forward of both views, backward and SGD of ResNet-18 on CIFAR; heads, loss and its reading included; no loading, no
augmentation: the views lie on the device.  channels_last, autocast to bf16 or fp16 (with its loss scaler), fused SGD,
cuDNN's benchmark; eager, compiled with CUDA graphs (reduce-overhead), and max-autotune.  Each mode is warmed up before
it is timed; one that PyTorch refuses is told and passed over; after --limit seconds no other is begun.

Prints a line a mode, "PRECISION MODE MEDIAN LEAST MOST" in milliseconds, and "best PRECISION MODE"; then, for each
line of standard input, a reading of the best mode, which stays warm: so that its steps can take turns with ours.
Not yet run on a device.
"""
import argparse
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from pytorch_step import ResNet

DIM = 2048
TYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}
# What is likely to be the best comes first: there may be no time for all.
MODES = [('bf16', 'max-autotune'), ('fp16', 'max-autotune'), ('bf16', 'eager'), ('fp16', 'eager'),
         ('bf16', 'reduce-overhead'), ('fp16', 'reduce-overhead')]
WARM = 12                                                # steps: compiling, choosing kernels, recording graphs


def distance(p, z):
    return -F.cosine_similarity(p.float(), z.detach().float()).mean()


def step_of(precision, mode, batch):
    """A function that makes one step and waits for its loss."""
    torch.manual_seed(0)
    kind, f = TYPES[precision], 512
    encoder = nn.Sequential(ResNet([64, 128, 256, 512], 2), nn.Linear(f, DIM, bias=False), nn.BatchNorm1d(DIM),
                            nn.ReLU(), nn.Linear(DIM, DIM, bias=False), nn.BatchNorm1d(DIM))
    predictor = nn.Sequential(nn.Linear(DIM, DIM // 4, bias=False), nn.BatchNorm1d(DIM // 4), nn.ReLU(),
                              nn.Linear(DIM // 4, DIM))
    encoder, predictor = encoder.cuda().to(memory_format=torch.channels_last), predictor.cuda()
    sgd = torch.optim.SGD([*encoder.parameters(), *predictor.parameters()], 0.06, momentum=0.9, weight_decay=5e-4,
                          fused=True)
    scaler = torch.amp.GradScaler('cuda', enabled=precision == 'fp16')
    views = [torch.randn(batch, 3, 32, 32, device='cuda', dtype=kind).contiguous(memory_format=torch.channels_last)
             for _ in range(2)]

    def loss_of(a, b):
        with torch.autocast('cuda', dtype=kind):
            z = [encoder(a), encoder(b)]
            p = [predictor(v) for v in z]
        return (distance(p[0], z[1]) + distance(p[1], z[0])) / 2

    compiled = loss_of if mode == 'eager' else torch.compile(loss_of, mode=mode)

    def step():
        torch.compiler.cudagraph_mark_step_begin()
        loss = compiled(*views)
        scaler.scale(loss).backward()
        scaler.step(sgd)
        scaler.update()
        sgd.zero_grad(set_to_none=True)
        return loss.item()
    return step


def reading(step, steps):
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    ms = [1e3 * s for s in seconds]
    return statistics.median(ms), f'{statistics.median(ms):.2f} {min(ms):.2f} {max(ms):.2f}'


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument('--batch', type=int, default=512)
    ap.add_argument('--steps', type=int, default=51)
    ap.add_argument('--limit', type=float, default=1e9)
    a = ap.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    print(f'# PyTorch {torch.__version__}, {torch.cuda.get_device_name(0)}', flush=True)
    start, best = time.perf_counter(), None
    for precision, mode in MODES:
        if time.perf_counter() - start > a.limit:
            print(f'# {precision} {mode}: not tried, {a.limit:.0f} s are over', flush=True)
            continue
        try:
            step = step_of(precision, mode, a.batch)
            for _ in range(WARM):
                step()
            ms, line = reading(step, a.steps)
        except Exception as e:                           # whatever the compiler does not like
            print(f'# {precision} {mode}: {" ".join(repr(e).split())[:200]}', flush=True)
            continue
        print(f'{precision} {mode} {line}', flush=True)
        if not best or ms < best[0]:
            best = ms, step, f'{precision} {mode}'
    if not best:
        sys.exit('no mode works')
    print(f'best {best[2]}', flush=True)
    for _ in sys.stdin:
        print(f'{best[2]} {reading(best[1], a.steps)[1]}', flush=True)


if __name__ == '__main__':
    main()
