/* SPDX-License-Identifier: MIT
 *
 * stream.cu -- the machine's one stream, and what is put beside it.
 *
 * Gradients of weights: nothing of a backward pass waits for them but its end, and batch norm's
 * passes, which memory holds up, leave multiprocessors to them.  Where they read what is about to be
 * written (a tape gives memory again as soon as the next op may have it) the stream waits for them.
 * Within a record the same events become a fork and a join of the graph.
 *
 * Views of images of their own sizes: each thread of the loader has a stream; a view takes longer than
 * many a kernel of a step, and fills one multiprocessor.
 */
#include "stream.h"

#include <assert.h>
#include <pthread.h>

#include "graph.h"

enum { READ = 32 };

static struct {
    cudaStream_t stream, side;
    cudaEvent_t mark, forked, joined;
    bool is_marked;                      /* nothing was issued since the mark */
    bool is_kept, is_forked, is_beside;  /* beside: the stream does not wait for the side yet */
    struct span read[READ];              /* by what is beside */
    int n;
    pthread_key_t thread;
    struct viewer *viewers;
    bool is_fresh;                       /* is any of them? */
} own;
static pthread_mutex_t viewers_lock = PTHREAD_MUTEX_INITIALIZER;

static __thread bool issues;             /* is this the thread that issues ops? */
static __thread struct viewer *viewer;   /* this thread's */

static void check(int error, const char *what)
{
    if (error) die("%s: %s (is the memory in order?)", what, strerror(error));
}

static cudaEvent_t event_make(void)
{
    cudaEvent_t e;
    CUDA(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
    return e;
}

static void viewer_free(void *v);

void stream_open(void)
{
    CUDA(cudaStreamCreateWithFlags(&own.stream, cudaStreamNonBlocking));
    CUDA(cudaStreamCreateWithFlags(&own.side, cudaStreamNonBlocking));
    own.mark = event_make();
    own.forked = event_make();
    own.joined = event_make();
    check(pthread_key_create(&own.thread, viewer_free), "a thread's own memory");
    issues = true;
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void views_join(void)
{
    if (!__atomic_load_n(&own.is_fresh, __ATOMIC_ACQUIRE) || record_open()) return;
    check(pthread_mutex_lock(&viewers_lock), "a lock cannot be taken");
    for (struct viewer *v = own.viewers; v; v = v->next) {
        if (v->is_fresh) CUDA(cudaStreamWaitEvent(own.stream, v->made, 0));
        v->is_fresh = false;
    }
    own.is_fresh = false;
    check(pthread_mutex_unlock(&viewers_lock), "a lock cannot be released");
}

cudaStream_t cuda_stream(void)
{
    assert(issues);
    own.is_marked = false;
    upload_deliver();
    views_join();
    if (!own.is_kept && !own.is_forked) {
        beside_join();
        gradients_add();
    }
    return own.stream;
}

cudaStream_t stream_here(void)
{
    return issues ? beside_stream() : viewer_begin(0)->stream;
}

void stream_wait(void)
{
    CUDA(cudaStreamSynchronize(stream_here()));
    if (issues) CUDA(cudaStreamSynchronize(own.side));
}

void stream_mark(void)
{
    if (own.is_marked || !issues || record_open()) return;
    /* a copy that was gathered reads, too */
    if (__atomic_load_n(&own.viewers, __ATOMIC_RELAXED)) upload_deliver();
    CUDA(cudaEventRecord(own.mark, own.stream));
    own.is_marked = true;
}

/* ---- gradients of weights -------------------------------------------------------------------- */

void beside_join(void)
{
    own.n = 0;
    if (!own.is_beside) return;
    own.is_beside = false;
    CUDA(cudaEventRecord(own.joined, own.side));
    CUDA(cudaStreamWaitEvent(own.stream, own.joined, 0));
}

static bool overlap(struct span a, struct span b)
{
    return (const char *)a.at < (const char *)b.at + b.bytes &&
           (const char *)b.at < (const char *)a.at + a.bytes;
}

void beside_keep(const struct span written[WRITTEN])
{
    bool is_read = false;
    for (int i = 0; i < own.n; i++)
        for (int j = 0; j < WRITTEN; j++)
            is_read = is_read || (written[j].at && overlap(own.read[i], written[j]));
    if (is_read) beside_join();
    own.is_kept = true;
}

void beside_keep_end(void)
{
    own.is_kept = false;
}

void beside_fork(struct span a, struct span b)
{
    if (own.n + 2 > READ) beside_join();
    own.read[own.n++] = a;
    own.read[own.n++] = b;
    CUDA(cudaEventRecord(own.forked, cuda_stream()));
    CUDA(cudaStreamWaitEvent(own.side, own.forked, 0));
    own.is_forked = own.is_beside = true;
}

void beside_fork_end(void)
{
    own.is_forked = false;
}

bool beside_is_forked(void)
{
    return own.is_forked;
}

cudaStream_t beside_stream(void)
{
    return own.is_forked ? own.side : cuda_stream();
}

/* ---- views ----------------------------------------------------------------------------------- */

static struct viewer *viewer_make(void)
{
    struct viewer *const v = (struct viewer *)host_alloc(1, sizeof *v);
    v->read = event_make();
    v->made = event_make();
    if (issues) return v;                /* its stream is the machine's */
    CUDA(cudaStreamCreateWithFlags(&v->stream, cudaStreamNonBlocking));
    check(pthread_setspecific(own.thread, v), "a thread's own memory");
    check(pthread_mutex_lock(&viewers_lock), "a lock cannot be taken");
    v->next = own.viewers;
    __atomic_store_n(&own.viewers, v, __ATOMIC_RELAXED);
    check(pthread_mutex_unlock(&viewers_lock), "a lock cannot be released");
    return v;
}

/* When its thread ends. */
static void viewer_free(void *ended)
{
    struct viewer *const v = (struct viewer *)ended;
    CUDA(cudaStreamSynchronize(v->stream));
    check(pthread_mutex_lock(&viewers_lock), "a lock cannot be taken");
    struct viewer **at = &own.viewers;
    while (*at != v) at = &(*at)->next;
    *at = v->next;
    check(pthread_mutex_unlock(&viewers_lock), "a lock cannot be released");
    CUDA(cudaStreamDestroy(v->stream));
    CUDA(cudaEventDestroy(v->read));
    CUDA(cudaEventDestroy(v->made));
    if (v->pinned) CUDA(cudaFreeHost(v->pinned));
    free(v);
}

struct viewer *viewer_begin(size_t bytes)
{
    if (!viewer) viewer = viewer_make();
    struct viewer *const v = viewer;
    if (bytes) CUDA(cudaEventSynchronize(v->read));
    if (bytes > v->bytes) {
        if (v->pinned) CUDA(cudaFreeHost(v->pinned));
        CUDA(cudaMallocHost((void **)&v->pinned, bytes));
        v->bytes = bytes;
    }
    if (issues) v->stream = cuda_stream();
    else CUDA(cudaStreamWaitEvent(v->stream, own.mark, 0));
    return v;
}

void viewer_end(struct viewer *v)
{
    if (issues) return;
    check(pthread_mutex_lock(&viewers_lock), "a lock cannot be taken");
    CUDA(cudaEventRecord(v->made, v->stream));
    v->is_fresh = true;
    __atomic_store_n(&own.is_fresh, true, __ATOMIC_RELEASE);
    check(pthread_mutex_unlock(&viewers_lock), "a lock cannot be released");
}
