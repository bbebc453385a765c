#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_pictures.py > pictures.txt -- small pictures of every kind, and their pixels as torchvision's ImageFolder
reads them: Image.open(file).convert("RGB") of Pillow.

A line for each: NAME WIDTH HEIGHT FILE PIXELS, the file and its pixels (rows of R G B) as hex digits; PIXELS is
"refused" where Pillow refuses the file.  PNG files are put together here, byte by byte; JPEG files are Pillow's,
some with a header changed.  The first line names the versions.
"""
import io
import struct
import sys
import zlib

import PIL
from PIL import Image, features

W, H = 5, 3


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bits(depth, per_pixel, seed):
    """H rows of W pixels of per_pixel samples, packed."""
    rows = []
    for y in range(H):
        value, n, row = 0, 0, bytearray()
        for x in range(W * per_pixel):
            sample = (seed + 37 * x + 91 * y + 7 * x * y) * 2654435761 >> 9 & ((1 << depth) - 1)
            if depth == 16:
                row += struct.pack(">H", sample)
                continue
            value, n = value << depth | sample, n + depth
            if n == 8:
                row.append(value)
                value, n = 0, 0
        if n:
            row.append(value << (8 - n))
        rows.append(bytes(row))
    return rows


def adam7(depth, per_pixel, seed):
    """The seven passes, each pixel as in bits(); depth of 8 or 16."""
    size, flat = per_pixel * depth // 8, bits(depth, per_pixel, seed)
    out = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                           (0, 1, 1, 2)):
        for y in range(y0, H, dy):
            row = b"".join(flat[y][x * size:(x + 1) * size] for x in range(x0, W, dx))
            if row:
                out += b"\0" + row
    return out


def png(color, depth, seed=1, before=b"", after=b"", interlaced=False, filters=0):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    if interlaced:
        raw = adam7(depth, samples, seed)
    else:
        raw = b"".join(bytes([filters]) + row for row in bits(depth, samples, seed))
    palette = b""
    if color == 3:
        palette = chunk(b"PLTE", bytes((11 * i + 50 * k) % 256 for i in range(1 << depth) for k in range(3)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, color, 0, 0, interlaced))
            + (before if color != 3 else b"") + palette + (before if color == 3 else b"")
            + chunk(b"IDAT", zlib.compress(raw)) + after + chunk(b"IEND", b""))


def picture(mode, seed=1):
    n = len(mode)
    return Image.frombytes(mode, (W, H), bytes((seed + 40 * (i % (W * n)) + 60 * (i // (W * n))) % 256
                                               for i in range(W * H * n)))


def jpeg(mode="RGB", **how):
    out = io.BytesIO()
    picture({"L": "L", "RGB": "RGB", "CMYK": "CMYK"}[mode]).save(out, "JPEG", **how)
    return out.getvalue()


def without(file, marker):
    """The JPEG without its segments of that marker."""
    at, out = 2, file[:2]
    while file[at + 1] != 0xDA:
        n = 2 + struct.unpack(">H", file[at + 2:at + 4])[0]
        if file[at + 1] != marker:
            out += file[at:at + n]
        at += n
    return out + file[at:]


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def behind_start(file, more):
    return file[:2] + more + file[2:]


def pictures():
    for depth in (1, 2, 4, 8, 16):
        yield f"png-grey-{depth}", png(0, depth)
    for depth in (1, 2, 4, 8):
        yield f"png-palette-{depth}", png(3, depth)
        yield f"png-palette-{depth}-transparent", png(3, depth, before=chunk(b"tRNS", bytes([0, 128])))
    for color, name in ((2, "rgb"), (4, "grey-alpha"), (6, "rgba")):
        for depth in (8, 16):
            yield f"png-{name}-{depth}", png(color, depth)
    for color, name in ((0, "grey"), (2, "rgb"), (4, "grey-alpha"), (6, "rgba")):
        for depth in (8, 16):
            yield f"png-{name}-{depth}-interlaced", png(color, depth, interlaced=True)
    yield "png-palette-8-interlaced", png(3, 8, interlaced=True)
    for depth in (1, 2, 4, 8, 16):
        yield f"png-grey-{depth}-transparent", png(0, depth, before=chunk(b"tRNS", struct.pack(">H", 1)))
    for depth in (8, 16):
        yield f"png-rgb-{depth}-transparent", png(2, depth, before=chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    for filters in (1, 2, 3, 4):
        yield f"png-rgb-8-filter-{filters}", png(2, 8, filters=filters)
    extra = {
        "gamma": chunk(b"gAMA", struct.pack(">I", 100000)), "srgb": chunk(b"sRGB", b"\0"),
        "chromaticities": chunk(b"cHRM", struct.pack(
            ">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        "significant-bits": chunk(b"sBIT", b"\5\6\5"), "background": chunk(b"bKGD", struct.pack(">HHH", 1, 2, 3)),
        "pixels-per-metre": chunk(b"pHYs", struct.pack(">IIB", 2835, 1417, 1)),
        "text": chunk(b"tEXt", b"Comment\0hello"), "orientation": chunk(
            b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"),
        "unknown-chunk": chunk(b"miNE", b"private"), "profile-that-is-none": chunk(
            b"iCCP", b"x\0\0" + zlib.compress(b"no profile")),
    }
    for name, more in extra.items():
        yield f"png-rgb-8-{name}", png(2, 8, before=more)
    yield "png-rgb-8-text-behind", png(2, 8, after=chunk(b"tEXt", b"Comment\0hello"))
    yield "png-rgb-8-bytes-behind", png(2, 8) + b"behind the end"
    yield "png-bad-checksum-of-text", png(2, 8, before=chunk(b"tEXt", b"Comment\0hello")[:-1] + b"?")
    for mode in ("L", "RGB", "CMYK"):
        for quality in (30, 95):
            yield f"jpeg-{mode.lower()}-{quality}", jpeg(mode, quality=quality)
        yield f"jpeg-{mode.lower()}-progressive", jpeg(mode, progressive=True)
        yield f"jpeg-{mode.lower()}-optimised", jpeg(mode, optimize=True)
    for name, how in (("444", 0), ("422", 1), ("420", 2)):
        yield f"jpeg-rgb-{name}", jpeg(subsampling=how)
        yield f"jpeg-rgb-{name}-progressive", jpeg(subsampling=how, progressive=True)
    yield "jpeg-rgb-kept", jpeg(keep_rgb=True)
    yield "jpeg-rgb-restarts", jpeg(restart_marker_blocks=1, quality=80)
    yield "jpeg-cmyk-no-adobe", without(jpeg("CMYK"), 0xEE)
    yield "jpeg-cmyk-adobe-2", jpeg("CMYK").replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\2")
    yield "jpeg-cmyk-jfif", behind_start(jpeg("CMYK"), segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"))
    yield "jpeg-rgb-no-jfif", without(jpeg(), 0xE0)
    for name, data in (("jfif-2", b"JFIF\0\2\1\0\0\1\0\1\0\0"), ("jfif-1-9", b"JFIF\0\1\x09\0\0\1\0\1\0\0"),
                       ("jfif-thumbnail", b"JFIF\0\1\1\0\0\1\0\1\1\1abc"), ("jfif-short", b"JFIF\0\1\1")):
        yield f"jpeg-rgb-{name}", behind_start(without(jpeg(), 0xE0), segment(0xE0, data))
    for transform in (0, 1, 2, 7):
        yield (f"jpeg-rgb-adobe-{transform}",
               behind_start(without(jpeg(), 0xE0), segment(0xEE, b"Adobe\0d\0\0\0\0" + bytes([transform]))))
    for turn in (3, 6):
        yield f"jpeg-rgb-orientation-{turn}", jpeg(exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" +
                                                   bytes([turn]) + b"\0\0\0\0\0\0\0")
    yield "jpeg-rgb-profile-that-is-none", jpeg(icc_profile=b"no profile")
    yield "jpeg-rgb-comment", jpeg(comment=b"hello")
    yield "jpeg-rgb-fill-bytes", behind_start(jpeg(), b"\xff\xff\xff" + segment(0xFE, b"filled")[1:])
    yield "jpeg-rgb-bytes-behind", jpeg() + b"behind the end"
    yield "jpeg-rgb-no-end", jpeg()[:-2]


def main():
    print(f"# Pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}, by make_pictures.py")
    for name, file in pictures():
        try:
            rgb = Image.open(io.BytesIO(file)).convert("RGB")
            pixels, size = rgb.tobytes().hex(), rgb.size
        except Exception as error:          # Pillow raises what it likes
            pixels, size = "refused", (W, H)
            print(f"{name}: {error}", file=sys.stderr)
        print(name, *size, file.hex(), pixels)


main()
