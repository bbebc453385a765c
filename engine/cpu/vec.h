/* SPDX-License-Identifier: MIT
 *
 * vec.h -- vectors of fp32 as wide as this variant's instruction set has them, and how bf16 gets in and out.
 *
 * LANES floats a vector; VECTORS registers.  bf16 is the upper half of an fp32, rounded to nearest even, denormals to
 * zero: vcvtneps2bf16's rule, which every variant keeps to the bit.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE float float_of_bf16(bf16 b)
{
    const uint32_t u = (uint32_t)b << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

ALWAYS_INLINE bf16 bf16_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    const uint32_t size = u & 0x7fffffff;
    if (size > 0x7f800000) return (bf16)(u >> 16 | 0x40);                /* NaN stays NaN */
    if (size < 0x00800000) return (bf16)(u >> 16 & 0x8000);
    return (bf16)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

#if defined(__AVX512F__)                 /* ---- AVX-512 --------------------------------------------------- */
#include <immintrin.h>
enum { LANES = 16, VECTORS = 32 };
typedef __m512 vec;
ALWAYS_INLINE vec vec_zero(void) { return _mm512_setzero_ps(); }
ALWAYS_INLINE vec vec_all(float f) { return _mm512_set1_ps(f); }
ALWAYS_INLINE vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
ALWAYS_INLINE void vec_store(float *p, vec v) { _mm512_storeu_ps(p, v); }
ALWAYS_INLINE vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
ALWAYS_INLINE vec vec_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
ALWAYS_INLINE vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }            /* a b + c */
ALWAYS_INLINE vec vec_relu(vec v) { return _mm512_max_ps(_mm512_setzero_ps(), v); }            /* NaN stays */
ALWAYS_INLINE vec vec_where_positive(vec test, vec v)                                          /* else 0 */
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(test, _mm512_setzero_ps(), _CMP_GT_OQ), v);
}
ALWAYS_INLINE vec vec_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
ALWAYS_INLINE void vec_store_n(float *p, vec v, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v); }
ALWAYS_INLINE vec vec_load_bf16(const bf16 *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
/* The 16 bf16 numbers nearest to v. */
ALWAYS_INLINE __m256i vec_to_bf16(vec v)
{
#ifdef __AVX512BF16__
    return (__m256i)_mm512_cvtneps_pbh(v);
#else
    const __m512i u = _mm512_castps_si512(v), size = _mm512_and_si512(u, _mm512_set1_epi32(0x7fffffff));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(u, odd), _mm512_set1_epi32(0x7fff)), 16);
    const __mmask16 nan = _mm512_cmpgt_epi32_mask(size, _mm512_set1_epi32(0x7f800000));
    const __mmask16 tiny = _mm512_cmplt_epi32_mask(size, _mm512_set1_epi32(0x00800000));
    r = _mm512_mask_or_epi32(r, nan, _mm512_srli_epi32(u, 16), _mm512_set1_epi32(0x40));
    r = _mm512_mask_and_epi32(r, tiny, _mm512_srli_epi32(u, 16), _mm512_set1_epi32(0x8000));
    return _mm512_cvtepi32_epi16(r);
#endif
}
ALWAYS_INLINE void vec_store_bf16(bf16 *p, vec v) { _mm256_storeu_si256((__m256i *)p, vec_to_bf16(v)); }

#elif defined(__AVX2__)                  /* ---- AVX2 and FMA ---------------------------------------------- */
#include <immintrin.h>
enum { LANES = 8, VECTORS = 16 };
typedef __m256 vec;
ALWAYS_INLINE vec vec_zero(void) { return _mm256_setzero_ps(); }
ALWAYS_INLINE vec vec_all(float f) { return _mm256_set1_ps(f); }
ALWAYS_INLINE vec vec_load(const float *p) { return _mm256_loadu_ps(p); }
ALWAYS_INLINE void vec_store(float *p, vec v) { _mm256_storeu_ps(p, v); }
ALWAYS_INLINE vec vec_add(vec a, vec b) { return _mm256_add_ps(a, b); }
ALWAYS_INLINE vec vec_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
ALWAYS_INLINE vec vec_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }            /* a b + c */
ALWAYS_INLINE vec vec_relu(vec v) { return _mm256_max_ps(_mm256_setzero_ps(), v); }            /* NaN stays */
ALWAYS_INLINE vec vec_where_positive(vec test, vec v)                                          /* else 0 */
{
    return _mm256_and_ps(_mm256_cmp_ps(test, _mm256_setzero_ps(), _CMP_GT_OQ), v);
}
ALWAYS_INLINE __m256i vec_first(int n)                                                         /* n lanes */
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ALWAYS_INLINE vec vec_load_n(const float *p, int n) { return _mm256_maskload_ps(p, vec_first(n)); }
ALWAYS_INLINE void vec_store_n(float *p, vec v, int n) { _mm256_maskstore_ps(p, vec_first(n), v); }
ALWAYS_INLINE vec vec_load_bf16(const bf16 *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
ALWAYS_INLINE void vec_store_bf16(bf16 *p, vec v)
{
    const __m256i u = _mm256_castps_si256(v), size = _mm256_and_si256(u, _mm256_set1_epi32(0x7fffffff));
    const __m256i high = _mm256_srli_epi32(u, 16), odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    __m256i r = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(u, odd), _mm256_set1_epi32(0x7fff)), 16);
    const __m256i nan = _mm256_cmpgt_epi32(size, _mm256_set1_epi32(0x7f800000));
    const __m256i tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x00800000), size);
    r = _mm256_blendv_epi8(r, _mm256_or_si256(high, _mm256_set1_epi32(0x40)), nan);
    r = _mm256_blendv_epi8(r, _mm256_and_si256(high, _mm256_set1_epi32(0x8000)), tiny);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0x08);
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
}

#else                                    /* ---- any CPU: four lanes, as the compiler likes ----------------- */
enum { LANES = 4, VECTORS = 16 };
typedef float vec __attribute__((vector_size(16)));
typedef int32_t vec_mask __attribute__((vector_size(16)));
ALWAYS_INLINE vec vec_all(float f) { return (vec){ f, f, f, f }; }
ALWAYS_INLINE vec vec_zero(void) { return vec_all(0); }
ALWAYS_INLINE vec vec_load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
ALWAYS_INLINE void vec_store(float *p, vec v) { memcpy(p, &v, sizeof v); }
ALWAYS_INLINE vec vec_add(vec a, vec b) { return a + b; }
ALWAYS_INLINE vec vec_sub(vec a, vec b) { return a - b; }
ALWAYS_INLINE vec vec_mul(vec a, vec b) { return a * b; }
ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return a * b + c; }
ALWAYS_INLINE vec vec_keep(vec_mask where, vec v) { return (vec)((vec_mask)v & where); }
ALWAYS_INLINE vec vec_relu(vec v) { return vec_keep(~(v < vec_zero()), v); }                   /* NaN stays */
ALWAYS_INLINE vec vec_where_positive(vec test, vec v) { return vec_keep(test > vec_zero(), v); }
ALWAYS_INLINE vec vec_load_n(const float *p, int n)
{
    vec v = vec_zero();
    for (int i = 0; i < n; i++) v[i] = p[i];
    return v;
}
ALWAYS_INLINE void vec_store_n(float *p, vec v, int n)
{
    for (int i = 0; i < n; i++) p[i] = v[i];
}
ALWAYS_INLINE vec vec_load_bf16(const bf16 *p)
{
    return (vec){ float_of_bf16(p[0]), float_of_bf16(p[1]), float_of_bf16(p[2]), float_of_bf16(p[3]) };
}
ALWAYS_INLINE void vec_store_bf16(bf16 *p, vec v)
{
    for (int i = 0; i < 4; i++) p[i] = bf16_of(v[i]);
}
#endif

#ifdef __AVX512BF16__
#define HAVE_BF16_PRODUCTS 1
/* sum + a.even b.even + a.odd b.odd in each lane; a and b hold pairs of bf16.  `pair` is one pair for all lanes. */
ALWAYS_INLINE vec vec_dot_pairs(vec sum, uint32_t pair, __m512i b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32((int)pair), (__m512bh)b);
}
#else
#define HAVE_BF16_PRODUCTS 0
#endif

/* ---- activations: element i of p, bf16 or fp32 (say which with a constant) ---------------  */

ALWAYS_INLINE vec act_load(const void *p, size_t i, bool is_bf16)
{
    return is_bf16 ? vec_load_bf16((const bf16 *)p + i) : vec_load((const float *)p + i);
}
ALWAYS_INLINE void act_store(void *p, size_t i, vec v, bool is_bf16)
{
    if (is_bf16) vec_store_bf16((bf16 *)p + i, v);
    else vec_store((float *)p + i, v);
}
/* The first n < LANES lanes; the others read as zero and are not written. */
ALWAYS_INLINE vec act_load_n(const void *p, size_t i, int n, bool is_bf16)
{
    if (!is_bf16) return vec_load_n((const float *)p + i, n);
    bf16 all[LANES] = { 0 };
    memcpy(all, (const bf16 *)p + i, (size_t)n * sizeof *all);
    return vec_load_bf16(all);
}
ALWAYS_INLINE void act_store_n(void *p, size_t i, vec v, int n, bool is_bf16)
{
    if (!is_bf16) {
        vec_store_n((float *)p + i, v, n);
        return;
    }
    bf16 all[LANES];
    vec_store_bf16(all, v);
    memcpy((bf16 *)p + i, all, (size_t)n * sizeof *all);
}
