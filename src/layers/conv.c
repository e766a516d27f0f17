/* Conv1D, Conv2D and Conv3D: activation(conv(x, kernel) + bias). */
#include "core/error.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <cornu/nn.h>

typedef cn_convolution_args args_t;

/* What a size, a stride and a rate are written as depends on how many axes there are. */
#define FIELDS(TUPLE)                                                                              \
    {                                                                                              \
        CN_FIELD(args_t, INT64, filters), CN_FIELD(args_t, TUPLE, kernel_size),                    \
            CN_FIELD(args_t, TUPLE, strides), CN_FIELD(args_t, STRING, padding),                   \
            CN_FIELD(args_t, STRING, data_format), CN_FIELD(args_t, TUPLE, dilation_rate),         \
            CN_FIELD(args_t, INT64, groups), CN_FIELD(args_t, ACTIVATION, activation),             \
            CN_FIELD(args_t, BOOL, use_bias), CN_FIELD(args_t, INITIALIZER, kernel_initializer),   \
            CN_FIELD(args_t, INITIALIZER, bias_initializer),                                       \
            CN_FIELD(args_t, REGULARIZER, kernel_regularizer),                                     \
            CN_FIELD(args_t, REGULARIZER, bias_regularizer),                                       \
            CN_FIELD(args_t, REGULARIZER, activity_regularizer),                                   \
            CN_FIELD(args_t, CONSTRAINT, kernel_constraint),                                       \
            CN_FIELD(args_t, CONSTRAINT, bias_constraint), {0},                                    \
    }
static const cn_field fields1[] = FIELDS(SINGLE);
static const cn_field fields2[] = FIELDS(PAIR);
static const cn_field fields3[] = FIELDS(TRIPLE);

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
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    bool three = cn__is_keras3(self->base.keras);
    int code = cn__conv_positive("filters", args->filters);
    if (code == 0 && args->groups <= 0) {
        return cn__fail(CN_EVALUE,
                        "The number of groups must be a positive integer. Received: groups=%lld.",
                        (long long)args->groups);
    }
    if (code == 0 && args->filters % args->groups) {
        return cn__fail(CN_EVALUE,
                        "The number of filters must be evenly divisible by the number of groups. "
                        "Received: groups=%lld, filters=%lld%s",
                        (long long)args->groups, (long long)args->filters, three ? "." : "");
    }
    return code == 0 ? cn__conv_check(self, &form, form.n == 1, true) : code;
}

/* (size…, channels / groups, filters), or an error. */
static int kernel_shape(const cn_layer *self, const cn_shape *input, cn_shape *kernel)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    int64_t channels = cn__conv_channels(&form, input);
    if (channels < 0) {
        return (int)channels;
    }
    if (channels == 0 || channels % args->groups) {
        char text[256];
        return cn__fail(CN_EVALUE,
                        "The number of input channels must be evenly divisible by the number of "
                        "groups. Received groups=%lld, but the input has %lld channels (full input "
                        "shape is %s).",
                        (long long)args->groups, (long long)channels,
                        cn__shape_text(input, text, sizeof text));
    }
    *kernel = cn_shape_make(form.n, args->kernel_size.v);
    kernel->dim[kernel->rank++] = channels / args->groups;
    kernel->dim[kernel->rank++] = args->filters;
    return 0;
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    cn_shape kernel;
    (void)n_inputs;
    (void)max_outputs;
    int code = kernel_shape(self, &inputs[0], &kernel);
    return code < 0 ? code
                    : cn__conv_shape(self, &form, &inputs[0], &kernel, args->filters, &outputs[0]);
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const args_t *args = cn_layer_arguments(self);
    cn__conv_form form = form_of(self);
    cn_shape kernel, bias = cn_shape_of(args->filters), output;
    int code = kernel_shape(self, &inputs[0], &kernel);
    code = code < 0 ? code : output_shape(self, inputs, n_inputs, &output, 1);
    if (code < 0) {
        return code;
    }
    cn_layer_add_weight(
        self, .name = "kernel", .shape_of = &kernel, .initializer = args->kernel_initializer,
        .regularizer = args->kernel_regularizer, .constraint = args->kernel_constraint);
    if (args->use_bias) {
        cn_layer_add_weight(
            self, .name = "bias", .shape_of = &bias, .initializer = args->bias_initializer,
            .regularizer = args->bias_regularizer, .constraint = args->bias_constraint);
    }
    return cn__pending() ? cn_error_code()
                         : cn__conv_rule(self, &form, kernel.dim[form.n] * args->groups);
}

/* x (batch, lengths…, channels), kernel (size…, channels / groups, filters), bias (filters). */
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
    cn_tensor *y = cn_conv(x, cn__compute_cast(self, self->weights[0]), .strides = args->strides,
                           .padding = args->padding, .data_format = "channels_last",
                           .dilation_rate = args->dilation_rate, .groups = args->groups);
    return cn__conv_finish(self, args->data_format, y, args->use_bias ? self->weights[1] : NULL,
                           args->activation);
}

#define CONV(n, other)                                                                             \
    CN__LAYER_CLASS(conv##n##d, conv##n##d, "Conv" #n "D", other, fields##n,                       \
                    CN_CONVOLUTION_DEFAULTS, .build = build, .call = call,                         \
                    .compute_output_shape = output_shape, .min_rank = n + 2, .check = check)
CONV(1, "Convolution1D")
CONV(2, "Convolution2D")
CONV(3, "Convolution3D")
