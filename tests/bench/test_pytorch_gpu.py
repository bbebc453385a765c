#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The augmentation of pytorch_gpu.py does what it says: a competitor that does less would be no competitor.

Runs on the CPU; ends with 77 where there is no PyTorch.
"""
import colorsys
import random
import sys
import time

try:
    import torch
except ImportError:
    print('no PyTorch: skipped')
    sys.exit(77)
import pytorch_gpu as gpu


def hue_is_turned_as_colorsys_turns_it(x):
    turns = [0.1, -0.07, 0.0, 0.05]
    y = gpu.turn_hue(x, torch.tensor(turns).view(4, 1, 1, 1))
    for _ in range(200):
        i, h, w = random.randrange(4), random.randrange(32), random.randrange(32)
        hue, saturation, value = colorsys.rgb_to_hsv(*x[i, :, h, w].tolist())
        want = colorsys.hsv_to_rgb((hue + turns[i]) % 1, saturation, value)
        assert max(abs(a - b) for a, b in zip(want, y[i, :, h, w].tolist())) < 1e-5
    grey = torch.full((1, 3, 4, 4), 0.3)
    assert torch.equal(gpu.turn_hue(grey, torch.tensor(0.1)), grey)


def jitter_by_nothing_changes_nothing(x):
    one = torch.ones(4, 1, 1, 1)
    assert (gpu.jitter(x, one, one, one, 0 * one) - x).abs().max() < 1e-5


def crops_have_the_recipes_sizes_and_half_are_flipped():
    ramp = torch.arange(32.).view(1, 1, 1, 32).expand(2000, 3, 32, 32).contiguous()
    across = gpu.crop(ramp)[:, 0, 0]
    extent = across[:, -1] - across[:, 0]
    assert 0.45 < (extent < 0).float().mean() < 0.55
    # From an area of 0.2 and a ratio of 3/4, 12 pixels' centres, to all.
    assert extent.abs().min() > 10.5 and extent.abs().max() == 31 and 22 < extent.abs().mean() < 26


def views_are_normalised_and_a_fifth_is_grey():
    views = gpu.augment(torch.randint(256, (1000, 3, 32, 32), dtype=torch.uint8))
    assert views.shape == (1000, 3, 32, 32) and views.isfinite().all()
    assert views.is_contiguous(memory_format=torch.channels_last)
    std, mean = torch.tensor([0.2470, 0.2435, 0.2616]), torch.tensor([0.4914, 0.4822, 0.4465])
    pixels = views * std.view(1, 3, 1, 1) + mean.view(1, 3, 1, 1)
    assert pixels.min() > -1e-5 and pixels.max() < 1 + 1e-5
    grey = (pixels.std(1).amax((1, 2)) < 1e-4).float().mean()
    assert 0.15 < grey < 0.25


def what_is_late_is_stopped_even_where_exceptions_are_caught():
    start = time.perf_counter()
    try:
        with gpu.within(0.2):
            while True:
                try:
                    time.sleep(10)
                except Exception:
                    pass
    except gpu.Late:
        pass
    assert time.perf_counter() - start < 5


def neither_precision_takes_the_others_time():
    seconds = {(p, m): s for p, m, s in gpu.shares(gpu.MODES, 100)}
    assert len(seconds) == 6 and all(s <= 100 for s in seconds.values())
    assert all(seconds['bf16', m] < 51 < 99 < seconds['fp16', m] for m in gpu.MODES)


torch.manual_seed(1)
random.seed(1)
colours = torch.rand(4, 3, 32, 32)
hue_is_turned_as_colorsys_turns_it(colours)
jitter_by_nothing_changes_nothing(colours)
crops_have_the_recipes_sizes_and_half_are_flipped()
views_are_normalised_and_a_fifth_is_grey()
what_is_late_is_stopped_even_where_exceptions_are_caught()
neither_precision_takes_the_others_time()
print('pytorch_gpu: in order')
