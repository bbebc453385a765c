/* SPDX-License-Identifier: MIT
 *
 * fibers.c -- a block's threads as fibers of one host thread, quick and in an order of ours; threads.c
 * has them as the host's own.
 */
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>
#include "cuda.h"

enum { THREADS_MAX = 1024, STACK = 64 << 10 };

struct rehearsal_index threadIdx, blockIdx, blockDim;
extern char shared_memory_begin[], shared_memory_end[];          /* shared.ld */

/* A fiber runs threads that have not begun, one after the other, until one of them waits.  It
 * begins by ucontext, once, and goes on by jumps, which make no system call: from a barrier, or
 * with the next block's threads.  From a barrier the next fiber goes on, the last one's returns. */
static struct {
    ucontext_t scheduler, start;
    jmp_buf back;                        /* to the scheduler */
    struct {
        jmp_buf on;
        char *stack;
        unsigned thread;
    } fiber[THREADS_MAX];
    unsigned now;                        /* the fiber that runs */
    unsigned next;                       /* the first thread that has not begun */
    unsigned round;                      /* barriers passed */
    unsigned resumed;                    /* in this round */
    unsigned waiting;                    /* at the next barrier */
    bool backwards;                      /* blocks, and threads by fiber */
    void (*thread)(const void *);
    const void *context;
} own;

static void fiber_resume(unsigned i)
{
    own.now = i;
    threadIdx.x = own.fiber[i].thread;
    _longjmp(own.fiber[i].on, 1);
}

/* The fibers in the order of this round: forwards, then backwards. */
static void next_resume(void)
{
    const unsigned i = own.resumed++;
    fiber_resume(own.round % 2 ? blockDim.x - 1 - i : i);
}

/* Until this fiber is resumed. */
static void fiber_rest(void)
{
    if (_setjmp(own.fiber[own.now].on)) return;
    if (own.round > 0 && own.resumed < blockDim.x) next_resume();
    _longjmp(own.back, 1);
}

static void fiber_main(void)
{
    for (;;) {
        while (own.next < blockDim.x) {
            const unsigned i = own.next++;
            own.fiber[own.now].thread = threadIdx.x = own.backwards ? blockDim.x - 1 - i : i;
            own.thread(own.context);
        }
        fiber_rest();
    }
}

void rehearsal_barrier(void)
{
    own.waiting++;
    fiber_rest();
}

static void fiber_start(unsigned i)
{
    if (_setjmp(own.back)) return;
    if (own.fiber[i].stack) fiber_resume(i);
    own.fiber[i].stack = host_alloc(1, STACK);
    if (getcontext(&own.start))
        die("getcontext: %s (is the memory exhausted?)", strerror(errno));
    own.start.uc_stack.ss_sp = own.fiber[i].stack;
    own.start.uc_stack.ss_size = STACK;
    makecontext(&own.start, fiber_main, 0);
    own.now = i;
    if (swapcontext(&own.scheduler, &own.start))
        die("swapcontext: %s (is the memory exhausted?)", strerror(errno));
}

static void round_run(void)
{
    own.round++;
    own.resumed = own.waiting = 0;
    if (!_setjmp(own.back)) next_resume();
}

/* All threads of a block; those that wait must be all of them, or none (a thread that has ended
 * stays away). */
static void block_run(void)
{
    own.next = own.round = own.waiting = 0;
    for (unsigned fibers = 0; own.next < blockDim.x; fibers++) fiber_start(fibers);
    assert(own.waiting == 0 || own.waiting == blockDim.x);
    while (own.waiting > 0) {
        round_run();
        assert(own.waiting == 0 || own.waiting == blockDim.x);
    }
    /* What a block leaves in shared memory the next one does not find; without a barrier it has none. */
    if (own.round > 0)
        memset(shared_memory_begin, 0xff, (size_t)(shared_memory_end - shared_memory_begin));
}

/* The stream sees to it that only one host thread is here. */
void rehearse(unsigned blocks, unsigned threads, void (*thread)(const void *), const void *context)
{
    assert(threads <= THREADS_MAX);
    own.thread = thread;
    own.context = context;
    blockDim.x = threads;
    own.backwards = getenv("REHEARSAL_EARLY");           /* a card begins with any */
    for (unsigned i = 0; i < blocks; i++) {
        blockIdx.x = own.backwards ? blocks - 1 - i : i;
        block_run();
    }
}
