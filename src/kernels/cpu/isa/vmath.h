/* Vector versions of exp, log and their kin, accurate to about 2 ulp, exact at the exceptional
 * values. */
#ifndef CN_KERNELS_CPU_ISA_VMATH_H
#define CN_KERNELS_CPU_ISA_VMATH_H

#include "kernels/cpu/isa/vec.h"

/* The polynomials were fitted for this file (weighted least squares towards the least maximum). */

CN__INLINE vf v_poly(const float *c, int n, vf x)
{
    vf r = cn__splat(c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        r = cn__fma(r, x, cn__splat(c[i]));
    return r;
}

/* 2^n for whole n in [-126, 127]. */
CN__INLINE vf v_exp2_whole(vf n)
{
    /* The low bits of n + 1.5*2^23 are those of n as an integer. */
    vu bits = as_u(n + cn__splat(12582912.0f));
    return as_f((bits + splat_u(127)) << 23);
}

/* x = n ln 2 + r, |r| <= ln 2 / 2; gives u = e^r - 1. x must be moderate. */
CN__INLINE vf v_exp_parts(vf x, vf *n)
{
    static const float c[] = {0.5f, 0.166665122f, 0.0416661873f, 0.00836959854f, 0.00139517174f};
    *n = v_round(x * cn__splat(1.44269504f));
    /* ln 2 in two parts, the first with few enough bits that its product with n is exact. */
    vf r = cn__fma(*n, cn__splat(-0.693359375f), x);
    r = cn__fma(*n, cn__splat(2.12194440e-4f), r);
    return cn__fma(r * r, v_poly(c, 5, r), r);
}

/* p * 2^n for whole n in [-252, 254]; two factors, so that results below the normal range are right
 * too. */
CN__INLINE vf v_scale(vf p, vf n)
{
#if L_ == 16
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    vf half = v_floor(n * cn__splat(0.5f));
    return p * v_exp2_whole(half) * v_exp2_whole(n - half);
#endif
}

/* Clamps with NaN passing through. */
CN__INLINE vf v_clamp(vf x, float lo, float hi)
{
    return cn__max(cn__splat(lo), v_min(cn__splat(hi), x));
}

CN__INLINE vf v_exp(vf x)
{
    vf n, u = v_exp_parts(v_clamp(x, -105.0f, 90.0f), &n);
    return v_scale(u + cn__splat(1.0f), n);
}

CN__INLINE vf v_expm1(vf x)
{
    const vf one = cn__splat(1.0f);
    vf n, u = v_exp_parts(v_clamp(x, -40.0f, 90.0f), &n);
    /* (1 + u) 2^n - 1 = u 2^n + (2^n - 1), which loses nothing near 0; far above, the 1 is lost
     * anyway. */
    vf s = v_exp2_whole(v_min(cn__splat(30.0f), n));
    vf r = v_sel(v_lt(cn__splat(24.0f), n), v_scale(u + one, n), cn__fma(s, u, s - one));
    return v_sel(v_eq(x, cn__splat(0.0f)), x, r); /* keeps -0 */
}

/* log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1]. */
CN__INLINE vf v_log_core(vf f, vf e)
{
    static const float c[] = {0.333333135f,  -0.250000089f, 0.200021192f,
                              -0.166679963f, 0.142195508f,  -0.124055915f,
                              0.118881747f,  -0.116756409f, 0.0674660131f};
    vf f2 = f * f;
    vf r = f2 * f * v_poly(c, 9, f);
    r = cn__fma(e, cn__splat(-2.12194440e-4f), r);
    r = cn__fma(cn__splat(-0.5f), f2, r);
    return cn__fma(e, cn__splat(0.693359375f), f + r);
}

/* log of a positive finite x = 2^e (1 + f). */
CN__INLINE vf v_log_finite(vf x)
{
    vm tiny = v_lt(x, cn__splat(1.17549435e-38f));
    x = v_sel(tiny, x * cn__splat(8388608.0f), x);
    /* 0x3f3504f3 is sqrt(1/2): with its difference to 1 added, the exponent counts from there. */
    vu t = as_u(x) + splat_u(0x3f800000u - 0x3f3504f3u);
    vf e = as_f((t >> 23) | splat_u(0x4b000000u)) - cn__splat(8388608.0f + 127.0f);
    vf m = as_f((t & splat_u(0x007fffffu)) + splat_u(0x3f3504f3u));
    return v_log_core(m - cn__splat(1.0f), e - v_keep(tiny, cn__splat(23.0f)));
}

CN__INLINE vf v_log(vf x)
{
    const vf inf = cn__splat(INFINITY), zero = cn__splat(0.0f);
    vf r = v_log_finite(x);
    r = v_sel(v_lt(x, inf), r, x);               /* inf and NaN */
    r = v_sel(v_lt(x, zero), cn__splat(NAN), r); /* below zero */
    return v_sel(v_eq(x, zero), cn__splat(-INFINITY), r);
}

CN__INLINE vf v_log1p(vf x)
{
    const vf one = cn__splat(1.0f), zero = cn__splat(0.0f), inf = cn__splat(INFINITY);
    /* log(1 + x) = log(u) + (what rounding u = 1 + x lost) / u. */
    vf u = one + x;
    vm plain = m_and(v_lt(zero, u), v_lt(u, inf));
    vf r = v_log(u);
    r = v_sel(plain, r + (x - (u - one)) / u, r);
    return v_sel(v_eq(x, zero), x, r);
}

CN__INLINE vf v_tanh(vf x)
{
    /* tanh a = (e^2a - 1) / (e^2a + 1); beyond 10 it is 1 in float. */
    vf a = v_min(cn__splat(10.0f), v_abs(x));
    vf u = v_expm1(a + a);
    return v_copysign(u / (u + cn__splat(2.0f)), x);
}

CN__INLINE vf v_sigmoid(vf x)
{
    const vf one = cn__splat(1.0f);
    /* e^-|x| cannot overflow, so that both tails are right. */
    vf e = v_exp(as_f(as_u(x) | splat_u(0x80000000u)));
    return v_sel(v_lt(x, cn__splat(0.0f)), e, one) / (one + e);
}

CN__INLINE vf v_softplus(vf x)
{
    vf e = v_exp(as_f(as_u(x) | splat_u(0x80000000u)));
    return cn__max(cn__splat(0.0f), x) + v_log1p(e);
}

CN__INLINE vf v_erf(vf x)
{
    static const float small[] = {0.128379166f,   -0.37612626f,     0.112836003f,  -0.0268544443f,
                                  0.00518953521f, -0.000802084105f, 7.8891193e-05f};
    static const float large[] = {0.000188469654f, -1.12958038f,    -0.633216381f,
                                  -0.108422115f,   0.0252103508f,   -0.00420528883f,
                                  0.000441473414f, -2.16976787e-05f};
    vf a = v_abs(x), t = x * x;
    /* Up to 1: x + x p(x^2). Above: 1 - e^q(|x|), q fitted to log(1 - erf); from 4 on it is 1 in
     * float. */
    vf r = cn__fma(x, v_poly(small, 7, t), x);
    vf b = v_min(cn__splat(4.0f), a);
    vf l = cn__splat(1.0f) - v_exp(v_poly(large, 8, b));
    return v_sel(v_lt(cn__splat(1.0f), a), v_copysign(l, x), r);
}

#endif
