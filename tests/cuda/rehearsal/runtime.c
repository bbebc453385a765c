/* SPDX-License-Identifier: MIT
 *
 * runtime.c -- the runtime's stream, graphs and memory on the host.
 *
 * A stream is a list of tasks.  They are done when a host thread waits for them, as late as a card
 * may do them; so that what relies on their being done is found.  With REHEARSAL_EAGER set they are
 * done at once: for tests of the CPU that look into the machine's memory themselves.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include "cuda.h"

struct task {
    struct task *next;
    void (*run)(void *context);
    size_t bytes;
    _Alignas(16) char context[];
};
struct rehearsal_tasks { struct task *first, *last; };
struct rehearsal_event { unsigned long after; };

enum { PINNED = 8 };
static struct {
    pthread_mutex_t list, run;           /* the list's, and of who does the tasks */
    struct rehearsal_tasks stream, *graph;       /* graph: what is captured now */
    unsigned long queued, done;
    struct { const char *at; size_t bytes; } pinned[PINNED];
    int n_pinned;
} own = { .list = PTHREAD_MUTEX_INITIALIZER, .run = PTHREAD_MUTEX_INITIALIZER };

static void lock(pthread_mutex_t *m)
{
    if (pthread_mutex_lock(m)) die("a mutex cannot be locked (is the memory in order?)");
}

static void unlock(pthread_mutex_t *m)
{
    if (pthread_mutex_unlock(m)) die("a mutex cannot be unlocked (is the memory in order?)");
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static void append(struct rehearsal_tasks *to, void (*run)(void *), const void *context,
                   size_t bytes)
{
    struct task *const t = host_alloc(1, sizeof *t + bytes);
    t->run = run;
    t->bytes = bytes;
    memcpy(t->context, context, bytes);
    if (to->last) to->last->next = t;
    else to->first = t;
    to->last = t;
    own.queued += to == &own.stream;
}

/* Does tasks until `wanted` of them have been done. */
static void work_off(unsigned long wanted)
{
    lock(&own.run);
    while (own.done < wanted) {
        lock(&own.list);
        struct task *const t = own.stream.first;
        own.stream.first = t->next;
        if (!t->next) own.stream.last = NULL;
        unlock(&own.list);
        t->run(t->context);
        free(t);
        own.done++;
    }
    unlock(&own.run);
}

void rehearsal_queue(void (*run)(void *), const void *context, size_t bytes)
{
    lock(&own.list);
    append(own.graph ? own.graph : &own.stream, run, context, bytes);
    const unsigned long queued = own.queued;
    unlock(&own.list);
    if (getenv("REHEARSAL_EAGER")) work_off(queued);
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    (void)s;
    if (own.graph) return cudaErrorStreamCaptureUnsupported;
    work_off(own.queued);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags)
{
    (void)flags;
    *e = host_alloc(1, sizeof **e);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    (void)s;
    e->after = own.queued;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    if (own.graph) return cudaErrorStreamCaptureUnsupported;
    work_off(e->after);
    return cudaSuccess;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* What a card gives is not zero, and lies well. */
cudaError_t cudaMalloc(void **p, size_t bytes)
{
    if (own.graph) return cudaErrorStreamCaptureUnsupported;
    *p = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!*p) return cudaErrorMemoryAllocation;
    memset(*p, 0xff, bytes < 1 << 20 ? bytes : 1 << 20);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    assert(own.n_pinned < PINNED);
    *p = host_alloc(bytes, 1);
    own.pinned[own.n_pinned].at = *p;
    own.pinned[own.n_pinned++].bytes = bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
    if (own.graph) return cudaErrorStreamCaptureUnsupported;
    free(p);
    return cudaSuccess;
}

struct fill { void *p; int value; size_t bytes; };
static void fill_now(void *context)
{
    const struct fill *const f = context;
    memset(f->p, f->value, f->bytes);
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s)
{
    (void)s;
    rehearsal_queue(fill_now, &(struct fill){ p, value, bytes }, sizeof(struct fill));
    return cudaSuccess;
}

/* from NULL: the bytes lie behind the struct. */
struct copy { void *to; const void *from; size_t bytes; };
static void copy_now(void *context)
{
    const struct copy *const c = context;
    memcpy(c->to, c->from ? c->from : c + 1, c->bytes);
}

static bool is_pinned(const void *p)
{
    for (int i = 0; i < own.n_pinned; i++)
        if ((const char *)p >= own.pinned[i].at &&
            (const char *)p < own.pinned[i].at + own.pinned[i].bytes)
            return true;
    return false;
}

/* Pageable memory is read before the call returns, pinned memory when the copy's turn comes. */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t s)
{
    (void)s;
    if (own.graph && kind != cudaMemcpyDeviceToDevice) return cudaErrorStreamCaptureUnsupported;
    const bool now = kind == cudaMemcpyHostToDevice && !is_pinned(from);
    struct copy *const c = host_alloc(1, sizeof *c + (now ? bytes : 0));
    *c = (struct copy){ to, now ? NULL : from, bytes };
    if (now) memcpy(c + 1, from, bytes);
    rehearsal_queue(copy_now, c, sizeof *c + (now ? bytes : 0));
    free(c);
    return cudaSuccess;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

cudaError_t cudaStreamBeginCapture(cudaStream_t s, int mode)
{
    (void)s;
    if (own.graph || mode != cudaStreamCaptureModeThreadLocal)
        return cudaErrorStreamCaptureUnsupported;
    own.graph = host_alloc(1, sizeof *own.graph);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph)
{
    (void)s;
    *graph = own.graph;
    own.graph = NULL;
    return *graph ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ready, cudaGraph_t graph,
                                 unsigned long long flags)
{
    (void)flags;
    *ready = host_alloc(1, sizeof **ready);
    for (const struct task *t = graph->first; t; t = t->next)
        append(*ready, t->run, t->context, t->bytes);
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t ready, cudaStream_t s)
{
    (void)s;
    if (own.graph) return cudaErrorStreamCaptureUnsupported;
    for (const struct task *t = ready->first; t; t = t->next)
        rehearsal_queue(t->run, t->context, t->bytes);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    for (struct task *t = graph->first, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    free(graph);
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t ready)
{
    return cudaGraphDestroy(ready);
}
