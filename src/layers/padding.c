/* ZeroPadding and Cropping in one to three dimensions. */
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <stdio.h>

typedef cn_zero_padding_args padding_t;
typedef cn_cropping_args cropping_t;

/* Once checked, the numbers are (before, after) for each axis. */
static const cn_field padding1[] = {
    CN_FIELD(padding_t, INTS, padding),
    CN_FIELD_FLAGS(padding_t, STRING, data_format, CN_FIELD_KERAS3),
    {0},
};
static const cn_field padding_pairs[] = {
    CN_FIELD_FLAGS(padding_t, INTS, padding, CN_FIELD_PAIRS),
    CN_FIELD(padding_t, STRING, data_format),
    {0},
};
static const cn_field cropping1[] = {
    CN_FIELD(cropping_t, INTS, cropping),
    CN_FIELD_FLAGS(cropping_t, STRING, data_format, CN_FIELD_UNSAVED),
    {0},
};
static const cn_field cropping_pairs[] = {
    CN_FIELD_FLAGS(cropping_t, INTS, cropping, CN_FIELD_PAIRS),
    CN_FIELD(cropping_t, STRING, data_format),
    {0},
};

static int axes_of(const cn_layer *self)
{
    return cn__layer_class(self)->exact_rank - 2;
}

/* Brings one number for all, one for each axis or two for each axis to the last form. */
static int expand(const cn_layer *self, cn_ints *sides, const char *argument)
{
    int n = axes_of(self), given = cn__ints_count(sides);
    bool three = cn__is_keras3(self->base.keras);
    char text[256];
    if (n == 1) {
        return cn__spatial_tuple(self, sides, 2, argument, 0);
    }
    cn__ints_text(sides, text, sizeof text);
    if (given != 1 && given != n && given != 2 * n) {
        return cn__fail(CN_EVALUE, "`%s` should have %s elements. Received: %s%s%s.", argument,
                        n == 2 ? "two" : "3", three ? argument : "", three ? "=" : "", text);
    }
    cn_ints full = {.n = 2 * n};
    for (int i = 0; i < 2 * n; i++) {
        full.v[i] = sides->v[given == 1 ? 0 : given == n ? i / 2 : i];
        if (full.v[i] < 0) {
            return cn__fail(CN_EVALUE, "`%s` cannot be negative. Received: %s=%s.", argument,
                            argument, text);
        }
    }
    *sides = full;
    return 0;
}

static int check_padding(cn_layer *self)
{
    padding_t *args = self->base.args;
    int code = expand(self, &args->padding, "padding");
    return code < 0 ? code : cn__spatial_format(self, &args->data_format);
}

static int check_cropping(cn_layer *self)
{
    cropping_t *args = self->base.args;
    /* Keras's Cropping1D knows no format: its channels are last. */
    if (axes_of(self) == 1 && !args->data_format &&
        cn__set_string(&args->data_format, "channels_last") < 0) {
        return CN_ENOMEM;
    }
    int code = expand(self, &args->cropping, "cropping");
    return code < 0 ? code : cn__spatial_format(self, &args->data_format);
}

static int padded_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    const padding_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format);
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    for (int i = 0; i < axes_of(self); i++) {
        int64_t before = args->padding.v[2 * i], after = args->padding.v[2 * i + 1];
        int64_t *length = &outputs[0].dim[at + i];
        if (before > INT64_MAX / 4 || after > INT64_MAX / 4 || *length > INT64_MAX / 4) {
            return cn__no_memory();
        }
        *length = *length < 0 ? -1 : *length + before + after;
    }
    return 0;
}

static cn_tensor *call_padding(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    const padding_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format);
    int64_t before[CN_MAX_RANK] = {0}, after[CN_MAX_RANK] = {0};
    cn_shape output;
    (void)call_args;
    if (padded_shape(self, &inputs[0]->shape, n_inputs, &output, 1) < 0) {
        return NULL;
    }
    for (int i = 0; i < axes_of(self); i++) {
        before[at + i] = args->padding.v[2 * i];
        after[at + i] = args->padding.v[2 * i + 1];
    }
    return cn_pad(inputs[0], before, after, 0);
}

/* "((1, 2), (0, 3))". */
static char *pairs_text(const cn_ints *sides, char *text, size_t size)
{
    int used = snprintf(text, size, "(");
    for (int i = 0; i + 1 < sides->n && used < (int)size - 50; i += 2) {
        used += snprintf(text + used, size - (size_t)used, "%s(%lld, %lld)", i ? ", " : "",
                         (long long)sides->v[i], (long long)sides->v[i + 1]);
    }
    snprintf(text + used, size - (size_t)used, ")");
    return text;
}

static int too_much(const cn_layer *self, const cn_shape *input)
{
    const cropping_t *args = cn_layer_arguments(self);
    bool three = cn__is_keras3(self->base.keras);
    char shape[256], sides[256];
    cn__shape_text(input, shape, sizeof shape);
    if (axes_of(self) == 1) {
        cn__ints_text(&args->cropping, sides, sizeof sides);
        return three ? cn__fail(CN_EVALUE,
                                "`cropping` parameter of `Cropping1D` layer must be smaller than "
                                "the input length. Received: input_shape=%s, cropping=%s",
                                shape, sides)
                     : cn__fail(CN_EVALUE,
                                "cropping parameter of Cropping layer must be greater than the "
                                "input shape. Received: inputs.shape=%s, and cropping=%s",
                                shape, sides);
    }
    pairs_text(&args->cropping, sides, sizeof sides);
    return three ? cn__fail(CN_EVALUE,
                            "Values in `cropping` argument should be smaller than the "
                            "corresponding spatial dimension of the input. Received: "
                            "input_shape=%s, cropping=%s",
                            shape, sides)
                 : cn__fail(CN_EVALUE,
                            "Argument `cropping` must be greater than the input shape. Received: "
                            "inputs.shape=%s, and cropping=%s",
                            shape, sides);
}

static int cropped_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                         int max_outputs)
{
    const cropping_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format);
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    for (int i = 0; i < axes_of(self); i++) {
        int64_t before = args->cropping.v[2 * i], after = args->cropping.v[2 * i + 1];
        int64_t *length = &outputs[0].dim[at + i];
        if (*length >= 0 && (before >= *length || after >= *length - before)) {
            return too_much(self, &inputs[0]);
        }
        *length = *length < 0 ? -1 : *length - before - after;
    }
    return 0;
}

static cn_tensor *call_cropping(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                const cn_call_args *call_args)
{
    const cropping_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format);
    cn_tensor *x = inputs[0];
    cn_shape output;
    (void)call_args;
    if (cropped_shape(self, &x->shape, n_inputs, &output, 1) < 0) {
        return NULL;
    }
    for (int i = 0; x && i < axes_of(self); i++) {
        int64_t before = args->cropping.v[2 * i], after = args->cropping.v[2 * i + 1];
        if (before || after) {
            x = cn_slice(x, at + i, before, after ? -after : CN_END, 1);
        }
    }
    return x;
}

#define PADDING(n, table)                                                                          \
    CN__LAYER_CLASS(zero_padding##n##d, zero_padding##n##d, "ZeroPadding" #n "D", NULL, table,     \
                    CN_ZERO_PADDING_DEFAULTS, .call = call_padding,                                \
                    .compute_output_shape = padded_shape, .exact_rank = n + 2,                     \
                    .check = check_padding)
PADDING(1, padding1)
PADDING(2, padding_pairs)
PADDING(3, padding_pairs)

/* The defaults by half a name, as a whole one would be expanded too early. */
#define CROPPING(n, table, word)                                                                   \
    CN__LAYER_CLASS(cropping##n##d, cropping##n##d, "Cropping" #n "D", NULL, table,                \
                    CN_##word##_DEFAULTS, .call = call_cropping,                                   \
                    .compute_output_shape = cropped_shape, .exact_rank = n + 2,                    \
                    .check = check_cropping)
CROPPING(1, cropping1, CROPPING)
CROPPING(2, cropping_pairs, CROPPING2D)
CROPPING(3, cropping_pairs, CROPPING)
