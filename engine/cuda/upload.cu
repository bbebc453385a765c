/* SPDX-License-Identifier: MIT
 *
 * upload.cu -- small copies, gathered: all that the host says between two steps (indices, an epoch,
 * rates), and the step's row of the log, in one launch.
 *
 * What is uploaded goes through pinned memory, from which the card takes it when its turn comes.
 * There are two halves; one is used again when all copies from it are done, and the last of them was
 * hundreds of steps ago.
 *
 * A copy stands in the list until somebody asks for the stream (cuda_stream()), and so is done
 * before whatever comes next.  Those of a list are independent of each other.
 */
#include <assert.h>
#include "graph.h"
#include "kernel.h"

enum { STAGE = 512 << 10, STAGED_ALIGN = 64, PIECES = 8, SLICE = 4 << 10 };

struct piece { char *to; const char *from; size_t bytes; };
struct pieces { piece at[PIECES]; };

static struct {
    char *at[2];
    cudaEvent_t left[2];                 /* where the stream had used the half up */
    int half;
    size_t used;
    pieces list;
    int n;
} own;

/* ---- the list -------------------------------------------------------------------------------- */

struct alignas(16) word { uint32_t at[4]; };

/* Blocks are numbered by piece, and by SLICE within it. */
static __global__ void sim_deliver(pieces list, int slices)
{
    const piece p = list.at[(int)blockIdx.x / slices];
    const size_t first = (size_t)((int)blockIdx.x % slices) * SLICE,
                 end = first + SLICE < p.bytes ? first + SLICE : p.bytes;
    const bool whole = ((uintptr_t)p.to | (uintptr_t)p.from | p.bytes) % sizeof(word) == 0;
    const size_t width = whole ? sizeof(word) : 1;
    for (size_t i = first + threadIdx.x * width; i < end; i += THREADS * width) {
        if (whole) *(word *)(p.to + i) = *(const word *)(p.from + i);
        else p.to[i] = p.from[i];
    }
}

void upload_deliver(void)
{
    if (!own.n) return;
    size_t most = 0;
    for (int i = 0; i < own.n; i++)
        if (own.list.at[i].bytes > most) most = own.list.at[i].bytes;
    const int slices = (int)((most + SLICE - 1) / SLICE), n = own.n;
    own.n = 0;                           /* the launch asks for the stream, too */
    LAUNCH(sim_deliver, (unsigned)(n * slices), THREADS, own.list, slices);
}

static bool apart(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    return a + a_bytes <= b || b + b_bytes <= a;
}

void upload_gather(void *to, const void *from, size_t bytes)
{
    const piece p = { (char *)to, (const char *)from, bytes };
    assert(bytes > 0 && bytes <= GATHERED_MOST);
    bool fits = own.n < PIECES;
    for (int i = 0; i < own.n; i++) {
        const piece q = own.list.at[i];
        fits = fits && apart(p.to, bytes, q.to, q.bytes) && apart(p.from, bytes, q.to, q.bytes) &&
               apart(p.to, bytes, q.from, q.bytes);
    }
    if (!fits) upload_deliver();
    own.list.at[own.n++] = p;
}

/* ---- pinned memory --------------------------------------------------------------------------- */

static void stage_open(void)
{
    CUDA(cudaMallocHost((void **)&own.at[0], 2 * (size_t)STAGE));
    own.at[1] = own.at[0] + STAGE;
    for (int i = 0; i < 2; i++) {
        CUDA(cudaEventCreateWithFlags(&own.left[i], cudaEventDisableTiming));
        CUDA(cudaEventRecord(own.left[i], cuda_stream()));
    }
}

const void *upload_staged(const void *from, size_t bytes)
{
    if (!own.at[0]) stage_open();
    if (own.used + bytes > STAGE) {
        CUDA(cudaEventRecord(own.left[own.half], cuda_stream()));
        own.half = !own.half;
        own.used = 0;
        CUDA(cudaEventSynchronize(own.left[own.half]));
    }
    char *const to = own.at[own.half] + own.used;
    own.used += (bytes + STAGED_ALIGN - 1) / STAGED_ALIGN * STAGED_ALIGN;
    return memcpy(to, from, bytes);
}
