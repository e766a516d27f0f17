/* Pooling layers (keras.layers.MaxPooling1D … AdaptiveMaxPooling3D), and sums. */
#ifndef CORNU_LAYERS_POOL_H
#define CORNU_LAYERS_POOL_H

#include <cornu/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the layers here share. Inputs are (batch, spatial…, channels), or (batch, channels,
 * spatial…) where .data_format is "channels_first" (default: cn_image_data_format()). A tuple of
 * one number stands for all spatial axes: .pool_size = {2}. Errors are CN_EVALUE in Keras's words.
 */

/* keras.layers.MaxPooling1D … AveragePooling3D, and SumPooling1D … 3D, which Keras lacks: the
 * largest element, the mean, the sum of each window. .padding = "same": ceil(length / stride)
 * outputs; cells outside the input count for nothing, so that a mean is over those inside. */
typedef struct cn_pooling_args {
    CN_LAYER_ARGS;
    cn_ints pool_size;   /* 2 */
    cn_ints strides;     /* None: pool_size */
    const char *padding; /* "valid" */
    const char *data_format;
    CN__END;
} cn_max_pooling1d_args, cn_max_pooling2d_args, cn_max_pooling3d_args, cn_average_pooling1d_args,
    cn_average_pooling2d_args, cn_average_pooling3d_args, cn_sum_pooling1d_args,
    cn_sum_pooling2d_args, cn_sum_pooling3d_args, cn_pooling_args;
#define CN_POOLING_DEFAULTS                                                                        \
    CN_LAYER_DEFAULTS, .pool_size = {{2}, 1}, .strides = {{CN_NONE}, 1}, .padding = "valid"
CN_API extern const cn_max_pooling1d_args cn_max_pooling1d_defaults;
CN_API cn_layer *cn_max_pooling1d_with(const cn_max_pooling1d_args *args);
#define cn_max_pooling1d(...)                                                                      \
    CN__CALL(cn_max_pooling1d_with, cn_max_pooling1d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_max_pooling2d_args cn_max_pooling2d_defaults;
CN_API cn_layer *cn_max_pooling2d_with(const cn_max_pooling2d_args *args);
#define cn_max_pooling2d(...)                                                                      \
    CN__CALL(cn_max_pooling2d_with, cn_max_pooling2d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_max_pooling3d_args cn_max_pooling3d_defaults;
CN_API cn_layer *cn_max_pooling3d_with(const cn_max_pooling3d_args *args);
#define cn_max_pooling3d(...)                                                                      \
    CN__CALL(cn_max_pooling3d_with, cn_max_pooling3d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_average_pooling1d_args cn_average_pooling1d_defaults;
CN_API cn_layer *cn_average_pooling1d_with(const cn_average_pooling1d_args *args);
#define cn_average_pooling1d(...)                                                                  \
    CN__CALL(cn_average_pooling1d_with, cn_average_pooling1d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_average_pooling2d_args cn_average_pooling2d_defaults;
CN_API cn_layer *cn_average_pooling2d_with(const cn_average_pooling2d_args *args);
#define cn_average_pooling2d(...)                                                                  \
    CN__CALL(cn_average_pooling2d_with, cn_average_pooling2d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_average_pooling3d_args cn_average_pooling3d_defaults;
CN_API cn_layer *cn_average_pooling3d_with(const cn_average_pooling3d_args *args);
#define cn_average_pooling3d(...)                                                                  \
    CN__CALL(cn_average_pooling3d_with, cn_average_pooling3d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_sum_pooling1d_args cn_sum_pooling1d_defaults;
CN_API cn_layer *cn_sum_pooling1d_with(const cn_sum_pooling1d_args *args);
#define cn_sum_pooling1d(...)                                                                      \
    CN__CALL(cn_sum_pooling1d_with, cn_sum_pooling1d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_sum_pooling2d_args cn_sum_pooling2d_defaults;
CN_API cn_layer *cn_sum_pooling2d_with(const cn_sum_pooling2d_args *args);
#define cn_sum_pooling2d(...)                                                                      \
    CN__CALL(cn_sum_pooling2d_with, cn_sum_pooling2d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_sum_pooling3d_args cn_sum_pooling3d_defaults;
CN_API cn_layer *cn_sum_pooling3d_with(const cn_sum_pooling3d_args *args);
#define cn_sum_pooling3d(...)                                                                      \
    CN__CALL(cn_sum_pooling3d_with, cn_sum_pooling3d_args, CN_POOLING_DEFAULTS, __VA_ARGS__)

#define cn_max_pool1d cn_max_pooling1d
#define cn_avg_pool1d cn_average_pooling1d
#define cn_sum_pool1d cn_sum_pooling1d
#define cn_max_pool2d cn_max_pooling2d
#define cn_avg_pool2d cn_average_pooling2d
#define cn_sum_pool2d cn_sum_pooling2d
#define cn_max_pool3d cn_max_pooling3d
#define cn_avg_pool3d cn_average_pooling3d
#define cn_sum_pool3d cn_sum_pooling3d

/* keras.layers.GlobalMaxPooling1D … GlobalAveragePooling3D: the largest element, the mean of each
 * channel: (batch, channels), or with lengths of 1 where .keepdims. GlobalAveragePooling1D leaves
 * masked steps out. */
typedef struct cn_global_pooling_args {
    CN_LAYER_ARGS;
    const char *data_format;
    bool keepdims; /* false */
    CN__END;
} cn_global_max_pooling1d_args, cn_global_max_pooling2d_args, cn_global_max_pooling3d_args,
    cn_global_average_pooling1d_args, cn_global_average_pooling2d_args,
    cn_global_average_pooling3d_args, cn_global_pooling_args;
#define CN_GLOBAL_POOLING_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_global_max_pooling1d_args cn_global_max_pooling1d_defaults;
CN_API cn_layer *cn_global_max_pooling1d_with(const cn_global_max_pooling1d_args *args);
#define cn_global_max_pooling1d(...)                                                               \
    CN__CALL(cn_global_max_pooling1d_with, cn_global_max_pooling1d_args,                           \
             CN_GLOBAL_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_global_max_pooling2d_args cn_global_max_pooling2d_defaults;
CN_API cn_layer *cn_global_max_pooling2d_with(const cn_global_max_pooling2d_args *args);
#define cn_global_max_pooling2d(...)                                                               \
    CN__CALL(cn_global_max_pooling2d_with, cn_global_max_pooling2d_args,                           \
             CN_GLOBAL_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_global_max_pooling3d_args cn_global_max_pooling3d_defaults;
CN_API cn_layer *cn_global_max_pooling3d_with(const cn_global_max_pooling3d_args *args);
#define cn_global_max_pooling3d(...)                                                               \
    CN__CALL(cn_global_max_pooling3d_with, cn_global_max_pooling3d_args,                           \
             CN_GLOBAL_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_global_average_pooling1d_args cn_global_average_pooling1d_defaults;
CN_API cn_layer *cn_global_average_pooling1d_with(const cn_global_average_pooling1d_args *args);
#define cn_global_average_pooling1d(...)                                                           \
    CN__CALL(cn_global_average_pooling1d_with, cn_global_average_pooling1d_args,                   \
             CN_GLOBAL_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_global_average_pooling2d_args cn_global_average_pooling2d_defaults;
CN_API cn_layer *cn_global_average_pooling2d_with(const cn_global_average_pooling2d_args *args);
#define cn_global_average_pooling2d(...)                                                           \
    CN__CALL(cn_global_average_pooling2d_with, cn_global_average_pooling2d_args,                   \
             CN_GLOBAL_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_global_average_pooling3d_args cn_global_average_pooling3d_defaults;
CN_API cn_layer *cn_global_average_pooling3d_with(const cn_global_average_pooling3d_args *args);
#define cn_global_average_pooling3d(...)                                                           \
    CN__CALL(cn_global_average_pooling3d_with, cn_global_average_pooling3d_args,                   \
             CN_GLOBAL_POOLING_DEFAULTS, __VA_ARGS__)

#define cn_global_max_pool1d cn_global_max_pooling1d
#define cn_global_avg_pool1d cn_global_average_pooling1d
#define cn_global_max_pool2d cn_global_max_pooling2d
#define cn_global_avg_pool2d cn_global_average_pooling2d
#define cn_global_max_pool3d cn_global_max_pooling3d
#define cn_global_avg_pool3d cn_global_average_pooling3d

/* keras.layers.AdaptiveMaxPooling1D … AdaptiveAveragePooling3D: as many windows as .output_size
 * says; window i of n over a length is [floor(i length / n), ceil((i + 1) length / n)). The lengths
 * must be known. */
typedef struct cn_adaptive_pooling_args {
    CN_LAYER_ARGS;
    cn_ints output_size;
    const char *data_format;
    CN__END;
} cn_adaptive_max_pooling1d_args, cn_adaptive_max_pooling2d_args, cn_adaptive_max_pooling3d_args,
    cn_adaptive_average_pooling1d_args, cn_adaptive_average_pooling2d_args,
    cn_adaptive_average_pooling3d_args, cn_adaptive_pooling_args;
#define CN_ADAPTIVE_POOLING_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_adaptive_max_pooling1d_args cn_adaptive_max_pooling1d_defaults;
CN_API cn_layer *cn_adaptive_max_pooling1d_with(const cn_adaptive_max_pooling1d_args *args);
#define cn_adaptive_max_pooling1d(...)                                                             \
    CN__CALL(cn_adaptive_max_pooling1d_with, cn_adaptive_max_pooling1d_args,                       \
             CN_ADAPTIVE_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_adaptive_max_pooling2d_args cn_adaptive_max_pooling2d_defaults;
CN_API cn_layer *cn_adaptive_max_pooling2d_with(const cn_adaptive_max_pooling2d_args *args);
#define cn_adaptive_max_pooling2d(...)                                                             \
    CN__CALL(cn_adaptive_max_pooling2d_with, cn_adaptive_max_pooling2d_args,                       \
             CN_ADAPTIVE_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_adaptive_max_pooling3d_args cn_adaptive_max_pooling3d_defaults;
CN_API cn_layer *cn_adaptive_max_pooling3d_with(const cn_adaptive_max_pooling3d_args *args);
#define cn_adaptive_max_pooling3d(...)                                                             \
    CN__CALL(cn_adaptive_max_pooling3d_with, cn_adaptive_max_pooling3d_args,                       \
             CN_ADAPTIVE_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_adaptive_average_pooling1d_args cn_adaptive_average_pooling1d_defaults;
CN_API cn_layer *cn_adaptive_average_pooling1d_with(const cn_adaptive_average_pooling1d_args *args);
#define cn_adaptive_average_pooling1d(...)                                                         \
    CN__CALL(cn_adaptive_average_pooling1d_with, cn_adaptive_average_pooling1d_args,               \
             CN_ADAPTIVE_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_adaptive_average_pooling2d_args cn_adaptive_average_pooling2d_defaults;
CN_API cn_layer *cn_adaptive_average_pooling2d_with(const cn_adaptive_average_pooling2d_args *args);
#define cn_adaptive_average_pooling2d(...)                                                         \
    CN__CALL(cn_adaptive_average_pooling2d_with, cn_adaptive_average_pooling2d_args,               \
             CN_ADAPTIVE_POOLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_adaptive_average_pooling3d_args cn_adaptive_average_pooling3d_defaults;
CN_API cn_layer *cn_adaptive_average_pooling3d_with(const cn_adaptive_average_pooling3d_args *args);
#define cn_adaptive_average_pooling3d(...)                                                         \
    CN__CALL(cn_adaptive_average_pooling3d_with, cn_adaptive_average_pooling3d_args,               \
             CN_ADAPTIVE_POOLING_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
