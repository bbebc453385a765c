/* SPDX-License-Identifier: MIT
 *
 * asked.h -- a machine that computes nothing, and remembers which convolutions it was asked for
 * (asked.c).
 */
#pragma once
#include "../../engine/cuda/cudnn_run.h"

/* Of the precision that is set; each once, channels padded as engine/cuda/conv.cu pads them. */
enum { ASKED_MOST = 8192 };
extern struct conv_work asked[ASKED_MOST];
extern int n_asked;
