/* Activation layers with parameters: ELU, PReLU, ThresholdedReLU. */
#include "core/error.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <math.h>

static const cn_field elu_fields[] = {
    CN_FIELD_FLAGS(cn_elu_layer_args, DOUBLE, alpha, CN_FIELD_FLOAT32),
    {0},
};
static const cn_field prelu_fields[] = {
    CN_FIELD(cn_prelu_args, INITIALIZER, alpha_initializer),
    CN_FIELD(cn_prelu_args, REGULARIZER, alpha_regularizer),
    CN_FIELD(cn_prelu_args, CONSTRAINT, alpha_constraint),
    CN_FIELD(cn_prelu_args, INTS, shared_axes),
    {0},
};
static const cn_field thresholded_fields[] = {
    CN_FIELD_FLAGS(cn_thresholded_relu_args, DOUBLE, theta, CN_FIELD_FLOAT32),
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

static int check_elu(cn_layer *self)
{
    const cn_elu_layer_args *args = cn_layer_arguments(self);
    return !isnan(args->alpha)
               ? 0
               : cn__fail(
                     CN_EVALUE,
                     "Alpha of an ELU layer cannot be None, expecting a float. Received: None");
}

static cn_tensor *call_elu(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                           const cn_call_args *call_args)
{
    const cn_elu_layer_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)call_args;
    return cn_elu(inputs[0], args->alpha);
}

/* The input's lengths without the batch, 1 along shared axes; the others become rules. */
static int build_prelu(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const cn_prelu_args *args = cn_layer_arguments(self);
    cn_shape shape = {.rank = inputs[0].rank - 1};
    int shared = args->shared_axes.v[0] == CN_NONE ? 0 : cn__ints_count(&args->shared_axes);
    (void)n_inputs;
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = inputs[0].dim[i + 1];
    }
    for (int i = 0; i < shared; i++) {
        int64_t given = args->shared_axes.v[i];
        /* Keras takes 1 off and indexes the lengths without the batch: -1 is the last axis but
         * one, one axis before the one that it names elsewhere. */
        int axis = cn__axis(given < 0 ? given - 1 : given, inputs[0].rank, "PReLU");
        if (axis <= 0) {
            return axis < 0 ? axis
                            : cn__fail(CN_EVALUE, "PReLU: `shared_axes` must not name the batch");
        }
        shape.dim[axis - 1] = 1;
    }
    cn_layer_add_weight(
        self, .name = "alpha", .shape_of = &shape, .initializer = args->alpha_initializer,
        .regularizer = args->alpha_regularizer, .constraint = args->alpha_constraint);
    int code = cn__pending() ? cn_error_code() : 0;
    for (int i = 0; code == 0 && i < shape.rank && self->n_rules < 4; i++) {
        if (shape.dim[i] > 1) {
            code = cn__layer_rule(self, i + 1, shape.dim[i]);
        }
    }
    return code;
}

/* y = max(x, 0) - alpha max(-x, 0). */
static cn_tensor *call_prelu(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                             const cn_call_args *call_args)
{
    cn_tensor *x = cn__compute_cast(self, inputs[0]);
    (void)n_inputs;
    (void)call_args;
    if (!x) {
        return NULL;
    }
    cn_tensor *below = cn_relu(cn_negative(x));
    return cn_subtract(cn_relu(x), cn_multiply(cn__compute_cast(self, self->weights[0]), below));
}

static int check_thresholded(cn_layer *self)
{
    const cn_thresholded_relu_args *args = cn_layer_arguments(self);
    if (isnan(args->theta)) {
        return cn__fail(CN_EVALUE,
                        "Theta of a Thresholded ReLU layer cannot be None, expecting a float. "
                        "Received: None");
    }
    return args->theta >= 0
               ? 0
               : cn__fail(CN_EVALUE,
                          "The theta value of a Thresholded ReLU layer should be >=0. Received: %g",
                          args->theta);
}

static cn_tensor *call_thresholded(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                   const cn_call_args *call_args)
{
    const cn_thresholded_relu_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)call_args;
    return cn_threshold(inputs[0], args->theta, 0);
}

CN__LAYER_CLASS(elu, elu_layer, "ELU", NULL, elu_fields, CN_ELU_LAYER_DEFAULTS, .call = call_elu,
                .compute_output_shape = output_shape, .supports_masking = true, .check = check_elu)
CN__LAYER_CLASS(prelu, prelu, "PReLU", NULL, prelu_fields, CN_PRELU_DEFAULTS, .build = build_prelu,
                .call = call_prelu, .compute_output_shape = output_shape, .supports_masking = true,
                .min_rank = 1)
CN__LAYER_CLASS(thresholded_relu, thresholded_relu, "ThresholdedReLU", NULL, thresholded_fields,
                CN_THRESHOLDED_RELU_DEFAULTS, .call = call_thresholded,
                .compute_output_shape = output_shape, .supports_masking = true,
                .check = check_thresholded)
