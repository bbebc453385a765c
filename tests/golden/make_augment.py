#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden values for tests/test_augment.c:  python3 make_augment.py > augment.txt

Needs PyTorch, NumPy and Pillow; made with torch 2.13.0 on the CPU and Pillow 13.0.0.  Independent references of
each transform with fixed parameters:

  torch   torchvision's transforms on float tensors, written here from PyTorch primitives as in its
          transforms/_functional_tensor.py, since the tests should not ask for one more package
  pil     Pillow, which rounds to 8 bits after each transform: the released code's own
  gauss   the blur alone, with a kernel 8 sigma wide in place of the 3 sigma one

A case is a line of words

  case REFERENCE NAME IMAGE H W SIZE TOP LEFT HEIGHT WIDTH JITTER ORDER FACTORS GRAY SIGMA FLIP NORMALIZE SOLARIZE

(SIGMA 0: no blur) and a line of SIZE * SIZE * 3 integers, [y][x][channel]: millionths for torch and gauss, 0..255
for pil.  The images come from a formula that the test shares.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(3, 1, 1)
STD = torch.tensor([0.2023, 0.1994, 0.2010]).view(3, 1, 1)


def image(kind, h, w):
    """[h, w, 3] uint8.  0: slopes with some texture; 1: a hash of the place, as rough as can be."""
    c, y, x = np.meshgrid(np.arange(3), np.arange(h), np.arange(w), indexing="ij")
    if kind == 0:
        v = (x * (7 - 2 * c) + y * (3 + 2 * c) + (x * y * (c + 1)) // 8 + 40 * c) % 511
        v = np.minimum(v, 510 - v)
    else:
        v = (((y * w + x) * 3 + c + 1).astype(np.uint64) * 2654435761 % 2**32) >> 24
    return np.ascontiguousarray(v.transpose(1, 2, 0).astype(np.uint8))


# ---- torchvision on float tensors --------------------------------------------------------------------------

def blend(a, b, ratio):
    return (ratio * a + (1.0 - ratio) * b).clamp(0, 1)


def gray(x):
    r, g, b = x.unbind(-3)
    return (0.2989 * r + 0.587 * g + 0.114 * b).unsqueeze(-3)


def rgb2hsv(x):
    r, g, b = x.unbind(-3)
    maxc, minc = x.max(-3).values, x.min(-3).values
    eqc = maxc == minc
    cr = maxc - minc
    ones = torch.ones_like(maxc)
    s = cr / torch.where(eqc, ones, maxc)
    div = torch.where(eqc, ones, cr)
    rc, gc, bc = (maxc - r) / div, (maxc - g) / div, (maxc - b) / div
    hr = (maxc == r) * (bc - gc)
    hg = ((maxc == g) & (maxc != r)) * (2.0 + rc - bc)
    hb = ((maxc != g) & (maxc != r)) * (4.0 + gc - rc)
    h = torch.fmod((hr + hg + hb) / 6.0 + 1.0, 1.0)
    return h, s, maxc


def hsv2rgb(h, s, v):
    i = torch.floor(h * 6.0)
    f = h * 6.0 - i
    i = i.to(torch.int32) % 6
    p = (v * (1.0 - s)).clamp(0, 1)
    q = (v * (1.0 - s * f)).clamp(0, 1)
    t = (v * (1.0 - s * (1.0 - f))).clamp(0, 1)
    mask = (i.unsqueeze(0) == torch.arange(6).view(6, 1, 1)).to(v.dtype)
    planes = [torch.stack(a) for a in ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))]
    return torch.stack([(mask * a).sum(0) for a in planes])


def adjust_hue(x, shift):
    h, s, v = rgb2hsv(x)
    return hsv2rgb((h + shift) % 1.0, s, v)


def reflect(n, radius):
    """Places of the pixels of a mirrored line, mirrored as often as it takes."""
    period = 2 * (n - 1)
    i = np.arange(-radius, n + radius) % period
    return torch.from_numpy(np.minimum(i, period - i))


def blur(x, sigma, radius):
    k = torch.linspace(-radius, radius, 2 * radius + 1)
    pdf = torch.exp(-0.5 * (k / sigma).pow(2))
    k = pdf / pdf.sum()
    n = x.shape[-1]
    at = reflect(n, radius)
    x = x[:, at][:, :, at].unsqueeze(0)
    kernel = torch.outer(k, k).expand(3, 1, -1, -1)
    return F.conv2d(x, kernel, groups=3)[0]


def kernel_radius(sigma, size):
    return min(math.ceil(3 * sigma), size - 1)


JITTERS = [
    lambda x, f: blend(x, torch.zeros_like(x), f),
    lambda x, f: blend(x, gray(x).mean((-3, -2, -1), keepdim=True), f),
    lambda x, f: blend(x, gray(x), f),
    adjust_hue,
]


def torch_view(pixels, v):
    x = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    x = x[:, v["top"]:v["top"] + v["height"], v["left"]:v["left"] + v["width"]]
    x = F.interpolate(x[None], (v["size"],) * 2, mode="bilinear", align_corners=False, antialias=True)[0]
    if v["jitter"]:
        for k in v["order"]:
            if v["factors"][k] != (0 if k == 3 else 1):
                x = JITTERS[k](x, v["factors"][k])
    if v["gray"]:
        x = gray(x).expand(3, -1, -1)
    if v["sigma"]:
        wide = v["reference"] == "gauss"
        x = blur(x, v["sigma"], math.ceil(8 * v["sigma"]) if wide else kernel_radius(v["sigma"], v["size"]))
    if v["solarize"]:
        x = torch.where(x >= 0.5, 1 - x, x)
    if v["flip"]:
        x = x.flip(-1)
    if v["normalize"]:
        x = (x - MEAN) / STD
    return np.rint(x.permute(1, 2, 0).double().numpy() * 1e6).astype(int)


# ---- Pillow ------------------------------------------------------------------------------------------------

def pil_hue(x, shift):
    h, s, v = x.convert("HSV").split()
    h = np.array(h, dtype=np.uint8) + np.array(int(shift * 255) % 256, dtype=np.uint8)
    return Image.merge("HSV", (Image.fromarray(h), s, v)).convert("RGB")


PIL_JITTERS = [
    lambda x, f: ImageEnhance.Brightness(x).enhance(f),
    lambda x, f: ImageEnhance.Contrast(x).enhance(f),
    lambda x, f: ImageEnhance.Color(x).enhance(f),
    pil_hue,
]


def pil_view(pixels, v):
    x = Image.fromarray(pixels)
    x = x.crop((v["left"], v["top"], v["left"] + v["width"], v["top"] + v["height"]))
    if x.size != (v["size"],) * 2:
        x = x.resize((v["size"],) * 2, Image.BILINEAR)
    if v["jitter"]:
        for k in v["order"]:
            if v["factors"][k] != (0 if k == 3 else 1):
                x = PIL_JITTERS[k](x, v["factors"][k])
    if v["gray"]:
        x = x.convert("L").convert("RGB")
    if v["sigma"]:
        x = x.filter(ImageFilter.GaussianBlur(v["sigma"]))
    if v["solarize"]:
        x = ImageOps.solarize(x, 128)
    if v["flip"]:
        x = x.transpose(Image.FLIP_LEFT_RIGHT)
    return np.array(x)


# ---- cases -------------------------------------------------------------------------------------------------

def case(references, name, kind=0, h=7, w=7, size=None, box=None, **more):
    top, left, height, width = box or (0, 0, h, w)
    v = dict(jitter=0, order=(0, 1, 2, 3), factors=(1, 1, 1, 0), gray=0, sigma=0, flip=0, normalize=0)
    v["solarize"] = 0
    v.update(top=top, left=left, height=height, width=width, size=size or h, **more)
    v["jitter"] = int("factors" in more)
    pixels = image(kind, h, w)
    for v["reference"] in references.split():
        out = pil_view(pixels, v) if v["reference"] == "pil" else torch_view(pixels, v)
        print("case", v["reference"], name, kind, h, w, v["size"], top, left, height, width, v["jitter"],
              *v["order"], *v["factors"], v["gray"], v["sigma"], v["flip"], v["normalize"],
              v["solarize"])
        print(*out.reshape(-1))


both = "torch pil"
case(both, "same_size")
case(both, "whole_to_half", 1, 32, 32, 16)
case(both, "whole_to_odd", 1, 32, 32, 7)
case(both, "oblong_whole", 0, 33, 20, 9)
case(both, "crop_larger", 1, 32, 32, 12, (3, 5, 27, 23))
case(both, "crop_just_larger", 1, 32, 32, 12, (3, 5, 13, 14))
case(both, "crop_smaller", 1, 32, 32, 12, (30, 1, 2, 5))
case(both, "crop_tall", 1, 32, 32, 12, (0, 20, 32, 6))
case(both, "crop_of_one_pixel", 1, 32, 32, 3, (31, 31, 1, 1))
for kind in 0, 1:
    case(both, "brighter", kind, factors=(1.375, 1, 1, 0))
    case(both, "darker", kind, factors=(0.625, 1, 1, 0))
    case(both, "more_contrast", kind, factors=(1, 1.375, 1, 0))
    case(both, "less_contrast", kind, factors=(1, 0.625, 1, 0))
    case(both, "more_saturated", kind, factors=(1, 1, 1.375, 0))
    case(both, "less_saturated", kind, factors=(1, 1, 0.625, 0))
    for shift in -0.5, -0.09375, 0.0625, 0.5:
        case(both, "hue", kind, factors=(1, 1, 1, shift))
    case(both, "gray", kind, gray=1)
    case(both, "flip", kind, size=5, box=(1, 2, 5, 5), flip=1)
    case(both, "solarized", kind, solarize=1)
    for sigma in 0.125, 0.5, 1.0, 2.0:
        case("torch gauss", "blur", kind, 11, 11, sigma=sigma)
for sigma in 1.0, 2.0:
    case("pil", "blur", 0, 21, 21, sigma=sigma)
case("torch", "blur_wider_than_image", 1, 5, 5, sigma=2.0)
case("torch", "normalize", 0, normalize=1)
case("torch", "chain", 0, 32, 32, 16, (2, 4, 29, 25), order=(3, 1, 0, 2), factors=(1.25, 0.75, 1.375, 0.0625),
     flip=1, normalize=1)
case("torch", "chain", 1, 32, 32, 16, (9, 0, 14, 17), order=(2, 0, 3, 1), factors=(0.625, 1.375, 0.75, -0.09375),
     sigma=0.75, normalize=1)
case("torch", "chain", 0, 33, 20, 13, (1, 0, 30, 20), order=(1, 2, 3, 0), factors=(1.375, 1.375, 0.625, 0.09375),
     gray=1, sigma=1.5, flip=1, normalize=1)
case("torch", "chain", 0, 32, 32, 16, (2, 4, 29, 25), order=(3, 1, 0, 2), factors=(1.25, 0.75, 1.375, 0.0625),
     sigma=1.5, flip=1, normalize=1, solarize=1)
