/* Random data, exact-size arrays and error sums for the tests of the convolution kernels. */
#ifndef CN_TESTS_KERNELS_CONV_TEST_H
#define CN_TESTS_KERNELS_CONV_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/conv.h"
#include "kernels/cpu/cpu.h"

static uint64_t random_state = 1;

static inline uint32_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 24);
}

/* lo...hi, both included */
static inline int random_int(int lo, int hi)
{
    return lo + (int)(random_bits() % (uint32_t)(hi - lo + 1));
}

static inline float random_real(void)
{
    return (float)random_bits() * (2.0f / 4294967296.0f) - 1.0f;
}

/* Sizes that meet the edges of vectors and tiles. */
static inline int random_channels(int most)
{
    static const int edges[] = {1,  2,  3,  4,  5,  7,  8,   9,   15,  16,  17, 31,
                                32, 33, 47, 63, 64, 65, 100, 129, 192, 257, 300};
    int n = random_bits() % 3 == 0 ? random_int(1, most)
                                   : edges[random_bits() % (sizeof edges / sizeof *edges)];
    return n <= most ? n : random_int(1, most);
}

/* Arrays have exactly the size asked for, so that a sanitizer sees every step outside. */
static inline float *floats(int64_t n)
{
    float *p = malloc(sizeof *p * (size_t)(n > 0 ? n : 1));
    assert_non_null(p);
    return p;
}

static inline float *filled(int64_t n, float v)
{
    float *p = floats(n);
    for (int64_t i = 0; i < n; i++)
        p[i] = v;
    return p;
}

/* Small integers times `step`: every sum of products is exact in float32, so that results can be
 * compared for equality and ties are plenty. Reals otherwise. */
static inline float *random_floats(int64_t n, int exact, int step)
{
    float *p = floats(n);
    for (int64_t i = 0; i < n; i++)
        p[i] = exact ? (float)(random_int(-2, 2) * step) : random_real();
    return p;
}

typedef struct error_sum {
    double error, size;
} error_sum;

static inline void error_add(error_sum *e, double got, double want)
{
    e->error += (got - want) * (got - want);
    e->size += want * want;
}

/* Root mean square of the error relative to that of the values. */
static inline double error_rms(const error_sum *e)
{
    return e->size > 0 ? sqrt(e->error / e->size) : sqrt(e->error);
}

/* Runs f for every instruction set that the machine has. */
static inline int for_each_set(void (*f)(const cn__conv *k))
{
    int n = 0;
    for (int isa = 0; isa < CN__ISA_COUNT; isa++) {
        const cn__conv *k = cn__conv_for(isa);
        if (k) {
            assert_int_equal(k->isa, isa);
            f(k);
            n++;
        }
    }
    assert_true(n > 0);
    return n;
}

#endif
