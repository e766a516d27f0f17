/* Normalization layers beside BatchNormalization (keras.layers.LayerNormalization …). */
#ifndef CORNU_LAYERS_NORM_H
#define CORNU_LAYERS_NORM_H

#include <cornu/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* keras.layers.LayerNormalization: gamma (x - mean) / sqrt(variance + epsilon) + beta, with the
 * mean and the variance of each sample over .axis = {-1}. Weights: gamma, beta, of the lengths of
 * those axes. */
typedef struct cn_layer_normalization_args {
    CN_LAYER_ARGS;
    cn_ints axis;       /* -1 */
    double epsilon;     /* 0.001 */
    bool center, scale; /* true */
    bool rms_scaling;   /* false; Keras 3's: x / sqrt(variance + epsilon) gamma, without the mean */
    cn_identifier beta_initializer, gamma_initializer; /* zeros, ones */
    cn_identifier beta_regularizer, gamma_regularizer;
    cn_identifier beta_constraint, gamma_constraint;
    CN__END;
} cn_layer_normalization_args;
#define CN_LAYER_NORMALIZATION_DEFAULTS                                                            \
    CN_LAYER_DEFAULTS, .axis = {{-1}, 1}, .epsilon = 0.001, .center = true, .scale = true,         \
                       .beta_initializer = "zeros", .gamma_initializer = "ones"
CN_API extern const cn_layer_normalization_args cn_layer_normalization_defaults;
CN_API cn_layer *cn_layer_normalization_with(const cn_layer_normalization_args *args);
#define cn_layer_normalization(...)                                                                \
    CN__CALL(cn_layer_normalization_with, cn_layer_normalization_args,                             \
             CN_LAYER_NORMALIZATION_DEFAULTS, __VA_ARGS__)

/* keras.layers.GroupNormalization: each sample's channels in groups, each group normalized over
 * itself. Weights: gamma, beta (channels). groups = -1: as many as channels; it must divide the
 * channels. */
typedef struct cn_group_normalization_args {
    CN_LAYER_ARGS;
    int64_t groups;                                    /* 32 */
    int64_t axis;                                      /* -1 */
    double epsilon;                                    /* 0.001 */
    bool center, scale;                                /* true */
    cn_identifier beta_initializer, gamma_initializer; /* zeros, ones */
    cn_identifier beta_regularizer, gamma_regularizer;
    cn_identifier beta_constraint, gamma_constraint;
    CN__END;
} cn_group_normalization_args;
#define CN_GROUP_NORMALIZATION_DEFAULTS                                                            \
    CN_LAYER_DEFAULTS, .groups = 32, .axis = -1, .epsilon = 0.001, .center = true, .scale = true,  \
                       .beta_initializer = "zeros", .gamma_initializer = "ones"
CN_API extern const cn_group_normalization_args cn_group_normalization_defaults;
CN_API cn_layer *cn_group_normalization_with(const cn_group_normalization_args *args);
#define cn_group_normalization(...)                                                                \
    CN__CALL(cn_group_normalization_with, cn_group_normalization_args,                             \
             CN_GROUP_NORMALIZATION_DEFAULTS, __VA_ARGS__)

/* keras.layers.RMSNormalization: scale x / sqrt(mean of x² + epsilon) over .axis. Weight: scale. */
typedef struct cn_rms_normalization_args {
    CN_LAYER_ARGS;
    cn_ints axis;   /* -1 */
    double epsilon; /* 1e-6 */
    CN__END;
} cn_rms_normalization_args;
#define CN_RMS_NORMALIZATION_DEFAULTS CN_LAYER_DEFAULTS, .axis = {{-1}, 1}, .epsilon = 1e-6
CN_API extern const cn_rms_normalization_args cn_rms_normalization_defaults;
CN_API cn_layer *cn_rms_normalization_with(const cn_rms_normalization_args *args);
#define cn_rms_normalization(...)                                                                  \
    CN__CALL(cn_rms_normalization_with, cn_rms_normalization_args, CN_RMS_NORMALIZATION_DEFAULTS,  \
             __VA_ARGS__)

/* keras.layers.UnitNormalization: x over its Euclidean norm along .axis. */
typedef struct cn_unit_normalization_args {
    CN_LAYER_ARGS;
    cn_ints axis; /* -1 */
    CN__END;
} cn_unit_normalization_args;
#define CN_UNIT_NORMALIZATION_DEFAULTS CN_LAYER_DEFAULTS, .axis = {{-1}, 0}
CN_API extern const cn_unit_normalization_args cn_unit_normalization_defaults;
CN_API cn_layer *cn_unit_normalization_with(const cn_unit_normalization_args *args);
#define cn_unit_normalization(...)                                                                 \
    CN__CALL(cn_unit_normalization_with, cn_unit_normalization_args,                               \
             CN_UNIT_NORMALIZATION_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
