/* Ops that take or add elements at indices: gather, take_along_axis, their gradients, one_hot. */
#include "ops/support.h"

static int expect_integers(const cn__node *node, int i, const char *who)
{
    cn_dtype dtype = node->in[i]->dtype;
    if (!cn__dtype_is_integer(dtype)) {
        return cn__fail(CN_ETYPE, "%s: expected integer indices, got %s", who,
                        cn_dtype_name(dtype));
    }
    return 0;
}

/* gather(x, indices): attrs.i[0] = axis; the indices' shape stands in the axis's place. */
static int gather_shape(const cn_shape *x, const cn_shape *indices, int axis, cn_shape *out)
{
    out->rank = x->rank - 1 + indices->rank;
    if (out->rank > CN_MAX_RANK) {
        return cn__fail(CN_EVALUE, "gather: the result would have %d axes, at most %d are possible",
                        out->rank, CN_MAX_RANK);
    }
    for (int a = 0; a < out->rank; a++) {
        int from = a - axis;
        out->dim[a] = from < 0               ? x->dim[a]
                      : from < indices->rank ? indices->dim[from]
                                             : x->dim[a - indices->rank + 1];
    }
    return 0;
}

static int infer_gather(cn__node *node)
{
    cn_shape out = {0};
    int code = expect_integers(node, 1, "gather");
    if (code == 0) {
        code =
            gather_shape(cn__in_shape(node, 0), cn__in_shape(node, 1), (int)node->attrs.i[0], &out);
    }
    return code < 0 ? code : cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_gather(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                           cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply3(&cn__op_scatter_add_like, &node->attrs,
                                                 node->in[1], grads_out[0], node->in[0]));
}

/* Rows of indices take rows of the result from a table that all share; or each row of x is picked
 * from by itself. */
static cn__batch batch_gather(const cn__node *node, const bool *batched)
{
    if (!batched[0] && !batched[1]) {
        return CN__BATCH_NONE;
    }
    bool first = node->attrs.i[0] == 0;
    return cn__row_if(batched[1] ? !batched[0] && first : !first);
}

const cn__op cn__op_gather = {.name = "gather",
                              .min_in = 2,
                              .max_in = 2,
                              .n_out = 1,
                              .flags = CN__OP_CHECKS,
                              .infer = infer_gather,
                              .gradient = gradient_gather,
                              .batch = batch_gather,
                              .reference = &cn__reference_gather};

/* scatter_add_like(indices, values, ref): zeros of ref's shape with the values added where gather
 * would take them from. */
static int infer_scatter_add_like(cn__node *node)
{
    const cn_shape *values = cn__in_shape(node, 1), *ref = cn__in_shape(node, 2);
    cn_shape want = {0};
    int code = expect_integers(node, 0, "scatter_add");
    if (code == 0) {
        code = gather_shape(ref, cn__in_shape(node, 0), (int)node->attrs.i[0], &want);
    }
    if (code < 0) {
        return code;
    }
    bool fits = want.rank == values->rank;
    for (int a = 0; fits && a < want.rank; a++) {
        fits = cn__agree(want.dim[a], values->dim[a]) != -2;
    }
    if (!fits) {
        char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE, "scatter_add: expected values of shape %s, got %s",
                        cn__shape_text(&want, a, sizeof a), cn__shape_text(values, b, sizeof b));
    }
    return cn__infer_one(node, node->in[1]->dtype, ref);
}

static int gradient_scatter_add_like(const cn__node *node, cn_tensor *const *out,
                                     cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    grads_in[1] = cn__apply2(&cn__op_gather, &node->attrs, grads_out[0], node->in[0]);
    return grads_in[1] ? 0 : cn_error_code();
}

/* Rows of indices and values add into a table that all share: a sum over rows. */
static cn__batch batch_scatter_add_like(const cn__node *node, const bool *batched)
{
    bool first = node->attrs.i[0] == 0;
    if (!batched[0] && !batched[1] && !batched[2]) {
        return CN__BATCH_NONE;
    }
    if (batched[0]) {
        return batched[1] && !batched[2] && first ? CN__BATCH_REDUCE : CN__BATCH_MIX;
    }
    return cn__row_if(batched[1] && batched[2] && !first);
}

const cn__op cn__op_scatter_add_like = {.name = "scatter_add_like",
                                        .min_in = 3,
                                        .max_in = 3,
                                        .n_out = 1,
                                        .shape_only = 4,
                                        .flags = CN__OP_CHECKS,
                                        .infer = infer_scatter_add_like,
                                        .gradient = gradient_scatter_add_like,
                                        .batch = batch_scatter_add_like,
                                        .reference = &cn__reference_scatter_add_like};

/* gather_batch(x, indices): numpy.take_along_axis; attrs.i[0] = axis. Lengths of the other axes
 * agree or are 1. */
static int along_shape(const cn_shape *x, const cn_shape *indices, int axis, cn_shape *out)
{
    *out = *indices;
    bool fits = x->rank == indices->rank;
    for (int a = 0; fits && a < x->rank; a++) {
        int64_t m = x->dim[a], n = indices->dim[a];
        if (a != axis) {
            out->dim[a] = n == 1 ? m : m == 1 ? n : cn__agree(n, m);
            fits = out->dim[a] != -2;
        }
    }
    if (!fits) {
        char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE,
                        "take_along_axis: indices of shape %s do not fit a tensor of shape %s",
                        cn__shape_text(indices, a, sizeof a), cn__shape_text(x, b, sizeof b));
    }
    return 0;
}

static int infer_gather_batch(cn__node *node)
{
    cn_shape out = {0};
    int code = expect_integers(node, 1, "take_along_axis");
    if (code == 0) {
        code =
            along_shape(cn__in_shape(node, 0), cn__in_shape(node, 1), (int)node->attrs.i[0], &out);
    }
    return code < 0 ? code : cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_gather_batch(const cn__node *node, cn_tensor *const *out,
                                 cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply3(&cn__op_scatter_batch_like, &node->attrs,
                                                 node->in[1], grads_out[0], node->in[0]));
}

static cn__batch batch_along(const cn__node *node, const bool *batched)
{
    int count = 0;
    for (int i = 0; i < node->n_in; i++) {
        count += batched[i];
    }
    return !count ? CN__BATCH_NONE : cn__row_if(count == node->n_in && node->attrs.i[0] != 0);
}

const cn__op cn__op_gather_batch = {.name = "gather_batch",
                                    .min_in = 2,
                                    .max_in = 2,
                                    .n_out = 1,
                                    .flags = CN__OP_CHECKS,
                                    .infer = infer_gather_batch,
                                    .gradient = gradient_gather_batch,
                                    .batch = batch_along,
                                    .reference = &cn__reference_gather_batch};

/* scatter_batch_like(indices, values, ref): zeros of ref's shape with the values added where
 * take_along_axis takes them. */
static int infer_scatter_batch_like(cn__node *node)
{
    cn_shape want;
    int code = expect_integers(node, 0, "take_along_axis");
    if (code == 0) {
        code =
            along_shape(cn__in_shape(node, 2), cn__in_shape(node, 0), (int)node->attrs.i[0], &want);
    }
    return code < 0 ? code : cn__infer_one(node, node->in[1]->dtype, cn__in_shape(node, 2));
}

static int gradient_scatter_batch_like(const cn__node *node, cn_tensor *const *out,
                                       cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    grads_in[1] = cn__apply2(&cn__op_gather_batch, &node->attrs, grads_out[0], node->in[0]);
    return grads_in[1] ? 0 : cn_error_code();
}

const cn__op cn__op_scatter_batch_like = {.name = "scatter_batch_like",
                                          .min_in = 3,
                                          .max_in = 3,
                                          .n_out = 1,
                                          .shape_only = 4,
                                          .flags = CN__OP_CHECKS,
                                          .infer = infer_scatter_batch_like,
                                          .gradient = gradient_scatter_batch_like,
                                          .batch = batch_along,
                                          .reference = &cn__reference_scatter_batch_like};

/* one_hot: attrs.i[0] = classes, attrs.i[1] = dtype; a new last axis. */
static int infer_one_hot(cn__node *node)
{
    cn_shape out = *cn__in_shape(node, 0);
    int code = expect_integers(node, 0, "one_hot");
    if (code < 0) {
        return code;
    }
    if (out.rank == CN_MAX_RANK || node->attrs.i[0] < 0) {
        return cn__fail(CN_EVALUE,
                        "one_hot: expected a rank below %d and no negative number of "
                        "classes, got %" PRId64,
                        CN_MAX_RANK, node->attrs.i[0]);
    }
    out.dim[out.rank++] = node->attrs.i[0];
    return cn__infer_one(node, (cn_dtype)node->attrs.i[1], &out);
}

const cn__op cn__op_one_hot = {.name = "one_hot",
                               .min_in = 1,
                               .max_in = 1,
                               .n_out = 1,
                               .flags = CN__OP_NO_GRADIENT,
                               .infer = infer_one_hot,
                               .batch = cn__batch_row,
                               .reference = &cn__reference_one_hot};

/* Indices as integers: Keras lets floats pass and cuts them. */
static cn_tensor *as_indices(cn_tensor *indices, const char *who)
{
    if (!cn__check_tensor(indices, who)) {
        return NULL;
    }
    return cn__dtype_is_integer(indices->dtype) ? indices : cn_cast(indices, CN_INT32);
}

cn_tensor *cn_gather(cn_tensor *x, cn_tensor *indices, int axis)
{
    indices = as_indices(indices, "gather");
    int at =
        indices && cn__check_tensor(x, "gather") ? cn__axis(axis, x->shape.rank, "gather") : -1;
    return at < 0 ? NULL : cn__apply2(&cn__op_gather, &(cn__attrs){.i = {at}}, x, indices);
}

cn_tensor *cn_take_along_axis(cn_tensor *x, cn_tensor *indices, int axis)
{
    indices = as_indices(indices, "take_along_axis");
    int at = indices && cn__check_tensor(x, "take_along_axis")
                 ? cn__axis(axis, x->shape.rank, "take_along_axis")
                 : -1;
    return at < 0 ? NULL : cn__apply2(&cn__op_gather_batch, &(cn__attrs){.i = {at}}, x, indices);
}

cn_tensor *cn_scatter_add(cn_tensor *x, cn_tensor *indices, cn_tensor *values)
{
    indices = as_indices(indices, "scatter_add");
    if (!indices || !cn__promote(&x, &values, "scatter_add") ||
        cn__axis(0, x->shape.rank, "scatter_add") < 0) {
        return NULL;
    }
    return (cn_add)(x, cn__apply3(&cn__op_scatter_add_like, NULL, indices, values, x));
}

cn_tensor *cn_one_hot(cn_tensor *indices, int64_t classes, cn_dtype dtype)
{
    indices = as_indices(indices, "one_hot");
    if (!indices) {
        return NULL;
    }
    cn__attrs attrs = {.i = {classes, dtype == CN_DTYPE_UNSET ? CN_FLOAT32 : dtype}};
    return cn__apply1(&cn__op_one_hot, &attrs, indices);
}
