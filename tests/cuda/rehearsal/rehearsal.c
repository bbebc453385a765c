/* SPDX-License-Identifier: MIT
 *
 * rehearsal.c -- the libraries' part of the CUDA machine as plain loops.  Threads are in fibers.c, the
 * stream in runtime.c.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "cudnn_run.h"
#include "cublas.h"
#include "stream.h"

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
static double *widened(const void *p, size_t n, enum precision precision)
{
    double *const wide = host_alloc(n, sizeof *wide);
    for (size_t i = 0; i < n; i++) wide[i] = (double)number(p, i, precision);
    return wide;
}

struct product_task { void *out; const void *a, *b; struct product p; };

static void product_now(void *task)
{
    const struct product_task *const t = task;
    const struct product p = t->p;
    const size_t m = (size_t)p.m, n = (size_t)p.n, depth = (size_t)p.depth;
    double *const a = widened(t->a, m * depth, p.in), *const b = widened(t->b, n * depth, p.in);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t d = 0; d < depth; d++)
                sum += a[p.form == PRODUCT_TN ? d * m + i : i * depth + d] *
                       b[p.form == PRODUCT_NT ? j * depth + d : d * n + j];
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
struct sums { double *out; const double *a, *b; enum conv_pass pass; };

/* Half of a rehearsal is spent here. */
static double dot(const double *a, const double *b, size_t n)
{
    enum { LANES = 4 };
    double part[LANES] = { 0 };
    for (size_t i = 0; i < n; i += LANES)                /* channels are multiples of CONV_CHANNELS */
        for (size_t j = 0; j < LANES; j++) part[j] += a[i + j] * b[i + j];
    return part[0] + part[1] + part[2] + part[3];
}

static void scaled_add(double *restrict to, double by, const double *restrict of, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] += by * of[i];
}

static void products_add(const struct sums *u, size_t y, size_t x, size_t w, size_t channels)
{
    if (u->pass == CONV_FWD) u->out[y] += dot(u->a + x, u->b + w, channels);
    else if (u->pass == CONV_DGRAD) scaled_add(u->out + x, u->a[y], u->b + w, channels);
    else scaled_add(u->out + w, u->a[y], u->b + x, channels);
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
    double *const a = widened(t->a, size[pass == CONV_FWD ? 1 : 0], kind);
    double *const b = widened(t->b, size[pass == CONV_WGRAD ? 1 : 2], kind);
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
