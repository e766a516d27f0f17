/* Values of the reductions, against numpy 2.4: axes, types, large arrays, ties, errors. */
/* ctest-labels: threads */
#include "ops_test.h"

#include <cornu/tape.h>
#include <stdlib.h>

/* clang-format off */
/* Of ramp(2, 3, 4): ((7 i) mod 11 - 5) / 2. */
#define VALUES(XX) \
    XX(sum, (CN_NONE), -1.5) \
    XX(sum, (0), -1.5, 0, 1.5, 3, -1, 0.5, 2, -2, -0.5, 1, -3, -1.5) \
    XX(sum, (1), -4, 1, 0.5, 0, 1, 0.5, 0, -0.5) \
    XX(sum, (2), 0, 1, -3.5, 3, -1.5, -0.5) \
    XX(sum, (0, 2), 3, -0.5, -4) \
    XX(sum, (1, 2), -2.5, 1) \
    XX(sum, (0, 1), -3, 1.5, 0.5, -0.5) \
    XX(mean, (CN_NONE), -0.0625) \
    XX(mean, (0), -0.75, 0, 0.75, 1.5, -0.5, 0.25, 1, -1, -0.25, 0.5, -1.5, -0.75) \
    XX(mean, (1), -1.3333333333333333, 0.3333333333333333, 0.16666666666666666, 0, \
        0.3333333333333333, 0.16666666666666666, 0, -0.16666666666666666) \
    XX(mean, (2), 0, 0.25, -0.875, 0.75, -0.375, -0.125) \
    XX(mean, (0, 2), 0.375, -0.0625, -0.5) \
    XX(mean, (1, 2), -0.20833333333333334, 0.08333333333333333) \
    XX(mean, (0, 1), -0.5, 0.25, 0.08333333333333333, -0.08333333333333333) \
    XX(prod, (CN_NONE), -0) \
    XX(prod, (0), -2.5, -1, -2.5, 1.25, -0.75, -3, 0, -0, -3, -0.75, 1.25, -2.5) \
    XX(prod, (1), 2.5, -2.25, 1, -0, -2.25, 1, -0, -1) \
    XX(prod, (2), 6.25, -0, -3.75, -1.25, 0, 1.875) \
    XX(prod, (0, 2), -7.8125, -0, -7.03125) \
    XX(prod, (1, 2), 0, -0) \
    XX(prod, (0, 1), -5.625, -2.25, -0, 0) \
    XX(max, (CN_NONE), 2.5) \
    XX(max, (0), 1, 1, 2.5, 2.5, 0.5, 2, 2, 0, 1.5, 1.5, -0.5, 1) \
    XX(max, (1), 0.5, 1.5, 2, 2.5, 1.5, 2, 2.5, 1) \
    XX(max, (2), 2.5, 2, 1.5, 2.5, 2, 1.5) \
    XX(max, (0, 2), 2.5, 2, 1.5) \
    XX(max, (1, 2), 2.5, 2.5) \
    XX(max, (0, 1), 1.5, 2, 2.5, 2.5) \
    XX(min, (CN_NONE), -2.5) \
    XX(min, (0), -2.5, -1, -1, 0.5, -1.5, -1.5, 0, -2, -2, -0.5, -2.5, -2.5) \
    XX(min, (1), -2.5, -1.5, -1, -2.5, -1.5, -1, -2.5, -2) \
    XX(min, (2), -2.5, -1.5, -2.5, -1, -2, -2.5) \
    XX(min, (0, 2), -2.5, -2, -2.5) \
    XX(min, (1, 2), -2.5, -2.5) \
    XX(min, (0, 1), -2.5, -1.5, -2.5, -2.5) \
    XX(std, (CN_NONE), 1.6092991486979666) \
    XX(std, (0), 1.75, 1, 1.75, 1, 1, 1.75, 1, 1, 1.75, 1, 1, 1.75) \
    XX(std, (1), 1.3123346456686351, 1.3123346456686351, 1.3123346456686351, \
        2.041241452319315, 1.3123346456686351, 1.3123346456686351, 2.041241452319315, \
        1.3123346456686351) \
    XX(std, (2), 1.9039432764659772, 1.25, 1.5562374497485916, 1.25, 1.5562374497485916, \
        1.5562374497485916) \
    XX(std, (0, 2), 1.653594569415369, 1.4456291882775472, 1.6007810593582121) \
    XX(std, (1, 2), 1.664060462309655, 1.5388487760516156) \
    XX(std, (0, 1), 1.5545631755148024, 1.3149778198382918, 1.717960677340692, \
        1.717960677340692) \
    XX(var, (CN_NONE), 2.58984375) \
    XX(var, (0), 3.0625, 1, 3.0625, 1, 1, 3.0625, 1, 1, 3.0625, 1, 1, 3.0625) \
    XX(var, (1), 1.7222222222222223, 1.7222222222222223, 1.7222222222222223, \
        4.166666666666667, 1.7222222222222223, 1.7222222222222223, 4.166666666666667, \
        1.7222222222222223) \
    XX(var, (2), 3.625, 1.5625, 2.421875, 1.5625, 2.421875, 2.421875) \
    XX(var, (0, 2), 2.734375, 2.08984375, 2.5625) \
    XX(var, (1, 2), 2.7690972222222228, 2.368055555555556) \
    XX(var, (0, 1), 2.4166666666666665, 1.7291666666666667, 2.951388888888889, \
        2.951388888888889) \
    XX(any, (CN_NONE), 1) \
    XX(any, (0), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) \
    XX(any, (1), 1, 1, 1, 1, 1, 1, 1, 1) \
    XX(any, (2), 1, 1, 1, 1, 1, 1) \
    XX(any, (0, 2), 1, 1, 1) \
    XX(any, (1, 2), 1, 1) \
    XX(any, (0, 1), 1, 1, 1, 1) \
    XX(all, (CN_NONE), 0) \
    XX(all, (0), 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1) \
    XX(all, (1), 1, 1, 1, 0, 1, 1, 0, 1) \
    XX(all, (2), 1, 0, 1, 1, 0, 1) \
    XX(all, (0, 2), 1, 0, 1) \
    XX(all, (1, 2), 0, 0) \
    XX(all, (0, 1), 1, 1, 0, 0) \
    XX(logsumexp, (CN_NONE), 4.166211979569234) \
    XX(logsumexp, (0), 1.0297504182726207, 1.1269280110429727, 2.5297504182726205, \
        2.6269280110429727, 0.6269280110429726, 2.0297504182726205, 2.1269280110429727, \
        0.1269280110429726, 1.5297504182726207, 1.6269280110429727, -0.3730719889570274, \
        1.0297504182726207) \
    XX(logsumexp, (1), 0.6238729583693673, 2.0045969023422834, 2.1238729583693674, \
        2.58509724636431, 2.0045969023422834, 2.1238729583693674, 2.58509724636431, \
        1.5045969023422834) \
    XX(logsumexp, (2), 2.731163696255373, 2.3283412890257247, 1.6687704079392338, \
        2.8283412890257247, 2.168770407939234, 2.0654169752271) \
    XX(logsumexp, (0, 2), 3.4740796445837403, 2.944882516162779, 2.5797793527803323) \
    XX(logsumexp, (1, 2), 3.4313155022342974, 3.513140720929929) \
    XX(logsumexp, (0, 1), 2.228857022215476, 2.759159404934284, 3.0739908595119423, \
        2.877338151694388)
/* clang-format on */

/* The shape that a reduction of (2, 3, 4) over the axes leaves. */
static cn_shape left(cn_ints axes, bool keepdims)
{
    static const int64_t dim[] = {2, 3, 4};
    cn_shape shape = {0};
    for (int a = 0; a < 3; a++) {
        bool gone = axes.v[0] == CN_NONE;
        for (int k = 0; k < axes.n; k++)
            gone = gone || axes.v[k] == a;
        if (!gone || keepdims)
            shape.dim[shape.rank++] = gone ? 1 : dim[a];
    }
    return shape;
}

#define AXES(...) cn_tuple(__VA_ARGS__)

static void test_values(void **state)
{
    (void)state;
    /* Sums are in double whatever the dtype, so the tolerance is one rounding of the result. */
    static const struct {
        cn_dtype dtype;
        double tolerance;
    } runs[] = {{CN_FLOAT64, 1e-14}, {CN_FLOAT32, 1e-7}, {CN_FLOAT16, 1e-3}, {CN_BFLOAT16, 8e-3}};
    for (int r = 0; r < 8; r++) {
        bool keepdims = r >= 4;
        cn_tensor *x = ramp(runs[r % 4].dtype, cn_shape_of(2, 3, 4));
#define XX(op, axes, ...)                                                                          \
    {                                                                                              \
        const double want[] = {__VA_ARGS__};                                                       \
        cn_ints tuple = AXES axes;                                                                 \
        cn_tensor *got = cn_##op(x, .axis = tuple, .keepdims = keepdims);                          \
        bool truth = !strcmp(#op, "any") || !strcmp(#op, "all");                                   \
        /* std and var round twice more in the dtype on their way. */                              \
        bool twice = !strcmp(#op, "std") || !strcmp(#op, "var");                                   \
        expect_tensor(#op #axes, got, truth ? CN_BOOL : runs[r % 4].dtype, left(tuple, keepdims),  \
                      want, runs[r % 4].tolerance *(twice ? 4 : 1));                               \
    }
        VALUES(XX)
#undef XX
    }
}

/* The ways to write axes. */
static void test_axes(void **state)
{
    (void)state;
    cn_tensor *x = ramp(CN_FLOAT32, cn_shape_of(2, 3, 4));
    const double all[] = {-1.5}, rows_sums[] = {0, 1, -3.5, 3, -1.5, -0.5};
    cn_shape scalar = {0}, rows = cn_shape_of(2, 3), one = cn_shape_of(1, 1, 1);
    expect_tensor("none", cn_sum(x), CN_FLOAT32, scalar, all, 1e-7);
    expect_tensor("keepdims", cn_sum(x, .keepdims = true), CN_FLOAT32, one, all, 1e-7);
    expect_tensor("every", cn_sum(x, .axis = cn_tuple(2, -2, 0)), CN_FLOAT32, scalar, all, 1e-7);
    expect_tensor("{-1}", cn_sum(x, .axis = {-1}), CN_FLOAT32, rows, rows_sums, 1e-7);
    expect_tensor("cn_sum_axes", cn_sum_axes(x, 1, (int64_t[]){2}, false), CN_FLOAT32, rows,
                  rows_sums, 1e-7);
    expect_tensor("no axis", cn_sum_axes(x, 0, NULL, false), CN_FLOAT32, x->shape,
                  (const double[24]){-2.5, 1,  -1,  2.5, 0.5,  -1.5, 2, 0,  -2,  1.5,  -0.5, -2.5,
                                     1,    -1, 2.5, 0.5, -1.5, 2,    0, -2, 1.5, -0.5, -2.5, 1},
                  0);
    /* {0} is axis 0, although a tuple that is not counted ends at its last number that is not 0. */
    assert_int_equal(cn_tensor_dim(cn_sum(x, .axis = {0}), 0), 3);
    expect_tensor("scalar", cn_sum(cn_scalar(3, CN_FLOAT32)), CN_FLOAT32, scalar,
                  (const double[]){3}, 0);
}

/* Narrow integers are widened for sums, kept for extremes, averaged in float32. */
static void test_dtypes(void **state)
{
    (void)state;
    cn_shape scalar = {0};
#define ONE(call, dtype, ...)                                                                      \
    expect_tensor(#call, call, dtype, scalar, (const double[]){__VA_ARGS__}, 1e-7)
    cn_tensor *i8 = TENSOR(CN_INT8, (4), 127, 100, -3, 127), *u8 = TENSOR(CN_UINT8, (2), 255, 254);
    cn_tensor *i64 = TENSOR(CN_INT64, (2), 9, -2), *truth = TENSOR(CN_BOOL, (3), 1, 0, 1);
    cn_tensor *half = TENSOR(CN_FLOAT16, (2), 60000, 60000);
    ONE(cn_sum(i8), CN_INT32, 351);
    ONE(cn_sum(u8), CN_UINT32, 509);
    ONE(cn_sum(i64), CN_INT64, 7);
    ONE(cn_sum(truth), CN_INT32, 2);
    ONE(cn_prod(u8), CN_UINT32, 64770);
    ONE(cn_max(i8), CN_INT8, 127);
    ONE(cn_min(i8), CN_INT8, -3);
    ONE(cn_min(truth), CN_BOOL, 0);
    ONE(cn_mean(i8), CN_FLOAT32, 87.75);
    ONE(cn_mean(truth), CN_FLOAT32, 2.0 / 3);
    ONE(cn_std(i64), CN_FLOAT32, 5.5);
    ONE(cn_var(u8), CN_FLOAT32, 0.25);
    ONE(cn_any(i8), CN_BOOL, 1);
    ONE(cn_all(truth), CN_BOOL, 0);
    ONE(cn_logsumexp(i64), CN_FLOAT32, 9.0000167);
    ONE(cn_mean(half), CN_FLOAT16, 60000);
    const int64_t two = 2, big[] = {INT64_MAX, INT64_MAX - 1};
    cn_tensor *large = cn_tensor_new(CN_INT64, 1, &two, big);
    assert_true(*(const int64_t *)cn_tensor_data(cn_max(large)) == INT64_MAX);
    assert_true(*(const int64_t *)cn_tensor_data(cn_min(large)) == INT64_MAX - 1);
#undef ONE
}

/* NaN wins, infinities have their limits, nothing has a sum. */
static void test_special(void **state)
{
    (void)state;
    cn_shape scalar = {0};
#define ONE(call, ...)                                                                             \
    expect_tensor(#call, call, CN_FLOAT32, scalar, (const double[]){__VA_ARGS__}, 1e-7)
    cn_tensor *nan = TENSOR(CN_FLOAT32, (11), 1, 2, 3, 4, 5, 6, 7, 8, 9, NAN, 10);
    cn_tensor *low = TENSOR(CN_FLOAT32, (2), -INFINITY, -INFINITY);
    cn_tensor *high = TENSOR(CN_FLOAT32, (2), INFINITY, 1),
              *far = TENSOR(CN_FLOAT32, (2), 1e4, 1e4);
    cn_tensor *none = cn_tensor_new(CN_FLOAT32, 1, (const int64_t[]){0}, NULL);
    ONE(cn_max(nan), NAN);
    ONE(cn_min(nan), NAN);
    ONE(cn_sum(nan), NAN);
    ONE(cn_logsumexp(nan), NAN);
    ONE(cn_logsumexp(low), -INFINITY);
    ONE(cn_logsumexp(high), INFINITY);
    ONE(cn_logsumexp(far), 10000.6931);
    ONE(cn_max(low), -INFINITY);
    ONE(cn_sum(none), 0);
    ONE(cn_prod(none), 1);
    ONE(cn_mean(none), NAN);
    ONE(cn_logsumexp(none), -INFINITY);
#undef ONE
    expect_error("max", cn_max(none), CN_EVALUE, "Cannot compute the max of an empty tensor.");
    expect_error("min", cn_min(none), CN_EVALUE, "Cannot compute the min of an empty tensor.");
    cn_tensor *thin = cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){0, 3}, NULL);
    assert_int_equal(cn_tensor_size(cn_max(thin, .axis = {1})), 0);
    const double zeros[] = {0, 0, 0};
    expect_tensor("no rows", cn_sum(thin, .axis = {0}), CN_FLOAT32, cn_shape_of(3), zeros, 0);
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *x = ramp(CN_FLOAT32, cn_shape_of(2, 3)), *null = NULL;
    expect_error("axis", cn_sum(x, .axis = {2}), CN_EINDEX, "sum");
    expect_error("twice", cn_mean(x, .axis = {1, -1}), CN_EVALUE, "axis 1 is given twice");
    expect_error("many", cn_max(x, .axis = {1, 2, 3}), CN_EVALUE, "3 axes");
    expect_error("NULL", cn_sum(null), CN_ETYPE, "sum");
    expect_error("var", cn_var(null), CN_ETYPE, "var");
    expect_error("size", cn_sum_with(x, &(cn_reduce_args){0}), CN_EVALUE, "size");
    expect_error("axis", cn_std(x, .axis = {-3}), CN_EINDEX, "var");
}

/* A million and more float32 numbers: the sum keeps the digits that a float32 sum would lose, and
 * the bits do not depend on the threads. Shapes have inner, outer and middle axes longer than a
 * unit and a block. */
static void test_many(void **state)
{
    (void)state;
    cn_shape scalar = {0};
    cn_tensor *ones = cn_multiply(cn_ones(1 << 20), 0.1);
    expect_tensor("sum", cn_sum(ones), CN_FLOAT32, scalar, (const double[]){104857.6}, 1e-7);
    expect_tensor("var", cn_var(cn_add(ones, 1000)), CN_FLOAT32, scalar, (const double[]){0}, 1e-7);
    static const cn_shape shapes[] = {
        {2, {700, 1000}}, {2, {3, 70001}}, {3, {2, 2000, 90}}, {3, {300, 3, 700}}};
    for (int s = 0; s < 4; s++) {
        cn_tensor *x = ramp(CN_FLOAT32, shapes[s]), *wide = cn_cast(x, CN_FLOAT64);
        for (int a = 0; a < shapes[s].rank; a++) {
            int64_t axis = a;
            cn_set_num_threads(1);
            cn_tensor *one = cn_sum_axes(x, 1, &axis, false);
            cn_set_num_threads(3);
            cn_tensor *three = cn_sum_axes(x, 1, &axis, false);
            cn_set_num_threads(0);
            int64_t size = cn_tensor_size(one), inner = 1, n = shapes[s].dim[a];
            assert_memory_equal(cn_tensor_data(one), cn_tensor_data(three),
                                (size_t)size * sizeof(float));
            for (int k = a + 1; k < shapes[s].rank; k++)
                inner *= shapes[s].dim[k];
            const double *data = cn_tensor_data(wide);
            for (int64_t i = 0; i < size; i += 17) {
                double sum = 0;
                for (int64_t k = 0; k < n; k++)
                    sum += data[(i / inner * n + k) * inner + i % inner];
                assert_true(fabs(cn_tensor_item(one, i) - sum) <= 1e-7 * fabs(sum));
            }
        }
    }
}

/* Ties share the gradient of an extreme; a product has one where elements are zero. */
static void test_gradients(void **state)
{
    (void)state;
    cn_shape shape = cn_shape_of(2, 3);
    cn_tensor *x = TENSOR(CN_FLOAT32, (2, 3), 1, 3, 3, 2, 2, 2);
    cn_tensor *z = TENSOR(CN_FLOAT32, (2, 3), -1, 0, 2, 0, 5, 0);
    cn_tape *tape = cn_tape_begin(.persistent = true);
    cn_tape_watch(tape, x);
    cn_tape_watch(tape, z);
    cn_tensor *most = cn_max(x, .axis = {1}), *product = cn_prod(z, .axis = {1});
    const double third = 1.0 / 3;
    expect_tensor("max", cn_tape_gradient(tape, most, x), CN_FLOAT32, shape,
                  (const double[]){0, 0.5, 0.5, third, third, third}, 1e-7);
    expect_tensor("prod", cn_tape_gradient(tape, product, z), CN_FLOAT32, shape,
                  (const double[]){0, -2, 0, 0, 0, 0}, 0);
}

/* What the planner is told about axis 0, and shapes with lengths that are not known yet. */
static void test_batch(void **state)
{
    (void)state;
    static const struct {
        const cn__op *op;
        cn__attrs attrs;
        bool batched;
        cn__batch want;
        cn_shape out;
    } rows[] = {
        {&cn__op_sum, {.i = {0, CN_NONE}}, true, CN__BATCH_REDUCE, {0, {0}}},
        {&cn__op_sum, {.i = {0, 1, 0}}, true, CN__BATCH_REDUCE, {2, {3, -1}}},
        {&cn__op_sum, {.i = {1, 2, 0, 2}}, true, CN__BATCH_REDUCE, {3, {1, 3, 1}}},
        {&cn__op_sum, {.i = {0, 2, 1, 2}}, true, CN__BATCH_ROW, {1, {-1}}},
        {&cn__op_sum, {.i = {0, 1, -3}}, true, CN__BATCH_REDUCE, {2, {3, -1}}},
        {&cn__op_sum, {.i = {0, 1, 0}}, false, CN__BATCH_NONE, {2, {3, -1}}},
        {&cn__op_mean, {.i = {0, 1, 0}}, true, CN__BATCH_MIX, {2, {3, -1}}},
        {&cn__op_mean, {.i = {1, 1, -1}}, true, CN__BATCH_ROW, {3, {-1, 3, 1}}},
        {&cn__op_max, {.i = {0, CN_NONE}}, true, CN__BATCH_MIX, {0, {0}}},
        {&cn__op_max, {.i = {0, 1, 1}}, true, CN__BATCH_ROW, {2, {-1, -1}}},
        {&cn__op_logsumexp, {.i = {0, 1, 2}}, true, CN__BATCH_ROW, {2, {-1, 3}}},
        {&cn__op_softmax, {.i = {-1}}, true, CN__BATCH_ROW, {3, {-1, 3, -1}}},
        {&cn__op_softmax, {.i = {-3}}, true, CN__BATCH_MIX, {3, {-1, 3, -1}}},
        {&cn__op_log_softmax, {.i = {0}}, true, CN__BATCH_MIX, {3, {-1, 3, -1}}},
        {&cn__op_sparsemax, {.i = {1}}, false, CN__BATCH_NONE, {3, {-1, 3, -1}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cn_tensor x = {.dtype = CN_FLOAT32, .shape = cn_shape_of(-1, 3, -1)}, *in = &x;
        cn__node node = {.op = rows[i].op, .attrs = rows[i].attrs, .n_in = 1, .in = &in};
        assert_int_equal(node.op->infer(&node), 0);
        if (!cn__shape_equal(&node.shape[0], &rows[i].out) ||
            node.op->batch(&node, &rows[i].batched) != rows[i].want)
            fail_msg("row %d, %s", (int)i, node.op->name);
    }
}

int main(void)
{
    setenv("CORNU_KERNELS", "reference", 1);
    const struct CMUnitTest tests[] = {
        OP_TEST(test_values), OP_TEST(test_axes), OP_TEST(test_dtypes),    OP_TEST(test_special),
        OP_TEST(test_errors), OP_TEST(test_many), OP_TEST(test_gradients), OP_TEST(test_batch),
    };
    return cmocka_run_group_tests_name("reduce", tests, NULL, NULL);
}
