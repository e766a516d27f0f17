/* SpatialDropout, GaussianNoise, GaussianDropout, AlphaDropout, and ActivityRegularization. */
#include "core/error.h"
#include "core/op.h"
#include "layers/spatial.h"
#include "ops/op.h"

#include <cornu/regularizers.h>

#include <math.h>

typedef cn_spatial_dropout_args spatial_t;

/* Keras 3's order is its own: see cn__layer_write_config. */
static const cn_field spatial1_fields[] = {
    CN_FIELD(spatial_t, DOUBLE, rate),
    CN_FIELD_FLAGS(spatial_t, INTS, noise_shape, CN_FIELD_KERAS2),
    CN_FIELD(spatial_t, INT64, seed),
    CN_FIELD_FLAGS(spatial_t, STRING, data_format, CN_FIELD_UNSAVED),
    {0},
};
static const cn_field spatial_fields[] = {
    CN_FIELD(spatial_t, DOUBLE, rate),
    CN_FIELD_FLAGS(spatial_t, INTS, noise_shape, CN_FIELD_KERAS2),
    CN_FIELD(spatial_t, INT64, seed),
    CN_FIELD_FLAGS(spatial_t, STRING, data_format, CN_FIELD_KERAS3),
    {0},
};
static const cn_field noise_fields[] = {
    CN_FIELD(cn_gaussian_noise_args, DOUBLE, stddev),
    CN_FIELD(cn_gaussian_noise_args, INT64, seed),
    {0},
};
static const cn_field gaussian_fields[] = {
    CN_FIELD(cn_gaussian_dropout_args, DOUBLE, rate),
    CN_FIELD(cn_gaussian_dropout_args, INT64, seed),
    {0},
};
static const cn_field alpha_fields[] = {
    CN_FIELD(cn_alpha_dropout_args, DOUBLE, rate),
    CN_FIELD(cn_alpha_dropout_args, INT64, seed),
    CN_FIELD_FLAGS(cn_alpha_dropout_args, INTS, noise_shape, CN_FIELD_KERAS3),
    {0},
};
static const cn_field activity_fields[] = {
    CN_FIELD(cn_activity_regularization_args, DOUBLE, l1),
    CN_FIELD(cn_activity_regularization_args, DOUBLE, l2),
    CN_FIELD_FLAGS(cn_activity_regularization_args, REGULARIZER, activity_regularizer,
                   CN_FIELD_UNSAVED),
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

static int check_rate(const cn_layer *self, double rate)
{
    if (rate >= 0 && rate <= 1) {
        return 0;
    }
    if (cn__is_keras3(self->base.keras)) {
        return cn__fail(CN_EVALUE,
                        "Invalid value received for argument `rate`. Expected a float value "
                        "between 0 and 1. Received: rate=%g",
                        rate);
    }
    return cn__fail(
        CN_EVALUE, "Invalid value %g received for `rate`, expected a value between 0 and 1.", rate);
}

static int check_spatial(cn_layer *self)
{
    spatial_t *args = self->base.args;
    bool one = cn__layer_class(self)->exact_rank == 3;
    int code = check_rate(self, args->rate);
    if (code == 0 && one && !args->data_format) {
        code = cn__set_string(&args->data_format, "channels_last");
    }
    return code < 0 ? code : cn__spatial_format(self, &args->data_format);
}

/* One draw for a sample's channel, shared by all its positions. */
static cn_tensor *call_spatial(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    const spatial_t *args = cn_layer_arguments(self);
    int rank = inputs[0]->shape.rank;
    (void)n_inputs;
    if (!call_args->training || args->rate == 0) {
        return inputs[0];
    }
    cn__attrs attrs = {.i = {(int64_t)cn__layer_seed(self, args->seed, 0), rank},
                       .f = {args->rate}};
    for (int i = 0; i < rank; i++) {
        attrs.i[2 + i] = i == 0 || i == cn__channel_axis(args->data_format, rank) ? -1 : 1;
    }
    cn_tensor *counter = cn__random_counter();
    return counter ? cn__apply2(&cn__op_dropout, &attrs, inputs[0], counter) : NULL;
}

/* A draw in the shape of x, or of a noise shape that broadcasts against it. */
static cn_tensor *draw(cn_layer *self, const cn__op *op, int64_t seed, const cn_ints *shape,
                       double a, double b, cn_tensor *x)
{
    cn__attrs attrs = {.i = {(int64_t)cn__layer_seed(self, seed, 0), -1}, .f = {a, b}};
    int n = shape ? cn__ints_count(shape) : 0;
    if (shape && !(n == 1 && shape->v[0] == CN_NONE)) {
        attrs.i[1] = n;
        for (int i = 0; i < n; i++) {
            attrs.i[2 + i] = shape->v[i] == CN_NONE ? -1 : shape->v[i];
        }
    }
    attrs.i[10] = x->dtype;
    cn_tensor *counter = cn__random_counter();
    return counter ? cn__apply2(op, &attrs, counter, x) : NULL;
}

static int check_noise(cn_layer *self)
{
    const cn_gaussian_noise_args *args = cn_layer_arguments(self);
    return args->stddev >= 0
               ? 0
               : cn__fail(CN_EVALUE,
                          "Invalid value received for argument `stddev`. Expected a float value "
                          "between 0 and 1. Received: stddev=%g",
                          args->stddev);
}

static cn_tensor *call_noise(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                             const cn_call_args *call_args)
{
    const cn_gaussian_noise_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    if (!call_args->training || args->stddev == 0) {
        return inputs[0];
    }
    cn_tensor *x = cn__compute_cast(self, inputs[0]);
    return x ? cn_add(x, draw(self, &cn__op_random_normal, args->seed, NULL, 0, args->stddev, x))
             : NULL;
}

static int check_gaussian(cn_layer *self)
{
    return check_rate(self, ((const cn_gaussian_dropout_args *)cn_layer_arguments(self))->rate);
}

/* A rate of 1 would want an infinite deviation: as in tf.keras nothing is done then. */
static cn_tensor *call_gaussian(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                const cn_call_args *call_args)
{
    const cn_gaussian_dropout_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    if (!call_args->training || args->rate == 0 || args->rate == 1) {
        return inputs[0];
    }
    cn_tensor *x = cn__compute_cast(self, inputs[0]);
    double deviation = sqrt(args->rate / (1 - args->rate));
    return x ? cn_multiply(x, draw(self, &cn__op_random_normal, args->seed, NULL, 1, deviation, x))
             : NULL;
}

static int check_alpha(cn_layer *self)
{
    return check_rate(self, ((const cn_alpha_dropout_args *)cn_layer_arguments(self))->rate);
}

/* y = a (x kept + limit (1 - kept)) + b; a and b bring mean and variance back to 0 and 1. */
static cn_tensor *call_alpha(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                             const cn_call_args *call_args)
{
    const cn_alpha_dropout_args *args = cn_layer_arguments(self);
    const double limit = -1.7580993408473766; /* -scale alpha of selu */
    (void)n_inputs;
    if (!call_args->training || args->rate == 0 || args->rate == 1) {
        return inputs[0];
    }
    cn_tensor *x = cn__compute_cast(self, inputs[0]);
    double a = 1 / sqrt((1 - args->rate) * (1 + args->rate * limit * limit));
    double b = -a * limit * args->rate;
    cn_tensor *kept = x ? draw(self, &cn__op_random_bernoulli_like, args->seed, &args->noise_shape,
                               1 - args->rate, 0, x)
                        : NULL;
    if (!kept) {
        return NULL;
    }
    cn_tensor *mixed = cn_add(cn_multiply(x, kept), cn_multiply(cn_subtract(1.0, kept), limit));
    return cn_add(cn_multiply(mixed, a), b);
}

/* The regularizer that call.c applies to every layer's output that has one. */
static int check_activity(cn_layer *self)
{
    cn_activity_regularization_args *args = self->base.args;
    if (!args->activity_regularizer) {
        args->activity_regularizer = cn__ref(cn_regularizer_l1_l2(.l1 = args->l1, .l2 = args->l2));
    }
    return args->activity_regularizer ? 0 : cn_error_code();
}

static cn_tensor *call_activity(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                const cn_call_args *call_args)
{
    (void)self;
    (void)n_inputs;
    (void)call_args;
    return inputs[0];
}

#define SPATIAL(n, table)                                                                          \
    CN__LAYER_CLASS(spatial_dropout##n##d, spatial_dropout##n##d, "SpatialDropout" #n "D", NULL,   \
                    table, CN_SPATIAL_DROPOUT_DEFAULTS, .call = call_spatial,                      \
                    .compute_output_shape = output_shape, .supports_masking = true,                \
                    .exact_rank = n + 2, .check = check_spatial)
SPATIAL(1, spatial1_fields)
SPATIAL(2, spatial_fields)
SPATIAL(3, spatial_fields)
CN__LAYER_CLASS(gaussian_noise, gaussian_noise, "GaussianNoise", NULL, noise_fields,
                CN_GAUSSIAN_NOISE_DEFAULTS, .call = call_noise,
                .compute_output_shape = output_shape, .supports_masking = true,
                .check = check_noise)
CN__LAYER_CLASS(gaussian_dropout, gaussian_dropout, "GaussianDropout", NULL, gaussian_fields,
                CN_GAUSSIAN_DROPOUT_DEFAULTS, .call = call_gaussian,
                .compute_output_shape = output_shape, .supports_masking = true,
                .check = check_gaussian)
CN__LAYER_CLASS(alpha_dropout, alpha_dropout, "AlphaDropout", NULL, alpha_fields,
                CN_ALPHA_DROPOUT_DEFAULTS, .call = call_alpha, .compute_output_shape = output_shape,
                .supports_masking = true, .check = check_alpha)
CN__LAYER_CLASS(activity_regularization, activity_regularization, "ActivityRegularization", NULL,
                activity_fields, CN_ACTIVITY_REGULARIZATION_DEFAULTS, .call = call_activity,
                .compute_output_shape = output_shape, .supports_masking = true,
                .check = check_activity)
