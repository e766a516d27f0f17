/* Operations on tensors (keras.ops, tf.math): eager, under a tape, or symbolic, as their inputs
 * are. */
#ifndef CORNU_OPS_H
#define CORNU_OPS_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every op returns a tensor of the current scope, or NULL and an error. Where an op takes a tensor
 * it also takes a C number. Types promote as in Keras 3: an integer number takes the tensor's
 * dtype; a floating number with integers, and true division of integers, give float32. Axes may
 * count from the end. */

/* Elementwise arithmetic with numpy's broadcasting. */
CN_API cn_tensor *(cn_add)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_subtract)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_multiply)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_divide)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_floor_divide)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_mod)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_power)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_maximum)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_minimum)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_arctan2)(cn_tensor *a, cn_tensor *b);
/* Comparison and logic: bool. */
CN_API cn_tensor *(cn_equal)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_not_equal)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_less)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_less_equal)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_greater)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_greater_equal)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_logical_and)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_logical_or)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *(cn_logical_xor)(cn_tensor *a, cn_tensor *b);
/* a where the condition holds, else b. */
CN_API cn_tensor *(cn_where)(cn_tensor *condition, cn_tensor *a, cn_tensor *b);

/* Elementwise functions: cn_negative(x) … cn_digamma(x). round goes half to even; relu(NaN) is NaN.
 */
/* clang-format off */
#define CN_UNARY_OP_MAP(XX)                                                                        \
    XX(negative)                                                                                   \
    XX(abs)                                                                                        \
    XX(square)                                                                                     \
    XX(sqrt)                                                                                       \
    XX(rsqrt)                                                                                      \
    XX(reciprocal)                                                                                 \
    XX(sign)                                                                                       \
    XX(exp) XX(expm1) XX(log) XX(log1p) XX(log2) XX(log10) XX(sin) XX(cos) XX(tan) XX(arcsin)      \
        XX(arccos) XX(arctan) XX(sinh) XX(cosh) XX(tanh) XX(arcsinh) XX(arccosh) XX(arctanh)       \
            XX(erf) XX(erfinv) XX(floor) XX(ceil) XX(round) XX(trunc) XX(relu) XX(relu6)           \
                XX(sigmoid) XX(softplus) XX(softsign) XX(silu) XX(mish) XX(selu) XX(hard_sigmoid)  \
                    XX(hard_silu) XX(hard_tanh) XX(tanh_shrink) XX(log_sigmoid) XX(sparse_plus)    \
                        XX(sparse_sigmoid) XX(isnan) XX(isinf) XX(isfinite) XX(logical_not)        \
                            XX(lgamma) XX(digamma)
/* clang-format on */
#define XX(name) CN_API cn_tensor *cn_##name(cn_tensor *x);
CN_UNARY_OP_MAP(XX)
#undef XX
/* hard_sigmoid here is Keras 3's relu6(x + 3) / 6; tf.keras's clip(0.2 x + 0.5, 0, 1) is chosen by
 * the activation. */

/* alpha (exp(x) - 1) for x < 0. */
CN_API cn_tensor *cn_elu(cn_tensor *x, double alpha);
CN_API cn_tensor *cn_celu(cn_tensor *x, double alpha);
CN_API cn_tensor *cn_leaky_relu(cn_tensor *x, double negative_slope);
CN_API cn_tensor *cn_gelu(cn_tensor *x, bool approximate);
CN_API cn_tensor *cn_clip(cn_tensor *x, double low, double high);
/* Keras's relu with all its arguments; max_value NaN is None. */
CN_API cn_tensor *cn_relu_general(cn_tensor *x, double negative_slope, double max_value,
                                  double threshold);
CN_API cn_tensor *cn_hard_shrink(cn_tensor *x, double threshold);
CN_API cn_tensor *cn_soft_shrink(cn_tensor *x, double threshold);
CN_API cn_tensor *cn_threshold(cn_tensor *x, double threshold, double value);
CN_API cn_tensor *cn_squareplus(cn_tensor *x, double b);
CN_API cn_tensor *cn_cast(cn_tensor *x, cn_dtype dtype);
CN_API cn_tensor *cn_softmax(cn_tensor *x, int axis);
CN_API cn_tensor *cn_log_softmax(cn_tensor *x, int axis);
CN_API cn_tensor *cn_sparsemax(cn_tensor *x, int axis);
CN_API cn_tensor *cn_glu(cn_tensor *x, int axis);

/* Reductions: cn_sum(x), cn_sum(x, .axis = {-1}, .keepdims = true); without an axis over all. Mean,
 * std and var of integers are float32, accumulated in double. */
typedef struct cn_reduce_args {
    size_t size;
    cn_ints axis; /* all axes; `.axis = {0}`, `{-1}`, `{1, 2}`; a list that ends in 0 is written
                     with cn_tuple */
    bool keepdims;
    CN__END;
} cn_reduce_args;
CN_API cn_tensor *cn_sum_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_mean_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_max_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_min_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_prod_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_any_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_all_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_std_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_var_with(cn_tensor *x, const cn_reduce_args *args);
CN_API cn_tensor *cn_logsumexp_with(cn_tensor *x, const cn_reduce_args *args);
#define CN_REDUCE_DEFAULTS .axis = {{CN_NONE}, 1}
#define cn__reduce(op, x, ...)                                                                     \
    CN__CALL1(cn_##op##_with, x, cn_reduce_args, CN_REDUCE_DEFAULTS, __VA_ARGS__)
#define cn_sum(...) cn__reduce_sum(__VA_ARGS__, .end_ = 0)
#define cn__reduce_sum(x, ...) cn__reduce(sum, x, __VA_ARGS__)
#define cn_mean(...) cn__reduce_mean(__VA_ARGS__, .end_ = 0)
#define cn__reduce_mean(x, ...) cn__reduce(mean, x, __VA_ARGS__)
#define cn_max(...) cn__reduce_max(__VA_ARGS__, .end_ = 0)
#define cn__reduce_max(x, ...) cn__reduce(max, x, __VA_ARGS__)
#define cn_min(...) cn__reduce_min(__VA_ARGS__, .end_ = 0)
#define cn__reduce_min(x, ...) cn__reduce(min, x, __VA_ARGS__)
#define cn_prod(...) cn__reduce_prod(__VA_ARGS__, .end_ = 0)
#define cn__reduce_prod(x, ...) cn__reduce(prod, x, __VA_ARGS__)
#define cn_any(...) cn__reduce_any(__VA_ARGS__, .end_ = 0)
#define cn__reduce_any(x, ...) cn__reduce(any, x, __VA_ARGS__)
#define cn_all(...) cn__reduce_all(__VA_ARGS__, .end_ = 0)
#define cn__reduce_all(x, ...) cn__reduce(all, x, __VA_ARGS__)
#define cn_std(...) cn__reduce_std(__VA_ARGS__, .end_ = 0)
#define cn__reduce_std(x, ...) cn__reduce(std, x, __VA_ARGS__)
#define cn_var(...) cn__reduce_var(__VA_ARGS__, .end_ = 0)
#define cn__reduce_var(x, ...) cn__reduce(var, x, __VA_ARGS__)
#define cn_logsumexp(...) cn__reduce_logsumexp(__VA_ARGS__, .end_ = 0)
#define cn__reduce_logsumexp(x, ...) cn__reduce(logsumexp, x, __VA_ARGS__)
/* Internal code: over `n` axes (n < 0: all). */
CN_API cn_tensor *cn_sum_axes(cn_tensor *x, int n, const int64_t *axes, bool keepdims);
CN_API cn_tensor *cn_mean_axes(cn_tensor *x, int n, const int64_t *axes, bool keepdims);
CN_API cn_tensor *cn_max_axes(cn_tensor *x, int n, const int64_t *axes, bool keepdims);
/* keras.ops.moments: mean and (biased) variance of x over `n` axes (n < 0: all) in one pass, in the
 * dtype of x, float32 for integers; 0 or CN_E…. */
CN_API int cn_moments_axes(cn_tensor *x, int n, const int64_t *axes, bool keepdims,
                           cn_tensor **mean, cn_tensor **variance);

/* The index of the largest (smallest) element, the first of equals: int64. axis CN_NONE: of the
 * flat tensor. */
CN_API cn_tensor *cn_argmax(cn_tensor *x, int64_t axis);
CN_API cn_tensor *cn_argmin(cn_tensor *x, int64_t axis);
CN_API cn_tensor *cn_cumsum(cn_tensor *x, int axis);
CN_API cn_tensor *cn_cumprod(cn_tensor *x, int axis);

/* a·b, batched over leading axes, each transposed in its last two axes if asked. */
CN_API cn_tensor *(cn_matmul)(cn_tensor *a, cn_tensor *b);
CN_API cn_tensor *cn_matmul_t(cn_tensor *a, cn_tensor *b, bool transpose_a, bool transpose_b);

/* Shape. One length may be -1. */
CN_API cn_tensor *cn_reshape_to(cn_tensor *x, int rank, const int64_t *shape);
#define cn_reshape(x, ...)                                                                         \
    cn_reshape_to(x, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),              \
                  (const int64_t[]){__VA_ARGS__})
/* Axes in their new order; n 0 reverses them. */
CN_API cn_tensor *cn_transpose_axes(cn_tensor *x, int n, const int64_t *axes);
#define cn_transpose(x, ...)                                                                       \
    cn_transpose_axes(x, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),          \
                      (const int64_t[]){__VA_ARGS__})
CN_API cn_tensor *cn_expand_dims(cn_tensor *x, int axis);
/* Without axis (CN_NONE) every axis of length 1 goes. */
CN_API cn_tensor *cn_squeeze(cn_tensor *x, int64_t axis);
CN_API cn_tensor *cn_broadcast_to(cn_tensor *x, int rank, const int64_t *shape);
CN_API cn_tensor *cn_concatenate_of(int n, cn_tensor *const *parts, int axis);
/* cn_concatenate(axis, a, b, …) */
#define cn_concatenate(axis, ...)                                                                  \
    cn_concatenate_of((int)(sizeof((cn_tensor *[]){__VA_ARGS__}) / sizeof(cn_tensor *)),           \
                      (cn_tensor *[]){__VA_ARGS__}, axis)
CN_API cn_tensor *cn_stack_of(int n, cn_tensor *const *parts, int axis);
#define cn_stack(axis, ...)                                                                        \
    cn_stack_of((int)(sizeof((cn_tensor *[]){__VA_ARGS__}) / sizeof(cn_tensor *)),                 \
                (cn_tensor *[]){__VA_ARGS__}, axis)
/* Part `index` of `parts` equal ones. */
CN_API cn_tensor *cn_split(cn_tensor *x, int parts, int axis, int index);
/* Rows start … stop - 1 of axis 0, as Python slices: negative counts from the end, CN_END is the
 * end. A view. */
CN_API cn_tensor *cn_rows(cn_tensor *x, int64_t start, int64_t stop);
/* numpy's x[start:stop:step] along one axis. */
CN_API cn_tensor *cn_slice(cn_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);
/* `before` and `after` elements of `value` on each axis; arrays of rank lengths. */
CN_API cn_tensor *cn_pad(cn_tensor *x, const int64_t *before, const int64_t *after, double value);
CN_API cn_tensor *cn_tile(cn_tensor *x, int rank, const int64_t *repeats);
CN_API cn_tensor *cn_repeat(cn_tensor *x, int64_t repeats, int axis);
CN_API cn_tensor *cn_flip(cn_tensor *x, int axis);
CN_API cn_tensor *cn_roll(cn_tensor *x, int64_t shift, int axis);
/* x[indices] along an axis (numpy.take); an index out of range is an error. */
CN_API cn_tensor *cn_gather(cn_tensor *x, cn_tensor *indices, int axis);
/* numpy.take_along_axis. */
CN_API cn_tensor *cn_take_along_axis(cn_tensor *x, cn_tensor *indices, int axis);
/* x with `values` added at rows `indices` of axis 0; equal indices add up. */
CN_API cn_tensor *cn_scatter_add(cn_tensor *x, cn_tensor *indices, cn_tensor *values);
/* 1 at the index, 0 elsewhere; an index out of range gives zeros, as tf.one_hot does. */
CN_API cn_tensor *cn_one_hot(cn_tensor *indices, int64_t classes, cn_dtype dtype);
CN_API cn_tensor *cn_sort(cn_tensor *x, int axis);
CN_API cn_tensor *cn_argsort(cn_tensor *x, int axis);
/* The k largest of the last axis, and their indices (int32) if `indices` is not NULL. */
CN_API cn_tensor *cn_top_k(cn_tensor *x, int64_t k, cn_tensor **indices);
CN_API cn_tensor *cn_searchsorted(cn_tensor *sorted, cn_tensor *values, bool right);
CN_API cn_tensor *cn_tril(cn_tensor *x, int k);
CN_API cn_tensor *cn_triu(cn_tensor *x, int k);
CN_API cn_tensor *cn_diag(cn_tensor *x, int k);

/* The length of an axis as a float32 scalar, which a traced function knows when it runs
 * (keras.ops.shape(x)[axis]). */
CN_API cn_tensor *cn_length(cn_tensor *x, int axis);

/* Creation. */
CN_API cn_tensor *cn_full(int rank, const int64_t *shape, double value, cn_dtype dtype);
#define cn_zeros(...)                                                                              \
    cn_full((int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                       \
            (const int64_t[]){__VA_ARGS__}, 0, CN_FLOAT32)
#define cn_ones(...)                                                                               \
    cn_full((int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                       \
            (const int64_t[]){__VA_ARGS__}, 1, CN_FLOAT32)
CN_API cn_tensor *cn_zeros_like(cn_tensor *x);
CN_API cn_tensor *cn_ones_like(cn_tensor *x);
CN_API cn_tensor *cn_eye(int64_t rows, int64_t columns, int k, cn_dtype dtype);
CN_API cn_tensor *cn_arange(double start, double stop, double step, cn_dtype dtype);

/* Gradients do not flow through. */
CN_API cn_tensor *cn_stop_gradient(cn_tensor *x);
CN_API cn_tensor *cn_identity(cn_tensor *x);

#ifndef __cplusplus
#define cn_add(a, b) (cn_add)(CN__T(a), CN__T(b))
#define cn_subtract(a, b) (cn_subtract)(CN__T(a), CN__T(b))
#define cn_multiply(a, b) (cn_multiply)(CN__T(a), CN__T(b))
#define cn_divide(a, b) (cn_divide)(CN__T(a), CN__T(b))
#define cn_floor_divide(a, b) (cn_floor_divide)(CN__T(a), CN__T(b))
#define cn_mod(a, b) (cn_mod)(CN__T(a), CN__T(b))
#define cn_power(a, b) (cn_power)(CN__T(a), CN__T(b))
#define cn_maximum(a, b) (cn_maximum)(CN__T(a), CN__T(b))
#define cn_minimum(a, b) (cn_minimum)(CN__T(a), CN__T(b))
#define cn_arctan2(a, b) (cn_arctan2)(CN__T(a), CN__T(b))
#define cn_equal(a, b) (cn_equal)(CN__T(a), CN__T(b))
#define cn_not_equal(a, b) (cn_not_equal)(CN__T(a), CN__T(b))
#define cn_less(a, b) (cn_less)(CN__T(a), CN__T(b))
#define cn_less_equal(a, b) (cn_less_equal)(CN__T(a), CN__T(b))
#define cn_greater(a, b) (cn_greater)(CN__T(a), CN__T(b))
#define cn_greater_equal(a, b) (cn_greater_equal)(CN__T(a), CN__T(b))
#define cn_logical_and(a, b) (cn_logical_and)(CN__T(a), CN__T(b))
#define cn_logical_or(a, b) (cn_logical_or)(CN__T(a), CN__T(b))
#define cn_logical_xor(a, b) (cn_logical_xor)(CN__T(a), CN__T(b))
#define cn_where(c, a, b) (cn_where)(CN__T(c), CN__T(a), CN__T(b))
#define cn_matmul(a, b) (cn_matmul)(CN__T(a), CN__T(b))
#endif

#ifdef __cplusplus
}
/* Numbers where an op takes tensors, by overloads: cn_divide(x, 255). Two tensors are the functions
 * above. */
#define CN__BINARY(name)                                                                           \
    template <class A, class B> inline cn_tensor *name(A a, B b)                                   \
    {                                                                                              \
        return name(cn__tensor_of(a), cn__tensor_of(b));                                           \
    }
CN__BINARY(cn_add)
CN__BINARY(cn_subtract)
CN__BINARY(cn_multiply)
CN__BINARY(cn_divide)
CN__BINARY(cn_floor_divide)
CN__BINARY(cn_mod)
CN__BINARY(cn_power)
CN__BINARY(cn_maximum)
CN__BINARY(cn_minimum)
CN__BINARY(cn_arctan2)
CN__BINARY(cn_equal)
CN__BINARY(cn_not_equal)
CN__BINARY(cn_less)
CN__BINARY(cn_less_equal)
CN__BINARY(cn_greater)
CN__BINARY(cn_greater_equal)
CN__BINARY(cn_logical_and)
CN__BINARY(cn_logical_or)
CN__BINARY(cn_logical_xor)
CN__BINARY(cn_matmul)
#undef CN__BINARY
template <class C, class A, class B> inline cn_tensor *cn_where(C condition, A a, B b)
{
    return cn_where(cn__tensor_of(condition), cn__tensor_of(a), cn__tensor_of(b));
}
#endif
#endif
