/* SPDX-License-Identifier: MIT
 *
 * variant.h -- one name for each instruction set.
 *
 * The ops of the CPU machine are compiled once for each instruction set, with VARIANT its name:
 * op_conv_fwd becomes op_conv_fwd_avx2, and so on.  variant.c gathers a variant's ops in a table;
 * isa.c chooses a table when the machine is opened, and its op_conv_fwd calls the chosen one.
 * Included before ops.h, by those files.
 *
 * What says the same of each op (its new name, its place in the table, its call) is written from
 * ops.h when CMake configures: ../ops.cmake, and the four templates in CMakeLists.txt.
 */
#pragma once

#define VARIANT_JOIN2(name, variant) name##_##variant
#define VARIANT_JOIN(name, variant) VARIANT_JOIN2(name, variant)
#define VARIANT_NAME(name) VARIANT_JOIN(name, VARIANT)

#include "ops_names.h"             /* #define op_conv_fwd VARIANT_NAME(op_conv_fwd), and so on */

/* Beside the ops, a yardstick; and what a variant's own files call of each other. */
#define machine_peaks VARIANT_NAME(machine_peaks)
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
#define conv_columns_fwd VARIANT_NAME(conv_columns_fwd)
#define conv_columns_dgrad VARIANT_NAME(conv_columns_dgrad)
#define conv_columns_wgrad VARIANT_NAME(conv_columns_wgrad)
