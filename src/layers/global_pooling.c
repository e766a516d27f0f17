/* GlobalMaxPooling and GlobalAveragePooling in one to three dimensions. */
#include "core/error.h"
#include "layers/spatial.h"

typedef cn_global_pooling_args args_t;

static const cn_field fields[] = {
    CN_FIELD(args_t, STRING, data_format),
    CN_FIELD(args_t, BOOL, keepdims),
    {0},
};

static int check(cn_layer *self)
{
    return cn__spatial_format(self, &((args_t *)self->base.args)->data_format);
}

/* The spatial axes; returns how many. */
static int spatial_axes(const cn_layer *self, int rank, int64_t *axes)
{
    const args_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format);
    for (int i = 0; i < rank - 2; i++) {
        axes[i] = at + i;
    }
    return rank - 2;
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    const args_t *args = cn_layer_arguments(self);
    int rank = inputs[0].rank;
    int64_t channels = inputs[0].dim[cn__channel_axis(args->data_format, rank)];
    (void)n_inputs;
    (void)max_outputs;
    if (!args->keepdims) {
        outputs[0] = cn_shape_of(inputs[0].dim[0], channels);
        return 0;
    }
    outputs[0] = inputs[0];
    for (int i = 1; i < rank; i++) {
        outputs[0].dim[i] = 1;
    }
    outputs[0].dim[cn__channel_axis(args->data_format, rank)] = channels;
    return 0;
}

/* Means and maxima of steps leave no steps to mask. */
static cn_tensor *no_mask(cn_layer *self, cn_tensor *const *inputs, int n_inputs)
{
    (void)self;
    (void)inputs;
    (void)n_inputs;
    return NULL;
}

static cn_tensor *call_max(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                           const cn_call_args *call_args)
{
    const args_t *args = cn_layer_arguments(self);
    int64_t axes[CN_MAX_RANK];
    int n = spatial_axes(self, inputs[0]->shape.rank, axes);
    (void)n_inputs;
    (void)call_args;
    return cn_max_axes(inputs[0], n, axes, args->keepdims);
}

static cn_tensor *call_average(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    const args_t *args = cn_layer_arguments(self);
    int64_t axes[CN_MAX_RANK];
    cn_tensor *x = inputs[0], *mask = x->mask;
    int n = spatial_axes(self, x->shape.rank, axes);
    (void)n_inputs;
    (void)call_args;
    if (!mask || n != 1) {
        return cn_mean_axes(x, n, axes, args->keepdims);
    }
    /* x (batch, steps, channels), mask (batch, steps): the sum of what is kept over its number. */
    int64_t step_axis = axes[0];
    cn_tensor *keep =
        cn_expand_dims(cn_cast(mask, x->dtype), cn__channels_first(args->data_format) ? 1 : 2);
    cn_tensor *sum = cn_sum_axes(cn_multiply(x, keep), 1, &step_axis, args->keepdims);
    return cn_divide(sum, cn_sum_axes(keep, 1, &step_axis, args->keepdims));
}

#define POOL(n, id, word, function, other, masks)                                                  \
    CN__LAYER_CLASS(global_##id##_pooling##n##d, global_##id##_pooling##n##d,                      \
                    "Global" word "Pooling" #n "D", "Global" other #n "D", fields,                 \
                    CN_GLOBAL_POOLING_DEFAULTS, .call = function,                                  \
                    .compute_output_shape = output_shape, .compute_mask = no_mask,                 \
                    .supports_masking = masks, .exact_rank = n + 2, .check = check)
POOL(1, max, "Max", call_max, "MaxPool", false)
POOL(2, max, "Max", call_max, "MaxPool", false)
POOL(3, max, "Max", call_max, "MaxPool", false)
POOL(1, average, "Average", call_average, "AvgPool", true)
POOL(2, average, "Average", call_average, "AvgPool", false)
POOL(3, average, "Average", call_average, "AvgPool", false)
