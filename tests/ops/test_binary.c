/* Values of the elementwise ops with two inputs, against Keras: broadcasting, types, errors. */
/* ctest-labels: threads */
#include "ops_test.h"

#include <cornu/tape.h>
#include <stdlib.h>

/* clang-format off */
/* Of (-3.5, -1, 0, 2, 5, 2) and (2, -0.7, 1.5, -3, 5, 0); a comparison gives bool. */
#define VALUES(XX) \
    XX(add, -1.5, -1.7, 1.5, -1, 10, 2) \
    XX(subtract, -5.5, -0.30000000000000004, -1.5, 5, 0, 2) \
    XX(multiply, -7, 0.7, 0, -6, 25, 0) \
    XX(divide, -1.75, 1.4285714285714286, 0, -0.6666666666666666, 1, INFINITY) \
    XX(floor_divide, -2, 1, 0, -1, 1, INFINITY) \
    XX(mod, 0.5, -0.30000000000000004, 0, -1, 0, NAN) \
    XX(power, 12.25, NAN, 0, 0.125, 3125, 1) \
    XX(maximum, 2, -0.7, 1.5, 2, 5, 2) \
    XX(minimum, -3.5, -1, 0, -3, 5, 0) \
    XX(arctan2, -1.0516502125483735, -2.181522291184105, 0, 2.5535900500422253, \
        0.7853981633974483, 1.5707963267948966) \
    XX(equal, 0, 0, 0, 0, 1, 0) \
    XX(not_equal, 1, 1, 1, 1, 0, 1) \
    XX(less, 1, 1, 1, 0, 0, 0) \
    XX(less_equal, 1, 1, 1, 0, 1, 0) \
    XX(greater, 0, 0, 0, 1, 0, 1) \
    XX(greater_equal, 0, 0, 0, 1, 1, 1) \
    XX(logical_and, 1, 1, 0, 1, 1, 0) \
    XX(logical_or, 1, 1, 1, 1, 1, 1) \
    XX(logical_xor, 0, 0, 1, 0, 0, 1)

/* Of (-7, -1, 0, 5, 9, -128) and (3, 2, -5, -2, 4, 2). */
#define INTEGERS(INT) \
    INT(add, INT32, -4, 1, -5, 3, 13, -126) \
    INT(add, INT8, -4, 1, -5, 3, 13, -126) \
    INT(subtract, INT32, -10, -3, 5, 7, 5, -130) \
    INT(subtract, INT8, -10, -3, 5, 7, 5, 126) \
    INT(multiply, INT32, -21, -2, 0, -10, 36, -256) \
    INT(multiply, INT8, -21, -2, 0, -10, 36, 0) \
    INT(floor_divide, INT32, -3, -1, 0, -3, 2, -64) \
    INT(floor_divide, INT8, -3, -1, 0, -3, 2, -64) \
    INT(mod, INT32, 2, 1, 0, -1, 1, 0) \
    INT(mod, INT8, 2, 1, 0, -1, 1, 0) \
    INT(maximum, INT32, 3, 2, 0, 5, 9, 2) \
    INT(maximum, INT8, 3, 2, 0, 5, 9, 2) \
    INT(minimum, INT32, -7, -1, -5, -2, 4, -128) \
    INT(minimum, INT8, -7, -1, -5, -2, 4, -128)
/* clang-format on */

enum { N = 6 };

static void test_values(void **state)
{
    (void)state;
    /* A few roundings of libm in float64; float32 reads -0.7 with an error of 1e-8, which power and
     * mod enlarge. */
    static const struct {
        cn_dtype dtype;
        double tolerance;
    } runs[] = {{CN_FLOAT64, 1e-15}, {CN_FLOAT32, 1e-6}, {CN_FLOAT16, 2e-3}, {CN_BFLOAT16, 2e-2}};
    for (int r = 0; r < 4; r++) {
        cn_tensor *a = TENSOR(runs[r].dtype, (N), -3.5, -1, 0, 2, 5, 2);
        cn_tensor *b = TENSOR(runs[r].dtype, (N), 2, -0.7, 1.5, -3, 5, 0);
#define XX(op, ...)                                                                                \
    {                                                                                              \
        const double want[] = {__VA_ARGS__};                                                       \
        cn_tensor *got = cn_##op(a, b);                                                            \
        bool truth = cn__op_##op.infer == cn__op_equal.infer;                                      \
        expect_tensor(#op, got, truth ? CN_BOOL : runs[r].dtype, cn_shape_of(N), want,             \
                      runs[r].tolerance);                                                          \
    }
        VALUES(XX)
#undef XX
    }
}

static void test_integers(void **state)
{
    (void)state;
#define INT(op, type, ...)                                                                         \
    {                                                                                              \
        const double want[] = {__VA_ARGS__};                                                       \
        cn_tensor *a = TENSOR(CN_##type, (N), -7, -1, 0, 5, 9, -128);                              \
        cn_tensor *b = TENSOR(CN_##type, (N), 3, 2, -5, -2, 4, 2);                                 \
        expect_tensor(#op, cn_##op(a, b), CN_##type, cn_shape_of(N), want, 0);                     \
    }
    INTEGERS(INT)
#undef INT
    cn_tensor *a = TENSOR(CN_INT8, (N), -7, -1, 0, 5, 9, 3);
    cn_tensor *b = TENSOR(CN_INT8, (N), 3, 2, 5, 0, 4, 7);
    const double powers[] = {-87, 1, 0, 1, -95, -117};
    expect_tensor("power", cn_power(a, b), CN_INT8, cn_shape_of(N), powers, 0);
    /* Numbers that a double, or the other sign, does not hold. */
    const int64_t big[] = {INT64_MAX, INT64_MIN, INT64_MAX}, low[] = {INT64_MAX - 1, -1, INT64_MAX};
    const uint64_t huge[] = {UINT64_MAX, 1}, small[] = {1, UINT64_MAX};
    const int64_t three = 3, two = 2;
    cn_tensor *x = cn_tensor_new(CN_INT64, 1, &three, big);
    cn_tensor *y = cn_tensor_new(CN_INT64, 1, &three, low);
    const int64_t *less = cn_tensor_data(cn_minimum(x, y));
    assert_true(less[0] == INT64_MAX - 1 && less[1] == INT64_MIN && less[2] == INT64_MAX);
    const uint8_t *more = cn_tensor_data(cn_greater(x, y));
    assert_true(more[0] && !more[1] && !more[2]);
    const int64_t *quotient = cn_tensor_data(cn_floor_divide(x, y));
    assert_true(quotient[0] == 1 && quotient[1] == INT64_MIN && quotient[2] == 1);
    const int64_t *rest = cn_tensor_data(cn_mod(x, y));
    assert_true(rest[0] == 1 && rest[1] == 0 && rest[2] == 0);
    x = cn_tensor_new(CN_UINT64, 1, &two, huge);
    y = cn_tensor_new(CN_UINT64, 1, &two, small);
    const uint64_t *most = cn_tensor_data(cn_maximum(x, y));
    assert_true(most[0] == UINT64_MAX && most[1] == UINT64_MAX);
}

static void test_dtypes(void **state)
{
    (void)state;
    cn_tensor *bytes = TENSOR(CN_UINT8, (2), 51, 255), *truth = TENSOR(CN_BOOL, (2), 0, 1);
    cn_tensor *half = TENSOR(CN_FLOAT16, (2), 1, 2), *wide = TENSOR(CN_FLOAT64, (2), 1, 2);
    cn_shape two = cn_shape_of(2);
    expect_tensor("u8 / 255", cn_divide(bytes, 255), CN_FLOAT32, two, (const double[]){0.2, 1},
                  1e-7);
    expect_tensor("u8 + 1", cn_add(bytes, 1), CN_UINT8, two, (const double[]){52, 0}, 0);
    expect_tensor("u8 + 0.5", cn_add(bytes, 0.5), CN_FLOAT32, two, (const double[]){51.5, 255.5},
                  0);
    expect_tensor("f16 * 0.5", cn_multiply(half, 0.5), CN_FLOAT16, two, (const double[]){0.5, 1},
                  0);
    /* A C number keeps its digits beside a float64 tensor. */
    expect_tensor("f64 * 0.1", cn_multiply(0.1, wide), CN_FLOAT64, two, (const double[]){0.1, 0.2},
                  1e-16);
    expect_tensor("bool + bool", cn_add(truth, truth), CN_INT32, two, (const double[]){0, 2}, 0);
    expect_tensor("bool max", cn_maximum(truth, truth), CN_BOOL, two, (const double[]){0, 1}, 0);
    expect_tensor("bool / 2", cn_divide(truth, truth), CN_FLOAT32, two, (const double[]){NAN, 1},
                  0);
    expect_tensor("atan2", cn_arctan2(bytes, bytes), CN_FLOAT32, two,
                  (const double[]){0.78539816, 0.78539816}, 1e-7);
    expect_tensor("and", cn_logical_and(half, bytes), CN_BOOL, two, (const double[]){1, 1}, 0);
}

/* Every pair of shapes against indices computed the long way. */
static void test_broadcasting(void **state)
{
    (void)state;
    static const cn_shape shapes[] = {
        {0, {0}},          {1, {1}},
        {1, {4}},          {2, {3, 4}},
        {2, {3, 1}},       {2, {1, 4}},
        {3, {2, 3, 4}},    {3, {2, 1, 4}},
        {3, {2, 3, 1}},    {3, {2, 1, 1}},
        {3, {1, 3, 1}},    {4, {1, 2, 3, 4}},
        {4, {5, 1, 1, 4}}, {6, {1, 5, 1, 2, 1, 4}},
    };
    enum { SHAPES = sizeof shapes / sizeof *shapes };
    static const cn_dtype dtypes[] = {CN_FLOAT32, CN_INT16};
    for (int s = 0; s < SHAPES * SHAPES * 2; s++) {
        const cn_shape *sa = &shapes[s / 2 % SHAPES], *sb = &shapes[s / 2 / SHAPES];
        cn_tensor *a = ramp(CN_FLOAT64, *sa), *b = ramp(CN_FLOAT64, *sb);
        a = cn_cast(cn_multiply(a, 2), dtypes[s % 2]);
        b = cn_cast(cn_add(cn_multiply(b, 20), 7), dtypes[s % 2]);
        cn_tensor *c = cn_subtract(a, b);
        assert_non_null(c);
        for (int64_t i = 0; i < cn_tensor_size(c); i++) {
            int64_t rest = i, at_a = 0, at_b = 0, step_a = 1, step_b = 1;
            for (int k = 1; k <= c->shape.rank; k++) {
                int64_t n = c->shape.dim[c->shape.rank - k], j = rest % n;
                int64_t na = k <= sa->rank ? sa->dim[sa->rank - k] : 1;
                int64_t nb = k <= sb->rank ? sb->dim[sb->rank - k] : 1;
                at_a += na == 1 ? 0 : j * step_a;
                at_b += nb == 1 ? 0 : j * step_b;
                step_a *= na;
                step_b *= nb;
                rest /= n;
            }
            assert_true(cn_tensor_item(c, i) == cn_tensor_item(a, at_a) - cn_tensor_item(b, at_b));
        }
    }
    cn_tensor *none = cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){0, 4}, NULL);
    assert_int_equal(cn_tensor_dim(cn_add(none, 1), 0), 0);
}

/* A NaN on either side comes out. */
static void test_nan(void **state)
{
    (void)state;
    cn_tensor *a = TENSOR(CN_FLOAT32, (3), NAN, 1, NAN), *b = TENSOR(CN_FLOAT32, (3), 1, NAN, NAN);
    const double nan[] = {NAN, NAN, NAN}, no[] = {0, 0, 0}, yes[] = {1, 1, 1};
    cn_shape three = cn_shape_of(3);
    expect_tensor("maximum", cn_maximum(a, b), CN_FLOAT32, three, nan, 0);
    expect_tensor("minimum", cn_minimum(a, b), CN_FLOAT32, three, nan, 0);
    expect_tensor("equal", cn_equal(a, b), CN_BOOL, three, no, 0);
    expect_tensor("not_equal", cn_not_equal(a, b), CN_BOOL, three, yes, 0);
    expect_tensor("greater", cn_greater_equal(a, b), CN_BOOL, three, no, 0);
}

/* Gradients where the functions have corners or logarithms end. */
static void test_gradients_at_kinks(void **state)
{
    (void)state;
    cn_tensor *a = TENSOR(CN_FLOAT32, (3), 1, 2, 3), *b = TENSOR(CN_FLOAT32, (3), 1, 3, 2);
    cn_shape three = cn_shape_of(3);
    cn_tape *tape = cn_tape_begin(.persistent = true);
    cn_tape_watch(tape, a);
    cn_tape_watch(tape, b);
    cn_tensor *high = cn_maximum(a, b), *low = cn_minimum(a, b);
#define GRADIENT(y, x, ...)                                                                        \
    expect_tensor(#y " by " #x, cn_tape_gradient(tape, y, x), CN_FLOAT32, three,                   \
                  (const double[]){__VA_ARGS__}, 1e-6)
    GRADIENT(high, a, 1, 0, 1);
    GRADIENT(high, b, 0, 1, 0);
    GRADIENT(low, a, 1, 1, 0);
    GRADIENT(low, b, 0, 0, 1);
    cn_tensor *base = TENSOR(CN_FLOAT32, (3), -1, 0, 2),
              *exponent = TENSOR(CN_FLOAT32, (3), 0, 2, 3);
    cn_tape_watch(tape, base);
    cn_tape_watch(tape, exponent);
    cn_tensor *power = cn_power(base, exponent);
    GRADIENT(power, base, 0, 0, 12);
    GRADIENT(power, exponent, 0, 0, 5.5451775);
#undef GRADIENT
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *a = ramp(CN_FLOAT32, cn_shape_of(2, 3)), *b = ramp(CN_FLOAT32, cn_shape_of(2, 2));
    cn_tensor *i = TENSOR(CN_INT32, (2), 5, 2), *zero = TENSOR(CN_INT32, (2), 1, 0);
    cn_tensor *negative = TENSOR(CN_INT32, (2), 1, -1), *none = NULL;
    expect_error("shapes", cn_add(a, b), CN_EVALUE, "(2, 3)");
    expect_error("floor_divide", cn_floor_divide(i, zero), CN_EVALUE, "Integer division by zero");
    expect_error("mod", cn_mod(i, 0), CN_EVALUE, "Integer division by zero");
    expect_error("power", cn_power(i, negative), CN_EVALUE,
                 "Integers to negative integer powers are not allowed");
    expect_error("NULL", cn_multiply(a, none), CN_ETYPE, "multiply");
    cn_tensor *wrong = cn__apply2(&cn__op_add, NULL, a, i);
    expect_error("dtypes", wrong, CN_ETYPE, "float32 and int32");
}

/* Several units on several threads: the bits are those of one thread. */
static void test_many(void **state)
{
    (void)state;
    cn_tensor *a = ramp(CN_FLOAT32, cn_shape_of(300, 701)), *b = ramp(CN_FLOAT32, cn_shape_of(701));
    cn_set_num_threads(1);
    cn_tensor *one = cn_divide(a, b);
    cn_set_num_threads(3);
    cn_tensor *three = cn_divide(a, b);
    cn_set_num_threads(0);
    assert_memory_equal(cn_tensor_data(one), cn_tensor_data(three), 300 * 701 * sizeof(float));
    for (int64_t i = 0; i < 300 * 701; i++)
        if (cn_tensor_item(b, i % 701) != 0)
            assert_true(fabs(cn_tensor_item(one, i) * cn_tensor_item(b, i % 701) -
                             cn_tensor_item(a, i)) <= 1e-6);
}

int main(void)
{
    setenv("CORNU_KERNELS", "reference", 1);
    const struct CMUnitTest tests[] = {
        OP_TEST(test_values), OP_TEST(test_integers),           OP_TEST(test_dtypes),
        OP_TEST(test_nan),    OP_TEST(test_broadcasting),       OP_TEST(test_errors),
        OP_TEST(test_many),   OP_TEST(test_gradients_at_kinks),
    };
    return cmocka_run_group_tests_name("binary", tests, NULL, NULL);
}
