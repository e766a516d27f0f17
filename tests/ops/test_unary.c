/* Values of the elementwise ops with one input, against Keras 3.15 on TensorFlow 2.21. */
/* ctest-labels: threads */
#include "ops_test.h"

#include <cornu/tape.h>
#include <stdlib.h>

enum { N = 7 };

/* clang-format off */
#define VALUES(XX) \
    XX(negative, 2.5, 1, 0.3, -0, -0.4, -1, -3.2) \
    XX(abs, 2.5, 1, 0.3, 0, 0.4, 1, 3.2) \
    XX(square, 6.25, 1, 0.09, 0, 0.16000000000000003, 1, 10.240000000000002) \
    XX(sqrt, NAN, NAN, NAN, 0, 0.6324555320336759, 1, 1.7888543819998317) \
    XX(rsqrt, NAN, NAN, NAN, INFINITY, 1.5811388300841895, 1, 0.5590169943749475) \
    XX(reciprocal, -0.4, -1, -3.3333333333333335, INFINITY, 2.5, 1, 0.3125) \
    XX(sign, -1, -1, -1, 0, 1, 1, 1) \
    XX(exp, 0.0820849986238988, 0.3678794411714423, 0.7408182206817179, 1, 1.4918246976412703, \
        2.718281828459045, 24.532530197109352) \
    XX(expm1, -0.9179150013761012, -0.6321205588285577, -0.2591817793182821, 0, \
        0.49182469764127035, 1.718281828459045, 23.532530197109352) \
    XX(log, NAN, NAN, NAN, -INFINITY, -0.916290731874155, 0, 1.1631508098056809) \
    XX(log1p, NAN, -INFINITY, -0.3566749439387324, 0, 0.33647223662121295, 0.6931471805599453, \
        1.4350845252893227) \
    XX(log2, NAN, NAN, NAN, -INFINITY, -1.3219280948873622, 0, 1.6780719051126378) \
    XX(log10, NAN, NAN, NAN, -INFINITY, -0.39794000867203755, 0, 0.5051499783199059) \
    XX(sin, -0.5984721441039565, -0.8414709848078965, -0.29552020666133955, 0, \
        0.3894183423086505, 0.8414709848078965, -0.058374143427580086) \
    XX(cos, -0.8011436155469337, 0.5403023058681398, 0.955336489125606, 1, 0.9210609940028851, \
        0.5403023058681398, -0.9982947757947531) \
    XX(tan, 0.7470222972386603, -1.5574077246549023, -0.30933624960962325, 0, \
        0.4227932187381618, 1.5574077246549023, 0.058473854459578645) \
    XX(arcsin, NAN, -1.5707963267948966, -0.3046926540153975, 0, 0.41151684606748806, \
        1.5707963267948966, NAN) \
    XX(arccos, NAN, 3.141592653589793, 1.8754889808102941, 1.5707963267948966, \
        1.1592794807274085, 0, NAN) \
    XX(arctan, -1.1902899496825317, -0.7853981633974484, -0.2914567944778671, 0, \
        0.3805063771123649, 0.7853981633974483, 1.2679114584199251) \
    XX(sinh, -6.0502044810397875, -1.1752011936438014, -0.3045202934471426, 0, \
        0.4107523258028155, 1.1752011936438014, 12.245883996565492) \
    XX(cosh, 6.132289479663686, 1.5430806348152437, 1.0453385141288605, 1, 1.081072371838455, \
        1.5430806348152437, 12.28664620054386) \
    XX(tanh, -0.9866142981514302, -0.7615941559557649, -0.29131261245159085, 0, \
        0.3799489622552249, 0.7615941559557649, 0.9966823978396512) \
    XX(arcsinh, -1.6472311463710958, -0.881373587019543, -0.29567304756342244, 0, \
        0.39003531977071526, 0.881373587019543, 1.8798635843969098) \
    XX(arccosh, NAN, NAN, NAN, NAN, NAN, 0, 1.8309380069269214) \
    XX(arctanh, NAN, -INFINITY, -0.3095196042031117, 0, 0.42364893019360184, INFINITY, NAN) \
    XX(erf, -0.999593047982555, -0.8427007929497148, -0.3286267594591274, 0, \
        0.42839235504666845, 0.8427007929497148, 0.9999939742388483) \
    XX(erfinv, NAN, -INFINITY, -0.27246271472675443, 0, 0.3708071585935579, INFINITY, NAN) \
    XX(floor, -3, -1, -1, 0, 0, 1, 3) \
    XX(ceil, -2, -1, -0, 0, 1, 1, 4) \
    XX(round, -2, -1, -0, 0, 0, 1, 3) \
    XX(trunc, -2, -1, -0, 0, 0, 1, 3) \
    XX(relu, 0, 0, 0, 0, 0.4, 1, 3.2) \
    XX(relu6, 0, 0, 0, 0, 0.4, 1, 3.2) \
    XX(sigmoid, 0.07585818002124356, 0.2689414213699951, 0.425557483188341, 0.5, \
        0.598687660112452, 0.7310585786300049, 0.9608342772032357) \
    XX(softplus, 0.07888973429254963, 0.3132616875182228, 0.5543552444685271, \
        0.6931471805599453, 0.9130152523999526, 1.3132616875182228, 3.2399533331624304) \
    XX(softsign, -0.7142857142857143, -0.5, -0.23076923076923075, 0, 0.28571428571428575, 0.5, \
        0.7619047619047619) \
    XX(silu, -0.1896454500531089, -0.2689414213699951, -0.1276672449565023, 0, \
        0.2394750640449808, 0.7310585786300049, 3.0746696870503545) \
    XX(mish, -0.19681620390653337, -0.3034014613741089, -0.1511331771383346, 0, \
        0.2890305340723631, 0.8650983882673103, 3.1901977316371823) \
    XX(selu, -1.6137857588732425, -1.1113307378125628, -0.4556673153791221, 0, \
        0.4202803949421922, 1.0507009873554805, 3.3622431595375377) \
    XX(hard_sigmoid, 0.08333333333333333, 0.3333333333333333, 0.45, 0.5, 0.5666666666666667, \
        0.6666666666666666, 1) \
    XX(hard_silu, -0.20833333333333331, -0.3333333333333333, -0.135, 0, 0.22666666666666668, \
        0.6666666666666666, 3.2) \
    XX(hard_tanh, -1, -1, -0.3, 0, 0.4, 1, 1) \
    XX(tanh_shrink, -1.51338570184857, -0.23840584404423515, -0.008687387548409142, 0, \
        0.020051037744775124, 0.23840584404423515, 2.203317602160349) \
    XX(log_sigmoid, -2.5788897342925496, -1.3132616875182228, -0.8543552444685272, \
        -0.6931471805599453, -0.5130152523999526, -0.31326168751822286, -0.039953333162430354) \
    XX(sparse_plus, 0, 0, 0.12249999999999998, 0.25, 0.48999999999999994, 1, 3.2) \
    XX(sparse_sigmoid, 0, 0, 0.35, 0.5, 0.7, 1, 1) \
    XX(lgamma, -0.05624371649767407, INFINITY, 1.4648400508576023, INFINITY, \
        0.7966778177017837, 0, 0.8854048271549091) \
    XX(digamma, 1.1031566406452433, NAN, 2.1133097796353986, NAN, -2.561384544585115, \
        -0.5772156649015323, 0.9988388912865993)

#define PARAMETER_VALUES(XX) \
    XX(cn_elu(x, 0.7), -0.6425405009632708, -0.44248439117999033, -0.1814272455227975, 0, 0.4, \
        1, 3.2) \
    XX(cn_celu(x, 0.7), -0.6803190381757196, -0.532244274490757, -0.24399265972826112, 0, 0.4, \
        1, 3.2) \
    XX(cn_leaky_relu(x, 0.2), -0.5, -0.2, -0.06, 0, 0.4, 1, 3.2) \
    XX(cn_gelu(x, false), -0.015524163314440348, -0.15865525393145707, -0.1146265733433142, 0, \
        0.2621686966441297, 0.8413447460685429, 3.1978011585986694) \
    XX(cn_gelu(x, true), -0.015084266089998577, -0.15880800939172324, -0.11462907645724074, 0, \
        0.2621611694273562, 0.8411919906082768, 3.198130434837916) \
    XX(cn_clip(x, -1.5, 0.5), -1.5, -1, -0.3, 0, 0.4, 0.5, 0.5) \
    XX(cn_hard_shrink(x, 0.4), -2.5, -1, 0, 0, 0, 1, 3.2) \
    XX(cn_soft_shrink(x, 0.4), -2.1, -0.6, 0, 0, 0, 0.6, 2.8000000000000003) \
    XX(cn_threshold(x, 0.4, -7), -7, -7, -7, -7, -7, 1, 3.2) \
    XX(cn_squareplus(x, 4), 0.35078105935821213, 0.6180339887498949, 0.8611874208078342, 1, \
        1.219803902718557, 1.618033988749895, 3.486796226411321) \
    XX(cn_relu_general(x, 0.1, CN_NONE_FLOAT, 0.0), -0.25, -0.1, -0.03, 0, 0.4, 1, 3.2) \
    XX(cn_relu_general(x, 0.0, 6.0, 0.0), 0, 0, 0, 0, 0.4, 1, 3.2) \
    XX(cn_relu_general(x, 0.0, 2.0, 0.0), 0, 0, 0, 0, 0.4, 1, 2) \
    XX(cn_relu_general(x, 0.1, 2.0, 0.0), -0.25, -0.1, -0.03, 0, 0.4, 1, 2) \
    XX(cn_relu_general(x, 0.1, CN_NONE_FLOAT, 0.4), -0.29, -0.13999999999999999, \
        -0.06999999999999999, -0.04000000000000001, 0, 1, 3.2) \
    XX(cn_relu_general(x, 0.1, 0.9, -1.2), -0.13, 0, 0, 0, 0.4, 0.9, 0.9) \
    XX(cn_relu_general(x, 0.0, CN_NONE_FLOAT, -1.2), 0, -1, -0.3, 0, 0.4, 1, 3.2)
/* clang-format on */

/* gelu is from Python's math.erfc and tanh: Keras's constants are float32 even for float64 tensors.
 *
 * Inputs and results to 17 digits: float64 may differ by roundings of libm. A float32 input is off
 * by 3e-8 itself. */
static void test_values(void **state)
{
    (void)state;
    cn_tensor *wide = TENSOR(CN_FLOAT64, (N), -2.5, -1, -0.3, 0, 0.4, 1, 3.2), *x = wide;
#define XX(op, ...)                                                                                \
    {                                                                                              \
        const double want[] = {__VA_ARGS__};                                                       \
        expect_tensor(#op, cn_##op(x), x->dtype, x->shape, want, tolerance);                       \
    }
#define YY(call, ...)                                                                              \
    {                                                                                              \
        const double want[] = {__VA_ARGS__};                                                       \
        expect_tensor(#call, call, x->dtype, x->shape, want, tolerance);                           \
    }
    double tolerance = 3e-15;
    VALUES(XX)
    PARAMETER_VALUES(YY)
    x = cn_cast(wide, CN_FLOAT32);
    tolerance = 1e-6;
    VALUES(XX)
    PARAMETER_VALUES(YY)
#undef XX
#undef YY
}

/* Half types are computed in float32: rounding its result gives the same bits. */
static void test_halves(void **state)
{
    (void)state;
    static const cn_dtype halves[] = {CN_FLOAT16, CN_BFLOAT16};
    for (int h = 0; h < 2; h++) {
        cn_tensor *x = cn_cast(TENSOR(CN_FLOAT64, (N), -2.5, -1, -0.3, 0, 0.4, 1, 3.2), halves[h]);
        cn_tensor *wide = cn_cast(x, CN_FLOAT32);
#define XX(op, ...)                                                                                \
    {                                                                                              \
        cn_tensor *got = cn_##op(x), *want = cn_cast(cn_##op(wide), halves[h]);                    \
        assert_int_equal(cn_tensor_dtype(got), halves[h]);                                         \
        for (int i = 0; i < N; i++)                                                                \
            if (!isnan(cn_tensor_item(want, i)) || !isnan(cn_tensor_item(got, i)))                 \
                assert_true(cn_tensor_item(got, i) == cn_tensor_item(want, i));                    \
    }
        VALUES(XX)
#undef XX
    }
}

/* A NaN comes out as one, whatever the function; what tells truths is apart. */
static void test_nan(void **state)
{
    (void)state;
    static const cn_dtype floats[] = {CN_FLOAT32, CN_FLOAT64, CN_FLOAT16};
    for (int d = 0; d < 3; d++) {
        cn_tensor *x = TENSOR(floats[d], (1), NAN);
#define XX(op, ...) assert_true(isnan(cn_tensor_item(cn_##op(x), 0)));
        VALUES(XX)
#undef XX
#define XX(call, ...) assert_true(isnan(cn_tensor_item(call, 0)));
        PARAMETER_VALUES(XX)
#undef XX
    }
}

/* Far out, where a formula taken at its word would overflow or lose all digits. */
static void test_far(void **state)
{
    (void)state;
    static const cn_dtype floats[] = {CN_FLOAT32, CN_FLOAT64};
    for (int d = 0; d < 2; d++) {
        cn_dtype t = floats[d];
        cn_tensor *x = TENSOR(t, (4), -INFINITY, -1000, 1000, INFINITY);
        cn_shape four = cn_shape_of(4);
#define FAR(call, ...) expect_tensor(#call, call, t, four, (const double[]){__VA_ARGS__}, 1e-6);
        FAR(cn_sigmoid(x), 0, 0, 1, 1)
        FAR(cn_softplus(x), 0, 0, 1000, INFINITY)
        FAR(cn_log_sigmoid(x), -INFINITY, -1000, 0, 0)
        FAR(cn_elu(x, 1), -1, -1, 1000, INFINITY)
        FAR(cn_tanh(x), -1, -1, 1, 1)
        FAR(cn_relu(x), 0, 0, 1000, INFINITY)
        FAR(cn_sign(x), -1, -1, 1, 1)
        FAR(cn_erf(x), -1, -1, 1, 1)
        FAR(cn_clip(x, -2, CN_NONE_FLOAT), -2, -2, 1000, INFINITY)
#undef FAR
    }
    /* Small results keep their digits. */
    cn_tensor *low = TENSOR(CN_FLOAT64, (1), -8);
    const double gelu = -4.9767684594174555e-15, y = cn_tensor_item(cn_gelu(low, false), 0);
    assert_true(fabs(y / gelu - 1) < 1e-13);
    assert_true(fabs(cn_tensor_item(cn_erfinv(TENSOR(CN_FLOAT64, (1), 0.999999999)), 0) /
                         4.320005384913445 -
                     1) < 1e-9);
}

static void test_truths(void **state)
{
    (void)state;
    cn_tensor *x = TENSOR(CN_FLOAT32, (5), -INFINITY, -1, 0, NAN, INFINITY);
    cn_shape five = cn_shape_of(5);
    expect_tensor("isnan", cn_isnan(x), CN_BOOL, five, (const double[]){0, 0, 0, 1, 0}, 0);
    expect_tensor("isinf", cn_isinf(x), CN_BOOL, five, (const double[]){1, 0, 0, 0, 1}, 0);
    expect_tensor("isfinite", cn_isfinite(x), CN_BOOL, five, (const double[]){0, 1, 1, 0, 0}, 0);
    expect_tensor("not", cn_logical_not(x), CN_BOOL, five, (const double[]){0, 0, 1, 0, 0}, 0);
    x = TENSOR(CN_INT16, (5), -3, 0, 7, 1, 2);
    expect_tensor("isnan", cn_isnan(x), CN_BOOL, five, (const double[]){0, 0, 0, 0, 0}, 0);
    expect_tensor("not", cn_logical_not(x), CN_BOOL, five, (const double[]){0, 1, 0, 0, 0}, 0);
}

/* Integers of every width and sign; results wrap as the type does. */
static void test_integers(void **state)
{
    (void)state;
    cn_shape four = cn_shape_of(4);
    for (cn_dtype t = CN_INT8; t <= CN_INT64; t++) {
        cn_tensor *x = TENSOR(t, (4), -7, -1, 0, 11);
        expect_tensor("negative", cn_negative(x), t, four, (const double[]){7, 1, 0, -11}, 0);
        expect_tensor("abs", cn_abs(x), t, four, (const double[]){7, 1, 0, 11}, 0);
        expect_tensor("square", cn_square(x), t, four, (const double[]){49, 1, 0, 121}, 0);
        expect_tensor("sign", cn_sign(x), t, four, (const double[]){-1, -1, 0, 1}, 0);
        expect_tensor("relu", cn_relu(x), t, four, (const double[]){0, 0, 0, 11}, 0);
        expect_tensor("relu6", cn_relu6(x), t, four, (const double[]){0, 0, 0, 6}, 0);
        expect_tensor("round", cn_round(x), t, four, (const double[]){-7, -1, 0, 11}, 0);
        expect_tensor("clip", cn_clip(x, -2.5, 1e30), t, four, (const double[]){-2, -1, 0, 11}, 0);
    }
    for (cn_dtype t = CN_UINT8; t <= CN_UINT64; t++) {
        cn_tensor *x = TENSOR(t, (4), 7, 1, 0, 11);
        expect_tensor("abs", cn_abs(x), t, four, (const double[]){7, 1, 0, 11}, 0);
        expect_tensor("sign", cn_sign(x), t, four, (const double[]){1, 1, 0, 1}, 0);
        expect_tensor("relu6", cn_relu6(x), t, four, (const double[]){6, 1, 0, 6}, 0);
        expect_tensor("clip", cn_clip(x, -1, 8), t, four, (const double[]){7, 1, 0, 8}, 0);
    }
    cn_tensor *edge = TENSOR(CN_INT8, (2), -128, 100);
    cn_shape two = cn_shape_of(2);
    expect_tensor("wrap", cn_negative(edge), CN_INT8, two, (const double[]){-128, -100}, 0);
    expect_tensor("wrap", cn_abs(edge), CN_INT8, two, (const double[]){-128, 100}, 0);
    expect_tensor("wrap", cn_square(edge), CN_INT8, two, (const double[]){0, 16}, 0);
    cn_tensor *truth = TENSOR(CN_BOOL, (2), 0, 1);
    expect_tensor("bool", cn_negative(truth), CN_INT32, two, (const double[]){0, -1}, 0);
    expect_tensor("exp", cn_exp(truth), CN_FLOAT32, two, (const double[]){1, 2.718281828}, 1e-7);
    expect_tensor("floor", cn_floor(edge), CN_FLOAT32, two, (const double[]){-128, 100}, 0);
}

/* Where a function has a corner its gradient is TensorFlow's. */
static void test_kinks(void **state)
{
    (void)state;
#define KINK(call, points, ...)                                                                    \
    {                                                                                              \
        const double at[] = {points, 0}, want[] = {__VA_ARGS__, 0};                                \
        cn_tensor *x = values_of(CN_FLOAT32, cn_shape_of(2), at);                                  \
        cn_tape *tape = cn_tape_begin();                                                           \
        cn_tape_watch(tape, x);                                                                    \
        cn_tensor *y = call;                                                                       \
        expect_tensor(#call, cn_tape_gradient(tape, y, x), CN_FLOAT32, x->shape, want, 1e-6);      \
    }
#define AT(a, b) a, b
    KINK(cn_relu(x), AT(0, 1), 0, 1)
    KINK(cn_relu6(x), AT(0, 6), 0, 0)
    KINK(cn_abs(x), AT(0, -1), 0, -1)
    KINK(cn_sign(x), AT(0, -1), 0, 0)
    KINK(cn_sqrt(x), AT(0, 4), INFINITY, 0.25)
    KINK(cn_leaky_relu(x, 0.2), AT(0, 1), 0.2, 1)
    KINK(cn_elu(x, 0.7), AT(0, 1), 1, 1)
    KINK(cn_selu(x), AT(0, 1), 1.0507009873554805, 1.0507009873554805)
    KINK(cn_clip(x, -1, 1), AT(-1, 1), 1, 1)
    KINK(cn_hard_tanh(x), AT(-1, 1), 1, 1)
    KINK(cn_hard_sigmoid(x), AT(-3, 3), 0, 0)
    KINK(cn_hard_silu(x), AT(-3, 3), 0, 1)
    KINK(cn_hard_shrink(x, 0.5), AT(-0.5, 0.5), 0, 0)
    KINK(cn_soft_shrink(x, 0.5), AT(-0.5, 0.5), 0, 0)
    KINK(cn_sparse_plus(x), AT(-1, 1), 0, 1)
    KINK(cn_sparse_sigmoid(x), AT(-1, 1), 0, 0)
#undef KINK
}

/* More elements than a unit holds, on several threads: every one is right, and the bits are those
 * of one thread. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 200001 };
    static const cn_dtype dtypes[] = {CN_FLOAT32, CN_FLOAT16};
    for (int d = 0; d < 2; d++) {
        cn_tensor *x = ramp(dtypes[d], cn_shape_of(MANY));
        cn_set_num_threads(1);
        cn_tensor *one = cn_exp(x);
        cn_set_num_threads(3);
        cn_tensor *three = cn_exp(x);
        cn_set_num_threads(0);
        assert_memory_equal(cn_tensor_data(one), cn_tensor_data(three),
                            MANY * cn_dtype_size(dtypes[d]));
        for (int64_t i = 0; i < MANY; i++)
            assert_true(fabs(cn_tensor_item(one, i) / exp(cn_tensor_item(x, i)) - 1) < 1e-3);
    }
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *x = NULL;
    expect_error("exp", cn_exp(x), CN_ETYPE, "exp");
    expect_error("relu", cn_relu(x), CN_ETYPE, "relu");
    cn_tensor *empty = cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){0, 3}, NULL);
    assert_int_equal(cn_tensor_size(cn_exp(empty)), 0);
}

int main(void)
{
    setenv("CORNU_KERNELS", "reference", 1);
    const struct CMUnitTest tests[] = {
        OP_TEST(test_values), OP_TEST(test_halves), OP_TEST(test_nan),
        OP_TEST(test_far),    OP_TEST(test_truths), OP_TEST(test_integers),
        OP_TEST(test_kinks),  OP_TEST(test_many),   OP_TEST(test_errors),
    };
    return cmocka_run_group_tests_name("unary", tests, NULL, NULL);
}
