/* The Adam update of one vector of weights, fast enough that memory is the limit. */
#ifndef CN_KERNELS_CPU_ISA_ADAM_H
#define CN_KERNELS_CPU_ISA_ADAM_H

#include "kernels/cpu/isa/vec.h"

#if L_ == 16
/* m / (sqrt(v) + eps) by the 14-bit estimates and a Newton step each, the quotient corrected once
 * by its remainder: at most 2 ulp. Lanes whose v or divisor is so extreme that an estimate or a
 * product could leave the normal range make the whole vector take the exact instructions; v = 0 is
 * common (dead inputs) and stays on the fast way. */
CN__INLINE vf adam_quotient(vf m, vf v, vf eps)
{
    const vf zero = cn__splat(0.0f);
    __mmask16 dead = v_eq(v, zero);
    __m512 vc = _mm512_mask_mov_ps((__m512)v, dead, _mm512_set1_ps(1.0f));
    __m512 r = _mm512_rsqrt14_ps(vc);
    __m512 s = _mm512_mul_ps(vc, r);
    /* s + s/2 (1 - s r): the Newton step of the square root itself. */
    __m512 e = _mm512_fnmadd_ps(s, r, _mm512_set1_ps(1.0f));
    s = _mm512_fmadd_ps(_mm512_mul_ps(s, _mm512_set1_ps(0.5f)), e, s);
    __m512 d = _mm512_add_ps(_mm512_maskz_mov_ps((__mmask16)~dead, s), (__m512)eps);
    __m512 q = _mm512_rcp14_ps(d);
    q = _mm512_fmadd_ps(q, _mm512_fnmadd_ps(d, q, _mm512_set1_ps(1.0f)), q);
    __m512 t = _mm512_mul_ps((__m512)m, q);
    t = _mm512_fmadd_ps(_mm512_fnmadd_ps(d, t, (__m512)m), q, t);
    /* One unsigned comparison a value: 2^-125 <= v <= 2^100, 2^-100 <= d <= 2^100, |m| <= 2^100 as
     * bit patterns, which also refuses negatives, inf and NaN. */
    __m512i iv = _mm512_sub_epi32(_mm512_castps_si512(vc), _mm512_set1_epi32(0x01000000));
    __m512i id = _mm512_sub_epi32(_mm512_castps_si512(d), _mm512_set1_epi32(0x0d800000));
    __m512i im = _mm512_and_epi32(_mm512_castps_si512((__m512)m), _mm512_set1_epi32(0x7fffffff));
    unsigned odd = _mm512_cmpgt_epu32_mask(iv, _mm512_set1_epi32(0x70800000)) |
                   _mm512_cmpgt_epu32_mask(id, _mm512_set1_epi32(0x64000000)) |
                   _mm512_cmpgt_epu32_mask(im, _mm512_set1_epi32(0x71800000));
    if (__builtin_expect(odd != 0, 0))
        return (vf)_mm512_div_ps((__m512)m, _mm512_add_ps(_mm512_sqrt_ps((__m512)v), (__m512)eps));
    return (vf)t;
}
#else
CN__INLINE vf adam_quotient(vf m, vf v, vf eps)
{
    return m / (v_sqrt(v) + eps);
}
#endif

/* m += (g - m) c1;  v += (g g - v) c2;  w -= alpha m / (sqrt(v) + eps). */
CN__INLINE void adam_vector(vf g, vf *w, vf *m, vf *v, vf alpha, vf c1, vf c2, vf eps)
{
    *m = cn__fma(g - *m, c1, *m);
    *v = cn__fma(g * g - *v, c2, *v);
    *w = *w - alpha * adam_quotient(*m, *v, eps);
}

#endif
