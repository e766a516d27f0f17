/* Ops that move elements: values as numpy 2 gives them, gradients, shapes, errors. */
#include "ops_test.h"

#include "graph/trace.h"

#include <cornu/tape.h>

/* Sums and products of a few small numbers are exact or within two roundings of float32. */
#define EXPECT(expression, dtype, shape, ...)                                                      \
    expect_tensor(#expression, expression, dtype, shape, (const double[]){__VA_ARGS__}, 3e-7)

static void test_values(void **state)
{
    (void)state;
    cn_tensor *X = ramp(CN_FLOAT32, cn_shape_of(2, 3, 4));
    const cn__attrs AXIS1 = {.i = {0, 1, 1}};
    EXPECT(cn_reshape(X, 4, -1), CN_FLOAT32, cn_shape_of(4, 6), -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0,
           -2, 1.5, -0.5, -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_reshape(X, CN_NONE, -1), CN_FLOAT32, cn_shape_of(2, 12), -2.5, 1, -1, 2.5, 0.5, -1.5,
           2, 0, -2, 1.5, -0.5, -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_transpose(X, 2, 0, 1), CN_FLOAT32, cn_shape_of(4, 2, 3), -2.5, 0.5, -2, 1, -1.5, 1.5,
           1, -1.5, 1.5, -1, 2, -0.5, -1, 2, -0.5, 2.5, 0, -2.5, 2.5, 0, -2.5, 0.5, -2, 1);
    EXPECT(cn_transpose(X, 0, 2, 1), CN_FLOAT32, cn_shape_of(2, 4, 3), -2.5, 0.5, -2, 1, -1.5, 1.5,
           -1, 2, -0.5, 2.5, 0, -2.5, 1, -1.5, 1.5, -1, 2, -0.5, 2.5, 0, -2.5, 0.5, -2, 1);
    EXPECT(cn_transpose_axes(X, 0, NULL), CN_FLOAT32, cn_shape_of(4, 3, 2), -2.5, 1, 0.5, -1.5, -2,
           1.5, 1, -1, -1.5, 2, 1.5, -0.5, -1, 2.5, 2, 0, -0.5, -2.5, 2.5, 0.5, 0, -2, -2.5, 1);
    EXPECT(cn_expand_dims(cn_array(1, 2, 3), -1), CN_FLOAT32, cn_shape_of(3, 1), 1, 2, 3);
    EXPECT(cn_squeeze(cn_reshape(cn_array(1, 2, 3), 1, 3, 1), 0), CN_FLOAT32, cn_shape_of(3, 1), 1,
           2, 3);
    EXPECT(cn_squeeze(cn_reshape(cn_array(1, 2, 3), 1, 3, 1), CN_NONE), CN_FLOAT32, cn_shape_of(3),
           1, 2, 3);
    EXPECT(cn_broadcast_to(cn_reshape(cn_array(1, 2), 2, 1), 3, (const int64_t[]){2, 2, 3}),
           CN_FLOAT32, cn_shape_of(2, 2, 3), 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2);
    EXPECT(cn_concatenate(1, X, ramp(CN_FLOAT32, cn_shape_of(2, 2, 4))), CN_FLOAT32,
           cn_shape_of(2, 5, 4), -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, -2.5, 1,
           -1, 2.5, 0.5, -1.5, 2, 0, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1, -2, 1.5,
           -0.5, -2.5, 1, -1, 2.5, 0.5);
    EXPECT(cn_concatenate(-1, X, cn_cast(X, CN_INT32)), CN_FLOAT32, cn_shape_of(2, 3, 8), -2.5, 1,
           -1, 2.5, -2, 1, -1, 2, 0.5, -1.5, 2, 0, 0, -1, 2, 0, -2, 1.5, -0.5, -2.5, -2, 1, 0, -2,
           1, -1, 2.5, 0.5, 1, -1, 2, 0, -1.5, 2, 0, -2, -1, 2, 0, -2, 1.5, -0.5, -2.5, 1, 1, 0, -2,
           1);
    EXPECT(cn_stack(1, X, X), CN_FLOAT32, cn_shape_of(2, 2, 3, 4), -2.5, 1, -1, 2.5, 0.5, -1.5, 2,
           0, -2, 1.5, -0.5, -2.5, -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1, -1,
           2.5, 0.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, 1.5, -0.5,
           -2.5, 1);
    EXPECT(cn_stack(-1, X, cn_flip(X, 0)), CN_FLOAT32, cn_shape_of(2, 3, 4, 2), -2.5, 1, 1, -1, -1,
           2.5, 2.5, 0.5, 0.5, -1.5, -1.5, 2, 2, 0, 0, -2, -2, 1.5, 1.5, -0.5, -0.5, -2.5, -2.5, 1,
           1, -2.5, -1, 1, 2.5, -1, 0.5, 2.5, -1.5, 0.5, 2, -1.5, 0, 2, -2, 0, 1.5, -2, -0.5, 1.5,
           -2.5, -0.5, 1, -2.5);
    EXPECT(cn_split(X, 2, -1, 1), CN_FLOAT32, cn_shape_of(2, 3, 2), -1, 2.5, 2, 0, -0.5, -2.5, 2.5,
           0.5, 0, -2, -2.5, 1);
    EXPECT(cn_rows(X, -1, CN_END), CN_FLOAT32, cn_shape_of(1, 3, 4), 1, -1, 2.5, 0.5, -1.5, 2, 0,
           -2, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_rows(X, 5, CN_END), CN_FLOAT32, cn_shape_of(0, 3, 4), 0);
    EXPECT(cn_slice(X, 2, -1, CN_NONE, -2), CN_FLOAT32, cn_shape_of(2, 3, 2), 2.5, 1, 0, -1.5, -2.5,
           1.5, 0.5, -1, -2, 2, 1, -0.5);
    EXPECT(cn_slice(X, 1, 1, 100, 1), CN_FLOAT32, cn_shape_of(2, 2, 4), 0.5, -1.5, 2, 0, -2, 1.5,
           -0.5, -2.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_slice(X, 2, CN_NONE, -1, 2), CN_FLOAT32, cn_shape_of(2, 3, 2), -2.5, -1, 0.5, 2, -2,
           -0.5, 1, 2.5, -1.5, 0, 1.5, -2.5);
    EXPECT(cn_pad(X, (const int64_t[]){0, 1, 2}, (const int64_t[]){1, 0, 1}, 0.25), CN_FLOAT32,
           cn_shape_of(3, 4, 7), 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, -2.5, 1, -1,
           2.5, 0.25, 0.25, 0.25, 0.5, -1.5, 2, 0, 0.25, 0.25, 0.25, -2, 1.5, -0.5, -2.5, 0.25,
           0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 1, -1, 2.5, 0.5, 0.25, 0.25, 0.25,
           -1.5, 2, 0, -2, 0.25, 0.25, 0.25, 1.5, -0.5, -2.5, 1, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25,
           0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25,
           0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25);
    EXPECT(cn_tile(cn_reshape(cn_array(1, 2, 3, 4), 2, 2), 3, (const int64_t[]){2, 1, 3}),
           CN_FLOAT32, cn_shape_of(2, 2, 6), 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4, 1, 2, 1, 2, 1, 2,
           3, 4, 3, 4, 3, 4);
    EXPECT(cn_tile(cn_reshape(cn_array(1, 2, 3, 4), 2, 2), 1, (const int64_t[]){2}), CN_FLOAT32,
           cn_shape_of(2, 4), 1, 2, 1, 2, 3, 4, 3, 4);
    EXPECT(cn_repeat(X, 2, 1), CN_FLOAT32, cn_shape_of(2, 6, 4), -2.5, 1, -1, 2.5, -2.5, 1, -1, 2.5,
           0.5, -1.5, 2, 0, 0.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, -2, 1.5, -0.5, -2.5, 1, -1, 2.5,
           0.5, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1, 1.5, -0.5,
           -2.5, 1);
    EXPECT(cn_flip(X, 1), CN_FLOAT32, cn_shape_of(2, 3, 4), -2, 1.5, -0.5, -2.5, 0.5, -1.5, 2, 0,
           -2.5, 1, -1, 2.5, 1.5, -0.5, -2.5, 1, -1.5, 2, 0, -2, 1, -1, 2.5, 0.5);
    EXPECT(cn_flip(X, -1), CN_FLOAT32, cn_shape_of(2, 3, 4), 2.5, -1, 1, -2.5, 0, 2, -1.5, 0.5,
           -2.5, -0.5, 1.5, -2, 0.5, 2.5, -1, 1, -2, 0, 2, -1.5, 1, -2.5, -0.5, 1.5);
    EXPECT(cn_roll(X, 3, 2), CN_FLOAT32, cn_shape_of(2, 3, 4), 1, -1, 2.5, -2.5, -1.5, 2, 0, 0.5,
           1.5, -0.5, -2.5, -2, -1, 2.5, 0.5, 1, 2, 0, -2, -1.5, -0.5, -2.5, 1, 1.5);
    EXPECT(cn_roll(X, -4, 1), CN_FLOAT32, cn_shape_of(2, 3, 4), 0.5, -1.5, 2, 0, -2, 1.5, -0.5,
           -2.5, -2.5, 1, -1, 2.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1, 1, -1, 2.5, 0.5);
    EXPECT(cn_where(cn_greater(X, 0), X, -1), CN_FLOAT32, cn_shape_of(2, 3, 4), -1, 1, -1, 2.5, 0.5,
           -1, 2, -1, -1, 1.5, -1, -1, 1, -1, 2.5, 0.5, -1, 2, -1, -1, 1.5, -1, -1, 1);
    EXPECT(cn_where(TENSOR(CN_BOOL, (3, 1), 1, 0, 1), X, cn_array(9, 8, 7, 6)), CN_FLOAT32,
           cn_shape_of(2, 3, 4), -2.5, 1, -1, 2.5, 9, 8, 7, 6, -2, 1.5, -0.5, -2.5, 1, -1, 2.5, 0.5,
           9, 8, 7, 6, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_cast(X, CN_INT8), CN_INT8, cn_shape_of(2, 3, 4), -2, 1, -1, 2, 0, -1, 2, 0, -2, 1, 0,
           -2, 1, -1, 2, 0, -1, 2, 0, -2, 1, 0, -2, 1);
    EXPECT(cn_cast(X, CN_BOOL), CN_BOOL, cn_shape_of(2, 3, 4), 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1,
           1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1);
    EXPECT(cn_cast(X, CN_FLOAT16), CN_FLOAT16, cn_shape_of(2, 3, 4), -2.5, 1, -1, 2.5, 0.5, -1.5, 2,
           0, -2, 1.5, -0.5, -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_cast(TENSOR(CN_INT32, (4), 300, -1, 256, 65536), CN_UINT8), CN_UINT8, cn_shape_of(4),
           44, 255, 0, 0);
    EXPECT(cn_cast(TENSOR(CN_UINT64, (2), 16777217, 7), CN_FLOAT32), CN_FLOAT32, cn_shape_of(2),
           16777216, 7);
    EXPECT(cn_cumsum(X, 1), CN_FLOAT32, cn_shape_of(2, 3, 4), -2.5, 1, -1, 2.5, -2, -0.5, 1, 2.5,
           -4, 1, 0.5, 0, 1, -1, 2.5, 0.5, -0.5, 1, 2.5, -1.5, 1, 0.5, 0, -0.5);
    EXPECT(cn_cumsum(cn_cast(X, CN_INT32), -1), CN_INT32, cn_shape_of(2, 3, 4), -2, -1, -2, 0, 0,
           -1, 1, 1, -2, -1, -1, -3, 1, 0, 2, 2, -1, 1, 1, -1, 1, 1, -1, 0);
    EXPECT(cn_cumprod(X, 0), CN_FLOAT32, cn_shape_of(2, 3, 4), -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0,
           -2, 1.5, -0.5, -2.5, -2.5, -1, -2.5, 1.25, -0.75, -3, 0, 0, -3, -0.75, 1.25, -2.5);
    EXPECT(cn_glu(X, -1), CN_FLOAT32, cn_shape_of(2, 3, 2), -0.6723535060882568, 0.9241418242454529,
           0.44039851427078247, -0.75, -0.7550813555717468, 0.11378727853298187, 0.9241418242454529,
           -0.622459352016449, -0.75, 0.23840586841106415, 0.11378727853298187,
           -0.36552929878234863);
    EXPECT(cn_glu(ramp(CN_FLOAT32, cn_shape_of(2, 3)), 0), CN_FLOAT32, cn_shape_of(1, 3),
           -2.310354471206665, 0.622459352016449, -0.18242552876472473);
    EXPECT(cn__apply2(&cn__op_sum_like, NULL, X, cn_zeros(4)), CN_FLOAT32, cn_shape_of(4), -3, 1.5,
           0.5, -0.5);
    EXPECT(cn__apply2(&cn__op_sum_like, NULL, X, cn_zeros(3, 1)), CN_FLOAT32, cn_shape_of(3, 1), 3,
           -0.5, -4);
    EXPECT(cn__apply2(&cn__op_sum_like, NULL, X, cn_zeros(2, 1, 4)), CN_FLOAT32,
           cn_shape_of(2, 1, 4), -4, 1, 0.5, 0, 1, 0.5, 0, -0.5);
    EXPECT(cn__apply2(&cn__op_broadcast_like, &AXIS1, cn_zeros(2, 4), X), CN_FLOAT32,
           cn_shape_of(2, 3, 4), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
           0, 0);
    EXPECT(cn__apply2(&cn__op_broadcast_like, &AXIS1, cn_reshape(cn_array(1, 2, 3, 4), 2, 2),
                      ramp(CN_FLOAT32, cn_shape_of(2, 3, 2))),
           CN_FLOAT32, cn_shape_of(2, 3, 2), 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4);
    EXPECT(cn__apply1(&cn__op_count_like, &AXIS1, X), CN_FLOAT32, (cn_shape){0}, 3);
    EXPECT(cn_zeros(2, 0, 3), CN_FLOAT32, cn_shape_of(2, 0, 3), 0);
    EXPECT(cn_concatenate(1, cn_zeros(2, 0), cn_ones(2, 1)), CN_FLOAT32, cn_shape_of(2, 1), 1, 1);
    EXPECT(cn_full(2, (const int64_t[]){2, 2}, 7, CN_INT16), CN_INT16, cn_shape_of(2, 2), 7, 7, 7,
           7);
    EXPECT(cn_ones_like(cn_cast(X, CN_UINT8)), CN_UINT8, cn_shape_of(2, 3, 4), 1, 1, 1, 1, 1, 1, 1,
           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    EXPECT(cn_eye(3, 4, 1, CN_FLOAT32), CN_FLOAT32, cn_shape_of(3, 4), 0, 1, 0, 0, 0, 0, 1, 0, 0, 0,
           0, 1);
    EXPECT(cn_eye(3, 2, -1, CN_INT32), CN_INT32, cn_shape_of(3, 2), 0, 0, 1, 0, 0, 1);
    EXPECT(cn_arange(1, 2, 0.3, CN_FLOAT64), CN_FLOAT64, cn_shape_of(4), 1, 1.3, 1.6,
           1.9000000000000001);
    EXPECT(cn_arange(5, 0, -2, CN_INT32), CN_INT32, cn_shape_of(3), 5, 3, 1);
    EXPECT(cn_tril(X, 1), CN_FLOAT32, cn_shape_of(2, 3, 4), -2.5, 1, 0, 0, 0.5, -1.5, 2, 0, -2, 1.5,
           -0.5, -2.5, 1, -1, 0, 0, -1.5, 2, 0, 0, 1.5, -0.5, -2.5, 1);
    EXPECT(cn_triu(X, -1), CN_FLOAT32, cn_shape_of(2, 3, 4), -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0, 0,
           1.5, -0.5, -2.5, 1, -1, 2.5, 0.5, -1.5, 2, 0, -2, 0, -0.5, -2.5, 1);
    EXPECT(cn_tril(X, -5), CN_FLOAT32, cn_shape_of(2, 3, 4), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    EXPECT(cn_diag(cn_array(1, 2), -1), CN_FLOAT32, cn_shape_of(3, 3), 0, 0, 0, 1, 0, 0, 0, 2, 0);
    EXPECT(cn_diag(ramp(CN_FLOAT32, cn_shape_of(3, 4)), 2), CN_FLOAT32, cn_shape_of(2), -1, 0);
    EXPECT(cn_diag(ramp(CN_FLOAT32, cn_shape_of(3, 4)), -2), CN_FLOAT32, cn_shape_of(1), -2);
}

/* The gradient of sum(result · weights) by the tape, against what the op's transpose is, computed
 * by index. */
static cn_tensor *gradient_of(cn_tensor *x, cn_tensor *(*function)(cn_tensor *))
{
    cn_tape *tape = cn_tape_begin();
    cn_tape_watch(tape, x);
    cn_tensor *y = function(x);
    cn_tensor *weights = y ? ramp(CN_FLOAT32, y->shape) : NULL;
    return cn_tape_gradient(tape, cn_sum(cn_multiply(y, weights)), x);
}

/* All functions here are linear: with f(x) = A x the gradient is A' w, so w · f(d) = d · gradient
 * for any d. */
static void expect_transposed(const char *what, cn_tensor *(*function)(cn_tensor *), cn_shape shape)
{
    cn_tensor *x = ramp(CN_FLOAT32, shape);
    cn_tensor *g = gradient_of(x, function);
    if (!g) {
        fail_msg("%s: %s", what, cn_error());
    }
    cn_tensor *zero = function(cn_zeros_like(x));
    for (int64_t i = 0; i < cn_tensor_size(x); i++) {
        cn_tensor *d = cn_zeros_like(x);
        ((float *)cn_tensor_data_mutable(d))[i] = 1;
        cn_tensor *y = cn_subtract(function(d), zero);
        double want = cn_tensor_value(cn_sum(cn_multiply(y, ramp(CN_FLOAT32, y->shape))));
        double got = cn_tensor_item(g, i);
        if (!(fabs(got - want) <= 1e-5)) {
            fail_msg("%s: gradient %d is %g, expected %g", what, (int)i, got, want);
        }
    }
}

#define LINEAR(name, expression)                                                                   \
    static cn_tensor *name(cn_tensor *x)                                                           \
    {                                                                                              \
        return expression;                                                                         \
    }
LINEAR(f_reshape, cn_reshape(x, 4, -1))
LINEAR(f_transpose, cn_transpose(x, 2, 0, 1))
LINEAR(f_broadcast,
       cn_broadcast_to(cn_reshape(x, 2, 1, 3, 4), 5, ((const int64_t[]){2, 2, 5, 3, 4})))
LINEAR(f_concatenate, cn_concatenate(1, cn_multiply(x, 2), x))
LINEAR(f_stack, cn_stack(2, x, cn_multiply(x, 3)))
LINEAR(f_slice, cn_slice(x, 2, CN_NONE, CN_NONE, -2))
LINEAR(f_rows, cn_rows(x, 1, CN_END))
LINEAR(f_pad, cn_pad(x, ((const int64_t[]){1, 0, 2}), ((const int64_t[]){0, 1, 1}), 5))
LINEAR(f_tile, cn_tile(x, 4, ((const int64_t[]){2, 1, 2, 3})))
LINEAR(f_repeat, cn_repeat(x, 3, 1))
LINEAR(f_flip, cn_flip(x, 1))
LINEAR(f_roll, cn_roll(x, 3, -1))
LINEAR(f_where, cn_where(TENSOR(CN_BOOL, (3, 1), 1, 0, 1), x, cn_multiply(x, -2)))
LINEAR(f_cumsum, cn_cumsum(x, 1))
LINEAR(f_cast, cn_cast(cn_cast(x, CN_FLOAT64), CN_FLOAT32))
LINEAR(f_tril, cn_tril(x, -1))
LINEAR(f_triu, cn_triu(x, 1))
LINEAR(f_diag, cn_diag(cn_reshape(x, 6, 4), -3))
LINEAR(f_diag_high, cn_diag(cn_reshape(x, 4, 6), 1))
LINEAR(f_diag_vector, cn_diag(cn_reshape(x, -1), 2))
LINEAR(f_sum_like, cn__apply2(&cn__op_sum_like, NULL, x, cn_zeros(3, 1)))
LINEAR(f_gather, cn_gather(x, TENSOR(CN_INT32, (2, 2), 0, 2, 2, -1), 1))
LINEAR(f_along, cn_take_along_axis(x, TENSOR(CN_INT32, (1, 2, 4), 0, 1, 2, 0, 2, 1, 2, 1), 1))
LINEAR(f_scatter, cn_scatter_add(cn_zeros(5, 3, 4), TENSOR(CN_INT32, (2), 3, 1), x))

static void test_gradients(void **state)
{
    (void)state;
    cn_shape shape = cn_shape_of(2, 3, 4);
#define CHECK(name) expect_transposed(#name, name, shape)
    CHECK(f_reshape);
    CHECK(f_transpose);
    CHECK(f_broadcast);
    CHECK(f_concatenate);
    CHECK(f_stack);
    CHECK(f_slice);
    CHECK(f_rows);
    CHECK(f_pad);
    CHECK(f_tile);
    CHECK(f_repeat);
    CHECK(f_flip);
    CHECK(f_roll);
    CHECK(f_where);
    CHECK(f_cumsum);
    CHECK(f_cast);
    CHECK(f_tril);
    CHECK(f_triu);
    CHECK(f_diag);
    CHECK(f_diag_high);
    CHECK(f_diag_vector);
    CHECK(f_sum_like);
    CHECK(f_gather);
    CHECK(f_along);
    CHECK(f_scatter);
}

static void expect_shape(const char *what, const cn_tensor *t, const char *want)
{
    char text[256];
    if (!t) {
        fail_msg("%s: %s", what, cn_error());
    }
    assert_string_equal(cn__shape_text(&t->shape, text, sizeof text), want);
}

/* Shapes of a traced model, whose batch is not known. */
static void test_unknown_lengths(void **state)
{
    (void)state;
    cn_shape shape = cn_shape_of(-1, 28, 28);
    cn_tensor *x = cn__placeholder(CN_FLOAT32, &shape, "x");
#define SHAPE(expression, text) expect_shape(#expression, expression, text)
    SHAPE(cn_reshape(x, -1, 784), "(None, 784)");
    SHAPE(cn_reshape(x, CN_NONE, 7, -1), "(None, 7, 112)");
    SHAPE(cn_expand_dims(x, -1), "(None, 28, 28, 1)");
    SHAPE(cn_expand_dims(x, 0), "(1, None, 28, 28)");
    SHAPE(cn_squeeze(cn_expand_dims(x, 1), 1), "(None, 28, 28)");
    SHAPE(cn_transpose(x, 1, 2, 0), "(28, 28, None)");
    SHAPE(cn_concatenate(0, x, x), "(None, 28, 28)");
    SHAPE(cn_concatenate(1, x, x), "(None, 56, 28)");
    SHAPE(cn_stack(1, x, x), "(None, 2, 28, 28)");
    SHAPE(cn_slice(x, 1, 2, -2, 3), "(None, 8, 28)");
    SHAPE(cn_rows(x, 0, 5), "(None, 28, 28)");
    SHAPE(cn_pad(x, ((const int64_t[]){0, 1, 1}), ((const int64_t[]){0, 2, 2}), 0),
          "(None, 31, 31)");
    SHAPE(cn_tile(x, 3, ((const int64_t[]){1, 2, 1})), "(None, 56, 28)");
    SHAPE(cn_argmax(x, -1), "(None, 28)");
    SHAPE(cn_one_hot(cn_argmax(x, -1), 28, CN_FLOAT32), "(None, 28, 28)");
    SHAPE(cn_broadcast_to(x, 4, ((const int64_t[]){2, -1, -1, 28})), "(2, None, 28, 28)");
    SHAPE(cn_gather(cn_zeros(9, 3), cn_argmax(x, -1), 0), "(None, 28, 3)");
    SHAPE(cn_where(cn_greater(x, 0), x, 0), "(None, 28, 28)");
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *x = ramp(CN_FLOAT32, cn_shape_of(2, 3));
    expect_error("reshape", cn_reshape(x, 4, 2), CN_EVALUE,
                 "input_shape=(2, 3), target_shape=(4, 2)");
    expect_error("reshape", cn_reshape(x, 4, -1), CN_EVALUE,
                 "The total size of the tensor must be");
    expect_error("reshape", cn_reshape(x, -1, -1), CN_EVALUE, "one unknown dimension");
    expect_error("transpose", cn_transpose(x, 0), CN_EVALUE, "axes don't match array");
    expect_error("transpose", cn_transpose(x, 0, 0), CN_EVALUE, "repeated axis in transpose");
    expect_error("squeeze", cn_squeeze(x, 0), CN_EVALUE, "size not equal to one");
    expect_error("concatenate", cn_concatenate(0, x, cn_zeros(2, 4)), CN_EVALUE,
                 "along dimension 1, the array at index 0 has size 3 and the array at index 1 has "
                 "size 4");
    expect_error("stack", cn_stack(0, x, cn_zeros(2, 4)), CN_EVALUE, "must have the same shape");
    expect_error("slice", cn_slice(x, 0, 0, 1, 0), CN_EVALUE, "slice step cannot be zero");
    expect_error("split", cn_split(x, 2, 1, 0), CN_EVALUE, "equal division");
    expect_error("pad", cn_pad(x, (const int64_t[]){-1, 0}, (const int64_t[]){0, 0}, 0), CN_EVALUE,
                 "negative");
    expect_error("broadcast_to", cn_broadcast_to(x, 2, (const int64_t[]){2, 4}), CN_EVALUE,
                 "could not be broadcast together");
    expect_error("tile", cn_tile(x, 2, (const int64_t[]){INT64_MAX, 1}), CN_EVALUE, "overflow");
    expect_error("full", cn_full(1, (const int64_t[]){-3}, 0, CN_FLOAT32), CN_EVALUE,
                 "negative dimensions are not allowed");
    expect_error("flip", cn_flip(x, 2), CN_EINDEX, "axis 2 is out of bounds");
    expect_error("glu", cn_glu(x, 1), CN_EVALUE, "axis size must be divisible by 2");
    expect_error("null", cn_reshape(NULL, 1), CN_ETYPE, "");
}

/* Rows share memory with their tensor, but not with a variable, which may change. */
static void test_rows_are_views(void **state)
{
    (void)state;
    cn_tensor *x = ramp(CN_FLOAT32, cn_shape_of(4, 3)), *v = cn_variable(x);
    assert_ptr_equal(cn_tensor_floats(cn_rows(x, 1, 3)), cn_tensor_floats(x) + 3);
    cn_tensor *copy = cn_rows(v, 0, 2);
    cn_assign(v, cn_zeros(4, 3));
    assert_true(cn_tensor_item(copy, 0) == -2.5);
}

/* More parts than one node holds. */
static void test_many_parts(void **state)
{
    (void)state;
    cn_tensor *parts[150];
    for (int i = 0; i < 150; i++) {
        parts[i] = cn_array(i, -i);
    }
    cn_tensor *joined = cn_concatenate_of(150, parts, 0), *stacked = cn_stack_of(150, parts, 0);
    for (int i = 0; i < 150; i++) {
        assert_true(cn_tensor_item(joined, 2 * i) == i && cn_tensor_item(stacked, 2 * i + 1) == -i);
    }
    expect_shape("stack", stacked, "(150, 2)");
}

/* Large enough for many units: every element is where the strides say. */
static void test_large(void **state)
{
    (void)state;
    cn_tensor *x = cn_reshape(cn_arange(0, 150 * 61 * 37, 1, CN_FLOAT64), 150, 61, 37);
    cn_tensor *y = cn_transpose(x, 2, 0, 1);
    const double *data = cn_tensor_data(y);
    for (int64_t i = 0; i < 37 * 150 * 61; i++) {
        int64_t c = i / (150 * 61), a = i / 61 % 150, b = i % 61;
        assert_true(data[i] == (double)((a * 61 + b) * 37 + c));
    }
    cn_tensor *back = cn_transpose(y, 1, 2, 0);
    assert_memory_equal(cn_tensor_data(back), cn_tensor_data(x), 150 * 61 * 37 * sizeof(double));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(test_values), OP_TEST(test_gradients),      OP_TEST(test_unknown_lengths),
        OP_TEST(test_errors), OP_TEST(test_rows_are_views), OP_TEST(test_many_parts),
        OP_TEST(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
