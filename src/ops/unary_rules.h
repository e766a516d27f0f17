/* One line for every elementwise op with one input: its dtypes, its flags and its gradient in terms
 * of ops. */
#ifndef CN_OPS_UNARY_RULES_H
#define CN_OPS_UNARY_RULES_H

/* XX(name, kind, flags, gradient) with kind
 *   FLOATING  integers and bool become float32 first
 *   ANY       integers stay, bool becomes int32
 *   WHOLE     integers and bool are their own result: what rounds is not applied
 *   TRUTH     bool of floats; integers become float32 first
 *   LOGIC     bool of bool
 * In a gradient g is that of the output, x the input, y the output, f the parameters. At kinks it
 * is TensorFlow's: relu'(0) = 0, abs'(0) = 0, and a bound that clips counts as inside where
 * TensorFlow's op says so. */
#define NONE NULL
#define MUL cn_multiply
#define INSIDE(x, low, high) cn_logical_and(cn_greater_equal(x, low), cn_less_equal(x, high))
#define BETWEEN(x, low, high) cn_logical_and(cn_greater(x, low), cn_less(x, high))
#define ONE_MINUS_SQUARE(x) cn_subtract(1.0, cn_square(x))

#define LN2 0.69314718055994530942
#define LN10 2.30258509299404568402
#define SQRT_PI 1.77245385090551602730
#define SQRT_HALF 0.70710678118654752440
#define SQRT_TWO_PI 2.50662827463100050242
#define SELU_SCALE 1.0507009873554804934193349852946
#define SELU_SATURATION 1.7580993408473768599402175208123 /* scale times alpha */

/* clang-format off */
#define CN__UNARY_RULES(XX) \
    XX(negative, ANY, 0, cn_negative(g)) \
    XX(abs, ANY, 0, MUL(g, cn_sign(x))) \
    XX(square, ANY, 0, MUL(g, MUL(2.0, x))) \
    XX(sqrt, FLOATING, 0, cn_divide(MUL(0.5, g), y)) \
    XX(rsqrt, FLOATING, 0, MUL(MUL(-0.5, g), MUL(y, cn_square(y)))) \
    XX(reciprocal, FLOATING, 0, cn_negative(MUL(g, cn_square(y)))) \
    XX(sign, ANY, 0, cn_zeros_like(g)) \
    XX(exp, FLOATING, 0, MUL(g, y)) \
    XX(expm1, FLOATING, 0, MUL(g, cn_exp(x))) \
    XX(log, FLOATING, 0, cn_divide(g, x)) \
    XX(log1p, FLOATING, 0, cn_divide(g, cn_add(1.0, x))) \
    XX(log2, FLOATING, 0, cn_divide(g, MUL(LN2, x))) \
    XX(log10, FLOATING, 0, cn_divide(g, MUL(LN10, x))) \
    XX(sin, FLOATING, 0, MUL(g, cn_cos(x))) \
    XX(cos, FLOATING, 0, cn_negative(MUL(g, cn_sin(x)))) \
    XX(tan, FLOATING, 0, MUL(g, cn_add(1.0, cn_square(y)))) \
    XX(arcsin, FLOATING, 0, MUL(g, cn_rsqrt(ONE_MINUS_SQUARE(x)))) \
    XX(arccos, FLOATING, 0, cn_negative(MUL(g, cn_rsqrt(ONE_MINUS_SQUARE(x))))) \
    XX(arctan, FLOATING, 0, cn_divide(g, cn_add(1.0, cn_square(x)))) \
    XX(sinh, FLOATING, 0, MUL(g, cn_cosh(x))) \
    XX(cosh, FLOATING, 0, MUL(g, cn_sinh(x))) \
    XX(tanh, FLOATING, 0, MUL(g, ONE_MINUS_SQUARE(y))) \
    XX(arcsinh, FLOATING, 0, MUL(g, cn_rsqrt(cn_add(1.0, cn_square(x))))) \
    XX(arccosh, FLOATING, 0, MUL(g, cn_rsqrt(cn_subtract(cn_square(x), 1.0)))) \
    XX(arctanh, FLOATING, 0, cn_divide(g, ONE_MINUS_SQUARE(x))) \
    XX(erf, FLOATING, 0, MUL(g, MUL(2 / SQRT_PI, cn_exp(cn_negative(cn_square(x)))))) \
    XX(erfinv, FLOATING, 0, MUL(g, MUL(SQRT_PI / 2, cn_exp(cn_square(y))))) \
    XX(floor, FLOATING, CN__OP_NO_GRADIENT, NONE) \
    XX(ceil, FLOATING, CN__OP_NO_GRADIENT, NONE) \
    XX(round, WHOLE, CN__OP_NO_GRADIENT, NONE) \
    XX(trunc, WHOLE, CN__OP_NO_GRADIENT, NONE) \
    XX(relu, ANY, 0, cn_where(cn_greater(y, 0), g, 0)) \
    XX(relu6, ANY, 0, cn_where(BETWEEN(y, 0, 6), g, 0)) \
    XX(sigmoid, FLOATING, CN__OP_ORIGIN, MUL(g, MUL(y, cn_subtract(1.0, y)))) \
    XX(softplus, FLOATING, 0, MUL(g, cn_sigmoid(x))) \
    XX(softsign, FLOATING, 0, MUL(g, cn_square(cn_reciprocal(cn_add(1.0, cn_abs(x)))))) \
    XX(silu, FLOATING, 0, silu_gradient(g, x)) \
    XX(mish, FLOATING, 0, mish_gradient(g, x)) \
    XX(selu, FLOATING, 0, \
       cn_where(cn_less(x, 0), MUL(g, cn_add(y, SELU_SATURATION)), MUL(SELU_SCALE, g))) \
    XX(hard_sigmoid, FLOATING, 0, cn_where(BETWEEN(x, -3, 3), cn_divide(g, 6), 0)) \
    XX(hard_silu, FLOATING, 0, \
       MUL(g, cn_where(BETWEEN(x, -3, 3), cn_add(cn_divide(x, 3), 0.5), cn_hard_sigmoid(x)))) \
    XX(hard_tanh, FLOATING, 0, cn_where(INSIDE(x, -1, 1), g, 0)) \
    XX(tanh_shrink, FLOATING, 0, MUL(g, cn_square(cn_tanh(x)))) \
    XX(log_sigmoid, FLOATING, 0, MUL(g, cn_sigmoid(cn_negative(x)))) \
    XX(sparse_plus, FLOATING, 0, MUL(g, cn_sparse_sigmoid(x))) \
    XX(sparse_sigmoid, FLOATING, 0, cn_where(BETWEEN(x, -1, 1), MUL(0.5, g), 0)) \
    XX(isnan, TRUTH, CN__OP_NO_GRADIENT, NONE) \
    XX(isinf, TRUTH, CN__OP_NO_GRADIENT, NONE) \
    XX(isfinite, TRUTH, CN__OP_NO_GRADIENT, NONE) \
    XX(logical_not, LOGIC, CN__OP_NO_GRADIENT, NONE) \
    XX(lgamma, FLOATING, 0, MUL(g, cn_digamma(x))) \
    XX(digamma, FLOATING, 0, MUL(g, trigamma(x)))

#define CN__UNARY_PARAMETER_RULES(XX) \
    XX(elu, FLOATING, 0, cn_where(cn_less(x, 0), MUL(g, cn_add(y, f[0])), g)) \
    XX(celu, FLOATING, 0, cn_where(cn_less(x, 0), MUL(g, cn_exp(cn_divide(x, f[0]))), g)) \
    XX(leaky_relu, FLOATING, 0, cn_where(cn_greater(x, 0), g, MUL(f[0], g))) \
    XX(gelu, FLOATING, 0, f[0] != 0 ? gelu_tanh_gradient(g, x) : gelu_gradient(g, x)) \
    XX(clip, ANY, 0, clip_gradient(g, x, f[0], f[1])) \
    XX(relu_general, FLOATING, 0, relu_general_gradient(g, x, f)) \
    XX(hard_shrink, FLOATING, 0, cn_where(cn_greater(cn_abs(x), f[0]), g, 0)) \
    XX(soft_shrink, FLOATING, 0, cn_where(cn_greater(cn_abs(x), f[0]), g, 0)) \
    XX(threshold, FLOATING, 0, cn_where(cn_greater(x, f[0]), g, 0)) \
    XX(squareplus, FLOATING, 0, squareplus_gradient(g, x, f[0]))
/* clang-format on */

#endif
