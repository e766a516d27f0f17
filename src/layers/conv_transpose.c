/* Conv1DTranspose, Conv2DTranspose and Conv3DTranspose: a convolution's gradient as a layer. */
#include "core/error.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <cornu/nn.h>

#include <string.h>

typedef cn_convolution_transpose_args args_t;

/* tf.keras writes no dilation rate for three axes, and the output padding last. */
#define FIELDS(TUPLE, rate_flags)                                                                  \
    {                                                                                              \
        CN_FIELD(args_t, INT64, filters), CN_FIELD(args_t, TUPLE, kernel_size),                    \
            CN_FIELD(args_t, TUPLE, strides), CN_FIELD(args_t, STRING, padding),                   \
            CN_FIELD_FLAGS(args_t, TUPLE, output_padding, CN_FIELD_KERAS3),                        \
            CN_FIELD(args_t, STRING, data_format),                                                 \
            CN_FIELD_FLAGS(args_t, TUPLE, dilation_rate, rate_flags),                              \
            CN_FIELD_FLAGS(args_t, INT64, groups, CN_FIELD_KERAS2),                                \
            CN_FIELD(args_t, ACTIVATION, activation), CN_FIELD(args_t, BOOL, use_bias),            \
            CN_FIELD(args_t, INITIALIZER, kernel_initializer),                                     \
            CN_FIELD(args_t, INITIALIZER, bias_initializer),                                       \
            CN_FIELD(args_t, REGULARIZER, kernel_regularizer),                                     \
            CN_FIELD(args_t, REGULARIZER, bias_regularizer),                                       \
            CN_FIELD(args_t, REGULARIZER, activity_regularizer),                                   \
            CN_FIELD(args_t, CONSTRAINT, kernel_constraint),                                       \
            CN_FIELD(args_t, CONSTRAINT, bias_constraint),                                         \
            CN_FIELD_FLAGS(args_t, TUPLE, output_padding, CN_FIELD_KERAS2), {0},                   \
    }
static const cn_field fields1[] = FIELDS(SINGLE, 0);
static const cn_field fields2[] = FIELDS(PAIR, 0);
static const cn_field fields3[] = FIELDS(TRIPLE, CN_FIELD_KERAS3);

static cn__conv_form form_of(const cn_layer *self)
{
    args_t *args = self->base.args;
    return (cn__conv_form){.n = cn__layer_class(self)->exact_rank - 2,
                           .kernel_size = &args->kernel_size,
                           .strides = &args->strides,
                           .dilation_rate = &args->dilation_rate,
                           .padding = &args->padding,
                           .data_format = &args->data_format};
}

static bool has_output_padding(const args_t *args)
{
    return args->output_padding.v[0] != CN_NONE;
}

static int check(cn_layer *self)
{
    args_t *args = self->base.args;
    cn__conv_form form = form_of(self);
    int code = cn__conv_positive("filters", args->filters);
    code = code < 0 ? code : cn__conv_check(self, &form, false, true);
    if (code < 0 || !has_output_padding(args)) {
        return code;
    }
    code = cn__spatial_tuple(self, &args->output_padding, form.n, "output_padding", 0);
    for (int i = 0; code == 0 && i < form.n; i++) {
        if (args->output_padding.v[i] >= args->strides.v[i]) {
            char s[256], p[256];
            return cn__fail(CN_EVALUE,
                            "Strides must be greater than output padding. Received strides=%s, "
                            "output_padding=%s.",
                            cn__ints_text(&args->strides, s, sizeof s),
                            cn__ints_text(&args->output_padding, p, sizeof p));
        }
    }
    return code;
}

/* The length that n inputs become, or -1 if it is not known or too large. */
static int64_t grown(const args_t *args, int i, int64_t n)
{
    int64_t stride = args->strides.v[i], extent, length;
    bool same = strcmp(args->padding, "same") == 0;
    if (n < 0 || !cn__mul_size(args->kernel_size.v[i] - 1, args->dilation_rate.v[i], &extent) ||
        !cn__mul_size(n, stride, &length)) {
        return -1;
    }
    extent++;
    if (has_output_padding(args)) {
        return length - stride + extent - (same ? 2 * (extent / 2) : 0) + args->output_padding.v[i];
    }
    return same || extent <= stride ? length : length + extent - stride;
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    const args_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format);
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    outputs[0].dim[cn__channel_axis(args->data_format, inputs[0].rank)] = args->filters;
    for (int i = 0; i < inputs[0].rank - 2; i++) {
        outputs[0].dim[at + i] = grown(args, i, inputs[0].dim[at + i]);
    }
    return 0;
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    int64_t channels = cn__conv_channels(&form, &inputs[0]);
    (void)n_inputs;
    if (channels < 0) {
        return (int)channels;
    }
    cn_shape kernel = cn_shape_make(form.n, args->kernel_size.v), bias = cn_shape_of(args->filters);
    kernel.dim[kernel.rank++] = args->filters;
    kernel.dim[kernel.rank++] = channels;
    cn_layer_add_weight(
        self, .name = "kernel", .shape_of = &kernel, .initializer = args->kernel_initializer,
        .regularizer = args->kernel_regularizer, .constraint = args->kernel_constraint);
    if (args->use_bias) {
        cn_layer_add_weight(
            self, .name = "bias", .shape_of = &bias, .initializer = args->bias_initializer,
            .regularizer = args->bias_regularizer, .constraint = args->bias_constraint);
    }
    return cn__pending() ? cn_error_code() : cn__conv_rule(self, &form, channels);
}

/* x (batch, lengths…, channels), kernel (size…, filters, channels), bias (filters). */
static cn_tensor *call(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *call_args)
{
    const args_t *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)call_args;
    cn_tensor *x = cn__compute_cast(self, inputs[0]);
    if (cn__channels_first(args->data_format)) {
        x = cn__channels_to_end(x);
    }
    cn_tensor *y =
        cn_conv_transpose(x, cn__compute_cast(self, self->weights[0]), .strides = args->strides,
                          .padding = args->padding, .output_padding = args->output_padding,
                          .data_format = "channels_last", .dilation_rate = args->dilation_rate);
    return cn__conv_finish(self, args->data_format, y, args->use_bias ? self->weights[1] : NULL,
                           args->activation);
}

#define CONV(n, other)                                                                             \
    CN__LAYER_CLASS(conv##n##d_transpose, conv##n##d_transpose, "Conv" #n "DTranspose", other,     \
                    fields##n, CN_CONVOLUTION_TRANSPOSE_DEFAULTS, .build = build, .call = call,    \
                    .compute_output_shape = output_shape, .exact_rank = n + 2, .check = check)
CONV(1, "Convolution1DTranspose")
CONV(2, "Convolution2DTranspose Deconvolution2D")
CONV(3, "Convolution3DTranspose Deconvolution3D")
