/* Layers that disturb their input in training (keras.layers.SpatialDropout1D, GaussianNoise …). */
#ifndef CORNU_LAYERS_NOISE_H
#define CORNU_LAYERS_NOISE_H

#include <cornu/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* keras.layers.SpatialDropout1D, 2D, 3D: in training whole channels become 0 with probability
 * `rate`, the others grow by 1 / (1 - rate). */
typedef struct cn_spatial_dropout_args {
    CN_LAYER_ARGS;
    double rate;
    int64_t seed;            /* None */
    const char *data_format; /* cn_image_data_format(); SpatialDropout1D's channels are last */
    cn_ints noise_shape;     /* None; kept for tf.keras's configs */
    CN__END;
} cn_spatial_dropout_args, cn_spatial_dropout1d_args, cn_spatial_dropout2d_args,
    cn_spatial_dropout3d_args;
#define CN_SPATIAL_DROPOUT_DEFAULTS                                                                \
    CN_LAYER_DEFAULTS, .seed = CN_NONE, .noise_shape = {{CN_NONE}, 1}
CN_API extern const cn_spatial_dropout1d_args cn_spatial_dropout1d_defaults;
CN_API cn_layer *cn_spatial_dropout1d_with(const cn_spatial_dropout1d_args *args);
#define cn_spatial_dropout1d(...) cn__spatial_dropout1d_call(__VA_ARGS__, .end_ = 0)
#define cn__spatial_dropout1d_call(v, ...)                                                         \
    CN__CALL(cn_spatial_dropout1d_with, cn_spatial_dropout1d_args,                                 \
             CN_SPATIAL_DROPOUT_DEFAULTS CN__COMMA.rate = (v), __VA_ARGS__)

CN_API extern const cn_spatial_dropout2d_args cn_spatial_dropout2d_defaults;
CN_API cn_layer *cn_spatial_dropout2d_with(const cn_spatial_dropout2d_args *args);
#define cn_spatial_dropout2d(...) cn__spatial_dropout2d_call(__VA_ARGS__, .end_ = 0)
#define cn__spatial_dropout2d_call(v, ...)                                                         \
    CN__CALL(cn_spatial_dropout2d_with, cn_spatial_dropout2d_args,                                 \
             CN_SPATIAL_DROPOUT_DEFAULTS CN__COMMA.rate = (v), __VA_ARGS__)

CN_API extern const cn_spatial_dropout3d_args cn_spatial_dropout3d_defaults;
CN_API cn_layer *cn_spatial_dropout3d_with(const cn_spatial_dropout3d_args *args);
#define cn_spatial_dropout3d(...) cn__spatial_dropout3d_call(__VA_ARGS__, .end_ = 0)
#define cn__spatial_dropout3d_call(v, ...)                                                         \
    CN__CALL(cn_spatial_dropout3d_with, cn_spatial_dropout3d_args,                                 \
             CN_SPATIAL_DROPOUT_DEFAULTS CN__COMMA.rate = (v), __VA_ARGS__)

/* keras.layers.GaussianNoise: in training x + noise of deviation `stddev`. */
typedef struct cn_gaussian_noise_args {
    CN_LAYER_ARGS;
    double stddev;
    int64_t seed; /* None */
    CN__END;
} cn_gaussian_noise_args;
#define CN_GAUSSIAN_NOISE_DEFAULTS CN_LAYER_DEFAULTS, .seed = CN_NONE
CN_API extern const cn_gaussian_noise_args cn_gaussian_noise_defaults;
CN_API cn_layer *cn_gaussian_noise_with(const cn_gaussian_noise_args *args);
#define cn_gaussian_noise(...) cn__gaussian_noise_call(__VA_ARGS__, .end_ = 0)
#define cn__gaussian_noise_call(v, ...)                                                            \
    CN__CALL(cn_gaussian_noise_with, cn_gaussian_noise_args,                                       \
             CN_GAUSSIAN_NOISE_DEFAULTS CN__COMMA.stddev = (v), __VA_ARGS__)

/* keras.layers.GaussianDropout: in training x times noise of mean 1 and deviation sqrt(rate / (1 -
 * rate)). */
typedef struct cn_gaussian_dropout_args {
    CN_LAYER_ARGS;
    double rate;
    int64_t seed; /* None */
    CN__END;
} cn_gaussian_dropout_args;
#define CN_GAUSSIAN_DROPOUT_DEFAULTS CN_LAYER_DEFAULTS, .seed = CN_NONE
CN_API extern const cn_gaussian_dropout_args cn_gaussian_dropout_defaults;
CN_API cn_layer *cn_gaussian_dropout_with(const cn_gaussian_dropout_args *args);
#define cn_gaussian_dropout(...) cn__gaussian_dropout_call(__VA_ARGS__, .end_ = 0)
#define cn__gaussian_dropout_call(v, ...)                                                          \
    CN__CALL(cn_gaussian_dropout_with, cn_gaussian_dropout_args,                                   \
             CN_GAUSSIAN_DROPOUT_DEFAULTS CN__COMMA.rate = (v), __VA_ARGS__)

/* keras.layers.AlphaDropout: in training elements take selu's negative limit with probability
 * `rate`, all are scaled so that mean and variance stay: for networks of selu. */
typedef struct cn_alpha_dropout_args {
    CN_LAYER_ARGS;
    double rate;
    cn_ints noise_shape; /* None: the input's; 1 where an axis shares its fate */
    int64_t seed;        /* None */
    CN__END;
} cn_alpha_dropout_args;
#define CN_ALPHA_DROPOUT_DEFAULTS CN_LAYER_DEFAULTS, .noise_shape = {{CN_NONE}, 1}, .seed = CN_NONE
CN_API extern const cn_alpha_dropout_args cn_alpha_dropout_defaults;
CN_API cn_layer *cn_alpha_dropout_with(const cn_alpha_dropout_args *args);
#define cn_alpha_dropout(...) cn__alpha_dropout_call(__VA_ARGS__, .end_ = 0)
#define cn__alpha_dropout_call(v, ...)                                                             \
    CN__CALL(cn_alpha_dropout_with, cn_alpha_dropout_args,                                         \
             CN_ALPHA_DROPOUT_DEFAULTS CN__COMMA.rate = (v), __VA_ARGS__)

/* keras.layers.ActivityRegularization: x as it is; adds l1 Σ|x| + l2 Σx², over the batch size, to
 * the loss. */
typedef struct cn_activity_regularization_args {
    CN_LAYER_ARGS;
    double l1, l2;                      /* 0 */
    cn_identifier activity_regularizer; /* made of l1 and l2 */
    CN__END;
} cn_activity_regularization_args;
#define CN_ACTIVITY_REGULARIZATION_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_activity_regularization_args cn_activity_regularization_defaults;
CN_API cn_layer *cn_activity_regularization_with(const cn_activity_regularization_args *args);
#define cn_activity_regularization(...)                                                            \
    CN__CALL(cn_activity_regularization_with, cn_activity_regularization_args,                     \
             CN_ACTIVITY_REGULARIZATION_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
