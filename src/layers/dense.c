/* Dense: activation(x·kernel + bias). */
#include "core/error.h"
#include "layers/layer.h"

static const cn_field fields[] = {
    CN_FIELD(cn_dense_args, INT64, units),
    CN_FIELD(cn_dense_args, ACTIVATION, activation),
    CN_FIELD(cn_dense_args, BOOL, use_bias),
    CN_FIELD(cn_dense_args, INITIALIZER, kernel_initializer),
    CN_FIELD(cn_dense_args, INITIALIZER, bias_initializer),
    CN_FIELD(cn_dense_args, REGULARIZER, kernel_regularizer),
    CN_FIELD(cn_dense_args, REGULARIZER, bias_regularizer),
    CN_FIELD(cn_dense_args, REGULARIZER, activity_regularizer),
    CN_FIELD(cn_dense_args, CONSTRAINT, kernel_constraint),
    CN_FIELD(cn_dense_args, CONSTRAINT, bias_constraint),
    CN_FIELD_FLAGS(cn_dense_args, STRING, quantization_config,
                   CN_FIELD_KERAS3 | CN_FIELD_SINCE(313)),
    {0},
};

static int check(cn_layer *self)
{
    const cn_dense_args *args = cn_layer_arguments(self);
    if (args->units > 0) {
        return 0;
    }
    return cn__fail(
        CN_EVALUE,
        "Received an invalid value for `units`, expected a positive integer. Received: units=%lld",
        (long long)args->units);
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const cn_dense_args *args = cn_layer_arguments(self);
    int64_t n = inputs[0].dim[inputs[0].rank - 1];
    (void)n_inputs;
    if (n < 0) {
        char text[256];
        return cn__fail(
            CN_EVALUE,
            "The last dimension of the inputs to a Dense layer should be defined. Found None. Full "
            "input shape received: %s",
            cn__shape_text(&inputs[0], text, sizeof text));
    }
    cn_shape kernel = cn_shape_of(n, args->units), bias = cn_shape_of(args->units);
    cn_layer_add_weight(
        self, .name = "kernel", .shape_of = &kernel, .initializer = args->kernel_initializer,
        .regularizer = args->kernel_regularizer, .constraint = args->kernel_constraint);
    if (args->use_bias) {
        cn_layer_add_weight(
            self, .name = "bias", .shape_of = &bias, .initializer = args->bias_initializer,
            .regularizer = args->bias_regularizer, .constraint = args->bias_constraint);
    }
    return cn__pending() ? cn_error_code() : cn__layer_rule(self, -1, n);
}

/* x (batch, …, n), kernel (n, units), bias (units). */
static cn_tensor *call(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *call_args)
{
    const cn_dense_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)call_args;
    cn_dtype dtype = self->compute_dtype;
    cn_tensor *x = inputs[0], *kernel = self->weights[0];
    x = x->dtype == dtype ? x : cn_cast(x, dtype);
    kernel = kernel->dtype == dtype ? kernel : cn_cast(kernel, dtype);
    cn_tensor *y = cn_matmul(x, kernel);
    if (args->use_bias) {
        cn_tensor *bias = self->weights[1];
        y = cn_add(y, bias->dtype == dtype ? bias : cn_cast(bias, dtype));
    }
    return cn__activate(args->activation, y, self->base.keras);
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    outputs[0].dim[inputs[0].rank - 1] = ((const cn_dense_args *)cn_layer_arguments(self))->units;
    return 0;
}

CN__LAYER_CLASS(dense, dense, "Dense", NULL, fields, CN_DENSE_DEFAULTS, .build = build,
                .call = call, .compute_output_shape = output_shape, .supports_masking = true,
                .min_rank = 2, .check = check)
