/* SPDX-License-Identifier: MIT
 *
 * conv.h -- the ways of computing a convolution among which conv.c chooses.
 *
 * x, y, dx, dy are activations, bf16 or fp32 as is_bf16 says; shapes and weights as for op_conv_fwd
 * and op_conv_bwd of ops.h.  The fits functions look at the shape alone; a plan that does not fit
 * is not called.  But for Winograd, is_bf16 is only given where HAVE_BF16_PRODUCTS.
 */
#pragma once
#include "cpu.h"

/* conv_columns.c: any shape, by products of matrices; in fp32. */
void conv_columns_fwd(float *y, const float *x, const float *w, struct conv_shape s);
void conv_columns_dgrad(float *dx, bool add, const float *dy, const float *w, struct conv_shape s);
void conv_columns_wgrad(float *dw, const float *dy, const float *x, struct conv_shape s);

/* conv_direct.c: row blocks in registers, no copy of x. */
bool conv_direct_fits(struct conv_shape s);
void conv_direct_fwd(void *y, const void *x, const float *w, struct conv_shape s, bool is_bf16);
bool conv_direct_dgrad_fits(struct conv_shape s);
void conv_direct_dgrad(void *dx, bool add, const void *dy, const float *w, struct conv_shape s,
                       bool is_bf16);

/* conv_wgrad.c: dw += the correlation of x and dy. */
bool conv_wgrad_fits(struct conv_shape s);
void conv_wgrad(float *dw, const void *dy, const void *x, struct conv_shape s, bool is_bf16);

/* winograd.c: F(4x4, 3x3), in fp32 whatever the storage. */
bool winograd_fits(struct conv_shape s, bool is_bf16);
void winograd_fwd(void *y, const void *x, const float *w, struct conv_shape s, bool is_bf16);
void winograd_dgrad(void *dx, bool add, const void *dy, const float *w, struct conv_shape s,
                    bool is_bf16);
bool winograd_wgrad_fits(struct conv_shape s, bool is_bf16);
void winograd_wgrad(float *dw, const void *dy, const void *x, struct conv_shape s, bool is_bf16);
