/* LayerNormalization and RMSNormalization. */
#include "core/error.h"
#include "core/shape.h"
#include "layers/spatial.h"

typedef cn_layer_normalization_args layer_t;
typedef cn_rms_normalization_args rms_t;

static const cn_field layer_fields[] = {
    CN_FIELD_FLAGS(layer_t, INTS, axis, CN_FIELD_AXES | CN_FIELD_SCALAR),
    CN_FIELD(layer_t, DOUBLE, epsilon),
    CN_FIELD(layer_t, BOOL, center),
    CN_FIELD(layer_t, BOOL, scale),
    CN_FIELD_FLAGS(layer_t, BOOL, rms_scaling, CN_FIELD_KERAS3),
    CN_FIELD(layer_t, INITIALIZER, beta_initializer),
    CN_FIELD(layer_t, INITIALIZER, gamma_initializer),
    CN_FIELD(layer_t, REGULARIZER, beta_regularizer),
    CN_FIELD(layer_t, REGULARIZER, gamma_regularizer),
    CN_FIELD(layer_t, CONSTRAINT, beta_constraint),
    CN_FIELD(layer_t, CONSTRAINT, gamma_constraint),
    {0},
};
static const cn_field rms_fields[] = {
    CN_FIELD_FLAGS(rms_t, INTS, axis, CN_FIELD_AXES | CN_FIELD_SCALAR),
    CN_FIELD(rms_t, DOUBLE, epsilon),
    {0},
};

/* The axes counted from the front, in order, and a shape with their lengths and 1 elsewhere. */
typedef struct over {
    int n;
    int64_t axes[CN_MAX_RANK];
    cn_shape lengths, spread;
} over;

static int find_axes(const cn_layer *self, const cn_ints *given, const cn_shape *input, over *o)
{
    bool seen[CN_MAX_RANK] = {false};
    o->n = cn__ints_count(given);
    o->lengths = (cn_shape){0};
    o->spread = (cn_shape){.rank = input->rank};
    for (int i = 0; i < o->n; i++) {
        int64_t axis = given->v[i] + (given->v[i] < 0 ? input->rank : 0);
        if (axis < 0 || axis >= input->rank || seen[axis]) {
            char text[256], axes[256];
            return cn__fail(CN_EVALUE,
                            "Axis %lld is out of bounds for input shape %s. Received: axis=%s",
                            (long long)given->v[i], cn__shape_text(input, text, sizeof text),
                            cn__ints_text(given, axes, sizeof axes));
        }
        seen[axis] = true;
    }
    o->n = 0;
    for (int i = 0; i < input->rank; i++) {
        o->spread.dim[i] = seen[i] ? input->dim[i] : 1;
        if (!seen[i]) {
            continue;
        }
        if (input->dim[i] < 0) {
            char text[256];
            return cn__fail(CN_EVALUE,
                            "Layer \"%s\": the lengths of the normalized axes must be known. "
                            "Received input shape %s",
                            self->base.name, cn__shape_text(input, text, sizeof text));
        }
        o->axes[o->n++] = i;
        o->lengths.dim[o->lengths.rank++] = input->dim[i];
    }
    return 0;
}

static int build_layer(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const layer_t *args = cn_layer_arguments(self);
    over o;
    (void)n_inputs;
    if (find_axes(self, &args->axis, &inputs[0], &o) < 0) {
        return cn_error_code();
    }
    if (args->scale || args->rms_scaling) {
        cn_layer_add_weight(
            self, .name = "gamma", .shape_of = &o.lengths, .initializer = args->gamma_initializer,
            .regularizer = args->gamma_regularizer, .constraint = args->gamma_constraint);
    }
    if (args->center && !args->rms_scaling) {
        cn_layer_add_weight(
            self, .name = "beta", .shape_of = &o.lengths, .initializer = args->beta_initializer,
            .regularizer = args->beta_regularizer, .constraint = args->beta_constraint);
    }
    return cn__pending() ? cn_error_code() : 0;
}

static int build_rms(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const rms_t *args = cn_layer_arguments(self);
    over o;
    (void)n_inputs;
    if (find_axes(self, &args->axis, &inputs[0], &o) < 0) {
        return cn_error_code();
    }
    cn_layer_add_weight(self, .name = "scale", .shape_of = &o.lengths, .initializer = "ones");
    return cn__pending() ? cn_error_code() : 0;
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

/* Half-width floats and whole numbers are normalized as float32. */
static cn_tensor *widen(cn_tensor *x)
{
    return x->dtype == CN_FLOAT64 || x->dtype == CN_FLOAT32 ? x : cn_cast(x, CN_FLOAT32);
}

/* A weight of the normalized axes' lengths, so that it broadcasts against x. */
static cn_tensor *spread(const over *o, cn_tensor *weight, const cn_tensor *x)
{
    cn_tensor *w = weight->dtype == x->dtype ? weight : cn_cast(weight, x->dtype);
    bool last = o->axes[0] == x->shape.rank - o->n; /* broadcasting aligns them by itself */
    return !w || last ? w : cn_reshape_to(w, o->spread.rank, o->spread.dim);
}

/* y = (x - mean) / sqrt(variance + epsilon) gamma + beta; or x / sqrt(variance + epsilon) gamma. */
static cn_tensor *call_layer(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                             const cn_call_args *call_args)
{
    const layer_t *args = cn_layer_arguments(self);
    cn_tensor *x = widen(inputs[0]);
    over o;
    int next = 0;
    (void)n_inputs;
    (void)call_args;
    if (!x || find_axes(self, &args->axis, &x->shape, &o) < 0) {
        return NULL;
    }
    cn_tensor *centred = cn_subtract(x, cn_mean_axes(x, o.n, o.axes, true));
    cn_tensor *variance = cn_mean_axes(cn_square(centred), o.n, o.axes, true);
    cn_tensor *y =
        cn_multiply(args->rms_scaling ? x : centred, cn_rsqrt(cn_add(variance, args->epsilon)));
    if (y && (args->scale || args->rms_scaling)) {
        y = cn_multiply(y, spread(&o, self->weights[next++], x));
    }
    if (y && args->center && !args->rms_scaling) {
        y = cn_add(y, spread(&o, self->weights[next], x));
    }
    return cn__compute_cast(self, y);
}

/* y = x / sqrt(mean of x² + epsilon) scale. */
static cn_tensor *call_rms(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                           const cn_call_args *call_args)
{
    const rms_t *args = cn_layer_arguments(self);
    cn_tensor *x = widen(inputs[0]);
    over o;
    (void)n_inputs;
    (void)call_args;
    if (!x || find_axes(self, &args->axis, &x->shape, &o) < 0) {
        return NULL;
    }
    cn_tensor *power = cn_mean_axes(cn_square(x), o.n, o.axes, true);
    cn_tensor *y = cn_multiply(x, cn_rsqrt(cn_add(power, args->epsilon)));
    return y ? cn__compute_cast(self, cn_multiply(y, spread(&o, self->weights[0], x))) : NULL;
}

CN__LAYER_CLASS(layer_normalization, layer_normalization, "LayerNormalization", NULL, layer_fields,
                CN_LAYER_NORMALIZATION_DEFAULTS, .build = build_layer, .call = call_layer,
                .compute_output_shape = output_shape, .supports_masking = true, .min_rank = 1)
CN__LAYER_CLASS(rms_normalization, rms_normalization, "RMSNormalization", NULL, rms_fields,
                CN_RMS_NORMALIZATION_DEFAULTS, .build = build_rms, .call = call_rms,
                .compute_output_shape = output_shape, .supports_masking = true, .min_rank = 1)
