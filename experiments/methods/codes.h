/* SPDX-License-Identifier: MIT
 *
 * codes.h -- SwAV's scores of features against prototypes, its codes of them, and the way back
 * (Caron et al. 2020, eq. 3 to 5); with a queue of features behind which a view's batch stands.
 */
#pragma once
#include "settings.h"
#include "../../engine/tape.h"

struct codes {
    int views, batch, width;       /* V, N, D */
    int here;                      /* images of a batch that this process has; all compute the whole */
    int prototypes, queue;         /* K, L */
    int iterations;                /* of Sinkhorn */
    float epsilon;
    uint32_t targets;              /* bit v: view v has codes */
    bool inside;                   /* is the prototypes' norm in the gradient? */
    bool flow;                     /* is the codes' gradient wanted? */
    bool queue_is_full;            /* and so used */
    dev_float *unit;               /* [K, D], prototypes of unit length, */
    dev_float *unit_grad;          /* and where the norm is in the gradient, theirs */
    /* Of view v, rows v (L + N) .. : L features of the queue, then the batch's. */
    dev_float *features;           /* [V, L + N, D], of unit length */
    dev_float *scores, *codes;     /* [V, L + N, K], */
    dev_float *scores_grad, *codes_grad;       /* which whoever reads them adds to; NULL: unwanted */
    dev_float *potentials;         /* [V, iterations, K + L + N] */
    dev_float *features_grad;      /* [V N, D] */
    dev_int *place;                /* [N], rows of the queue that this step's features go to */
    int32_t *host;                 /* [N] */
};

struct swav_settings;
void codes_open(struct codes *c, const struct settings *s, const struct swav_settings *own,
                int width);
void codes_close(struct codes *c);

/* The batch's rows of view v, of an array [V, L + N, width]; how many numbers the array has. */
dev_float *codes_rows(const struct codes *c, dev_float *x, int v, int width);
size_t codes_floats(const struct codes *c, int width);

/* s = z c^T of unit rows z [V N, D] and prototypes c [K, D], and codes q of the views that are
 * targets; back from the gradients of both, which begin at 0. */
void codes_fwd(const struct codes *c, struct var z, const dev_float *prototypes);
/* Of a view's rows of the batch those of the images that are here, and all from what is so in each
 * process. */
dev_float *codes_here(const struct codes *c, dev_float *x, int v, int width);
void codes_gather(const struct codes *c, dev_float *x, int v, int width);
void codes_zero(const struct codes *c);
void codes_bwd(const struct codes *c, struct act_grad dz, struct var z, struct weight prototypes);

/* Before the step that is `since` steps after the queue's first one (or before it: < 0), and after
 * it: its features take the place of the oldest. */
void codes_aim(struct codes *c, int64_t since);
void codes_keep(const struct codes *c);
