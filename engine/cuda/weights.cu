/* SPDX-License-Identifier: MIT
 *
 * weights.cu -- weights in the activations' width.
 *
 * A step reads each of them twice, and writes them once: it is the optimiser that narrows them, in the
 * launch that it makes anyway.
 */
#include "weights.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "graph.h"
#include "kernel.h"

struct stretch { const char *at; size_t bytes; char *twin; };      /* twin: half as long, or NULL */

static struct { stretch *block; int n, room; } own;
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;  /* rooms for views come from other threads */

static void lock(void)
{
    if (pthread_mutex_lock(&blocks_lock)) die("a lock cannot be taken (is the memory in order?)");
}

static void unlock(void)
{
    if (pthread_mutex_unlock(&blocks_lock)) die("a lock cannot be released (is the memory in order?)");
}

void block_is_made(const void *p, size_t bytes)
{
    lock();
    if (own.n == own.room) {
        own.room = own.room ? 2 * own.room : 64;
        own.block = (stretch *)realloc(own.block, (size_t)own.room * sizeof *own.block);
        if (!own.block) die("no memory on the host for %d blocks' names", own.room);
    }
    own.block[own.n++] = { (const char *)p, bytes, NULL };
    unlock();
}

void block_goes(const void *p)
{
    char *twin = NULL;
    lock();
    for (int i = 0; i < own.n; i++)
        if (own.block[i].at == p) {
            twin = own.block[i].twin;
            own.block[i--] = own.block[--own.n];
        }
    unlock();
    if (twin) CUDA(cudaFree(twin));      /* the stream has been waited for */
}

/* The block in which `bytes` from p on begin or end; the lock is held. */
static stretch *block_at(const void *p, size_t bytes)
{
    const char *const at = (const char *)p;
    for (int i = 0; i < own.n; i++)
        if (at < own.block[i].at + own.block[i].bytes && own.block[i].at < at + bytes)
            return &own.block[i];
    return NULL;
}

static size_t numbers(const stretch &b)
{
    return b.bytes / sizeof(float);
}

template <typename T> struct follow_one {
    T *to;
    const float *from;
    __device__ void operator()(size_t i) const { narrow(&to[i], from[i]); }
};

template <typename T> static void follow(char *twin, const float *from, size_t first, size_t n)
{
    each(n, follow_one<T>{ (T *)twin + first, from + first });
}

static char *twin_make(const stretch &b)
{
    void *twin;
    CUDA(cudaMalloc(&twin, numbers(b) * sizeof(uint16_t)));
    WITH_ACT(follow, (char *)twin, (const float *)b.at, 0, numbers(b));
    return (char *)twin;
}

static char *twin_at(const stretch &b, const float *w)
{
    return b.twin + (size_t)(w - (const float *)b.at) * sizeof(uint16_t);
}

void *twin_to_write(const float *w)
{
    if (cuda_precision() == PRECISION_FP32) return NULL;
    lock();
    stretch *const b = block_at(w, 1);
    assert(b);
    unlock();
    if (!b->twin) {
        record_again();                  /* what was recorded before does not write it */
        b->twin = twin_make(*b);
    }
    return twin_at(*b, w);
}

const void *twin_to_read(const float *w, size_t alignment)
{
    if (cuda_precision() == PRECISION_FP32) return NULL;
    lock();
    const stretch *const b = block_at(w, 1);
    const char *const twin = b && b->twin ? twin_at(*b, w) : NULL;
    unlock();
    return twin && (uintptr_t)twin % alignment == 0 ? twin : NULL;
}

void twin_follow(const void *p, size_t bytes)
{
    lock();
    const stretch *const b = block_at(p, bytes);
    const stretch now = b ? *b : stretch{};
    unlock();
    if (!now.twin) return;
    const size_t first = (size_t)((const char *)p - now.at) / sizeof(float);
    const size_t end = ((size_t)((const char *)p - now.at) + bytes + sizeof(float) - 1) / sizeof(float);
    WITH_ACT(follow, now.twin, (const float *)now.at, first, (end < numbers(now) ? end : numbers(now)) - first);
}

void twins_forget(void)
{
    record_again();
    CUDA(cudaStreamSynchronize(cuda_stream()));
    for (int i = 0; i < own.n; i++) {
        if (own.block[i].twin) CUDA(cudaFree(own.block[i].twin));
        own.block[i].twin = NULL;
    }
}
