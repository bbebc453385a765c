/* SPDX-License-Identifier: MIT
 *
 * narrow.cu -- floats that become activations, and gradients on the way there and back.
 */
#include "kernel.h"

template <typename T> struct narrow_scaled {
    grad_to<T> y;
    const float *x;
    float scale;
    __device__ void operator()(size_t i) const { y.put(i, scale * x[i]); }
};

/* Gradients as they are stored (kernel.h) begin here, */
template <typename T> static void to_float_bwd(struct act_grad dx, const dev_float *dy, size_t n)
{
    each(n, narrow_scaled<T>{ grad_of<T>(dx), float_in(dy), cuda_gradient_scale() });
}

void op_act_to_float_bwd(struct act_grad dx, const dev_float *dy, size_t n)
{
    WITH_ACT(to_float_bwd, dx, dy, n);
}

template <typename T> static void to_act(dev_act *y, const dev_float *x, size_t n)
{
    each(n, narrow_scaled<T>{ { (T *)y, false }, float_in(x), 1 });
}

void op_float_to_act(dev_act *y, const dev_float *x, size_t n)
{
    WITH_ACT(to_act, y, x, n);
}

template <typename T> struct widen_and_add {
    float *dx;
    const T *dy;
    float scale;
    __device__ void operator()(size_t i) const { dx[i] += widen(dy[i]) / scale; }
};

/* and end here. */
template <typename T> static void to_act_bwd(dev_float *dx, const dev_act *dy, size_t n)
{
    each(n, widen_and_add<T>{ float_out(dx), (const T *)dy, cuda_gradient_scale() });
}

void op_float_to_act_bwd(dev_float *dx, const dev_act *dy, size_t n)
{
    WITH_ACT(to_act_bwd, dx, dy, n);
}
