/* SPDX-License-Identifier: MIT
 *
 * cudnn_plan.h -- a convolution as cuDNN computes it: the graph, and the kernel chosen for it.
 *
 * cuDNN chooses for a device that is here (a handle) or for one that is only described (device
 * properties); so a test can look at every plan without a card.
 */
#pragma once
#include <cudnn.h>
#include <stdbool.h>
#include "cudnn_run.h"

/* What the tensors of a graph are called when it runs. */
enum plan_tensor { PLAN_OUT = 1, PLAN_A, PLAN_B };

/* Plans to be timed; of a gradient of weights, whose first seven are one engine's, as many as reach
 * those that split the depth. */
enum { PLAN_CANDIDATES = 8, PLAN_CANDIDATES_WGRAD = 16 };
/* No plan may ask for more: 64 MiB is many times what the good ones want. */
enum { PLAN_WORKSPACE = 64 << 20 };

/* Whom to plan for: one of the two, the other NULL. */
struct plan_device { cudnnHandle_t handle; cudnnBackendDescriptor_t properties; };

enum { PLAN_TAG = 192 };
struct plan {
    cudnnBackendDescriptor_t plan;       /* NULL: only suggested, not made yet */
    cudnnBackendDescriptor_t suggestion; /* what it is made of, */
    struct graph *graph;                 /* and for: both are kept as long as the plan */
    int64_t workspace, engine;           /* the workspace is known when it is made */
    char tag[PLAN_TAG];                  /* "engine 38 knobs 2=1 13=0": which kernel, in cuDNN's own
                                            numbers */
};

/* Will an engine of which cuDNN notes this do?  Not if it is not deterministic, sums in less than
 * fp32, or mixes places that have nothing to do with each other (Winograd, FFT: a NaN spreads, and
 * roundings are large); nor, in fp32, if it multiplies in less. */
bool plan_note_will_do(cudnnBackendNumericalNote_t note, enum precision precision);

/* cuDNN's suggestions for this convolution, the best first, that are deterministic and come with
 * the library: at most `most`, each once, none of them made yet.  Returns how many; if there is
 * none, `why` says what was wrong with the last.  Dies if the description itself is refused. */
enum { PLAN_SUGGESTIONS = 128 };
int plan_list(struct plan *list, int most, char *why, size_t why_size, struct conv_work work,
              struct plan_device device);
/* Makes the plan, if that was not done.  False, and `why`, if cuDNN cannot or it asks for too large
 * a workspace. */
bool plan_make(struct plan *p, char *why, size_t why_size, struct plan_device device);
void plan_free(struct plan *p);

/* Whom plans are chosen for, and by what clock: does a plan run; and seconds of a run, infinite if
 * it does not. */
typedef bool plan_runs_fn(const struct plan *p, void *context);
typedef double plan_timer_fn(const struct plan *p, void *context);
struct plan_chooser {
    struct plan_device device;
    const char *name;                    /* the device's, with all that its speed hangs on */
    plan_runs_fn *runs;
    plan_timer_fn *time;
    void *context;
};
/* The plan that the cache has for this convolution, or else the fastest of the first that will do,
 * which the cache has from then on (cudnn_cache.c); where there is little to compute the first that
 * runs.  False, and `why`, if there is none. */
bool plan_choose(struct plan *p, char *why, size_t why_size, struct conv_work work,
                 const struct plan_chooser *chooser);
