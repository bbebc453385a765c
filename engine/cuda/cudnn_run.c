/* SPDX-License-Identifier: MIT
 *
 * cudnn_run.c -- runs convolutions on cuDNN; each shape's plan is chosen once (cudnn_cache.c) and
 * kept.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cudnn_plan.h"
#include "stream.h"

/* Shapes of one process: three passes of each convolution, in each precision, and the evaluation's
 * batches. */
enum { PLANS = 1024 };

enum { NAME_MOST = 128 };
static struct {
    cudnnHandle_t handle;
    char name[NAME_MOST + 32];           /* the device's */
    cudaEvent_t clock[2];
    struct { struct conv_work work; struct plan plan; } kept[PLANS];
    int n;
} own;

static void check(cudnnStatus_t status, const char *what)
{
    if (status != CUDNN_STATUS_SUCCESS)
        die("cuDNN: %s: %s (%s)", what, cudnnGetErrorString(status),
            status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ? CUDA_ASK_LESS :
            "see what `info` says of its version");
}

static void handle_open(void)
{
    struct cudaDeviceProp prop;
    int device;
    check(cudnnCreate(&own.handle), "cudnnCreate");
    CUDA(cudaGetDevice(&device));
    CUDA(cudaGetDeviceProperties(&prop, device));
    snprintf(own.name, sizeof own.name, "%.*s, %d multiprocessors", NAME_MOST, prop.name,
             prop.multiProcessorCount);
    for (int i = 0; i < 2; i++) CUDA(cudaEventCreate(&own.clock[i]));
}

/* ---- running --------------------------------------------------------------------------------- */

struct operands { void *out; const void *a, *b; };

/* In the stream, or beside it. */
static cudnnStatus_t execute(const struct plan *plan, struct operands o)
{
    const enum scratch slot = beside_is_forked() ? SCRATCH_BESIDE : SCRATCH_WORKSPACE;
    void *const workspace = plan->workspace ? cuda_scratch(slot, (size_t)plan->workspace) : NULL;
    const int64_t id[] = { PLAN_OUT, PLAN_A, PLAN_B };
    const void *const at[] = { o.out, o.a, o.b };
    cudnnBackendDescriptor_t pack;
    check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack),
          "a variant pack");
    check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
                                   3, at),
          "its pointers");
    check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3,
                                   id),
          "its names");
    check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1,
                                   &workspace),
          "its workspace");
    check(cudnnBackendFinalize(pack), "its end");
    check(cudnnSetStream(own.handle, beside_stream()), "cudnnSetStream");
    const cudnnStatus_t status = cudnnBackendExecute(own.handle, plan->plan, pack);
    check(cudnnBackendDestroyDescriptor(pack), "a variant pack's end");
    if (status != CUDNN_STATUS_SUCCESS) cudaGetLastError();    /* for the next plan, which may do */
    return status;
}

/* Is it taken by the card?  What fails there later, the stream's next call says. */
static bool runs(const struct plan *plan, void *operands)
{
    return execute(plan, *(const struct operands *)operands) == CUDNN_STATUS_SUCCESS;
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Seconds, the median of some runs behind one that loads the kernel. */
static double time_plan(const struct plan *plan, void *operands)
{
    enum { RUNS = 5 };
    const struct operands *const o = operands;
    float ms[RUNS];
    if (!runs(plan, operands)) return (double)INFINITY;
    for (int i = 0; i < RUNS; i++) {
        CUDA(cudaEventRecord(own.clock[0], beside_stream()));
        if (execute(plan, *o) != CUDNN_STATUS_SUCCESS) return (double)INFINITY;
        CUDA(cudaEventRecord(own.clock[1], beside_stream()));
        CUDA(cudaEventSynchronize(own.clock[1]));
        CUDA(cudaEventElapsedTime(&ms[i], own.clock[0], own.clock[1]));
    }
    qsort(ms, RUNS, sizeof *ms, compare);
    return 1e-3 * (double)ms[RUNS / 2];
}

/* ---- plans ----------------------------------------------------------------------------------- */

static bool same(struct conv_work a, struct conv_work b)
{
    return a.pass == b.pass && a.precision == b.precision && a.add == b.add &&
           !memcmp(&a.s, &b.s, sizeof a.s);
}

static size_t dx_bytes(struct conv_work work)
{
    const struct conv_shape s = work.s;
    return (size_t)s.n * (size_t)s.h * (size_t)s.w * (size_t)s.c * mem_act_bytes();
}

/* What is added to must be there for the run that counts: the clock's runs go elsewhere. */
static bool choose(struct plan *plan, char *why, size_t why_size, struct conv_work work,
                   struct operands o)
{
    const struct plan_chooser chooser = { { own.handle, NULL }, own.name, runs, time_plan, &o };
    void *const room = work.add ? mem_alloc(dx_bytes(work)) : NULL;
    if (room) o.out = room;
    const bool found = plan_choose(plan, why, why_size, work, &chooser);
    mem_free(room);
    return found;
}

static const struct plan *plan_of(struct conv_work work, struct operands o)
{
    static const char *const what[CONV_PASSES] = { "forward", "dx", "dw" };
    for (int i = 0; i < own.n; i++)
        if (same(own.kept[i].work, work)) return &own.kept[i].plan;
    const struct conv_shape s = work.s;
    char why[512];
    if (own.n == PLANS) die("more than %d shapes of convolutions in one process", PLANS);
    struct plan *const plan = &own.kept[own.n].plan;
    if (!choose(plan, why, sizeof why, work, o))
        die("cuDNN has no deterministic way to compute %s of %d images of %dx%d, %d to %d channels, %dx%d, stride "
            "%d: %s (try other widths or another precision)",
            what[work.pass], s.n, s.h, s.w, s.c, s.k, s.r, s.r, s.stride, why);
    own.kept[own.n++].work = work;
    return plan;
}

void conv_run(void *out, const void *a, const void *b, struct conv_work work)
{
    if (!own.handle) handle_open();
    const struct operands o = { out, a, b };
    check(execute(plan_of(work, o), o), "a convolution");
}

void conv_library(char *text, size_t size)
{
    const size_t v = cudnnGetVersion();
    snprintf(text, size, "cuDNN %zu.%zu.%zu", v / 10000, v / 100 % 100, v % 100);
}
