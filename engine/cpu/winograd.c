/* SPDX-License-Identifier: MIT
 *
 * winograd.c -- Winograd F(4x4, 3x3).
 */
#include "conv.h"

bool winograd_fits(struct conv_shape s, bool is_bf16) { (void)s, (void)is_bf16; return false; }
void winograd_fwd(void *y, const void *x, const float *w, struct conv_shape s, bool is_bf16)
{ (void)y, (void)x, (void)w, (void)s, (void)is_bf16; }
void winograd_dgrad(void *dx, bool add, const void *dy, const float *w, struct conv_shape s, bool is_bf16)
{ (void)dx, (void)add, (void)dy, (void)w, (void)s, (void)is_bf16; }
bool winograd_wgrad_fits(struct conv_shape s, bool is_bf16) { (void)s, (void)is_bf16; return false; }
void winograd_wgrad(float *dw, const void *dy, const void *x, struct conv_shape s, bool is_bf16)
{ (void)dw, (void)dy, (void)x, (void)s, (void)is_bf16; }
