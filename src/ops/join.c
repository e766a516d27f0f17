/* Ops that make larger tensors of smaller ones: concatenate, stack, tile, repeat. */
#include "ops/support.h"

static int join_error(const cn__node *node, int i, int axis)
{
    return cn__fail(CN_EVALUE,
                    "all the input array dimensions except for the concatenation axis must match "
                    "exactly, but along dimension %d, the array at index 0 has size %" PRId64
                    " and the array at index %d has size %" PRId64,
                    axis, cn__in_shape(node, 0)->dim[axis], i, cn__in_shape(node, i)->dim[axis]);
}

/* concatenate: attrs.i[0] = axis, counted from the front. */
static int infer_concatenate(cn__node *node)
{
    int axis = (int)node->attrs.i[0];
    cn_shape out = *cn__in_shape(node, 0);
    for (int i = 1; i < node->n_in; i++) {
        const cn_shape *in = cn__in_shape(node, i);
        if (in->rank != out.rank) {
            return cn__fail(CN_EVALUE,
                            "all the input arrays must have same number of dimensions, but the "
                            "array at index 0 has %d dimension(s) and the array at index %d has %d "
                            "dimension(s)",
                            out.rank, i, in->rank);
        }
        if (node->in[i]->dtype != node->in[0]->dtype) {
            return cn__fail(CN_ETYPE, "concatenate: expected one dtype, got %s and %s",
                            cn_dtype_name(node->in[0]->dtype), cn_dtype_name(node->in[i]->dtype));
        }
        for (int a = 0; a < out.rank; a++) {
            if (a != axis) {
                out.dim[a] = cn__agree(out.dim[a], in->dim[a]);
                if (out.dim[a] == -2) {
                    return join_error(node, i, a);
                }
            } else if (out.dim[a] < 0 || in->dim[a] < 0) {
                out.dim[a] = -1;
            } else if (!cn__add_size(out.dim[a], in->dim[a], &out.dim[a])) {
                return cn__fail(CN_EVALUE, "concatenate: the sizes overflow");
            }
        }
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

/* The length that inputs [from, to) take along the axis, -1 if one of them is not known. */
static int64_t lengths(const cn__node *node, int from, int to, int axis)
{
    int64_t sum = 0;
    for (int i = from; i < to; i++) {
        int64_t n = cn__in_shape(node, i)->dim[axis];
        if (n < 0) {
            return -1;
        }
        sum += n;
    }
    return sum;
}

/* Each part gets its piece of the gradient, counted from the end where a length before it is not
 * known. */
static int gradient_concatenate(const cn__node *node, cn_tensor *const *out,
                                cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    int axis = (int)node->attrs.i[0], n = node->n_in;
    for (int i = 0; i < n; i++) {
        int64_t before = lengths(node, 0, i, axis), through = lengths(node, 0, i + 1, axis);
        int64_t from = lengths(node, i, n, axis), after = lengths(node, i + 1, n, axis);
        if ((before < 0 && from < 0) || (through < 0 && after < 0)) {
            return cn__fail(CN_EUNSUPPORTED, "concatenate: only one length along the axis of a "
                                             "concatenation may be unknown in a gradient");
        }
        int64_t start = before >= 0 ? before : -from;
        int64_t stop = through >= 0 ? through : after ? -after : CN_END;
        grads_in[i] = cn_slice(grads_out[0], axis, start, stop, 1);
        if (!grads_in[i]) {
            return cn_error_code();
        }
    }
    return 0;
}

/* Rows are joined with rows; along the batch itself they are mixed. */
static cn__batch batch_joined(const cn__node *node, const bool *batched)
{
    int count = 0;
    for (int i = 0; i < node->n_in; i++) {
        count += batched[i];
    }
    return !count ? CN__BATCH_NONE : cn__row_if(count == node->n_in && node->attrs.i[0] != 0);
}

const cn__op cn__op_concatenate = {.name = "concatenate",
                                   .min_in = 1,
                                   .max_in = CN__MAX_INPUTS,
                                   .n_out = 1,
                                   .infer = infer_concatenate,
                                   .gradient = gradient_concatenate,
                                   .batch = batch_joined,
                                   .reference = &cn__reference_concatenate};

/* stack: attrs.i[0] = the new axis. */
static int infer_stack(cn__node *node)
{
    int axis = (int)node->attrs.i[0];
    cn_shape in = *cn__in_shape(node, 0);
    for (int i = 1; i < node->n_in; i++) {
        const cn_shape *other = cn__in_shape(node, i);
        for (int a = 0; a < in.rank && other->rank == in.rank; a++) {
            in.dim[a] = cn__agree(in.dim[a], other->dim[a]);
        }
        if (other->rank != in.rank || node->in[i]->dtype != node->in[0]->dtype) {
            in.rank = -1;
        }
        for (int a = 0; a < in.rank; a++) {
            in.rank = in.dim[a] == -2 ? -1 : in.rank;
        }
        if (in.rank < 0) {
            return cn__fail(CN_EVALUE, "all input arrays must have the same shape");
        }
    }
    if (in.rank == CN_MAX_RANK) {
        return cn__fail(CN_EVALUE, "stack: a tensor has at most %d axes", CN_MAX_RANK);
    }
    cn_shape out = {.rank = in.rank + 1};
    for (int a = 0; a < out.rank; a++) {
        out.dim[a] = a == axis ? node->n_in : in.dim[a < axis ? a : a - 1];
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_stack(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                          cn_tensor **grads_in)
{
    (void)out;
    int axis = (int)node->attrs.i[0];
    for (int i = 0; i < node->n_in; i++) {
        cn_tensor *piece = cn_slice(grads_out[0], axis, i, i + 1, 1);
        grads_in[i] = piece ? cn__apply2(&cn__op_reshape_like, NULL, piece, node->in[i]) : NULL;
        if (!grads_in[i]) {
            return cn_error_code();
        }
    }
    return 0;
}

const cn__op cn__op_stack = {.name = "stack",
                             .min_in = 1,
                             .max_in = CN__MAX_INPUTS,
                             .n_out = 1,
                             .infer = infer_stack,
                             .gradient = gradient_stack,
                             .batch = batch_joined,
                             .reference = &cn__reference_stack};

/* The sum over the copies that an op put on `axis`: the axis is copies x rest (or rest x copies if
 * `inside`). */
static cn_tensor *sum_copies(cn_tensor *g, int axis, int64_t copies, bool inside)
{
    int rank = g->shape.rank;
    if (rank == CN_MAX_RANK) {
        cn__fail(CN_EUNSUPPORTED,
                 "tile, repeat: the gradient of a tensor of rank %d is not "
                 "supported",
                 CN_MAX_RANK);
        return NULL;
    }
    int64_t shape[CN_MAX_RANK], n = g->shape.dim[axis];
    for (int a = 0; a < rank; a++) {
        shape[a < axis ? a : a + 1] = a < axis ? CN_NONE : g->shape.dim[a];
    }
    int64_t rest = n < 0 ? -1 : copies ? n / copies : 0;
    shape[axis] = inside ? rest : copies;
    shape[axis + 1] = inside ? copies : rest;
    g = cn_reshape_to(g, rank + 1, shape);
    return g ? cn_sum_axes(g, 1, (const int64_t[]){inside ? axis + 1 : axis}, false) : NULL;
}

/* tile: attrs.i[0] = n, attrs.i[1 …] = repeats of the last n axes (n may exceed the input's rank).
 */
static int infer_tile(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    int n = (int)node->attrs.i[0];
    cn_shape out = {.rank = n > in->rank ? n : in->rank};
    for (int a = 0; a < out.rank; a++) {
        int k = a - (out.rank - n), from = a - (out.rank - in->rank);
        int64_t repeats = k < 0 ? 1 : node->attrs.i[1 + k];
        out.dim[a] = from < 0 ? 1 : in->dim[from];
        if (repeats < 0) {
            return cn__fail(CN_EVALUE, "repeats may not contain negative values.");
        }
        if (out.dim[a] >= 0 && !cn__mul_size(out.dim[a], repeats, &out.dim[a])) {
            return cn__fail(CN_EVALUE, "tile: the sizes overflow");
        }
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_tile(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                         cn_tensor **grads_in)
{
    (void)out;
    int n = (int)node->attrs.i[0];
    cn_tensor *g = grads_out[0];
    for (int a = g->shape.rank - 1; g && a >= 0; a--) {
        int k = a - (g->shape.rank - n);
        if (k >= 0 && node->attrs.i[1 + k] != 1) {
            g = sum_copies(g, a, node->attrs.i[1 + k], false);
        }
    }
    return cn__one_gradient(grads_in,
                            g ? cn__apply2(&cn__op_reshape_like, NULL, g, node->in[0]) : NULL);
}

static cn__batch batch_tile(const cn__node *node, const bool *batched)
{
    int rank = cn__in_shape(node, 0)->rank;
    return !batched[0] ? CN__BATCH_NONE
                       : cn__row_if(node->attrs.i[0] < rank ||
                                    (node->attrs.i[0] == rank && node->attrs.i[1] == 1));
}

const cn__op cn__op_tile = {.name = "tile",
                            .min_in = 1,
                            .max_in = 1,
                            .n_out = 1,
                            .infer = infer_tile,
                            .gradient = gradient_tile,
                            .batch = batch_tile,
                            .reference = &cn__reference_tile};

/* repeat: attrs.i[0] = axis, attrs.i[1] = repeats of each of its elements. */
static int infer_repeat(cn__node *node)
{
    cn_shape out = *cn__in_shape(node, 0);
    int64_t *n = &out.dim[node->attrs.i[0]];
    if (node->attrs.i[1] < 0) {
        return cn__fail(CN_EVALUE, "repeats may not contain negative values.");
    }
    if (*n >= 0 && !cn__mul_size(*n, node->attrs.i[1], n)) {
        return cn__fail(CN_EVALUE, "repeat: the sizes overflow");
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static int gradient_repeat(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                           cn_tensor **grads_in)
{
    (void)out;
    cn_tensor *g = sum_copies(grads_out[0], (int)node->attrs.i[0], node->attrs.i[1], true);
    return cn__one_gradient(grads_in,
                            g ? cn__apply2(&cn__op_reshape_like, NULL, g, node->in[0]) : NULL);
}

const cn__op cn__op_repeat = {.name = "repeat",
                              .min_in = 1,
                              .max_in = 1,
                              .n_out = 1,
                              .infer = infer_repeat,
                              .gradient = gradient_repeat,
                              .batch = cn__batch_of_axis,
                              .reference = &cn__reference_repeat};

/* Brings parts to their common dtype; `casted` has room for n. */
static bool promote_parts(int n, cn_tensor *const *parts, cn_tensor **casted, const char *who)
{
    if (n < 1) {
        cn__fail(CN_EVALUE, "need at least one array to %s", who);
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (!cn__check_tensor(parts[i], who)) {
            return false;
        }
    }
    cn_dtype dtype = parts[0]->dtype;
    cn__weak weak = parts[0]->weak;
    for (int i = 1; i < n; i++) {
        dtype = cn__promote_dtypes(dtype, weak, parts[i]->dtype, parts[i]->weak);
        weak = CN__STRONG;
    }
    for (int i = 0; i < n; i++) {
        casted[i] = parts[i]->dtype == dtype ? parts[i] : cn_cast(parts[i], dtype);
        if (!casted[i]) {
            return false;
        }
    }
    return true;
}

/* Joins any number of parts: more than a node holds are joined in groups first. */
static cn_tensor *join(int n, cn_tensor **parts, int axis)
{
    cn__attrs attrs = {.i = {axis}};
    while (n > CN__MAX_INPUTS) {
        int groups = 0;
        for (int i = 0; i < n; i += CN__MAX_INPUTS) {
            int count = n - i < CN__MAX_INPUTS ? n - i : CN__MAX_INPUTS;
            parts[groups] = cn__apply(&cn__op_concatenate, &attrs, count, parts + i, NULL);
            if (!parts[groups++]) {
                return NULL;
            }
        }
        n = groups;
    }
    return cn__apply(&cn__op_concatenate, &attrs, n, parts, NULL);
}

cn_tensor *cn_concatenate_of(int n, cn_tensor *const *parts, int axis)
{
    if (cn__pending()) {
        return NULL;
    }
    cn_tensor **casted = cn__calloc((size_t)(n > 0 ? n : 1), sizeof *casted), *result = NULL;
    if (casted && promote_parts(n, parts, casted, "concatenate")) {
        int at = cn__axis(axis, casted[0]->shape.rank, "concatenate");
        result = at < 0 ? NULL : join(n, casted, at);
    }
    cn__free_mem(casted);
    return result;
}

/* More parts than a node holds get their new axis first and are concatenated along it. */
cn_tensor *cn_stack_of(int n, cn_tensor *const *parts, int axis)
{
    if (cn__pending()) {
        return NULL;
    }
    cn_tensor **casted = cn__calloc((size_t)(n > 0 ? n : 1), sizeof *casted), *result = NULL;
    if (casted && promote_parts(n, parts, casted, "stack")) {
        int at = cn__axis(axis, casted[0]->shape.rank + 1, "stack");
        if (at >= 0 && n <= CN__MAX_INPUTS) {
            result = cn__apply(&cn__op_stack, &(cn__attrs){.i = {at}}, n, casted, NULL);
        } else if (at >= 0) {
            bool made = true;
            for (int i = 0; i < n && made; i++) {
                casted[i] = cn_expand_dims(casted[i], at);
                made = casted[i];
            }
            result = made ? join(n, casted, at) : NULL;
        }
    }
    cn__free_mem(casted);
    return result;
}

cn_tensor *cn_tile(cn_tensor *x, int rank, const int64_t *repeats)
{
    if (!cn__check_tensor(x, "tile")) {
        return NULL;
    }
    if (rank < 0 || rank > CN_MAX_RANK) {
        cn__fail(CN_EVALUE, "tile: expected at most %d repeats, got %d", CN_MAX_RANK, rank);
        return NULL;
    }
    cn__attrs attrs = {0};
    cn__attrs_shape(&attrs, 0, rank, repeats);
    return cn__apply1(&cn__op_tile, &attrs, x);
}

cn_tensor *cn_repeat(cn_tensor *x, int64_t repeats, int axis)
{
    if (!cn__check_tensor(x, "repeat")) {
        return NULL;
    }
    int at = cn__axis(axis, x->shape.rank, "repeat");
    return at < 0 ? NULL : cn__apply1(&cn__op_repeat, &(cn__attrs){.i = {at, repeats}}, x);
}
