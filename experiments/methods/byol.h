/* SPDX-License-Identifier: MIT
 *
 * byol.h -- what BYOL keeps beside the model, and its own settings.
 */
#pragma once
#include "method.h"

enum target_schedule { TARGET_COSINE, TARGET_CONSTANT };
enum loss_scale { SCALE_SQUARED, SCALE_COSINE };
struct byol_settings {
    double momentum;               /* tau of the first step */
    int schedule, scale;           /* enum target_schedule, loss_scale */
};
extern const struct key byol_keys[];
extern const struct rule byol_rules[];
int byol_passes(const struct settings *s);
extern const struct byol_settings byol_defaults;
static inline struct byol_settings *byol_own(struct settings *s)
{
    return (struct byol_settings *)(void *)s->own;
}

struct byol {
    struct byol_settings s;
    struct model *target;          /* f_xi: weights and running statistics of its own */
    dev_float *tau;                /* [1], of the step under way */
    dev_float *constant;           /* [1], of the loss: what does not depend on p */
};

/* tau_k, the target's momentum in step k of `steps`. */
double byol_tau(const struct byol_settings *s, double k, double steps);
