/* cast, where, cumsum, cumprod and glu. */
#include "ops/support.h"

/* cast: attrs.i[0] = dtype. */
static int infer_cast(cn__node *node)
{
    return cn__infer_one(node, (cn_dtype)node->attrs.i[0], cn__in_shape(node, 0));
}

/* Between floats the gradient is cast back; integers have none. */
static int gradient_cast(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                         cn_tensor **grads_in)
{
    (void)out;
    cn_dtype from = node->in[0]->dtype;
    if (!cn__dtype_is_float(from) || !cn__dtype_is_float(node->dtype[0])) {
        return 0;
    }
    return cn__one_gradient(grads_in, cn_cast(grads_out[0], from));
}

const cn__op cn__op_cast = {.name = "cast",
                            .min_in = 1,
                            .max_in = 1,
                            .n_out = 1,
                            .flags = CN__OP_ELEMENTWISE,
                            .infer = infer_cast,
                            .gradient = gradient_cast,
                            .batch = cn__batch_row,
                            .reference = &cn__reference_cast};

cn_tensor *cn_cast(cn_tensor *x, cn_dtype dtype)
{
    if (!cn__check_tensor(x, "cast")) {
        return NULL;
    }
    if (!cn_dtype_size(dtype)) {
        cn__fail(CN_EVALUE, "cast: there is no dtype number %d", (int)dtype);
        return NULL;
    }
    /* The dtype of a Python number is not its own: cast, it is, so the op is applied even if
     * nothing else changes. */
    if (x->dtype == dtype && x->weak == CN__STRONG) {
        return cn_identity(x);
    }
    return cn__apply1(&cn__op_cast, &(cn__attrs){.i = {dtype}}, x);
}

/* where(condition, a, b) with numpy's broadcasting; the condition is a bool, a and b have one
 * dtype. */
static int infer_where(cn__node *node)
{
    int code = cn__infer_broadcast(node);
    node->dtype[0] = node->in[1]->dtype;
    if (node->in[0]->dtype != CN_BOOL || node->in[2]->dtype != node->dtype[0]) {
        return cn__fail(CN_ETYPE,
                        "where: expected a bool and two tensors of one dtype, got %s, %s "
                        "and %s",
                        cn_dtype_name(node->in[0]->dtype), cn_dtype_name(node->in[1]->dtype),
                        cn_dtype_name(node->in[2]->dtype));
    }
    return code;
}

/* Each side gets the gradient where it was chosen and zero elsewhere. */
static int gradient_where(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                          cn_tensor **grads_in)
{
    (void)out;
    cn_tensor *g = grads_out[0], *zero = cn_scalar(0, node->dtype[0]);
    if (!zero) {
        return cn_error_code();
    }
    for (int side = 1; side <= 2; side++) {
        cn_tensor *own = cn__apply3(&cn__op_where, NULL, node->in[0], side == 1 ? g : zero,
                                    side == 1 ? zero : g);
        grads_in[side] = own ? cn__apply2(&cn__op_sum_like, NULL, own, node->in[side]) : NULL;
        if (!grads_in[side]) {
            return cn_error_code();
        }
    }
    return 0;
}

const cn__op cn__op_where = {.name = "where",
                             .min_in = 3,
                             .max_in = 3,
                             .n_out = 1,
                             .flags = CN__OP_ELEMENTWISE,
                             .infer = infer_where,
                             .gradient = gradient_where,
                             .reference = &cn__reference_where};

cn_tensor *(cn_where)(cn_tensor *condition, cn_tensor *a, cn_tensor *b)
{
    if (!cn__check_tensor(condition, "where") || !cn__promote(&a, &b, "where")) {
        return NULL;
    }
    if (condition->dtype != CN_BOOL) {
        condition = cn_cast(condition, CN_BOOL);
    }
    return condition ? cn__apply3(&cn__op_where, NULL, condition, a, b) : NULL;
}

/* cumsum, cumprod: attrs.i[0] = axis, attrs.i[1] = from the end to the start. */
static int gradient_cumsum(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                           cn_tensor **grads_in)
{
    (void)out;
    cn__attrs attrs = node->attrs;
    attrs.i[1] = !attrs.i[1];
    return cn__one_gradient(grads_in, cn__apply1(&cn__op_cumsum, &attrs, grads_out[0]));
}

const cn__op cn__op_cumsum = {.name = "cumsum",
                              .min_in = 1,
                              .max_in = 1,
                              .n_out = 1,
                              .infer = cn__infer_same,
                              .gradient = gradient_cumsum,
                              .batch = cn__batch_of_axis,
                              .reference = &cn__reference_cumsum};

/* dx_i = sum over j >= i of g_j y_j / x_i, as TensorFlow has it: NaN where x is 0. */
static int gradient_cumprod(const cn__node *node, cn_tensor *const *out,
                            cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    cn__attrs attrs = node->attrs;
    attrs.i[1] = !attrs.i[1];
    cn_tensor *sums = cn__apply1(&cn__op_cumsum, &attrs, cn_multiply(grads_out[0], out[0]));
    return cn__one_gradient(grads_in, cn_divide(sums, node->in[0]));
}

const cn__op cn__op_cumprod = {.name = "cumprod",
                               .min_in = 1,
                               .max_in = 1,
                               .n_out = 1,
                               .infer = cn__infer_same,
                               .gradient = gradient_cumprod,
                               .batch = cn__batch_of_axis,
                               .reference = &cn__reference_cumprod};

/* numpy sums bools and narrow integers in wider ones; Keras keeps integers and makes bools int32.
 */
static cn_tensor *cumulate(const cn__op *op, cn_tensor *x, int axis)
{
    int at = cn__check_tensor(x, op->name) ? cn__axis(axis, x->shape.rank, op->name) : -1;
    if (at < 0) {
        return NULL;
    }
    x = x->dtype == CN_BOOL ? cn_cast(x, CN_INT32) : x;
    return x ? cn__apply1(op, &(cn__attrs){.i = {at}}, x) : NULL;
}

cn_tensor *cn_cumsum(cn_tensor *x, int axis)
{
    return cumulate(&cn__op_cumsum, x, axis);
}

cn_tensor *cn_cumprod(cn_tensor *x, int axis)
{
    return cumulate(&cn__op_cumprod, x, axis);
}

/* glu: attrs.i[0] = axis; halves a, b of the axis give a * sigmoid(b). */
static int infer_glu(cn__node *node)
{
    cn_shape out = *cn__in_shape(node, 0);
    int64_t *n = &out.dim[node->attrs.i[0]];
    if (*n % 2 && *n > 0) {
        return cn__fail(CN_EVALUE, "axis size must be divisible by 2, got %" PRId64, *n);
    }
    *n = *n > 0 ? *n / 2 : *n;
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

/* da = g s, db = g a s (1 - s) with s = sigmoid(b). */
static int gradient_glu(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                        cn_tensor **grads_in)
{
    int axis = (int)node->attrs.i[0];
    cn_tensor *b = cn_split(node->in[0], 2, axis, 1);
    cn_tensor *s = cn_sigmoid(b);
    cn_tensor *da = cn_multiply(grads_out[0], s);
    cn_tensor *db = cn_multiply(cn_multiply(grads_out[0], out[0]), cn_subtract(1, s));
    return cn__one_gradient(grads_in, cn_concatenate(axis, da, db));
}

const cn__op cn__op_glu = {.name = "glu",
                           .min_in = 1,
                           .max_in = 1,
                           .n_out = 1,
                           .infer = infer_glu,
                           .gradient = gradient_glu,
                           .batch = cn__batch_of_axis,
                           .reference = &cn__reference_glu};

cn_tensor *cn_glu(cn_tensor *x, int axis)
{
    int at = cn__check_tensor(x, "glu") ? cn__axis(axis, x->shape.rank, "glu") : -1;
    if (at < 0) {
        return NULL;
    }
    x = cn__dtype_is_float(x->dtype) ? x : cn_cast(x, CN_FLOAT32);
    return x ? cn__apply1(&cn__op_glu, &(cn__attrs){.i = {at}}, x) : NULL;
}
