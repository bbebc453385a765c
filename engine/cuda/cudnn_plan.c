/* SPDX-License-Identifier: MIT
 *
 * cudnn_plan.c -- a convolution as a graph of cuDNN's backend API, and the choice of a kernel for
 * it.
 *
 * cuDNN is asked for suggestions, of heuristic A and then of its fallback; the first ones that will
 * do are the plans to choose from.  Which they are, and in what order, hangs on the card and the
 * library alone.
 *
 * Kernels that come with the library alone: one that is compiled takes a second of the host's, and
 * of a gradient of weights fills a tenth of the card (no split of its depth).
 */
#include "cudnn_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef cudnnBackendDescriptor_t descriptor;

/* ---- descriptors ----------------------------------------------------------------------------- */

enum { DESCRIPTORS = 16 };

/* The descriptors of a graph, to be destroyed together, when the last of its users is. */
struct graph { descriptor made[DESCRIPTORS]; int n, users; };

#define CUDNN(call) cudnn_check((call), #call, __LINE__)
static void cudnn_check(cudnnStatus_t status, const char *call, int line)
{
    char text[512] = "";
    if (status == CUDNN_STATUS_SUCCESS) return;
    cudnnGetLastErrorString(text, sizeof text);
    die("%s:%d: %s: %s %s (is another version of cuDNN in the way?  9.19 is tested)", __FILE__,
        line, call, cudnnGetErrorString(status), text);
}

static descriptor make(struct graph *g, cudnnBackendDescriptorType_t type)
{
    descriptor d;
    if (g->n == DESCRIPTORS) die("%s: a graph of more than %d descriptors", __FILE__, DESCRIPTORS);
    CUDNN(cudnnBackendCreateDescriptor(type, &d));
    return g->made[g->n++] = d;
}

static void graph_leave(struct graph *g)
{
    if (!g || --g->users > 0) return;
    while (g->n > 0) CUDNN(cudnnBackendDestroyDescriptor(g->made[--g->n]));
    free(g);
}

/* One attribute of `n` values; all but a few have one. */
static void set(descriptor d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                int64_t n, const void *values)
{
    CUDNN(cudnnBackendSetAttribute(d, name, type, n, values));
}

static void set_descriptor(descriptor d, cudnnBackendAttributeName_t name, descriptor value)
{
    set(d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static void set_numbers(descriptor d, cudnnBackendAttributeName_t name, int64_t n,
                        const int64_t *values)
{
    set(d, name, CUDNN_TYPE_INT64, n, values);
}

/* ---- the graph ------------------------------------------------------------------------------- */

/* A tensor of n images (or output channels) of h x w places of c channels, stored in this order of
 * n, h, w, c; cuDNN wants to hear of it as n, c, h, w with strides. */
static descriptor tensor(struct graph *g, enum plan_tensor id, int n, int h, int w, int c,
                         cudnnDataType_t type)
{
    const int64_t size[4] = { n, c, h, w },
                  stride[4] = { (int64_t)h * w * c, 1, (int64_t)w * c, c };
    const int64_t name = id, alignment = CONV_ALIGNMENT;
    const descriptor d = make(g, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    set(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set_numbers(d, CUDNN_ATTR_TENSOR_DIMENSIONS, 4, size);
    set_numbers(d, CUDNN_ATTR_TENSOR_STRIDES, 4, stride);
    set_numbers(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, 1, &name);
    set_numbers(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1, &alignment);
    CUDNN(cudnnBackendFinalize(d));
    return d;
}

/* Stride and padding, sums in fp32. */
static descriptor convolution(struct graph *g, struct conv_shape s)
{
    const int64_t axes = 2, pad[2] = { s.pad, s.pad }, stride[2] = { s.stride, s.stride },
                  dilation[2] = { 1, 1 };
    const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const descriptor d = make(g, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    set_numbers(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 1, &axes);
    set(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums);
    set(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set_numbers(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 2, pad);
    set_numbers(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 2, pad);
    set_numbers(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 2, stride);
    set_numbers(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, 2, dilation);
    CUDNN(cudnnBackendFinalize(d));
    return d;
}

/* What the passes call the same things. */
struct names {
    cudnnBackendDescriptorType_t operation;
    cudnnBackendAttributeName_t convolution, x, w, y, alpha, beta;
};
#define NAMES(operation, prefix, x, w, y)                                                               \
    { CUDNN_BACKEND_OPERATION_CONVOLUTION_##operation##_DESCRIPTOR,                                     \
      CUDNN_ATTR_OPERATION_CONVOLUTION_##prefix##_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_##prefix##_##x, \
      CUDNN_ATTR_OPERATION_CONVOLUTION_##prefix##_##w, CUDNN_ATTR_OPERATION_CONVOLUTION_##prefix##_##y, \
      CUDNN_ATTR_OPERATION_CONVOLUTION_##prefix##_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_##prefix##_BETA }
static const struct names names[CONV_PASSES] = {
    [CONV_FWD] = NAMES(FORWARD, FORWARD, X, W, Y),
    [CONV_DGRAD] = NAMES(BACKWARD_DATA, BWD_DATA, DX, W, DY),
    [CONV_WGRAD] = NAMES(BACKWARD_FILTER, BWD_FILTER, X, DW, DY),
};

static descriptor operation(struct graph *g, struct conv_work work, descriptor x, descriptor w,
                            descriptor y)
{
    const float one = 1, add = work.add;
    const struct names *const name = &names[work.pass];
    const descriptor how = convolution(g, work.s), d = make(g, name->operation);
    set_descriptor(d, name->convolution, how);
    set_descriptor(d, name->x, x);
    set_descriptor(d, name->w, w);
    set_descriptor(d, name->y, y);
    set(d, name->alpha, CUDNN_TYPE_FLOAT, 1, &one);
    set(d, name->beta, CUDNN_TYPE_FLOAT, 1, &add);
    CUDNN(cudnnBackendFinalize(d));
    return d;
}

/* cudnn_run.h says what out, a and b are. */
static descriptor graph_make(struct graph *g, struct conv_work work, cudnnHandle_t handle)
{
    const struct conv_shape s = work.s;
    const enum conv_pass pass = work.pass;
    static const cudnnDataType_t types[] = { [PRECISION_FP32] = CUDNN_DATA_FLOAT,
                                             [PRECISION_BF16] = CUDNN_DATA_BFLOAT16,
                                             [PRECISION_FP16] = CUDNN_DATA_HALF };
    const cudnnDataType_t act = types[work.precision];
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    const enum plan_tensor x = pass == CONV_FWD ? PLAN_A : pass == CONV_DGRAD ? PLAN_OUT : PLAN_B;
    const enum plan_tensor w = pass == CONV_WGRAD ? PLAN_OUT : PLAN_B;
    const enum plan_tensor y = pass == CONV_FWD ? PLAN_OUT : PLAN_A;
    const descriptor op = operation(g, work, tensor(g, x, s.n, s.h, s.w, s.c, act),
                                    tensor(g, w, s.k, s.r, s.r, s.c, act),
                                    tensor(g, y, s.n, p, q, s.k, act));
    const descriptor d = make(g, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(d, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &op);
    if (handle) set(d, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    CUDNN(cudnnBackendFinalize(d));
    return d;
}

/* ---- choosing -------------------------------------------------------------------------------- */

enum { NOTES = 32, SUGGESTIONS = 64, KNOBS = 32 };

bool plan_note_will_do(cudnnBackendNumericalNote_t note, enum precision precision)
{
    static const struct { bool anywhere, in_fp32; } bad[CUDNN_NUMERICAL_NOTE_TYPE_COUNT] = {
        [CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC] = { true, true },
        [CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION] = { true, true },
        [CUDNN_NUMERICAL_NOTE_FFT] = { true, true },
        [CUDNN_NUMERICAL_NOTE_WINOGRAD] = { true, true },
        [CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4] = { true, true },
        [CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6] = { true, true },
        [CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13] = { true, true },
        [CUDNN_NUMERICAL_NOTE_TENSOR_CORE] = { false, true },
        [CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS] = { false, true },
    };
    /* of a later cuDNN: unknown */
    if ((int)note < 0 || note >= CUDNN_NUMERICAL_NOTE_TYPE_COUNT) return false;
    return !(precision == PRECISION_FP32 ? bad[note].in_fp32 : bad[note].anywhere);
}

/* What cuDNN says of a suggestion's engine. */
static bool will_do(descriptor engine, enum precision precision)
{
    cudnnBackendNumericalNote_t note[NOTES];
    int64_t n = 0;
    CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                   CUDNN_TYPE_NUMERICAL_NOTE, NOTES, &n, note));
    for (int64_t i = 0; i < n && i < NOTES; i++)
        if (!plan_note_will_do(note[i], precision)) return false;
    return true;
}

static bool is_compiled(descriptor engine)
{
    cudnnBackendBehaviorNote_t note[NOTES];
    int64_t n = 0;
    CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                   CUDNN_TYPE_BEHAVIOR_NOTE, NOTES, &n, note));
    for (int64_t i = 0; i < n && i < NOTES; i++)
        if (note[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) return true;
    return false;
}

/* The suggestion in cuDNN's own numbers: its engine, and the knobs as they are set. */
static void tag_make(struct plan *p)
{
    descriptor choice[KNOBS];
    int64_t n = 0, one, value;
    cudnnBackendKnobType_t knob;
    for (int i = 0; i < KNOBS; i++)
        CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, &choice[i]));
    CUDNN(cudnnBackendGetAttribute(p->suggestion, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, KNOBS, &n, choice));
    int used = snprintf(p->tag, sizeof p->tag, "engine %lld knobs", (long long)p->engine);
    for (int64_t i = 0; i < n && i < KNOBS; i++) {
        CUDNN(cudnnBackendGetAttribute(choice[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                                       CUDNN_TYPE_KNOB_TYPE, 1, &one, &knob));
        CUDNN(cudnnBackendGetAttribute(choice[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE,
                                       CUDNN_TYPE_INT64, 1, &one, &value));
        used += snprintf(p->tag + used, sizeof p->tag - (size_t)used, " %d=%lld", (int)knob,
                         (long long)value);
        if (used >= (int)sizeof p->tag)
            die("%s: an engine with too many knobs: %s", __FILE__, p->tag);
    }
    for (int i = 0; i < KNOBS; i++) CUDNN(cudnnBackendDestroyDescriptor(choice[i]));
}

/* What is asked for, and what has been found. */
struct search {
    struct plan *list;
    int most, n;
    char *why;
    size_t why_size;
    enum precision precision;
    struct graph *graph;
};

static bool is_listed(const struct search *f, const char *tag)
{
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->list[i].tag, tag)) return true;
    return false;
}

/* Puts a suggestion on the list, which has it from then on, if it will do and is not there yet. */
static bool suggestion_take(struct search *f, descriptor suggestion)
{
    struct plan p = { .suggestion = suggestion, .graph = f->graph };
    descriptor engine;
    int64_t one;
    CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine));
    CUDNN(cudnnBackendGetAttribute(suggestion, CUDNN_ATTR_ENGINECFG_ENGINE,
                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &one, &engine));
    CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1,
                                   &one, &p.engine));
    const bool compiled = is_compiled(engine), good = !compiled && will_do(engine, f->precision);
    CUDNN(cudnnBackendDestroyDescriptor(engine));
    if (!good)
        snprintf(f->why, f->why_size, compiled ? "it would have to be compiled" :
                 "not deterministic, of Winograd or FFT, or not in fp32");
    tag_make(&p);
    if (!good || is_listed(f, p.tag)) return false;
    f->graph->users++;
    f->list[f->n++] = p;
    return true;
}

/* Looks through cuDNN's suggestions of one kind. */
static void suggestions_take(struct search *f, descriptor heuristic)
{
    descriptor suggestion[SUGGESTIONS];
    int64_t n = 0;
    for (int i = 0; i < SUGGESTIONS; i++)
        CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &suggestion[i]));
    CUDNN(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, SUGGESTIONS, &n, suggestion));
    for (int i = 0; i < SUGGESTIONS; i++)
        if (i >= n || f->n == f->most || !suggestion_take(f, suggestion[i]))
            CUDNN(cudnnBackendDestroyDescriptor(suggestion[i]));
}

int plan_list(struct plan *list, int most, char *why, size_t why_size, struct conv_work work,
              struct plan_device device)
{
    static const cudnnBackendHeurMode_t mode[] = { CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK };
    struct graph *const g = host_alloc(1, sizeof *g);
    struct search f = { list, most, 0, why, why_size, work.precision, g };
    g->users = 1;
    memset(list, 0, (size_t)most * sizeof *list);
    snprintf(why, why_size, "cuDNN suggests nothing");
    const descriptor graph = graph_make(g, work, device.handle);
    for (int i = 0; i < 2 && f.n < most; i++) {
        const descriptor heuristic = make(g, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
        set_descriptor(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
        set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode[i]);
        if (!device.handle)
            set_descriptor(heuristic, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device.properties);
        /* nothing of this kind */
        if (cudnnBackendFinalize(heuristic) != CUDNN_STATUS_SUCCESS) continue;
        suggestions_take(&f, heuristic);
    }
    graph_leave(g);
    return f.n;
}

/* ---- plans ----------------------------------------------------------------------------------- */

bool plan_make(struct plan *p, char *why, size_t why_size, struct plan_device device)
{
    int64_t n;
    if (p->plan) return true;
    CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &p->plan));
    if (device.handle)
        set(p->plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &device.handle);
    else set_descriptor(p->plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device.properties);
    set_descriptor(p->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, p->suggestion);
    const cudnnStatus_t status = cudnnBackendFinalize(p->plan);
    if (status == CUDNN_STATUS_SUCCESS) {
        CUDNN(cudnnBackendGetAttribute(p->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                       CUDNN_TYPE_INT64, 1, &n, &p->workspace));
        if (p->workspace <= PLAN_WORKSPACE) return true;
        snprintf(why, why_size, "%lld bytes of workspace", (long long)p->workspace);
    } else {
        char text[256] = "";
        cudnnGetLastErrorString(text, sizeof text);
        snprintf(why, why_size, "%s: %s", cudnnGetErrorString(status), text);
    }
    CUDNN(cudnnBackendDestroyDescriptor(p->plan));
    p->plan = NULL;
    return false;
}

void plan_free(struct plan *p)
{
    if (p->plan) CUDNN(cudnnBackendDestroyDescriptor(p->plan));
    if (p->suggestion) CUDNN(cudnnBackendDestroyDescriptor(p->suggestion));
    graph_leave(p->graph);
    memset(p, 0, sizeof *p);
}
