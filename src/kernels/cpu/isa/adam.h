/* The Adam update of one vector of weights, fast enough that memory is the limit. */
#ifndef CN_KERNELS_CPU_ISA_ADAM_H
#define CN_KERNELS_CPU_ISA_ADAM_H

#include "kernels/cpu/isa/vec.h"

/* m / (sqrt(v) + eps), each operation rounded once. */
CN__INLINE vf adam_exact(vf m, vf v, vf eps)
{
    return m / (v_sqrt(v) + eps);
}

/* Whether adam_quotient may be used with this epsilon: see there. */
CN__INLINE int adam_ordinary(float eps)
{
    return eps >= 1e-11f && eps <= 1e10f;
}

#if L_ == 16
/* The same by the 14-bit estimates and a Newton step each, so that memory is the limit: the
 * quotient is within 1.2 ulp of m / d, all of it within 2.2. v is raised to 2^-125, whose root
 * vanishes beside an ordinary epsilon, so that v = 0 (dead inputs) needs no care; d = sqrt(v) + eps
 * is then far from the ends of the range. A v that is negative, huge, infinite or NaN makes the
 * whole vector take the exact way; m may be anything. */
CN__INLINE vf adam_quotient(vf m, vf v, vf eps)
{
    const __m512 half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1.0f);
    __m512i bits = _mm512_castps_si512((__m512)v);
    if (__builtin_expect(_mm512_cmpgt_epu32_mask(bits, _mm512_set1_epi32(0x71800000)) != 0, 0))
        return adam_exact(m, v, eps);
    __m512 c = _mm512_max_ps((__m512)v, _mm512_set1_ps(0x1p-125f));
    __m512 r = _mm512_rsqrt14_ps(c);
    __m512 s = _mm512_mul_ps(c, r), h = _mm512_mul_ps(r, half);
    /* s (3/2 - s r / 2), the Newton step of the square root itself. */
    s = _mm512_fmadd_ps(s, _mm512_fnmadd_ps(s, h, half), s);
    __m512 d = _mm512_add_ps(s, (__m512)eps);
    __m512 q = _mm512_rcp14_ps(d);
    q = _mm512_fmadd_ps(q, _mm512_fnmadd_ps(d, q, one), q);
    return (vf)_mm512_mul_ps((__m512)m, q);
}
#else
CN__INLINE vf adam_quotient(vf m, vf v, vf eps)
{
    return adam_exact(m, v, eps);
}
#endif

/* m += (g - m) c1;  v += (g g - v) c2;  w -= alpha m / (sqrt(v) + eps). */
CN__INLINE void adam_vector(vf g, vf *w, vf *m, vf *v, vf alpha, vf c1, vf c2, vf eps, int ordinary)
{
    *m = cn__fma(g - *m, c1, *m);
    *v = cn__fma(cn__fma(g, g, -*v), c2, *v);
    vf q = ordinary ? adam_quotient(*m, *v, eps) : adam_exact(*m, *v, eps);
    *w = cn__fma(-alpha, q, *w);
}

#endif
