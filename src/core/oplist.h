/* The list of all ops: adding one costs a line here and one record in src/ops. */
#ifndef CN_CORE_OPLIST_H
#define CN_CORE_OPLIST_H

/* clang-format off */
/* Elementwise with one input. */
#define CN__UNARY_MAP(XX) \
    XX(negative) XX(abs) XX(square) XX(sqrt) XX(rsqrt) XX(reciprocal) XX(sign) \
    XX(exp) XX(expm1) XX(log) XX(log1p) XX(log2) XX(log10) \
    XX(sin) XX(cos) XX(tan) XX(arcsin) XX(arccos) XX(arctan) \
    XX(sinh) XX(cosh) XX(tanh) XX(arcsinh) XX(arccosh) XX(arctanh) \
    XX(erf) XX(erfinv) XX(floor) XX(ceil) XX(round) XX(trunc) \
    XX(relu) XX(relu6) XX(sigmoid) XX(softplus) XX(softsign) XX(silu) XX(mish) XX(selu) \
    XX(hard_sigmoid) XX(hard_silu) XX(hard_tanh) XX(tanh_shrink) XX(log_sigmoid) \
    XX(sparse_plus) XX(sparse_sigmoid) \
    XX(isnan) XX(isinf) XX(isfinite) XX(logical_not) XX(lgamma) XX(digamma)

/* Elementwise with one input and parameters: attrs.f. */
#define CN__UNARY_PARAMETER_MAP(XX) \
    XX(elu) XX(celu) XX(leaky_relu) XX(gelu) XX(clip) XX(relu_general) XX(hard_shrink) XX(soft_shrink) \
    XX(threshold) XX(squareplus)

/* Elementwise with two inputs and numpy's broadcasting. */
#define CN__BINARY_MAP(XX) \
    XX(add) XX(subtract) XX(multiply) XX(divide) XX(floor_divide) XX(mod) XX(power) \
    XX(maximum) XX(minimum) XX(arctan2) \
    XX(equal) XX(not_equal) XX(less) XX(less_equal) XX(greater) XX(greater_equal) \
    XX(logical_and) XX(logical_or) XX(logical_xor)

/* Over axes: attrs.i[0] = keepdims, i[1] = number of axes (CN_NONE: all), i[2…] = axes. */
#define CN__REDUCE_MAP(XX) \
    XX(sum) XX(mean) XX(max) XX(min) XX(prod) XX(any) XX(all) XX(logsumexp)

#define CN__OTHER_MAP(XX) \
    XX(moments) XX(cast) XX(where) XX(argmax) XX(argmin) XX(cumsum) XX(cumprod) \
    XX(matmul) XX(softmax) XX(log_softmax) XX(sparsemax) XX(glu) \
    XX(sparse_softmax_cross_entropy) XX(softmax_cross_entropy) XX(sigmoid_cross_entropy) \
    XX(reshape) XX(reshape_like) XX(transpose) XX(broadcast_to) XX(broadcast_like) XX(sum_like) XX(count_like) \
    XX(concatenate) XX(stack) XX(slice) XX(slice_gradient) XX(pad) XX(pad_gradient) XX(tile) XX(repeat) XX(flip) XX(roll) \
    XX(gather) XX(gather_batch) XX(scatter_add_like) XX(scatter_batch_like) XX(one_hot) XX(sort) XX(argsort) XX(top_k) XX(searchsorted) \
    XX(eye) XX(arange) XX(full) XX(full_like) XX(tril) XX(triu) XX(diag) \
    XX(random_uniform) XX(random_normal) XX(random_truncated_normal) XX(random_bernoulli_like) XX(random_shuffle) XX(random_integers) \
    XX(stop_gradient) XX(identity) XX(check_range) XX(check_indices) \
    XX(condition) XX(while_loop) XX(dropout) XX(qr) \
    XX(conv) XX(conv_gradient_input) XX(conv_gradient_kernel) XX(max_pool) XX(max_pool_gradient) XX(max_pool_pick) XX(average_pool) \
    XX(average_pool_gradient) XX(resize) XX(resize_gradient)

#define CN__OP_MAP(XX) \
    CN__UNARY_MAP(XX) CN__UNARY_PARAMETER_MAP(XX) CN__BINARY_MAP(XX) CN__REDUCE_MAP(XX) CN__OTHER_MAP(XX)
/* clang-format on */

#endif
