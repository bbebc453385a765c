/* SPDX-License-Identifier: MIT
 *
 * conv_direct.c -- forward and input gradient of a convolution, row blocks in registers.
 */
#include "conv.h"

bool conv_direct_fits(struct conv_shape s) { (void)s; return false; }
void conv_direct_fwd(void *y, const void *x, const float *w, struct conv_shape s, bool is_bf16)
{ (void)y, (void)x, (void)w, (void)s, (void)is_bf16; }
bool conv_direct_dgrad_fits(struct conv_shape s) { (void)s; return false; }
void conv_direct_dgrad(void *dx, bool add, const void *dy, const float *w, struct conv_shape s, bool is_bf16)
{ (void)dx, (void)add, (void)dy, (void)w, (void)s, (void)is_bf16; }
