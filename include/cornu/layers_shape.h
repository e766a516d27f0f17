/* Layers that pad, crop, enlarge, reorder and repeat (keras.layers.ZeroPadding1D …). */
#ifndef CORNU_LAYERS_SHAPE_H
#define CORNU_LAYERS_SHAPE_H

#include <cornu/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* keras.layers.ZeroPadding1D, 2D, 3D: zeros around the spatial axes. .padding is one number for all
 * sides, one for each axis, or two (before, after) for each axis: {1}, {1, 2}, {1, 0, 2, 3} for
 * ((1, 0), (2, 3)); ZeroPadding1D takes {2} or {1, 3}. Lists that end in 0 are written with
 * cn_tuple. */
typedef struct cn_zero_padding_args {
    CN_LAYER_ARGS;
    cn_ints padding;         /* 1 */
    const char *data_format; /* cn_image_data_format() */
    CN__END;
} cn_zero_padding_args, cn_zero_padding1d_args, cn_zero_padding2d_args, cn_zero_padding3d_args;
#define CN_ZERO_PADDING_DEFAULTS CN_LAYER_DEFAULTS, .padding = {{1}, 1}
CN_API extern const cn_zero_padding1d_args cn_zero_padding1d_defaults;
CN_API cn_layer *cn_zero_padding1d_with(const cn_zero_padding1d_args *args);
#define cn_zero_padding1d(...)                                                                     \
    CN__CALL(cn_zero_padding1d_with, cn_zero_padding1d_args, CN_ZERO_PADDING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_zero_padding2d_args cn_zero_padding2d_defaults;
CN_API cn_layer *cn_zero_padding2d_with(const cn_zero_padding2d_args *args);
#define cn_zero_padding2d(...)                                                                     \
    CN__CALL(cn_zero_padding2d_with, cn_zero_padding2d_args, CN_ZERO_PADDING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_zero_padding3d_args cn_zero_padding3d_defaults;
CN_API cn_layer *cn_zero_padding3d_with(const cn_zero_padding3d_args *args);
#define cn_zero_padding3d(...)                                                                     \
    CN__CALL(cn_zero_padding3d_with, cn_zero_padding3d_args, CN_ZERO_PADDING_DEFAULTS, __VA_ARGS__)

/* keras.layers.Cropping1D, 2D, 3D: cuts the spatial axes, by .cropping as .padding above. */
typedef struct cn_cropping_args {
    CN_LAYER_ARGS;
    cn_ints cropping;        /* 1; Cropping2D: 0 */
    const char *data_format; /* cn_image_data_format() */
    CN__END;
} cn_cropping_args, cn_cropping1d_args, cn_cropping2d_args, cn_cropping3d_args;
#define CN_CROPPING_DEFAULTS CN_LAYER_DEFAULTS, .cropping = {{1}, 1}
#define CN_CROPPING2D_DEFAULTS CN_LAYER_DEFAULTS, .cropping = {{0}, 1}
CN_API extern const cn_cropping1d_args cn_cropping1d_defaults;
CN_API cn_layer *cn_cropping1d_with(const cn_cropping1d_args *args);
#define cn_cropping1d(...)                                                                         \
    CN__CALL(cn_cropping1d_with, cn_cropping1d_args, CN_CROPPING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_cropping2d_args cn_cropping2d_defaults;
CN_API cn_layer *cn_cropping2d_with(const cn_cropping2d_args *args);
#define cn_cropping2d(...)                                                                         \
    CN__CALL(cn_cropping2d_with, cn_cropping2d_args, CN_CROPPING2D_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_cropping3d_args cn_cropping3d_defaults;
CN_API cn_layer *cn_cropping3d_with(const cn_cropping3d_args *args);
#define cn_cropping3d(...)                                                                         \
    CN__CALL(cn_cropping3d_with, cn_cropping3d_args, CN_CROPPING_DEFAULTS, __VA_ARGS__)

/* keras.layers.UpSampling1D, 2D, 3D: each step, row, column repeated. `.sizes` is Keras's `size`,
 * whose word the struct needs. UpSampling2D may interpolate: "nearest", "bilinear", "bicubic",
 * "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic". */
typedef struct cn_up_sampling_args {
    CN_LAYER_ARGS;
    cn_ints sizes;             /* 2 */
    const char *data_format;   /* cn_image_data_format() */
    const char *interpolation; /* "nearest"; UpSampling2D's */
    CN__END;
} cn_up_sampling_args, cn_up_sampling1d_args, cn_up_sampling2d_args, cn_up_sampling3d_args;
#define CN_UP_SAMPLING_DEFAULTS CN_LAYER_DEFAULTS, .sizes = {{2}, 1}, .interpolation = "nearest"
CN_API extern const cn_up_sampling1d_args cn_up_sampling1d_defaults;
CN_API cn_layer *cn_up_sampling1d_with(const cn_up_sampling1d_args *args);
#define cn_up_sampling1d(...)                                                                      \
    CN__CALL(cn_up_sampling1d_with, cn_up_sampling1d_args, CN_UP_SAMPLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_up_sampling2d_args cn_up_sampling2d_defaults;
CN_API cn_layer *cn_up_sampling2d_with(const cn_up_sampling2d_args *args);
#define cn_up_sampling2d(...)                                                                      \
    CN__CALL(cn_up_sampling2d_with, cn_up_sampling2d_args, CN_UP_SAMPLING_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_up_sampling3d_args cn_up_sampling3d_defaults;
CN_API cn_layer *cn_up_sampling3d_with(const cn_up_sampling3d_args *args);
#define cn_up_sampling3d(...)                                                                      \
    CN__CALL(cn_up_sampling3d_with, cn_up_sampling3d_args, CN_UP_SAMPLING_DEFAULTS, __VA_ARGS__)

/* keras.layers.Permute: axes in the order .dims = {2, 1}, counted from 1, without the batch. */
typedef struct cn_permute_args {
    CN_LAYER_ARGS;
    cn_ints dims;
    CN__END;
} cn_permute_args;
#define CN_PERMUTE_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_permute_args cn_permute_defaults;
CN_API cn_layer *cn_permute_with(const cn_permute_args *args);
#define cn_permute(...) CN__CALL(cn_permute_with, cn_permute_args, CN_PERMUTE_DEFAULTS, __VA_ARGS__)

/* keras.layers.RepeatVector: (batch, features) to (batch, n, features). */
typedef struct cn_repeat_vector_args {
    CN_LAYER_ARGS;
    int64_t n;
    CN__END;
} cn_repeat_vector_args;
#define CN_REPEAT_VECTOR_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_repeat_vector_args cn_repeat_vector_defaults;
CN_API cn_layer *cn_repeat_vector_with(const cn_repeat_vector_args *args);
#define cn_repeat_vector(...) cn__repeat_vector_call(__VA_ARGS__, .end_ = 0)
#define cn__repeat_vector_call(v, ...)                                                             \
    CN__CALL(cn_repeat_vector_with, cn_repeat_vector_args,                                         \
             CN_REPEAT_VECTOR_DEFAULTS CN__COMMA.n = (v), __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
