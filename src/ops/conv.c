/* Convolution in 1 to 3 dimensions and its two gradients. */
#include "kernels/reference/window.h"
#include "ops/support.h"
#include "ops/window_text.h"

/* Checks (batch, spatial…, channels) against (size…, channels / groups, filters). */
static int check_ranks(const cn__node *node, const cn_shape *x, const cn_shape *kernel)
{
    char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
    if (x->rank < 3 || x->rank > 5 || kernel->rank != x->rank) {
        return cn__fail(CN_EVALUE,
                        "Kernel shape must have the same length as input, but received kernel of "
                        "shape %s and input of shape %s.",
                        cn__shape_text(kernel, a, sizeof a), cn__shape_text(x, b, sizeof b));
    }
    if (!cn__shape_known(kernel)) {
        return cn__fail(CN_EVALUE, "%s: the kernel's shape must be known, got %s", node->op->name,
                        cn__shape_text(kernel, a, sizeof a));
    }
    return 0;
}

static int check_channels(const cn__node *node, const cn_shape *x, const cn_shape *kernel)
{
    char text[CN__SHAPE_TEXT];
    int64_t channels = x->dim[x->rank - 1], filters = kernel->dim[kernel->rank - 1];
    int64_t groups = node->attrs.i[CN__WINDOW_GROUPS];
    groups = groups > 0 ? groups : 1;
    if (channels < 0) {
        return cn__fail(CN_EVALUE,
                        "The channel dimension of the inputs should be defined. The "
                        "input_shape received is %s, where axis -1 is the channel axis.",
                        cn__shape_text(x, text, sizeof text));
    }
    if (channels % groups) {
        return cn__fail(CN_EVALUE,
                        "The number of input channels must be evenly divisible by the number of "
                        "groups. Received groups=%" PRId64 ", but the input has %" PRId64
                        " channels (full input shape is %s).",
                        groups, channels, cn__shape_text(x, text, sizeof text));
    }
    if (filters % groups) {
        return cn__fail(CN_EVALUE,
                        "The number of filters must be evenly divisible by the number of "
                        "groups. Received: groups=%" PRId64 ", filters=%" PRId64,
                        groups, filters);
    }
    int64_t per_group = kernel->dim[kernel->rank - 2];
    if (per_group * groups != channels) {
        return cn__fail(CN_EVALUE,
                        "The number of input channels must match the kernel's input channels. "
                        "Received: input channels=%" PRId64 ", kernel input channels=%" PRId64,
                        channels, per_group * groups);
    }
    return 0;
}

static int check_floats(const cn__node *node, int a, int b)
{
    cn_dtype x = node->in[a]->dtype, y = node->in[b]->dtype;
    if (x != y || !cn__dtype_is_float(x)) {
        return cn__fail(CN_ETYPE, "%s: expected two tensors of one float dtype, got %s and %s",
                        node->op->name, cn_dtype_name(x), cn_dtype_name(y));
    }
    return 0;
}

/* y of x and kernel: the output lengths, checked. */
static int output_shape(const cn__node *node, const cn_shape *x, const cn_shape *kernel,
                        cn_shape *y)
{
    int code = check_ranks(node, x, kernel), n = x->rank - 2;
    code = code < 0 ? code : check_channels(node, x, kernel);
    if (code < 0) {
        return code;
    }
    cn__window w;
    cn__window_of(&w, &node->attrs, x, kernel);
    *y = *x;
    y->dim[y->rank - 1] = kernel->dim[kernel->rank - 1];
    for (int a = 0; a < n; a++) {
        y->dim[1 + a] = w.out[3 - n + a];
        if (x->dim[1 + a] >= 0 && y->dim[1 + a] <= 0) {
            char t1[CN__SHAPE_TEXT], t2[CN__SHAPE_TEXT], t3[64], t4[64];
            return cn__fail(
                CN_EVALUE,
                "Computed output size would be zero or negative. Received `inputs shape=%s`, "
                "`kernel shape=%s`, `dilation_rate=%s`, `strides=%s`, `padding=%s`.",
                cn__shape_text(x, t1, sizeof t1), cn__shape_text(kernel, t2, sizeof t2),
                cn__array_text(n, w.dilation + 3 - n, t3, sizeof t3),
                cn__tuple_text(n, w.stride + 3 - n, t4, sizeof t4),
                node->attrs.i[CN__WINDOW_SAME] ? "same" : "valid");
        }
    }
    return 0;
}

/* conv(x, kernel): attrs as in kernels/reference/window.h. */
static int infer_conv(cn__node *node)
{
    cn_shape y;
    int code = check_floats(node, 0, 1);
    code = code < 0 ? code : output_shape(node, cn__in_shape(node, 0), cn__in_shape(node, 1), &y);
    return code < 0 ? code : cn__infer_one(node, node->in[0]->dtype, &y);
}

static int gradient_conv(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                         cn_tensor **grads_in)
{
    (void)out;
    cn_tensor *x = node->in[0], *kernel = node->in[1], *g = grads_out[0];
    grads_in[0] = cn__apply3(&cn__op_conv_gradient_input, &node->attrs, g, kernel, x);
    grads_in[1] = cn__apply3(&cn__op_conv_gradient_kernel, &node->attrs, x, g, kernel);
    return grads_in[0] && grads_in[1] ? 0 : cn_error_code();
}

/* Images are convolved one by one with a kernel that all share. */
static cn__batch batch_conv(const cn__node *node, const bool *batched)
{
    if (!batched[0] && !batched[1]) {
        return CN__BATCH_NONE;
    }
    bool ref = node->n_in < 3 || batched[2] == batched[0];
    return cn__row_if(batched[0] && !batched[1] && ref);
}

const cn__op cn__op_conv = {.name = "conv",
                            .min_in = 2,
                            .max_in = 2,
                            .n_out = 1,
                            .infer = infer_conv,
                            .gradient = gradient_conv,
                            .batch = batch_conv,
                            .reference = &cn__reference_conv};

/* conv_gradient_input(g, kernel, ref): what g gives each element of ref, the convolution's input.
 * Without ref it is a transposed convolution, whose output lengths follow Keras's rules from g's.
 */
static int infer_conv_gradient_input(cn__node *node)
{
    const cn_shape *g = cn__in_shape(node, 0), *kernel = cn__in_shape(node, 1);
    int code = check_floats(node, 0, 1), n = g->rank - 2;
    code = code < 0 ? code : check_ranks(node, g, kernel);
    if (code < 0) {
        return code;
    }
    cn_shape x = node->n_in > 2 ? *cn__in_shape(node, 2) : *g, y;
    if (node->n_in == 2) {
        int64_t groups = node->attrs.i[CN__WINDOW_GROUPS];
        x.dim[x.rank - 1] = kernel->dim[kernel->rank - 2] * (groups > 0 ? groups : 1);
        cn__window_transposed(&node->attrs, n, g->dim + 1, kernel->dim, x.dim + 1);
    }
    code = output_shape(node, &x, kernel, &y);
    if (code < 0) {
        return code;
    }
    for (int a = 1; a < g->rank; a++) {
        if (cn__agree(y.dim[a], g->dim[a]) == -2) {
            return cn__fail(CN_EVALUE,
                            "Size of out_backprop doesn't match computed: actual = %" PRId64
                            ", computed = %" PRId64 " spatial_dim: %d",
                            g->dim[a], y.dim[a], a);
        }
    }
    return cn__infer_one(node, node->in[0]->dtype, &x);
}

/* With the input's gradient seen as a function of g and the kernel: back to g is the convolution
 * itself. */
static int gradient_conv_gradient_input(const cn__node *node, cn_tensor *const *out,
                                        cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    cn_tensor *g = node->in[0], *kernel = node->in[1], *u = grads_out[0];
    grads_in[0] = cn__apply2(&cn__op_conv, &node->attrs, u, kernel);
    grads_in[1] = cn__apply3(&cn__op_conv_gradient_kernel, &node->attrs, u, g, kernel);
    return grads_in[0] && grads_in[1] ? 0 : cn_error_code();
}

const cn__op cn__op_conv_gradient_input = {.name = "conv_gradient_input",
                                           .min_in = 2,
                                           .max_in = 3,
                                           .n_out = 1,
                                           .shape_only = 4,
                                           .infer = infer_conv_gradient_input,
                                           .gradient = gradient_conv_gradient_input,
                                           .batch = batch_conv,
                                           .reference = &cn__reference_conv_gradient_input};

/* conv_gradient_kernel(x, g, ref): what x and g give each element of ref, the kernel. */
static int infer_conv_gradient_kernel(cn__node *node)
{
    cn_shape y;
    const cn_shape *g = cn__in_shape(node, 1);
    int code = check_floats(node, 0, 1);
    code = code < 0 ? code : output_shape(node, cn__in_shape(node, 0), cn__in_shape(node, 2), &y);
    if (code < 0) {
        return code;
    }
    bool fits = g->rank == y.rank;
    for (int a = 0; fits && a < g->rank; a++) {
        fits = cn__agree(y.dim[a], g->dim[a]) != -2;
    }
    if (!fits) {
        char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE, "conv_gradient_kernel: expected a gradient of shape %s, got %s",
                        cn__shape_text(&y, a, sizeof a), cn__shape_text(g, b, sizeof b));
    }
    return cn__infer_one(node, node->in[0]->dtype, cn__in_shape(node, 2));
}

static int gradient_conv_gradient_kernel(const cn__node *node, cn_tensor *const *out,
                                         cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    cn_tensor *x = node->in[0], *g = node->in[1], *u = grads_out[0];
    grads_in[0] = cn__apply3(&cn__op_conv_gradient_input, &node->attrs, g, u, x);
    grads_in[1] = cn__apply2(&cn__op_conv, &node->attrs, x, u);
    return grads_in[0] && grads_in[1] ? 0 : cn_error_code();
}

static cn__batch batch_conv_gradient_kernel(const cn__node *node, const bool *batched)
{
    (void)node;
    if (!batched[0] && !batched[1] && !batched[2]) {
        return CN__BATCH_NONE;
    }
    return batched[0] && batched[1] && !batched[2] ? CN__BATCH_REDUCE : CN__BATCH_MIX;
}

const cn__op cn__op_conv_gradient_kernel = {.name = "conv_gradient_kernel",
                                            .min_in = 3,
                                            .max_in = 3,
                                            .n_out = 1,
                                            .shape_only = 4,
                                            .infer = infer_conv_gradient_kernel,
                                            .gradient = gradient_conv_gradient_kernel,
                                            .batch = batch_conv_gradient_kernel,
                                            .reference = &cn__reference_conv_gradient_kernel};
