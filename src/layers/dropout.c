/* Dropout. */
#include "core/error.h"
#include "core/op.h"
#include "layers/layer.h"
#include "ops/op.h"

static const cn_field fields[] = {
    CN_FIELD(cn_dropout_args, DOUBLE, rate),
    CN_FIELD_FLAGS(cn_dropout_args, INT64, seed, CN_FIELD_KERAS3),
    CN_FIELD(cn_dropout_args, INTS, noise_shape),
    CN_FIELD_FLAGS(cn_dropout_args, INT64, seed, CN_FIELD_KERAS2),
    {0},
};

static int check(cn_layer *self)
{
    const cn_dropout_args *args = cn_layer_arguments(self);
    if (args->rate >= 0 && args->rate <= 1) {
        return 0;
    }
    if (cn__is_keras3(self->base.keras)) {
        return cn__fail(
            CN_EVALUE,
            "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
            "Received: rate=%g",
            args->rate);
    }
    return cn__fail(CN_EVALUE,
                    "Invalid value %g received for `rate`, expected a value between 0 and 1.",
                    args->rate);
}

/* y = x / (1 - rate) where the draw keeps it, else 0; x as it is outside training. */
static cn_tensor *call(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *call_args)
{
    const cn_dropout_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    if (!call_args->training || args->rate == 0) {
        return inputs[0];
    }
    cn__attrs attrs = {.i = {(int64_t)cn__layer_seed(self, args->seed, 0)}, .f = {args->rate}};
    if (args->noise_shape.v[0] != CN_NONE || cn__ints_count(&args->noise_shape) > 1) {
        int rank = cn__ints_count(&args->noise_shape);
        attrs.i[1] = rank;
        for (int i = 0; i < rank; i++) {
            attrs.i[2 + i] = args->noise_shape.v[i] == CN_NONE ? -1 : args->noise_shape.v[i];
        }
    }
    cn_tensor *counter = cn__random_counter();
    return counter ? cn__apply2(&cn__op_dropout, &attrs, inputs[0], counter) : NULL;
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    (void)self;
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    return 0;
}

CN__LAYER_CLASS(dropout, dropout, "Dropout", NULL, fields, CN_DROPOUT_DEFAULTS, .call = call,
                .compute_output_shape = output_shape, .supports_masking = true, .check = check)
