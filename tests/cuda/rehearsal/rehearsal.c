/* SPDX-License-Identifier: MIT
 *
 * rehearsal.c -- a block's threads as fibers, and the libraries' part of the CUDA machine as plain
 * loops.  The stream is in runtime.c.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include "cudnn_run.h"
#include "cublas.h"
#include "stream.h"

/* ---- threads --------------------------------------------------------------------------------- */

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

/* ---- what the libraries do ------------------------------------------------------------------- */

/* IEEE's half by its definition, where kernel.h has its bits: exponents of 5 bits, fractions of
 * 10. */
enum { HALF_MANY = 31, HALF_UNIT = -24, HALF_ONE = 1 << 10 };

static float half_widen(uint16_t bits)
{
    const int exponent = bits >> 10 & HALF_MANY, fraction = bits & (HALF_ONE - 1);
    double v = ldexp(fraction, HALF_UNIT);
    if (exponent == HALF_MANY) v = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent) v = ldexp(HALF_ONE + fraction, exponent - 1 + HALF_UNIT);
    return (float)(bits >> 15 ? -v : v);
}

static uint16_t half_narrow(float f)
{
    const uint16_t sign = signbit(f) ? 0x8000 : 0;
    const double size = fabs((double)f);
    int power = 0;
    if (isnan(f)) return (uint16_t)(sign | 0x7fff);
    (void)frexp(size, &power);           /* size is below 2^power: eleven digits from there down, or
                                            to the unit */
    int unit = power - 11 > HALF_UNIT ? power - 11 : HALF_UNIT;
    double digits = nearbyint(ldexp(size, -unit));
    if (digits == 2 * HALF_ONE) {
        digits = HALF_ONE;
        unit++;
    }
    if (ldexp(digits, unit) > 65504) return (uint16_t)(sign | 0x7c00);
    const int exponent = digits < HALF_ONE ? 0 : unit - HALF_UNIT + 1;
    return (uint16_t)(sign | exponent << 10 | ((int)digits & (HALF_ONE - 1)));
}

static float number(const void *p, size_t i, enum precision precision)
{
    uint32_t u;
    float f;
    if (precision == PRECISION_FP32) return ((const float *)p)[i];
    if (precision == PRECISION_FP16) return half_widen(((const uint16_t *)p)[i]);
    u = (uint32_t)((const uint16_t *)p)[i] << 16;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void put(void *p, size_t i, float f, enum precision precision)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if (precision == PRECISION_FP32) ((float *)p)[i] = f;
    else if (precision == PRECISION_FP16) ((uint16_t *)p)[i] = half_narrow(f);
    else if (f != f) ((uint16_t *)p)[i] = (uint16_t)(u >> 16 | 0x40);
    else ((uint16_t *)p)[i] = (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* They are read many times each. */
static float *widened(const void *p, size_t n, enum precision precision)
{
    float *const wide = host_alloc(n, sizeof *wide);
    for (size_t i = 0; i < n; i++) wide[i] = number(p, i, precision);
    return wide;
}

struct product_task { void *out; const void *a, *b; struct product p; };

static void product_now(void *task)
{
    const struct product_task *const t = task;
    const struct product p = t->p;
    const size_t m = (size_t)p.m, n = (size_t)p.n, depth = (size_t)p.depth;
    float *const a = widened(t->a, m * depth, p.in), *const b = widened(t->b, n * depth, p.in);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t d = 0; d < depth; d++)
                sum += (double)a[p.form == PRODUCT_TN ? d * m + i : i * depth + d] *
                       (double)b[p.form == PRODUCT_NT ? j * depth + d : d * n + j];
            sum *= (double)p.scale;
            if (p.add) sum += (double)number(t->out, i * n + j, p.out);
            put(t->out, i * n + j, (float)sum, p.out);
        }
    free(a);
    free(b);
}

void product_run(void *out, const void *a, const void *b, struct product p)
{
    rehearsal_queue(cuda_stream(), product_now, &(struct product_task){ out, a, b, p },
                    sizeof(struct product_task));
}

/* The sums of a pass; y, x, w are elements of the three tensors whose product counts, the first of
 * C in x and w. */
struct sums { double *out; const float *a, *b; enum conv_pass pass; };

static void products_add(const struct sums *u, size_t y, size_t x, size_t w, size_t channels)
{
    const size_t out[] = { y, x, w }, a[] = { x, y, y }, b[] = { w, w, x };
    double *const sum = u->out + out[u->pass];
    const float *const left = u->a + a[u->pass], *const right = u->b + b[u->pass];
    const bool by_y = u->pass != CONV_FWD;               /* y is the left one, else the sum */
    for (size_t c = 0; c < channels; c++)
        sum[by_y ? c : 0] += (double)left[by_y ? 0 : c] * (double)right[c];
}

static void pixel_add(const struct sums *u, struct conv_shape s, int n, int p, int q, int width)
{
    const int height = conv_out(s.h, s.r, s.stride, s.pad);
    for (int k = 0; k < s.k; k++)
        for (int r = 0; r < s.r; r++)
            for (int t = 0; t < s.r; t++) {
                const int h = p * s.stride - s.pad + r, w = q * s.stride - s.pad + t;
                if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
                products_add(u, (size_t)(((n * height + p) * width + q) * s.k + k),
                             (size_t)(((n * s.h + h) * s.w + w) * s.c),
                             (size_t)(((k * s.r + r) * s.r + t) * s.c), (size_t)s.c);
            }
}

struct conv_task { void *out; const void *a, *b; char *workspace; struct conv_work work; };
enum { WORKSPACE = 64 };

static void conv_now(void *task)
{
    const struct conv_task *const t = task;
    const struct conv_shape s = t->work.s;
    const enum conv_pass pass = t->work.pass;
    const enum precision kind = t->work.precision;
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    const size_t size[] = { (size_t)(s.n * p * q * s.k), (size_t)(s.n * s.h * s.w * s.c),
                            (size_t)(s.k * s.r * s.r * s.c) };
    memset(t->workspace, 0xff, WORKSPACE);
    float *const a = widened(t->a, size[pass == CONV_FWD ? 1 : 0], kind);
    float *const b = widened(t->b, size[pass == CONV_WGRAD ? 1 : 2], kind);
    const struct sums u = { host_alloc(size[pass], sizeof(double)), a, b, pass };
    for (int n = 0; n < s.n; n++)
        for (int i = 0; i < p; i++)
            for (int j = 0; j < q; j++) pixel_add(&u, s, n, i, j, q);
    for (size_t i = 0; i < size[pass] && t->work.add; i++)
        u.out[i] += (double)number(t->out, i, kind);
    for (size_t i = 0; i < size[pass]; i++) put(t->out, i, (float)u.out[i], kind);
    free(u.out);
    free(a);
    free(b);
}

void conv_run(void *out, const void *a, const void *b, struct conv_work work)
{
    assert(work.s.c % CONV_CHANNELS == 0 && work.s.k % CONV_CHANNELS == 0);
    assert(((uintptr_t)out | (uintptr_t)a | (uintptr_t)b) % CONV_ALIGNMENT == 0);
    char *const workspace = cuda_scratch(beside_is_forked() ? SCRATCH_BESIDE : SCRATCH_WORKSPACE,
                                         WORKSPACE);
    rehearsal_queue(beside_stream(), conv_now, &(struct conv_task){ out, a, b, workspace, work },
                    sizeof(struct conv_task));
}

void conv_library(char *text, size_t size)
{
    snprintf(text, size, "convolutions by plain loops");
}

void product_library(char *text, size_t size)
{
    snprintf(text, size, "products by plain loops");
}
