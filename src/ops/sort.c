/* Ops that order elements: argmax, argmin, sort, argsort, top_k, searchsorted. */
#include "ops/support.h"

/* argmax, argmin: attrs.i[0] = axis, or CN_NONE for the flat tensor. */
static int infer_arg(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    cn_shape out = {0};
    int axis = (int)node->attrs.i[0];
    bool flat = node->attrs.i[0] == CN_NONE;
    if (flat ? cn__shape_size(in) == 0 : in->dim[axis] == 0) {
        return cn__fail(CN_EVALUE, "attempt to get %s of an empty sequence", node->op->name);
    }
    for (int a = 0; a < in->rank && !flat; a++) {
        if (a != axis) {
            out.dim[out.rank++] = in->dim[a];
        }
    }
    return cn__infer_one(node, CN_INT64, &out);
}

static cn__batch batch_arg(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE : cn__row_if(node->attrs.i[0] > 0);
}

const cn__op cn__op_argmax = {.name = "argmax",
                              .min_in = 1,
                              .max_in = 1,
                              .n_out = 1,
                              .flags = CN__OP_NO_GRADIENT,
                              .infer = infer_arg,
                              .batch = batch_arg,
                              .reference = &cn__reference_argmax};

const cn__op cn__op_argmin = {.name = "argmin",
                              .min_in = 1,
                              .max_in = 1,
                              .n_out = 1,
                              .flags = CN__OP_NO_GRADIENT,
                              .infer = infer_arg,
                              .batch = batch_arg,
                              .reference = &cn__reference_argmin};

/* sort, argsort: attrs.i[0] = axis. Ascending and stable, NaN last. */
static int infer_argsort(cn__node *node)
{
    return cn__infer_one(node, CN_INT32, cn__in_shape(node, 0));
}

const cn__op cn__op_argsort = {.name = "argsort",
                               .min_in = 1,
                               .max_in = 1,
                               .n_out = 1,
                               .flags = CN__OP_NO_GRADIENT,
                               .infer = infer_argsort,
                               .batch = cn__batch_of_axis,
                               .reference = &cn__reference_argsort};

/* Elements take their gradients back to where they came from. */
static int gradient_sort(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                         cn_tensor **grads_in)
{
    (void)out;
    cn_tensor *from = cn__apply1(&cn__op_argsort, &node->attrs, node->in[0]);
    return cn__one_gradient(grads_in, cn__apply3(&cn__op_scatter_batch_like, &node->attrs, from,
                                                 grads_out[0], node->in[0]));
}

const cn__op cn__op_sort = {.name = "sort",
                            .min_in = 1,
                            .max_in = 1,
                            .n_out = 1,
                            .infer = cn__infer_same,
                            .gradient = gradient_sort,
                            .batch = cn__batch_of_axis,
                            .reference = &cn__reference_sort};

/* top_k: attrs.i[0] = k; along the last axis, the largest first, of equals the first; values and
 * int32 indices. */
static int infer_top_k(cn__node *node)
{
    cn_shape out = *cn__in_shape(node, 0);
    int64_t k = node->attrs.i[0];
    if (out.rank < 1) {
        return cn__fail(CN_EVALUE, "input must be >= 1-D, got shape ()");
    }
    if (k < 0) {
        return cn__fail(CN_EVALUE, "Need k >= 0, got %" PRId64, k);
    }
    if (out.dim[out.rank - 1] >= 0 && out.dim[out.rank - 1] < k) {
        return cn__fail(CN_EVALUE,
                        "input must have last dimension >= k = %" PRId64 " but is %" PRId64, k,
                        out.dim[out.rank - 1]);
    }
    out.dim[out.rank - 1] = k;
    node->n_out = 2;
    node->dtype[0] = node->in[0]->dtype;
    node->dtype[1] = CN_INT32;
    node->shape[0] = node->shape[1] = out;
    return 0;
}

static int gradient_top_k(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                          cn_tensor **grads_in)
{
    if (!grads_out[0]) {
        return 0;
    }
    cn__attrs attrs = {.i = {cn__in_shape(node, 0)->rank - 1}};
    return cn__one_gradient(grads_in, cn__apply3(&cn__op_scatter_batch_like, &attrs, out[1],
                                                 grads_out[0], node->in[0]));
}

static cn__batch batch_top_k(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE : cn__row_if(cn__in_shape(node, 0)->rank > 1);
}

const cn__op cn__op_top_k = {.name = "top_k",
                             .min_in = 1,
                             .max_in = 1,
                             .n_out = 2,
                             .infer = infer_top_k,
                             .gradient = gradient_top_k,
                             .batch = batch_top_k,
                             .reference = &cn__reference_top_k};

/* searchsorted(sorted, values): attrs.i[0] = whether equal elements stay to the left. */
static int infer_searchsorted(cn__node *node)
{
    if (cn__in_shape(node, 0)->rank != 1) {
        return cn__fail(CN_EVALUE,
                        "searchsorted only supports 1-D sorted sequences. You can use "
                        "`keras.ops.vectorized_map` to extend it to N-D sequences. Received: "
                        "sorted_sequence of rank %d",
                        cn__in_shape(node, 0)->rank);
    }
    return cn__infer_one(node, CN_INT32, cn__in_shape(node, 1));
}

static cn__batch batch_searchsorted(const cn__node *node, const bool *batched)
{
    (void)node;
    return batched[0] ? CN__BATCH_MIX : batched[1] ? CN__BATCH_ROW : CN__BATCH_NONE;
}

const cn__op cn__op_searchsorted = {.name = "searchsorted",
                                    .min_in = 2,
                                    .max_in = 2,
                                    .n_out = 1,
                                    .flags = CN__OP_NO_GRADIENT,
                                    .infer = infer_searchsorted,
                                    .batch = batch_searchsorted,
                                    .reference = &cn__reference_searchsorted};

static cn_tensor *argument(const cn__op *op, cn_tensor *x, int64_t axis)
{
    if (!cn__check_tensor(x, op->name)) {
        return NULL;
    }
    if (axis != CN_NONE) {
        axis = cn__axis(axis, x->shape.rank, op->name);
        if (axis < 0) {
            return NULL;
        }
    }
    return cn__apply1(op, &(cn__attrs){.i = {axis}}, x);
}

cn_tensor *cn_argmax(cn_tensor *x, int64_t axis)
{
    return argument(&cn__op_argmax, x, axis);
}

cn_tensor *cn_argmin(cn_tensor *x, int64_t axis)
{
    return argument(&cn__op_argmin, x, axis);
}

cn_tensor *cn_sort(cn_tensor *x, int axis)
{
    return argument(&cn__op_sort, x, axis);
}

cn_tensor *cn_argsort(cn_tensor *x, int axis)
{
    return argument(&cn__op_argsort, x, axis);
}

cn_tensor *cn_top_k(cn_tensor *x, int64_t k, cn_tensor **indices)
{
    cn_tensor *places = NULL;
    cn_tensor *values = cn__apply(&cn__op_top_k, &(cn__attrs){.i = {k}}, 1, &x, &places);
    if (indices) {
        *indices = places;
    } else {
        cn_free(places);
    }
    return values;
}

cn_tensor *cn_searchsorted(cn_tensor *sorted, cn_tensor *values, bool right)
{
    if (!cn__promote(&sorted, &values, "searchsorted")) {
        return NULL;
    }
    return cn__apply2(&cn__op_searchsorted, &(cn__attrs){.i = {right}}, sorted, values);
}
