/* SPDX-License-Identifier: MIT
 *
 * conv.c -- convolution: chooses among the ways of conv.h, and takes bf16 through those that know
 * fp32 alone.
 */
#include "conv.h"
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

/* ---- the ops --------------------------------------------------------------------------------- */

void op_conv_fwd(dev_act *y, const dev_act *x, const dev_float *w, struct conv_shape s)
{
    const bool ready = winograd_fits(s, true) || (HAVE_BF16_PRODUCTS && conv_direct_fits(s));
    if (cpu_bf16() && !ready) fwd_widened((bf16 *)y, (const bf16 *)x, float_in(w), s);
    else fwd(y, x, float_in(w), s, cpu_bf16());
}

void op_conv_bwd(struct act_grad dx, dev_float *dw, const dev_act *dy, const dev_act *x,
                 const dev_float *w, struct conv_shape s)
{
    const bool x_ready = winograd_fits(s, true) ||
                         (HAVE_BF16_PRODUCTS && conv_direct_dgrad_fits(s));
    const bool w_ready = winograd_wgrad_fits(s, true) || (HAVE_BF16_PRODUCTS && conv_wgrad_fits(s));
    if (dx.at && cpu_bf16() && !x_ready)
        dgrad_widened((bf16 *)dx.at, dx.add, (const bf16 *)dy, float_in(w), s);
    else if (dx.at)
        dgrad(dx.at, dx.add, dy, float_in(w), s, cpu_bf16());
    if (dw && cpu_bf16() && !w_ready)
        wgrad_widened(float_out(dw), (const bf16 *)dy, (const bf16 *)x, s);
    else if (dw)
        wgrad(float_out(dw), dy, x, s, cpu_bf16());
}
