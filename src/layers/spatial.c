/* What convolutions, pooling, padding and their kin share: arguments in Keras's words, lengths. */
#include "layers/spatial.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "ops/window_text.h"

#include <stdio.h>
#include <string.h>

char *cn__ints_text(const cn_ints *tuple, char *text, size_t size)
{
    int n = cn__ints_count(tuple), used = 0;
    if (n == 1 && tuple->n <= 1) {
        snprintf(text, size, tuple->v[0] == CN_NONE ? "None" : "%lld", (long long)tuple->v[0]);
        return text;
    }
    used += snprintf(text, size, "(");
    for (int i = 0; i < n && used < (int)size - 24; i++) {
        used += snprintf(text + used, size - (size_t)used, "%s%lld", i ? ", " : "",
                         (long long)tuple->v[i]);
    }
    snprintf(text + used, size - (size_t)used, n == 1 ? ",)" : ")");
    return text;
}

/* The numbers below `least`, each once, as Python writes a set. */
static void set_text(const cn_ints *tuple, int64_t least, char *text, size_t size)
{
    int used = snprintf(text, size, "{");
    bool some = false;
    for (int i = 0; i < cn__ints_count(tuple) && used < (int)size - 24; i++) {
        bool again = false;
        for (int k = 0; k < i; k++) {
            again = again || tuple->v[k] == tuple->v[i];
        }
        if (tuple->v[i] < least && !again) {
            used += snprintf(text + used, size - (size_t)used, "%s%lld", some ? ", " : "",
                             (long long)tuple->v[i]);
            some = true;
        }
    }
    snprintf(text + used, size - (size_t)used, "}");
}

int cn__spatial_tuple(const cn_layer *layer, cn_ints *tuple, int n, const char *argument,
                      int64_t least)
{
    bool three = cn__is_keras3(layer->base.keras);
    int given = cn__ints_count(tuple);
    char all[256], wrong[256];
    cn__ints_text(tuple, all, sizeof all);
    if (given != n && !(given == 1 && tuple->n <= 1)) {
        return cn__fail(
            CN_EVALUE, "The `%s` argument must be a tuple of %d integers. Received%s%s%s%s",
            argument, n, three ? " " : ": ", three ? argument : "", three ? "=" : "", all);
    }
    for (int i = 0; i < given; i++) {
        /* As in TensorFlow; no product of two of them overflows then. */
        if (tuple->v[i] > INT32_MAX) {
            return cn__fail(CN_EVALUE,
                            "The `%s` argument must be a tuple of %d integers of 32 bits. "
                            "Received: %s",
                            argument, n, all);
        }
        if (tuple->v[i] >= least) {
            continue;
        }
        set_text(tuple, least, wrong, sizeof wrong);
        const char *sign = least ? "> 0" : ">= 0";
        return three ? cn__fail(CN_EVALUE,
                                "The `%s` argument must be a tuple of %d integers. Received %s=%s, "
                                "including values %s that do not satisfy `value %s`",
                                argument, n, argument, all, wrong, sign)
                     : cn__fail(CN_EVALUE,
                                "The `%s` argument must be a tuple of %d integers. Received: %s "
                                "including %s that does not satisfy the requirement `%s`.",
                                argument, n, all, wrong, sign);
    }
    cn_ints full = {.n = n};
    for (int i = 0; i < n; i++) {
        full.v[i] = tuple->v[given == 1 ? 0 : i];
    }
    *tuple = full;
    return 0;
}

bool cn__channels_first(const char *format)
{
    return format && strcmp(format, "channels_first") == 0;
}

int cn__spatial_format(const cn_layer *layer, const char **format)
{
    if (!*format) {
        return cn__set_string(format, cn_image_data_format());
    }
    if (strcmp(*format, "channels_last") == 0 || cn__channels_first(*format)) {
        return 0;
    }
    return cn__is_keras3(layer->base.keras)
               ? cn__fail(CN_EVALUE,
                          "The `data_format` argument must be one of {'channels_first', "
                          "'channels_last'}. Received: data_format=%s",
                          *format)
               : cn__fail(CN_EVALUE,
                          "The `data_format` argument must be one of \"channels_first\", "
                          "\"channels_last\". Received: %s",
                          *format);
}

int cn__spatial_padding(const cn_layer *layer, const char *padding, bool causal_allowed)
{
    const char *word = padding ? padding : "None";
    bool causal = strcmp(word, "causal") == 0;
    if (strcmp(word, "valid") == 0 || strcmp(word, "same") == 0 || (causal && causal_allowed)) {
        return 0;
    }
    if (cn__is_keras3(layer->base.keras)) {
        return cn__fail(CN_EVALUE,
                        "The `padding` argument must be a list/tuple or one of {%s}. Received: %s",
                        causal_allowed ? "'causal', 'valid', 'same'" : "'valid', 'same'", word);
    }
    return causal ? cn__fail(CN_EVALUE,
                             "Causal padding is only supported for `Conv1D`and `SeparableConv1D`.")
                  : cn__fail(CN_EVALUE,
                             "The `padding` argument must be a list/tuple or one of \"valid\", "
                             "\"same\" (or \"causal\", only for `Conv1D). Received: %s",
                             word);
}

cn_tensor *cn__channels_to_end(cn_tensor *x)
{
    int64_t axes[CN_MAX_RANK] = {0};
    int rank = x ? x->shape.rank : 0;
    for (int i = 1; i < rank; i++) {
        axes[i] = i == rank - 1 ? 1 : i + 1;
    }
    return x ? cn_transpose_axes(x, rank, axes) : NULL;
}

cn_tensor *cn__channels_to_front(cn_tensor *x)
{
    int64_t axes[CN_MAX_RANK] = {0};
    int rank = x ? x->shape.rank : 0;
    for (int i = 1; i < rank; i++) {
        axes[i] = i == 1 ? rank - 1 : i - 1;
    }
    return x ? cn_transpose_axes(x, rank, axes) : NULL;
}

cn_tensor *cn__compute_cast(const cn_layer *layer, cn_tensor *t)
{
    return !t || t->dtype == layer->compute_dtype ? t : cn_cast(t, layer->compute_dtype);
}

int64_t cn__windows(int64_t length, int64_t size, int64_t stride, int64_t dilation,
                    const char *padding)
{
    int64_t extent;
    if (length < 0) {
        return -1;
    }
    if (strcmp(padding, "valid") != 0) {
        return length / stride + (length % stride != 0);
    }
    if (!cn__mul_size(size - 1, dilation, &extent) || extent >= length) {
        return 0;
    }
    return (length - extent - 1) / stride + 1;
}

int cn__conv_check(const cn_layer *layer, const cn__conv_form *form, bool causal_allowed,
                   bool exclusive)
{
    bool three = cn__is_keras3(layer->base.keras);
    int n = form->n, code = cn__spatial_tuple(layer, form->kernel_size, n, "kernel_size", 1);
    code = code < 0 ? code : cn__spatial_tuple(layer, form->strides, n, "strides", three);
    code = code < 0 ? code : cn__spatial_tuple(layer, form->dilation_rate, n, "dilation_rate", 1);
    code = code < 0 ? code : cn__spatial_format(layer, form->data_format);
    code = code < 0 ? code : cn__spatial_padding(layer, *form->padding, causal_allowed);
    int64_t stride = 1, dilation = 1, least = 1;
    for (int i = 0; code == 0 && i < n; i++) {
        int64_t s = form->strides->v[i], d = form->dilation_rate->v[i];
        stride = s > stride ? s : stride;
        least = s < least ? s : least;
        dilation = d > dilation ? d : dilation;
    }
    char a[256], b[256];
    if (code == 0 && least < 1) {
        return cn__fail(CN_EVALUE, "The argument `strides` cannot contains 0(s). Received: %s",
                        cn__ints_text(form->strides, a, sizeof a));
    }
    if (code == 0 && exclusive && stride > 1 && dilation > 1) {
        return cn__fail(CN_EVALUE,
                        "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                        "Received: strides=%s and dilation_rate=%s",
                        cn__ints_text(form->strides, a, sizeof a),
                        cn__ints_text(form->dilation_rate, b, sizeof b));
    }
    return code;
}

int cn__conv_positive(const char *argument, int64_t value)
{
    return value > 0 ? 0
                     : cn__fail(CN_EVALUE,
                                "Invalid value for argument `%s`. Expected a strictly positive "
                                "value. Received %s=%lld.",
                                argument, argument, (long long)value);
}

int64_t cn__conv_channels(const cn__conv_form *form, const cn_shape *input)
{
    int axis = cn__channel_axis(*form->data_format, input->rank);
    if (input->dim[axis] >= 0) {
        return input->dim[axis];
    }
    char text[256];
    return cn__fail(CN_EVALUE,
                    "The channel dimension of the inputs should be defined. The input_shape "
                    "received is %s, where axis %d (0-based) is the channel dimension, which found "
                    "to be `None`.",
                    cn__shape_text(input, text, sizeof text), axis);
}

/* The two generations say it differently. */
static int no_output(const cn_layer *layer, const cn__conv_form *form, const cn_shape *input,
                     const cn_shape *kernel)
{
    char in[256], k[256], d[64], s[64];
    cn__shape_text(input, in, sizeof in);
    if (cn__is_keras3(layer->base.keras)) {
        return cn__fail(CN_EVALUE,
                        "Computed output size would be zero or negative. Received `inputs "
                        "shape=%s`, `kernel shape=%s`, `dilation_rate=%s`, `strides=%s`, "
                        "`padding=%s`.",
                        in, cn__shape_text(kernel, k, sizeof k),
                        cn__array_text(form->n, form->dilation_rate->v, d, sizeof d),
                        cn__tuple_text(form->n, form->strides->v, s, sizeof s), *form->padding);
    }
    in[0] = '[';
    in[strlen(in) - 1] = ']';
    return cn__fail(
        CN_EVALUE,
        "One of the dimensions in the output is <= 0 due to downsampling in %s. Consider "
        "increasing the input size. Received input shape %s which would produce output "
        "shape with a zero or negative value in a dimension.",
        layer->base.name, in);
}

int cn__conv_shape(const cn_layer *layer, const cn__conv_form *form, const cn_shape *input,
                   const cn_shape *kernel, int64_t filters, cn_shape *output)
{
    int at = cn__spatial_axis(*form->data_format);
    *output = *input;
    output->dim[cn__channel_axis(*form->data_format, input->rank)] = filters;
    for (int i = 0; i < form->n; i++) {
        int64_t length = input->dim[at + i];
        output->dim[at + i] = cn__windows(length, form->kernel_size->v[i], form->strides->v[i],
                                          form->dilation_rate->v[i], *form->padding);
        if (length >= 0 && output->dim[at + i] < 1) {
            return no_output(layer, form, input, kernel);
        }
    }
    return 0;
}

int cn__conv_rule(cn_layer *layer, const cn__conv_form *form, int64_t channels)
{
    bool first = cn__channels_first(*form->data_format);
    int axis = !first ? -1 : cn__is_keras3(layer->base.keras) ? 1 : -1 - form->n;
    return cn__layer_rule(layer, axis, channels);
}

cn_tensor *cn__conv_finish(const cn_layer *layer, const char *format, cn_tensor *y, cn_tensor *bias,
                           const void *activation)
{
    if (y && bias) {
        y = cn_add(y, cn__compute_cast(layer, bias));
    }
    if (cn__channels_first(format)) {
        y = cn__channels_to_front(y);
    }
    return cn__activate(activation, y, layer->base.keras);
}
