/* The matrix product: record, gradient, public functions. */
#include "ops/support.h"

/* attrs.i[0] = transpose a, i[1] = transpose b, each in its last two axes. Both have rank >= 2;
 * leading axes broadcast. */
static int infer_matmul(cn__node *node)
{
    const cn_shape *a = cn__in_shape(node, 0), *b = cn__in_shape(node, 1);
    bool ta = node->attrs.i[0] != 0, tb = node->attrs.i[1] != 0;
    if (node->in[0]->dtype != node->in[1]->dtype)
        return cn__fail(CN_ETYPE, "matmul: the operands have different dtypes, %s and %s",
                        cn_dtype_name(node->in[0]->dtype), cn_dtype_name(node->in[1]->dtype));
    if (a->rank < 2 || b->rank < 2)
        return cn__fail(CN_EVALUE, "matmul: operands of rank %d and %d are no matrices", a->rank,
                        b->rank);
    if (cn__agree(a->dim[a->rank - (ta ? 2 : 1)], b->dim[b->rank - (tb ? 1 : 2)]) == -2) {
        char text_a[CN__SHAPE_TEXT], text_b[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE,
                        "Inner dimensions (`x1.shape[%d]` and `x2.shape[%d]`) must be equal, but "
                        "received `x1.shape=%s` and `x2.shape=%s`.",
                        ta ? -2 : -1, tb ? -1 : -2, cn__shape_text(a, text_a, sizeof text_a),
                        cn__shape_text(b, text_b, sizeof text_b));
    }
    cn_shape lead_a = *a, lead_b = *b, out;
    lead_a.rank -= 2;
    lead_b.rank -= 2;
    int code = cn__shape_broadcast(&lead_a, &lead_b, &out);
    if (code < 0)
        return code;
    out.dim[out.rank++] = a->dim[a->rank - (ta ? 1 : 2)];
    out.dim[out.rank++] = b->dim[b->rank - (tb ? 2 : 1)];
    return cn__infer_one(node, node->in[0]->dtype, &out);
}

static cn_tensor *product(cn_tensor *a, cn_tensor *b, bool transpose_a, bool transpose_b)
{
    cn__attrs attrs = {.i = {transpose_a, transpose_b}};
    return cn__apply2(&cn__op_matmul, &attrs, a, b);
}

/* Leading axes that were broadcast are summed away. */
static cn_tensor *fit(cn_tensor *grad, cn_tensor *x)
{
    if (!grad || (cn__shape_known(&x->shape) && cn__shape_equal(&grad->shape, &x->shape)))
        return grad;
    return cn__apply2(&cn__op_sum_like, NULL, grad, x);
}

/* x with its leading axes made one: (…, n) to (rows, n). */
static cn_tensor *rows_of(cn_tensor *x)
{
    return cn_reshape_to(x, 2, (int64_t[]){-1, x->shape.dim[x->shape.rank - 1]});
}

/* With C = op(A) op(B), op the transpose or nothing:  dop(A) = G op(B)^T  and  dop(B) = op(A)^T G.
 */
static int gradient_matmul(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                           cn_tensor **grads_in)
{
    cn_tensor *a = node->in[0], *b = node->in[1], *g = grads_out[0];
    bool ta = node->attrs.i[0] != 0, tb = node->attrs.i[1] != 0;
    int64_t k = a->shape.dim[a->shape.rank - 1], n = g ? g->shape.dim[g->shape.rank - 1] : 0;
    (void)out;
    grads_in[0] = fit(ta ? product(b, g, tb, true) : product(g, b, false, !tb), a);
    if (!ta && b->shape.rank == 2 && a->shape.rank > 2 && k >= 0 && n >= 0) {
        /* One matrix for all leading axes: one product over all rows instead of a sum of products.
         */
        cn_tensor *x = rows_of(a), *rows = rows_of(g);
        grads_in[1] = tb ? product(rows, x, true, false) : product(x, rows, true, false);
    } else {
        grads_in[1] = fit(tb ? product(g, a, true, ta) : product(a, g, !ta, false), b);
    }
    return grads_in[0] && grads_in[1] ? 0 : cn_error_code();
}

/* Whether axis 0 of an input is a leading axis that is also the output's axis 0, one row of it for
 * each. */
static bool leads(const cn_shape *x, const cn_shape *other, bool other_batched)
{
    if (x->rank < 3 || x->rank < other->rank)
        return false;
    return x->rank > other->rank ? !other_batched : other_batched || other->dim[0] == 1;
}

static cn__batch batch_matmul(const cn__node *node, const bool *batched)
{
    const cn_shape *a = cn__in_shape(node, 0), *b = cn__in_shape(node, 1);
    bool ta = node->attrs.i[0] != 0, tb = node->attrs.i[1] != 0;
    if (!batched[0] && !batched[1])
        return CN__BATCH_NONE;
    if (batched[0] && batched[1] && a->rank == 2 && b->rank == 2)
        return ta && !tb ? CN__BATCH_REDUCE : CN__BATCH_MIX;
    if (batched[0] && leads(a, b, batched[1]))
        return CN__BATCH_ROW;
    if (batched[1] && leads(b, a, batched[0]))
        return CN__BATCH_ROW;
    return cn__row_if(batched[0] && !batched[1] && !ta && a->rank == 2 && b->rank == 2);
}

const cn__op cn__op_matmul = {
    .name = "matmul",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = infer_matmul,
    .gradient = gradient_matmul,
    .batch = batch_matmul,
    .reference = &cn__reference_matmul,
};

/* As numpy's matmul: a vector on the left is one row, on the right one column, and its axis goes
 * again. */
cn_tensor *cn_matmul_t(cn_tensor *a, cn_tensor *b, bool transpose_a, bool transpose_b)
{
    if (!cn__promote(&a, &b, "matmul"))
        return NULL;
    if (a->shape.rank == 0 || b->shape.rank == 0) {
        cn__fail(CN_EVALUE, "matmul: a scalar is no operand");
        return NULL;
    }
    if (a->dtype == CN_BOOL) {
        a = cn_cast(a, CN_INT32);
        b = cn_cast(b, CN_INT32);
        if (!a || !b)
            return NULL;
    }
    bool row = a->shape.rank == 1, column = b->shape.rank == 1;
    if (row)
        a = cn_expand_dims(a, 0);
    if (column)
        b = cn_expand_dims(b, 1);
    cn_tensor *c = product(a, b, transpose_a && !row, transpose_b && !column);
    if (column)
        c = cn_squeeze(c, -1);
    return row ? cn_squeeze(c, column ? -1 : -2) : c;
}

cn_tensor *(cn_matmul)(cn_tensor *a, cn_tensor *b)
{
    return cn_matmul_t(a, b, false, false);
}
