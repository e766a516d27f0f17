/* Mean and variance over axes as one op: one pass over memory, and a gradient without sums. */
#include "ops/reduce.h"
#include "ops/support.h"

static int infer(cn__node *node)
{
    int code = cn__infer_reduced(node, cn__float_dtype(node->in[0]->dtype));
    node->n_out = 2;
    node->dtype[1] = node->dtype[0];
    node->shape[1] = node->shape[0];
    return code;
}

static cn_tensor *spread(const cn__node *node, cn_tensor *t)
{
    return cn__apply2(&cn__op_broadcast_like, &node->attrs, t, node->in[0]);
}

/* dx = (dmean + 2 (x - mean) dvariance) / n. The variance's way through the mean gives nothing,
 * because the sum of x - mean is 0. */
static int gradient(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                    cn_tensor **grads_in)
{
    cn_tensor *x = node->in[0], *dx = NULL;
    cn_tensor *n = cn__apply1(&cn__op_count_like, &node->attrs, x);
    if (grads_out[0]) {
        dx = spread(node, cn_divide(grads_out[0], n));
    }
    if (grads_out[1]) {
        cn_tensor *slope = spread(node, cn_divide(cn_multiply(grads_out[1], 2), n));
        cn_tensor *part = cn_multiply(cn_subtract(x, spread(node, out[0])), slope);
        dx = dx ? cn_add(dx, part) : part;
    }
    return cn__pending() ? cn_error_code() : (grads_in[0] = dx, 0);
}

static cn__batch batch(const cn__node *node, const bool *batched)
{
    return cn__batch_reduced(node, batched, CN__BATCH_MIX);
}

const cn__op cn__op_moments = {.name = "moments",
                               .min_in = 1,
                               .max_in = 1,
                               .n_out = 2,
                               .infer = infer,
                               .gradient = gradient,
                               .batch = batch,
                               .reference = &cn__reference_moments};

int cn__moments(cn_tensor *x, int n, const int64_t *axes, bool keepdims, const char *who,
                cn_tensor **mean, cn_tensor **variance)
{
    cn__attrs attrs;
    *mean = *variance = NULL;
    if (cn__pending() || !cn__check_tensor(x, who)) {
        return cn_error_code();
    }
    int code = cn__reduce_attrs(&attrs, x, n, axes, keepdims, who);
    x = code < 0 || cn__dtype_is_float(x->dtype) ? x : cn_cast(x, CN_FLOAT32);
    if (code == 0 && x) {
        *mean = cn__apply(&cn__op_moments, &attrs, 1, &x, variance);
    }
    return *mean ? 0 : cn_error_code();
}

int cn_moments_axes(cn_tensor *x, int n, const int64_t *axes, bool keepdims, cn_tensor **mean,
                    cn_tensor **variance)
{
    return cn__moments(x, n, axes, keepdims, "moments", mean, variance);
}
