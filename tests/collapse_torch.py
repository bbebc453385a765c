# SPDX-License-Identifier: MIT
"""collapse_torch.py -- SimSiam in 40 lines of PyTorch, healthy and with its stop-gradient removed: the
second is caught within its first epochs, the first is never accused.

The output has no batch norm (Table 3b) and the views are strong: with batch norm and views that
hardly differ, a net without stop-gradient goes on telling images apart for longer than this.

usage: collapse_torch.py FOLDER_OF_docs
"""
import sys

import torch
from torch import nn
from torch.nn.functional import cosine_similarity

import simsiam_collapse

sys.path.insert(0, sys.argv[1])
from torch_monitor import judge

EPOCHS, BATCH, IMAGES, HELD_OUT, D = 12, 64, 1024, 256, 64


def images(n, generator):
    """Blobs: eight colours at eight places of 16 x 16."""
    at = torch.randint(0, 8, (n, 2), generator=generator)
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    place = torch.stack([2.0 + 4 * (at[:, 0] % 4), 4.0 + 8 * (at[:, 0] // 4)], 1)
    blob = torch.exp(-((y - place[:, 0, None, None]) ** 2 + (x - place[:, 1, None, None]) ** 2) / 8)
    colour = torch.stack([at[:, 1] & 1, at[:, 1] >> 1 & 1, at[:, 1] >> 2], 1).float() - 0.5
    return colour[:, :, None, None] * blob[:, None]


def view(x, generator):
    shift = torch.randint(-2, 3, (2,), generator=generator).tolist()
    colour = 0.4 + 1.2 * torch.rand(len(x), 3, 1, 1, generator=generator)
    return torch.roll(x * colour, shift, (2, 3)) + 0.3 * torch.randn(x.shape, generator=generator)


def train(stop_grad, seed):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    encoder = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1),
                            nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, D),
                            nn.BatchNorm1d(D), nn.ReLU(), nn.Linear(D, D))
    predictor = nn.Sequential(nn.Linear(D, D // 4), nn.BatchNorm1d(D // 4), nn.ReLU(), nn.Linear(D // 4, D))
    parameters = [*encoder.parameters(), *predictor.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-4)
    x, held_out = images(IMAGES, generator), images(HELD_OUT, generator)
    monitor = simsiam_collapse.Monitor(patience=3)
    for epoch in range(1, EPOCHS + 1):
        for batch in torch.randperm(IMAGES, generator=generator).split(BATCH):
            z1, z2 = (encoder(view(x[batch], generator)) for _ in range(2))
            target1, target2 = (z1.detach(), z2.detach()) if stop_grad else (z1, z2)
            loss = -(cosine_similarity(predictor(z1), target2).mean() +
                     cosine_similarity(predictor(z2), target1).mean()) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        report = judge(monitor, epoch, encoder, [(view(held_out, generator), view(held_out, generator))])
        print(f"stop_grad={stop_grad} seed {seed} epoch {epoch}: loss {loss.item():.3f} {report}")
        if monitor.failed:
            break
    return monitor


if __name__ == "__main__":
    print(f"torch {torch.__version__}")
    torch.set_num_threads(1)
    for seed in (1, 2, 3):
        collapsed, healthy = train(False, seed), train(True, seed)
        assert collapsed.failed and collapsed.since <= 3, str(collapsed.series[-1])
        accused = [str(report) for _, report in healthy.series if report.grade in ("partial", "complete")]
        assert not accused, accused
    print("caught, and nobody accused")
