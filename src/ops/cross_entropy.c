/* The cross-entropies of logits over the last axis: records and gradients. */
#include "ops/cross_entropy.h"
#include "ops/support.h"

static int shapes_differ(const cn__node *node)
{
    char z[CN__SHAPE_TEXT], y[CN__SHAPE_TEXT];
    return cn__fail(CN_EVALUE, "%s: labels of shape %s do not fit logits of shape %s",
                    node->op->name, cn__shape_text(cn__in_shape(node, 1), y, sizeof y),
                    cn__shape_text(cn__in_shape(node, 0), z, sizeof z));
}

/* The logits' shape without its last axis, with the lengths that only the labels know; labels have
 * `rank` axes. */
static int infer_rows(cn__node *node, int rank)
{
    const cn_shape *z = cn__in_shape(node, 0), *y = cn__in_shape(node, 1);
    if (z->rank == 0)
        return cn__fail(CN_EVALUE, "%s: the logits have no axis of classes", node->op->name);
    if (y->rank != rank)
        return shapes_differ(node);
    cn_shape out = {.rank = z->rank - 1};
    for (int i = 0; i < rank; i++) {
        int64_t n = cn__agree(z->dim[i], y->dim[i]);
        if (n == -2)
            return shapes_differ(node);
        if (i < out.rank)
            out.dim[i] = n;
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int infer_softmax(cn__node *node)
{
    if (node->in[0]->dtype != node->in[1]->dtype)
        return cn__fail(CN_ETYPE, "%s: the labels are %s, the logits %s", node->op->name,
                        cn_dtype_name(node->in[1]->dtype), cn_dtype_name(node->in[0]->dtype));
    return infer_rows(node, cn__in_shape(node, 0)->rank);
}

static int infer_sparse(cn__node *node)
{
    cn_dtype dtype = node->in[1]->dtype;
    if (!cn__dtype_is_integer(dtype) && dtype != CN_BOOL)
        return cn__fail(CN_ETYPE, "%s: labels must be integers, got %s", node->op->name,
                        cn_dtype_name(dtype));
    return infer_rows(node, cn__in_shape(node, 0)->rank - 1);
}

/* g times something of the logits' shape. */
static cn_tensor *by_rows(cn_tensor *g, cn_tensor *x)
{
    return cn_multiply(cn_expand_dims(g, -1), x);
}

static int gradient_softmax(const cn__node *node, cn_tensor *const *out,
                            cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    cn_tensor *z = node->in[0], *y = node->in[1], *g = grads_out[0];
    (void)out;
    grads_in[0] = by_rows(g, cn_subtract(cn_softmax(z, -1), y));
    grads_in[1] = cn_negative(by_rows(g, cn_log_softmax(z, -1)));
    return grads_in[0] && grads_in[1] ? 0 : cn_error_code();
}

static int gradient_sparse(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                           cn_tensor **grads_in)
{
    cn_tensor *z = node->in[0];
    int64_t classes = z->shape.dim[z->shape.rank - 1];
    (void)out;
    if (classes < 0)
        return cn__fail(CN_EVALUE, "%s: the number of classes must be known for a gradient",
                        node->op->name);
    cn_tensor *hot = cn_one_hot(node->in[1], classes, z->dtype);
    return cn__one_gradient(grads_in, by_rows(grads_out[0], cn_subtract(cn_softmax(z, -1), hot)));
}

static cn__batch batch_rows(const cn__node *node, const bool *batched)
{
    if (!batched[0] && !batched[1])
        return CN__BATCH_NONE;
    return cn__row_if(batched[0] && batched[1] && cn__in_shape(node, 0)->rank > 1);
}

const cn__op cn__op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = infer_softmax,
    .gradient = gradient_softmax,
    .batch = batch_rows,
    .reference = &cn__reference_softmax_cross_entropy,
};

const cn__op cn__op_sparse_softmax_cross_entropy = {
    .name = "sparse_softmax_cross_entropy",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .flags = CN__OP_CHECKS,
    .infer = infer_sparse,
    .gradient = gradient_sparse,
    .batch = batch_rows,
    .reference = &cn__reference_sparse_softmax_cross_entropy,
};

cn_tensor *cn__softmax_cross_entropy(cn_tensor *logits, cn_tensor *labels)
{
    if (!cn__promote(&logits, &labels, "softmax_cross_entropy"))
        return NULL;
    if (!cn__dtype_is_float(logits->dtype)) {
        logits = cn_cast(logits, CN_FLOAT32);
        labels = cn_cast(labels, CN_FLOAT32);
    }
    return cn__apply2(&cn__op_softmax_cross_entropy, NULL, logits, labels);
}

cn_tensor *cn__sparse_softmax_cross_entropy(cn_tensor *logits, cn_tensor *labels)
{
    const char *who = "sparse_softmax_cross_entropy";
    if (cn__pending() || !cn__check_tensor(logits, who) || !cn__check_tensor(labels, who))
        return NULL;
    if (!cn__dtype_is_float(logits->dtype))
        logits = cn_cast(logits, CN_FLOAT32);
    if (cn__dtype_is_float(labels->dtype))
        labels = cn_cast(labels, CN_INT64);
    return cn__apply2(&cn__op_sparse_softmax_cross_entropy, NULL, logits, labels);
}
