/* Ops that stretch a tensor to another's shape, and sum it back. */
#include "ops/support.h"

/* broadcast_to: attrs.i[0] = rank, attrs.i[1 …] = lengths; -1 keeps the input's length of that
 * axis. */
static int infer_broadcast_to(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    cn_shape out = {.rank = (int)node->attrs.i[0]};
    int missing = out.rank - in->rank;
    bool fits = missing >= 0;
    for (int a = 0; a < out.rank; a++) {
        int64_t want = node->attrs.i[1 + a], have = a >= missing && fits ? in->dim[a - missing] : 1;
        out.dim[a] = want == -1 ? have : want;
        fits = fits && (have == want || have == 1 || have == -1 || want == -1);
    }
    if (!fits) {
        char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE,
                        "operands could not be broadcast together with remapped shapes "
                        "[original->remapped]: %s and requested shape %s",
                        cn__shape_text(in, a, sizeof a), cn__shape_text(&out, b, sizeof b));
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_broadcast(const cn__node *node, cn_tensor *const *out,
                              cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in,
                            cn__apply2(&cn__op_sum_like, NULL, grads_out[0], node->in[0]));
}

static cn__batch batch_broadcast_to(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE
                       : cn__row_if(node->attrs.i[0] == cn__in_shape(node, 0)->rank &&
                                    node->attrs.i[1] == -1);
}

const cn__op cn__op_broadcast_to = {.name = "broadcast_to",
                                    .min_in = 1,
                                    .max_in = 1,
                                    .n_out = 1,
                                    .infer = infer_broadcast_to,
                                    .gradient = gradient_broadcast,
                                    .batch = batch_broadcast_to,
                                    .reference = &cn__reference_broadcast_to};

cn_tensor *cn_broadcast_to(cn_tensor *x, int rank, const int64_t *shape)
{
    if (!cn__check_tensor(x, "broadcast_to")) {
        return NULL;
    }
    if (rank < 0 || rank > CN_MAX_RANK) {
        cn__fail(CN_EVALUE, "broadcast_to: expected at most %d lengths, got %d", CN_MAX_RANK, rank);
        return NULL;
    }
    cn__attrs attrs = {0};
    cn__attrs_shape(&attrs, 0, rank, shape);
    return cn__apply1(&cn__op_broadcast_to, &attrs, x);
}

/* broadcast_like(x, ref): x is what a reduction of ref with these attributes gives (attrs.i[0] =
 * keepdims, i[1] = n or CN_NONE, i[2 …] = axes); the output has ref's shape. n = 0 is plain numpy
 * broadcasting of x to ref. */
static int infer_broadcast_like(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0), *ref = cn__in_shape(node, 1);
    int dropped = 0;
    for (int a = 0; a < ref->rank; a++) {
        dropped += !node->attrs.i[0] && cn__reduces(&node->attrs, ref->rank, a);
    }
    if (in->rank > ref->rank || (node->attrs.i[1] > 0 && in->rank + dropped != ref->rank)) {
        char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE, "broadcast_like: %s is no reduction of %s",
                        cn__shape_text(in, a, sizeof a), cn__shape_text(ref, b, sizeof b));
    }
    return cn__infer_one(node, node->in[0]->dtype, ref);
}

/* The gradient sums what the op had spread; without axes it is the sum to x's shape. */
static int gradient_broadcast_like(const cn__node *node, cn_tensor *const *out,
                                   cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    const cn__attrs *attrs = &node->attrs;
    if (attrs->i[1] <= 0) {
        return gradient_broadcast(node, out, grads_out, grads_in);
    }
    return cn__one_gradient(
        grads_in, cn_sum_axes(grads_out[0], (int)attrs->i[1], attrs->i + 2, attrs->i[0] != 0));
}

static cn__batch batch_broadcast_like(const cn__node *node, const bool *batched)
{
    if (!batched[0] && !batched[1]) {
        return CN__BATCH_NONE;
    }
    const cn_shape *in = cn__in_shape(node, 0), *ref = cn__in_shape(node, 1);
    bool reduced = cn__reduces(&node->attrs, ref->rank, 0);
    if (!batched[0]) {
        /* Every row of ref gets the same: what was reduced over rows, or has none of its own. */
        return cn__row_if(reduced || in->rank < ref->rank || in->dim[0] == 1);
    }
    return cn__row_if(batched[1] && !reduced && (node->attrs.i[1] > 0 || in->rank == ref->rank));
}

const cn__op cn__op_broadcast_like = {.name = "broadcast_like",
                                      .min_in = 2,
                                      .max_in = 2,
                                      .n_out = 1,
                                      .shape_only = 2,
                                      .infer = infer_broadcast_like,
                                      .gradient = gradient_broadcast_like,
                                      .batch = batch_broadcast_like,
                                      .reference = &cn__reference_broadcast_like};

/* sum_like(x, ref): x summed over the axes along which numpy would stretch ref to x's shape. */
static int infer_sum_like(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0), *ref = cn__in_shape(node, 1);
    int missing = in->rank - ref->rank;
    bool fits = missing >= 0;
    for (int a = 0; fits && a < ref->rank; a++) {
        int64_t n = in->dim[a + missing], want = ref->dim[a];
        fits = want == n || want == 1 || want == -1 || n == -1;
    }
    if (!fits) {
        char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE, "sum_like: %s does not broadcast to %s",
                        cn__shape_text(ref, a, sizeof a), cn__shape_text(in, b, sizeof b));
    }
    return cn__infer_one(node, node->in[0]->dtype, ref);
}

static int gradient_sum_like(const cn__node *node, cn_tensor *const *out,
                             cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in,
                            cn__apply2(&cn__op_broadcast_like, NULL, grads_out[0], node->in[0]));
}

static cn__batch batch_sum_like(const cn__node *node, const bool *batched)
{
    const cn_shape *in = cn__in_shape(node, 0), *ref = cn__in_shape(node, 1);
    if (!batched[0]) {
        return batched[1] ? CN__BATCH_MIX : CN__BATCH_NONE;
    }
    if (batched[1]) {
        return cn__row_if(in->rank == ref->rank);
    }
    bool summed = ref->rank < in->rank || ref->dim[0] == 1;
    return summed ? CN__BATCH_REDUCE : CN__BATCH_MIX;
}

const cn__op cn__op_sum_like = {.name = "sum_like",
                                .min_in = 2,
                                .max_in = 2,
                                .n_out = 1,
                                .shape_only = 2,
                                .infer = infer_sum_like,
                                .gradient = gradient_sum_like,
                                .batch = batch_sum_like,
                                .reference = &cn__reference_sum_like};

/* count_like(ref): how many elements a reduction with these attributes (as above) sums into one; a
 * float scalar. */
static int infer_count_like(cn__node *node)
{
    int rank = cn__in_shape(node, 0)->rank;
    for (int64_t k = 0; k < node->attrs.i[1]; k++) {
        if (cn__axis(node->attrs.i[2 + k], rank, "count_like") < 0) {
            return CN_EINDEX;
        }
    }
    return cn__infer_one(node, cn__float_dtype(node->in[0]->dtype), &(cn_shape){0});
}

/* Counts of rows add up; a count along other axes is the same whatever the rows. */
static cn__batch batch_count_like(const cn__node *node, const bool *batched)
{
    bool rows = cn__reduces(&node->attrs, cn__in_shape(node, 0)->rank, 0);
    return batched[0] && rows ? CN__BATCH_REDUCE : CN__BATCH_NONE;
}

const cn__op cn__op_count_like = {.name = "count_like",
                                  .min_in = 1,
                                  .max_in = 1,
                                  .n_out = 1,
                                  .flags = CN__OP_NO_GRADIENT,
                                  .shape_only = 1,
                                  .infer = infer_count_like,
                                  .batch = batch_count_like,
                                  .reference = &cn__reference_count_like};

cn_tensor *cn_length(cn_tensor *x, int axis)
{
    if (!cn__check_tensor(x, "cn_length")) {
        return NULL;
    }
    int at = cn__axis(axis, x->shape.rank, "cn_length");
    if (at < 0) {
        return NULL;
    }
    cn_tensor *n = cn__apply1(&cn__op_count_like, &(cn__attrs){.i = {0, 1, at}}, x);
    return n && n->dtype != CN_FLOAT32 ? cn_cast(n, CN_FLOAT32) : n;
}
