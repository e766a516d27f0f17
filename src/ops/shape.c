/* Ops that give the same elements another shape or order. */
#include "ops/support.h"

/* The product of the lengths of axes [from, rank), -1 if one is not known. */
static int64_t product_from(const cn_shape *shape, int from)
{
    cn_shape rest = {.rank = shape->rank - from};
    for (int a = from; a < shape->rank; a++) {
        rest.dim[a - from] = shape->dim[a];
    }
    return cn__shape_size(&rest);
}

static int reshape_error(const cn_shape *in, const cn_shape *out)
{
    char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
    return cn__fail(CN_EVALUE,
                    "The total size of the tensor must be unchanged. Received: input_shape=%s, "
                    "target_shape=%s",
                    cn__shape_text(in, a, sizeof a), cn__shape_text(out, b, sizeof b));
}

/* Copies the wanted lengths; CN_NONE keeps the input's length of that axis, one -1 is left over for
 * the rest. What is kept is taken out of the input's lengths (set to 1), because it stands on both
 * sides. */
static int wanted_shape(const cn__node *node, cn_shape *left, cn_shape *out, int *open,
                        int64_t *known)
{
    out->rank = (int)node->attrs.i[0];
    *open = -1;
    *known = 1;
    for (int a = 0; a < out->rank; a++) {
        int64_t n = node->attrs.i[1 + a];
        if (n == CN_NONE) {
            if (a >= left->rank) {
                return cn__fail(CN_EVALUE, "reshape: the input has no axis %d to keep", a);
            }
            out->dim[a] = left->dim[a];
            left->dim[a] = 1;
            continue;
        }
        out->dim[a] = n;
        if (n == -1) {
            if (*open >= 0) {
                return cn__fail(CN_EVALUE, "can only specify one unknown dimension");
            }
            *open = a;
        } else if (!cn__mul_size(*known, n, known)) {
            return reshape_error(cn__in_shape(node, 0), out);
        }
    }
    return 0;
}

static int infer_reshape(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    cn_shape out = {0}, left = *in;
    int open;
    int64_t known;
    int code = wanted_shape(node, &left, &out, &open, &known);
    if (code < 0) {
        return code;
    }
    int64_t size = cn__shape_size(&left);
    if (size < -1) {
        return (int)size;
    }
    if (size >= 0 && open >= 0) {
        if (known == 0 ? size != 0 : size % known != 0) {
            return reshape_error(in, &out);
        }
        out.dim[open] = known ? size / known : 0;
    } else if (size >= 0 && size != known) {
        return reshape_error(in, &out);
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_reshape(const cn__node *node, cn_tensor *const *out,
                            cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in,
                            cn__apply2(&cn__op_reshape_like, NULL, grads_out[0], node->in[0]));
}

/* Rows stay rows where the first length is kept, or is the open one and the other lengths have the
 * same product. */
static cn__batch batch_reshape(const cn__node *node, const bool *batched)
{
    if (!batched[0]) {
        return CN__BATCH_NONE;
    }
    const cn_shape *in = cn__in_shape(node, 0), *out = &node->shape[0];
    if (in->rank == 0 || out->rank == 0) {
        return CN__BATCH_MIX;
    }
    if (node->attrs.i[1] == CN_NONE) {
        return CN__BATCH_ROW;
    }
    int64_t before = product_from(in, 1), after = product_from(out, 1);
    return cn__row_if(node->attrs.i[1] == -1 && before >= 0 && before == after);
}

const cn__op cn__op_reshape = {.name = "reshape",
                               .min_in = 1,
                               .max_in = 1,
                               .n_out = 1,
                               .flags = CN__OP_VIEW,
                               .infer = infer_reshape,
                               .gradient = gradient_reshape,
                               .batch = batch_reshape,
                               .reference = &cn__reference_reshape};

static int infer_reshape_like(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0), *out = cn__in_shape(node, 1);
    int64_t before = cn__shape_size(in), after = cn__shape_size(out);
    if (before >= 0 && after >= 0 && before != after) {
        return reshape_error(in, out);
    }
    return cn__infer_one(node, node->in[0]->dtype, out);
}

static cn__batch batch_reshape_like(const cn__node *node, const bool *batched)
{
    if (!batched[0] && !batched[1]) {
        return CN__BATCH_NONE;
    }
    int64_t before = product_from(cn__in_shape(node, 0), 1);
    int64_t after = product_from(cn__in_shape(node, 1), 1);
    return cn__row_if(batched[0] && batched[1] && (before == after || before < 0 || after < 0));
}

const cn__op cn__op_reshape_like = {.name = "reshape_like",
                                    .min_in = 2,
                                    .max_in = 2,
                                    .n_out = 1,
                                    .flags = CN__OP_VIEW,
                                    .shape_only = 2,
                                    .infer = infer_reshape_like,
                                    .gradient = gradient_reshape,
                                    .batch = batch_reshape_like,
                                    .reference = &cn__reference_reshape_like};

/* transpose: attrs.i[0] = rank, attrs.i[1 …] = axes, each once, counted from the front. */
static int infer_transpose(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    if (node->attrs.i[0] != in->rank) {
        return cn__fail(CN_EVALUE, "axes don't match array: a tensor of rank %d, %d axes", in->rank,
                        (int)node->attrs.i[0]);
    }
    cn_shape out = {.rank = in->rank};
    for (int a = 0; a < in->rank; a++) {
        out.dim[a] = in->dim[node->attrs.i[1 + a]];
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_transpose(const cn__node *node, cn_tensor *const *out,
                              cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    int rank = (int)node->attrs.i[0];
    int64_t back[CN_MAX_RANK];
    for (int a = 0; a < rank; a++) {
        back[node->attrs.i[1 + a]] = a;
    }
    return cn__one_gradient(grads_in, cn_transpose_axes(grads_out[0], rank, back));
}

static cn__batch batch_transpose(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE : cn__row_if(node->attrs.i[1] == 0);
}

const cn__op cn__op_transpose = {.name = "transpose",
                                 .min_in = 1,
                                 .max_in = 1,
                                 .n_out = 1,
                                 .infer = infer_transpose,
                                 .gradient = gradient_transpose,
                                 .batch = batch_transpose,
                                 .reference = &cn__reference_transpose};

static int gradient_identity(const cn__node *node, cn_tensor *const *out,
                             cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)node;
    (void)out;
    grads_in[0] = grads_out[0];
    return 0;
}

const cn__op cn__op_identity = {.name = "identity",
                                .min_in = 1,
                                .max_in = 1,
                                .n_out = 1,
                                .flags = CN__OP_VIEW,
                                .infer = cn__infer_same,
                                .gradient = gradient_identity,
                                .batch = cn__batch_row,
                                .reference = &cn__reference_identity};

const cn__op cn__op_stop_gradient = {.name = "stop_gradient",
                                     .min_in = 1,
                                     .max_in = 1,
                                     .n_out = 1,
                                     .flags = CN__OP_VIEW | CN__OP_NO_GRADIENT,
                                     .infer = cn__infer_same,
                                     .batch = cn__batch_row,
                                     .reference = &cn__reference_stop_gradient};

cn_tensor *cn_identity(cn_tensor *x)
{
    return cn__apply1(&cn__op_identity, NULL, x);
}

cn_tensor *cn_stop_gradient(cn_tensor *x)
{
    return cn__apply1(&cn__op_stop_gradient, NULL, x);
}

/* What the user asked for stands behind the lengths, so that files can say it in Keras's words. */
static cn_tensor *reshape_as(cn_tensor *x, int rank, const int64_t *shape, int word, int64_t axis)
{
    cn__attrs attrs = {0};
    cn__attrs_shape(&attrs, 0, rank, shape);
    attrs.i[CN__RESHAPE_WORD] = word;
    attrs.i[CN__RESHAPE_AXIS] = axis;
    return cn__apply1(&cn__op_reshape, &attrs, x);
}

cn_tensor *cn_reshape_to(cn_tensor *x, int rank, const int64_t *shape)
{
    if (!cn__check_tensor(x, "reshape")) {
        return NULL;
    }
    if (rank < 0 || rank > CN_MAX_RANK) {
        cn__fail(CN_EVALUE, "reshape: expected at most %d lengths, got %d", CN_MAX_RANK, rank);
        return NULL;
    }
    return reshape_as(x, rank, shape, 0, 0);
}

cn_tensor *cn_transpose_axes(cn_tensor *x, int n, const int64_t *axes)
{
    if (!cn__check_tensor(x, "transpose")) {
        return NULL;
    }
    int rank = x->shape.rank;
    if (n != 0 && n != rank) {
        cn__fail(CN_EVALUE, "axes don't match array: a tensor of rank %d, %d axes", rank, n);
        return NULL;
    }
    cn__attrs attrs = {.i = {rank}};
    bool seen[CN_MAX_RANK] = {false};
    for (int a = 0; a < rank; a++) {
        int axis = n ? cn__axis(axes[a], rank, "transpose") : rank - 1 - a;
        if (axis < 0) {
            return NULL;
        }
        if (seen[axis]) {
            cn__fail(CN_EVALUE, "repeated axis in transpose");
            return NULL;
        }
        seen[axis] = true;
        attrs.i[1 + a] = axis;
    }
    return cn__apply1(&cn__op_transpose, &attrs, x);
}

cn_tensor *cn_expand_dims(cn_tensor *x, int axis)
{
    if (!cn__check_tensor(x, "expand_dims")) {
        return NULL;
    }
    int rank = x->shape.rank + 1, at = cn__axis(axis, rank, "expand_dims");
    if (at < 0) {
        return NULL;
    }
    if (rank > CN_MAX_RANK) {
        cn__fail(CN_EVALUE, "expand_dims: a tensor has at most %d axes", CN_MAX_RANK);
        return NULL;
    }
    /* Lengths before the new axis are kept by position, so that those that are not known yet stay
     * themselves. */
    int64_t shape[CN_MAX_RANK];
    for (int a = 0; a < rank; a++) {
        shape[a] = a < at ? CN_NONE : a == at ? 1 : x->shape.dim[a - 1];
    }
    return reshape_as(x, rank, shape, CN__RESHAPE_EXPAND_DIMS, at);
}

cn_tensor *cn_squeeze(cn_tensor *x, int64_t axis)
{
    if (!cn__check_tensor(x, "squeeze")) {
        return NULL;
    }
    const cn_shape *in = &x->shape;
    int at = -1, rank = 0;
    if (axis != CN_NONE) {
        at = cn__axis(axis, in->rank, "squeeze");
        if (at < 0) {
            return NULL;
        }
        if (in->dim[at] != 1) {
            cn__fail(CN_EVALUE,
                     "cannot select an axis to squeeze out which has size not equal to "
                     "one, size was %" PRId64 ", axis was %d",
                     in->dim[at], at);
            return NULL;
        }
    }
    int64_t shape[CN_MAX_RANK];
    for (int a = 0; a < in->rank; a++) {
        bool goes = axis == CN_NONE ? in->dim[a] == 1 : a == at;
        if (!goes) {
            shape[rank] = rank == a ? CN_NONE : in->dim[a];
            rank++;
        }
    }
    return reshape_as(x, rank, shape, CN__RESHAPE_SQUEEZE, axis == CN_NONE ? CN_NONE : at);
}
