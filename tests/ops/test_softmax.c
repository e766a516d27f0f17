/* Values of the softmax family and the cross-entropies, against Keras 3.15 on TensorFlow 2.21. */
/* ctest-labels: threads */
#include "ops_test.h"

#include "ops/cross_entropy.h"
#include <cornu/tape.h>
#include <stdlib.h>

/* clang-format off */
/* Of ramp(2, 3, 2) along the axis; sparsemax of half the ramp. Keras's sparsemax is wrong along other
 * axes than the last (its rows do not sum to 1), so those are the projections themselves. */
#define VALUES(XX) \
    XX(softmax, -1, 0.029312230751356319, 0.97068776924864364, 0.029312230751356319, \
        0.97068776924864364, 0.88079707797788231, 0.11920292202211755, 0.88079707797788231, \
        0.11920292202211755, 0.029312230751356319, 0.97068776924864364, 0.88079707797788231, \
        0.11920292202211755) \
    XX(log_softmax, 2, -3.5297504182726205, -0.029750418272620652, -3.5297504182726205, \
        -0.029750418272620652, -0.1269280110429726, -2.1269280110429727, -0.1269280110429726, \
        -2.1269280110429727, -3.5297504182726205, -0.029750418272620652, -0.1269280110429726, \
        -2.1269280110429727) \
    XX(sparsemax, -1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0) \
    XX(softmax, 0, 0.010986942630593181, 0.7310585786300049, 0.7310585786300049, \
        0.7310585786300049, 0.7310585786300049, 0.7310585786300049, 0.98901305736940681, \
        0.2689414213699951, 0.2689414213699951, 0.2689414213699951, 0.2689414213699951, \
        0.2689414213699951) \
    XX(log_softmax, -3, -4.5110477448485939, -0.31326168751822286, -0.31326168751822286, \
        -0.31326168751822286, -0.31326168751822286, -0.31326168751822286, -0.011047744848593777, \
        -1.3132616875182228, -1.3132616875182228, -1.3132616875182228, -1.3132616875182228, \
        -1.3132616875182228) \
    XX(sparsemax, 0, 0, 0.75, 0.75, 0.75, 0.75, 0.75, 1, 0.25, 0.25, 0.25, 0.25, 0.25) \
    XX(softmax, 1, 0.039112573270687456, 0.17973411350014978, 0.17529039214003669, \
        0.8055124120405226, 0.78559703458927588, 0.014753474459327467, 0.90875992425851326, \
        0.17973411350014978, 0.016644518609272355, 0.8055124120405226, 0.074595557132214441, \
        0.014753474459327467) \
    XX(log_softmax, -2, -3.2413112966571571, -1.7162766673708258, -1.7413112966571571, \
        -0.21627666737082574, -0.24131129665715703, -4.2162766673708258, -0.095674329414382281, \
        -1.7162766673708258, -4.0956743294143827, -0.21627666737082574, -2.5956743294143823, \
        -4.2162766673708258) \
    XX(sparsemax, 1, 0, 0.125, 0.125, 0.875, 0.875, 0, 1, 0.125, 0, 0.875, 0, 0)

#define LABELS .2, .3, .5, 1, 0, 0, 0, .5, .5, .1, .1, .8
/* clang-format on */

static void test_values(void **state)
{
    (void)state;
    static const struct {
        cn_dtype dtype;
        double tolerance;
    } runs[] = {{CN_FLOAT64, 1e-15}, {CN_FLOAT32, 3e-7}, {CN_FLOAT16, 1e-3}, {CN_BFLOAT16, 8e-3}};
    for (int r = 0; r < 4; r++) {
        cn_tensor *x = ramp(runs[r].dtype, cn_shape_of(2, 3, 2)), *half = cn_multiply(x, 0.5);
#define XX(op, axis, ...)                                                                          \
    {                                                                                              \
        const double want[] = {__VA_ARGS__};                                                       \
        cn_tensor *in = strcmp(#op, "sparsemax") ? x : half;                                       \
        expect_tensor(#op " " #axis, cn_##op(in, axis), runs[r].dtype, x->shape, want,             \
                      runs[r].tolerance);                                                          \
    }
        VALUES(XX)
#undef XX
    }
    cn_tensor *integers = TENSOR(CN_INT32, (2), 0, 0);
    expect_tensor("integers", cn_softmax(integers, -1), CN_FLOAT32, cn_shape_of(2),
                  (const double[]){0.5, 0.5}, 0);
    /* Far apart, and equal: no overflow, no NaN. */
    cn_tensor *far = TENSOR(CN_FLOAT32, (3), 1e30, 0, -1e30), *low = cn_multiply(far, -1);
    expect_tensor("far", cn_softmax(far, 0), CN_FLOAT32, far->shape, (const double[]){1, 0, 0}, 0);
    expect_tensor("far", cn_sparsemax(far, 0), CN_FLOAT32, far->shape, (const double[]){1, 0, 0},
                  0);
    expect_tensor("far", cn_log_softmax(low, 0), CN_FLOAT32, far->shape,
                  (const double[]){-2e30, -1e30, 0}, 1e-6);
    cn_tensor *empty = cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){0, 3}, NULL);
    assert_int_equal(cn_tensor_size(cn_softmax(empty, -1)), 0);
    assert_int_equal(cn_tensor_size(cn_softmax(empty, 0)), 0);
}

/* Many rows, long rows, and another axis than the last: rows sum to 1, and threads do not change
 * bits. */
static void test_many(void **state)
{
    (void)state;
    static const cn_shape shapes[] = {{2, {20000, 10}}, {2, {3, 50000}}, {3, {40, 300, 50}}};
    for (int s = 0; s < 3; s++) {
        cn_tensor *x = ramp(CN_FLOAT32, shapes[s]);
        for (int axis = 0; axis < shapes[s].rank; axis++) {
            cn_set_num_threads(1);
            cn_tensor *one = cn_softmax(x, axis);
            cn_set_num_threads(3);
            cn_tensor *three = cn_softmax(x, axis);
            cn_set_num_threads(0);
            assert_memory_equal(cn_tensor_data(one), cn_tensor_data(three),
                                (size_t)cn_tensor_size(x) * sizeof(float));
            cn_tensor *sums = cn_sum_axes(one, 1, (int64_t[]){axis}, false);
            for (int64_t i = 0; i < cn_tensor_size(sums); i++)
                assert_true(fabs(cn_tensor_item(sums, i) - 1) <= 1e-6);
        }
    }
}

static void test_cross_entropies(void **state)
{
    (void)state;
    cn_shape four = cn_shape_of(4);
    const double dense[] = {1.8531782071222884, 0.14293162849989965, 3.1429316284999,
                            3.5429316284999};
    const double sparse[] = {2.1531782071222882, 0.14293162849989968, 2.1429316284998996,
                             2.1429316284998996};
    const double sigmoid[] = {0.57888973429254964,  1.0132616875182228,  0.81326168751822281,
                              0.078889734292549626, 0.97407698418010669, 0.20141327798275238,
                              2.1269280110429727,   0.69314718055994529, 1.1269280110429725,
                              1.5514132779827525,   0.52407698418010673, 2.0788897342925496};
    static const cn_dtype floats[] = {CN_FLOAT64, CN_FLOAT32};
    for (int d = 0; d < 2; d++) {
        double tolerance = d ? 1e-7 : 1e-15;
        cn_tensor *z = ramp(floats[d], cn_shape_of(4, 3)), *y = TENSOR(floats[d], (4, 3), LABELS);
        expect_tensor("softmax", cn__softmax_cross_entropy(z, y), floats[d], four, dense,
                      tolerance);
        expect_tensor("sigmoid", cn__sigmoid_cross_entropy(z, y), floats[d], z->shape, sigmoid,
                      tolerance);
        for (cn_dtype t = CN_INT8; t <= CN_UINT64; t++) {
            cn_tensor *labels = TENSOR(t, (4), 2, 0, 1, 1);
            expect_tensor("sparse", cn__sparse_softmax_cross_entropy(z, labels), floats[d], four,
                          sparse, tolerance);
        }
        cn_tensor *cut = TENSOR(CN_FLOAT32, (4), 2, 0.9, 1.2, 1);
        expect_tensor("float labels", cn__sparse_softmax_cross_entropy(z, cut), floats[d], four,
                      sparse, tolerance);
    }
    /* A label of 0 beside an infinite logit costs nothing. */
    cn_tensor *z = TENSOR(CN_FLOAT32, (1, 2), -INFINITY, 3), *y = TENSOR(CN_FLOAT32, (1, 2), 0, 1);
    expect_tensor("infinite", cn__softmax_cross_entropy(z, y), CN_FLOAT32, cn_shape_of(1),
                  (const double[]){0}, 0);
    z = TENSOR(CN_FLOAT32, (2), -1000, 1000);
    expect_tensor("far", cn__sigmoid_cross_entropy(z, cn_scalar(0, CN_FLOAT32)), CN_FLOAT32,
                  cn_shape_of(2), (const double[]){0, 1000}, 1e-7);
}

/* TensorFlow's gradient of the logits is softmax(z) - y even where y does not sum to 1. */
static void test_gradient_of_loose_labels(void **state)
{
    (void)state;
    cn_tensor *z = ramp(CN_FLOAT64, cn_shape_of(4, 3)), *y = TENSOR(CN_FLOAT64, (4, 3), LABELS);
    const double want[] = {-0.37409134528259852, 0.25797681060845712,   -0.88388546532585888,
                           -1.1331866678026654,  0.11731042782619835,   0.015876239976466765,
                           0.8668133321973347,   -0.88268957217380162,  -0.98412376002353319,
                           0.66681333219733463,  -0.082689572173801656, -1.5841237600235334};
    cn_tape *tape = cn_tape_begin();
    cn_tape_watch(tape, z);
    cn_tensor *loss = cn__softmax_cross_entropy(z, cn_multiply(y, 2));
    expect_tensor("gradient", cn_tape_gradient(tape, loss, z), CN_FLOAT64, z->shape, want, 1e-14);
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *z = ramp(CN_FLOAT32, cn_shape_of(3, 3)), *null = NULL;
    expect_error("axis", cn_softmax(z, 2), CN_EINDEX, "softmax");
    expect_error("NULL", cn_log_softmax(null, -1), CN_ETYPE, "log_softmax");
    expect_error("high", cn__sparse_softmax_cross_entropy(z, TENSOR(CN_INT32, (3), 1, 7, 0)),
                 CN_EINDEX,
                 "Received a label value of 7 which is outside the valid range of [0, 3).  Label "
                 "values: 1 7 0");
    expect_error("low", cn__sparse_softmax_cross_entropy(z, TENSOR(CN_INT64, (3), 3, 7, -2)),
                 CN_EINDEX,
                 "Received a label value of -2 which is outside the valid range of [0, 3)");
    expect_error("shape", cn__sparse_softmax_cross_entropy(z, TENSOR(CN_INT32, (2), 1, 1)),
                 CN_EVALUE, "labels of shape (2,) do not fit logits of shape (3, 3)");
    expect_error("rank", cn__softmax_cross_entropy(z, TENSOR(CN_FLOAT32, (3), 1, 1, 1)), CN_EVALUE,
                 "labels of shape (3,)");
    /* Long batches are cut in the message; the first bad unit decides on any number of threads. */
    cn_tensor *many = cn_full(1, (int64_t[]){40000}, 1, CN_INT32);
    ((int32_t *)cn_tensor_data_mutable(many))[39000] = 9;
    cn_set_num_threads(3);
    expect_error("many", cn__sparse_softmax_cross_entropy(cn_zeros(40000, 3), many), CN_EINDEX,
                 "Received a label value of 9");
    cn_set_num_threads(0);
    /* Nothing stays behind in the threads of the pool. */
    assert_non_null(cn_exp(cn_zeros(300000)));
}

int main(void)
{
    setenv("CORNU_KERNELS", "reference", 1);
    const struct CMUnitTest tests[] = {
        OP_TEST(test_values),          OP_TEST(test_many),
        OP_TEST(test_cross_entropies), OP_TEST(test_gradient_of_loose_labels),
        OP_TEST(test_errors),
    };
    return cmocka_run_group_tests_name("softmax", tests, NULL, NULL);
}
