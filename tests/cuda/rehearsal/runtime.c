/* SPDX-License-Identifier: MIT
 *
 * runtime.c -- the runtime's streams, graphs and memory on the host.
 *
 * A stream is a list of tasks.  They are done when a host thread waits for them, as late as a card
 * may do them; so that what relies on their being done is found.  With REHEARSAL_EARLY set, tasks of
 * all streams but the first are done as soon as what they wait for lets them, as early as a card may
 * do them: what must not be done yet is found; and a kernel's blocks, and their threads between two
 * barriers, are run the other way round.  With REHEARSAL_EAGER set all are done at once: for tests of
 * the CPU that look into the machine's memory themselves.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include "cuda.h"

/* run NULL: it waits for the first `after` tasks of `in`, or of a lane of the same graph. */
struct task {
    struct task *next;
    void (*run)(void *context);
    struct rehearsal_stream *in;
    unsigned long lane, after;
    size_t bytes;
    _Alignas(16) char context[];
};
struct list { struct task *first, *last; unsigned long queued, done; };

/* A graph's tasks by the streams that they were captured from; `joined`: those that another lane
 * waits for. */
enum { LANES = 4 };
struct rehearsal_tasks {
    struct list lane[LANES];
    unsigned long joined[LANES];
    struct rehearsal_stream *from[LANES];
    int lanes;
};
/* graph: what is captured from it now. */
struct rehearsal_stream { struct list list; bool first; struct rehearsal_tasks *graph; int lane; };
struct rehearsal_event {
    struct rehearsal_stream *in;
    struct rehearsal_tasks *graph;       /* NULL: not recorded while one was captured */
    int lane;
    unsigned long after;
};

static struct {
    pthread_mutex_t list, run;           /* the lists', and of who does the tasks */
    bool captures, opened;
    unsigned long queued, recorded;
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

static void append(struct list *to, const struct task *like, const void *context)
{
    struct task *const t = host_alloc(1, sizeof *t + like->bytes);
    *t = *like;
    t->next = NULL;
    memcpy(t->context, context, like->bytes);
    if (to->last) to->last->next = t;
    else to->first = t;
    to->last = t;
    to->queued++;
}

/* Does tasks of a stream until `wanted` of them have been done; what they wait for, before. */
static void advance(struct rehearsal_stream *s, unsigned long wanted)
{
    while (s->list.done < wanted) {
        lock(&own.list);
        struct task *const t = s->list.first;
        s->list.first = t->next;
        if (!t->next) s->list.last = NULL;
        unlock(&own.list);
        if (t->run) t->run(t->context);
        else advance(t->in, t->after);
        free(t);
        s->list.done++;
    }
}

static void work_off(struct rehearsal_stream *s, unsigned long wanted)
{
    lock(&own.run);
    advance(s, wanted);
    unlock(&own.run);
}

/* Into the stream, or the graph that it is captured for. */
static void put(struct rehearsal_stream *s, const struct task *like, const void *context)
{
    lock(&own.list);
    append(s->graph ? &s->graph->lane[s->lane] : &s->list, like, context);
    const unsigned long queued = s->list.queued;
    if (!s->graph && like->run) own.queued++;
    unlock(&own.list);
    if (s->graph) return;
    if (getenv("REHEARSAL_EAGER") || (!s->first && getenv("REHEARSAL_EARLY"))) work_off(s, queued);
}

void rehearsal_queue(cudaStream_t s, void (*run)(void *), const void *context, size_t bytes)
{
    put(s, &(struct task){ .run = run, .bytes = bytes }, context);
}

unsigned long rehearsal_queued(void)
{
    return own.queued;
}

unsigned long rehearsal_recorded(void)
{
    return own.recorded;
}

/* ---- streams and events ---------------------------------------------------------------------- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, int flags)
{
    *s = host_alloc(1, sizeof **s);
    (*s)->first = !own.opened;
    own.opened = true;
    return flags == cudaStreamNonBlocking ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    work_off(s, s->list.queued);
    free(s);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    if (own.captures) return cudaErrorStreamCaptureUnsupported;
    work_off(s, s->list.queued);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags)
{
    (void)flags;
    *e = host_alloc(1, sizeof **e);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    free(e);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    lock(&own.list);
    *e = (struct rehearsal_event){ s, s->graph, s->lane,
                                   s->graph ? s->graph->lane[s->lane].queued : s->list.queued };
    unlock(&own.list);
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    if (own.captures) return cudaErrorStreamCaptureUnsupported;
    if (e->in) work_off(e->in, e->after);
    return cudaSuccess;
}

/* A stream that waits for what is captured is captured from then on. */
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned flags)
{
    (void)flags;
    if (!e->in) return cudaSuccess;
    if (!e->graph && s->graph) return cudaErrorStreamCaptureIsolation;
    if (e->graph && !s->graph) {
        assert(e->graph->lanes < LANES);
        s->graph = e->graph;
        s->lane = e->graph->lanes++;
        s->graph->from[s->lane] = s;
    }
    if (e->graph && e->graph->joined[e->lane] < e->after) e->graph->joined[e->lane] = e->after;
    put(s, &(struct task){ .in = e->in, .lane = (unsigned long)e->lane, .after = e->after }, "");
    return cudaSuccess;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* What a card gives is not zero, and lies well. */
cudaError_t cudaMalloc(void **p, size_t bytes)
{
    if (own.captures) return cudaErrorStreamCaptureUnsupported;
    *p = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!*p) return cudaErrorMemoryAllocation;
    memset(*p, 0xff, bytes < 1 << 20 ? bytes : 1 << 20);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    *p = host_alloc(bytes, 1);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *p)
{
    free(p);
    return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
    if (own.captures) return cudaErrorStreamCaptureUnsupported;
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
    rehearsal_queue(s, fill_now, &(struct fill){ p, value, bytes }, sizeof(struct fill));
    return cudaSuccess;
}

struct copy { void *to; const void *from; size_t bytes; };
static void copy_now(void *context)
{
    const struct copy *const c = context;
    memcpy(c->to, c->from, c->bytes);
}

/* The host's memory is read when the copy's turn comes, and no call waits for that: pageable memory,
 * too, may be read so late where a card reads it by itself. */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t s)
{
    if (s->graph && kind != cudaMemcpyDeviceToDevice) return cudaErrorStreamCaptureUnsupported;
    rehearsal_queue(s, copy_now, &(struct copy){ to, from, bytes }, sizeof(struct copy));
    return cudaSuccess;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

cudaError_t cudaStreamBeginCapture(cudaStream_t s, int mode)
{
    if (own.captures || mode != cudaStreamCaptureModeThreadLocal)
        return cudaErrorStreamCaptureUnsupported;
    own.captures = true;
    s->graph = host_alloc(1, sizeof *s->graph);
    s->graph->lanes = 1;
    s->graph->from[0] = s;
    s->lane = 0;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph)
{
    *graph = s->graph;
    if (!s->graph) return cudaErrorStreamCaptureUnsupported;
    own.captures = false;
    for (int i = 0; i < (*graph)->lanes; i++) (*graph)->from[i]->graph = NULL;
    for (int i = 1; i < (*graph)->lanes; i++)
        if ((*graph)->joined[i] < (*graph)->lane[i].queued) return cudaErrorStreamCaptureUnjoined;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ready, cudaGraph_t graph,
                                 unsigned long long flags)
{
    (void)flags;
    *ready = host_alloc(1, sizeof **ready);
    (*ready)->lanes = graph->lanes;
    for (int i = 0; i < graph->lanes; i++)
        for (const struct task *t = graph->lane[i].first; t; t = t->next)
            append(&(*ready)->lane[i], t, t->context);
    return cudaSuccess;
}

/* Where a run of a graph stands, by lane. */
struct stand { struct task *next[LANES]; unsigned long done[LANES]; };

static void lane_run(struct stand *at, unsigned long lane, unsigned long wanted)
{
    while (at->done[lane] < wanted) {
        struct task *const t = at->next[lane];
        if (t->run) t->run(t->context);
        else lane_run(at, t->lane, t->after);
        at->next[lane] = t->next;
        at->done[lane]++;
    }
}

/* The other lanes, as far as the first one's stand lets them. */
static void lanes_run_early(struct stand *at, int lanes)
{
    for (unsigned long i = 1; i < (unsigned long)lanes; i++)
        while (at->next[i] && (at->next[i]->run || at->done[at->next[i]->lane] >= at->next[i]->after))
            lane_run(at, i, at->done[i] + 1);
}

static void graph_now(void *context)
{
    struct rehearsal_tasks *const g = *(struct rehearsal_tasks **)context;
    struct stand at = { .done = { 0 } };
    for (int i = 0; i < g->lanes; i++) at.next[i] = g->lane[i].first;
    while (at.next[0]) {
        if (getenv("REHEARSAL_EARLY")) lanes_run_early(&at, g->lanes);
        lane_run(&at, 0, at.done[0] + 1);
    }
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t ready, cudaStream_t s)
{
    if (own.captures) return cudaErrorStreamCaptureUnsupported;
    own.recorded = 0;
    for (int i = 0; i < ready->lanes; i++)
        for (const struct task *t = ready->lane[i].first; t; t = t->next)
            own.recorded += t->run != NULL;
    own.queued += own.recorded - 1;                      /* the graph counts as its tasks */
    rehearsal_queue(s, graph_now, &ready, sizeof ready);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    for (int i = 0; i < graph->lanes; i++)
        for (struct task *t = graph->lane[i].first, *next; t; t = next) {
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
