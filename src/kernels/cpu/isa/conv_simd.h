/* Masks, partial vectors and the functions that the convolution kernels of one instruction set
 * share. */
#ifndef CN_KERNELS_CPU_ISA_CONV_SIMD_H
#define CN_KERNELS_CPU_ISA_CONV_SIMD_H

#include "kernels/cpu/conv.h"
#include "kernels/cpu/simd.h"

/* Loops over register tiles have literal bounds and must vanish completely, or the tile lives in
 * memory. */
#if defined(__clang__)
#define CN__UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define CN__UNROLL _Pragma("GCC unroll 64")
#else
#define CN__UNROLL
#endif

/* A kernel that is inlined among others loses registers to what they keep. */
#define CN__NOINLINE __attribute__((noinline))

#define LANES CN__LANES

static inline __attribute__((unused)) int round_up(int n, int m)
{
    return (n + m - 1) / m * m;
}

static inline __attribute__((unused)) int least(int a, int b)
{
    return a < b ? a : b;
}

/* ------ Masks: one truth value a lane ------ */

#if LANES == 16
typedef __mmask16 cn__vm;
#define MASK_GT(a, b) _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), _CMP_GT_OQ)
#define MASK_NAN(a, b) _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), _CMP_UNORD_Q)
#define MASK_ANY(m) ((m) != 0)
#elif LANES == 8
typedef __m256 cn__vm;
#define MASK_GT(a, b) _mm256_cmp_ps((__m256)(a), (__m256)(b), _CMP_GT_OQ)
#define MASK_NAN(a, b) _mm256_cmp_ps((__m256)(a), (__m256)(b), _CMP_UNORD_Q)
#define MASK_ANY(m) (_mm256_movemask_ps(m) != 0)
#elif LANES == 4
typedef __m128 cn__vm;
#define MASK_GT(a, b) _mm_cmpgt_ps((__m128)(a), (__m128)(b))
#define MASK_NAN(a, b) _mm_cmpunord_ps((__m128)(a), (__m128)(b))
#define MASK_ANY(m) (_mm_movemask_ps(m) != 0)
#else
typedef int cn__vm;
#define MASK_GT(a, b) ((a) > (b))
#define MASK_NAN(a, b) ((a) != (a) || (b) != (b))
#define MASK_ANY(m) ((m) != 0)
#endif

/* m ? a : b */
CN__INLINE cn__vf select_f(cn__vm m, cn__vf a, cn__vf b)
{
#if LANES == 16
    return (cn__vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a);
#elif LANES == 8
    return (cn__vf)_mm256_blendv_ps((__m256)b, (__m256)a, m);
#elif LANES == 4
    return (cn__vf)_mm_or_ps(_mm_and_ps(m, (__m128)a), _mm_andnot_ps(m, (__m128)b));
#else
    return m ? a : b;
#endif
}

CN__INLINE cn__vi select_i(cn__vm m, cn__vi a, cn__vi b)
{
#if LANES == 16
    return (cn__vi)_mm512_mask_blend_epi32(m, (__m512i)b, (__m512i)a);
#elif LANES > 1
    return (cn__vi)select_f(m, (cn__vf)a, (cn__vf)b);
#else
    return m ? a : b;
#endif
}

CN__INLINE cn__vm mask_or(cn__vm a, cn__vm b)
{
#if LANES == 16
    return (cn__vm)(a | b);
#elif LANES == 8
    return _mm256_or_ps(a, b);
#elif LANES == 4
    return _mm_or_ps(a, b);
#else
    return a | b;
#endif
}

/* a and not b */
CN__INLINE cn__vm mask_andnot(cn__vm a, cn__vm b)
{
#if LANES == 16
    return (cn__vm)(a & ~b);
#elif LANES == 8
    return _mm256_andnot_ps(b, a);
#elif LANES == 4
    return _mm_andnot_ps(b, a);
#else
    return a & !b;
#endif
}

CN__INLINE cn__vi splat_i(int32_t x)
{
#if LANES == 16
    return (cn__vi)_mm512_set1_epi32(x);
#elif LANES == 8
    return (cn__vi)_mm256_set1_epi32(x);
#elif LANES == 4
    return (cn__vi)_mm_set1_epi32(x);
#else
    return x;
#endif
}

CN__INLINE cn__vm mask_eq_i(cn__vi a, cn__vi b)
{
#if LANES == 16
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
#elif LANES == 8
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32((__m256i)a, (__m256i)b));
#elif LANES == 4
    return _mm_castsi128_ps(_mm_cmpeq_epi32((__m128i)a, (__m128i)b));
#else
    return a == b;
#endif
}

/* ------ Partial vectors: n in 1..LANES elements, the lanes beyond are zero. With a constant n =
 * LANES they are plain. ------ */

CN__INLINE cn__vf load_n(const float *p, int n)
{
#if LANES == 1
    (void)n;
    return *p;
#else
    if (n == LANES)
        return cn__load(p);
#if LANES == 16
    return (cn__vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    float t[LANES] = {0};
    for (int i = 0; i < n; i++)
        t[i] = p[i];
    return cn__load(t);
#endif
#endif
}

CN__INLINE void store_n(float *p, cn__vf v, int n)
{
#if LANES == 1
    (void)n;
    *p = v;
#else
    if (n == LANES) {
        cn__store(p, v);
        return;
    }
#if LANES == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
    float t[LANES];
    cn__store(t, v);
    for (int i = 0; i < n; i++)
        p[i] = t[i];
#endif
#endif
}

CN__INLINE cn__vi load_i_n(const int32_t *p, int n)
{
    cn__vi v;
    cn__vf f = load_n((const float *)(const void *)p, n);
    memcpy(&v, &f, sizeof v);
    return v;
}

CN__INLINE void store_i_n(int32_t *p, cn__vi v, int n)
{
    cn__vf f;
    memcpy(&f, &v, sizeof f);
    store_n((float *)(void *)p, f, n);
}

/* Bytes to and from lanes of 32 bits. */
CN__INLINE cn__vi load_bytes(const uint8_t *p, int n)
{
#if LANES == 16
    if (n == LANES)
        return (cn__vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    return (cn__vi)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1), p));
#elif LANES == 8
    uint8_t t[8] = {0};
    if (n == LANES)
        memcpy(t, p, 8);
    else
        for (int i = 0; i < n; i++)
            t[i] = p[i];
    return (cn__vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)t));
#elif LANES == 4
    uint8_t t[4] = {0};
    int32_t all;
    for (int i = 0; i < n; i++)
        t[i] = p[i];
    memcpy(&all, t, 4);
    __m128i zero = _mm_setzero_si128(), v = _mm_unpacklo_epi8(_mm_cvtsi32_si128(all), zero);
    return (cn__vi)_mm_unpacklo_epi16(v, zero);
#else
    (void)n;
    return *p;
#endif
}

CN__INLINE void store_bytes(uint8_t *p, cn__vi v, int n)
{
#if LANES == 16
    __m128i b = _mm512_cvtepi32_epi8((__m512i)v);
    if (n == LANES)
        _mm_storeu_si128((__m128i *)(void *)p, b);
    else
        _mm_mask_storeu_epi8(p, (__mmask16)((1u << n) - 1), b);
#elif LANES > 1
#if LANES == 8
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)v),
                                _mm256_extracti128_si256((__m256i)v, 1));
#else
    __m128i w = _mm_packs_epi32((__m128i)v, (__m128i)v);
#endif
    uint8_t t[16];
    _mm_storeu_si128((__m128i *)(void *)t, _mm_packus_epi16(w, w));
    if (n == LANES)
        memcpy(p, t, LANES);
    else
        for (int i = 0; i < n; i++)
            p[i] = t[i];
#else
    (void)n;
    *p = (uint8_t)v;
#endif
}

/* ------ Matrix products ------
 *
 * A packed right-hand side B (k, n) consists of panels of PANEL columns, the last one only as many
 * vectors wide as it must be, zeros beyond n; panel p begins at k * PANEL * p and its row r at r
 * times its width. The rows of the other matrices are found through tables of offsets in floats. */

#if LANES == 16
enum { TILE_ROWS = 6, TILE_VECTORS = 4 };
#elif LANES > 1
enum { TILE_ROWS = 6, TILE_VECTORS = 2 };
#else
enum { TILE_ROWS = 4, TILE_VECTORS = 4 };
#endif
enum { PANEL = TILE_VECTORS * LANES };

#define gemm_nn CN__FN(conv_gemm_nn)
#define gemm_tn CN__FN(conv_gemm_tn)
#define pack_nn CN__FN(conv_pack_nn)
#define transpose_nn CN__FN(conv_transpose_nn)
#define packed_nn CN__FN(conv_packed_nn)

/* C[co[r]][0..n) (+)= sum_i A[ao[r] + i] * B[i][0..n) for r in [0, rows), i in [0, k); added to C
 * if `add`. */
void gemm_nn(const float *a, const int32_t *ao, int rows, int k, const float *b, int n, float *c,
             const int32_t *co, int add);
/* C[i * ldc + j] += sum_r A[ao[r] + i] * B[bo[r] + j] for i < m, j < n, in the order of r. Reads B
 * in whole vectors. */
void gemm_tn(const float *a, const int32_t *ao, const float *b, const int32_t *bo, int rows, int m,
             int n, float *c, int ldc);
/* Floats of a packed (k, n). */
int64_t packed_nn(int k, int n);
/* Packs columns [begin, end) (begin a multiple of PANEL) of w[i * ld + j], i < k, j < n. */
void pack_nn(const float *w, int ld, int k, int n, float *packed, int begin, int end);
/* Packs the transpose: B[i][j] = w[j * ld + i], i < k, j < n; all of it. */
void transpose_nn(const float *w, int ld, int k, int n, float *packed);

#endif
