/* Initializers (keras.initializers). */
#ifndef CORNU_INITIALIZERS_H
#define CORNU_INITIALIZERS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_initializer cn_initializer;

/* An initializer: an eager tensor of a shape and dtype. */
typedef struct cn_initializer_class {
    cn_class base;
    cn_tensor *(*call)(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype);
} cn_initializer_class;

CN_API cn_initializer *cn_initializer_new(const cn_initializer_class *cls, const void *args);
CN_API const void *cn_initializer_arguments(const cn_initializer *initializer);
/* Makes the class known to files and identifiers, under "package>name". */
CN_API int cn_register_initializer(const cn_initializer_class *cls, const char *package);
/* An initializer from a function of (shape, dtype, user). */
CN_API cn_initializer *cn_initializer_from(cn_tensor *(*function)(const cn_shape *shape,
                                                                  cn_dtype dtype, void *user),
                                           void *user, const char *name);
/* An initializer from a name ("he_normal"), JSON or object (keras.initializers.get). */
CN_API cn_initializer *cn_initializer_get(cn_identifier identifier);
/* initializer(shape, dtype): an eager tensor; an error if its shape or dtype came out otherwise. */
CN_API cn_tensor *cn_initializer_call(const cn_initializer *initializer, const cn_shape *shape,
                                      cn_dtype dtype);

/* Initializers without arguments. */
typedef struct cn_initializer_args {
    size_t size;
    CN__END;
} cn_initializer_args;
CN_API cn_initializer *cn_initializer_zeros(void);
CN_API cn_initializer *cn_initializer_ones(void);

/* Every element `value`. */
typedef struct cn_initializer_constant_args {
    size_t size;
    double value; /* 0 */
    CN__END;
} cn_initializer_constant_args;
#define CN_INITIALIZER_CONSTANT_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_initializer_constant_args cn_initializer_constant_defaults;
CN_API cn_initializer *cn_initializer_constant_with(const cn_initializer_constant_args *args);
#define cn_initializer_constant(...)                                                               \
    CN__CALL(cn_initializer_constant_with, cn_initializer_constant_args,                           \
             CN_INITIALIZER_CONSTANT_DEFAULTS, __VA_ARGS__)

/* Normal numbers. */
typedef struct cn_initializer_random_normal_args {
    size_t size;
    double mean;   /* 0 */
    double stddev; /* 0.05 */
    int64_t seed;  /* None: new numbers at each call; else the same ones */
    CN__END;
} cn_initializer_random_normal_args;
#define CN_INITIALIZER_RANDOM_NORMAL_DEFAULTS .stddev = 0.05, .seed = CN_NONE
CN_API extern const cn_initializer_random_normal_args cn_initializer_random_normal_defaults;
CN_API cn_initializer *cn_initializer_random_normal_with(
    const cn_initializer_random_normal_args *args);
#define cn_initializer_random_normal(...)                                                          \
    CN__CALL(cn_initializer_random_normal_with, cn_initializer_random_normal_args,                 \
             CN_INITIALIZER_RANDOM_NORMAL_DEFAULTS, __VA_ARGS__)

/* Uniform numbers in [minval, maxval). */
typedef struct cn_initializer_random_uniform_args {
    size_t size;
    double minval; /* -0.05 */
    double maxval; /* 0.05 */
    int64_t seed;  /* None: new numbers at each call; else the same ones */
    CN__END;
} cn_initializer_random_uniform_args;
#define CN_INITIALIZER_RANDOM_UNIFORM_DEFAULTS .minval = -0.05, .maxval = 0.05, .seed = CN_NONE
CN_API extern const cn_initializer_random_uniform_args cn_initializer_random_uniform_defaults;
CN_API cn_initializer *cn_initializer_random_uniform_with(
    const cn_initializer_random_uniform_args *args);
#define cn_initializer_random_uniform(...)                                                         \
    CN__CALL(cn_initializer_random_uniform_with, cn_initializer_random_uniform_args,               \
             CN_INITIALIZER_RANDOM_UNIFORM_DEFAULTS, __VA_ARGS__)

/* Normal numbers, drawn again until they are within two deviations. */
typedef struct cn_initializer_truncated_normal_args {
    size_t size;
    double mean;   /* 0 */
    double stddev; /* 0.05 */
    int64_t seed;  /* None: new numbers at each call; else the same ones */
    CN__END;
} cn_initializer_truncated_normal_args;
#define CN_INITIALIZER_TRUNCATED_NORMAL_DEFAULTS .stddev = 0.05, .seed = CN_NONE
CN_API extern const cn_initializer_truncated_normal_args cn_initializer_truncated_normal_defaults;
CN_API cn_initializer *cn_initializer_truncated_normal_with(
    const cn_initializer_truncated_normal_args *args);
#define cn_initializer_truncated_normal(...)                                                       \
    CN__CALL(cn_initializer_truncated_normal_with, cn_initializer_truncated_normal_args,           \
             CN_INITIALIZER_TRUNCATED_NORMAL_DEFAULTS, __VA_ARGS__)

/* Numbers of variance scale / n, n being "fan_in", "fan_out" or their mean "fan_avg"; distribution
 * "truncated_normal", "untruncated_normal" or "uniform". */
typedef struct cn_initializer_variance_scaling_args {
    size_t size;
    double scale;             /* 1 */
    const char *mode;         /* "fan_in" */
    const char *distribution; /* "truncated_normal" */
    int64_t seed;             /* None: new numbers at each call; else the same ones */
    cn_ints input_axes,
        output_axes; /* None: the last two axes are in and out, the others the field */
    CN__END;
} cn_initializer_variance_scaling_args;
#define CN_INITIALIZER_VARIANCE_SCALING_DEFAULTS                                                   \
    .scale = 1, .mode = "fan_in", .distribution = "truncated_normal", .seed = CN_NONE,             \
    .input_axes = {{CN_NONE}, 1}, .output_axes = {{CN_NONE}, 1}
CN_API extern const cn_initializer_variance_scaling_args cn_initializer_variance_scaling_defaults;
CN_API cn_initializer *cn_initializer_variance_scaling_with(
    const cn_initializer_variance_scaling_args *args);
#define cn_initializer_variance_scaling(...)                                                       \
    CN__CALL(cn_initializer_variance_scaling_with, cn_initializer_variance_scaling_args,           \
             CN_INITIALIZER_VARIANCE_SCALING_DEFAULTS, __VA_ARGS__)

/* Truncated normal, variance 2 / (fan_in + fan_out). */
typedef struct cn_initializer_glorot_normal_args {
    size_t size;
    int64_t seed; /* None: new numbers at each call; else the same ones */
    cn_ints input_axes,
        output_axes; /* None: the last two axes are in and out, the others the field */
    CN__END;
} cn_initializer_glorot_normal_args;
#define CN_INITIALIZER_GLOROT_NORMAL_DEFAULTS                                                      \
    .seed = CN_NONE, .input_axes = {{CN_NONE}, 1}, .output_axes = {{CN_NONE}, 1}
CN_API extern const cn_initializer_glorot_normal_args cn_initializer_glorot_normal_defaults;
CN_API cn_initializer *cn_initializer_glorot_normal_with(
    const cn_initializer_glorot_normal_args *args);
#define cn_initializer_glorot_normal(...)                                                          \
    CN__CALL(cn_initializer_glorot_normal_with, cn_initializer_glorot_normal_args,                 \
             CN_INITIALIZER_GLOROT_NORMAL_DEFAULTS, __VA_ARGS__)

/* Uniform within sqrt(6 / (fan_in + fan_out)). */
typedef struct cn_initializer_glorot_uniform_args {
    size_t size;
    int64_t seed; /* None: new numbers at each call; else the same ones */
    cn_ints input_axes,
        output_axes; /* None: the last two axes are in and out, the others the field */
    CN__END;
} cn_initializer_glorot_uniform_args;
#define CN_INITIALIZER_GLOROT_UNIFORM_DEFAULTS                                                     \
    .seed = CN_NONE, .input_axes = {{CN_NONE}, 1}, .output_axes = {{CN_NONE}, 1}
CN_API extern const cn_initializer_glorot_uniform_args cn_initializer_glorot_uniform_defaults;
CN_API cn_initializer *cn_initializer_glorot_uniform_with(
    const cn_initializer_glorot_uniform_args *args);
#define cn_initializer_glorot_uniform(...)                                                         \
    CN__CALL(cn_initializer_glorot_uniform_with, cn_initializer_glorot_uniform_args,               \
             CN_INITIALIZER_GLOROT_UNIFORM_DEFAULTS, __VA_ARGS__)

/* Truncated normal, variance 2 / fan_in. */
typedef struct cn_initializer_he_normal_args {
    size_t size;
    int64_t seed; /* None: new numbers at each call; else the same ones */
    cn_ints input_axes,
        output_axes; /* None: the last two axes are in and out, the others the field */
    CN__END;
} cn_initializer_he_normal_args;
#define CN_INITIALIZER_HE_NORMAL_DEFAULTS                                                          \
    .seed = CN_NONE, .input_axes = {{CN_NONE}, 1}, .output_axes = {{CN_NONE}, 1}
CN_API extern const cn_initializer_he_normal_args cn_initializer_he_normal_defaults;
CN_API cn_initializer *cn_initializer_he_normal_with(const cn_initializer_he_normal_args *args);
#define cn_initializer_he_normal(...)                                                              \
    CN__CALL(cn_initializer_he_normal_with, cn_initializer_he_normal_args,                         \
             CN_INITIALIZER_HE_NORMAL_DEFAULTS, __VA_ARGS__)

/* Uniform within sqrt(6 / fan_in). */
typedef struct cn_initializer_he_uniform_args {
    size_t size;
    int64_t seed; /* None: new numbers at each call; else the same ones */
    cn_ints input_axes,
        output_axes; /* None: the last two axes are in and out, the others the field */
    CN__END;
} cn_initializer_he_uniform_args;
#define CN_INITIALIZER_HE_UNIFORM_DEFAULTS                                                         \
    .seed = CN_NONE, .input_axes = {{CN_NONE}, 1}, .output_axes = {{CN_NONE}, 1}
CN_API extern const cn_initializer_he_uniform_args cn_initializer_he_uniform_defaults;
CN_API cn_initializer *cn_initializer_he_uniform_with(const cn_initializer_he_uniform_args *args);
#define cn_initializer_he_uniform(...)                                                             \
    CN__CALL(cn_initializer_he_uniform_with, cn_initializer_he_uniform_args,                       \
             CN_INITIALIZER_HE_UNIFORM_DEFAULTS, __VA_ARGS__)

/* Truncated normal, variance 1 / fan_in. */
typedef struct cn_initializer_lecun_normal_args {
    size_t size;
    int64_t seed; /* None: new numbers at each call; else the same ones */
    cn_ints input_axes,
        output_axes; /* None: the last two axes are in and out, the others the field */
    CN__END;
} cn_initializer_lecun_normal_args;
#define CN_INITIALIZER_LECUN_NORMAL_DEFAULTS                                                       \
    .seed = CN_NONE, .input_axes = {{CN_NONE}, 1}, .output_axes = {{CN_NONE}, 1}
CN_API extern const cn_initializer_lecun_normal_args cn_initializer_lecun_normal_defaults;
CN_API cn_initializer *cn_initializer_lecun_normal_with(
    const cn_initializer_lecun_normal_args *args);
#define cn_initializer_lecun_normal(...)                                                           \
    CN__CALL(cn_initializer_lecun_normal_with, cn_initializer_lecun_normal_args,                   \
             CN_INITIALIZER_LECUN_NORMAL_DEFAULTS, __VA_ARGS__)

/* Uniform within sqrt(3 / fan_in). */
typedef struct cn_initializer_lecun_uniform_args {
    size_t size;
    int64_t seed; /* None: new numbers at each call; else the same ones */
    cn_ints input_axes,
        output_axes; /* None: the last two axes are in and out, the others the field */
    CN__END;
} cn_initializer_lecun_uniform_args;
#define CN_INITIALIZER_LECUN_UNIFORM_DEFAULTS                                                      \
    .seed = CN_NONE, .input_axes = {{CN_NONE}, 1}, .output_axes = {{CN_NONE}, 1}
CN_API extern const cn_initializer_lecun_uniform_args cn_initializer_lecun_uniform_defaults;
CN_API cn_initializer *cn_initializer_lecun_uniform_with(
    const cn_initializer_lecun_uniform_args *args);
#define cn_initializer_lecun_uniform(...)                                                          \
    CN__CALL(cn_initializer_lecun_uniform_with, cn_initializer_lecun_uniform_args,                 \
             CN_INITIALIZER_LECUN_UNIFORM_DEFAULTS, __VA_ARGS__)

/* gain times a matrix of orthonormal rows or columns, the leading axes taken as one. */
typedef struct cn_initializer_orthogonal_args {
    size_t size;
    double gain;  /* 1 */
    int64_t seed; /* None: new numbers at each call; else the same ones */
    CN__END;
} cn_initializer_orthogonal_args;
#define CN_INITIALIZER_ORTHOGONAL_DEFAULTS .gain = 1, .seed = CN_NONE
CN_API extern const cn_initializer_orthogonal_args cn_initializer_orthogonal_defaults;
CN_API cn_initializer *cn_initializer_orthogonal_with(const cn_initializer_orthogonal_args *args);
#define cn_initializer_orthogonal(...)                                                             \
    CN__CALL(cn_initializer_orthogonal_with, cn_initializer_orthogonal_args,                       \
             CN_INITIALIZER_ORTHOGONAL_DEFAULTS, __VA_ARGS__)

/* gain times the identity matrix; for matrices only. */
typedef struct cn_initializer_identity_args {
    size_t size;
    double gain; /* 1 */
    CN__END;
} cn_initializer_identity_args;
#define CN_INITIALIZER_IDENTITY_DEFAULTS .gain = 1
CN_API extern const cn_initializer_identity_args cn_initializer_identity_defaults;
CN_API cn_initializer *cn_initializer_identity_with(const cn_initializer_identity_args *args);
#define cn_initializer_identity(...)                                                               \
    CN__CALL(cn_initializer_identity_with, cn_initializer_identity_args,                           \
             CN_INITIALIZER_IDENTITY_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
