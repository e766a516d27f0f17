/* DepthwiseConv1D and DepthwiseConv2D: each channel convolved by itself. */
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <cornu/nn.h>

typedef cn_depthwise_convolution_args args_t;

/* tf.keras has a convolution's fields first, then its own. */
#define FIELDS(TUPLE)                                                                              \
    {                                                                                              \
        CN_FIELD_FLAGS(args_t, INT64, depth_multiplier, CN_FIELD_KERAS3),                          \
            CN_FIELD(args_t, TUPLE, kernel_size), CN_FIELD(args_t, TUPLE, strides),                \
            CN_FIELD(args_t, STRING, padding), CN_FIELD(args_t, STRING, data_format),              \
            CN_FIELD(args_t, TUPLE, dilation_rate),                                                \
            CN_FIELD_FLAGS(args_t, INT64, groups, CN_FIELD_KERAS2),                                \
            CN_FIELD(args_t, ACTIVATION, activation), CN_FIELD(args_t, BOOL, use_bias),            \
            CN_FIELD_FLAGS(args_t, INITIALIZER, depthwise_initializer, CN_FIELD_KERAS3),           \
            CN_FIELD(args_t, INITIALIZER, bias_initializer),                                       \
            CN_FIELD_FLAGS(args_t, REGULARIZER, depthwise_regularizer, CN_FIELD_KERAS3),           \
            CN_FIELD(args_t, REGULARIZER, bias_regularizer),                                       \
            CN_FIELD(args_t, REGULARIZER, activity_regularizer),                                   \
            CN_FIELD_FLAGS(args_t, CONSTRAINT, depthwise_constraint, CN_FIELD_KERAS3),             \
            CN_FIELD(args_t, CONSTRAINT, bias_constraint),                                         \
            CN_FIELD_FLAGS(args_t, INT64, depth_multiplier, CN_FIELD_KERAS2),                      \
            CN_FIELD_FLAGS(args_t, INITIALIZER, depthwise_initializer, CN_FIELD_KERAS2),           \
            CN_FIELD_FLAGS(args_t, REGULARIZER, depthwise_regularizer, CN_FIELD_KERAS2),           \
            CN_FIELD_FLAGS(args_t, CONSTRAINT, depthwise_constraint, CN_FIELD_KERAS2), {0},        \
    }
static const cn_field fields1[] = FIELDS(SINGLE);
static const cn_field fields2[] = FIELDS(PAIR);

static cn__conv_form form_of(const cn_layer *self)
{
    args_t *args = self->base.args;
    return (cn__conv_form){.n = cn__layer_class(self)->min_rank - 2,
                           .kernel_size = &args->kernel_size,
                           .strides = &args->strides,
                           .dilation_rate = &args->dilation_rate,
                           .padding = &args->padding,
                           .data_format = &args->data_format};
}

static int check(cn_layer *self)
{
    cn__conv_form form = form_of(self);
    const args_t *args = cn_layer_arguments(self);
    int code = cn__conv_positive("depth_multiplier", args->depth_multiplier);
    return code < 0 ? code : cn__conv_check(self, &form, false, !cn__is_keras3(self->base.keras));
}

/* (size…, channels, depth_multiplier), and how many channels come out, or an error. */
static int64_t kernel_shape(const cn_layer *self, const cn_shape *input, cn_shape *kernel)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    int64_t channels = cn__conv_channels(&form, input), filters;
    if (channels < 0) {
        return channels;
    }
    if (!cn__mul_size(channels, args->depth_multiplier, &filters)) {
        return cn__no_memory();
    }
    *kernel = cn_shape_make(form.n, args->kernel_size.v);
    kernel->dim[kernel->rank++] = channels;
    kernel->dim[kernel->rank++] = args->depth_multiplier;
    return filters;
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    cn__conv_form form = form_of(self);
    cn_shape kernel;
    (void)n_inputs;
    (void)max_outputs;
    int64_t filters = kernel_shape(self, &inputs[0], &kernel);
    return filters < 0 ? (int)filters
                       : cn__conv_shape(self, &form, &inputs[0], &kernel, filters, &outputs[0]);
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    cn_shape kernel, output;
    int64_t filters = kernel_shape(self, &inputs[0], &kernel);
    int code = filters < 0 ? (int)filters : output_shape(self, inputs, n_inputs, &output, 1);
    if (code < 0) {
        return code;
    }
    cn_shape bias = cn_shape_of(filters);
    cn_layer_add_weight(
        self, .name = cn__is_keras3(self->base.keras) ? "kernel" : "depthwise_kernel",
        .shape_of = &kernel, .initializer = args->depthwise_initializer,
        .regularizer = args->depthwise_regularizer, .constraint = args->depthwise_constraint);
    if (args->use_bias) {
        cn_layer_add_weight(
            self, .name = "bias", .shape_of = &bias, .initializer = args->bias_initializer,
            .regularizer = args->bias_regularizer, .constraint = args->bias_constraint);
    }
    return cn__pending() ? cn_error_code() : cn__conv_rule(self, &form, kernel.dim[form.n]);
}

/* x (batch, lengths…, channels), kernel (size…, channels, multiplier), bias (channels *
 * multiplier).
 */
static cn_tensor *call(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *call_args)
{
    const args_t *args = cn_layer_arguments(self);
    cn_shape output;
    (void)call_args;
    if (output_shape(self, &inputs[0]->shape, n_inputs, &output, 1) < 0) {
        return NULL;
    }
    cn_tensor *x = cn__compute_cast(self, inputs[0]);
    if (cn__channels_first(args->data_format)) {
        x = cn__channels_to_end(x);
    }
    cn_tensor *y =
        cn_depthwise_conv(x, cn__compute_cast(self, self->weights[0]), .strides = args->strides,
                          .padding = args->padding, .data_format = "channels_last",
                          .dilation_rate = args->dilation_rate);
    return cn__conv_finish(self, args->data_format, y, args->use_bias ? self->weights[1] : NULL,
                           args->activation);
}

CN__LAYER_CLASS(depthwise_conv1d, depthwise_conv1d, "DepthwiseConv1D", NULL, fields1,
                CN_DEPTHWISE_CONVOLUTION_DEFAULTS, .build = build, .call = call,
                .compute_output_shape = output_shape, .min_rank = 3, .check = check)
CN__LAYER_CLASS(depthwise_conv2d, depthwise_conv2d, "DepthwiseConv2D", NULL, fields2,
                CN_DEPTHWISE_CONVOLUTION_DEFAULTS, .build = build, .call = call,
                .compute_output_shape = output_shape, .min_rank = 4, .check = check)
