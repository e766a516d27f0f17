/* Ops that make tensors of constants, and triangles and diagonals of matrices. */
#include "ops/support.h"

#include <math.h>

static cn__batch batch_none(const cn__node *node, const bool *batched)
{
    (void)node;
    (void)batched;
    return CN__BATCH_NONE;
}

static int check_size(const cn_shape *shape)
{
    int64_t size = cn__shape_size(shape);
    if (size >= 0) {
        return 0;
    }
    return size < -1 ? (int)size : cn__fail(CN_EVALUE, "the lengths of a new tensor must be known");
}

/* full: attrs.i[0] = rank, i[1 …] = lengths, i[9] = dtype, f[0] = value. */
static int infer_full(cn__node *node)
{
    cn_shape out = cn_shape_make((int)node->attrs.i[0], node->attrs.i + 1);
    int code = check_size(&out);
    return code < 0 ? code : cn__infer_one(node, (cn_dtype)node->attrs.i[9], &out);
}

const cn__op cn__op_full = {.name = "full",
                            .n_out = 1,
                            .flags = CN__OP_NO_GRADIENT,
                            .infer = infer_full,
                            .batch = batch_none,
                            .reference = &cn__reference_full};

/* full_like(ref): attrs.f[0] = value, attrs.i[0] = dtype (0: ref's). */
static int infer_full_like(cn__node *node)
{
    cn_dtype dtype = node->attrs.i[0] ? (cn_dtype)node->attrs.i[0] : node->in[0]->dtype;
    return cn__infer_one(node, dtype, cn__in_shape(node, 0));
}

const cn__op cn__op_full_like = {.name = "full_like",
                                 .min_in = 1,
                                 .max_in = 1,
                                 .n_out = 1,
                                 .flags = CN__OP_NO_GRADIENT,
                                 .shape_only = 1,
                                 .infer = infer_full_like,
                                 .batch = cn__batch_row,
                                 .reference = &cn__reference_full_like};

/* eye: attrs.i[0 … 3] = rows, columns, k (the diagonal), dtype. */
static int infer_eye(cn__node *node)
{
    cn_shape out = cn_shape_make(2, node->attrs.i);
    int code = check_size(&out);
    return code < 0 ? code : cn__infer_one(node, (cn_dtype)node->attrs.i[3], &out);
}

const cn__op cn__op_eye = {.name = "eye",
                           .n_out = 1,
                           .flags = CN__OP_NO_GRADIENT,
                           .infer = infer_eye,
                           .batch = batch_none,
                           .reference = &cn__reference_eye};

/* arange: attrs.i[0] = count, attrs.i[1] = dtype, attrs.f[0], f[1] = start and step. */
static int infer_arange(cn__node *node)
{
    cn_shape out = cn_shape_make(1, node->attrs.i);
    int code = check_size(&out);
    return code < 0 ? code : cn__infer_one(node, (cn_dtype)node->attrs.i[1], &out);
}

const cn__op cn__op_arange = {.name = "arange",
                              .n_out = 1,
                              .flags = CN__OP_NO_GRADIENT,
                              .infer = infer_arange,
                              .batch = batch_none,
                              .reference = &cn__reference_arange};

/* tril, triu: attrs.i[0] = k; the last two axes are the matrix. */
static int infer_triangle(cn__node *node)
{
    if (cn__in_shape(node, 0)->rank < 2) {
        return cn__fail(CN_EVALUE, "%s: expected at least 2 axes, got %d", node->op->name,
                        cn__in_shape(node, 0)->rank);
    }
    return cn__infer_same(node);
}

static int gradient_triangle(const cn__node *node, cn_tensor *const *out,
                             cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply1(node->op, &node->attrs, grads_out[0]));
}

static cn__batch batch_triangle(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE : cn__row_if(cn__in_shape(node, 0)->rank > 2);
}

const cn__op cn__op_tril = {.name = "tril",
                            .min_in = 1,
                            .max_in = 1,
                            .n_out = 1,
                            .infer = infer_triangle,
                            .gradient = gradient_triangle,
                            .batch = batch_triangle,
                            .reference = &cn__reference_tril};

const cn__op cn__op_triu = {.name = "triu",
                            .min_in = 1,
                            .max_in = 1,
                            .n_out = 1,
                            .infer = infer_triangle,
                            .gradient = gradient_triangle,
                            .batch = batch_triangle,
                            .reference = &cn__reference_triu};

/* diag: attrs.i[0] = k; a vector becomes the k-th diagonal of a matrix, a matrix gives its k-th
 * diagonal. */
static int infer_diag(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    int64_t k = node->attrs.i[0], shift = k < 0 ? -k : k, n = in->dim[0];
    cn_shape out = {0};
    if (in->rank == 1) {
        out = cn_shape_of(n < 0 ? -1 : n + shift, n < 0 ? -1 : n + shift);
    } else if (in->rank == 2) {
        int64_t rows = k < 0 ? n + k : n, columns = k > 0 ? in->dim[1] - k : in->dim[1];
        int64_t length = rows < columns ? rows : columns;
        bool known = n >= 0 && in->dim[1] >= 0;
        out = cn_shape_of(!known ? -1 : length > 0 ? length : 0);
    } else {
        return cn__fail(CN_EVALUE, "Input must be 1- or 2-d.");
    }
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

/* The diagonal goes back to its place; what a matrix had beside it gets zeros. */
static int gradient_diag(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                         cn_tensor **grads_in)
{
    (void)out;
    const cn_shape *in = cn__in_shape(node, 0);
    cn_tensor *g = cn__apply1(&cn__op_diag, &node->attrs, grads_out[0]);
    if (g && in->rank == 2) {
        int64_t zero[2] = {0, 0}, after[2];
        for (int a = 0; a < 2; a++) {
            after[a] = in->dim[a] - g->shape.dim[a];
            if (in->dim[a] < 0) {
                return cn__fail(CN_EUNSUPPORTED, "diag: the gradient of a matrix whose shape is "
                                                 "not known is not supported");
            }
        }
        /* Where the diagonal is cut short the square around it may reach past the matrix. */
        for (int a = 0; a < 2 && g; a++) {
            g = after[a] < 0 ? cn_slice(g, a, 0, in->dim[a], 1) : g;
            after[a] = after[a] < 0 ? 0 : after[a];
        }
        g = g ? cn_pad(g, zero, after, 0) : NULL;
    }
    return cn__one_gradient(grads_in, g);
}

const cn__op cn__op_diag = {.name = "diag",
                            .min_in = 1,
                            .max_in = 1,
                            .n_out = 1,
                            .infer = infer_diag,
                            .gradient = gradient_diag,
                            .reference = &cn__reference_diag};

static bool known_dtype(cn_dtype dtype, const char *who)
{
    if (!cn_dtype_size(dtype)) {
        cn__fail(CN_EVALUE, "%s: there is no dtype number %d", who, (int)dtype);
        return false;
    }
    return true;
}

cn_tensor *cn_full(int rank, const int64_t *shape, double value, cn_dtype dtype)
{
    if (cn__pending() || !known_dtype(dtype, "full")) {
        return NULL;
    }
    if (rank < 0 || rank > CN_MAX_RANK) {
        cn__fail(CN_EVALUE, "full: expected at most %d lengths, got %d", CN_MAX_RANK, rank);
        return NULL;
    }
    for (int a = 0; a < rank; a++) {
        if (shape[a] < 0) {
            cn__fail(CN_EVALUE, "negative dimensions are not allowed");
            return NULL;
        }
    }
    cn__attrs attrs = {.f = {value}};
    cn__attrs_shape(&attrs, 0, rank, shape);
    attrs.i[9] = dtype;
    return cn__apply0(&cn__op_full, &attrs);
}

cn_tensor *cn_zeros_like(cn_tensor *x)
{
    return cn__apply1(&cn__op_full_like, NULL, x);
}

cn_tensor *cn_ones_like(cn_tensor *x)
{
    return cn__apply1(&cn__op_full_like, &(cn__attrs){.f = {1}}, x);
}

cn_tensor *cn_eye(int64_t rows, int64_t columns, int k, cn_dtype dtype)
{
    if (cn__pending() || !known_dtype(dtype, "eye")) {
        return NULL;
    }
    if (rows < 0 || columns < 0) {
        cn__fail(CN_EVALUE, "negative dimensions are not allowed");
        return NULL;
    }
    return cn__apply0(&cn__op_eye, &(cn__attrs){.i = {rows, columns, k, dtype}});
}

cn_tensor *cn_arange(double start, double stop, double step, cn_dtype dtype)
{
    if (cn__pending() || !known_dtype(dtype, "arange")) {
        return NULL;
    }
    double count = ceil((stop - start) / step);
    if (!(fabs(count) < 9e15)) {
        cn__fail(CN_EVALUE, "arange: cannot compute length: start %g, stop %g, step %g", start,
                 stop, step);
        return NULL;
    }
    cn__attrs attrs = {.i = {count > 0 ? (int64_t)count : 0, dtype}, .f = {start, step}};
    return cn__apply0(&cn__op_arange, &attrs);
}

static cn_tensor *triangle(const cn__op *op, cn_tensor *x, int k)
{
    return cn__apply1(op, &(cn__attrs){.i = {k}}, x);
}

cn_tensor *cn_tril(cn_tensor *x, int k)
{
    return triangle(&cn__op_tril, x, k);
}

cn_tensor *cn_triu(cn_tensor *x, int k)
{
    return triangle(&cn__op_triu, x, k);
}

cn_tensor *cn_diag(cn_tensor *x, int k)
{
    return triangle(&cn__op_diag, x, k);
}
