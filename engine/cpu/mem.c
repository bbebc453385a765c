/* SPDX-License-Identifier: MIT
 *
 * mem.c -- the CPU machine: its threads, its memory, what it calls itself.
 */
#include <assert.h>
#include <cblas.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "isa.h"
#include "vec.h"
#include "../base.h"

enum { ALIGNMENT = 64 };                 /* a cache line */

/* What the machine owns: the only globals. */
static int n_threads = 1;
static enum precision precision = PRECISION_FP32;
static struct { void *p; size_t bytes; } scratch[SCRATCHES];

/* ---- the machine ----------------------------------------------------------------------------- */

void machine_open(int threads)
{
    if (threads <= 0) {
        cpu_set_t allowed;           /* not the cores of the computer: those this process may use */
        threads = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed)
                                                                      : omp_get_num_procs();
    }
    n_threads = threads;
    isa_choose();
    /* One thread in BLAS: its own threads would fight OpenMP's, and would cut sums by their
     * number. */
    openblas_set_num_threads(1);
    omp_set_dynamic(0);
    omp_set_num_threads(threads);        /* for loops that do not say num_threads() */
}

/* The first "model name" of /proc/cpuinfo. */
static void model_name(char *name, size_t size)
{
    snprintf(name, size, "unknown CPU");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f) return;                      /* a name for the papers, not worth dying for */
    char line[512];
    while (fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, size, "%.*s", (int)size - 1, colon + 1 + strspn(colon + 1, " \t"));
        break;
    }
    fclose(f);
}

void machine_set_precision(enum precision p)
{
    assert(machine_has_precision(p));
    precision = p;
}

bool machine_has_precision(enum precision p)
{
    return p == PRECISION_FP32 || p == PRECISION_BF16;
}

/* Calling an op costs nothing here: there is nothing to record. */
bool machine_record(const void *key)
{
    (void)key;
    return true;
}

void machine_recorded(void) {}
void machine_forget(void) {}

bool cpu_bf16(void)
{
    return precision == PRECISION_BF16;
}

void machine_describe(struct machine_info *info)
{
    memset(info, 0, sizeof *info);
    snprintf(info->machine, sizeof info->machine, "cpu");
    model_name(info->device, sizeof info->device);
    snprintf(info->kernels, sizeof info->kernels, "%s%s%s", isa_name(),
             isa_multiplies_bf16() ? "" : ", bf16 stored and computed in fp32",
             isa_allows_winograd() ? "" : ", no Winograd");
    snprintf(info->library, sizeof info->library, "%s (%s kernels)", openblas_get_config(),
             openblas_get_corename());
    info->threads = n_threads;
}

int cpu_threads(void)
{
    return n_threads;
}

void *cpu_scratch(enum scratch slot, size_t bytes)
{
    if (bytes > scratch[slot].bytes) {
        mem_free(scratch[slot].p);
        scratch[slot].p = NULL;
        scratch[slot].bytes = 0;
        scratch[slot].p = mem_alloc(bytes);
        scratch[slot].bytes = bytes;
    }
    return scratch[slot].p;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* From calloc, which gets large blocks from the system as pages that are zero and take no memory
 * until they are touched; what it returned stands right before the aligned address. */
void *mem_alloc(size_t bytes)
{
    void *const raw = bytes <= SIZE_MAX - 2 * ALIGNMENT ? calloc(1, bytes + 2 * ALIGNMENT) : NULL;
    if (!raw)
        die("cannot get %zu MiB of memory (try a smaller batch, smaller images or a narrower network)",
            bytes >> 20);
    void **const p = (void **)(((uintptr_t)raw + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    p[-1] = raw;
    return p;
}

void mem_free(void *p)
{
    if (p) free(((void **)p)[-1]);
}

void mem_zero(void *p, size_t bytes)
{
    memset(p, 0, bytes);
}

void mem_upload(void *dst, const void *host_src, size_t bytes)
{
    memcpy(dst, host_src, bytes);
}

void mem_copy(void *dst, const void *src, size_t bytes)
{
    memcpy(dst, src, bytes);
}

void mem_download(void *host_dst, const void *src, size_t bytes)
{
    memcpy(host_dst, src, bytes);
}

size_t mem_act_bytes(void)
{
    return cpu_bf16() ? sizeof(bf16) : sizeof(float);
}

void mem_act_upload(dev_act *dst, const float *host_src, size_t n)
{
    if (!cpu_bf16()) memcpy(dst, host_src, n * sizeof(float));
    else for (size_t i = 0; i < n; i++) ((bf16 *)dst)[i] = bf16_of(host_src[i]);
}

void mem_act_download(float *host_dst, const dev_act *src, size_t n)
{
    if (!cpu_bf16()) memcpy(host_dst, src, n * sizeof(float));
    else for (size_t i = 0; i < n; i++) host_dst[i] = float_of_bf16(((const bf16 *)src)[i]);
}
