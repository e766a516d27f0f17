/* GroupNormalization and UnitNormalization. */
#include "core/error.h"
#include "core/shape.h"
#include "layers/spatial.h"

typedef cn_group_normalization_args group_t;
typedef cn_unit_normalization_args unit_t;

static const cn_field group_fields[] = {
    CN_FIELD(group_t, INT64, groups),
    CN_FIELD(group_t, INT64, axis),
    CN_FIELD(group_t, DOUBLE, epsilon),
    CN_FIELD(group_t, BOOL, center),
    CN_FIELD(group_t, BOOL, scale),
    CN_FIELD(group_t, INITIALIZER, beta_initializer),
    CN_FIELD(group_t, INITIALIZER, gamma_initializer),
    CN_FIELD(group_t, REGULARIZER, beta_regularizer),
    CN_FIELD(group_t, REGULARIZER, gamma_regularizer),
    CN_FIELD(group_t, CONSTRAINT, beta_constraint),
    CN_FIELD(group_t, CONSTRAINT, gamma_constraint),
    {0},
};
static const cn_field unit_fields[] = {
    CN_FIELD_FLAGS(unit_t, INTS, axis, CN_FIELD_AS_GIVEN),
    {0},
};

static int check_group(cn_layer *self)
{
    const group_t *args = cn_layer_arguments(self);
    return args->groups > 0 || args->groups == -1
               ? 0
               : cn__fail(CN_EVALUE,
                          "GroupNormalization: `groups` must be a positive integer or -1. "
                          "Received: groups=%lld",
                          (long long)args->groups);
}

static int build_group(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    group_t *args = self->base.args;
    char text[256];
    (void)n_inputs;
    int axis = cn__axis(args->axis, inputs[0].rank, "GroupNormalization");
    if (axis < 0) {
        return axis;
    }
    cn_shape shape = cn_shape_of(inputs[0].dim[axis]);
    if (shape.dim[0] < 0 || axis == 0) {
        return cn__fail(CN_EVALUE,
                        "Axis %lld of input tensor should have a defined dimension but the layer "
                        "received an input with shape %s.",
                        (long long)args->axis, cn__shape_text(&inputs[0], text, sizeof text));
    }
    if (args->groups == -1) {
        args->groups = shape.dim[0];
    }
    if (shape.dim[0] < args->groups) {
        return cn__fail(
            CN_EVALUE, "Number of groups (%lld) cannot be more than the number of channels (%lld).",
            (long long)args->groups, (long long)shape.dim[0]);
    }
    if (shape.dim[0] % args->groups) {
        return cn__fail(
            CN_EVALUE,
            "Number of groups (%lld) must be a multiple of the number of channels (%lld).",
            (long long)args->groups, (long long)shape.dim[0]);
    }
    if (args->scale) {
        cn_layer_add_weight(
            self, .name = "gamma", .shape_of = &shape, .initializer = args->gamma_initializer,
            .regularizer = args->gamma_regularizer, .constraint = args->gamma_constraint);
    }
    if (args->center) {
        cn_layer_add_weight(
            self, .name = "beta", .shape_of = &shape, .initializer = args->beta_initializer,
            .regularizer = args->beta_regularizer, .constraint = args->beta_constraint);
    }
    return cn__pending() ? cn_error_code() : cn__layer_rule(self, (int)args->axis, shape.dim[0]);
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

/* x with one length split in two, (…, channels, …) to (…, groups, channels / groups, …), or back.
 */
static cn_tensor *regroup(cn_tensor *x, const cn_shape *shape)
{
    int64_t lengths[CN_MAX_RANK];
    int unknown = 0;
    for (int i = 0; i < shape->rank; i++) {
        lengths[i] = shape->dim[i];
        unknown += shape->dim[i] < 0;
    }
    if (unknown > 1) {
        char text[256];
        cn__fail(CN_EVALUE, "GroupNormalization: more than one length is not known in %s",
                 cn__shape_text(shape, text, sizeof text));
        return NULL;
    }
    return cn_reshape_to(x, shape->rank, lengths);
}

/* y = (x - mean) / sqrt(variance + epsilon) gamma + beta, mean and variance over all of a sample's
 * group. */
static cn_tensor *call_group(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                             const cn_call_args *call_args)
{
    const group_t *args = cn_layer_arguments(self);
    cn_shape input = inputs[0]->shape, grouped = {.rank = input.rank + 1};
    int axis = cn__axis(args->axis, input.rank, "GroupNormalization"), n = 0, next = 0;
    int64_t axes[CN_MAX_RANK], channel[CN_MAX_RANK];
    (void)n_inputs;
    (void)call_args;
    if (axis < 0 || grouped.rank > CN_MAX_RANK) {
        cn__fail(CN_EVALUE, "GroupNormalization: more than %d axes", CN_MAX_RANK - 1);
        return NULL;
    }
    for (int i = 0; i < grouped.rank; i++) {
        grouped.dim[i] = i == axis       ? args->groups
                         : i == axis + 1 ? input.dim[axis] / args->groups
                                         : input.dim[i < axis ? i : i - 1];
        channel[i] = i == axis || i == axis + 1 ? grouped.dim[i] : 1;
        if (i > 0 && i != axis) {
            axes[n++] = i;
        }
    }
    bool wide = inputs[0]->dtype == CN_FLOAT64 || inputs[0]->dtype == CN_FLOAT32;
    cn_tensor *x = regroup(wide ? inputs[0] : cn_cast(inputs[0], CN_FLOAT32), &grouped);
    if (!x) {
        return NULL;
    }
    cn_tensor *y = cn_subtract(x, cn_mean_axes(x, n, axes, true));
    cn_tensor *variance = cn_mean_axes(cn_square(y), n, axes, true);
    y = cn_multiply(y, cn_rsqrt(cn_add(variance, args->epsilon)));
    if (args->scale) {
        y = cn_multiply(
            y, cn_reshape_to(cn_cast(self->weights[next++], x->dtype), grouped.rank, channel));
    }
    if (args->center) {
        y = cn_add(y, cn_reshape_to(cn_cast(self->weights[next], x->dtype), grouped.rank, channel));
    }
    return y ? cn__compute_cast(self, regroup(y, &input)) : NULL;
}

/* x / max(norm, 1e-12), in Keras 2 1e-6: a vector of zeros stays one, and its gradient is as many
 * times larger. */
static cn_tensor *call_unit(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                            const cn_call_args *call_args)
{
    const unit_t *args = cn_layer_arguments(self);
    cn_tensor *x = cn__compute_cast(self, inputs[0]);
    (void)n_inputs;
    (void)call_args;
    cn_tensor *square =
        x ? cn_sum_axes(cn_square(x), cn__ints_count(&args->axis), args->axis.v, true) : NULL;
    double least = cn__is_keras3(self->base.keras) ? 1e-24 : 1e-12;
    return square ? cn_multiply(x, cn_rsqrt(cn_maximum(square, least))) : NULL;
}

CN__LAYER_CLASS(group_normalization, group_normalization, "GroupNormalization", NULL, group_fields,
                CN_GROUP_NORMALIZATION_DEFAULTS, .build = build_group, .call = call_group,
                .compute_output_shape = output_shape, .supports_masking = true, .min_rank = 2,
                .check = check_group)
CN__LAYER_CLASS(unit_normalization, unit_normalization, "UnitNormalization", NULL, unit_fields,
                CN_UNIT_NORMALIZATION_DEFAULTS, .call = call_unit,
                .compute_output_shape = output_shape, .supports_masking = true)
