/* Max and average pooling in 1 to 3 dimensions and their gradients. */
#include "kernels/reference/window.h"
#include "ops/support.h"
#include "ops/window_text.h"

#include <stdio.h>

static char *numbers_text(int n, const int64_t *v, char *text, size_t size, const char *open,
                          const char *between, const char *close)
{
    size_t at = (size_t)snprintf(text, size, "%s", open);
    for (int i = 0; i < n && at < size; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s%" PRId64, i ? between : "", v[i]);
    }
    if (at < size) {
        snprintf(text + at, size - at, "%s", close);
    }
    return text;
}

char *cn__tuple_text(int n, const int64_t *v, char *text, size_t size)
{
    return numbers_text(n, v, text, size, "(", ", ", n == 1 ? ",)" : ")");
}

char *cn__array_text(int n, const int64_t *v, char *text, size_t size)
{
    return numbers_text(n, v, text, size, "[", " ", "]");
}

/* "[None 5 5 1]" */
static char *shape_array_text(const cn_shape *shape, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "[");
    for (int a = 0; a < shape->rank && at < size; a++) {
        if (shape->dim[a] < 0) {
            at += (size_t)snprintf(text + at, size - at, "%sNone", a ? " " : "");
        } else {
            at += (size_t)snprintf(text + at, size - at, "%s%" PRId64, a ? " " : "", shape->dim[a]);
        }
    }
    if (at < size) {
        snprintf(text + at, size - at, "]");
    }
    return text;
}

/* The output of a pool over (batch, spatial…, channels). */
static int pooled_shape(const cn__node *node, const cn_shape *x, cn_shape *y)
{
    int n = x->rank - 2;
    char t1[CN__SHAPE_TEXT], t2[64], t3[64];
    if (n < 1 || n > CN__WINDOW_MAX) {
        return cn__fail(CN_EVALUE, "%s: expected 1 to 3 spatial axes, got inputs of shape %s",
                        node->op->name, cn__shape_text(x, t1, sizeof t1));
    }
    cn__window w;
    cn__window_of(&w, &node->attrs, x, NULL);
    *y = *x;
    for (int a = 0; a < n; a++) {
        if (w.size[3 - n + a] < 1) {
            return cn__fail(CN_EVALUE, "%s: pool_size must be positive, got %s", node->op->name,
                            cn__tuple_text(n, w.size + 3 - n, t2, sizeof t2));
        }
        y->dim[1 + a] = w.out[3 - n + a];
        if (x->dim[1 + a] >= 0 && y->dim[1 + a] <= 0) {
            return cn__fail(CN_EVALUE,
                            "Computed output size would be zero or negative. Received: "
                            "`inputs.shape=%s`, `pool_size=%s`, `strides=%s`, `padding=%s`.",
                            shape_array_text(x, t1, sizeof t1),
                            cn__array_text(n, w.size + 3 - n, t2, sizeof t2),
                            cn__tuple_text(n, w.stride + 3 - n, t3, sizeof t3),
                            node->attrs.i[CN__WINDOW_SAME] ? "same" : "valid");
        }
    }
    return 0;
}

/* max_pool(x): the largest cell of each window; and which cell of the image it was, an int32: the
 * first of equals, the first NaN if there is one. */
static int infer_max_pool(cn__node *node)
{
    const cn_shape *x = cn__in_shape(node, 0);
    cn_shape y;
    int code = pooled_shape(node, x, &y);
    if (code < 0) {
        return code;
    }
    int64_t cells = 1;
    for (int a = 1; a < x->rank - 1; a++) {
        bool fits = x->dim[a] < 0 || (cn__mul_size(cells, x->dim[a], &cells) && cells <= INT32_MAX);
        if (!fits) {
            return cn__fail(CN_EVALUE, "max_pool: an image has more than 2^31 - 1 cells");
        }
    }
    node->n_out = 2;
    node->dtype[0] = node->in[0]->dtype;
    node->dtype[1] = CN_INT32;
    node->shape[0] = node->shape[1] = y;
    return 0;
}

static int gradient_max_pool(const cn__node *node, cn_tensor *const *out,
                             cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    if (!grads_out[0]) {
        return 0;
    }
    return cn__one_gradient(grads_in, cn__apply3(&cn__op_max_pool_gradient, &node->attrs,
                                                 grads_out[0], out[1], node->in[0]));
}

const cn__op cn__op_max_pool = {.name = "max_pool",
                                .min_in = 1,
                                .max_in = 1,
                                .n_out = 2,
                                .infer = infer_max_pool,
                                .gradient = gradient_max_pool,
                                .batch = cn__batch_row,
                                .reference = &cn__reference_max_pool};

static int expect_winners(const cn__node *node)
{
    if (node->in[1]->dtype != CN_INT32) {
        return cn__fail(CN_ETYPE, "%s: expected int32 winners, got %s", node->op->name,
                        cn_dtype_name(node->in[1]->dtype));
    }
    return 0;
}

/* max_pool_gradient(g, winners, ref): each g is added to its winner's place in ref. */
static int infer_max_pool_gradient(cn__node *node)
{
    int code = expect_winners(node);
    return code < 0 ? code : cn__infer_one(node, node->in[0]->dtype, cn__in_shape(node, 2));
}

static int gradient_max_pool_gradient(const cn__node *node, cn_tensor *const *out,
                                      cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(
        grads_in, cn__apply2(&cn__op_max_pool_pick, &node->attrs, grads_out[0], node->in[1]));
}

static cn__batch batch_all(const cn__node *node, const bool *batched)
{
    int count = 0;
    for (int i = 0; i < node->n_in; i++) {
        count += batched[i];
    }
    return !count ? CN__BATCH_NONE : cn__row_if(count == node->n_in);
}

const cn__op cn__op_max_pool_gradient = {.name = "max_pool_gradient",
                                         .min_in = 3,
                                         .max_in = 3,
                                         .n_out = 1,
                                         .shape_only = 4,
                                         .infer = infer_max_pool_gradient,
                                         .gradient = gradient_max_pool_gradient,
                                         .batch = batch_all,
                                         .reference = &cn__reference_max_pool_gradient};

/* max_pool_pick(x, winners): the elements of x at the winners' places. */
static int infer_max_pool_pick(cn__node *node)
{
    int code = expect_winners(node);
    return code < 0 ? code : cn__infer_one(node, node->in[0]->dtype, cn__in_shape(node, 1));
}

static int gradient_max_pool_pick(const cn__node *node, cn_tensor *const *out,
                                  cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply3(&cn__op_max_pool_gradient, &node->attrs,
                                                 grads_out[0], node->in[1], node->in[0]));
}

const cn__op cn__op_max_pool_pick = {.name = "max_pool_pick",
                                     .min_in = 2,
                                     .max_in = 2,
                                     .n_out = 1,
                                     .infer = infer_max_pool_pick,
                                     .gradient = gradient_max_pool_pick,
                                     .batch = batch_all,
                                     .reference = &cn__reference_max_pool_pick};

/* average_pool(x): the mean of the cells of x under each window (not of its padding), or their sum.
 */
static int infer_average_pool(cn__node *node)
{
    cn_shape y;
    int code = pooled_shape(node, cn__in_shape(node, 0), &y);
    return code < 0 ? code : cn__infer_one(node, node->in[0]->dtype, &y);
}

static int gradient_average_pool(const cn__node *node, cn_tensor *const *out,
                                 cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply2(&cn__op_average_pool_gradient, &node->attrs,
                                                 grads_out[0], node->in[0]));
}

const cn__op cn__op_average_pool = {.name = "average_pool",
                                    .min_in = 1,
                                    .max_in = 1,
                                    .n_out = 1,
                                    .infer = infer_average_pool,
                                    .gradient = gradient_average_pool,
                                    .batch = cn__batch_row,
                                    .reference = &cn__reference_average_pool};

/* average_pool_gradient(g, ref): each g spread over its cells of ref. */
static int infer_average_pool_gradient(cn__node *node)
{
    return cn__infer_one(node, node->in[0]->dtype, cn__in_shape(node, 1));
}

static int gradient_average_pool_gradient(const cn__node *node, cn_tensor *const *out,
                                          cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply1(&cn__op_average_pool, &node->attrs, grads_out[0]));
}

const cn__op cn__op_average_pool_gradient = {.name = "average_pool_gradient",
                                             .min_in = 2,
                                             .max_in = 2,
                                             .n_out = 1,
                                             .shape_only = 2,
                                             .infer = infer_average_pool_gradient,
                                             .gradient = gradient_average_pool_gradient,
                                             .batch = batch_all,
                                             .reference = &cn__reference_average_pool_gradient};
