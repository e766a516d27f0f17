/* What the tests of the CPU kernels share: every supported instruction set, random numbers,
 * comparison in ulps. */
#ifndef CN_TESTS_KERNELS_CPU_TEST_H
#define CN_TESTS_KERNELS_CPU_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/cpu/cpu.h"

/* The table of every set that this machine has, in turn. */
#define FOR_EACH_ISA(c)                                                                            \
    for (int isa_ = 0; isa_ < CN__ISA_COUNT; isa_++)                                               \
        for (const cn__cpu *c = cn__cpu_by_name(cn__cpu_isa_name(isa_)); c != NULL; c = NULL)

static uint64_t test_state = 0x9e3779b97f4a7c15u;

static inline void test_seed(uint64_t seed)
{
    test_state = seed * 0x9e3779b97f4a7c15u + 1;
}

static inline uint32_t test_bits(void)
{
    test_state ^= test_state << 13;
    test_state ^= test_state >> 7;
    test_state ^= test_state << 17;
    return (uint32_t)(test_state >> 20);
}

/* Uniform in [-1, 1). */
static inline float test_uniform(void)
{
    return (float)(int32_t)test_bits() * 0x1p-31f;
}

/* An array of n random floats; with `n` 0 still a pointer. */
static inline float *test_array(int64_t n)
{
    float *p = malloc(((size_t)n + 16) * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < n + 16; i++)
        p[i] = test_uniform();
    return p;
}

static inline float *test_fill(int64_t n, float x)
{
    float *p = test_array(n);
    for (int64_t i = 0; i < n; i++)
        p[i] = x;
    return p;
}

/* |got - want| in units of the last place of want as a float; infinite where one is NaN or infinite
 * and the other is not. */
static inline double test_ulps(float got, double want)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0.0 : INFINITY;
    float w = (float)want;
    if (isinf(w) || isinf(got)) {
        /* Next to the overflow threshold either side of it is right. */
        double near =
            fabs(want) > 3.4028234e38 * (1.0 - 0x1p-22) && fabs((double)got) > 3.4028233e38;
        return got == w || near ? 0.0 : INFINITY;
    }
    int e;
    frexp(want, &e);
    double ulp = ldexp(1.0, (e < -125 ? -125 : e) - 24);
    return fabs((double)got - want) / ulp;
}

/* Fails unless |got - want| <= tol, NaN included. */
#define ASSERT_CLOSE(got, want, tol)                                                               \
    do {                                                                                           \
        double g_ = (got), w_ = (want), t_ = (tol);                                                \
        if (!(fabs(g_ - w_) <= t_))                                                                \
            fail_msg("%s: %s = %.9g, expected %.9g within %g", cpu->name, #got, g_, w_, t_);       \
    } while (0)

#define ASSERT_SAME_BITS(a, b, count)                                                              \
    do {                                                                                           \
        if (memcmp((a), (b), (size_t)(count) * sizeof *(a)) != 0)                                  \
            fail_msg("%s: %s and %s differ", cpu->name, #a, #b);                                   \
    } while (0)

#endif
