/* Initializers that draw random numbers. */
#include "core/random.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/tensor.h"
#include "initializers/initializer.h"

#include <math.h>
#include <string.h>

/* Keras 3 writes the seed first, Keras 2 last. */
#define SEED_FIRST(T) CN_FIELD_FLAGS(T, INT64, seed, CN_FIELD_KERAS3)
#define SEED_LAST(T) CN_FIELD_FLAGS(T, INT64, seed, CN_FIELD_KERAS2)
#define AXES(T)                                                                                    \
    CN_FIELD_FLAGS(T, INTS, input_axes, CN_FIELD_KERAS3 | CN_FIELD_SINCE(314)),                    \
        CN_FIELD_FLAGS(T, INTS, output_axes, CN_FIELD_KERAS3 | CN_FIELD_SINCE(314))

static const cn_field random_normal_fields[] = {
    SEED_FIRST(cn_initializer_random_normal_args),
    CN_FIELD(cn_initializer_random_normal_args, DOUBLE, mean),
    CN_FIELD(cn_initializer_random_normal_args, DOUBLE, stddev),
    SEED_LAST(cn_initializer_random_normal_args),
    {0},
};
static const cn_field random_uniform_fields[] = {
    SEED_FIRST(cn_initializer_random_uniform_args),
    CN_FIELD(cn_initializer_random_uniform_args, DOUBLE, minval),
    CN_FIELD(cn_initializer_random_uniform_args, DOUBLE, maxval),
    SEED_LAST(cn_initializer_random_uniform_args),
    {0},
};
static const cn_field truncated_normal_fields[] = {
    SEED_FIRST(cn_initializer_truncated_normal_args),
    CN_FIELD(cn_initializer_truncated_normal_args, DOUBLE, mean),
    CN_FIELD(cn_initializer_truncated_normal_args, DOUBLE, stddev),
    SEED_LAST(cn_initializer_truncated_normal_args),
    {0},
};
static const cn_field variance_scaling_fields[] = {
    SEED_FIRST(cn_initializer_variance_scaling_args),
    CN_FIELD(cn_initializer_variance_scaling_args, DOUBLE, scale),
    CN_FIELD(cn_initializer_variance_scaling_args, STRING, mode),
    CN_FIELD(cn_initializer_variance_scaling_args, STRING, distribution),
    SEED_LAST(cn_initializer_variance_scaling_args),
    AXES(cn_initializer_variance_scaling_args),
    {0},
};
/* The six named kinds have structs of one layout, so they share a table. */
static const cn_field fan_fields[] = {
    CN_FIELD(cn_initializer_glorot_normal_args, INT64, seed),
    AXES(cn_initializer_glorot_normal_args),
    {0},
};

typedef enum distribution { UNIFORM, NORMAL, TRUNCATED } distribution;

/* offset + factor · z for z uniform in [0, 1) or (truncated) normal, drawn as float32. */
static cn_tensor *draw(const cn_shape *shape, cn_dtype dtype, int64_t seed, distribution kind,
                       double offset, double factor)
{
    cn_tensor *t = cn__tensor_new(CN_FLOAT32, shape);
    float *data = t ? cn__data_write(t) : NULL;
    if (!data) {
        return NULL;
    }
    int64_t n = cn__size(t);
    cn__stream stream = {
        seed == CN_NONE ? cn__seed_next() : cn__seed_mix((uint64_t)seed, 0x696e6974), 0};
    if (kind == UNIFORM) {
        cn__random_uniform(stream, 0, n, data);
    } else if (kind == NORMAL) {
        cn__random_normal(stream, 0, n, data);
    } else {
        cn__random_truncated_normal(stream, 0, n, data);
    }
    for (int64_t i = 0; i < n; i++) {
        data[i] = (float)(offset + factor * (double)data[i]);
    }
    return dtype == CN_FLOAT32 ? t : cn_cast(t, dtype);
}

static cn_tensor *call_random_normal(const cn_initializer *self, const cn_shape *shape,
                                     cn_dtype dtype)
{
    const cn_initializer_random_normal_args *args = self->base.args;
    return draw(shape, dtype, args->seed, NORMAL, args->mean, args->stddev);
}

static cn_tensor *call_random_uniform(const cn_initializer *self, const cn_shape *shape,
                                      cn_dtype dtype)
{
    const cn_initializer_random_uniform_args *args = self->base.args;
    return draw(shape, dtype, args->seed, UNIFORM, args->minval, args->maxval - args->minval);
}

static cn_tensor *call_truncated_normal(const cn_initializer *self, const cn_shape *shape,
                                        cn_dtype dtype)
{
    const cn_initializer_truncated_normal_args *args = self->base.args;
    return draw(shape, dtype, args->seed, TRUNCATED, args->mean, args->stddev);
}

static double product(const cn_shape *shape, const cn_ints *axes)
{
    double size = 1;
    for (int i = 0; i < cn__ints_count(axes); i++) {
        int axis = cn__axis(axes->v[i], shape->rank, "An initializer's input_axes and output_axes");
        if (axis < 0) {
            return 0;
        }
        size *= (double)shape->dim[axis];
    }
    return size;
}

/* How many inputs and outputs a weight joins: of a kernel (…, in, out) the leading axes are the
 * field that each sees. */
static void fans(const cn_shape *shape, const cn_ints *in_axes, const cn_ints *out_axes, double *in,
                 double *out)
{
    if (in_axes->v[0] != CN_NONE && out_axes->v[0] != CN_NONE) {
        *in = product(shape, in_axes);
        *out = product(shape, out_axes);
        return;
    }
    int rank = shape->rank;
    if (rank < 2) {
        *in = *out = rank ? (double)shape->dim[0] : 1;
        return;
    }
    double field = 1;
    for (int i = 0; i < rank - 2; i++) {
        field *= (double)shape->dim[i];
    }
    *in = (double)shape->dim[rank - 2] * field;
    *out = (double)shape->dim[rank - 1] * field;
}

static cn_tensor *scaled(const cn_shape *shape, cn_dtype dtype,
                         const cn_initializer_variance_scaling_args *args)
{
    double in, out;
    fans(shape, &args->input_axes, &args->output_axes, &in, &out);
    if (cn__pending()) {
        return NULL;
    }
    double n = strcmp(args->mode, "fan_in") == 0    ? in
               : strcmp(args->mode, "fan_out") == 0 ? out
                                                    : (in + out) / 2;
    double variance = args->scale / fmax(1, n);
    if (strcmp(args->distribution, "uniform") == 0) {
        double limit = sqrt(3 * variance);
        return draw(shape, dtype, args->seed, UNIFORM, -limit, 2 * limit);
    }
    if (strcmp(args->distribution, "untruncated_normal") == 0) {
        return draw(shape, dtype, args->seed, NORMAL, 0, sqrt(variance));
    }
    /* The deviation of a normal number cut at two deviations is 0.8796 of the uncut one's. */
    return draw(shape, dtype, args->seed, TRUNCATED, 0, sqrt(variance) / 0.87962566103423978);
}

static cn_tensor *call_variance_scaling(const cn_initializer *self, const cn_shape *shape,
                                        cn_dtype dtype)
{
    return scaled(shape, dtype, self->base.args);
}

static cn_tensor *named(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype,
                        double scale, const char *mode, const char *kind)
{
    const cn_initializer_glorot_normal_args *args = self->base.args;
    return scaled(shape, dtype,
                  &(const cn_initializer_variance_scaling_args){.scale = scale,
                                                                .mode = mode,
                                                                .distribution = kind,
                                                                .seed = args->seed,
                                                                .input_axes = args->input_axes,
                                                                .output_axes = args->output_axes});
}

#define NAMED(id, class_name, other_names, scale, mode, kind)                                      \
    static cn_tensor *call_##id(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype) \
    {                                                                                              \
        return named(self, shape, dtype, scale, mode, kind);                                       \
    }                                                                                              \
    CN__CLASS(initializer, id, class_name, other_names, fan_fields, call_##id, .seed = CN_NONE,    \
              .input_axes = {{CN_NONE}, 1}, .output_axes = {{CN_NONE}, 1})

CN__CLASS(initializer, random_normal, "RandomNormal", "random_normal normal", random_normal_fields,
          call_random_normal, CN_INITIALIZER_RANDOM_NORMAL_DEFAULTS)
CN__CLASS(initializer, random_uniform, "RandomUniform", "random_uniform uniform",
          random_uniform_fields, call_random_uniform, CN_INITIALIZER_RANDOM_UNIFORM_DEFAULTS)
CN__CLASS(initializer, truncated_normal, "TruncatedNormal", "truncated_normal",
          truncated_normal_fields, call_truncated_normal, CN_INITIALIZER_TRUNCATED_NORMAL_DEFAULTS)
CN__CLASS(initializer, variance_scaling, "VarianceScaling", "variance_scaling",
          variance_scaling_fields, call_variance_scaling, CN_INITIALIZER_VARIANCE_SCALING_DEFAULTS)
NAMED(glorot_normal, "GlorotNormal", "glorot_normal xavier_normal", 1, "fan_avg",
      "truncated_normal")
NAMED(glorot_uniform, "GlorotUniform", "glorot_uniform xavier_uniform", 1, "fan_avg", "uniform")
NAMED(he_normal, "HeNormal", "he_normal", 2, "fan_in", "truncated_normal")
NAMED(he_uniform, "HeUniform", "he_uniform", 2, "fan_in", "uniform")
NAMED(lecun_normal, "LecunNormal", "lecun_normal", 1, "fan_in", "truncated_normal")
NAMED(lecun_uniform, "LecunUniform", "lecun_uniform", 1, "fan_in", "uniform")

int cn__initializer_check(void *instance)
{
    cn__instance *self = instance;
    if (self->class != &cn__initializer_variance_scaling.base) {
        return 0;
    }
    cn_initializer_variance_scaling_args *args = self->args;
    if (!(args->scale > 0)) {
        return cn__fail(CN_EVALUE, "`scale` must be positive float. Received: scale=%g.",
                        args->scale);
    }
    const char *mode = args->mode ? args->mode : "None";
    if (strcmp(mode, "fan_in") != 0 && strcmp(mode, "fan_out") != 0 &&
        strcmp(mode, "fan_avg") != 0) {
        return cn__fail(
            CN_EVALUE,
            "Invalid `mode` argument: %s. Please use one of the {'fan_in', 'fan_out', 'fan_avg'}",
            mode);
    }
    const char *kind = args->distribution ? args->distribution : "None";
    if (strcmp(kind, "uniform") != 0 && strcmp(kind, "normal") != 0 &&
        strcmp(kind, "truncated_normal") != 0 && strcmp(kind, "untruncated_normal") != 0) {
        return cn__fail(CN_EVALUE,
                        "Invalid `distribution` argument: %s.Allowed distributions: {'uniform', "
                        "'truncated_normal', 'untruncated_normal'}.",
                        kind);
    }
    /* The old name: Keras keeps, and saves, the one that says what it is. */
    if (strcmp(kind, "normal") == 0) {
        char *name = cn__strdup("truncated_normal");
        if (!name) {
            return CN_ENOMEM;
        }
        cn__free_mem((void *)(uintptr_t)args->distribution);
        args->distribution = name;
    }
    return 0;
}
