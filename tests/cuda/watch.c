/* SPDX-License-Identifier: MIT
 *
 * watch.c -- sums what lies between marks, by name; and stands between the machine's parts
 * (--wrap).
 */
#include "watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/cuda/cudnn_run.h"
#include "../../engine/cuda/cublas.h"

enum { ROWS = 512, NAME = 512, CALLS = MARKS / 2 };

struct row { char name[NAME]; int calls; double seconds; };
static struct {
    bool on;
    int depth;                           /* of watch_begin() within another */
    struct row row[ROWS];
    int rows;
    int call[CALLS], calls;              /* their rows, since watch_start() */
    double whole;                        /* seconds, from each start's first mark to its last */
} own;

/* ---- what is watched ------------------------------------------------------------------------- */

static int row_of(const char *name)
{
    int i = 0;
    while (i < own.rows && strncmp(own.row[i].name, name, NAME - 1)) i++;
    if (i == ROWS) die("more than %d kinds of kernels in a step (see watch.c)", ROWS);
    if (i == own.rows) {
        snprintf(own.row[i].name, NAME, "%s", name);
        own.rows++;
    }
    return i;
}

void watch_begin(const char *name)
{
    if (!own.on || own.depth++) return;
    if (own.calls == CALLS) die("more than %d calls in a step (see watch.c)", CALLS);
    own.call[own.calls] = row_of(name);
    mark_put(2 * own.calls);
}

void watch_end(void)
{
    if (!own.on || --own.depth) return;
    mark_put(2 * own.calls++ + 1);
}

void watch_start(void)
{
    assert(!own.on);
    own.on = true;
    own.calls = own.depth = 0;
}

double watch_stop(void)
{
    double sum = 0;
    assert(own.on && !own.depth);
    own.on = false;
    for (int i = 0; i < own.calls; i++) {
        struct row *const r = &own.row[own.call[i]];
        const double seconds = mark_seconds(2 * i, 2 * i + 1);
        r->seconds += seconds;
        sum += seconds;
        r->calls++;
    }
    if (own.calls) own.whole += mark_seconds(0, 2 * own.calls - 1);
    return sum;
}

/* ---- the table ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double x = ((const struct row *)a)->seconds, y = ((const struct row *)b)->seconds;
    return (x < y) - (x > y);
}

void watch_print(FILE *out, const char *title, int steps)
{
    double sum = 0;
    int calls = 0;
    for (int i = 0; i < own.rows; i++) {
        sum += own.row[i].seconds;
        calls += own.row[i].calls;
    }
    qsort(own.row, (size_t)own.rows, sizeof *own.row, compare);
    fprintf(out, "%6s %9s %6s  %s\n", "calls", "ms", "%", title);
    for (int i = 0; i < own.rows; i++) {
        const struct row *const r = &own.row[i];
        fprintf(out, "%6.1f %9.4f %6.2f  %s\n", (double)r->calls / steps, 1e3 * r->seconds / steps,
                100 * r->seconds / sum, r->name);
    }
    fprintf(out, "%6.1f %9.4f %6.2f  all kernels, of %.4f ms from the first to the last\n",
            (double)calls / steps, 1e3 * sum / steps, 100.0, 1e3 * own.whole / steps);
    own.rows = 0;
    own.whole = 0;
    memset(own.row, 0, sizeof own.row);
}

/* ---- between the machine's parts ------------------------------------------------------------- */

#define WRAP(type, name, ...) type __real_##name(__VA_ARGS__); type __wrap_##name(__VA_ARGS__)

WRAP(void, conv_run, void *out, const void *a, const void *b, struct conv_work work);
WRAP(void, product_run, void *out, const void *a, const void *b, struct product p);
WRAP(void, mem_zero, void *p, size_t bytes);
WRAP(void, mem_copy, void *dst, const void *src, size_t bytes);
WRAP(void, mem_upload, void *dst, const void *src, size_t bytes);
WRAP(bool, machine_record, const void *key);

static const char *const precisions[] = { [PRECISION_FP32] = "fp32", [PRECISION_BF16] = "bf16",
                                          [PRECISION_FP16] = "fp16" };

void __wrap_conv_run(void *out, const void *a, const void *b, struct conv_work work)
{
    static const char *const pass[] = { [CONV_FWD] = "forward", [CONV_DGRAD] = "dx",
                                        [CONV_WGRAD] = "dw" };
    const struct conv_shape s = work.s;
    char name[NAME];
    snprintf(name, sizeof name, "cuDNN %s %s %dx%d/%d %d->%d %dx%d", pass[work.pass],
             precisions[work.precision], s.r, s.r, s.stride, s.c, s.k, s.h, s.w);
    watch_begin(name);
    __real_conv_run(out, a, b, work);
    watch_end();
}

void __wrap_product_run(void *out, const void *a, const void *b, struct product p)
{
    static const char *const form[] = { [PRODUCT_NT] = "NT", [PRODUCT_NN] = "NN",
                                        [PRODUCT_TN] = "TN" };
    char name[NAME];
    snprintf(name, sizeof name, "cuBLASLt %s %s %dx%d, depth %d", form[p.form], precisions[p.in],
             p.m, p.n, p.depth);
    watch_begin(name);
    __real_product_run(out, a, b, p);
    watch_end();
}

void __wrap_mem_zero(void *p, size_t bytes)
{
    watch_begin("zeros");
    __real_mem_zero(p, bytes);
    watch_end();
}

void __wrap_mem_copy(void *dst, const void *src, size_t bytes)
{
    watch_begin("copy");
    __real_mem_copy(dst, src, bytes);
    watch_end();
}

void __wrap_mem_upload(void *dst, const void *src, size_t bytes)
{
    watch_begin("upload");
    __real_mem_upload(dst, src, bytes);
    watch_end();
}

bool __wrap_machine_record(const void *key)
{
    return own.on || __real_machine_record(key);
}
