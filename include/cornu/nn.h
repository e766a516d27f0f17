/* Convolution, pooling and resizing as ops (keras.ops.nn, keras.ops.image), for filters and images
 * by hand. */
#ifndef CORNU_NN_H
#define CORNU_NN_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the functions here share. Inputs are (batch, spatial…, channels) with one to three spatial
 * axes, or (batch, channels, spatial…) where .data_format is "channels_first"; its default is
 * cn_image_data_format(). A tuple of one number stands for all spatial axes. Integers are taken as
 * float32. All are differentiable, any number of times. .padding  "valid", or "same": as many
 * outputs as ceil(length / stride), the odd padded cell at the end. Errors are CN_EVALUE in Keras's
 * words: kernel and input that do not fit, output sizes of zero or less, unknown padding. */

typedef struct cn_conv_args {
    size_t size;
    cn_ints strides;     /* 1 */
    const char *padding; /* also "causal", for one spatial axis: padded in front only */
    const char *data_format;
    cn_ints dilation_rate; /* 1; may stand beside strides */
    int64_t groups;        /* 0: the input's channels over the kernel's */
    CN__END;
} cn_conv_args;
#define CN_CONV_DEFAULTS .padding = "valid"
CN_API extern const cn_conv_args cn_conv_defaults;
/* keras.ops.conv: y[o] = sum of x[o * stride + k * dilation] kernel[k]; the kernel is (size…,
 * channels / groups, filters) and is not flipped. */
CN_API cn_tensor *cn_conv_with(cn_tensor *x, cn_tensor *kernel, const cn_conv_args *args);
#define cn_conv(...) cn__conv_call(__VA_ARGS__, .end_ = 0)
#define cn__conv_call(x, kernel, ...)                                                              \
    CN__CALL2(cn_conv_with, x, kernel, cn_conv_args, CN_CONV_DEFAULTS, __VA_ARGS__)
/* keras.ops.depthwise_conv: each channel by itself; the kernel is (size…, channels, multiplier).
 * groups is not used. */
CN_API cn_tensor *cn_depthwise_conv_with(cn_tensor *x, cn_tensor *kernel, const cn_conv_args *args);
#define cn_depthwise_conv(...) cn__depthwise_conv_call(__VA_ARGS__, .end_ = 0)
#define cn__depthwise_conv_call(x, kernel, ...)                                                    \
    CN__CALL2(cn_depthwise_conv_with, x, kernel, cn_conv_args, CN_CONV_DEFAULTS, __VA_ARGS__)
/* keras.ops.separable_conv: a depthwise convolution, then one of size 1 with the pointwise kernel
 * (1…, channels * multiplier, filters). */
CN_API cn_tensor *cn_separable_conv_with(cn_tensor *x, cn_tensor *depthwise_kernel,
                                         cn_tensor *pointwise_kernel, const cn_conv_args *args);
#define cn_separable_conv(...) cn__separable_conv_call(__VA_ARGS__, .end_ = 0)
#define cn__separable_conv_call(x, depthwise_kernel, pointwise_kernel, ...)                        \
    CN__CALL3(cn_separable_conv_with, x, depthwise_kernel, pointwise_kernel, cn_conv_args,         \
              CN_CONV_DEFAULTS, __VA_ARGS__)

typedef struct cn_conv_transpose_args {
    size_t size;
    cn_ints strides; /* 1 */
    const char *padding;
    cn_ints output_padding; /* None: lengths are (n - 1) stride + max(size, stride) for "valid", n
                               stride for "same" */
    const char *data_format;
    cn_ints dilation_rate; /* 1 */
    CN__END;
} cn_conv_transpose_args;
#define CN_CONV_TRANSPOSE_DEFAULTS .padding = "valid", .output_padding = {{CN_NONE}, 1}
CN_API extern const cn_conv_transpose_args cn_conv_transpose_defaults;
/* keras.ops.conv_transpose: the gradient of a convolution; the kernel is (size…, filters,
 * channels). */
CN_API cn_tensor *cn_conv_transpose_with(cn_tensor *x, cn_tensor *kernel,
                                         const cn_conv_transpose_args *args);
#define cn_conv_transpose(...) cn__conv_transpose_call(__VA_ARGS__, .end_ = 0)
#define cn__conv_transpose_call(x, kernel, ...)                                                    \
    CN__CALL2(cn_conv_transpose_with, x, kernel, cn_conv_transpose_args,                           \
              CN_CONV_TRANSPOSE_DEFAULTS, __VA_ARGS__)

typedef struct cn_pool_args {
    size_t size;
    cn_ints pool_size; /* 2 */
    cn_ints strides;   /* pool_size */
    const char *padding;
    const char *data_format;
    CN__END;
} cn_pool_args;
#define CN_POOL_DEFAULTS .pool_size = {{2}, 1}, .padding = "valid"
CN_API extern const cn_pool_args cn_pool_defaults;
/* The largest cell of each window; of equals the first gets the gradient; a NaN wins. */
CN_API cn_tensor *cn_max_pool_with(cn_tensor *x, const cn_pool_args *args);
#define cn_max_pool(...) cn__max_pool_call(__VA_ARGS__, .end_ = 0)
#define cn__max_pool_call(x, ...)                                                                  \
    CN__CALL1(cn_max_pool_with, x, cn_pool_args, CN_POOL_DEFAULTS, __VA_ARGS__)
/* The mean of each window's cells; those in the padding do not count. */
CN_API cn_tensor *cn_average_pool_with(cn_tensor *x, const cn_pool_args *args);
#define cn_average_pool(...) cn__average_pool_call(__VA_ARGS__, .end_ = 0)
#define cn__average_pool_call(x, ...)                                                              \
    CN__CALL1(cn_average_pool_with, x, cn_pool_args, CN_POOL_DEFAULTS, __VA_ARGS__)
/* The sum of each window's cells (not in Keras). */
CN_API cn_tensor *cn_sum_pool_with(cn_tensor *x, const cn_pool_args *args);
#define cn_sum_pool(...) cn__sum_pool_call(__VA_ARGS__, .end_ = 0)
#define cn__sum_pool_call(x, ...)                                                                  \
    CN__CALL1(cn_sum_pool_with, x, cn_pool_args, CN_POOL_DEFAULTS, __VA_ARGS__)

typedef struct cn_image_resize_args {
    size_t size;
    cn_ints output_size;       /* (height, width); Keras's `size`, whose word the struct needs */
    const char *interpolation; /* "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5",
                                  "gaussian", "mitchellcubic" */
    bool antialias;            /* smooth when shrinking */
    const char *data_format;
    CN__END;
} cn_image_resize_args;
#define CN_IMAGE_RESIZE_DEFAULTS .interpolation = "bilinear"
CN_API extern const cn_image_resize_args cn_image_resize_defaults;
/* keras.ops.image.resize of (batch, height, width, channels) or one image without the batch:
 * half-pixel centres, as tf.image.resize. "nearest" keeps the dtype, others give float32 (float64
 * for float64). */
CN_API cn_tensor *cn_image_resize_with(cn_tensor *images, const cn_image_resize_args *args);
#define cn_image_resize(...) cn__image_resize_call(__VA_ARGS__, .end_ = 0)
#define cn__image_resize_call(images, ...)                                                         \
    CN__CALL1(cn_image_resize_with, images, cn_image_resize_args, CN_IMAGE_RESIZE_DEFAULTS,        \
              __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
