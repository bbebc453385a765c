/* SPDX-License-Identifier: MIT
 *
 * kernel.h -- what kernels are made of: elements of each width, loops over elements, sums over a
 * block.
 *
 * Arithmetic is fp32, sums are double: a Hopper card adds doubles at half the rate of floats, far
 * above what its memory delivers.  Nothing here is bound to the card: the same text compiles for
 * the host, where tests run it.
 */
#pragma once
#include <math.h>
#include <string.h>
#include "cuda.h"

/* A number of the upper 16 bits of an fp32, rounded to nearest even, denormals to zero, NaN kept:
 * as cpu/vec.h. */
struct bf16 { uint16_t bits; };

__host__ __device__ inline float widen(float v) { return v; }
__host__ __device__ inline float widen(bf16 v)
{
    const uint32_t u = (uint32_t)v.bits << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

__host__ __device__ inline void narrow(float *to, float v) { *to = v; }
__host__ __device__ inline void narrow(bf16 *to, float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    const uint32_t size = u & 0x7fffffff;
    if (size > 0x7f800000) to->bits = (uint16_t)(u >> 16 | 0x40);
    else if (size < 0x00800000) to->bits = (uint16_t)(u >> 16 & 0x8000);
    else to->bits = (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* IEEE's half: denormals kept, as the card's own conversions do; beyond 65504 is infinity. */
struct fp16 { uint16_t bits; };

__host__ __device__ inline float widen(fp16 v)
{
#ifdef __CUDA_ARCH__
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(v.bits));
    return f;
#else
    const uint32_t sign = (uint32_t)(v.bits & 0x8000) << 16, size = (uint32_t)(v.bits & 0x7fff)
                                                                    << 13;
    /* infinity and NaN have an exponent of ones */
    uint32_t u = size < 0x0f800000 ? size : size | 0x7f800000;
    float f;
    memcpy(&f, &u, sizeof f);
    /* 2^112: the exponents' offsets, 127 and 15 */
    if (size < 0x0f800000) f *= 5.192296858534828e33f;
    memcpy(&u, &f, sizeof u);
    u |= sign;
    memcpy(&f, &u, sizeof f);
    return f;
#endif
}

__host__ __device__ inline void narrow(fp16 *to, float v)
{
#ifdef __CUDA_ARCH__
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to->bits) : "f"(v));
#else
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    const uint32_t sign = u >> 16 & 0x8000, size = u & 0x7fffffff;
    if (size > 0x7f800000) {
        to->bits = (uint16_t)(sign | 0x7fff);
    } else if (size >= 0x47800000) {
        to->bits = (uint16_t)(sign | 0x7c00);
    } else if (size < 0x38800000) {      /* a denormal: 0.5 has the unit that it is rounded to */
        float f;
        memcpy(&f, &size, sizeof f);
        f += 0.5f;
        memcpy(&u, &f, sizeof u);
        to->bits = (uint16_t)(sign | (u - 0x3f000000));
    } else {
        to->bits = (uint16_t)(sign | (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13);
    }
#endif
}

/* The gradient of a mean over 512 rows of 2048 features is about 1e-7 an element, of which fp16 has
 * a bit or two.  So in fp16 gradients of activations are stored times this.  Losses, where they
 * begin, multiply; ops that make one from another do nothing, being linear in it; ops that make a
 * weight's gradient, in fp32, divide; and nobody else knows.  A power of two, which rounds nothing;
 * the largest number, 65504, is then a gradient of 4.
 *
 * Forward, denormals matter in weights alone: those below 6e-5 keep fewer bits and those below 3e-8
 * none, in sums where larger ones decide; activations are near 1, behind a batch norm.  What
 * overflows is infinite, and NaN in the loss. */
enum { GRADIENT_SCALE = 1 << 14 };

template <typename T> struct is_bf16 { enum { yes = false }; };
template <> struct is_bf16<bf16> { enum { yes = true }; };

/* V neighbours moved at once; their address is a multiple of their size. */
template <typename T, int V> struct alignas(sizeof(T) * V) pack { T at[V]; };
enum { PACK_BYTES = 16 };

/* V numbers as floats.  A pair of bf16 is two instructions: the lower one moved up, the upper one
 * cut out; left to itself the compiler takes each out of its pair first. */
template <typename T, int V> __device__ inline void widened(float *v, const pack<T, V> &p)
{
#ifdef __CUDA_ARCH__
    if constexpr (V % 2 == 0 && is_bf16<T>::yes) {
        for (int k = 0; k < V; k += 2) {
            uint32_t two;
            memcpy(&two, &p.at[k], sizeof two);
            v[k] = __uint_as_float(two << 16);
            v[k + 1] = __uint_as_float(two & 0xffff0000u);
        }
    } else
#endif
        for (int k = 0; k < V; k++) v[k] = widen(p.at[k]);
}

/* p where y > 0, else zero: a ReLU's gradient. */
template <typename T, int V>
__device__ inline pack<T, V> masked(const pack<T, V> &p, const pack<T, V> &y)
{
    pack<T, V> to = p;
#ifdef __CUDA_ARCH__
    if constexpr (V % 2 == 0 && sizeof(T) == 2) {
        for (int k = 0; k < V; k += 2) {
            uint32_t two, of, mask;
            memcpy(&two, &p.at[k], sizeof two);
            memcpy(&of, &y.at[k], sizeof of);
            if constexpr (is_bf16<T>::yes)
                asm("set.gt.u32.bf16x2 %0, %1, %2;" : "=r"(mask) : "r"(of), "r"(0));
            else asm("set.gt.u32.f16x2 %0, %1, %2;" : "=r"(mask) : "r"(of), "r"(0));
            two &= mask;
            memcpy(&to.at[k], &two, sizeof two);
        }
    } else
#endif
        for (int k = 0; k < V; k++)
            if (!(widen(y.at[k]) > 0)) narrow(&to.at[k], 0);
    return to;
}

/* V numbers rounded, two at a time where the card has an instruction for that.  It keeps bf16's
 * denormals, which are fp32's, so they are to be flushed before (fmaf_flushed). */
template <typename T, int V> __device__ inline pack<T, V> narrowed(const float *v)
{
    pack<T, V> p;
#ifdef __CUDA_ARCH__
    if constexpr (V % 2 == 0 && sizeof(T) == 2) {
        for (int k = 0; k < V; k += 2) {
            uint32_t two;
            if constexpr (is_bf16<T>::yes)
                asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(two) : "f"(v[k + 1]), "f"(v[k]));
            else asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(two) : "f"(v[k + 1]), "f"(v[k]));
            memcpy(&p.at[k], &two, sizeof two);
        }
    } else
#endif
        for (int k = 0; k < V; k++) narrow(&p.at[k], v[k]);
    return p;
}

/* a b + c and max(v, 0), denormals to zero on the card; NaN stays. */
__device__ inline float fmaf_flushed(float a, float b, float c)
{
#ifdef __CUDA_ARCH__
    float d;
    asm("fma.rn.ftz.f32 %0, %1, %2, %3;" : "=f"(d) : "f"(a), "f"(b), "f"(c));
    return d;
#else
    return fmaf(a, b, c);
#endif
}

__device__ inline float relu_of(float v)
{
#ifdef __CUDA_ARCH__
    float d;
    asm("max.ftz.NaN.f32 %0, %1, 0f00000000;" : "=f"(d) : "f"(v));
    return d;
#else
    return v < 0 ? 0.0f : v;
#endif
}

/* An act_grad of known width. */
template <typename T> struct grad_to {
    T *at;
    bool add;
    __host__ __device__ void put(size_t i, float v) const
    {
        narrow(&at[i], add ? widen(at[i]) + v : v);
    }
};
template <typename T> static inline grad_to<T> grad_of(struct act_grad g)
{
    return { (T *)g.at, g.add };
}

static inline float *float_out(dev_float *p) { return (float *)p; }
static inline const float *float_in(const dev_float *p) { return (const float *)p; }

/* f<T>(...), T as activations are stored now. */
#define WITH_ACT(f, ...)                                                        \
    (cuda_precision() == PRECISION_BF16 ? f<bf16>(__VA_ARGS__) :                \
     cuda_precision() == PRECISION_FP16 ? f<fp16>(__VA_ARGS__) : f<float>(__VA_ARGS__))

/* ---- loops over elements --------------------------------------------------------------------- */

enum { THREADS = 256 };                  /* of a block, a power of two */

static inline unsigned blocks_for(size_t n, size_t each)
{
    return (unsigned)((n + each - 1) / each);
}

template <typename F> __global__ void sim_each(F f, size_t n)
{
    const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) f(i);
}

/* f(0), ..., f(n - 1), in no order: f is a struct with an operator() and holds what it works on. */
template <typename F> static inline void each(size_t n, const F &f)
{
    if (n) LAUNCH(sim_each<F>, blocks_for(n, THREADS), THREADS, f, n);
}

/* ---- sums over a block ----------------------------------------------------------------------- */

/* The sum of all threads' v, in every thread: a tree of one shape.  All threads of the block call
 * it. */
__device__ inline double block_sum(double v)
{
    __shared__ double part[THREADS];
    const unsigned t = threadIdx.x;
    __syncthreads();                     /* a sum before this one may still be read */
    part[t] = v;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
    return part[0];
}

/* The same of the largest; NaN is passed over. */
__device__ inline float block_largest(float v)
{
    __shared__ float part[THREADS];
    const unsigned t = threadIdx.x;
    __syncthreads();
    part[t] = v;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (t < half) part[t] = part[t] < part[t + half] ? part[t + half] : part[t];
        __syncthreads();
    }
    return part[0];
}

/* Is this block the last of `of` to come here?  It then sees what all of them wrote before.  done[0]
 * is zero before the first and after the last. */
__device__ inline bool is_last(unsigned *done, unsigned of)
{
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        last = atomicAdd(done, 1u) == of - 1;
        if (last) *done = 0;
    }
    __syncthreads();
    if (last) __threadfence();
    return last;
}

/* sum_j a[j] b[j] of two rows of d, in every thread of the block. */
template <typename T> __device__ inline double block_dot(const T *a, const T *b, int d)
{
    double sum = 0;
    for (int j = (int)threadIdx.x; j < d; j += THREADS)
        sum += (double)widen(a[j]) * (double)widen(b[j]);
    return block_sum(sum);
}

/* PyTorch's normalize and cosine_similarity: no norm below COSINE_EPS. */
__device__ inline double norm_of(double square)
{
    const double norm = sqrt(square);
    return norm < (double)COSINE_EPS ? (double)COSINE_EPS : norm;      /* NaN stays */
}

/* One block: out[0] += scale * the sum of term[n]. */
template <typename T>
__global__ void sim_add_total(float *out, const T *term, size_t n, double scale)
{
    double sum = 0;
    for (size_t i = threadIdx.x; i < n; i += THREADS) sum += (double)term[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) out[0] += (float)(scale * sum);
}
