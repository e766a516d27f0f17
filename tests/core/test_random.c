/* The random generator: published answers, distributions, and that a split changes nothing. */
#include "core/random.h"

#include <cornu/base.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The known answers that Random123 publishes for philox4x32 with ten rounds. */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[4];
        cn__philox(cases[i].counter, cases[i].key, out);
        assert_memory_equal(out, cases[i].out, sizeof out);
    }
}

/* The batched words are the plain generator's: block b holds elements 4b … 4b + 3, the step is the
 * upper half. */
static void test_batches(void **state)
{
    (void)state;
    cn__stream stream = {0x0123456789abcdefu, 0xfedcba9876543210u};
    uint32_t bits[300];
    int64_t begin = ((int64_t)1 << 34) - 12; /* the number of the block crosses 32 bits */
    cn__random_bits(stream, begin, 300, bits);
    for (int64_t i = 0; i < 300; i++) {
        uint64_t block = (uint64_t)(begin + i) / 4;
        uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0x76543210u, 0xfedcba98u};
        uint32_t key[2] = {0x89abcdefu, 0x01234567u}, out[4];
        cn__philox(counter, key, out);
        assert_int_equal(bits[i], out[(begin + i) % 4]);
    }
}

/* A chance that the upper sixteen bits of a word cannot tell from a neighbour is kept to its 32
 * bits: with 2^-20 about 64 of 2^26 are kept, where 2^-16 would be 1024 and 0 none. */
static void test_small_chance(void **state)
{
    (void)state;
    static uint8_t keep[1 << 16];
    int kept = 0, dropped = 0;
    for (uint64_t step = 0; step < 1 << 10; step++) {
        cn__random_keep((cn__stream){3, step}, 0, 1 << 16, 0x1p-20, keep);
        for (int i = 0; i < 1 << 16; i++) {
            kept += keep[i];
        }
        cn__random_keep((cn__stream){4, step}, 0, 1 << 16, 1 - 0x1p-20, keep);
        for (int i = 0; i < 1 << 16; i++) {
            dropped += !keep[i];
        }
    }
    assert_in_range(kept, 64 - 6 * 8, 64 + 6 * 8);
    assert_in_range(dropped, 64 - 6 * 8, 64 + 6 * 8);
}

enum { COUNT = 1 << 17 };
static float whole[COUNT], part[COUNT];
static uint8_t whole_keep[COUNT], part_keep[COUNT];

typedef void draw_fn(cn__stream stream, int64_t begin, int64_t n, float *out);

static void check_split(draw_fn *draw)
{
    cn__stream stream = {77, 5};
    draw(stream, 0, 2000, whole);
    for (int64_t begin = 0, step = 1; begin < 2000; begin += step, step = step % 131 + 7) {
        int64_t n = begin + step > 2000 ? 2000 - begin : step;
        draw(stream, begin, n, part + begin);
    }
    assert_memory_equal(whole, part, 2000 * sizeof *whole);
}

static void test_split_invariance(void **state)
{
    (void)state;
    check_split(cn__random_uniform);
    check_split(cn__random_normal);
    check_split(cn__random_truncated_normal);
    cn__stream stream = {77, 5};
    cn__random_keep(stream, 0, 2000, 0.3, whole_keep);
    for (int64_t begin = 0; begin < 2000; begin += 37) {
        cn__random_keep(stream, begin, begin + 37 > 2000 ? 2000 - begin : 37, 0.3,
                        part_keep + begin);
    }
    assert_memory_equal(whole_keep, part_keep, 2000);
    draw_fn *draw = cn__random_uniform;
    draw((cn__stream){77, 6}, 0, 2000, part);
    draw(stream, 0, 2000, whole);
    assert_memory_not_equal(whole, part, 2000 * sizeof *whole);
}

/* Mean and variance of the draw, and its lowest and highest value. */
static void moments(const float *x, double *mean, double *variance, double *low, double *high)
{
    double sum = 0, squares = 0;
    *low = *high = x[0];
    for (int i = 0; i < COUNT; i++) {
        sum += x[i];
        squares += (double)x[i] * x[i];
        *low = fmin(*low, x[i]);
        *high = fmax(*high, x[i]);
    }
    *mean = sum / COUNT;
    *variance = squares / COUNT - *mean * *mean;
}

/* The tolerances are six deviations of the statistic for 2^17 draws; the seed is fixed, so that a
 * pass stays a pass. */
static void test_distributions(void **state)
{
    (void)state;
    cn__stream stream = {2024, 1};
    double mean, variance, low, high;
    cn__random_uniform(stream, 0, COUNT, whole);
    moments(whole, &mean, &variance, &low, &high);
    assert_true(fabs(mean - 0.5) <= 0.005 && fabs(variance - 1.0 / 12) <= 0.002);
    assert_true(low >= 0 && low < 1e-3 && high < 1 && high > 0.999);

    cn__random_normal(stream, 0, COUNT, whole);
    moments(whole, &mean, &variance, &low, &high);
    assert_true(fabs(mean) <= 0.017 && fabs(variance - 1) <= 0.024);
    assert_true(low < -3.5 && low > -7 && high > 3.5 && high < 7);
    double fourth = 0;
    for (int i = 0; i < COUNT; i++) {
        fourth += pow(whole[i], 4) / COUNT;
    }
    assert_true(fabs(fourth - 3) <= 0.17);

    /* The variance of a normal cut at two deviations is 1 - 4 phi(2) / (2 Phi(2) - 1). */
    cn__random_truncated_normal(stream, 0, COUNT, whole);
    moments(whole, &mean, &variance, &low, &high);
    assert_true(fabs(mean) <= 0.017 && fabs(variance - 0.7737413) <= 0.015);
    assert_true(low >= -2 && low < -1.99 && high <= 2 && high > 1.99);

    static const double keeps[] = {0.0, 0.2, 0.5, 0.8, 1.0, -1.0, 2.0};
    for (size_t k = 0; k < sizeof keeps / sizeof *keeps; k++) {
        double kept = 0, keep = fmin(fmax(keeps[k], 0), 1);
        cn__random_keep(stream, 0, COUNT, keeps[k], whole_keep);
        for (int i = 0; i < COUNT; i++) {
            assert_true(whole_keep[i] <= 1);
            kept += whole_keep[i];
        }
        double tolerance = 6 * sqrt(keep * (1 - keep) / COUNT);
        assert_true(fabs(kept / COUNT - keep) <= tolerance);
    }
}

static void test_permutation(void **state)
{
    (void)state;
    int64_t p[1000], seen[1000] = {0};
    cn__random_permutation((cn__stream){9, 9}, 1000, p);
    int fixed = 0;
    for (int i = 0; i < 1000; i++) {
        assert_in_range(p[i], 0, 999);
        seen[p[i]]++;
        fixed += p[i] == i;
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(seen[i], 1);
    }
    assert_true(fixed < 10);
    /* All six orders of three things, equally often: 6000 draws, 1000 each, deviation 29. */
    int orders[27] = {0};
    for (uint64_t step = 0; step < 6000; step++) {
        cn__random_permutation((cn__stream){1, step}, 3, p);
        orders[p[0] * 9 + p[1] * 3 + p[2]]++;
    }
    static const int valid[] = {5, 7, 11, 15, 19, 21};
    for (int i = 0; i < 6; i++) {
        assert_in_range(orders[valid[i]], 1000 - 6 * 29, 1000 + 6 * 29);
    }
    cn__random_permutation((cn__stream){1, 1}, 1, p);
    assert_int_equal(p[0], 0);
    cn__random_permutation((cn__stream){1, 1}, 0, p);
}

static void test_seeds(void **state)
{
    (void)state;
    uint64_t unset = cn__seed_global();
    assert_true(unset == cn__seed_global());
    assert_int_equal(cn_set_random_seed(42), 0);
    assert_true(cn__seed_global() == 42);
    uint64_t a = cn__seed_next(), b = cn__seed_next();
    assert_true(a != b);
    assert_int_equal(cn_set_random_seed(42), 0);
    assert_true(cn__seed_next() == a && cn__seed_next() == b);
    assert_int_equal(cn_set_random_seed(43), 0);
    assert_true(cn__seed_next() != a);
    assert_true(cn__seed_mix(1, 2) == cn__seed_mix(1, 2) &&
                cn__seed_mix(1, 2) != cn__seed_mix(2, 1));
    assert_true(cn__seed_mix(0, 0) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_split_invariance),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_permutation),
        cmocka_unit_test(test_small_chance),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
