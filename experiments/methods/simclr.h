/* SPDX-License-Identifier: MIT
 *
 * simclr.h -- SimCLR's own settings.
 */
#pragma once
#include "method.h"

struct simclr_settings {
    double temperature;
    bool joint_bn;                 /* batch statistics over both views together */
};
static inline struct simclr_settings *simclr_own(struct settings *s)
{
    return (struct simclr_settings *)(void *)s->own;
}
