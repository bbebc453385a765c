/* SPDX-License-Identifier: MIT
 *
 * plan.h -- a convolution as cuDNN computes it: the graph, and the kernel chosen for it.
 *
 * cuDNN chooses for a device that is here (a handle) or for one that is only described (device properties); so a
 * test can look at every plan without a card.
 */
#pragma once
#include <cudnn.h>
#include <stdbool.h>
#include "conv.h"

/* What the tensors of a graph are called when it runs. */
enum plan_tensor { PLAN_OUT = 1, PLAN_A, PLAN_B, PLAN_MIDDLE };

/* No plan may ask for more: 64 MiB is many times what the good ones want. */
enum { PLAN_WORKSPACE = 64 << 20 };

/* Whom to plan for: one of the two, the other NULL. */
struct plan_device { cudnnHandle_t handle; cudnnBackendDescriptor_t properties; };

struct plan {
    cudnnBackendDescriptor_t plan;
    int64_t workspace, engine;
    bool compiled_when_planned;          /* else one of the kernels that come with the library */
};

/* The first of cuDNN's suggestions for this convolution, the best first, that is deterministic and fits the
 * workspace. False, and `why` says what cuDNN said last, if there is none.  Dies if the description itself is
 * refused. */
bool plan_find(struct plan *p, char *why, size_t why_size, struct conv_work work, struct plan_device device);
void plan_free(struct plan *p);
