/* Random ops: reproducible, independent of splits, distributed as they should be. */
#include "ops_test.h"

#include <cornu/random.h>
#include <cornu/tape.h>

#include "core/random.h"

/* Mean and deviation of a draw's elements. */
static void moments(const cn_tensor *t, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    int64_t n = cn_tensor_size(t);
    for (int64_t i = 0; i < n; i++) {
        sum += cn_tensor_item(t, i);
    }
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double d = cn_tensor_item(t, i) - *mean;
        squares += d * d;
    }
    *deviation = sqrt(squares / (double)n);
}

static void expect_near(double value, double want, double tolerance)
{
    if (!(fabs(value - want) <= tolerance)) {
        fail_msg("%g is not within %g of %g", value, tolerance, want);
    }
}

/* 40,000 elements: the standard error of a mean is 1/200 of the deviation, of which six are
 * allowed. */
static void test_moments(void **state)
{
    (void)state;
    double mean, deviation;
    moments(cn_random_uniform(.shape = {200, 200}, .minval = -1, .maxval = 3, .seed = 1), &mean,
            &deviation);
    expect_near(mean, 1, 6 * 4 / sqrt(12) / 200);
    expect_near(deviation, 4 / sqrt(12), 0.02);
    moments(cn_random_normal(.shape = {200, 200}, .mean = 5, .stddev = 2, .seed = 2), &mean,
            &deviation);
    expect_near(mean, 5, 6 * 2.0 / 200);
    expect_near(deviation, 2, 0.05);
    cn_tensor *t = cn_random_truncated_normal(.shape = {200, 200}, .mean = 1, .stddev = 0.5,
                                              .dtype = CN_FLOAT64, .seed = 3);
    moments(t, &mean, &deviation);
    expect_near(mean, 1, 6 * 0.5 / 200);
    expect_near(deviation, 0.5 * 0.87962566, 0.01); /* of a standard normal cut at two deviations */
    for (int i = 0; i < 40000; i++) {
        assert_true(fabs(cn_tensor_item(t, i) - 1) <= 1.0 + 1e-6);
    }
    moments(cn_random_bernoulli(.shape = {200, 200}, .p = 0.3, .dtype = CN_INT8, .seed = 4), &mean,
            &deviation);
    expect_near(mean, 0.3, 6 * 0.459 / 200);
    t = cn_random_randint(.shape = {200, 200}, .minval = -3, .maxval = 4, .seed = 5);
    int count[7] = {0};
    for (int i = 0; i < 40000; i++) {
        int value = (int)cn_tensor_item(t, i) + 3;
        assert_in_range(value, 0, 6);
        count[value]++;
    }
    for (int i = 0; i < 7; i++) {
        expect_near(count[i], 40000 / 7.0, 6 * sqrt(40000 / 7.0));
    }
    t = cn_random_randint(.shape = {1000}, .minval = 0, .maxval = INT64_C(1) << 40,
                          .dtype = CN_INT64, .seed = 5);
    moments(t, &mean, &deviation);
    expect_near(mean / 1099511627776.0, 0.5, 6 / sqrt(12) / sqrt(1000));
}

static void test_seeds(void **state)
{
    (void)state;
    cn_tensor *a = cn_random_normal(.shape = {50}, .seed = 7);
    cn_tensor *b = cn_random_normal(.shape = {50}, .seed = 7);
    cn_tensor *c = cn_random_normal(.shape = {50}, .seed = 8);
    cn_tensor *d = cn_random_normal(.shape = {50}, .seed = 7, .counter = cn_scalar(1, CN_INT64));
    assert_memory_equal(cn_tensor_data(a), cn_tensor_data(b), 200);
    assert_memory_not_equal(cn_tensor_data(a), cn_tensor_data(c), 200);
    assert_memory_not_equal(cn_tensor_data(a), cn_tensor_data(d), 200);
    cn_set_random_seed(3);
    cn_tensor *e = cn_random_uniform(.shape = {50}), *f = cn_random_uniform(.shape = {50});
    cn_set_random_seed(3);
    cn_tensor *g = cn_random_uniform(.shape = {50});
    assert_memory_equal(cn_tensor_data(e), cn_tensor_data(g), 200);
    assert_memory_not_equal(cn_tensor_data(e), cn_tensor_data(f), 200);
}

/* A slice of the batch draws what the whole would have there, however its units are split. */
static void test_slices(void **state)
{
    (void)state;
    const cn__op *ops[] = {&cn__op_random_uniform, &cn__op_random_normal,
                           &cn__op_random_truncated_normal, &cn__op_random_bernoulli_like,
                           &cn__op_random_integers};
    enum { ROWS = 1001, ROW = 53 };
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        int64_t counter = 9;
        cn__attrs attrs = {.i = {12345, 2, ROWS, ROW}, .f = {0.25, 1}};
        attrs.i[10] = CN_FLOAT32;
        attrs.i[12] = 100;
        cn_tensor *whole = cn__apply1(ops[k], &attrs, cn_tensor_new(CN_INT64, 0, NULL, &counter));
        cn_tensor *part = cn_zeros(400, ROW);
        cn__arg in = {.data = &counter, .dtype = CN_INT64},
                out = {.data = cn_tensor_data_mutable(part),
                       .dtype = CN_FLOAT32,
                       .shape = part->shape};
        cn__call call = {ops[k], &attrs, 1, 1, &in, &out, NULL, 501, NULL};
        int64_t units = ops[k]->reference->units(&call);
        assert_true(units > 1);
        for (int64_t unit = units - 1; unit >= 0; unit--) {
            assert_int_equal(ops[k]->reference->run(&call, unit, unit + 1), 0);
        }
        assert_memory_equal(cn_tensor_data(part), cn_tensor_floats(whole) + 501 * ROW,
                            400 * ROW * sizeof(float));
    }
}

static void test_shuffle(void **state)
{
    (void)state;
    cn_tensor *x = cn_reshape(cn_arange(0, 60, 1, CN_FLOAT32), 3, 20),
              *w = ramp(CN_FLOAT32, x->shape);
    cn_tape *tape = cn_tape_begin();
    cn_tape_watch(tape, x);
    cn_tensor *y = cn_random_shuffle(x, .axis = 1, .seed = 11);
    cn_tensor *g = cn_tape_gradient(tape, cn_sum(cn_multiply(y, w)), x);
    int seen[20] = {0}, moved = 0;
    for (int k = 0; k < 20; k++) {
        int from = (int)cn_tensor_item(y, k);
        assert_int_equal(seen[from]++, 0);
        moved += from != k;
        for (int row = 0; row < 3; row++) {
            assert_true(cn_tensor_item(y, row * 20 + k) == row * 20 + from);
            assert_true(cn_tensor_item(g, row * 20 + from) == cn_tensor_item(w, row * 20 + k));
        }
    }
    assert_true(moved > 5);
}

static void test_dropout(void **state)
{
    (void)state;
    cn_tensor *x = cn_full(3, (const int64_t[]){50, 41, 20}, 3, CN_FLOAT32);
    cn_tape *tape = cn_tape_begin();
    cn_tape_watch(tape, x);
    cn_tensor *y = cn_random_dropout(x, 0.25, .seed = 5);
    cn_tensor *g = cn_tape_gradient(tape, y, x);
    int kept = 0;
    for (int i = 0; i < 41000; i++) {
        double value = cn_tensor_item(y, i);
        assert_true(value == 0 || value == 4);
        assert_true(fabs(cn_tensor_item(g, i) * 3 - value) <= 1e-6); /* 4/3 is rounded */
        kept += value != 0;
    }
    expect_near(kept / 41000.0, 0.75, 6 * 0.433 / sqrt(41000));
    y = cn_random_dropout(x, 0.5, .noise_shape = {CN_NONE, 1, 20}, .seed = 6);
    for (int i = 0; i < 41000; i++) {
        assert_true(cn_tensor_item(y, i) == cn_tensor_item(y, i / 820 * 820 + i % 20));
    }
    y = cn_random_dropout(x, 0.5, .noise_shape = {1, CN_NONE, 1}, .seed = 6);
    kept = 0;
    for (int i = 0; i < 41000; i++) {
        assert_true(cn_tensor_item(y, i) == cn_tensor_item(y, i / 20 % 41 * 20));
        kept += cn_tensor_item(y, i) != 0;
    }
    assert_true(kept > 0 && kept < 41000);
    assert_true(cn_tensor_value(cn_sum(cn_random_dropout(x, 1))) == 0);
    assert_true(cn_tensor_value(cn_sum(cn_random_dropout(x, 0))) == 123000);
}

/* Dropout of rows 20 … 49 alone, as a later chunk of the batch sees them. */
static void test_dropout_slices(void **state)
{
    (void)state;
    int64_t counter = 2;
    const cn__attrs plain = {.i = {77}, .f = {0.5}}, shared = {.i = {77, 3, -1, 1, -1}, .f = {0.5}};
    const cn__attrs *const all[] = {&plain, &shared};
    cn_tensor *x = cn_ones(50, 7, 9), *part = cn_zeros(30, 7, 9);
    for (int k = 0; k < 2; k++) {
        cn_tensor *whole =
            cn__apply2(&cn__op_dropout, all[k], x, cn_tensor_new(CN_INT64, 0, NULL, &counter));
        cn__arg in[2] = {
            {.data = cn_tensor_data_mutable(x), .dtype = CN_FLOAT32, .shape = part->shape},
            {.data = &counter, .dtype = CN_INT64}};
        cn__arg out = {
            .data = cn_tensor_data_mutable(part), .dtype = CN_FLOAT32, .shape = part->shape};
        cn__call call = {&cn__op_dropout, all[k], 2, 1, in, &out, NULL, 20, NULL};
        assert_int_equal(cn__op_dropout.reference->run(&call, 0, 1), 0);
        assert_memory_equal(cn_tensor_data(part), cn_tensor_floats(whole) + 20 * 63,
                            30 * 63 * sizeof(float));
    }
}

static void test_threads(void **state)
{
    (void)state;
    cn_tensor *first = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        cn_set_num_threads(threads);
        cn_tensor *t =
            cn_random_dropout(cn_random_normal(.shape = {333, 301}, .seed = 1), 0.3, .seed = 2);
        first = first ? first : t;
        assert_memory_equal(cn_tensor_data(t), cn_tensor_data(first), 333 * 301 * sizeof(float));
    }
    cn_set_num_threads(0);
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *x = cn_zeros(2, 3);
    expect_error("rate", cn_random_dropout(x, 1.5), CN_EVALUE, "Received: rate=1.5");
    expect_error("noise", cn_random_dropout(x, 0.5, .noise_shape = {2, 2}), CN_EVALUE,
                 "noise_shape=(2, 2)");
    expect_error("randint", cn_random_randint(.shape = {2}, .minval = 3, .maxval = 3), CN_EVALUE,
                 "Need minval < maxval");
    expect_error("dtype", cn_random_normal(.shape = {2}, .dtype = CN_INT32), CN_EVALUE,
                 "requires a floating point `dtype`. Received: dtype=int32");
    expect_error("shape", cn_random_normal(.shape = {-4}), CN_EVALUE, "lengths must be known");
    expect_error("size", cn_random_normal_with(&(cn_random_normal_args){0}), CN_EVALUE, "no size");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(test_moments), OP_TEST(test_seeds),   OP_TEST(test_slices),
        OP_TEST(test_shuffle), OP_TEST(test_dropout), OP_TEST(test_dropout_slices),
        OP_TEST(test_threads), OP_TEST(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
