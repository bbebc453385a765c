/* SPDX-License-Identifier: MIT
 *
 * variants.h -- the table of a variant's ops, in the order of ops.h.
 */
#pragma once
#include "../ops.h"
#include "augment_pixels.h"

struct variant {
    bool bf16_products;            /* multiplies bf16 numbers as such; else they are widened first */
    __typeof__(op_conv_fwd) *conv_fwd;
    __typeof__(op_conv_bwd) *conv_bwd;
    __typeof__(op_fc_fwd) *fc_fwd;
    __typeof__(op_fc_bwd) *fc_bwd;
    __typeof__(op_bn_act_fwd) *bn_act_fwd;
    __typeof__(op_bn_act_bwd) *bn_act_bwd;
    __typeof__(op_bn_act_eval) *bn_act_eval;
    __typeof__(op_relu_fwd) *relu_fwd;
    __typeof__(op_relu_bwd) *relu_bwd;
    __typeof__(op_pool_fwd) *pool_fwd;
    __typeof__(op_pool_bwd) *pool_bwd;
    __typeof__(op_max_pool_fwd) *max_pool_fwd;
    __typeof__(op_max_pool_bwd) *max_pool_bwd;
    __typeof__(op_cosine_fwd) *cosine_fwd;
    __typeof__(op_cosine_bwd) *cosine_bwd;
    __typeof__(op_cross_entropy_fwd) *cross_entropy_fwd;
    __typeof__(op_cross_entropy_bwd) *cross_entropy_bwd;
    __typeof__(op_average) *average;
    __typeof__(op_std) *std;
    __typeof__(op_act_to_float) *act_to_float;
    __typeof__(op_normalize_rows) *normalize_rows;
    __typeof__(op_sgd) *sgd;
    __typeof__(op_lars) *lars;
    __typeof__(op_ema) *ema;
    __typeof__(op_sumsq) *sumsq;
    __typeof__(op_knn) *knn;
    __typeof__(op_classifier_grad) *classifier_grad;
    __typeof__(op_classify) *classify;
    __typeof__(op_augment) *augment;
    __typeof__(op_view) *view;
    __typeof__(op_view_room) *view_room;
    __typeof__(machine_peaks) *peaks;
    __typeof__(augment_pixels) *augment_pixels;      /* augment_pixels.h, for the tests */
};

extern const struct variant variant_plain;
#ifdef __x86_64__
extern const struct variant variant_avx2, variant_avx512, variant_avx512_bf16;
#endif
