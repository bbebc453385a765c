/* SPDX-License-Identifier: MIT
 *
 * variant.h -- one name for each instruction set.
 *
 * The ops of the CPU machine are compiled once for each instruction set, with VARIANT its name: op_conv_fwd
 * becomes op_conv_fwd_avx2, and so on.  variant.c gathers a variant's ops in a table; isa.c chooses a table when
 * the machine is opened, and its op_conv_fwd calls the chosen one.  Included before ops.h, by those files.
 */
#pragma once

#define VARIANT_JOIN2(name, variant) name##_##variant
#define VARIANT_JOIN(name, variant) VARIANT_JOIN2(name, variant)
#define VARIANT_NAME(name) VARIANT_JOIN(name, VARIANT)

/* The ops of ops.h ... */
#define op_conv_fwd VARIANT_NAME(op_conv_fwd)
#define op_conv_bwd VARIANT_NAME(op_conv_bwd)
#define op_fc_fwd VARIANT_NAME(op_fc_fwd)
#define op_fc_bwd VARIANT_NAME(op_fc_bwd)
#define op_bn_act_fwd VARIANT_NAME(op_bn_act_fwd)
#define op_bn_act_bwd VARIANT_NAME(op_bn_act_bwd)
#define op_bn_act_eval VARIANT_NAME(op_bn_act_eval)
#define op_relu_fwd VARIANT_NAME(op_relu_fwd)
#define op_relu_bwd VARIANT_NAME(op_relu_bwd)
#define op_pool_fwd VARIANT_NAME(op_pool_fwd)
#define op_pool_bwd VARIANT_NAME(op_pool_bwd)
#define op_max_pool_fwd VARIANT_NAME(op_max_pool_fwd)
#define op_max_pool_bwd VARIANT_NAME(op_max_pool_bwd)
#define op_cosine_fwd VARIANT_NAME(op_cosine_fwd)
#define op_cosine_bwd VARIANT_NAME(op_cosine_bwd)
#define op_cross_entropy_fwd VARIANT_NAME(op_cross_entropy_fwd)
#define op_cross_entropy_bwd VARIANT_NAME(op_cross_entropy_bwd)
#define op_average VARIANT_NAME(op_average)
#define op_std VARIANT_NAME(op_std)
#define op_act_to_float VARIANT_NAME(op_act_to_float)
#define op_normalize_rows VARIANT_NAME(op_normalize_rows)
#define op_sgd VARIANT_NAME(op_sgd)
#define op_lars VARIANT_NAME(op_lars)
#define op_ema VARIANT_NAME(op_ema)
#define op_sumsq VARIANT_NAME(op_sumsq)
#define op_knn VARIANT_NAME(op_knn)
#define op_classifier_grad VARIANT_NAME(op_classifier_grad)
#define op_classify VARIANT_NAME(op_classify)
#define op_augment VARIANT_NAME(op_augment)
#define op_view VARIANT_NAME(op_view)
#define op_view_room VARIANT_NAME(op_view_room)
#define machine_peaks VARIANT_NAME(machine_peaks)

/* ... and what a variant's own files call of each other. */
#define cpu_linear VARIANT_NAME(cpu_linear)
#define cpu_linear_wgrad VARIANT_NAME(cpu_linear_wgrad)
#define conv_direct_fits VARIANT_NAME(conv_direct_fits)
#define conv_direct_fwd VARIANT_NAME(conv_direct_fwd)
#define conv_direct_dgrad_fits VARIANT_NAME(conv_direct_dgrad_fits)
#define conv_direct_dgrad VARIANT_NAME(conv_direct_dgrad)
#define conv_wgrad_fits VARIANT_NAME(conv_wgrad_fits)
#define conv_wgrad VARIANT_NAME(conv_wgrad)
#define winograd_fits VARIANT_NAME(winograd_fits)
#define winograd_fwd VARIANT_NAME(winograd_fwd)
#define winograd_dgrad VARIANT_NAME(winograd_dgrad)
#define winograd_wgrad_fits VARIANT_NAME(winograd_wgrad_fits)
#define winograd_wgrad VARIANT_NAME(winograd_wgrad)
#define augment_pixels VARIANT_NAME(augment_pixels)
