/* Vector types of the instruction set that this file is being compiled for; one source, one object
 * per set. */
#ifndef CN_KERNELS_CPU_SIMD_H
#define CN_KERNELS_CPU_SIMD_H

#include <stdint.h>
#include <string.h>

/* CMake compiles every src/kernels/cpu/isa/X.c once per instruction set with -DCN__ISA=<name>;
 * functions that leave such a file are named with CN__FN(name), which gives cn__<name>_<isa>. Where
 * the compiler has no vector extension, or the set is `plain`, a vector is one float, so that the
 * same source is also the portable C kernel. */
#define CN__FN2(name, isa) cn__##name##_##isa
#define CN__FN1(name, isa) CN__FN2(name, isa)
#define CN__FN(name) CN__FN1(name, CN__ISA)

#if defined(__AVX512F__) && defined(CN__USE_VECTORS)
#define CN__LANES 16
#elif defined(__AVX2__) && defined(CN__USE_VECTORS)
#define CN__LANES 8
#elif defined(__SSE2__) && defined(CN__USE_VECTORS)
#define CN__LANES 4
#else
#define CN__LANES 1
#endif

#if CN__LANES > 1
typedef float cn__vf __attribute__((vector_size(4 * CN__LANES)));
typedef int32_t cn__vi __attribute__((vector_size(4 * CN__LANES)));
#else
typedef float cn__vf;
typedef int32_t cn__vi;
#endif

#if defined(__x86_64__) && defined(CN__USE_VECTORS)
#include <immintrin.h>
#endif

#define CN__INLINE static inline __attribute__((always_inline, unused))

CN__INLINE cn__vf cn__load(const float *p)
{
    cn__vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

CN__INLINE void cn__store(float *p, cn__vf v)
{
    memcpy(p, &v, sizeof v);
}

CN__INLINE cn__vf cn__splat(float x)
{
#if CN__LANES == 16
    return (cn__vf)_mm512_set1_ps(x);
#elif CN__LANES == 8
    return (cn__vf)_mm256_set1_ps(x);
#elif CN__LANES == 4
    return (cn__vf)_mm_set1_ps(x);
#else
    return x;
#endif
}

/* a * b + c; contracted to one rounding where the set has FMA. */
CN__INLINE cn__vf cn__fma(cn__vf a, cn__vf b, cn__vf c)
{
#if CN__LANES == 16
    return (cn__vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif CN__LANES == 8
    return (cn__vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* max with the semantics of a > b ? a : b, so that a NaN in `a` gives b: put the NaN-carrying
 * operand second to keep it. */
CN__INLINE cn__vf cn__max(cn__vf a, cn__vf b)
{
#if CN__LANES == 16
    return (cn__vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif CN__LANES == 8
    return (cn__vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif CN__LANES == 4
    return (cn__vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return a > b ? a : b;
#endif
}

CN__INLINE float cn__sum(cn__vf v)
{
#if CN__LANES == 1
    return v;
#else
    float a[CN__LANES];
    memcpy(a, &v, sizeof a);
    for (int n = CN__LANES / 2; n; n /= 2)
        for (int i = 0; i < n; i++)
            a[i] += a[i + n];
    return a[0];
#endif
}

#endif
