/* The formula of every elementwise op with one input: the line that a new one costs here. */
#ifndef CN_KERNELS_REFERENCE_UNARY_FORMULAS_H
#define CN_KERNELS_REFERENCE_UNARY_FORMULAS_H

/* In a formula x is the element, of type T; M(exp) is exp or expf; P(i) is parameter i (attrs.f[i])
 * as a T and p[i] as a double; NEGATIVE(x) is x < 0 where T has a sign. FLOAT(name, formula) for
 * floating types BOTH(name, formula, integers)   for floating types, and for integers TRUTH(name,
 * formula)            bool of floating types */
#define SIGMOID(x) (x >= 0 ? 1 / (1 + M(exp)(-x)) : M(exp)(x) / (1 + M(exp)(x)))
#define SOFTPLUS(x) ((x > 0 ? x : 0) + M(log1p)(M(exp)(-M(fabs)(x))))
/* min(max(x, low), high), where a NaN stays one and a NaN as bound is none. */
#define CLIP(x, low, high) ((x < (low) ? (low) : x) > (high) ? (high) : (x < (low) ? (low) : x))

#define SELU_SCALE ((T)1.0507009873554804934193349852946)
#define SELU_ALPHA ((T)1.6732632423543772848170429916717)

/* clang-format off */
#define CN__UNARY_FORMULAS(FLOAT, BOTH, TRUTH) \
    BOTH(negative, -x, (T)(0 - (uint64_t)x)) \
    BOTH(abs, M(fabs)(x), NEGATIVE(x) ? (T)(0 - (uint64_t)x) : x) \
    BOTH(square, x * x, (T)((uint64_t)x * (uint64_t)x)) \
    FLOAT(sqrt, M(sqrt)(x)) \
    FLOAT(rsqrt, 1 / M(sqrt)(x)) \
    FLOAT(reciprocal, 1 / x) \
    BOTH(sign, x > 0 ? 1 : x < 0 ? -1 : x, NEGATIVE(x) ? (T)-1 : (T)(x != 0)) \
    FLOAT(exp, M(exp)(x)) \
    FLOAT(expm1, M(expm1)(x)) \
    FLOAT(log, M(log)(x)) \
    FLOAT(log1p, M(log1p)(x)) \
    FLOAT(log2, M(log2)(x)) \
    FLOAT(log10, M(log10)(x)) \
    FLOAT(sin, M(sin)(x)) \
    FLOAT(cos, M(cos)(x)) \
    FLOAT(tan, M(tan)(x)) \
    FLOAT(arcsin, M(asin)(x)) \
    FLOAT(arccos, M(acos)(x)) \
    FLOAT(arctan, M(atan)(x)) \
    FLOAT(sinh, M(sinh)(x)) \
    FLOAT(cosh, M(cosh)(x)) \
    FLOAT(tanh, M(tanh)(x)) \
    FLOAT(arcsinh, M(asinh)(x)) \
    FLOAT(arccosh, M(acosh)(x)) \
    FLOAT(arctanh, M(atanh)(x)) \
    FLOAT(erf, M(erf)(x)) \
    FLOAT(erfinv, (T)cn__erfinv(x)) \
    FLOAT(floor, M(floor)(x)) \
    FLOAT(ceil, M(ceil)(x)) \
    FLOAT(round, M(rint)(x)) \
    FLOAT(trunc, M(trunc)(x)) \
    BOTH(relu, x <= 0 ? 0 : x, NEGATIVE(x) ? 0 : x) \
    BOTH(relu6, x <= 0 ? 0 : x >= 6 ? 6 : x, NEGATIVE(x) ? 0 : x >= 6 ? 6 : x) \
    FLOAT(sigmoid, SIGMOID(x)) \
    FLOAT(softplus, SOFTPLUS(x)) \
    FLOAT(softsign, x / (1 + M(fabs)(x))) \
    FLOAT(silu, x * SIGMOID(x)) \
    FLOAT(mish, x * M(tanh)(SOFTPLUS(x))) \
    FLOAT(selu, SELU_SCALE * (x > 0 ? x : SELU_ALPHA * M(expm1)(x))) \
    FLOAT(hard_sigmoid, CLIP((x + 3), 0, 6) / 6) \
    FLOAT(hard_silu, x * (CLIP((x + 3), 0, 6) / 6)) \
    FLOAT(hard_tanh, CLIP(x, -1, 1)) \
    FLOAT(tanh_shrink, x - M(tanh)(x)) \
    FLOAT(log_sigmoid, -SOFTPLUS(-x)) \
    FLOAT(sparse_plus, x <= -1 ? 0 : x >= 1 ? x : (x + 1) * (x + 1) / 4) \
    FLOAT(sparse_sigmoid, x <= -1 ? 0 : x >= 1 ? 1 : (x + 1) / 2) \
    TRUTH(isnan, x != x) \
    TRUTH(isinf, M(fabs)(x) == (T)HUGE_VAL) \
    TRUTH(isfinite, M(fabs)(x) < (T)HUGE_VAL) \
    FLOAT(lgamma, M(lgamma)(x)) \
    FLOAT(digamma, (T)cn__digamma(x)) \
    FLOAT(elu, x > 0 ? x : P(0) * M(expm1)(x)) \
    FLOAT(celu, x > 0 ? x : P(0) * M(expm1)(x / P(0))) \
    FLOAT(leaky_relu, x > 0 ? x : P(0) * x) \
    FLOAT(gelu, p[0] != 0 \
        ? x / 2 * (1 + M(tanh)((T)0.79788456080286535588 * (x + (T)0.044715 * x * x * x))) \
        : x / 2 * M(erfc)(x * (T)-0.70710678118654752440)) \
    BOTH(clip, CLIP(x, P(0), P(1)), clip_integer(x, p)) \
    FLOAT(relu_general, CLIP((x <= P(2) ? 0 : x), p[1] == p[1] ? 0 : -(T)HUGE_VAL, P(1)) - \
        (x < P(2) ? P(0) * (P(2) - x) : 0)) \
    FLOAT(hard_shrink, M(fabs)(x) <= P(0) ? 0 : x) \
    FLOAT(soft_shrink, x > P(0) ? x - P(0) : x < -P(0) ? x + P(0) : x != x ? x : 0) \
    FLOAT(threshold, x <= P(0) ? P(1) : x) \
    FLOAT(squareplus, (x + M(sqrt)(x * x + P(0))) / 2)
/* clang-format on */

#endif
