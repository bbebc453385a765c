/* SPDX-License-Identifier: MIT
 *
 * variant.c -- this variant's ops in a table.
 */
#include "cpu.h"
#include "variants.h"
#include "vec.h"

const struct variant VARIANT_NAME(variant) = {
    .bf16_products = HAVE_BF16_PRODUCTS,
    .peaks = machine_peaks,
    .augment_pixels = augment_pixels,
#include "ops_values.h"            /* .conv_fwd = op_conv_fwd, and so on */
};
