/* SPDX-License-Identifier: MIT
 *
 * conv.c -- convolution: chooses among the ways of conv.h, and takes bf16 through those that know
 * fp32 alone.
 */
#include "conv.h"
#include "parts.h"
#include "vec.h"

/* ---- the choice ------------------------------------------------------------------------------ */

/* Which way, by the shape: Winograd where it saves products, row blocks where the shape allows,
 * else columns. */
static void fwd(void *y, const void *x, const float *w, struct conv_shape s, bool is_bf16)
{
    if (winograd_fits(s, is_bf16)) winograd_fwd(y, x, w, s, is_bf16);
    else if (conv_direct_fits(s)) conv_direct_fwd(y, x, w, s, is_bf16);
    else conv_columns_fwd(y, x, w, s);
}

static void dgrad(void *dx, bool add, const void *dy, const float *w, struct conv_shape s,
                  bool is_bf16)
{
    if (winograd_fits(s, is_bf16)) winograd_dgrad(dx, add, dy, w, s, is_bf16);
    else if (conv_direct_dgrad_fits(s)) conv_direct_dgrad(dx, add, dy, w, s, is_bf16);
    else conv_columns_dgrad(dx, add, dy, w, s);
}

static void wgrad(float *dw, const void *dy, const void *x, struct conv_shape s, bool is_bf16)
{
    if (winograd_wgrad_fits(s, is_bf16)) winograd_wgrad(dw, dy, x, s, is_bf16);
    else if (conv_wgrad_fits(s)) conv_wgrad(dw, dy, x, s, is_bf16);
    else conv_columns_wgrad(dw, dy, x, s);
}

/* ---- bf16 where there is no way for it: some images at a time as fp32 ------------------------ */

static void widen(float *restrict dst, const bf16 *restrict src, size_t n)
{
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) dst[i] = float_of_bf16(src[i]);
}

static void narrow(bf16 *restrict dst, const float *restrict src, size_t n)
{
#pragma omp parallel for num_threads(cpu_threads()) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) dst[i] = bf16_of(src[i]);
}

/* x and y of `images` images, and room for them as fp32.  The number is by the shape alone: dw's
 * sums follow it. */
struct wide { float *x, *y; size_t nx, ny; int images; };

static struct wide wide_of(struct conv_shape s)
{
    enum { FLOATS = 1 << 20 };
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    struct wide v = { .nx = (size_t)s.h * s.w * s.c, .ny = (size_t)p * q * s.k };
    const size_t images = FLOATS / (v.nx + v.ny) + 1;
    v.images = images < (size_t)s.n ? (int)images : s.n;
    const size_t x_room = line_floats(v.nx * (size_t)v.images),
                 y_room = line_floats(v.ny * (size_t)v.images);
    v.x = cpu_scratch(SCRATCH_WIDE, (x_room + y_room) * sizeof *v.x);
    v.y = v.x + x_room;
    return v;
}

static void fwd_widened(bf16 *y, const bf16 *x, const float *w, struct conv_shape s)
{
    const struct wide v = wide_of(s);
    for (int n = s.n; n > 0; n -= s.n, x += v.nx * s.n, y += v.ny * s.n) {
        s.n = n < v.images ? n : v.images;
        widen(v.x, x, v.nx * s.n);
        fwd(v.y, v.x, w, s, false);
        narrow(y, v.y, v.ny * s.n);
    }
}

static void dgrad_widened(bf16 *dx, bool add, const bf16 *dy, const float *w, struct conv_shape s)
{
    const struct wide v = wide_of(s);
    for (int n = s.n; n > 0; n -= s.n, dx += v.nx * s.n, dy += v.ny * s.n) {
        s.n = n < v.images ? n : v.images;
        widen(v.y, dy, v.ny * s.n);
        if (add) widen(v.x, dx, v.nx * s.n);
        dgrad(v.x, add, v.y, w, s, false);
        narrow(dx, v.x, v.nx * s.n);
    }
}

static void wgrad_widened(float *dw, const bf16 *dy, const bf16 *x, struct conv_shape s)
{
    const struct wide v = wide_of(s);
    for (int n = s.n; n > 0; n -= s.n, x += v.nx * s.n, dy += v.ny * s.n) {
        s.n = n < v.images ? n : v.images;
        widen(v.x, x, v.nx * s.n);
        widen(v.y, dy, v.ny * s.n);
        wgrad(dw, v.y, v.x, s, false);
    }
}

/* ---- the gradient of weights by parts --------------------------------------------------------- */

static void wgrad_of(float *dw, const void *dy, const void *x, struct conv_shape s)
{
    const bool ready = winograd_wgrad_fits(s, true) || (HAVE_BF16_PRODUCTS && conv_wgrad_fits(s));
    if (cpu_bf16() && !ready) wgrad_widened(dw, dy, x, s);
    else wgrad(dw, dy, x, s, cpu_bf16());
}

static void wgrad_parts(float *dw, const char *dy, const char *x, struct conv_shape s)
{
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    const int parts = parts_n(s.parts), views = parts_views(s.parts);
    const size_t n = (size_t)s.k * s.r * s.r * s.c;
    struct part_sums sums = parts_open(s.parts, n);
    s.n /= parts_pieces(s.parts);
    s.parts = (struct parts){ 0 };
    const size_t y_bytes = mem_act_bytes() * (size_t)s.n * p * q * s.k;
    const size_t x_bytes = mem_act_bytes() * (size_t)s.n * s.h * s.w * s.c;
    for (int i = 0; i < parts; i++) {
        float *const own = parts_next(&sums);
        for (size_t piece = i; piece < (size_t)(views * parts); piece += parts)
            wgrad_of(own, dy + piece * y_bytes, x + piece * x_bytes, s);
        parts_join(&sums, i);
    }
    parts_add(dw, sums.room, n);
}

/* ---- the ops --------------------------------------------------------------------------------- */

/* The columns' products are the BLAS's, which rounds a row as the number of rows has it: a call a piece,
 * so that it is the same wherever the others are computed.  How many images a call has, and what they
 * are in x and y. */
struct call { struct conv_shape s; size_t x, y; };

static struct call call_of(struct conv_shape s, bool rows_are_alone)
{
    const int p = conv_out(s.h, s.r, s.stride, s.pad), q = conv_out(s.w, s.r, s.stride, s.pad);
    if (!rows_are_alone) s.n /= parts_pieces(s.parts);
    return (struct call){ s, (size_t)s.n * s.h * s.w * s.c, (size_t)s.n * p * q * s.k };
}

static void fwd_of(dev_act *y, const dev_act *x, const dev_float *w, struct conv_shape s)
{
    const bool ready = winograd_fits(s, true) || (HAVE_BF16_PRODUCTS && conv_direct_fits(s));
    if (cpu_bf16() && !ready) fwd_widened((bf16 *)y, (const bf16 *)x, float_in(w), s);
    else fwd(y, x, float_in(w), s, cpu_bf16());
}

void op_conv_fwd(dev_act *y, const dev_act *x, const dev_float *w, struct conv_shape s)
{
    const struct call one = call_of(s, winograd_fits(s, cpu_bf16()) || conv_direct_fits(s));
    for (size_t i = 0; i < (size_t)(s.n / one.s.n); i++)
        fwd_of(act_at(y, i * one.y), act_at((dev_act *)x, i * one.x), w, one.s);
}

static void dgrad_of(struct act_grad dx, const dev_act *dy, const dev_float *w, struct conv_shape s)
{
    const bool ready = winograd_fits(s, true) || (HAVE_BF16_PRODUCTS && conv_direct_dgrad_fits(s));
    if (cpu_bf16() && !ready)
        dgrad_widened((bf16 *)dx.at, dx.add, (const bf16 *)dy, float_in(w), s);
    else dgrad(dx.at, dx.add, dy, float_in(w), s, cpu_bf16());
}

void op_conv_bwd(struct act_grad dx, dev_float *dw, const dev_act *dy, const dev_act *x,
                 const dev_float *w, struct conv_shape s)
{
    const struct call one = call_of(s, winograd_fits(s, cpu_bf16()) || conv_direct_dgrad_fits(s));
    for (size_t i = 0; dx.at && i < (size_t)(s.n / one.s.n); i++)
        dgrad_of((struct act_grad){ act_at(dx.at, i * one.x), dx.add },
                 act_at((dev_act *)dy, i * one.y), w, one.s);
    if (dw && s.parts.n) wgrad_parts(float_out(dw), (const char *)dy, (const char *)x, s);
    else if (dw) wgrad_of(float_out(dw), dy, x, s);
}
