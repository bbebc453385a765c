/* SPDX-License-Identifier: MIT
 *
 * calls.c -- the names of calls, what sums and the larger are, the voices of ranks (calls.h).
 */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base.h"
#include "../comm.h"

/* What a call moves, and the bytes of one. */
static const struct { const char *name, *things; size_t bytes; } calls[] = {
    [CALL_NONE] = { "no call", "bytes", 1 },
    [CALL_CLOSE] = { "comm_close", "bytes", 1 },
    [CALL_AGREE] = { "comm_agree", "bytes", 1 },
    [CALL_BARRIER] = { "comm_barrier", "bytes", 1 },
    [CALL_BROADCAST] = { "comm_broadcast", "bytes", 1 },
    [CALL_GATHER] = { "comm_gather", "bytes", 1 },
    [CALL_SUM] = { "comm_sum", "floats", sizeof(float) },
    [CALL_SUM_WIDE] = { "comm_sum_wide", "doubles", sizeof(double) },
    [CALL_MAX] = { "comm_max", "floats", sizeof(float) },
    [CALL_ALL_GATHER] = { "comm_all_gather", "bytes", 1 }
};

enum { CALL_SHIFT = 56 };

uint64_t call_pack(enum call call, size_t bytes)
{
    return (uint64_t)call << CALL_SHIFT | bytes;
}

void call_text(char text[CALL_TEXT], uint64_t packed)
{
    const uint64_t call = packed >> CALL_SHIFT, bytes = packed & (((uint64_t)1 << CALL_SHIFT) - 1);
    const size_t known = call < sizeof calls / sizeof *calls ? (size_t)call : 0;
    if (bytes) {
        snprintf(text, CALL_TEXT, "%s of %zu %s", calls[known].name, (size_t)bytes / calls[known].bytes,
                 calls[known].things);
    } else {
        snprintf(text, CALL_TEXT, "%s", calls[known].name);
    }
}

static void join_float(void *to, const void *a, const void *b, size_t n)
{
    float *const y = to;
    const float *const x0 = a, *const x1 = b;
    for (size_t i = 0; i < n; i++) y[i] = x0[i] + x1[i];
}

static void join_double(void *to, const void *a, const void *b, size_t n)
{
    double *const y = to;
    const double *const x0 = a, *const x1 = b;
    for (size_t i = 0; i < n; i++) y[i] = x0[i] + x1[i];
}

/* In a total order but for NaN, which wins: the same for any cut. */
static float larger(float a, float b)
{
    if (isnan(a)) return a;
    return isnan(b) || b > a || (b == a && signbit(a)) ? b : a;
}

static void join_larger(void *to, const void *a, const void *b, size_t n)
{
    float *const y = to;
    const float *const x0 = a, *const x1 = b;
    for (size_t i = 0; i < n; i++) y[i] = larger(x0[i], x1[i]);
}

void comm_sum(dev_float *x, size_t n)
{
    join_all(x, n, sizeof(float), CALL_SUM, join_float);
}

void comm_sum_wide(dev_wide *x, size_t n)
{
    join_all(x, n, sizeof(double), CALL_SUM_WIDE, join_double);
}

void comm_max(dev_float *x, size_t n)
{
    join_all(x, n, sizeof(float), CALL_MAX, join_larger);
}

int voice_open(void)
{
    return memfd_create("stderr of a rank", MFD_CLOEXEC);
}

void voice_lower(int voice)
{
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0 || dup2(voice < 0 ? nowhere : voice, STDERR_FILENO) < 0)
        die("cannot redirect what a rank says: %s (is /dev/null there?)", strerror(errno));
    close(nowhere);
}

size_t voice_tell(int voice, int out)
{
    enum { MOST = 1 << 16 };
    const off_t end = voice < 0 ? 0 : lseek(voice, 0, SEEK_END);
    if (end <= 0) return 0;
    char text[4096];
    off_t at = end > MOST ? end - MOST : 0;
    for (ssize_t n; at < end && (n = pread(voice, text, sizeof text, at)) > 0; at += n)
        if (write(out, text, (size_t)n) < 0) break;
    return (size_t)end;
}

int threads_share(int sharing)
{
    cpu_set_t allowed;
    const int cores = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
    return cores > sharing ? cores / sharing : 1;
}
