/* SPDX-License-Identifier: MIT
 *
 * vec.h -- vectors of fp32 as wide as this variant's instruction set has them, and how bf16 gets in
 * and out.
 *
 * LANES floats a vector; VECTORS registers.  bf16 is the upper half of an fp32, rounded to nearest
 * even, denormals to zero: vcvtneps2bf16's rule, which every variant keeps to the bit.
 *
 * vec_load_bf16_pairs and vec_store_bf16_pairs move 2 LANES numbers at once, the even and the odd
 * ones apart: that takes a shift and a mask, where keeping their order takes four instructions.
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

#if defined(__AVX512F__)      /* ---- AVX-512 --------------------------------------------------- */
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
ALWAYS_INLINE vec vec_div(vec a, vec b) { return _mm512_div_ps(a, b); }
ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }  /* a b + c */
ALWAYS_INLINE vec vec_relu(vec v) { return _mm512_max_ps(_mm512_setzero_ps(), v); }  /* NaN stays */
ALWAYS_INLINE vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
ALWAYS_INLINE vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }
ALWAYS_INLINE vec vec_pick(vec test, vec yes, vec no)                            /* yes: test > 0 */
{
    return _mm512_mask_mov_ps(no, _mm512_cmp_ps_mask(test, _mm512_setzero_ps(), _CMP_GT_OQ), yes);
}
ALWAYS_INLINE vec vec_where_positive(vec test, vec v)                                   /* else 0 */
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(test, _mm512_setzero_ps(), _CMP_GT_OQ), v);
}
ALWAYS_INLINE uint32_t vec_above(vec a, vec b)                              /* bit i: a[i] > b[i] */
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
ALWAYS_INLINE vec vec_load_n(const float *p, int n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
ALWAYS_INLINE void vec_store_n(float *p, vec v, int n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
ALWAYS_INLINE vec vec_load_bytes(const uint8_t *p)                                      /* 0..255 */
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
ALWAYS_INLINE vec vec_load_bf16(const bf16 *p)
{
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
#ifdef __AVX512BF16__
ALWAYS_INLINE __m256i vec_to_bf16(vec v) { return (__m256i)_mm512_cvtneps_pbh(v); }
ALWAYS_INLINE __m512i vec_to_bf16_pairs(vec even, vec odd)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9,
                                           24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
                                           16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}
#else
/* In the upper halves of v's lanes the bf16 nearest to them; the lower halves are undefined. */
ALWAYS_INLINE __m512i vec_round_bf16(vec v)
{
    const __m512i u = _mm512_castps_si512(v),
                  size = _mm512_and_si512(u, _mm512_set1_epi32(0x7fffffff));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    const __m512i r = _mm512_add_epi32(_mm512_add_epi32(u, odd), _mm512_set1_epi32(0x7fff));
    const __mmask16 nan = _mm512_cmpgt_epi32_mask(size, _mm512_set1_epi32(0x7f800000));
    const __mmask16 tiny = _mm512_cmplt_epi32_mask(size, _mm512_set1_epi32(0x00800000));
    const __m512i nan_or_r = _mm512_mask_or_epi32(r, nan, u, _mm512_set1_epi32(0x400000));
    return _mm512_mask_and_epi32(nan_or_r, tiny, u, _mm512_set1_epi32((int)0x80000000));
}
ALWAYS_INLINE __m256i vec_to_bf16(vec v)
{
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(vec_round_bf16(v), 16));
}
ALWAYS_INLINE __m512i vec_to_bf16_pairs(vec even, vec odd)
{
    return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(vec_round_bf16(even), 16),
                                   vec_round_bf16(odd));
}
#endif
ALWAYS_INLINE void vec_store_bf16(bf16 *p, vec v)
{
    _mm256_storeu_si256((__m256i *)p, vec_to_bf16(v));
}
ALWAYS_INLINE void vec_load_bf16_pairs(vec *even, vec *odd, const bf16 *p)
{
    const __m512i u = _mm512_loadu_si512(p);
    *even = _mm512_castsi512_ps(_mm512_slli_epi32(u, 16));
    *odd = _mm512_castsi512_ps(_mm512_and_si512(u, _mm512_set1_epi32((int)0xffff0000)));
}
ALWAYS_INLINE void vec_store_bf16_pairs(bf16 *p, vec even, vec odd)
{
    _mm512_storeu_si512(p, vec_to_bf16_pairs(even, odd));
}
/* a0 b0 a1 b1 ...: of the lower halves of a and b, and of the upper ones. */
ALWAYS_INLINE vec vec_zip_low(vec a, vec b)
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
ALWAYS_INLINE vec vec_zip_high(vec a, vec b)
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
}

#elif defined(__AVX2__)       /* ---- AVX2 and FMA ---------------------------------------------- */
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
ALWAYS_INLINE vec vec_div(vec a, vec b) { return _mm256_div_ps(a, b); }
ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }  /* a b + c */
ALWAYS_INLINE vec vec_relu(vec v) { return _mm256_max_ps(_mm256_setzero_ps(), v); }  /* NaN stays */
ALWAYS_INLINE vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }
ALWAYS_INLINE vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }
ALWAYS_INLINE vec vec_pick(vec test, vec yes, vec no)                            /* yes: test > 0 */
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(test, _mm256_setzero_ps(), _CMP_GT_OQ));
}
ALWAYS_INLINE vec vec_where_positive(vec test, vec v)                                   /* else 0 */
{
    return _mm256_and_ps(_mm256_cmp_ps(test, _mm256_setzero_ps(), _CMP_GT_OQ), v);
}
ALWAYS_INLINE uint32_t vec_above(vec a, vec b)                              /* bit i: a[i] > b[i] */
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
ALWAYS_INLINE __m256i vec_first(int n)                                                 /* n lanes */
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ALWAYS_INLINE vec vec_load_n(const float *p, int n) { return _mm256_maskload_ps(p, vec_first(n)); }
ALWAYS_INLINE void vec_store_n(float *p, vec v, int n) { _mm256_maskstore_ps(p, vec_first(n), v); }
ALWAYS_INLINE vec vec_load_bytes(const uint8_t *p)                                      /* 0..255 */
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
ALWAYS_INLINE vec vec_load_bf16(const bf16 *p)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
/* In the upper halves of v's lanes the bf16 nearest to them; the lower halves are undefined. */
ALWAYS_INLINE __m256i vec_round_bf16(vec v)
{
    const __m256i u = _mm256_castps_si256(v),
                  size = _mm256_and_si256(u, _mm256_set1_epi32(0x7fffffff));
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(_mm256_add_epi32(u, odd), _mm256_set1_epi32(0x7fff));
    const __m256i nan = _mm256_cmpgt_epi32(size, _mm256_set1_epi32(0x7f800000));
    const __m256i tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x00800000), size);
    r = _mm256_blendv_epi8(r, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)), nan);
    return _mm256_blendv_epi8(r, _mm256_and_si256(u, _mm256_set1_epi32((int)0x80000000)), tiny);
}
ALWAYS_INLINE void vec_store_bf16(bf16 *p, vec v)
{
    const __m256i r = _mm256_srli_epi32(vec_round_bf16(v), 16);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0x08);
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
}
ALWAYS_INLINE void vec_load_bf16_pairs(vec *even, vec *odd, const bf16 *p)
{
    const __m256i u = _mm256_loadu_si256((const __m256i *)p);
    *even = _mm256_castsi256_ps(_mm256_slli_epi32(u, 16));
    *odd = _mm256_castsi256_ps(_mm256_and_si256(u, _mm256_set1_epi32((int)0xffff0000)));
}
ALWAYS_INLINE void vec_store_bf16_pairs(bf16 *p, vec even, vec odd)
{
    const __m256i low = _mm256_srli_epi32(vec_round_bf16(even), 16);
    _mm256_storeu_si256((__m256i *)p, _mm256_blend_epi16(low, vec_round_bf16(odd), 0xaa));
}
ALWAYS_INLINE vec vec_zip_low(vec a, vec b)
{
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
ALWAYS_INLINE vec vec_zip_high(vec a, vec b)
{
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

#else                        /* ---- any CPU: four lanes, as the compiler likes ----------------- */
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
ALWAYS_INLINE vec vec_div(vec a, vec b) { return a / b; }
ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return a * b + c; }
ALWAYS_INLINE vec vec_keep(vec_mask where, vec v) { return (vec)((vec_mask)v & where); }
ALWAYS_INLINE vec vec_relu(vec v) { return vec_keep(~(v < vec_zero()), v); }     /* NaN stays */
ALWAYS_INLINE vec vec_pick(vec test, vec yes, vec no)                            /* yes: test > 0 */
{
    const vec_mask where = test > vec_zero();
    return (vec)(((vec_mask)yes & where) | ((vec_mask)no & ~where));
}
ALWAYS_INLINE vec vec_max(vec a, vec b) { return vec_pick(vec_sub(a, b), a, b); }
ALWAYS_INLINE vec vec_min(vec a, vec b) { return vec_pick(vec_sub(b, a), a, b); }
ALWAYS_INLINE vec vec_where_positive(vec test, vec v) { return vec_keep(test > vec_zero(), v); }
ALWAYS_INLINE uint32_t vec_above(vec a, vec b)                              /* bit i: a[i] > b[i] */
{
    uint32_t bits = 0;
    for (int i = 0; i < 4; i++) bits |= (uint32_t)(a[i] > b[i]) << i;
    return bits;
}
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
/* 0..255 */
ALWAYS_INLINE vec vec_load_bytes(const uint8_t *p) { return (vec){ p[0], p[1], p[2], p[3] }; }
typedef uint32_t vec_bits __attribute__((vector_size(16)));
typedef bf16 vec_bf16 __attribute__((vector_size(8)));
ALWAYS_INLINE vec vec_load_bf16(const bf16 *p)
{
    vec_bf16 b;
    memcpy(&b, p, sizeof b);
    return (vec)(__builtin_convertvector(b, vec_bits) << 16);
}
/* In the upper halves of v's lanes the bf16 nearest to them; the lower halves are undefined. */
ALWAYS_INLINE vec_bits vec_round_bf16(vec v)
{
    const vec_bits u = (vec_bits)v, size = u & 0x7fffffff;
    const vec_bits nan = (vec_bits)(size > 0x7f800000), tiny = (vec_bits)(size < 0x00800000);
    const vec_bits r = u + 0x7fff + (u >> 16 & 1);
    return (r & ~nan & ~tiny) | ((u | 0x400000) & nan) | (u & 0x80000000 & tiny);
}
ALWAYS_INLINE void vec_store_bf16(bf16 *p, vec v)
{
    const vec_bf16 b = __builtin_convertvector(vec_round_bf16(v) >> 16, vec_bf16);
    memcpy(p, &b, sizeof b);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the even one of a pair is the lower half");
ALWAYS_INLINE void vec_load_bf16_pairs(vec *even, vec *odd, const bf16 *p)
{
    vec_bits u;
    memcpy(&u, p, sizeof u);
    *even = (vec)(u << 16), *odd = (vec)(u & 0xffff0000);
}
ALWAYS_INLINE void vec_store_bf16_pairs(bf16 *p, vec even, vec odd)
{
    const vec_bits u = vec_round_bf16(even) >> 16 | (vec_round_bf16(odd) & 0xffff0000);
    memcpy(p, &u, sizeof u);
}
ALWAYS_INLINE vec vec_zip_low(vec a, vec b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
ALWAYS_INLINE vec vec_zip_high(vec a, vec b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#endif

#ifdef __AVX512BF16__
#define HAVE_BF16_PRODUCTS 1
/* sum + a.even b.even + a.odd b.odd in each lane; a and b hold pairs of bf16.  `pair` is one pair
 * for all lanes. */
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
