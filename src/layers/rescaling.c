/* Rescaling, and InputLayer, which only says what comes in. */
#include "core/error.h"
#include "layers/layer.h"

static const cn_field rescaling_fields[] = {
    CN_FIELD(cn_rescaling_args, DOUBLE, scale),
    CN_FIELD(cn_rescaling_args, DOUBLE, offset),
    {0},
};
/* Written by cn__layer_write_config, which has its own order. */
static const cn_field input_fields[] = {
    {"batch_shape", CN_FIELD_INTS, offsetof(cn_input_layer_args, batch_input_shape),
     CN_FIELD_UNSAVED, NULL},
    CN_FIELD_FLAGS(cn_input_layer_args, BOOL, sparse, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn_input_layer_args, BOOL, ragged, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn_input_layer_args, BOOL, optional, CN_FIELD_UNSAVED),
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

static cn_tensor *call_rescaling(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                 const cn_call_args *call_args)
{
    const cn_rescaling_args *args = cn_layer_arguments(self);
    cn_tensor *x = inputs[0];
    (void)n_inputs;
    (void)call_args;
    x = x->dtype == self->compute_dtype ? x : cn_cast(x, self->compute_dtype);
    return cn_add(cn_multiply(x, args->scale), args->offset);
}

static cn_tensor *call_input(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                             const cn_call_args *call_args)
{
    (void)self;
    (void)n_inputs;
    (void)call_args;
    return inputs[0];
}

CN__LAYER_CLASS(rescaling, rescaling, "Rescaling", NULL, rescaling_fields, CN_RESCALING_DEFAULTS,
                .call = call_rescaling, .compute_output_shape = output_shape,
                .supports_masking = true)
CN__LAYER_CLASS(input_layer, input_layer, "InputLayer", NULL, input_fields, CN_INPUT_LAYER_DEFAULTS,
                .call = call_input, .compute_output_shape = output_shape, .supports_masking = true)
