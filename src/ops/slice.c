/* Ops that take pieces of a tensor or surround it: slice, pad, flip, roll. */
#include "graph/trace.h"
#include "kernels/reference/walk.h"
#include "ops/support.h"
#include "ops/tape.h"

/* slice: attrs.i[a], [8 + a], [16 + a] = start, stop, step of axis a, as Python reads them; a step
 * of 0 leaves the axis whole. CN_NONE is None. */
static int infer_slice(cn__node *node)
{
    cn_shape out = *cn__in_shape(node, 0);
    const int64_t *i = node->attrs.i;
    for (int a = 0; a < out.rank; a++) {
        if (i[16 + a] && out.dim[a] >= 0) {
            int64_t first;
            out.dim[a] = cn__slice_count(out.dim[a], i[a], i[8 + a], i[16 + a], &first);
        }
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_slice(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                          cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(
        grads_in, cn__apply2(&cn__op_slice_gradient, &node->attrs, grads_out[0], node->in[0]));
}

static cn__batch batch_slice(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE : cn__row_if(node->attrs.i[16] == 0);
}

const cn__op cn__op_slice = {.name = "slice",
                             .min_in = 1,
                             .max_in = 1,
                             .n_out = 1,
                             .infer = infer_slice,
                             .gradient = gradient_slice,
                             .batch = batch_slice,
                             .reference = &cn__reference_slice};

/* slice_gradient(g, ref): g at the places of ref that the slice takes, zeros elsewhere. */
static int infer_slice_gradient(cn__node *node)
{
    return cn__infer_one(node, node->in[0]->dtype, cn__in_shape(node, 1));
}

static int gradient_slice_gradient(const cn__node *node, cn_tensor *const *out,
                                   cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply1(&cn__op_slice, &node->attrs, grads_out[0]));
}

static cn__batch batch_slice_gradient(const cn__node *node, const bool *batched)
{
    if (!batched[0] && !batched[1]) {
        return CN__BATCH_NONE;
    }
    return cn__row_if(batched[0] && batched[1] && node->attrs.i[16] == 0);
}

const cn__op cn__op_slice_gradient = {.name = "slice_gradient",
                                      .min_in = 2,
                                      .max_in = 2,
                                      .n_out = 1,
                                      .shape_only = 2,
                                      .infer = infer_slice_gradient,
                                      .gradient = gradient_slice_gradient,
                                      .batch = batch_slice_gradient,
                                      .reference = &cn__reference_slice_gradient};

/* pad: attrs.i[a], [8 + a] = elements before and after on axis a; attrs.f[0] = their value. */
static int infer_pad(cn__node *node)
{
    cn_shape out = *cn__in_shape(node, 0);
    for (int a = 0; a < out.rank; a++) {
        int64_t before = node->attrs.i[a], after = node->attrs.i[8 + a];
        if (before < 0 || after < 0) {
            return cn__fail(CN_EVALUE, "index can't contain negative values");
        }
        if (out.dim[a] >= 0 && (!cn__add_size(out.dim[a], before, &out.dim[a]) ||
                                !cn__add_size(out.dim[a], after, &out.dim[a]))) {
            return cn__fail(CN_EVALUE, "pad: the sizes overflow");
        }
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_pad(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                        cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply1(&cn__op_pad_gradient, &node->attrs, grads_out[0]));
}

static cn__batch batch_pad(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE
                       : cn__row_if(node->attrs.i[0] == 0 && node->attrs.i[8] == 0);
}

const cn__op cn__op_pad = {.name = "pad",
                           .min_in = 1,
                           .max_in = 1,
                           .n_out = 1,
                           .infer = infer_pad,
                           .gradient = gradient_pad,
                           .batch = batch_pad,
                           .reference = &cn__reference_pad};

/* pad_gradient(g): what is inside the padding. */
static int infer_pad_gradient(cn__node *node)
{
    cn_shape out = *cn__in_shape(node, 0);
    for (int a = 0; a < out.rank; a++) {
        if (out.dim[a] >= 0) {
            out.dim[a] -= node->attrs.i[a] + node->attrs.i[8 + a];
            if (out.dim[a] < 0) {
                return cn__fail(CN_EVALUE, "pad_gradient: axis %d is shorter than its padding", a);
            }
        }
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

/* The map is linear whatever the pad's value was: its own gradient pads with zeros. */
static int gradient_pad_gradient(const cn__node *node, cn_tensor *const *out,
                                 cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    cn__attrs attrs = node->attrs;
    attrs.f[0] = 0;
    return cn__one_gradient(grads_in, cn__apply1(&cn__op_pad, &attrs, grads_out[0]));
}

const cn__op cn__op_pad_gradient = {.name = "pad_gradient",
                                    .min_in = 1,
                                    .max_in = 1,
                                    .n_out = 1,
                                    .infer = infer_pad_gradient,
                                    .gradient = gradient_pad_gradient,
                                    .batch = batch_pad,
                                    .reference = &cn__reference_pad_gradient};

/* flip: attrs.i[0] = axis. */
static int gradient_flip(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                         cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply1(&cn__op_flip, &node->attrs, grads_out[0]));
}

const cn__op cn__op_flip = {.name = "flip",
                            .min_in = 1,
                            .max_in = 1,
                            .n_out = 1,
                            .infer = cn__infer_same,
                            .gradient = gradient_flip,
                            .batch = cn__batch_of_axis,
                            .reference = &cn__reference_flip};

/* roll: attrs.i[0] = axis, attrs.i[1] = shift; what leaves at the end comes in at the start. */
static int gradient_roll(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                         cn_tensor **grads_in)
{
    (void)out;
    cn__attrs attrs = node->attrs;
    attrs.i[1] = -attrs.i[1];
    return cn__one_gradient(grads_in, cn__apply1(&cn__op_roll, &attrs, grads_out[0]));
}

const cn__op cn__op_roll = {.name = "roll",
                            .min_in = 1,
                            .max_in = 1,
                            .n_out = 1,
                            .infer = cn__infer_same,
                            .gradient = gradient_roll,
                            .batch = cn__batch_of_axis,
                            .reference = &cn__reference_roll};

cn_tensor *cn_slice(cn_tensor *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    if (!cn__check_tensor(x, "slice")) {
        return NULL;
    }
    int at = cn__axis(axis, x->shape.rank, "slice");
    if (at < 0) {
        return NULL;
    }
    if (step == 0) {
        cn__fail(CN_EVALUE, "slice step cannot be zero");
        return NULL;
    }
    cn__attrs attrs = {0};
    attrs.i[at] = start;
    attrs.i[8 + at] = stop;
    attrs.i[16 + at] = step;
    return cn__apply1(&cn__op_slice, &attrs, x);
}

/* Rows of an eager tensor share its memory; a tape sees the slice that it is. */
static cn_tensor *rows_view(cn_tensor *x, const cn__attrs *attrs)
{
    cn__node *node = cn__node_new(&cn__op_slice, attrs, 1, &x);
    if (!node) {
        return NULL;
    }
    cn_shape shape = x->shape;
    int64_t first, rows = x->shape.dim[0];
    size_t row = rows ? cn__bytes(x) / (size_t)rows : 0;
    shape.dim[0] = cn__slice_count(rows, attrs->i[0], attrs->i[8], 1, &first);
    cn__infer_one(node, x->dtype, &shape);
    cn_tensor *view = cn__tensor_view(x, &shape, (size_t)first * row);
    if (view && cn__tape_records(node)) {
        view->node = cn__node_ref(node);
    }
    cn__node_unref(node);
    return view;
}

cn_tensor *cn_rows(cn_tensor *x, int64_t start, int64_t stop)
{
    if (!cn__check_tensor(x, "rows") || cn__axis(0, x->shape.rank, "rows") < 0) {
        return NULL;
    }
    /* A variable may change later, so its rows are copied. */
    if (!x->storage || x->variable || cn__trace_current()) {
        return cn_slice(x, 0, start, stop, 1);
    }
    cn__attrs attrs = {0};
    attrs.i[0] = start;
    attrs.i[8] = stop;
    attrs.i[16] = 1;
    return rows_view(x, &attrs);
}

cn_tensor *cn_split(cn_tensor *x, int parts, int axis, int index)
{
    if (!cn__check_tensor(x, "split")) {
        return NULL;
    }
    int at = cn__axis(axis, x->shape.rank, "split");
    if (at < 0) {
        return NULL;
    }
    int64_t n = x->shape.dim[at];
    if (parts < 1 || n < 0 || n % parts) {
        cn__fail(CN_EVALUE,
                 "array split does not result in an equal division: %" PRId64
                 " elements along axis %d into %d parts",
                 n, at, parts);
        return NULL;
    }
    if (index < 0 || index >= parts) {
        cn__fail(CN_EINDEX, "split: part %d of %d does not exist", index, parts);
        return NULL;
    }
    return cn_slice(x, at, n / parts * index, n / parts * (index + 1), 1);
}

cn_tensor *cn_pad(cn_tensor *x, const int64_t *before, const int64_t *after, double value)
{
    if (!cn__check_tensor(x, "pad")) {
        return NULL;
    }
    cn__attrs attrs = {.f = {value}};
    for (int a = 0; a < x->shape.rank; a++) {
        attrs.i[a] = before[a];
        attrs.i[8 + a] = after[a];
    }
    return cn__apply1(&cn__op_pad, &attrs, x);
}

cn_tensor *cn_flip(cn_tensor *x, int axis)
{
    int at = cn__check_tensor(x, "flip") ? cn__axis(axis, x->shape.rank, "flip") : -1;
    return at < 0 ? NULL : cn__apply1(&cn__op_flip, &(cn__attrs){.i = {at}}, x);
}

cn_tensor *cn_roll(cn_tensor *x, int64_t shift, int axis)
{
    int at = cn__check_tensor(x, "roll") ? cn__axis(axis, x->shape.rank, "roll") : -1;
    return at < 0 ? NULL : cn__apply1(&cn__op_roll, &(cn__attrs){.i = {at, shift}}, x);
}
