/* SPDX-License-Identifier: MIT
 *
 * cudnn_run.h -- convolutions: what conv.cu asks of cuDNN (cudnn_run.c).
 */
#pragma once
#include "cuda.h"
#ifdef __cplusplus
extern "C" {
#endif

enum conv_pass { CONV_FWD, CONV_DGRAD, CONV_WGRAD, CONV_PASSES };

/* Channels come in multiples of this (conv.cu pads them): 16 bytes of 16-bit numbers, what the
 * tensor cores' kernels read at once, and all that cuDNN has fp32 kernels for. */
enum { CONV_CHANNELS = 8 };
/* And every operand begins at a multiple of this many bytes. */
enum { CONV_ALIGNMENT = 16 };

/* CONV_FWD:   out = y[N,P,Q,K] from a = x[N,H,W,C], b = w[K,R,R,C].
 * CONV_DGRAD: out = dx from a = dy, b = w.
 * CONV_WGRAD: out = dw from a = dy, b = x.
 * All are of the precision; sums are fp32.  out is overwritten; with `add`, which
 * CONV_DGRAD alone knows, added to before it is rounded. */
struct conv_work { enum conv_pass pass; enum precision precision; bool add; struct conv_shape s; };
void conv_run(void *out, const void *a, const void *b, struct conv_work work);

#ifdef __cplusplus
}
#endif
