/* SPDX-License-Identifier: MIT
 *
 * contrastive.h -- a loss that sets each row's positive against negatives, as a root of the tape:
 * NT-Xent (SimCLR, eq. 1) and InfoNCE with a queue (MoCo, eq. 1) are it.
 *
 *   L = mean over the M anchors a_i of -log softmax_k(a_i . b_k / T) at k = (i + shift) mod M
 *
 * Rows are put to unit length here, and all is fp32 whatever the activations.  A step allocates
 * nothing: what the backward needs lies in memory of the loss's own.
 */
#pragma once
#include "../../engine/tape.h"

struct contrastive {
    struct op op;                  /* first: the node's op is this loss */
    int rows, queue, width;        /* M anchors, K more columns, D features */
    int batch;                     /* images: rows come view after view */
    int shift;                     /* from an anchor to its positive */
    bool in_batch;                 /* are the other keys of the batch negatives? (op_contrast) */
    float temperature;
    dev_float *anchors;            /* [M, D] */
    dev_float *keys;               /* [M + K, D], the queue behind the batch's keys */
    dev_float *scores;             /* [M, M + K]; then their gradient */
    dev_float *anchors_grad, *keys_grad;       /* [M, D] */
};

void contrastive_open(struct contrastive *c, int rows, int batch, int queue, int width, int shift,
                      bool in_batch, double temperature);
void contrastive_close(struct contrastive *c);
/* Unit rows to[M, D] of x, of which a process has its images of each view. */
void contrastive_rows(const struct contrastive *c, dev_float *to, struct var x);
/* loss[0] += the loss of `anchors` [M, D] and `keys` [M, D], of which a process has its images and all
 * compute the whole.  Where keys.data is NULL they are
 * constants that lie in c->keys already, of unit length. */
void contrastive_add(struct contrastive *c, struct tape *t, dev_float *loss, struct var anchors,
                     struct var keys);
