/* The public convolution and pooling functions: Keras's arguments as attributes. */
#include <cornu/nn.h>

#include "kernels/reference/window.h"
#include "ops/support.h"

const cn_conv_args cn_conv_defaults = {.size = sizeof(cn_conv_args), CN_CONV_DEFAULTS};
const cn_conv_transpose_args cn_conv_transpose_defaults = {.size = sizeof(cn_conv_transpose_args),
                                                           CN_CONV_TRANSPOSE_DEFAULTS};
const cn_pool_args cn_pool_defaults = {.size = sizeof(cn_pool_args), CN_POOL_DEFAULTS};

/* 1 for channels_first, 0 for channels_last, negative for an error. */
static int channels_first(const char *format)
{
    format = format ? format : cn_image_data_format();
    if (format && !strcmp(format, "channels_last")) {
        return 0;
    }
    if (format && !strcmp(format, "channels_first")) {
        return 1;
    }
    return cn__fail(CN_EVALUE,
                    "The `data_format` argument must be one of {'channels_first', "
                    "'channels_last'}. Received: %.64s",
                    format ? format : "None");
}

/* Moves the channels to the end, or back to axis 1. */
static cn_tensor *move_channels(cn_tensor *x, bool to_end)
{
    int rank = x ? x->shape.rank : 0;
    int64_t axes[CN_MAX_RANK] = {0};
    for (int a = 1; a < rank; a++) {
        axes[a] = to_end ? (a + 1 < rank ? a + 1 : 1) : (a == 1 ? rank - 1 : a - 1);
    }
    return x ? cn_transpose_axes(x, rank, axes) : NULL;
}

/* A tuple's n numbers at attrs.i[at …]; one number stands for all; none leaves `missing`. */
static int spread(cn__attrs *attrs, int at, int n, const cn_ints *tuple, int64_t missing,
                  const char *name)
{
    int count = cn__ints_count(tuple);
    if (count > 1 && count != n) {
        return cn__fail(CN_EVALUE, "The `%s` argument must be a tuple of %d integers, got %d", name,
                        n, count);
    }
    for (int a = 0; a < n; a++) {
        int64_t value = count == 0 ? missing : tuple->v[count == 1 ? 0 : a];
        if (value < 1) {
            return cn__fail(CN_EVALUE,
                            "The `%s` argument must be a tuple of %d integers. Received a value of "
                            "%" PRId64 " that does not satisfy `value > 0`",
                            name, n, value);
        }
        attrs->i[at + a] = value;
    }
    return 0;
}

/* "same" is worked out at once where the lengths are known, so that a plan sees plain numbers. */
static int set_padding(cn__attrs *attrs, const char *padding, const cn_shape *x,
                       const int64_t *size, bool causal_allowed)
{
    int n = x->rank - 2;
    if (padding && !strcmp(padding, "valid")) {
        return 0;
    }
    if (padding && !strcmp(padding, "causal") && causal_allowed && n == 1) {
        attrs->i[CN__WINDOW_BEFORE] = (size[0] - 1) * attrs->i[CN__WINDOW_DILATION];
        return 0;
    }
    if (!padding || strcmp(padding, "same")) {
        return cn__fail(CN_EVALUE,
                        "`padding` must be either `'valid'` or `'same'`. Received %.64s.",
                        padding ? padding : "None");
    }
    attrs->i[CN__WINDOW_SAME] = 1;
    cn__window w;
    cn__window_make(&w, attrs, n, x->dim + 1, size);
    for (int a = 3 - n; a < 3; a++) {
        if (w.in[a] < 0) {
            return 0;
        }
    }
    attrs->i[CN__WINDOW_SAME] = 0;
    for (int a = 0; a < n; a++) {
        int k = 3 - n + a;
        int64_t extent = (w.size[k] - 1) * w.dilation[k] + 1;
        int64_t total = (w.out[k] - 1) * w.stride[k] + extent - w.in[k];
        attrs->i[CN__WINDOW_BEFORE + a] = w.pad[k];
        attrs->i[CN__WINDOW_AFTER + a] = total > 0 ? total - w.pad[k] : 0;
    }
    return 0;
}

static bool check_spatial(const cn_tensor *x, const char *who)
{
    if (x->shape.rank < 3 || x->shape.rank > 5) {
        char text[CN__SHAPE_TEXT];
        cn__fail(CN_EVALUE, "%s: expected inputs of rank 3 to 5, got shape %s", who,
                 cn__shape_text(&x->shape, text, sizeof text));
        return false;
    }
    return true;
}

static bool check_kernel(const cn_tensor *x, const cn_tensor *kernel)
{
    if (kernel->shape.rank != x->shape.rank) {
        char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
        cn__fail(CN_EVALUE,
                 "Kernel shape must have the same length as input, but received kernel of shape %s "
                 "and input of shape %s.",
                 cn__shape_text(&kernel->shape, a, sizeof a),
                 cn__shape_text(&x->shape, b, sizeof b));
        return false;
    }
    return true;
}

/* Both tensors as one float dtype, ranks checked, channels last. The format: 0, 1, or negative and
 * an error. */
static int prepare(cn_tensor **x, cn_tensor **kernel, const char *format, const char *who)
{
    int first = cn__check_tensor(*x, who) ? channels_first(format) : cn_error_code();
    if (first < 0 || !cn__promote(x, kernel, who)) {
        return cn_error_code();
    }
    if (!cn__dtype_is_float((*x)->dtype)) {
        *x = cn_cast(*x, CN_FLOAT32);
        *kernel = cn_cast(*kernel, CN_FLOAT32);
    }
    if (!*x || !*kernel || !check_spatial(*x, who) || !check_kernel(*x, *kernel)) {
        return cn_error_code();
    }
    if (first) {
        *x = move_channels(*x, true);
    }
    return *x ? first : cn_error_code();
}

static cn_tensor *finish(cn_tensor *y, int first)
{
    return first ? move_channels(y, false) : y;
}

static cn_tensor *convolve(cn_tensor *x, cn_tensor *kernel, const cn_conv_args *a, int64_t groups,
                           const char *who)
{
    int first = prepare(&x, &kernel, a->data_format, who);
    if (first < 0) {
        return NULL;
    }
    const cn_shape *k = &kernel->shape;
    int n = x->shape.rank - 2;
    int64_t channels = x->shape.dim[n + 1];
    if (groups < 0) {
        /* Depthwise: (size…, channels, multiplier) is the same array as (size…, 1, channels *
         * multiplier). */
        int64_t shape[CN_MAX_RANK];
        memcpy(shape, k->dim, sizeof shape);
        if (channels >= 0 && k->dim[n] != channels) {
            cn__fail(CN_EVALUE,
                     "The number of input channels must match the kernel's input channels. "
                     "Received: input channels=%" PRId64 ", kernel input channels=%" PRId64,
                     channels, k->dim[n]);
            return NULL;
        }
        groups = k->dim[n];
        shape[n] = 1;
        if (!cn__mul_size(groups, k->dim[n + 1], &shape[n + 1])) {
            cn__fail(CN_EVALUE, "%s: the sizes overflow", who);
            return NULL;
        }
        kernel = cn_reshape_to(kernel, k->rank, shape);
    } else if (groups == 0) {
        bool divides = channels > 0 && k->dim[n] > 0 && channels % k->dim[n] == 0;
        groups = divides ? channels / k->dim[n] : 1;
    }
    cn__attrs attrs = {0};
    attrs.i[CN__WINDOW_GROUPS] = groups;
    if (!kernel || spread(&attrs, CN__WINDOW_STRIDE, n, &a->strides, 1, "strides") < 0 ||
        spread(&attrs, CN__WINDOW_DILATION, n, &a->dilation_rate, 1, "dilation_rate") < 0 ||
        set_padding(&attrs, a->padding, &x->shape, kernel->shape.dim, true) < 0) {
        return NULL;
    }
    return finish(cn__apply2(&cn__op_conv, &attrs, x, kernel), first);
}

cn_tensor *cn_conv_with(cn_tensor *x, cn_tensor *kernel, const cn_conv_args *given)
{
    cn_conv_args a;
    if (!cn__take_args(&a, &cn_conv_defaults, given, "conv")) {
        return NULL;
    }
    if (a.groups < 0) {
        cn__fail(CN_EVALUE, "conv: groups must be positive, got %" PRId64, a.groups);
        return NULL;
    }
    return convolve(x, kernel, &a, a.groups, "conv");
}

cn_tensor *cn_depthwise_conv_with(cn_tensor *x, cn_tensor *kernel, const cn_conv_args *given)
{
    cn_conv_args a;
    return cn__take_args(&a, &cn_conv_defaults, given, "depthwise_conv")
               ? convolve(x, kernel, &a, -1, "depthwise_conv")
               : NULL;
}

cn_tensor *cn_separable_conv_with(cn_tensor *x, cn_tensor *depthwise_kernel,
                                  cn_tensor *pointwise_kernel, const cn_conv_args *given)
{
    cn_conv_args a, plain = cn_conv_defaults;
    if (!cn__take_args(&a, &cn_conv_defaults, given, "separable_conv")) {
        return NULL;
    }
    plain.data_format = a.data_format;
    plain.groups = 1;
    x = convolve(x, depthwise_kernel, &a, -1, "separable_conv");
    return x ? convolve(x, pointwise_kernel, &plain, 1, "separable_conv") : NULL;
}

cn_tensor *cn_conv_transpose_with(cn_tensor *x, cn_tensor *kernel,
                                  const cn_conv_transpose_args *given)
{
    cn_conv_transpose_args a;
    cn__attrs attrs = {0};
    int first = cn__take_args(&a, &cn_conv_transpose_defaults, given, "conv_transpose")
                    ? prepare(&x, &kernel, a.data_format, "conv_transpose")
                    : -1;
    if (first < 0) {
        return NULL;
    }
    int n = x->shape.rank - 2, count = cn__ints_count(&a.output_padding);
    bool same = a.padding && !strcmp(a.padding, "same");
    if (!same && (!a.padding || strcmp(a.padding, "valid"))) {
        cn__fail(CN_EVALUE,
                 "The `padding` argument must be one of 'valid', 'same'. Received: padding=%.64s",
                 a.padding ? a.padding : "None");
        return NULL;
    }
    if (count > 1 && count != n) {
        cn__fail(CN_EVALUE, "The `output_padding` argument must be a tuple of %d integers, got %d",
                 n, count);
        return NULL;
    }
    for (int k = 0; k < n; k++) {
        int64_t padding = count ? a.output_padding.v[count == 1 ? 0 : k] : 0;
        attrs.i[CN__WINDOW_OUTPUT_PADDING + k] = padding == CN_NONE ? -1 : padding;
    }
    int64_t channels = x->shape.dim[n + 1], taken = kernel->shape.dim[n + 1];
    if (channels >= 0 && channels != taken) {
        cn__fail(CN_EVALUE,
                 "The number of input channels must match the kernel's input channels. Received: "
                 "input channels=%" PRId64 ", kernel input channels=%" PRId64,
                 channels, taken);
        return NULL;
    }
    attrs.i[CN__WINDOW_SAME] = same;
    if (spread(&attrs, CN__WINDOW_STRIDE, n, &a.strides, 1, "strides") < 0 ||
        spread(&attrs, CN__WINDOW_DILATION, n, &a.dilation_rate, 1, "dilation_rate") < 0) {
        return NULL;
    }
    return finish(cn__apply2(&cn__op_conv_gradient_input, &attrs, x, kernel), first);
}

static cn_tensor *pool(const cn__op *op, cn_tensor *x, const cn_pool_args *given, bool sum)
{
    cn_pool_args a;
    int first = cn__take_args(&a, &cn_pool_defaults, given, op->name) &&
                        cn__check_tensor(x, op->name) && check_spatial(x, op->name)
                    ? channels_first(a.data_format)
                    : -1;
    if (first < 0) {
        return NULL;
    }
    if (op != &cn__op_max_pool && !cn__dtype_is_float(x->dtype)) {
        x = cn_cast(x, CN_FLOAT32);
    }
    x = first ? move_channels(x, true) : x;
    cn__attrs attrs = {0};
    int n = x ? x->shape.rank - 2 : 0;
    const cn_ints *strides = cn__ints_count(&a.strides) ? &a.strides : &a.pool_size;
    if (!x || spread(&attrs, CN__WINDOW_SIZE, n, &a.pool_size, 2, "pool_size") < 0 ||
        spread(&attrs, CN__WINDOW_STRIDE, n, strides, 2, "strides") < 0 ||
        set_padding(&attrs, a.padding, &x->shape, attrs.i + CN__WINDOW_SIZE, false) < 0) {
        return NULL;
    }
    attrs.i[CN__WINDOW_SUM] = sum;
    cn_tensor *winners = NULL;
    cn_tensor *y = cn__apply(op, &attrs, 1, &x, op == &cn__op_max_pool ? &winners : NULL);
    cn_free(winners); /* a node that needs them keeps its own handle */
    return finish(y, first);
}

cn_tensor *cn_max_pool_with(cn_tensor *x, const cn_pool_args *args)
{
    return pool(&cn__op_max_pool, x, args, false);
}

cn_tensor *cn_average_pool_with(cn_tensor *x, const cn_pool_args *args)
{
    return pool(&cn__op_average_pool, x, args, false);
}

cn_tensor *cn_sum_pool_with(cn_tensor *x, const cn_pool_args *args)
{
    return pool(&cn__op_average_pool, x, args, true);
}
