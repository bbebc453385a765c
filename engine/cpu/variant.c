/* SPDX-License-Identifier: MIT
 *
 * variant.c -- this variant's ops in a table.
 */
#include "cpu.h"
#include "variants.h"
#include "vec.h"

const struct variant VARIANT_NAME(variant) = {
    HAVE_BF16_PRODUCTS, op_conv_fwd, op_conv_bwd, op_fc_fwd, op_fc_bwd, op_bn_act_fwd, op_bn_act_bwd,
    op_bn_act_eval, op_relu_fwd, op_relu_bwd, op_pool_fwd, op_pool_bwd, op_max_pool_fwd, op_max_pool_bwd,
    op_cosine_fwd, op_cosine_bwd, op_cross_entropy_fwd, op_cross_entropy_bwd, op_average, op_std, op_act_to_float,
    op_normalize_rows, op_sgd, op_lars, op_ema, op_sumsq, op_knn, op_classifier_grad, op_classify, op_augment, op_view,
    op_view_room, machine_peaks, augment_pixels,
};
