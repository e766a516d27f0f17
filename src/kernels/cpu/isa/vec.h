/* More of the vector language of simd.h: masks, selection, rounding, partial loads, bits,
 * transposition. */
#ifndef CN_KERNELS_CPU_ISA_VEC_H
#define CN_KERNELS_CPU_ISA_VEC_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/simd.h"

#include <math.h>

#define L_ CN__LANES

/* No product is fused with a sum unless the source says cn__fma: gcc keeps to that under -std=c11,
 * clang asks to be told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* Full unrolling of the loop that follows; its bounds are literal. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 64")
#else
#define UNROLL
#endif

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#define PREFETCH(p) __builtin_prefetch((p), 0, 3)
#else
#define NOINLINE
#define PREFETCH(p) ((void)(p))
#endif

/* vu: the bits of a vector. vm: one truth value a lane. */
#if L_ == 16
typedef uint32_t vu __attribute__((vector_size(64)));
typedef __mmask16 vm;
#elif L_ > 1
typedef uint32_t vu __attribute__((vector_size(4 * L_)));
typedef vu vm;
#else
typedef uint32_t vu;
typedef int vm;
#endif
typedef cn__vf vf;

CN__INLINE vu as_u(vf x)
{
    vu r;
    memcpy(&r, &x, sizeof r);
    return r;
}

CN__INLINE vf as_f(vu x)
{
    vf r;
    memcpy(&r, &x, sizeof r);
    return r;
}

CN__INLINE vu splat_u(uint32_t x)
{
#if L_ == 1
    return x;
#else
    return x - (vu){0};
#endif
}

#if L_ == 16
#define CMP_(name, code)                                                                           \
    CN__INLINE vm name(vf a, vf b)                                                                 \
    {                                                                                              \
        return _mm512_cmp_ps_mask((__m512)a, (__m512)b, code);                                     \
    }
CMP_(v_lt, _CMP_LT_OQ)
CMP_(v_le, _CMP_LE_OQ)
CMP_(v_eq, _CMP_EQ_OQ)
CMP_(v_unord, _CMP_UNORD_Q)
#undef CMP_
#else
/* The compiler's comparisons give 0 or all ones a lane; for one float 0 or 1. */
CN__INLINE vm v_lt(vf a, vf b)
{
    return (vm)(a < b);
}
CN__INLINE vm v_le(vf a, vf b)
{
    return (vm)(a <= b);
}
CN__INLINE vm v_eq(vf a, vf b)
{
    return (vm)(a == b);
}
CN__INLINE vm v_unord(vf a, vf b)
{
    return (vm)(a != a) | (vm)(b != b);
}
#endif

CN__INLINE vm m_not(vm a)
{
#if L_ == 1
    return !a;
#else
    return (vm)~a;
#endif
}

CN__INLINE vm m_and(vm a, vm b)
{
    return (vm)(a & b);
}

CN__INLINE vm m_or(vm a, vm b)
{
    return (vm)(a | b);
}

/* Whether any lane is true. */
CN__INLINE int m_any(vm a)
{
#if L_ == 16 || L_ == 1
    return a != 0;
#elif L_ == 8
    return _mm256_movemask_ps((__m256)a) != 0;
#else
    return _mm_movemask_ps((__m128)a) != 0;
#endif
}

/* m ? a : b in each lane. */
CN__INLINE vf v_sel(vm m, vf a, vf b)
{
#if L_ == 16
    return (vf)_mm512_mask_mov_ps((__m512)b, m, (__m512)a);
#elif L_ == 8
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m);
#elif L_ > 1
    return as_f((as_u(a) & m) | (as_u(b) & ~m));
#else
    return m ? a : b;
#endif
}

/* m ? a : 0 in each lane. */
CN__INLINE vf v_keep(vm m, vf a)
{
#if L_ == 16
    return (vf)_mm512_maskz_mov_ps(m, (__m512)a);
#elif L_ > 1
    return as_f(as_u(a) & m);
#else
    return m ? a : 0.0f;
#endif
}

CN__INLINE vf v_min(vf a, vf b) /* a < b ? a : b */
{
#if L_ == 16
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif L_ == 8
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif L_ == 4
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    return a < b ? a : b;
#endif
}

CN__INLINE vf v_sqrt(vf a)
{
#if L_ == 16
    return (vf)_mm512_sqrt_ps((__m512)a);
#elif L_ == 8
    return (vf)_mm256_sqrt_ps((__m256)a);
#elif L_ == 4
    return (vf)_mm_sqrt_ps((__m128)a);
#else
    return sqrtf(a);
#endif
}

CN__INLINE vf v_abs(vf a)
{
    return as_f(as_u(a) & splat_u(0x7fffffffu));
}

/* The magnitude of a with the sign of s. */
CN__INLINE vf v_copysign(vf a, vf s)
{
    return as_f((as_u(a) & splat_u(0x7fffffffu)) | (as_u(s) & splat_u(0x80000000u)));
}

/* To the nearest whole number, halves to even. */
CN__INLINE vf v_round(vf a)
{
#if L_ == 16
    return (vf)_mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif L_ == 8
    return (vf)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    /* Adding 2^23 leaves no bits for a fraction; larger numbers, and NaN, are whole already. */
    const vf big = cn__splat(8388608.0f);
    vf r = (v_abs(a) + big) - big;
    return v_sel(v_lt(v_abs(a), big), v_copysign(r, a), a);
#endif
}

CN__INLINE vf v_floor(vf a)
{
#if L_ == 16
    return (vf)_mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif L_ == 8
    return (vf)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#else
    vf r = v_round(a);
    return v_copysign(r - v_keep(v_lt(a, r), cn__splat(1.0f)), a);
#endif
}

CN__INLINE vf v_ceil(vf a)
{
    return as_f(as_u(v_floor(as_f(as_u(a) ^ splat_u(0x80000000u)))) ^ splat_u(0x80000000u));
}

/* The first n lanes from memory, 0 in the others; 0 <= n < CN__LANES. */
CN__INLINE vf load_n(const float *p, int n)
{
#if L_ == 16
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif L_ > 1
    float t[L_] = {0};
    for (int i = 0; i < n; i++)
        t[i] = p[i];
    return cn__load(t);
#else
    return n ? *p : 0.0f;
#endif
}

CN__INLINE void store_n(float *p, vf v, int n)
{
#if L_ == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif L_ > 1
    float t[L_];
    cn__store(t, v);
    for (int i = 0; i < n; i++)
        p[i] = t[i];
#else
    if (n)
        *p = v;
#endif
}

/* Any count up to a whole vector. */
CN__INLINE vf load_to(const float *p, int64_t n)
{
    return n >= L_ ? cn__load(p) : load_n(p, (int)n);
}

CN__INLINE void store_to(float *p, vf v, int64_t n)
{
    if (n >= L_)
        cn__store(p, v);
    else
        store_n(p, v, (int)n);
}

/* One float with the rounding of cn__fma, for edges. */
CN__INLINE float fma1(float a, float b, float c)
{
#if L_ >= 8
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* Sum of the lanes: halves are added to halves, which every set does in the same order for the same
 * lanes. */
CN__INLINE float v_hsum(vf v)
{
#if L_ == 16
    __m256 lo = _mm512_castps512_ps256((__m512)v), hi = _mm512_extractf32x8_ps((__m512)v, 1);
    __m256 s = _mm256_add_ps(lo, hi);
#elif L_ == 8
    __m256 s = (__m256)v;
#endif
#if L_ >= 8
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
#elif L_ == 4
    __m128 q = (__m128)v;
#endif
#if L_ >= 4
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
#else
    return v;
#endif
}

/* dst[c][r] = src[r][c] for a block of 16 rows and 16 columns. */
CN__INLINE void transpose16(const float *src, int64_t ls, float *dst, int64_t ld)
{
#if L_ == 16
    /* Quarters of rows r, 4 + r, 8 + r, 12 + r are put together while loading, which leaves
     * transposes inside the quarters: half of the shuffles of the usual way. */
    UNROLL for (int c = 0; c < 16; c += 4)
    {
        __m512 a[4], b[4];
        UNROLL for (int r = 0; r < 4; r++)
        {
            const float *p = src + r * ls + c;
            __m512 t = _mm512_castps128_ps512(_mm_loadu_ps(p));
            t = _mm512_insertf32x4(t, _mm_loadu_ps(p + 4 * ls), 1);
            t = _mm512_insertf32x4(t, _mm_loadu_ps(p + 8 * ls), 2);
            a[r] = _mm512_insertf32x4(t, _mm_loadu_ps(p + 12 * ls), 3);
        }
        b[0] = _mm512_unpacklo_ps(a[0], a[1]);
        b[1] = _mm512_unpackhi_ps(a[0], a[1]);
        b[2] = _mm512_unpacklo_ps(a[2], a[3]);
        b[3] = _mm512_unpackhi_ps(a[2], a[3]);
        _mm512_storeu_ps(dst + c * ld, _mm512_shuffle_ps(b[0], b[2], 0x44));
        _mm512_storeu_ps(dst + (c + 1) * ld, _mm512_shuffle_ps(b[0], b[2], 0xee));
        _mm512_storeu_ps(dst + (c + 2) * ld, _mm512_shuffle_ps(b[1], b[3], 0x44));
        _mm512_storeu_ps(dst + (c + 3) * ld, _mm512_shuffle_ps(b[1], b[3], 0xee));
    }
#elif L_ >= 4
    for (int r = 0; r < 16; r += 4)
        for (int c = 0; c < 16; c += 4) {
            __m128 p = _mm_loadu_ps(src + r * ls + c), q = _mm_loadu_ps(src + (r + 1) * ls + c);
            __m128 s = _mm_loadu_ps(src + (r + 2) * ls + c);
            __m128 t = _mm_loadu_ps(src + (r + 3) * ls + c);
            _MM_TRANSPOSE4_PS(p, q, s, t);
            _mm_storeu_ps(dst + c * ld + r, p);
            _mm_storeu_ps(dst + (c + 1) * ld + r, q);
            _mm_storeu_ps(dst + (c + 2) * ld + r, s);
            _mm_storeu_ps(dst + (c + 3) * ld + r, t);
        }
#else
    for (int r = 0; r < 16; r++)
        for (int c = 0; c < 16; c++)
            dst[c * ld + r] = src[r * ls + c];
#endif
}

#endif
