/* SPDX-License-Identifier: MIT
 *
 * graph.cu -- a training step as one CUDA graph: some hundred launches become one.
 *
 * The first time a step comes it is carried out as it is issued: libraries choose and load their
 * kernels, scratch memory gets its size.  The second time its ops are captured instead, and run as
 * a graph; from then on the graph runs and the ops are not issued.  The kernels are the same, in
 * the same order, and so are the bytes.
 */
#include "graph.h"

#include <assert.h>
#include <pthread.h>

#include "kernel.h"

/* Steps that may be told apart: the loader has two rooms for views, a benchmark one more. */
enum { KEYS = 4 };

struct kept { const void *key; cudaGraphExec_t graph; };

static struct {
    struct kept kept[KEYS];
    int n;
    pthread_rwlock_t beside;
} own = { {}, 0, PTHREAD_RWLOCK_INITIALIZER };

static __thread struct kept *captured;   /* what this thread captures now; others may meanwhile
                                            compute */

bool record_open(void)
{
    return captured;
}

static void check(int error, const char *what)
{
    if (error) die("%s: %s (is the memory in order?)", what, strerror(error));
}

void record_beside_begin(void)
{
    assert(!captured);
    check(pthread_rwlock_rdlock(&own.beside), "a lock cannot be taken");
}

void record_beside_end(void)
{
    check(pthread_rwlock_unlock(&own.beside), "a lock cannot be released");
}

static struct kept *kept_of(const void *key)
{
    for (int i = 0; i < own.n; i++)
        if (own.kept[i].key == key) return &own.kept[i];
    return NULL;
}

bool machine_record(const void *key)
{
    assert(!captured);
    if (!key) return true;
    struct kept *const k = kept_of(key);
    if (!k) {
        if (own.n < KEYS) own.kept[own.n++] = { key, NULL };  /* one too many is issued each time */
        return true;
    }
    if (k->graph) {
        CUDA(cudaGraphLaunch(k->graph, cuda_stream()));
        return false;
    }
    check(pthread_rwlock_wrlock(&own.beside), "a lock cannot be taken");
    CUDA(cudaStreamBeginCapture(cuda_stream(), cudaStreamCaptureModeThreadLocal));
    captured = k;
    return true;
}

void machine_recorded(void)
{
    struct kept *const k = captured;
    cudaGraph_t graph;
    if (!k) return;
    CUDA(cudaStreamEndCapture(cuda_stream(), &graph));
    captured = NULL;
    check(pthread_rwlock_unlock(&own.beside), "a lock cannot be released");
    CUDA(cudaGraphInstantiate(&k->graph, graph, 0));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaGraphLaunch(k->graph, cuda_stream()));
}

void record_again(void)
{
    assert(!captured);
    for (int i = 0; i < own.n; i++) {
        if (!own.kept[i].graph) continue;
        CUDA(cudaStreamSynchronize(cuda_stream()));      /* it may still run */
        CUDA(cudaGraphExecDestroy(own.kept[i].graph));
        own.kept[i].graph = NULL;
    }
}

void machine_forget(void)
{
    record_again();
    own.n = 0;
}
