#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Heads without batch norm (configs/study_heads.yaml, row none) trained by PyTorch: does its collapse hang on us?

usage: heads_pytorch.py FOLDER SEED...      FOLDER has CIFAR-10's data_batch_1.bin to data_batch_5.bin

The setting of scale quick-select written anew, with nothing of ours: another generator of random numbers, fp32, views
by affine sampling (jitter in one order), hue as a rotation in YIQ.  It trains on images 1 to 10,000 at 16x16 and judges
on two views each of images 40,001 to 42,000, by the rule of engine/collapse.h.  One line a seed.  One thread.
"""
import argparse
import math
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

from pytorch_step import ResNet

WIDTHS, DIM, BATCH, EPOCHS, IMAGES, LR, WARMUP = [32, 64, 128], 256, 128, 8, 10000, 0.2 * 128 / 256, 0.1
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).view(1, 3, 1, 1)
YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def images(folder):
    """[50000, 3, 16, 16] in 0..1; the area mean of 2x2 pixels."""
    parts = []
    for i in range(1, 6):
        with open(os.path.join(folder, f'data_batch_{i}.bin'), 'rb') as f:
            parts.append(torch.frombuffer(bytearray(f.read()), dtype=torch.uint8).view(-1, 3073)[:, 1:])
    return F.avg_pool2d(torch.cat(parts).view(-1, 3, 32, 32).float() / 255, 2)


def gray(x):
    return (x * YIQ[0].view(1, 3, 1, 1)).sum(1, keepdim=True)


def hue(x, turn):
    y, i, q = torch.einsum('ij,njhw->inhw', YIQ, x)
    c, s = (f(2 * math.pi * turn).view(-1, 1, 1) for f in (torch.cos, torch.sin))
    turned = torch.stack([y, i * c - q * s, i * s + q * c], 1)
    return torch.einsum('ij,njhw->nihw', torch.linalg.inv(YIQ), turned).clamp(0, 1)


def view(x, draws):
    """One view of each image: crop (0.2 to 1 of the area), flip, jitter (0.4, 0.4, 0.4, 0.1; p 0.8), gray (p 0.2)."""
    n = len(x)

    def uniform(low, high):
        return low + (high - low) * torch.rand(n, generator=draws)

    area, ratio = uniform(0.2, 1), torch.exp(uniform(math.log(3 / 4), math.log(4 / 3)))
    w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    place = torch.zeros(n, 2, 3)
    place[:, 0, 0] = w * torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    place[:, 1, 1] = h
    place[:, 0, 2], place[:, 1, 2] = uniform(-1, 1) * (1 - w), uniform(-1, 1) * (1 - h)
    x = F.grid_sample(x, F.affine_grid(place, x.shape, align_corners=False), align_corners=False,
                      padding_mode='border')
    brightness, contrast, saturation = (uniform(0.6, 1.4).view(-1, 1, 1, 1) for _ in range(3))
    y = (x * brightness).clamp(0, 1)
    mean = gray(y).mean((2, 3), keepdim=True)
    y = ((y - mean) * contrast + mean).clamp(0, 1)
    y = ((y - gray(y)) * saturation + gray(y)).clamp(0, 1)
    x = torch.where((uniform(0, 1) < 0.8).view(-1, 1, 1, 1), hue(y, uniform(-0.1, 0.1)), x)
    x = torch.where((uniform(0, 1) < 0.2).view(-1, 1, 1, 1), gray(x).expand_as(x), x)
    return (x - MEAN) / STD


@torch.no_grad()
def judge(encoder, monitor):
    """std*sqrt(d), view share and |E z'| in evaluation mode."""
    encoder.eval()
    draws = torch.Generator().manual_seed(7)
    z = torch.stack([F.normalize(torch.cat([encoder(view(part, draws)) for part in monitor.split(500)]))
                     for _ in range(2)])
    mean = z.mean((0, 1))
    within, total = ((z[0] - z[1])**2).sum(1).mean(), 2 * ((z - mean)**2).sum(2).mean()
    return (z.flatten(0, 1).std(0).mean() * math.sqrt(DIM)).item(), (within / total).item(), mean.norm().item()


def train(all_images, seed):
    torch.manual_seed(seed)
    draws = torch.Generator().manual_seed(1000 + seed)
    net = ResNet(WIDTHS, 1)
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode='fan_out', nonlinearity='relu')
    encoder = nn.Sequential(net, nn.Linear(WIDTHS[-1], DIM), nn.ReLU(), nn.Linear(DIM, DIM))
    predictor = nn.Sequential(nn.Linear(DIM, DIM // 4), nn.ReLU(), nn.Linear(DIM // 4, DIM))
    encoder = encoder.to(memory_format=torch.channels_last)
    # The predictor's rate stays (Table 1c, the paper's default), warm-up or not.
    sgd = torch.optim.SGD([{'params': encoder.parameters()}, {'params': predictor.parameters()}], LR, momentum=0.9,
                          weight_decay=5e-4)
    steps = IMAGES // BATCH
    warm, total, step = WARMUP * EPOCHS * steps, EPOCHS * steps, 0
    for _ in range(EPOCHS):
        order, losses = torch.randperm(IMAGES, generator=draws), []
        for i in range(steps):
            after = 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))
            sgd.param_groups[0]['lr'] = LR * ((step + 1) / warm if step < warm else after)
            batch = all_images[order[i * BATCH:(i + 1) * BATCH]]
            z = [encoder(view(batch, draws).to(memory_format=torch.channels_last)) for _ in range(2)]
            p = [predictor(v) for v in z]
            loss = -(F.cosine_similarity(p[0], z[1].detach()).mean() +
                     F.cosine_similarity(p[1], z[0].detach()).mean()) / 2
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            losses.append(loss.item())
            step += 1
    spread, share, offset = judge(encoder, all_images[40000:42000])
    state = 'collapsed' if spread <= 0.5 and share >= 0.39 or spread <= 0.05 else 'healthy'
    print(f'seed {seed}  loss {sum(losses) / len(losses):.4f}  std*sqrt(d) {spread:.3f}  view share {share:.3f}  '
          f"|E z'| {offset:.3f}  {state}", flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('folder')
    parser.add_argument('seed', type=int, nargs='+')
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f'torch {torch.__version__}', flush=True)
    everything = images(arguments.folder)
    for one in arguments.seed:
        train(everything, one)
