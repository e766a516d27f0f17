/* Ops that find, order and pick elements: values as numpy 2 gives them, gradients, errors. */
#include "ops_test.h"

#include <cornu/tape.h>

#define EXPECT(expression, dtype, shape, ...)                                                      \
    expect_tensor(#expression, expression, dtype, shape, (const double[]){__VA_ARGS__}, 3e-7)

static cn_tensor *top_places(cn_tensor *x, int64_t k)
{
    cn_tensor *places = NULL;
    cn_top_k(x, k, &places);
    return places;
}

static void test_values(void **state)
{
    (void)state;
    cn_tensor *X = ramp(CN_FLOAT32, cn_shape_of(2, 3, 4));
    EXPECT(cn_argmax(X, 1), CN_INT64, cn_shape_of(2, 4), 1, 2, 1, 0, 2, 1, 0, 2);
    EXPECT(cn_argmax(X, CN_NONE), CN_INT64, (cn_shape){0}, 3);
    EXPECT(cn_argmin(X, -1), CN_INT64, cn_shape_of(2, 3), 0, 1, 3, 1, 3, 2);
    EXPECT(cn_argmax(cn_array(1, NAN, 3, NAN), 0), CN_INT64, (cn_shape){0}, 1);
    EXPECT(cn_argmin(cn_array(1, NAN, 0), 0), CN_INT64, (cn_shape){0}, 1);
    EXPECT(cn_argmax(TENSOR(CN_UINT8, (3), 5, 200, 200), 0), CN_INT64, (cn_shape){0}, 1);
    EXPECT(cn_sort(X, 1), CN_FLOAT32, cn_shape_of(2, 3, 4), -2.5, -1.5, -1, -2.5, -2, 1, -0.5, 0,
           0.5, 1.5, 2, 2.5, -1.5, -1, -2.5, -2, 1, -0.5, 0, 0.5, 1.5, 2, 2.5, 1);
    EXPECT(cn_sort(cn_array(3, NAN, -INFINITY, 2, -2, 0), 0), CN_FLOAT32, cn_shape_of(6), -INFINITY,
           -2, 0, 2, 3, NAN);
    EXPECT(cn_sort(TENSOR(CN_INT64, (5), 3, -1, 7, -9, 0), -1), CN_INT64, cn_shape_of(5), -9, -1, 0,
           3, 7);
    EXPECT(cn_argsort(X, -1), CN_INT32, cn_shape_of(2, 3, 4), 0, 2, 1, 3, 1, 3, 0, 2, 3, 0, 2, 1, 1,
           3, 0, 2, 3, 0, 2, 1, 2, 1, 3, 0);
    EXPECT(cn_argsort(TENSOR(CN_UINT8, (6), 1, 0, 1, 0, 255, 1), 0), CN_INT32, cn_shape_of(6), 1, 3,
           0, 2, 5, 4);
    EXPECT(cn_top_k(X, 2, NULL), CN_FLOAT32, cn_shape_of(2, 3, 2), 2.5, 1, 2, 0.5, 1.5, -0.5, 2.5,
           1, 2, 0, 1.5, 1);
    EXPECT(top_places(cn_array(1, 5, 5, 2, 9), 3), CN_INT32, cn_shape_of(3), 4, 1, 2);
    EXPECT(cn_searchsorted(cn_array(1, 3, 3, 5), cn_array(0, 3, 4, 9), false), CN_INT32,
           cn_shape_of(4), 0, 1, 3, 4);
    EXPECT(cn_searchsorted(cn_array(1, 3, 3, 5), cn_array(0, 3, 4, 9), true), CN_INT32,
           cn_shape_of(4), 0, 3, 3, 4);
    EXPECT(cn_gather(X, TENSOR(CN_INT32, (2, 2), 0, 2, 1, -1), 1), CN_FLOAT32,
           cn_shape_of(2, 2, 2, 4), -2.5, 1, -1, 2.5, -2, 1.5, -0.5, -2.5, 0.5, -1.5, 2, 0, -2, 1.5,
           -0.5, -2.5, 1, -1, 2.5, 0.5, 1.5, -0.5, -2.5, 1, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_gather(X, cn_scalar(1, CN_INT64), 0), CN_FLOAT32, cn_shape_of(3, 4), 1, -1, 2.5, 0.5,
           -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_gather(ramp(CN_FLOAT32, cn_shape_of(5, 3)), TENSOR(CN_FLOAT32, (2, 1), 4, 0), 0),
           CN_FLOAT32, cn_shape_of(2, 1, 3), 1, -1, 2.5, -2.5, 1, -1);
    EXPECT(cn_take_along_axis(X, TENSOR(CN_INT32, (2, 3, 1), 0, 3, 1, 2, -1, 0), 2), CN_FLOAT32,
           cn_shape_of(2, 3, 1), -2.5, 0, 1.5, 2.5, -2, 1.5);
    EXPECT(cn_take_along_axis(X, TENSOR(CN_INT32, (1, 2, 4), 0, 1, 2, 0, 2, 2, 1, 1), 1),
           CN_FLOAT32, cn_shape_of(2, 2, 4), -2.5, -1.5, -0.5, 2.5, -2, 1.5, 2, 0, 1, 2, -2.5, 0.5,
           1.5, -0.5, 0, -2);
    EXPECT(cn_scatter_add(cn_ones(3, 2), TENSOR(CN_INT32, (4), 0, 2, 0, -1),
                          ramp(CN_FLOAT32, cn_shape_of(4, 2))),
           CN_FLOAT32, cn_shape_of(3, 2), -1, 0.5, 1, 1, 2, 3.5);
    EXPECT(cn_one_hot(TENSOR(CN_INT32, (2, 2), 0, 3, -1, 2), 3, CN_FLOAT32), CN_FLOAT32,
           cn_shape_of(2, 2, 3), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    EXPECT(cn_one_hot(TENSOR(CN_UINT8, (2), 1, 0), 2, CN_INT8), CN_INT8, cn_shape_of(2, 2), 0, 1, 1,
           0);
}

/* Where the elements of sort and top_k go, their gradients come back from. */
static void test_gradients(void **state)
{
    (void)state;
    cn_tensor *x = TENSOR(CN_FLOAT32, (2, 3), 3, 1, 2, 5, 5, 4), *w = cn_array(10, 20, 30);
    cn_tape *tape = cn_tape_begin(.persistent = true);
    cn_tape_watch(tape, x);
    cn_tensor *sorted = cn_sum(cn_multiply(cn_sort(x, 1), w));
    cn_tensor *best = cn_sum(cn_multiply(cn_square(cn_top_k(x, 2, NULL)), cn_array(1, 10)));
    EXPECT(cn_tape_gradient(tape, sorted, x), CN_FLOAT32, cn_shape_of(2, 3), 30, 10, 20, 20, 30,
           10);
    EXPECT(cn_tape_gradient(tape, best, x), CN_FLOAT32, cn_shape_of(2, 3), 6, 0, 40, 10, 100, 0);
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *x = ramp(CN_FLOAT32, cn_shape_of(2, 3));
    expect_error("gather", cn_gather(x, TENSOR(CN_INT32, (1, 2), 1, 2), 0), CN_EINDEX,
                 "indices[0,1] = 2 is not in [0, 2)");
    expect_error("take_along_axis", cn_take_along_axis(x, TENSOR(CN_INT32, (2, 1), 0, -4), 1),
                 CN_EINDEX, "indices[1,0] = -4 is not in [0, 3)");
    expect_error("scatter_add",
                 cn_scatter_add(x, TENSOR(CN_INT32, (1), 7), ramp(CN_FLOAT32, cn_shape_of(1, 3))),
                 CN_EINDEX, "indices[0] = 7 is not in [0, 2)");
    expect_error("take_along_axis", cn_take_along_axis(x, TENSOR(CN_INT32, (3, 1), 0, 0, 0), 1),
                 CN_EVALUE, "do not fit");
    expect_error("top_k", cn_top_k(x, 4, NULL), CN_EVALUE,
                 "input must have last dimension >= k = 4 but is 3");
    expect_error("argmax", cn_argmax(cn_zeros(2, 0), 1), CN_EVALUE, "empty sequence");
    expect_error("searchsorted", cn_searchsorted(x, x, false), CN_EVALUE, "1-D sorted");
}

/* Against a plain loop, with many ties and an odd length. */
static void test_sort_large(void **state)
{
    (void)state;
    enum { N = 1237 };
    float data[N];
    uint32_t random = 12345;
    for (int i = 0; i < N; i++) {
        random = random * 1664525u + 1013904223u;
        data[i] = (float)(random >> 24) - 128;
    }
    cn_tensor *x = cn_tensor_new(CN_FLOAT32, 1, (const int64_t[]){N}, data);
    const float *sorted = cn_tensor_floats(cn_sort(x, 0));
    const int32_t *order = cn_tensor_data(cn_argsort(x, 0));
    for (int i = 0; i < N; i++) {
        int before = 0;
        for (int j = 0; j < N; j++) {
            before += data[j] < data[i] || (data[j] == data[i] && j < i);
        }
        assert_int_equal(order[before], i);
        assert_true(sorted[before] == data[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(test_values),
        OP_TEST(test_gradients),
        OP_TEST(test_errors),
        OP_TEST(test_sort_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
