/* The elementwise ops with one input: records, gradients and public functions. */
#include "ops/support.h"
#include "ops/unary_rules.h"
#include <math.h>

/* d/dx x s(x) = s (1 + x (1 - s)), s the sigmoid. */
static cn_tensor *silu_gradient(cn_tensor *g, cn_tensor *x)
{
    cn_tensor *s = cn_sigmoid(x);
    return MUL(g, MUL(s, cn_add(1.0, MUL(x, cn_subtract(1.0, s)))));
}

/* d/dx x t = t + x s (1 - t^2), t = tanh(softplus(x)), s the sigmoid. */
static cn_tensor *mish_gradient(cn_tensor *g, cn_tensor *x)
{
    cn_tensor *t = cn_tanh(cn_softplus(x));
    return MUL(g, cn_add(t, MUL(MUL(x, cn_sigmoid(x)), ONE_MINUS_SQUARE(t))));
}

/* d/dx x F(x) = F + x f, with the normal distribution F and its density f. */
static cn_tensor *gelu_gradient(cn_tensor *g, cn_tensor *x)
{
    cn_tensor *half = MUL(0.5, cn_add(1.0, cn_erf(MUL(SQRT_HALF, x))));
    cn_tensor *density = MUL(1 / SQRT_TWO_PI, cn_exp(MUL(-0.5, cn_square(x))));
    return MUL(g, cn_add(half, MUL(x, density)));
}

/* With u = c (x + d x^3) and t = tanh(u): (1 + t) / 2 + x (1 - t^2) u' / 2. */
static cn_tensor *gelu_tanh_gradient(cn_tensor *g, cn_tensor *x)
{
    const double c = 0.79788456080286535588, d = 0.044715;
    cn_tensor *square = cn_square(x);
    cn_tensor *t = cn_tanh(MUL(MUL(c, x), cn_add(1.0, MUL(d, square))));
    cn_tensor *slope = cn_add(c, MUL(3 * c * d, square));
    cn_tensor *second = MUL(MUL(x, ONE_MINUS_SQUARE(t)), slope);
    return MUL(g, MUL(0.5, cn_add(cn_add(1.0, t), second)));
}

/* Inside the bounds, which belong to the inside; a NaN is no bound. */
static cn_tensor *clip_gradient(cn_tensor *g, cn_tensor *x, double low, double high)
{
    if (!isnan(low))
        g = cn_where(cn_greater_equal(x, low), g, 0);
    return isnan(high) ? g : cn_where(cn_less_equal(x, high), g, 0);
}

/* f: slope, maximum, threshold. Above the threshold that of a clip to [0, maximum], if there is a
 * maximum; below the slope. */
static cn_tensor *relu_general_gradient(cn_tensor *g, cn_tensor *x, const double *f)
{
    cn_tensor *above = clip_gradient(g, x, isnan(f[1]) ? f[1] : 0, f[1]);
    cn_tensor *below = f[0] == 0 ? cn__integer(0) : cn_where(cn_less(x, f[2]), MUL(f[0], g), 0);
    return cn_where(cn_greater(x, f[2]), above, below);
}

/* (1 + x / sqrt(x^2 + b)) / 2. */
static cn_tensor *squareplus_gradient(cn_tensor *g, cn_tensor *x, double b)
{
    return MUL(g, MUL(0.5, cn_add(1.0, MUL(x, cn_rsqrt(cn_add(cn_square(x), b))))));
}

/* The derivative of digamma, in ops, so that it has derivatives too: below 1/2 the reflection
 * (pi / sin(pi x))^2 - trigamma(1 - x); above, trigamma(x) = 1 / x^2 + trigamma(x + 1) up to the
 * asymptotic series. */
static cn_tensor *trigamma(cn_tensor *x)
{
    enum { SHIFTS = 10 };
    const double pi = 3.14159265358979323846;
    cn_tensor *mirrored = cn_less(x, 0.5), *z = cn_where(mirrored, cn_subtract(1.0, x), x), *sum;
    sum = cn_square(cn_reciprocal(z));
    for (int i = 1; i < SHIFTS; i++)
        sum = cn_add(sum, cn_square(cn_reciprocal(cn_add(z, (double)i))));
    cn_tensor *r = cn_reciprocal(cn_add(z, (double)SHIFTS)), *s = cn_square(r);
    static const double bernoulli[] = {5. / 66, -1. / 30, 1. / 42, -1. / 30, 1. / 6};
    cn_tensor *series = MUL(bernoulli[0], s);
    for (int i = 1; i < 5; i++)
        series = MUL(s, cn_add(bernoulli[i], series));
    sum = cn_add(sum, cn_add(r, cn_add(MUL(0.5, s), MUL(r, series))));
    /* Where nothing is mirrored the sine must not give an infinity that a gradient would turn into
     * a NaN. */
    cn_tensor *safe = cn_where(mirrored, x, 0.25);
    cn_tensor *reflected = cn_square(cn_divide(pi, cn_sin(MUL(pi, safe))));
    return cn_where(mirrored, cn_subtract(reflected, sum), sum);
}

static int infer_truth(cn__node *node)
{
    return cn__infer_one(node, CN_BOOL, cn__in_shape(node, 0));
}

/* What the public functions do with an input before the op sees it; NULL and an error for what is
 * no tensor. */
static cn_tensor *as_FLOATING(cn_tensor *x, const char *who)
{
    if (cn__pending() || !cn__check_tensor(x, who))
        return NULL;
    return cn__dtype_is_float(x->dtype) ? x : cn_cast(x, CN_FLOAT32);
}

static cn_tensor *as_ANY(cn_tensor *x, const char *who)
{
    if (cn__pending() || !cn__check_tensor(x, who))
        return NULL;
    return x->dtype == CN_BOOL ? cn_cast(x, CN_INT32) : x;
}

static cn_tensor *as_LOGIC(cn_tensor *x, const char *who)
{
    if (cn__pending() || !cn__check_tensor(x, who))
        return NULL;
    return x->dtype == CN_BOOL ? x : cn_cast(x, CN_BOOL);
}

static cn_tensor *apply_FLOATING(const cn__op *op, const cn__attrs *attrs, cn_tensor *x)
{
    x = as_FLOATING(x, op->name);
    return x ? cn__apply1(op, attrs, x) : NULL;
}

static cn_tensor *apply_ANY(const cn__op *op, const cn__attrs *attrs, cn_tensor *x)
{
    x = as_ANY(x, op->name);
    return x ? cn__apply1(op, attrs, x) : NULL;
}

static cn_tensor *apply_WHOLE(const cn__op *op, const cn__attrs *attrs, cn_tensor *x)
{
    if (cn__pending() || !cn__check_tensor(x, op->name))
        return NULL;
    return cn__dtype_is_float(x->dtype) ? cn__apply1(op, attrs, x) : cn_identity(x);
}

static cn_tensor *apply_TRUTH(const cn__op *op, const cn__attrs *attrs, cn_tensor *x)
{
    return apply_FLOATING(op, attrs, x);
}

static cn_tensor *apply_LOGIC(const cn__op *op, const cn__attrs *attrs, cn_tensor *x)
{
    x = as_LOGIC(x, op->name);
    return x ? cn__apply1(op, attrs, x) : NULL;
}

#define INFER_FLOATING cn__infer_same
#define INFER_ANY cn__infer_same
#define INFER_WHOLE cn__infer_same
#define INFER_TRUTH infer_truth
#define INFER_LOGIC infer_truth

/* The record of an op; ops without a gradient have no function for one. */
#define RECORD(op, kind, op_flags, rule)                                                           \
    static int gradient_##op(const cn__node *node, cn_tensor *const *out,                          \
                             cn_tensor *const *grads_out, cn_tensor **grads_in)                    \
    {                                                                                              \
        cn_tensor *g = grads_out[0], *x = node->in[0], *y = out[0];                                \
        const double *f = node->attrs.f;                                                           \
        (void)g, (void)x, (void)y, (void)f;                                                        \
        return cn__one_gradient(grads_in, rule);                                                   \
    }                                                                                              \
    const cn__op cn__op_##op = {                                                                   \
        .name = #op,                                                                               \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .n_out = 1,                                                                                \
        .flags = CN__OP_ELEMENTWISE | (op_flags),                                                  \
        .infer = INFER_##kind,                                                                     \
        .gradient = (op_flags)&CN__OP_NO_GRADIENT ? NULL : gradient_##op,                          \
        .reference = &cn__reference_##op,                                                          \
    };
CN__UNARY_RULES(RECORD)
CN__UNARY_PARAMETER_RULES(RECORD)

#define FUNCTION(op, kind, op_flags, rule)                                                         \
    cn_tensor *cn_##op(cn_tensor *x)                                                               \
    {                                                                                              \
        return apply_##kind(&cn__op_##op, NULL, x);                                                \
    }
CN__UNARY_RULES(FUNCTION)

cn_tensor *cn_elu(cn_tensor *x, double alpha)
{
    return apply_FLOATING(&cn__op_elu, &(cn__attrs){.f = {alpha}}, x);
}

cn_tensor *cn_celu(cn_tensor *x, double alpha)
{
    return apply_FLOATING(&cn__op_celu, &(cn__attrs){.f = {alpha}}, x);
}

cn_tensor *cn_leaky_relu(cn_tensor *x, double negative_slope)
{
    return apply_FLOATING(&cn__op_leaky_relu, &(cn__attrs){.f = {negative_slope}}, x);
}

cn_tensor *cn_gelu(cn_tensor *x, bool approximate)
{
    return apply_FLOATING(&cn__op_gelu, &(cn__attrs){.f = {approximate}}, x);
}

cn_tensor *cn_clip(cn_tensor *x, double low, double high)
{
    return apply_ANY(&cn__op_clip, &(cn__attrs){.f = {low, high}}, x);
}

/* Keras computes the plain cases by plainer ops, whose gradients at the kinks are their own. */
cn_tensor *cn_relu_general(cn_tensor *x, double negative_slope, double max_value, double threshold)
{
    if (threshold == 0 && isnan(max_value))
        return negative_slope == 0 ? cn_relu(x) : cn_leaky_relu(x, negative_slope);
    if (threshold == 0 && negative_slope == 0 && max_value == 6)
        return cn_relu6(x);
    cn__attrs attrs = {.f = {negative_slope, max_value, threshold}};
    return apply_FLOATING(&cn__op_relu_general, &attrs, x);
}

cn_tensor *cn_hard_shrink(cn_tensor *x, double threshold)
{
    return apply_FLOATING(&cn__op_hard_shrink, &(cn__attrs){.f = {threshold}}, x);
}

cn_tensor *cn_soft_shrink(cn_tensor *x, double threshold)
{
    return apply_FLOATING(&cn__op_soft_shrink, &(cn__attrs){.f = {threshold}}, x);
}

cn_tensor *cn_threshold(cn_tensor *x, double threshold, double value)
{
    return apply_FLOATING(&cn__op_threshold, &(cn__attrs){.f = {threshold, value}}, x);
}

cn_tensor *cn_squareplus(cn_tensor *x, double b)
{
    return apply_FLOATING(&cn__op_squareplus, &(cn__attrs){.f = {b}}, x);
}
