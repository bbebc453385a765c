/* SPDX-License-Identifier: MIT
 *
 * split_bn.h -- batch norm over parts of a view's rows, as on so many devices: running statistics
 * that move as if each part had its own, and all were averaged after a view.
 *
 * Batch statistics are bn_apply()'s with groups = views x splits, which moves the running ones once a
 * group; here they move once a view, by the mean over its groups.
 */
#pragma once
#include "encoder.h"

/* before: running statistics [n_stats]; mean, rstd: of all processes' splits [splits, widest] */
struct split_bn { int splits; dev_float *before, *mean, *rstd; };
void split_bn_open(struct split_bn *b, const struct params *ps, int splits);
void split_bn_close(struct split_bn *b);
/* Before a pass of `views` views in training mode, and after it: of the nodes that it recorded, from
 * `first` on. */
void split_bn_keep(const struct split_bn *b, const struct params *ps);
void split_bn_move(const struct split_bn *b, const struct params *ps, const struct tape *t,
                   int first, int views);
