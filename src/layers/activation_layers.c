/* Layers that apply an activation: Activation, ReLU, LeakyReLU, Softmax. */
#include "core/error.h"
#include "layers/layer.h"

static const cn_field activation_fields[] = {
    CN_FIELD(cn_activation_layer_args, ACTIVATION, activation),
    {0},
};
static const cn_field relu_fields[] = {
    CN_FIELD_FLAGS(cn_relu_layer_args, DOUBLE, max_value, CN_FIELD_FLOAT32),
    CN_FIELD_FLAGS(cn_relu_layer_args, DOUBLE, negative_slope, CN_FIELD_FLOAT32),
    CN_FIELD_FLAGS(cn_relu_layer_args, DOUBLE, threshold, CN_FIELD_FLOAT32),
    {0},
};
static const cn_field leaky_relu_fields[] = {
    CN_FIELD_FULL(cn_leaky_relu_layer_args, DOUBLE, negative_slope, CN_FIELD_FLOAT32, "alpha"),
    {0},
};
static const cn_field softmax_fields[] = {
    CN_FIELD_FLAGS(cn_softmax_layer_args, INTS, axis, CN_FIELD_AS_GIVEN),
    {0},
};

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    (void)self;
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    return 0;
}

static cn_tensor *call_activation(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                  const cn_call_args *call_args)
{
    const cn_activation_layer_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)call_args;
    return cn__activate(args->activation, inputs[0], self->base.keras);
}

static int check_relu(cn_layer *self)
{
    const cn_relu_layer_args *args = cn_layer_arguments(self);
    const char *name = args->max_value < 0        ? "max_value"
                       : args->negative_slope < 0 ? "negative_slope"
                       : args->threshold < 0      ? "threshold"
                                                  : NULL;
    double value = args->max_value < 0        ? args->max_value
                   : args->negative_slope < 0 ? args->negative_slope
                                              : args->threshold;
    return name ? cn__fail(CN_EVALUE, "%s of a ReLU layer cannot be a negative value. Received: %g",
                           name, value)
                : 0;
}

static cn_tensor *call_relu(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                            const cn_call_args *call_args)
{
    const cn_relu_layer_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)call_args;
    bool plain =
        args->negative_slope == 0 && args->threshold == 0 && args->max_value != args->max_value;
    return plain
               ? cn_relu(inputs[0])
               : cn_relu_general(inputs[0], args->negative_slope, args->max_value, args->threshold);
}

static cn_tensor *call_leaky_relu(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                  const cn_call_args *call_args)
{
    const cn_leaky_relu_layer_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)call_args;
    return cn_leaky_relu(inputs[0], args->negative_slope);
}

/* exp(x - logsumexp(x)) where several axes are one. */
static cn_tensor *softmax_over(cn_tensor *x, const cn_ints *axis)
{
    int n = cn__ints_count(axis);
    if (n == 1) {
        int one = cn__axis(axis->v[0], x->shape.rank, "Softmax");
        return one < 0 ? NULL : cn_softmax(x, one);
    }
    cn_tensor *shifted = cn_subtract(x, cn_stop_gradient(cn_max_axes(x, n, axis->v, true)));
    cn_tensor *powers = cn_exp(shifted);
    return cn_divide(powers, cn_sum_axes(powers, n, axis->v, true));
}

/* Masked elements get a very small logit; in Keras 3 also exactly 0, should all be masked. */
static cn_tensor *call_softmax(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    const cn_softmax_layer_args *args = cn_layer_arguments(self);
    cn_tensor *x = inputs[0], *mask = x->mask;
    (void)n_inputs;
    (void)call_args;
    if (!mask) {
        return softmax_over(x, &args->axis);
    }
    bool three = cn__is_keras3(self->base.keras);
    double small = x->dtype == CN_FLOAT16 ? (three ? -3e4 : -65504) : -1e9;
    if (three) {
        cn_tensor *y = softmax_over(cn_where(mask, x, small), &args->axis);
        return y ? cn_where(mask, y, 0.0) : NULL;
    }
    cn_tensor *dropped = cn_subtract(1.0, cn_cast(mask, x->dtype));
    return softmax_over(cn_add(x, cn_multiply(dropped, small)), &args->axis);
}

CN__LAYER_CLASS(activation, activation_layer, "Activation", NULL, activation_fields,
                CN_ACTIVATION_LAYER_DEFAULTS, .call = call_activation,
                .compute_output_shape = output_shape, .supports_masking = true)
CN__LAYER_CLASS(relu, relu_layer, "ReLU", NULL, relu_fields, CN_RELU_LAYER_DEFAULTS,
                .call = call_relu, .compute_output_shape = output_shape, .supports_masking = true,
                .check = check_relu)
CN__LAYER_CLASS(leaky_relu, leaky_relu_layer, "LeakyReLU", NULL, leaky_relu_fields,
                CN_LEAKY_RELU_LAYER_DEFAULTS, .call = call_leaky_relu,
                .compute_output_shape = output_shape, .supports_masking = true)
CN__LAYER_CLASS(softmax, softmax_layer, "Softmax", NULL, softmax_fields, CN_SOFTMAX_LAYER_DEFAULTS,
                .call = call_softmax, .compute_output_shape = output_shape,
                .supports_masking = true)
