/* SPDX-License-Identifier: MIT
 *
 * convolve.c -- runs convolutions on cuDNN; each shape's plan is made once and kept.
 */
#include <stdio.h>
#include <string.h>
#include "plan.h"

/* Shapes of one process: three passes of each convolution, in two precisions, and the evaluation's batches. */
enum { PLANS = 1024 };

static struct {
    cudnnHandle_t handle;
    struct { struct conv_work work; struct plan plan; } kept[PLANS];
    int n;
} own;

static void check(cudnnStatus_t status, const char *what)
{
    if (status != CUDNN_STATUS_SUCCESS) die("cuDNN: %s: %s (see what `info` says of its version)", what,
                                            cudnnGetErrorString(status));
}

static void handle_open(void)
{
    check(cudnnCreate(&own.handle), "cudnnCreate");
    check(cudnnSetStream(own.handle, cuda_stream()), "cudnnSetStream");
}

static bool same(struct conv_work a, struct conv_work b)
{
    return a.pass == b.pass && a.is_bf16 == b.is_bf16 && a.add == b.add && !memcmp(&a.s, &b.s, sizeof a.s);
}

static const struct plan *plan_of(struct conv_work work)
{
    static const char *const what[CONV_PASSES] = { "forward", "dx", "dw" };
    for (int i = 0; i < own.n; i++)
        if (same(own.kept[i].work, work)) return &own.kept[i].plan;
    const struct conv_shape s = work.s;
    char why[512];
    if (own.n == PLANS) die("more than %d shapes of convolutions in one process", PLANS);
    struct plan *const plan = &own.kept[own.n].plan;
    if (!plan_find(plan, why, sizeof why, work, (struct plan_device){ own.handle, NULL }))
        die("cuDNN has no deterministic way to compute %s of %d images of %dx%d, %d to %d channels, %dx%d, stride "
            "%d: %s (try other widths or another precision)", what[work.pass], s.n, s.h, s.w, s.c, s.k, s.r, s.r,
            s.stride, why);
    own.kept[own.n++].work = work;
    return plan;
}

void conv_run(void *out, const void *a, const void *b, struct conv_work work)
{
    if (!own.handle) handle_open();
    const struct plan *const plan = plan_of(work);
    void *const workspace = plan->workspace ? cuda_scratch(SCRATCH_WORKSPACE, (size_t)plan->workspace) : NULL;
    const int64_t id[] = { PLAN_OUT, PLAN_A, PLAN_B };
    const void *const at[] = { out, a, b };
    cudnnBackendDescriptor_t pack;
    check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack), "a variant pack");
    check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, at),
          "its pointers");
    check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, id), "its names");
    check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace),
          "its workspace");
    check(cudnnBackendFinalize(pack), "its end");
    check(cudnnBackendExecute(own.handle, plan->plan, pack), "a convolution");
    check(cudnnBackendDestroyDescriptor(pack), "a variant pack's end");
}

void conv_library(char *text, size_t size)
{
    const size_t v = cudnnGetVersion();
    snprintf(text, size, "cuDNN %zu.%zu.%zu", v / 10000, v / 100 % 100, v % 100);
}
