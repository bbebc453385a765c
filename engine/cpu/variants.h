/* SPDX-License-Identifier: MIT
 *
 * variants.h -- the table of a variant's ops, by name.
 */
#pragma once
#include "../ops.h"
#include "augment_pixels.h"

struct variant {
    bool bf16_products;           /* multiplies bf16 numbers as such; else they are widened first */
    __typeof__(machine_peaks) *peaks;
    __typeof__(augment_pixels) *augment_pixels;      /* augment_pixels.h, for the tests */
#include "ops_members.h"           /* __typeof__(op_conv_fwd) *conv_fwd; and so on */
};

extern const struct variant variant_plain;
#ifdef __x86_64__
extern const struct variant variant_avx2, variant_avx512, variant_avx512_bf16;
#endif
