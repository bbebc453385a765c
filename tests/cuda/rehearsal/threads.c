/* SPDX-License-Identifier: MIT
 *
 * threads.c -- a block's threads as the host's own, and a barrier between them that ThreadSanitizer
 * understands: it finds what two of them do to one place with no barrier in between, in whatever
 * order they did it.  Blocks come one after the other.
 */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include "threads.h"
#include "cuda.h"

/* Two barriers, in turn: a thread that wakes up late from one barrier would else be told of what others
 * did up to the next, and that they had waited for it. */
enum { TURNS = 2 };

REHEARSAL_OWN struct rehearsal_index threadIdx, blockIdx, blockDim;
static REHEARSAL_OWN unsigned turn;

/* The launch of now, and the threads, which wait for the next one at a gate: the stream sees to it that
 * there is one at a time. */
static struct {
    pthread_barrier_t barrier[TURNS], gate[TURNS];
    unsigned blocks, threads;
    void (*run)(const void *);
    const void *context;
} own;

static void check(int error, const char *what)
{
    if (error) die("%s: %s (is the memory exhausted?)", what, strerror(error));
}

void rehearsal_named(const char *file, const char *kernel)
{
    const char *const slash = strrchr(file, '/');
    printf("%s %.*s\n", slash ? slash + 1 : file, (int)strcspn(kernel + strspn(kernel, "("), "<,)"),
           kernel + strspn(kernel, "("));
}

static void pass(pthread_barrier_t *barrier)
{
    const int error = pthread_barrier_wait(barrier);
    check(error == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : error, "a barrier cannot be passed");
}

void rehearsal_barrier(void)
{
    pass(&own.barrier[turn++ % TURNS]);
}

static void *thread_main(void *number)
{
    threadIdx.x = (unsigned)(uintptr_t)number;
    blockDim.x = own.threads;
    for (;;) {
        pass(&own.gate[0]);
        for (unsigned i = 0; i < own.blocks; i++) {
            blockIdx.x = i;
            own.run(own.context);
            rehearsal_barrier();         /* shared memory is the next block's */
        }
        pass(&own.gate[1]);
    }
    return NULL;
}

static void threads_begin(unsigned threads)
{
    pthread_t one;
    own.threads = threads;
    for (int i = 0; i < TURNS; i++) {
        check(pthread_barrier_init(&own.barrier[i], NULL, threads), "no barrier");
        check(pthread_barrier_init(&own.gate[i], NULL, threads + 1), "no barrier");
    }
    for (unsigned i = 0; i < threads; i++) {
        check(pthread_create(&one, NULL, thread_main, (void *)(uintptr_t)i), "no thread");
        check(pthread_detach(one), "a thread cannot be left alone");
    }
}

void rehearse(unsigned blocks, unsigned threads, void (*thread)(const void *), const void *context)
{
    if (!own.threads) threads_begin(threads);
    assert(threads == own.threads);      /* blocks of our kernels are all of one size */
    own.blocks = blocks;
    own.run = thread;
    own.context = context;
    pass(&own.gate[0]);
    pass(&own.gate[1]);
}
