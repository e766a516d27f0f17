/* The reductions: records, gradients and public functions. */
#include "ops/reduce.h"
#include "ops/support.h"
#include <string.h>

int cn__infer_reduced(cn__node *node, cn_dtype dtype)
{
    const cn_shape *in = cn__in_shape(node, 0);
    cn_shape out = {.rank = 0};
    for (int64_t k = 0; k < node->attrs.i[1]; k++)
        if (cn__axis(node->attrs.i[2 + k], in->rank, node->op->name) < 0)
            return CN_EINDEX;
    for (int axis = 0; axis < in->rank; axis++) {
        if (!cn__reduces(&node->attrs, in->rank, axis))
            out.dim[out.rank++] = in->dim[axis];
        else if (node->attrs.i[0])
            out.dim[out.rank++] = 1;
    }
    return cn__infer_one(node, dtype, &out);
}

static int infer_same(cn__node *node)
{
    return cn__infer_reduced(node, node->in[0]->dtype);
}

static int infer_floating(cn__node *node)
{
    return cn__infer_reduced(node, cn__float_dtype(node->in[0]->dtype));
}

/* Nothing has no largest element; sums and products of nothing are 0 and 1. */
static int infer_extreme(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    for (int axis = 0; axis < in->rank; axis++)
        if (in->dim[axis] == 0 && cn__reduces(&node->attrs, in->rank, axis))
            return cn__fail(CN_EVALUE, "Cannot compute the %s of an empty tensor.", node->op->name);
    return infer_same(node);
}

/* The gradient or result of a reduction stretched to its input's shape. */
static cn_tensor *spread(const cn__node *node, cn_tensor *t)
{
    return cn__apply2(&cn__op_broadcast_like, &node->attrs, t, node->in[0]);
}

static cn_tensor *sum_gradient(const cn__node *node, cn_tensor *g, cn_tensor *x, cn_tensor *y)
{
    (void)x, (void)y;
    return spread(node, g);
}

static cn_tensor *mean_gradient(const cn__node *node, cn_tensor *g, cn_tensor *x, cn_tensor *y)
{
    (void)y;
    return spread(node, cn_divide(g, cn__apply1(&cn__op_count_like, &node->attrs, x)));
}

/* Elements that equal the extreme share its gradient equally. */
static cn_tensor *extreme_gradient(const cn__node *node, cn_tensor *g, cn_tensor *x, cn_tensor *y)
{
    cn_tensor *winners = cn_cast(cn_equal(x, spread(node, y)), x->dtype);
    cn_tensor *count = cn__apply1(&cn__op_sum, &node->attrs, winners);
    return cn_multiply(winners, spread(node, cn_divide(g, count)));
}

/* The product of the others: y / x, or where x is the only 0 the product of what is not, or 0
 * beside another's 0. */
static cn_tensor *prod_gradient(const cn__node *node, cn_tensor *g, cn_tensor *x, cn_tensor *y)
{
    (void)y;
    cn_tensor *zero = cn_equal(x, 0), *filled = cn_where(zero, 1, x);
    cn_tensor *zeros = spread(node, cn__apply1(&cn__op_sum, &node->attrs, cn_cast(zero, x->dtype)));
    cn_tensor *whole = spread(node, cn__apply1(&cn__op_prod, &node->attrs, filled));
    cn_tensor *others = cn_subtract(zeros, cn_cast(zero, x->dtype));
    return cn_multiply(spread(node, g), cn_where(cn_equal(others, 0), cn_divide(whole, filled), 0));
}

/* The softmax: exp(x - y). */
static cn_tensor *logsumexp_gradient(const cn__node *node, cn_tensor *g, cn_tensor *x, cn_tensor *y)
{
    return cn_multiply(spread(node, g), cn_exp(cn_subtract(x, spread(node, y))));
}

cn__batch cn__batch_reduced(const cn__node *node, const bool *batched, cn__batch along_rows)
{
    if (!batched[0])
        return CN__BATCH_NONE;
    return cn__reduces(&node->attrs, cn__in_shape(node, 0)->rank, 0) ? along_rows : CN__BATCH_ROW;
}

static cn__batch batch_sum(const cn__node *node, const bool *batched)
{
    return cn__batch_reduced(node, batched, CN__BATCH_REDUCE);
}

static cn__batch batch_mix(const cn__node *node, const bool *batched)
{
    return cn__batch_reduced(node, batched, CN__BATCH_MIX);
}

/* Which dtype a reduction sees: sums of narrow integers would soon overflow, so they are widened as
 * Keras widens them. */
static cn_tensor *as_ANY(cn_tensor *x)
{
    return x;
}

static cn_tensor *as_SUM(cn_tensor *x)
{
    switch (x->dtype) {
    case CN_INT8:
    case CN_INT16:
    case CN_BOOL: return cn_cast(x, CN_INT32);
    case CN_UINT8:
    case CN_UINT16: return cn_cast(x, CN_UINT32);
    default: return x;
    }
}

static cn_tensor *as_FLOATING(cn_tensor *x)
{
    return cn__dtype_is_float(x->dtype) ? x : cn_cast(x, CN_FLOAT32);
}

static cn_tensor *as_TRUTH(cn_tensor *x)
{
    return x->dtype == CN_BOOL ? x : cn_cast(x, CN_BOOL);
}

/* XX(name, input, infer, batch, flags, gradient) */
/* clang-format off */
#define RULES(XX) \
    XX(sum, SUM, infer_same, batch_sum, 0, sum_gradient) \
    XX(mean, ANY, infer_floating, batch_mix, 0, mean_gradient) \
    XX(max, ANY, infer_extreme, batch_mix, 0, extreme_gradient) \
    XX(min, ANY, infer_extreme, batch_mix, 0, extreme_gradient) \
    XX(prod, SUM, infer_same, batch_mix, 0, prod_gradient) \
    XX(any, TRUTH, infer_same, batch_mix, CN__OP_NO_GRADIENT, NULL) \
    XX(all, TRUTH, infer_same, batch_mix, CN__OP_NO_GRADIENT, NULL) \
    XX(logsumexp, FLOATING, infer_same, batch_mix, 0, logsumexp_gradient)
/* clang-format on */

typedef cn_tensor *gradient_rule(const cn__node *node, cn_tensor *g, cn_tensor *x, cn_tensor *y);

static int gradient_by(gradient_rule *rule, const cn__node *node, cn_tensor *const *out,
                       cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    /* The record of an op without a rule has no gradient function either: this is never reached
     * then. */
    return rule ? cn__one_gradient(grads_in, rule(node, grads_out[0], node->in[0], out[0])) : 0;
}

#define RECORD(op, input, infer_, batch_, op_flags, rule)                                          \
    static int gradient_##op(const cn__node *node, cn_tensor *const *out,                          \
                             cn_tensor *const *grads_out, cn_tensor **grads_in)                    \
    {                                                                                              \
        return gradient_by(rule, node, out, grads_out, grads_in);                                  \
    }                                                                                              \
    const cn__op cn__op_##op = {                                                                   \
        .name = #op,                                                                               \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .n_out = 1,                                                                                \
        .flags = (op_flags),                                                                       \
        .infer = infer_,                                                                           \
        .gradient = (op_flags)&CN__OP_NO_GRADIENT ? NULL : gradient_##op,                          \
        .batch = batch_,                                                                           \
        .reference = &cn__reference_##op,                                                          \
    };
RULES(RECORD)

int cn__reduce_attrs(cn__attrs *attrs, const cn_tensor *x, int n, const int64_t *axes,
                     bool keepdims, const char *who)
{
    bool taken[CN_MAX_RANK] = {false};
    *attrs = (cn__attrs){.i = {keepdims, n < 0 ? CN_NONE : n}};
    if (n > x->shape.rank)
        return cn__fail(CN_EVALUE, "%s: %d axes were given for a tensor of rank %d", who, n,
                        x->shape.rank);
    for (int k = 0; k < n; k++) {
        int axis = cn__axis(axes[k], x->shape.rank, who);
        if (axis < 0)
            return axis;
        if (taken[axis])
            return cn__fail(CN_EVALUE, "%s: axis %d is given twice", who, axis);
        taken[axis] = true;
    }
    for (int axis = 0, k = 0; axis < x->shape.rank; axis++)
        if (taken[axis])
            attrs->i[2 + k++] = axis;
    return 0;
}

typedef cn_tensor *caster(cn_tensor *x);

static cn_tensor *reduce_axes(const cn__op *op, caster *as, cn_tensor *x, int n,
                              const int64_t *axes, bool keepdims)
{
    cn__attrs attrs;
    if (cn__pending() || !cn__check_tensor(x, op->name) ||
        cn__reduce_attrs(&attrs, x, n, axes, keepdims, op->name) < 0)
        return NULL;
    x = as(x);
    return x ? cn__apply1(op, &attrs, x) : NULL;
}

/* The axes of the arguments: -1 for all, else how many in `axes`. A tuple that was not counted has
 * at least one number. */
static int axes_of(const cn_reduce_args *args, int64_t *axes)
{
    int n = cn__ints_count(&args->axis);
    if (n == 0)
        n = 1;
    memcpy(axes, args->axis.v, sizeof args->axis.v);
    return n == 1 && axes[0] == CN_NONE ? -1 : n;
}

/* The caller's arguments over the defaults, so that a program built against a shorter record goes
 * on working. */
static int read_args(cn_reduce_args *args, const cn_reduce_args *given, const char *who)
{
    *args = (cn_reduce_args){.size = sizeof *args, CN_REDUCE_DEFAULTS};
    if (!given)
        return 0;
    if (given->size == 0 || given->size > sizeof *args)
        return cn__fail(CN_EVALUE, "%s: the arguments have no valid size", who);
    memcpy(args, given, given->size);
    return 0;
}

static cn_tensor *reduce_with(const cn__op *op, caster *as, cn_tensor *x,
                              const cn_reduce_args *given)
{
    cn_reduce_args args;
    int64_t axes[8];
    if (cn__pending() || read_args(&args, given, op->name) < 0)
        return NULL;
    int n = axes_of(&args, axes);
    return reduce_axes(op, as, x, n, axes, args.keepdims);
}

#define FUNCTION(op, input, infer_, batch_, op_flags, rule)                                        \
    cn_tensor *cn_##op##_with(cn_tensor *x, const cn_reduce_args *args)                            \
    {                                                                                              \
        return reduce_with(&cn__op_##op, as_##input, x, args);                                     \
    }
RULES(FUNCTION)

cn_tensor *cn_sum_axes(cn_tensor *x, int n, const int64_t *axes, bool keepdims)
{
    return reduce_axes(&cn__op_sum, as_SUM, x, n, axes, keepdims);
}

cn_tensor *cn_mean_axes(cn_tensor *x, int n, const int64_t *axes, bool keepdims)
{
    return reduce_axes(&cn__op_mean, as_ANY, x, n, axes, keepdims);
}

cn_tensor *cn_max_axes(cn_tensor *x, int n, const int64_t *axes, bool keepdims)
{
    return reduce_axes(&cn__op_max, as_ANY, x, n, axes, keepdims);
}

/* mean((x - mean(x))^2) */
cn_tensor *cn_var_with(cn_tensor *x, const cn_reduce_args *given)
{
    cn_reduce_args args;
    int64_t axes[8];
    if (cn__pending() || !cn__check_tensor(x, "var") || read_args(&args, given, "var") < 0)
        return NULL;
    cn_tensor *mean, *variance;
    int n = axes_of(&args, axes);
    return cn__moments(x, n, axes, args.keepdims, "var", &mean, &variance) < 0 ? NULL : variance;
}

cn_tensor *cn_std_with(cn_tensor *x, const cn_reduce_args *args)
{
    return cn_sqrt(cn_var_with(x, args));
}
