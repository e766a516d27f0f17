/* Convolution layers (keras.layers.Conv1D … SeparableConv2D). */
#ifndef CORNU_LAYERS_CONV_H
#define CORNU_LAYERS_CONV_H

#include <cornu/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the layers here share. Inputs are (batch, spatial…, channels), or (batch, channels,
 * spatial…) where .data_format is "channels_first" (default: cn_image_data_format()). A tuple of
 * one number stands for all spatial axes: .kernel_size = {3}. Sizes, strides and dilation rates are
 * at least 1; strides and dilation rates above 1 exclude each other. .padding  "valid"; "same":
 * ceil(length / stride) outputs, the odd padded cell at the end; "causal" (Conv1D,
 * SeparableConv1D): padded in front only. .activation  None: linear. Errors are CN_EVALUE in
 * Keras's words. */

/* keras.layers.Conv1D, Conv2D, Conv3D: activation(conv(x, kernel) + bias). Weights: kernel (size…,
 * channels / groups, filters), bias (filters). Output (batch, lengths…, filters). */
typedef struct cn_convolution_args {
    CN_LAYER_ARGS;
    int64_t filters;
    cn_ints kernel_size;
    cn_ints strides; /* 1 */
    const char *padding;
    const char *data_format;
    cn_ints dilation_rate; /* 1 */
    int64_t groups;        /* 1; divides the channels and the filters */
    cn_identifier activation;
    bool use_bias;
    cn_identifier kernel_initializer, bias_initializer; /* glorot_uniform, zeros */
    cn_identifier kernel_regularizer, bias_regularizer, activity_regularizer;
    cn_identifier kernel_constraint, bias_constraint;
    CN__END;
} cn_convolution_args, cn_conv1d_args, cn_conv2d_args, cn_conv3d_args;
#define CN_CONVOLUTION_DEFAULTS                                                                    \
    CN_LAYER_DEFAULTS, .strides = {{1}, 1}, .padding = "valid", .dilation_rate = {{1}, 1},         \
                       .groups = 1, .use_bias = true, .kernel_initializer = "glorot_uniform",      \
                       .bias_initializer = "zeros"
CN_API extern const cn_conv1d_args cn_conv1d_defaults;
CN_API cn_layer *cn_conv1d_with(const cn_conv1d_args *args);
#define cn_conv1d(...) cn__conv1d_call(__VA_ARGS__, .end_ = 0)
#define cn__conv1d_call(v, ...)                                                                    \
    CN__CALL(cn_conv1d_with, cn_conv1d_args, CN_CONVOLUTION_DEFAULTS CN__COMMA.filters = (v),      \
             __VA_ARGS__)

CN_API extern const cn_conv2d_args cn_conv2d_defaults;
CN_API cn_layer *cn_conv2d_with(const cn_conv2d_args *args);
#define cn_conv2d(...) cn__conv2d_call(__VA_ARGS__, .end_ = 0)
#define cn__conv2d_call(v, ...)                                                                    \
    CN__CALL(cn_conv2d_with, cn_conv2d_args, CN_CONVOLUTION_DEFAULTS CN__COMMA.filters = (v),      \
             __VA_ARGS__)

CN_API extern const cn_conv3d_args cn_conv3d_defaults;
CN_API cn_layer *cn_conv3d_with(const cn_conv3d_args *args);
#define cn_conv3d(...) cn__conv3d_call(__VA_ARGS__, .end_ = 0)
#define cn__conv3d_call(v, ...)                                                                    \
    CN__CALL(cn_conv3d_with, cn_conv3d_args, CN_CONVOLUTION_DEFAULTS CN__COMMA.filters = (v),      \
             __VA_ARGS__)

#define cn_convolution1d cn_conv1d
#define cn_convolution2d cn_conv2d
#define cn_convolution3d cn_conv3d

/* keras.layers.Conv1DTranspose, Conv2DTranspose, Conv3DTranspose: the gradient of a convolution
 * with regard to its input. Weights: kernel (size…, filters, channels), bias (filters). Output
 * lengths are (n - 1) stride + max(size, stride) for "valid" and n stride for "same";
 * .output_padding, less than the strides, says them exactly: (n - 1) stride + size - 2 (size / 2 if
 * "same") + output_padding. */
typedef struct cn_convolution_transpose_args {
    CN_LAYER_ARGS;
    int64_t filters;
    cn_ints kernel_size;
    cn_ints strides; /* 1 */
    const char *padding;
    cn_ints output_padding; /* None */
    const char *data_format;
    cn_ints dilation_rate; /* 1 */
    int64_t groups;        /* 1; kept for tf.keras's configs */
    cn_identifier activation;
    bool use_bias;
    cn_identifier kernel_initializer, bias_initializer; /* glorot_uniform, zeros */
    cn_identifier kernel_regularizer, bias_regularizer, activity_regularizer;
    cn_identifier kernel_constraint, bias_constraint;
    CN__END;
} cn_convolution_transpose_args, cn_conv1d_transpose_args, cn_conv2d_transpose_args,
    cn_conv3d_transpose_args;
#define CN_CONVOLUTION_TRANSPOSE_DEFAULTS CN_CONVOLUTION_DEFAULTS, .output_padding = {{CN_NONE}, 1}
CN_API extern const cn_conv1d_transpose_args cn_conv1d_transpose_defaults;
CN_API cn_layer *cn_conv1d_transpose_with(const cn_conv1d_transpose_args *args);
#define cn_conv1d_transpose(...) cn__conv1d_transpose_call(__VA_ARGS__, .end_ = 0)
#define cn__conv1d_transpose_call(v, ...)                                                          \
    CN__CALL(cn_conv1d_transpose_with, cn_conv1d_transpose_args,                                   \
             CN_CONVOLUTION_TRANSPOSE_DEFAULTS CN__COMMA.filters = (v), __VA_ARGS__)

CN_API extern const cn_conv2d_transpose_args cn_conv2d_transpose_defaults;
CN_API cn_layer *cn_conv2d_transpose_with(const cn_conv2d_transpose_args *args);
#define cn_conv2d_transpose(...) cn__conv2d_transpose_call(__VA_ARGS__, .end_ = 0)
#define cn__conv2d_transpose_call(v, ...)                                                          \
    CN__CALL(cn_conv2d_transpose_with, cn_conv2d_transpose_args,                                   \
             CN_CONVOLUTION_TRANSPOSE_DEFAULTS CN__COMMA.filters = (v), __VA_ARGS__)

CN_API extern const cn_conv3d_transpose_args cn_conv3d_transpose_defaults;
CN_API cn_layer *cn_conv3d_transpose_with(const cn_conv3d_transpose_args *args);
#define cn_conv3d_transpose(...) cn__conv3d_transpose_call(__VA_ARGS__, .end_ = 0)
#define cn__conv3d_transpose_call(v, ...)                                                          \
    CN__CALL(cn_conv3d_transpose_with, cn_conv3d_transpose_args,                                   \
             CN_CONVOLUTION_TRANSPOSE_DEFAULTS CN__COMMA.filters = (v), __VA_ARGS__)

#define cn_convolution1d_transpose cn_conv1d_transpose
#define cn_convolution2d_transpose cn_conv2d_transpose
#define cn_convolution3d_transpose cn_conv3d_transpose

/* keras.layers.DepthwiseConv1D, DepthwiseConv2D: each channel convolved by itself, depth_multiplier
 * times. Weights: kernel (size…, channels, depth_multiplier), bias. Output (batch, lengths…,
 * channels * depth_multiplier). */
typedef struct cn_depthwise_convolution_args {
    CN_LAYER_ARGS;
    int64_t depth_multiplier; /* 1 */
    cn_ints kernel_size;
    cn_ints strides; /* 1 */
    const char *padding;
    const char *data_format;
    cn_ints dilation_rate; /* 1 */
    int64_t groups;        /* 1; kept for tf.keras's configs */
    cn_identifier activation;
    bool use_bias;
    cn_identifier depthwise_initializer, bias_initializer; /* glorot_uniform, zeros */
    cn_identifier depthwise_regularizer, bias_regularizer, activity_regularizer;
    cn_identifier depthwise_constraint, bias_constraint;
    CN__END;
} cn_depthwise_convolution_args, cn_depthwise_conv1d_args, cn_depthwise_conv2d_args;
#define CN_DEPTHWISE_CONVOLUTION_DEFAULTS                                                          \
    CN_LAYER_DEFAULTS, .depth_multiplier = 1, .strides = {{1}, 1}, .padding = "valid",             \
                       .dilation_rate = {{1}, 1}, .groups = 1, .use_bias = true,                   \
                       .depthwise_initializer = "glorot_uniform", .bias_initializer = "zeros"
CN_API extern const cn_depthwise_conv1d_args cn_depthwise_conv1d_defaults;
CN_API cn_layer *cn_depthwise_conv1d_with(const cn_depthwise_conv1d_args *args);
#define cn_depthwise_conv1d(...)                                                                   \
    CN__CALL(cn_depthwise_conv1d_with, cn_depthwise_conv1d_args,                                   \
             CN_DEPTHWISE_CONVOLUTION_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_depthwise_conv2d_args cn_depthwise_conv2d_defaults;
CN_API cn_layer *cn_depthwise_conv2d_with(const cn_depthwise_conv2d_args *args);
#define cn_depthwise_conv2d(...)                                                                   \
    CN__CALL(cn_depthwise_conv2d_with, cn_depthwise_conv2d_args,                                   \
             CN_DEPTHWISE_CONVOLUTION_DEFAULTS, __VA_ARGS__)

/* keras.layers.SeparableConv1D, SeparableConv2D: a depthwise convolution, then one of size 1.
 * Weights: depthwise_kernel (size…, channels, depth_multiplier), pointwise_kernel (1…, channels *
 * depth_multiplier, filters), bias (filters). */
typedef struct cn_separable_convolution_args {
    CN_LAYER_ARGS;
    int64_t filters;
    cn_ints kernel_size;
    cn_ints strides; /* 1 */
    const char *padding;
    const char *data_format;
    cn_ints dilation_rate;    /* 1 */
    int64_t depth_multiplier; /* 1 */
    int64_t groups;           /* 1; kept for tf.keras's configs */
    cn_identifier activation;
    bool use_bias;
    cn_identifier depthwise_initializer, pointwise_initializer; /* glorot_uniform */
    cn_identifier bias_initializer;                             /* zeros */
    cn_identifier depthwise_regularizer, pointwise_regularizer;
    cn_identifier bias_regularizer, activity_regularizer;
    cn_identifier depthwise_constraint, pointwise_constraint, bias_constraint;
    /* Without effect; tf.keras writes them into configs. */
    cn_identifier kernel_initializer, kernel_regularizer, kernel_constraint;
    CN__END;
} cn_separable_convolution_args, cn_separable_conv1d_args, cn_separable_conv2d_args;
#define CN_SEPARABLE_CONVOLUTION_DEFAULTS                                                          \
    CN_LAYER_DEFAULTS,                                                                             \
        .strides = {{1}, 1}, .padding = "valid", .dilation_rate = {{1}, 1}, .depth_multiplier = 1, \
        .groups = 1, .use_bias = true, .depthwise_initializer = "glorot_uniform",                  \
        .pointwise_initializer = "glorot_uniform", .kernel_initializer = "glorot_uniform",         \
        .bias_initializer = "zeros"
CN_API extern const cn_separable_conv1d_args cn_separable_conv1d_defaults;
CN_API cn_layer *cn_separable_conv1d_with(const cn_separable_conv1d_args *args);
#define cn_separable_conv1d(...) cn__separable_conv1d_call(__VA_ARGS__, .end_ = 0)
#define cn__separable_conv1d_call(v, ...)                                                          \
    CN__CALL(cn_separable_conv1d_with, cn_separable_conv1d_args,                                   \
             CN_SEPARABLE_CONVOLUTION_DEFAULTS CN__COMMA.filters = (v), __VA_ARGS__)

CN_API extern const cn_separable_conv2d_args cn_separable_conv2d_defaults;
CN_API cn_layer *cn_separable_conv2d_with(const cn_separable_conv2d_args *args);
#define cn_separable_conv2d(...) cn__separable_conv2d_call(__VA_ARGS__, .end_ = 0)
#define cn__separable_conv2d_call(v, ...)                                                          \
    CN__CALL(cn_separable_conv2d_with, cn_separable_conv2d_args,                                   \
             CN_SEPARABLE_CONVOLUTION_DEFAULTS CN__COMMA.filters = (v), __VA_ARGS__)

#define cn_separable_convolution1d cn_separable_conv1d
#define cn_separable_convolution2d cn_separable_conv2d

#ifdef __cplusplus
}
#endif
#endif
