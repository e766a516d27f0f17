/* BatchNormalization, with batch renormalization. */
#include "core/error.h"
#include "layers/layer.h"
#include "ops/op.h"

#include <math.h>

typedef cn_batch_normalization_args args_t;

static const cn_field fields[] = {
    CN_FIELD_FLAGS(args_t, INT64, axis, CN_FIELD_AXES),
    CN_FIELD(args_t, DOUBLE, momentum),
    CN_FIELD(args_t, DOUBLE, epsilon),
    CN_FIELD(args_t, BOOL, center),
    CN_FIELD(args_t, BOOL, scale),
    CN_FIELD(args_t, INITIALIZER, beta_initializer),
    CN_FIELD(args_t, INITIALIZER, gamma_initializer),
    CN_FIELD(args_t, INITIALIZER, moving_mean_initializer),
    CN_FIELD(args_t, INITIALIZER, moving_variance_initializer),
    CN_FIELD(args_t, REGULARIZER, beta_regularizer),
    CN_FIELD(args_t, REGULARIZER, gamma_regularizer),
    CN_FIELD(args_t, CONSTRAINT, beta_constraint),
    CN_FIELD(args_t, CONSTRAINT, gamma_constraint),
    CN_FIELD_FLAGS(args_t, BOOL, synchronized, CN_FIELD_KERAS3),
    CN_FIELD_FLAGS(args_t, BOOL, renorm, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(args_t, DOUBLE, renorm_momentum, CN_FIELD_UNSAVED),
    {0},
};

/* Weights by what they are; those that the arguments leave out are NULL. */
typedef struct weights {
    cn_tensor *gamma, *beta, *mean, *variance, *stddev, *renorm_mean, *renorm_stddev;
} weights;

static weights own_weights(const cn_layer *self)
{
    const args_t *args = cn_layer_arguments(self);
    weights w = {0};
    int i = 0;
    w.gamma = args->scale ? self->weights[i++] : NULL;
    w.beta = args->center ? self->weights[i++] : NULL;
    w.mean = self->weights[i++];
    w.variance = self->weights[i++];
    if (args->renorm) {
        w.stddev = self->weights[i++];
        w.renorm_mean = self->weights[i++];
        w.renorm_stddev = self->weights[i];
    }
    return w;
}

/* A deviation begins as the root of what a variance begins as. */
static int add_deviation(cn_layer *self, const char *name, const cn_shape *shape,
                         cn_identifier variance_initializer)
{
    cn_tensor *w = cn_layer_add_weight(self, .name = name, .shape_of = shape,
                                       .initializer = variance_initializer, .trainable = false);
    void *data = w ? cn__data_write(w) : NULL;
    for (int64_t i = 0; data && i < cn__size(w); i++) {
        cn__write(w->dtype, data, i, sqrt(cn__read(w->dtype, data, i)));
    }
    return data ? 0 : cn_error_code();
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const args_t *args = cn_layer_arguments(self);
    (void)n_inputs;
    int axis = cn__axis(args->axis, inputs[0].rank, "BatchNormalization");
    if (axis < 0) {
        return axis;
    }
    cn_shape shape = cn_shape_of(inputs[0].dim[axis]);
    if (shape.dim[0] < 0) {
        char text[256];
        return cn__fail(
            CN_EVALUE,
            "Input has undefined `axis` dimension. Received input with shape %s and axis=%lld",
            cn__shape_text(&inputs[0], text, sizeof text), (long long)args->axis);
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
    cn_layer_add_weight(self, .name = "moving_mean", .shape_of = &shape,
                        .initializer = args->moving_mean_initializer, .trainable = false);
    cn_layer_add_weight(self, .name = "moving_variance", .shape_of = &shape,
                        .initializer = args->moving_variance_initializer, .trainable = false);
    if (args->renorm) {
        add_deviation(self, "moving_stddev", &shape, args->moving_variance_initializer);
        cn_layer_add_weight(self, .name = "renorm_mean", .shape_of = &shape,
                            .initializer = args->moving_mean_initializer, .trainable = false);
        add_deviation(self, "renorm_stddev", &shape, args->moving_variance_initializer);
    }
    return cn__pending() ? cn_error_code() : cn__layer_rule(self, (int)args->axis, shape.dim[0]);
}

/* What one call works with: x (batch, …), the axes that are summed over, the length of `axis`. */
typedef struct moments_of {
    cn_tensor *x, *mask;
    int axis, n_axes;
    int64_t axes[CN_MAX_RANK];
    int keras;
} moments_of;

/* (n) to (1, …, n, …, 1), unless `axis` is the last, where broadcasting does it. */
static cn_tensor *spread(const moments_of *m, cn_tensor *t)
{
    int rank = m->x->shape.rank;
    if (!t || m->axis == rank - 1) {
        return t;
    }
    int64_t shape[CN_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        shape[i] = i == m->axis ? t->shape.dim[0] : 1;
    }
    return cn_reshape_to(t, rank, shape);
}

static int masked_moments(const moments_of *m, cn_tensor **mean, cn_tensor **variance)
{
    if (m->mask->shape.rank != m->x->shape.rank - 1) {
        char mask[256], x[256];
        return cn__fail(CN_EVALUE,
                        "The mask provided should be one dimension less than the inputs. Received: "
                        "mask.shape=%s, inputs.shape=%s",
                        cn__shape_text(&m->mask->shape, mask, sizeof mask),
                        cn__shape_text(&m->x->shape, x, sizeof x));
    }
    cn_tensor *keep = cn_cast(cn_expand_dims(m->mask, -1), m->x->dtype);
    cn_tensor *weight = cn_add(cn_zeros_like(m->x), keep);
    cn_tensor *total = cn_sum_axes(weight, m->n_axes, m->axes, false);
    if (cn__is_keras3(m->keras)) {
        total = cn_add(total, cn_epsilon());
    }
    *mean = cn_divide(cn_sum_axes(cn_multiply(m->x, weight), m->n_axes, m->axes, false), total);
    cn_tensor *off = cn_multiply(cn_square(cn_subtract(m->x, spread(m, *mean))), weight);
    *variance = cn_divide(cn_sum_axes(off, m->n_axes, m->axes, false), total);
    return cn__pending() ? cn_error_code() : 0;
}

/* The batch's mean and biased variance, (n) each. */
static int moments(const moments_of *m, cn_tensor **mean, cn_tensor **variance)
{
    if (m->mask) {
        return masked_moments(m, mean, variance);
    }
    return cn_moments_axes(m->x, m->n_axes, m->axes, false, mean, variance);
}

/* variable = variable · momentum + value · (1 - momentum) */
static int move(cn_tensor *variable, cn_tensor *value, double momentum)
{
    if (!variable || !value) {
        return cn_error_code();
    }
    cn_tensor *kept = cn_multiply(variable, momentum);
    cn_tensor *fresh = cn_multiply(cn_cast(cn_stop_gradient(value), variable->dtype), 1 - momentum);
    return cn_assign(variable, cn_add(kept, fresh));
}

/* tf.keras's fused kernel gives the moving variance of rank 4 and 5 the divisor n - 1. */
static cn_tensor *moved_variance(const moments_of *m, cn_tensor *variance)
{
    int rank = m->x->shape.rank;
    bool fused = (rank == 4 || rank == 5) && (m->axis == 1 || m->axis == rank - 1) && !m->mask;
    if (!fused || cn__is_keras3(m->keras)) {
        return variance;
    }
    cn__attrs attrs = {.i = {0, m->n_axes}};
    for (int i = 0; i < m->n_axes; i++) {
        attrs.i[2 + i] = m->axes[i];
    }
    cn_tensor *n = cn_cast(cn__apply1(&cn__op_count_like, &attrs, m->x), m->x->dtype);
    cn_tensor *divisor = n ? cn_maximum(cn_subtract(n, 1.0), 1.0) : NULL;
    return divisor ? cn_multiply(variance, cn_divide(n, divisor)) : NULL;
}

static cn_tensor *clipped(cn_tensor *t, double low, double high)
{
    if (!isnan(low)) {
        t = cn_maximum(t, low);
    }
    return isnan(high) ? t : cn_minimum(t, high);
}

/* Batch renormalization: gamma and beta take the corrections r and d towards the moving moments,
 * which gradients do not see. */
static int renormalise(const args_t *args, const weights *w, cn_tensor *mean, cn_tensor *variance,
                       cn_tensor **gamma, cn_tensor **beta)
{
    cn_tensor *stddev = cn_sqrt(cn_add(variance, args->epsilon));
    cn_tensor *moving = cn_maximum(w->renorm_stddev, sqrt(args->epsilon));
    cn_tensor *r = clipped(cn_divide(stddev, moving), args->renorm_rmin, args->renorm_rmax);
    cn_tensor *d = clipped(cn_divide(cn_subtract(mean, w->renorm_mean), moving), -args->renorm_dmax,
                           args->renorm_dmax);
    r = cn_stop_gradient(r);
    d = cn_stop_gradient(d);
    *beta = *gamma ? cn_multiply(d, *gamma) : d;
    *gamma = *gamma ? cn_multiply(r, *gamma) : r;
    if (w->beta) {
        *beta = cn_add(*beta, w->beta);
    }
    if (cn__pending() || move(w->renorm_mean, mean, args->renorm_momentum) < 0 ||
        move(w->renorm_stddev, stddev, args->renorm_momentum) < 0 ||
        move(w->mean, mean, args->momentum) < 0) {
        return cn_error_code();
    }
    cn_tensor *kept = cn_multiply(w->stddev, args->momentum);
    cn_tensor *next = cn_add(kept, cn_multiply(cn_stop_gradient(stddev), 1 - args->momentum));
    if (!next || cn_assign(w->stddev, next) < 0) {
        return cn_error_code();
    }
    return cn_assign(w->variance, cn_relu(cn_subtract(cn_square(next), args->epsilon)));
}

/* gamma (x - mean) / √(variance + ε) + beta */
static cn_tensor *normalise(const moments_of *m, const args_t *args, cn_tensor *mean,
                            cn_tensor *variance, cn_tensor *gamma, cn_tensor *beta)
{
    cn_tensor *factor = cn_rsqrt(cn_add(variance, args->epsilon));
    if (gamma) {
        factor = cn_multiply(factor, gamma);
    }
    cn_tensor *y = cn_multiply(cn_subtract(m->x, spread(m, mean)), spread(m, factor));
    return beta ? cn_add(y, spread(m, beta)) : y;
}

static cn_tensor *call(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *call_args)
{
    const args_t *args = cn_layer_arguments(self);
    weights w = own_weights(self);
    cn_tensor *x = inputs[0], *mean = w.mean, *variance = w.variance, *gamma = w.gamma,
              *beta = w.beta;
    (void)n_inputs;
    /* Sums of half floats overflow. */
    x = x->dtype == CN_FLOAT64 || x->dtype == CN_FLOAT32 ? x : cn_cast(x, CN_FLOAT32);
    if (!x) {
        return NULL;
    }
    moments_of m = {.x = x, .mask = inputs[0]->mask, .keras = self->base.keras};
    m.axis = cn__axis(args->axis, x->shape.rank, "BatchNormalization");
    for (int i = 0; i < x->shape.rank; i++) {
        if (i != m.axis) {
            m.axes[m.n_axes++] = i;
        }
    }
    /* A frozen layer only infers, except in multi-backend Keras. */
    if (call_args->training && (self->trainable || cn__is_multi_backend(self->base.keras))) {
        if (moments(&m, &mean, &variance) < 0) {
            return NULL;
        }
        int code = args->renorm ? renormalise(args, &w, mean, variance, &gamma, &beta)
                                : move(w.mean, mean, args->momentum);
        if (code == 0 && !args->renorm) {
            cn_tensor *moved = moved_variance(&m, variance);
            code = moved ? move(w.variance, moved, args->momentum) : cn_error_code();
        }
        if (code < 0) {
            return NULL;
        }
    }
    cn_tensor *y = normalise(&m, args, mean, variance, gamma, beta);
    return y && y->dtype != self->compute_dtype ? cn_cast(y, self->compute_dtype) : y;
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

CN__LAYER_CLASS(batch_normalization, batch_normalization, "BatchNormalization",
                "BatchNormalizationV1 BatchNormalizationV2", fields,
                CN_BATCH_NORMALIZATION_DEFAULTS, .build = build, .call = call,
                .compute_output_shape = output_shape, .supports_masking = true)
