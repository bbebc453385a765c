#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The competitor of step_bench: the same SimSiam training step in PyTorch on a device, augmentation included, in its
best mode.

usage: pytorch_gpu.py [--batch N] [--steps N] [--limit SECONDS] [--modes reduce-overhead,max-autotune,eager]
                      [--device cuda|cpu]

A step takes a batch of CIFAR-10's shape, uint8 on the device; makes both views, batched and compiled, by hand; then
forward, backward and SGD of ResNet-18, heads and loss and its reading included.  channels_last, autocast to bf16 or
fp16 (with its loss scaler), fused SGD, cuDNN's benchmark.  Modes: compiled with CUDA graphs (reduce-overhead), the
same with kernels chosen by trial (max-autotune), and eager, each in both precisions.  A mode has its share of the seconds of --limit, so that none takes them
all, and is warmed up before it is timed; one that PyTorch refuses, or that is not done in time, is told and passed
over.

Prints a line a mode, "mode PRECISION MODE MEDIAN LEAST MOST" in milliseconds, or "without PRECISION MODE: why"; then
"ready", or "none" if there is no mode left.  All modes stay warm, and it answers lines: "best" by timing each once more, now that nobody disturbs, and
"best PRECISION MODE MEDIAN LEAST MOST"; any other line by a reading of that mode, so that its steps can take turns
with ours.  Not yet run on a device; with --device cpu, for tests, it is the same program without CUDA graphs.
"""
import argparse
import math
import signal
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from pytorch_step import ResNet

DIM, SIZE, IMAGES = 2048, 32, 50000
TYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}
MODES = ['reduce-overhead', 'max-autotune', 'eager']     # the surest of the fast ones first, the slowest last
WARM = 12                                                # steps: compiling, choosing kernels, recording graphs


# ---- augmentation -------------------------------------------------------------------------------------------------

def crop(x):
    """A random box of 0.2 to 1 of the area, 3/4 to 4/3 in ratio, resized to the whole; flipped by halves."""
    n, size, device = x.shape[0], x.shape[-1], x.device
    area = size * size * torch.empty(n, device=device).uniform_(0.2, 1)
    ratio = torch.empty(n, device=device).uniform_(math.log(3 / 4), math.log(4 / 3)).exp()
    w = (area * ratio).sqrt().round().clamp(1, size)
    h = (area / ratio).sqrt().round().clamp(1, size)
    left = (torch.rand(n, device=device) * (size - w + 1)).floor()
    top = (torch.rand(n, device=device) * (size - h + 1)).floor()
    flip = 1 - 2 * (torch.rand(n, device=device) < 0.5).float()
    zero = torch.zeros_like(w)
    theta = torch.stack([torch.stack([flip * w / size, zero, (2 * left + w) / size - 1], 1),
                         torch.stack([zero, h / size, (2 * top + h) / size - 1], 1)], 1)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode='bilinear', padding_mode='border', align_corners=False)


def gray_of(x):
    return 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]


def turn_hue(x, turn):
    """The hue moved by `turn` of a whole circle: to HSV and back."""
    top, low = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    span = top - low
    r, g, b = x[:, 0:1], x[:, 1:2], x[:, 2:3]
    some = torch.where(span > 0, span, torch.ones_like(span))
    hue = torch.where(top == r, (g - b) / some,
                      torch.where(top == g, 2 + (b - r) / some, 4 + (r - g) / some)) / 6
    hue = torch.where(span > 0, hue, torch.zeros_like(hue)) + turn
    k = (torch.tensor([5., 3., 1.], device=x.device).view(1, 3, 1, 1) + 6 * hue) % 6
    return top - span * torch.minimum(k, 4 - k).clamp(0, 1)


def jitter(x, brightness, contrast, saturation, turn):
    """In this order for all images, which is fewer passes than torchvision's order of each image's own."""
    x = (x * brightness).clamp(0, 1)
    x = (contrast * x + (1 - contrast) * gray_of(x).mean((2, 3), keepdim=True)).clamp(0, 1)
    x = (saturation * x + (1 - saturation) * gray_of(x)).clamp(0, 1)
    return turn_hue(x, turn)


def augment(images):
    """A view of each: uint8 [N, 3, S, S] to float, normalised."""
    x = crop(images.float() / 255)

    def of_each(low, high):
        return torch.empty(x.shape[0], 1, 1, 1, device=x.device).uniform_(low, high)
    moved = jitter(x, of_each(0.6, 1.4), of_each(0.6, 1.4), of_each(0.6, 1.4), of_each(-0.1, 0.1))
    x = torch.where(of_each(0, 1) < 0.8, moved, x)
    x = torch.where(of_each(0, 1) < 0.2, gray_of(x).expand_as(x), x)
    mean = torch.tensor([0.4914, 0.4822, 0.4465], device=x.device).view(1, 3, 1, 1)
    std = torch.tensor([0.2470, 0.2435, 0.2616], device=x.device).view(1, 3, 1, 1)
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


# ---- the step -----------------------------------------------------------------------------------------------------

def distance(p, z):
    return -F.cosine_similarity(p.float(), z.detach().float()).mean()


def step_of(precision, mode, batch, device):
    """A function that makes one step and waits for its loss."""
    torch.manual_seed(0)
    kind, f = TYPES[precision], 512
    encoder = nn.Sequential(ResNet([64, 128, 256, 512], 2), nn.Linear(f, DIM, bias=False), nn.BatchNorm1d(DIM),
                            nn.ReLU(), nn.Linear(DIM, DIM, bias=False), nn.BatchNorm1d(DIM))
    predictor = nn.Sequential(nn.Linear(DIM, DIM // 4, bias=False), nn.BatchNorm1d(DIM // 4), nn.ReLU(),
                              nn.Linear(DIM // 4, DIM))
    encoder, predictor = encoder.to(device, memory_format=torch.channels_last), predictor.to(device)
    sgd = torch.optim.SGD([*encoder.parameters(), *predictor.parameters()], 0.06, momentum=0.9, weight_decay=5e-4,
                          fused=True)
    scaler = torch.amp.GradScaler(device, enabled=precision == 'fp16')
    images = torch.randint(256, (IMAGES, 3, SIZE, SIZE), dtype=torch.uint8, device=device)
    order, at = torch.randperm(IMAGES, device=device), 0

    def loss_of(views):
        a, b = views.chunk(2)
        with torch.autocast(device, dtype=kind):
            z = [encoder(a), encoder(b)]
            p = [predictor(v) for v in z]
        return (distance(p[0], z[1]) + distance(p[1], z[0])) / 2

    # The augmentation by itself is many small passes: it is compiled where the net is not, too.
    if device == 'cpu':
        make, loss_made = augment, loss_of
    elif mode == 'eager':
        make, loss_made = torch.compile(augment), loss_of
    else:
        make, loss_made = torch.compile(augment, mode=mode), torch.compile(loss_of, mode=mode)

    def step():
        nonlocal at
        at = at + batch if at + 2 * batch <= IMAGES else 0
        torch.compiler.cudagraph_mark_step_begin()
        with torch.no_grad():
            views = make(images[order[at:at + batch]].repeat(2, 1, 1, 1))
        loss = loss_made(views)
        scaler.scale(loss).backward()
        scaler.step(sgd)
        scaler.update()
        sgd.zero_grad(set_to_none=True)
        return loss.item()
    return step


def reading(step, steps):
    """Milliseconds of steps that are each waited for."""
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    ms = [1e3 * s for s in seconds]
    return statistics.median(ms), f'{statistics.median(ms):.4f} {min(ms):.4f} {max(ms):.4f}'


# ---- modes --------------------------------------------------------------------------------------------------------

class Late(BaseException):
    """Not an Exception: compilers catch those, and go on by another way."""


class within:
    """Raises Late in what it is around, after some seconds and every second from then on."""
    def __init__(self, seconds):
        self.seconds, self.armed = max(seconds, 0.1), False

    def ring(self, *_):
        if self.armed:
            raise Late

    def __enter__(self):
        self.armed = True
        signal.signal(signal.SIGALRM, self.ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds, 1)

    def __exit__(self, *_):
        self.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def shares(modes, seconds):
    """[(PRECISION, MODE, seconds it may take)] as they come: fp16 has as much as bf16, later modes what is left."""
    start = time.perf_counter()
    for mode in modes:
        for i, precision in enumerate(TYPES):
            yield precision, mode, (seconds - (time.perf_counter() - start)) / (len(TYPES) - i)


def try_modes(a):
    kept = {}
    for precision, mode, seconds in shares(a.modes.split(','), a.limit):
        name = f'{precision} {mode}'
        if seconds < 1:
            print(f'without {name}: {a.limit:.0f} s are over', flush=True)
            continue
        try:
            with within(seconds):
                step = step_of(precision, mode, a.batch, a.device)
                for _ in range(WARM):
                    step()
                line = reading(step, a.steps)[1]
        except Late:
            print(f'without {name}: not done in its {seconds:.0f} s', flush=True)
        except Exception as e:                           # whatever the compiler does not like
            print(f'without {name}: {" ".join(repr(e).split())[:200]}', flush=True)
        else:
            kept[name] = step
            print(f'mode {name} {line}', flush=True)
    return kept


def answer(kept, steps):
    best = None
    for line in sys.stdin:
        if line.strip() == 'best':
            (_, said), best = min((reading(step, steps), name) for name, step in kept.items())
            print(f'best {best} {said}', flush=True)
        else:
            print(f'{best} {reading(kept[best], steps)[1]}', flush=True)


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument('--batch', type=int, default=512)
    ap.add_argument('--steps', type=int, default=51)
    ap.add_argument('--limit', type=float, default=1e9)
    ap.add_argument('--modes', default=','.join(MODES))
    ap.add_argument('--device', choices=['cuda', 'cpu'], default='cuda')
    a = ap.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    where = torch.cuda.get_device_name(0) if a.device == 'cuda' else 'the CPU'
    print(f'# PyTorch {torch.__version__}, {where}', flush=True)
    kept = try_modes(a)
    print('ready' if kept else 'none', flush=True)
    if kept:
        answer(kept, a.steps)


if __name__ == '__main__':
    main()
