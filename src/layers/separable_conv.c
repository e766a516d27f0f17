/* SeparableConv1D and SeparableConv2D: a depthwise convolution, then one of size 1. */
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <cornu/nn.h>

typedef cn_separable_convolution_args args_t;

/* tf.keras writes a convolution's fields first, some of them without effect. */
#define FIELDS(TUPLE)                                                                              \
    {                                                                                              \
        CN_FIELD_FLAGS(args_t, INT64, depth_multiplier, CN_FIELD_KERAS3),                          \
            CN_FIELD(args_t, INT64, filters), CN_FIELD(args_t, TUPLE, kernel_size),                \
            CN_FIELD(args_t, TUPLE, strides), CN_FIELD(args_t, STRING, padding),                   \
            CN_FIELD(args_t, STRING, data_format), CN_FIELD(args_t, TUPLE, dilation_rate),         \
            CN_FIELD_FLAGS(args_t, INT64, groups, CN_FIELD_KERAS2),                                \
            CN_FIELD(args_t, ACTIVATION, activation), CN_FIELD(args_t, BOOL, use_bias),            \
            CN_FIELD_FLAGS(args_t, INITIALIZER, kernel_initializer, CN_FIELD_KERAS2),              \
            CN_FIELD_FLAGS(args_t, INITIALIZER, depthwise_initializer, CN_FIELD_KERAS3),           \
            CN_FIELD_FLAGS(args_t, INITIALIZER, pointwise_initializer, CN_FIELD_KERAS3),           \
            CN_FIELD(args_t, INITIALIZER, bias_initializer),                                       \
            CN_FIELD_FLAGS(args_t, REGULARIZER, kernel_regularizer, CN_FIELD_KERAS2),              \
            CN_FIELD_FLAGS(args_t, REGULARIZER, depthwise_regularizer, CN_FIELD_KERAS3),           \
            CN_FIELD_FLAGS(args_t, REGULARIZER, pointwise_regularizer, CN_FIELD_KERAS3),           \
            CN_FIELD(args_t, REGULARIZER, bias_regularizer),                                       \
            CN_FIELD(args_t, REGULARIZER, activity_regularizer),                                   \
            CN_FIELD_FLAGS(args_t, CONSTRAINT, kernel_constraint, CN_FIELD_KERAS2),                \
            CN_FIELD_FLAGS(args_t, CONSTRAINT, depthwise_constraint, CN_FIELD_KERAS3),             \
            CN_FIELD_FLAGS(args_t, CONSTRAINT, pointwise_constraint, CN_FIELD_KERAS3),             \
            CN_FIELD(args_t, CONSTRAINT, bias_constraint),                                         \
            CN_FIELD_FLAGS(args_t, INT64, depth_multiplier, CN_FIELD_KERAS2),                      \
            CN_FIELD_FLAGS(args_t, INITIALIZER, depthwise_initializer, CN_FIELD_KERAS2),           \
            CN_FIELD_FLAGS(args_t, INITIALIZER, pointwise_initializer, CN_FIELD_KERAS2),           \
            CN_FIELD_FLAGS(args_t, REGULARIZER, depthwise_regularizer, CN_FIELD_KERAS2),           \
            CN_FIELD_FLAGS(args_t, REGULARIZER, pointwise_regularizer, CN_FIELD_KERAS2),           \
            CN_FIELD_FLAGS(args_t, CONSTRAINT, depthwise_constraint, CN_FIELD_KERAS2),             \
            CN_FIELD_FLAGS(args_t, CONSTRAINT, pointwise_constraint, CN_FIELD_KERAS2), {0},        \
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
    int code = cn__conv_positive("filters", args->filters);
    code = code < 0 ? code : cn__conv_positive("depth_multiplier", args->depth_multiplier);
    return code < 0 ? code
                    : cn__conv_check(self, &form, form.n == 1, !cn__is_keras3(self->base.keras));
}

/* (size…, channels, depth_multiplier) and (1…, channels * depth_multiplier, filters). */
static int kernel_shapes(const cn_layer *self, const cn_shape *input, cn_shape *depthwise,
                         cn_shape *pointwise)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    int64_t channels = cn__conv_channels(&form, input), between;
    if (channels < 0) {
        return (int)channels;
    }
    if (!cn__mul_size(channels, args->depth_multiplier, &between)) {
        return cn__no_memory();
    }
    *depthwise = *pointwise = cn_shape_make(form.n, args->kernel_size.v);
    depthwise->dim[depthwise->rank++] = channels;
    depthwise->dim[depthwise->rank++] = args->depth_multiplier;
    for (int i = 0; i < form.n; i++) {
        pointwise->dim[i] = 1;
    }
    pointwise->dim[pointwise->rank++] = between;
    pointwise->dim[pointwise->rank++] = args->filters;
    return 0;
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    cn_shape depthwise, pointwise;
    (void)n_inputs;
    (void)max_outputs;
    int code = kernel_shapes(self, &inputs[0], &depthwise, &pointwise);
    return code < 0
               ? code
               : cn__conv_shape(self, &form, &inputs[0], &depthwise, args->filters, &outputs[0]);
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    cn_shape depthwise, pointwise, bias = cn_shape_of(args->filters), output;
    int code = kernel_shapes(self, &inputs[0], &depthwise, &pointwise);
    code = code < 0 ? code : output_shape(self, inputs, n_inputs, &output, 1);
    if (code < 0) {
        return code;
    }
    cn_layer_add_weight(self, .name = "depthwise_kernel", .shape_of = &depthwise,
                        .initializer = args->depthwise_initializer,
                        .regularizer = args->depthwise_regularizer,
                        .constraint = args->depthwise_constraint);
    cn_layer_add_weight(self, .name = "pointwise_kernel", .shape_of = &pointwise,
                        .initializer = args->pointwise_initializer,
                        .regularizer = args->pointwise_regularizer,
                        .constraint = args->pointwise_constraint);
    if (args->use_bias) {
        cn_layer_add_weight(
            self, .name = "bias", .shape_of = &bias, .initializer = args->bias_initializer,
            .regularizer = args->bias_regularizer, .constraint = args->bias_constraint);
    }
    return cn__pending() ? cn_error_code() : cn__conv_rule(self, &form, depthwise.dim[form.n]);
}

/* x (batch, lengths…, channels), both kernels, bias (filters). */
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
    cn_tensor *y = cn_separable_conv(
        x, cn__compute_cast(self, self->weights[0]), cn__compute_cast(self, self->weights[1]),
        .strides = args->strides, .padding = args->padding, .data_format = "channels_last",
        .dilation_rate = args->dilation_rate);
    return cn__conv_finish(self, args->data_format, y, args->use_bias ? self->weights[2] : NULL,
                           args->activation);
}

CN__LAYER_CLASS(separable_conv1d, separable_conv1d, "SeparableConv1D", "SeparableConvolution1D",
                fields1, CN_SEPARABLE_CONVOLUTION_DEFAULTS, .build = build, .call = call,
                .compute_output_shape = output_shape, .min_rank = 3, .check = check)
CN__LAYER_CLASS(separable_conv2d, separable_conv2d, "SeparableConv2D", "SeparableConvolution2D",
                fields2, CN_SEPARABLE_CONVOLUTION_DEFAULTS, .build = build, .call = call,
                .compute_output_shape = output_shape, .min_rank = 4, .check = check)
