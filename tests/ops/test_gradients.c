/* Numeric gradients, once and twice, of every op in the list; an op without a case here fails. */
#include "gradients.h"

#include "kernels/reference/resample.h"
#include "kernels/reference/window.h"
#include "ops/cross_entropy.h"
#include "ops/op.h"
#include <cornu/nn.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CALL(name, expression)                                                                     \
    static int call_##name(cn_tensor *const *in, cn_tensor **out)                                  \
    {                                                                                              \
        out[0] = (expression);                                                                     \
        return 1;                                                                                  \
    }
#define SHAPED(...) .shape = {__VA_ARGS__}
#define COUNT(...) ((int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)))
#define KINKS(...) .n_kinks = COUNT(__VA_ARGS__), .kinks = {__VA_ARGS__}
#define REAL(lo, hi) .low = lo, .high = hi
#define INTEGERS(lo, hi) .fill = TEST_INTEGER, .low = lo, .high = hi

/* Elementwise functions of one tensor: XX(op, low, high, kinks); 99 where there are none. Ranges
 * keep away from poles. */
/* clang-format off */
#define UNARY_CASES(XX) \
    XX(negative, -2, 2, 99) XX(abs, -2, 2, 0) XX(square, -2, 2, 99) XX(sqrt, 0.3, 3, 99) \
    XX(rsqrt, 0.3, 3, 99) XX(reciprocal, 0.3, 3, 99) XX(reciprocal, -3, -0.3, 99) \
    XX(exp, -2, 2, 99) XX(expm1, -2, 2, 99) XX(log, 0.3, 3, 99) XX(log1p, -0.6, 3, 99) \
    XX(log2, 0.3, 3, 99) XX(log10, 0.3, 3, 99) XX(sin, -4, 4, 99) XX(cos, -4, 4, 99) \
    XX(tan, -1, 1, 99) XX(arcsin, -0.7, 0.7, 99) XX(arccos, -0.7, 0.7, 99) \
    XX(arctan, -3, 3, 99) XX(sinh, -2, 2, 99) XX(cosh, -2, 2, 99) XX(tanh, -2, 2, 99) \
    XX(arcsinh, -3, 3, 99) XX(arccosh, 1.3, 3, 99) XX(arctanh, -0.7, 0.7, 99) \
    XX(erf, -2, 2, 99) XX(erfinv, -0.8, 0.8, 99) XX(relu, -2, 2, 0) XX(relu6, -3, 9, 0, 6) \
    XX(sigmoid, -4, 4, 99) XX(softplus, -4, 4, 99) XX(softsign, -3, 3, 0) XX(silu, -4, 4, 99) \
    XX(mish, -4, 4, 99) XX(selu, -2, 2, 0) XX(hard_sigmoid, -5, 5, -3, 3) \
    XX(hard_silu, -5, 5, -3, 3) XX(hard_tanh, -2, 2, -1, 1) XX(tanh_shrink, -2, 2, 99) \
    XX(log_sigmoid, -4, 4, 99) XX(sparse_plus, -2, 2, -1, 1) XX(sparse_sigmoid, -2, 2, -1, 1) \
    XX(lgamma, 0.4, 4, 99) XX(lgamma, -0.8, -0.2, 99) XX(digamma, 0.4, 4, 99) \
    XX(digamma, -0.8, -0.2, 99)

/* The ops of these cases, each once, and sign. */
#define SMOOTH_MAP(XX) \
    XX(negative) XX(abs) XX(square) XX(sqrt) XX(rsqrt) XX(reciprocal) XX(sign) XX(exp) XX(expm1) \
    XX(log) XX(log1p) XX(log2) XX(log10) XX(sin) XX(cos) XX(tan) XX(arcsin) XX(arccos) XX(arctan) \
    XX(sinh) XX(cosh) XX(tanh) XX(arcsinh) XX(arccosh) XX(arctanh) XX(erf) XX(erfinv) XX(relu) \
    XX(relu6) XX(sigmoid) XX(softplus) XX(softsign) XX(silu) XX(mish) XX(selu) XX(hard_sigmoid) \
    XX(hard_silu) XX(hard_tanh) XX(tanh_shrink) XX(log_sigmoid) XX(sparse_plus) \
    XX(sparse_sigmoid) XX(lgamma) XX(digamma)

/* Functions with parameters: XX(name of the call, op, expression, low, high, kinks). */
#define PARAMETER_CASES(XX) \
    XX(elu, elu, cn_elu(in[0], 0.7), -2, 2, 0) \
    XX(celu, celu, cn_celu(in[0], 0.7), -2, 2, 0) \
    XX(leaky_relu, leaky_relu, cn_leaky_relu(in[0], 0.2), -2, 2, 0) \
    XX(gelu, gelu, cn_gelu(in[0], false), -3, 3, 99) \
    XX(gelu_tanh, gelu, cn_gelu(in[0], true), -3, 3, 99) \
    XX(clip, clip, cn_clip(in[0], -1, 0.5), -2, 2, -1, 0.5) \
    XX(clip_below, clip, cn_clip(in[0], 0.5, CN_NONE_FLOAT), -2, 2, 0.5) \
    XX(relu_slope, relu_general, cn_relu_general(in[0], 0.3, 1.5, 0), -2, 2, 0, 1.5) \
    XX(relu_threshold, relu_general, cn_relu_general(in[0], 0.3, 1, -1), -2, 2, -1, 0, 1) \
    XX(relu_above, relu_general, cn_relu_general(in[0], 0, CN_NONE_FLOAT, 0.5), -2, 2, 0.5) \
    XX(hard_shrink, hard_shrink, cn_hard_shrink(in[0], 0.5), -2, 2, -0.5, 0.5) \
    XX(soft_shrink, soft_shrink, cn_soft_shrink(in[0], 0.5), -2, 2, -0.5, 0.5) \
    XX(threshold, threshold, cn_threshold(in[0], 0.5, -1), -2, 2, 0.5) \
    XX(squareplus, squareplus, cn_squareplus(in[0], 4), -3, 3, 99)

/* Functions of two tensors: XX(op, range of a, range of b, kink of a). Where it is at a = b, b is
 * near 0. */
#define BINARY_CASES(XX) \
    XX(add, -2, 2, -2, 2, 99) XX(subtract, -2, 2, -2, 2, 99) XX(multiply, -2, 2, -2, 2, 99) \
    XX(divide, -2, 2, 0.5, 2, 99) XX(mod, 2.15, 2.85, 1, 1.03, 99) XX(power, 0.4, 2, -2, 2, 99) \
    XX(maximum, -1, 1, -0.009, 0.009, 0) XX(minimum, -1, 1, -0.009, 0.009, 0) \
    XX(arctan2, 0.5, 2, 0.5, 2, 99)

/* Reductions over some, the last and all axes: XX(op, low, high). */
#define REDUCE_CASES(XX) XX(sum, -2, 2) XX(mean, -2, 2) XX(prod, 0.5, 2) XX(logsumexp, -2, 2)
/* clang-format on */

/* One for each op, though some stand in two cases. */
#define UNARY_CALL(op) CALL(op, cn_##op(in[0]))
SMOOTH_MAP(UNARY_CALL)
#define PARAMETER_CALL(name, op, expression, ...) CALL(with_##name, expression)
PARAMETER_CASES(PARAMETER_CALL)
#define BINARY_CALL(op, ...) CALL(op, cn_##op(in[0], in[1]))
BINARY_CASES(BINARY_CALL)
#define REDUCE_CALLS(op, ...)                                                                      \
    CALL(op##_all, cn_##op(in[0]))                                                                 \
    CALL(op##_last, cn_##op(in[0], .axis = {-1}, .keepdims = true))                                \
    CALL(op##_some, cn_##op(in[0], .axis = cn_tuple(2, 0)))
REDUCE_CASES(REDUCE_CALLS)
REDUCE_CALLS(max, 0)
REDUCE_CALLS(min, 0)
/* Both outputs, so that each gradient goes its own way. */
static int moments_over(cn_tensor *x, int n, const int64_t *axes, cn_tensor **out)
{
    return cn_moments_axes(x, n, axes, false, &out[0], &out[1]) < 0 ? -1 : 2;
}

static int call_moments(cn_tensor *const *in, cn_tensor **out)
{
    return moments_over(in[0], 2, (int64_t[]){0, 1}, out);
}

static int call_moments_rows(cn_tensor *const *in, cn_tensor **out)
{
    return moments_over(in[0], 1, (int64_t[]){-1}, out);
}

CALL(sigmoid_cross_entropy, cn__sigmoid_cross_entropy(in[0], in[1]))
CALL(softmax_cross_entropy, cn__softmax_cross_entropy(in[0], in[1]))
CALL(sparse_softmax_cross_entropy, cn__sparse_softmax_cross_entropy(in[0], in[1]))
CALL(matmul, cn_matmul(in[0], in[1]))
CALL(matmul_a, cn_matmul_t(in[0], in[1], true, false))
CALL(matmul_b, cn_matmul_t(in[0], in[1], false, true))
CALL(matmul_ab, cn_matmul_t(in[0], in[1], true, true))
CALL(softmax, cn_softmax(in[0], -1))
CALL(softmax_0, cn_softmax(in[0], 0))
CALL(log_softmax, cn_log_softmax(in[0], -1))
CALL(log_softmax_0, cn_log_softmax(in[0], 0))
CALL(sparsemax, cn_sparsemax(in[0], -1))
CALL(cast, cn_cast(cn_cast(in[0], CN_FLOAT32), in[0]->dtype))
CALL(where, cn_where(in[0], in[1], in[2]))
CALL(cumsum, cn_cumsum(in[0], 1))
CALL(cumprod, cn_cumprod(in[0], 0))
CALL(glu, cn_glu(in[0], -1))
CALL(reshape, cn_reshape(in[0], 3, -1))
CALL(reshape_like, cn__apply2(&cn__op_reshape_like, NULL, in[0], in[1]))
CALL(transpose, cn_transpose(in[0], 1, 2, 0))
CALL(broadcast_to, cn_broadcast_to(in[0], 3, (int64_t[]){2, 4, 3}))
CALL(broadcast_like,
     cn__apply2(&cn__op_broadcast_like, &(cn__attrs){.i = {0, 2, 0, 2}}, in[0], in[1]))
CALL(broadcast_plain, cn__apply2(&cn__op_broadcast_like, NULL, in[0], in[1]))
CALL(sum_like, cn__apply2(&cn__op_sum_like, NULL, in[0], in[1]))
CALL(concatenate, cn_concatenate(1, in[0], in[1], in[0]))
CALL(stack, cn_stack(1, in[0], in[1], in[0]))
CALL(slice, cn_slice(in[0], 1, 4, CN_NONE, -2))
/* Axis 1 from 4 down by twos; axis 0 whole. */
CALL(slice_gradient,
     cn__apply2(&cn__op_slice_gradient, &(cn__attrs){.i = {[1] = 4, [9] = CN_NONE, [17] = -2}},
                in[0], in[1]))
CALL(pad, cn_pad(in[0], (int64_t[]){1, 0}, (int64_t[]){0, 2}, 3))
CALL(pad_gradient,
     cn__apply1(&cn__op_pad_gradient, &(cn__attrs){.i = {[0] = 1, [9] = 1}, .f = {3}}, in[0]))
CALL(tile, cn_tile(in[0], 2, (int64_t[]){2, 3}))
CALL(repeat, cn_repeat(in[0], 3, 1))
CALL(flip, cn_flip(in[0], 1))
CALL(roll, cn_roll(in[0], 2, 1))
CALL(gather, cn_gather(in[0], in[1], 1))
CALL(gather_batch, cn_take_along_axis(in[0], in[1], 1))
CALL(scatter_add_like, cn_scatter_add(in[0], in[1], in[2]))
CALL(scatter_batch_like,
     cn__apply3(&cn__op_scatter_batch_like, &(cn__attrs){.i = {1}}, in[0], in[1], in[2]))
CALL(sort, cn_sort(in[0], -1))
CALL(top_k, cn_top_k(in[0], 2, NULL))
CALL(tril, cn_tril(in[0], 0))
CALL(triu, cn_triu(in[0], 1))
CALL(diag, cn_diag(in[0], 1))
CALL(identity, cn_identity(in[0]))
CALL(condition, cn__apply3(&cn__op_condition, NULL, cn_cast(in[0], CN_BOOL), in[1], in[2]))
/* A window of 3 by 2, strides 2 and 1, dilation 1 and 2, padding "same" in front and behind: attrs
 * of conv. */
#define CONV                                                                                       \
    &(cn__attrs)                                                                                   \
    {                                                                                              \
        .i = {                                                                                     \
            [CN__WINDOW_STRIDE] = 2,                                                               \
            1,                                                                                     \
            [CN__WINDOW_DILATION] = 1,                                                             \
            2,                                                                                     \
            [CN__WINDOW_BEFORE] = 1,                                                               \
            [CN__WINDOW_AFTER] = 1,                                                                \
            1,                                                                                     \
            [CN__WINDOW_GROUPS] = 2                                                                \
        }                                                                                          \
    }
CALL(conv, cn__apply2(&cn__op_conv, CONV, in[0], in[1]))
CALL(conv_gradient_input, cn__apply3(&cn__op_conv_gradient_input, CONV, in[0], in[1], in[2]))
CALL(conv_transpose, cn_conv_transpose(in[0], in[1], .strides = {2, 1}, .padding = "same"))
CALL(conv_gradient_kernel, cn__apply3(&cn__op_conv_gradient_kernel, CONV, in[0], in[1], in[2]))
/* Windows of 2 by 2 that overlap. */
#define POOL                                                                                       \
    &(cn__attrs)                                                                                   \
    {                                                                                              \
        .i = { [CN__WINDOW_STRIDE] = 1, 2, [CN__WINDOW_SIZE] = 2, 2 }                              \
    }
CALL(max_pool, cn__apply(&cn__op_max_pool, POOL, 1, in, (cn_tensor *[1]){0}))
CALL(max_pool_gradient, cn__apply3(&cn__op_max_pool_gradient, POOL, in[0], in[1], in[2]))
CALL(max_pool_pick, cn__apply2(&cn__op_max_pool_pick, POOL, in[0], in[1]))
CALL(average_pool,
     cn_average_pool(in[0], .pool_size = {2, 3}, .strides = {1, 2}, .padding = "same"))
CALL(sum_pool, cn_sum_pool(in[0], .pool_size = {2}))
CALL(average_pool_gradient, cn__apply2(&cn__op_average_pool_gradient, POOL, in[0], in[1]))
CALL(resize, cn_image_resize(in[0], .output_size = {5, 3}, .interpolation = "bilinear"))
CALL(resize_cubic, cn_image_resize(in[0], .output_size = {2, 7}, .interpolation = "bicubic"))
CALL(resize_gradient, cn__apply2(&cn__op_resize_gradient,
                                 &(cn__attrs){.i = {2, 6, CN__RESAMPLE_BILINEAR}}, in[0], in[1]))
/* The same key and counter draw the same: differences see one fixed mask, one fixed order. */
CALL(dropout, cn__apply2(&cn__op_dropout, &(cn__attrs){.i = {77}, .f = {0.4}}, in[0],
                         cn_scalar(3, CN_INT64)))
CALL(random_shuffle,
     cn__apply2(&cn__op_random_shuffle, &(cn__attrs){.i = {77}}, in[0], cn_scalar(3, CN_INT64)))

#define UNARY_ROW(name, lo, hi, ...)                                                               \
    {.op = #name, .call = call_##name, .n_in = 1, .in = {{REAL(lo, hi), KINKS(__VA_ARGS__)}}},
#define PARAMETER_ROW(name, op_, expression, lo, hi, ...)                                          \
    {.op = #op_, .call = call_with_##name, .n_in = 1, .in = {{REAL(lo, hi), KINKS(__VA_ARGS__)}}},
/* Of the same shape, with a row for all rows, and with a column against a row. */
#define BINARY_ROWS(name, lo_a, hi_a, lo_b, hi_b, kink)                                            \
    BINARY_ROW(name, lo_a, hi_a, lo_b, hi_b, kink, (2, {2, 3}), (2, {2, 3}))                       \
    BINARY_ROW(name, lo_a, hi_a, lo_b, hi_b, kink, (2, {2, 3}), (1, {3}))                          \
    BINARY_ROW(name, lo_a, hi_a, lo_b, hi_b, kink, (2, {2, 1}), (3, {2, 1, 3}))
#define UNWRAP(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define BINARY_ROW(name, lo_a, hi_a, lo_b, hi_b, kink, shape_a, shape_b)                           \
    {.op = #name,                                                                                  \
     .call = call_##name,                                                                          \
     .n_in = 2,                                                                                    \
     .in = {{REAL(lo_a, hi_a), KINKS(kink), .shape = UNWRAP shape_a},                              \
            {REAL(lo_b, hi_b), .shape = UNWRAP shape_b}}},
#define REDUCE_ROW(name, which, ...)                                                               \
    {.op = #name,                                                                                  \
     .call = call_##name##which,                                                                   \
     .n_in = 1,                                                                                    \
     .in = {{SHAPED(3, {2, 3, 2}), __VA_ARGS__}}},
#define REDUCE_ROWS(name, lo, hi)                                                                  \
    REDUCE_ROW(name, _all, REAL(lo, hi))                                                           \
    REDUCE_ROW(name, _last, REAL(lo, hi))                                                          \
    REDUCE_ROW(name, _some, REAL(lo, hi))
#define ROW(name, ...) {.op = #name, .call = call_##name, __VA_ARGS__},
#define AS(name, called, ...) {.op = #name, .call = call_##called, __VA_ARGS__},
#define REFUSES(name, reason) {.op = #name, .none = reason, .refuses = true},
#define NO(name, reason) {.op = #name, .none = reason},
#define ONE(...) .n_in = 1, .in = {{__VA_ARGS__}}
#define TWO(...) .n_in = 2, .in = {__VA_ARGS__}
#define THREE(...) .n_in = 3, .in = {__VA_ARGS__}
#define PLAIN                                                                                      \
    {                                                                                              \
        REAL(-2, 2)                                                                                \
    }
#define LIKE(...)                                                                                  \
    {                                                                                              \
        .fill = TEST_SHAPE, .shape = { __VA_ARGS__ }                                               \
    }
#define NOISE(...)                                                                                 \
    {                                                                                              \
        REAL(-2, 2), .shape = { __VA_ARGS__ }                                                      \
    }
#define INDICES(most, ...)                                                                         \
    {                                                                                              \
        INTEGERS(0, most), .shape = { __VA_ARGS__ }                                                \
    }
#define PRODUCT(name, a, b)                                                                        \
    AS(matmul, name, TWO({REAL(-2, 2), .shape = UNWRAP a}, {REAL(-2, 2), .shape = UNWRAP b}))

static const gradient_case cases[] = {
    /* clang-format off */
    UNARY_CASES(UNARY_ROW)
    PARAMETER_CASES(PARAMETER_ROW)
    BINARY_CASES(BINARY_ROWS)
    REDUCE_CASES(REDUCE_ROWS)
    {.op = "sign", .call = call_sign, ONE(REAL(-2, 2), KINKS(0)), .flat = "constant between kinks"},
    REDUCE_ROW(max, _all, .fill = TEST_DISTINCT)
    REDUCE_ROW(max, _last, .fill = TEST_DISTINCT)
    REDUCE_ROW(max, _some, .fill = TEST_DISTINCT)
    REDUCE_ROW(min, _all, .fill = TEST_DISTINCT)
    REDUCE_ROW(min, _last, .fill = TEST_DISTINCT)
    REDUCE_ROW(min, _some, .fill = TEST_DISTINCT)
    ROW(moments, ONE(REAL(-2, 2), SHAPED(3, {2, 3, 2})))
    AS(moments, moments_rows, ONE(REAL(-2, 2), SHAPED(3, {2, 2, 3})))
    PRODUCT(matmul, (2, {3, 4}), (2, {4, 2}))
    PRODUCT(matmul, (3, {2, 3, 4}), (3, {2, 4, 2}))
    PRODUCT(matmul, (3, {2, 3, 4}), (2, {4, 2}))
    PRODUCT(matmul, (4, {2, 1, 2, 3}), (3, {2, 3, 2}))
    PRODUCT(matmul, (1, {3}), (2, {3, 2}))
    PRODUCT(matmul, (2, {2, 3}), (1, {3}))
    PRODUCT(matmul, (1, {3}), (1, {3}))
    PRODUCT(matmul_a, (2, {4, 3}), (2, {4, 2}))
    PRODUCT(matmul_a, (3, {2, 4, 3}), (2, {4, 2}))
    PRODUCT(matmul_b, (2, {3, 4}), (2, {2, 4}))
    PRODUCT(matmul_b, (3, {2, 3, 4}), (2, {2, 4}))
    PRODUCT(matmul_ab, (2, {4, 3}), (2, {2, 4}))
    PRODUCT(matmul_ab, (3, {2, 4, 3}), (3, {1, 2, 4}))
    ROW(softmax, ONE(REAL(-2, 2)))
    AS(softmax, softmax_0, ONE(REAL(-2, 2), SHAPED(3, {3, 2, 2})))
    ROW(log_softmax, ONE(REAL(-2, 2)))
    AS(log_softmax, log_softmax_0, ONE(REAL(-2, 2), SHAPED(3, {3, 2, 2})))
    /* Rows of many distinct values with the support's edge well between two of them. */
    ROW(sparsemax, ONE(.fill = TEST_DISTINCT, SHAPED(2, {2, 4})))
    ROW(sigmoid_cross_entropy, TWO({REAL(-3, 3), KINKS(0)}, {REAL(0, 1)}))
    ROW(softmax_cross_entropy, TWO({REAL(-3, 3)}, {.fill = TEST_SIMPLEX}))
    ROW(sparse_softmax_cross_entropy, TWO({REAL(-3, 3)}, INDICES(2, 1, {2})))
    AS(sparse_softmax_cross_entropy, sparse_softmax_cross_entropy,
       TWO({REAL(-3, 3), SHAPED(3, {2, 2, 4})}, INDICES(3, 2, {2, 2})))
    {.op = "cast", .call = call_cast, ONE(REAL(-2, 2)), 
     .tolerance = 2e-3 /* float32: 6e-8 over a step of 1e-3 */},
    ROW(where, THREE({INTEGERS(0, 1)}, PLAIN, NOISE(1, {3})))
    ROW(cumsum, ONE(REAL(-2, 2)))
    ROW(cumprod, ONE(REAL(0.5, 2), SHAPED(2, {3, 2})))
    ROW(glu, ONE(REAL(-2, 2), SHAPED(2, {2, 4})))
    ROW(reshape, ONE(REAL(-2, 2)))
    ROW(reshape_like, TWO(PLAIN, LIKE(3, {1, 3, 2})))
    ROW(transpose, ONE(REAL(-2, 2), SHAPED(3, {2, 3, 4})))
    ROW(broadcast_to, ONE(REAL(-2, 2), SHAPED(2, {1, 3})))
    ROW(broadcast_like, TWO(NOISE(1, {3}), LIKE(3, {2, 3, 4})))
    AS(broadcast_like, broadcast_plain, TWO(NOISE(2, {3, 1}), LIKE(3, {2, 3, 4})))
    ROW(sum_like, TWO(NOISE(3, {2, 3, 4}), LIKE(2, {3, 1})))
    ROW(concatenate, TWO(PLAIN, NOISE(2, {2, 2})))
    ROW(stack, TWO(PLAIN, PLAIN))
    ROW(slice, ONE(REAL(-2, 2), SHAPED(2, {2, 6})))
    ROW(slice_gradient, TWO(NOISE(2, {2, 3}), LIKE(2, {2, 6})))
    ROW(pad, ONE(REAL(-2, 2)))
    ROW(pad_gradient, ONE(REAL(-2, 2), SHAPED(2, {3, 4})))
    ROW(tile, ONE(REAL(-2, 2)))
    ROW(repeat, ONE(REAL(-2, 2)))
    ROW(flip, ONE(REAL(-2, 2)))
    ROW(roll, ONE(REAL(-2, 2)))
    ROW(gather, TWO(NOISE(3, {2, 3, 2}), INDICES(2, 2, {2, 2})))
    ROW(gather_batch, TWO(PLAIN, INDICES(2, 2, {2, 4})))
    ROW(scatter_add_like, THREE(NOISE(2, {3, 2}), INDICES(2, 1, {4}), NOISE(2, {4, 2})))
    ROW(scatter_batch_like, THREE(INDICES(2, 2, {2, 4}), NOISE(2, {2, 4}), LIKE(2, {2, 3})))
    ROW(sort, ONE(.fill = TEST_DISTINCT, SHAPED(2, {2, 4})))
    ROW(top_k, ONE(.fill = TEST_DISTINCT, SHAPED(2, {2, 4})))
    ROW(tril, ONE(REAL(-2, 2), SHAPED(2, {3, 3})))
    ROW(triu, ONE(REAL(-2, 2), SHAPED(2, {3, 3})))
    ROW(diag, ONE(REAL(-2, 2), SHAPED(1, {3})))
    AS(diag, diag, ONE(REAL(-2, 2), SHAPED(2, {3, 3})))
    ROW(identity, ONE(REAL(-2, 2)))
    /* Images of 4 by 5 and 4 channels in 2 groups, a kernel for 6 filters: an output of 2 by 4. */
    ROW(conv, TWO(NOISE(4, {2, 4, 5, 4}), NOISE(4, {3, 2, 2, 6})))
    ROW(conv_gradient_input,
        THREE(NOISE(4, {2, 2, 4, 6}), NOISE(4, {3, 2, 2, 6}), LIKE(4, {2, 4, 5, 4})))
    AS(conv_gradient_input, conv_transpose, TWO(NOISE(4, {1, 2, 3, 2}), NOISE(4, {3, 2, 3, 2})))
    ROW(conv_gradient_kernel,
        THREE(NOISE(4, {2, 4, 5, 4}), NOISE(4, {2, 2, 4, 6}), LIKE(4, {3, 2, 2, 6})))
    ROW(max_pool, ONE(.fill = TEST_DISTINCT, SHAPED(4, {2, 3, 4, 2})))
    ROW(max_pool_gradient,
        THREE(NOISE(4, {1, 2, 2, 2}), INDICES(11, 4, {1, 2, 2, 2}), LIKE(4, {1, 3, 4, 2})))
    ROW(max_pool_pick, TWO(NOISE(4, {1, 3, 4, 2}), INDICES(11, 4, {1, 2, 2, 2})))
    ROW(average_pool, ONE(REAL(-2, 2), SHAPED(4, {2, 3, 4, 2})))
    AS(average_pool, sum_pool, ONE(REAL(-2, 2), SHAPED(4, {1, 4, 4, 2})))
    ROW(average_pool_gradient, TWO(NOISE(4, {1, 2, 2, 2}), LIKE(4, {1, 3, 4, 2})))
    ROW(resize, ONE(REAL(-2, 2), SHAPED(4, {2, 3, 4, 2})))
    ROW(resize_gradient, TWO(NOISE(4, {1, 2, 6, 2}), LIKE(4, {1, 3, 4, 2})),
        .wide = "resize gives float32 for half types, so nothing narrower comes back")
    AS(resize, resize_cubic, ONE(REAL(-2, 2), SHAPED(4, {1, 3, 4, 2})))
    ROW(condition, THREE({INTEGERS(0, 0), SHAPED(0, {1})}, PLAIN, PLAIN))
    ROW(condition, THREE({INTEGERS(1, 1), SHAPED(0, {1})}, PLAIN, PLAIN))
    REFUSES(while_loop, "the rounds of a traced loop are not kept")
    ROW(dropout, ONE(REAL(-2, 2), SHAPED(2, {4, 5})))
    ROW(random_shuffle, ONE(REAL(-2, 2), SHAPED(2, {4, 2})))
    NO(floor, "constant between its steps") NO(ceil, "constant between its steps")
    NO(round, "constant between its steps") NO(trunc, "constant between its steps")
    NO(floor_divide, "constant between its steps")
    NO(isnan, "bool") NO(isinf, "bool") NO(isfinite, "bool") NO(logical_not, "bool")
    NO(equal, "bool") NO(not_equal, "bool") NO(less, "bool") NO(less_equal, "bool")
    NO(greater, "bool") NO(greater_equal, "bool") NO(logical_and, "bool") NO(logical_or, "bool")
    NO(logical_xor, "bool") NO(any, "bool") NO(all, "bool")
    NO(qr, "for initial values only: Keras's layers never differentiate it")
    NO(argmax, "an index") NO(argmin, "an index") NO(argsort, "indices") NO(searchsorted, "indices")
    NO(count_like, "a number of elements") NO(one_hot, "of indices") NO(eye, "a constant")
    NO(arange, "a constant") NO(full, "a constant") NO(full_like, "a constant")
    NO(stop_gradient, "by its meaning") NO(check_range, "a check of data")
    NO(check_indices, "a check of data")
    NO(random_uniform, "a draw") NO(random_normal, "a draw")
    NO(random_truncated_normal, "a draw") NO(random_bernoulli_like, "a draw")
    NO(random_integers, "a draw")
    /* clang-format on */
};

enum { CASES = sizeof cases / sizeof *cases };

static void check_none(const gradient_case *c, const cn__op *op)
{
    if (c->refuses) {
        const cn__node node = {.op = op};
        cn_tensor *grads[CN__MAX_INPUTS] = {0};
        assert_int_equal(op->gradient(&node, grads, grads, grads), CN_EUNSUPPORTED);
        assert_non_null(cn_error());
        cn_error_clear();
        return;
    }
    if (op->gradient)
        fail_msg("%s has a gradient, but its case says: %s", op->name, c->none);
    if (!(op->flags & (CN__OP_NO_GRADIENT | CN__OP_EFFECT | CN__OP_RANDOM | CN__OP_INTERNAL)))
        fail_msg("%s has no gradient and no flag that says so", op->name);
}

/* One test an op, so that all that fail are named. */
static void test_op(void **state)
{
    const cn__op *op = *state;
    int found = 0;
    cn_error_clear();
    for (int i = 0; i < CASES; i++) {
        if (strcmp(cases[i].op, op->name) != 0)
            continue;
        found++;
        if (cases[i].none)
            check_none(&cases[i], op);
        else
            check_gradients(&cases[i], (unsigned)i);
    }
    if (!found)
        fail_msg("%s has no case in tests/ops/test_gradients.c", op->name);
}

/* A misspelt case would never run. */
static void test_cases_name_ops(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++)
        if (!cn__op_find(cases[i].op))
            fail_msg("there is no op %s", cases[i].op);
}

int main(void)
{
    static struct CMUnitTest tests[512];
    size_t n = 0;
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_cases_name_ops);
    for (int i = 0; i < cn__op_count() && n < 512; i++) {
        const cn__op *op = cn__op_at(i);
        tests[n++] = (struct CMUnitTest){op->name, test_op, NULL, NULL, (void *)(uintptr_t)op};
    }
    return _cmocka_run_group_tests("gradients", tests, n, NULL, NULL);
}
