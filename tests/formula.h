/* SPDX-License-Identifier: MIT
 *
 * formula.h -- the numbers that C and Python share without a file: golden/make_parity.py's uniform().
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct stream { uint32_t base; };

/* FNV-1a of the name. */
static struct stream stream_open(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 16777619u;
    return (struct stream){ h };
}

/* Element i of a stream, in [-1, 1): 24 bits of a 32-bit finaliser, exact in fp32. */
static float uniform(struct stream s, size_t i)
{
    uint32_t x = s.base + (uint32_t)(i + 1) * 0x9e3779b9u;
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    x ^= x >> 16;
    return (float)(x >> 8) / 8388608.0f - 1.0f;
}
