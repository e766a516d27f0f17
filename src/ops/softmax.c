/* Softmax, its logarithm and sparsemax along one axis: records, gradients and public functions. */
#include "ops/support.h"

/* attrs.i[0] = axis, as it was given: a negative one counts from the end, so that -1 fits whatever
 * rank x has. */
static int infer_axis(cn__node *node)
{
    int axis = cn__axis(node->attrs.i[0], cn__in_shape(node, 0)->rank, node->op->name);
    return axis < 0 ? axis : cn__infer_same(node);
}

/* The sum along the op's axis, kept as a length of 1. */
static cn_tensor *sum(const cn__node *node, cn_tensor *x)
{
    return cn_sum_axes(x, 1, &node->attrs.i[0], true);
}

/* y (g - sum(g y)). */
static int gradient_softmax(const cn__node *node, cn_tensor *const *out,
                            cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    cn_tensor *g = grads_out[0], *y = out[0];
    return cn__one_gradient(grads_in, cn_multiply(y, cn_subtract(g, sum(node, cn_multiply(g, y)))));
}

/* g - softmax(x) sum(g). */
static int gradient_log_softmax(const cn__node *node, cn_tensor *const *out,
                                cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    cn_tensor *g = grads_out[0];
    return cn__one_gradient(grads_in, cn_subtract(g, cn_multiply(cn_exp(out[0]), sum(node, g))));
}

/* On the support, where y > 0: g less the mean of g over the support; 0 elsewhere. */
static int gradient_sparsemax(const cn__node *node, cn_tensor *const *out,
                              cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    cn_tensor *g = grads_out[0], *support = cn_cast(cn_greater(out[0], 0), out[0]->dtype);
    cn_tensor *mean = cn_divide(sum(node, cn_multiply(g, support)), sum(node, support));
    return cn__one_gradient(grads_in, cn_multiply(support, cn_subtract(g, mean)));
}

static cn__batch batch_axis(const cn__node *node, const bool *batched)
{
    int64_t axis = node->attrs.i[0], rank = cn__in_shape(node, 0)->rank;
    return !batched[0] ? CN__BATCH_NONE : cn__row_if(axis != 0 && axis != -rank);
}

#define OP(op, op_flags)                                                                           \
    const cn__op cn__op_##op = {                                                                   \
        .name = #op,                                                                               \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .n_out = 1,                                                                                \
        .flags = op_flags,                                                                         \
        .infer = infer_axis,                                                                       \
        .gradient = gradient_##op,                                                                 \
        .batch = batch_axis,                                                                       \
        .reference = &cn__reference_##op,                                                          \
    };                                                                                             \
    cn_tensor *cn_##op(cn_tensor *x, int axis)                                                     \
    {                                                                                              \
        cn__attrs attrs = {.i = {axis}};                                                           \
        if (cn__pending() || !cn__check_tensor(x, #op))                                            \
            return NULL;                                                                           \
        if (!cn__dtype_is_float(x->dtype))                                                         \
            x = cn_cast(x, CN_FLOAT32);                                                            \
        return cn__apply1(&cn__op_##op, &attrs, x);                                                \
    }
OP(softmax, CN__OP_ORIGIN)
OP(log_softmax, 0)
OP(sparsemax, 0)
