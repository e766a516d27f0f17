/* More of Keras's core and activation layers (keras.layers.Embedding, EinsumDense, Masking, PReLU
 * …). */
#ifndef CORNU_LAYERS_CORE_H
#define CORNU_LAYERS_CORE_H

#include <cornu/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* keras.layers.Embedding: rows of a table. Input: whole numbers in 0 … input_dim - 1, of any shape;
 * output: that shape and (output_dim). Weight: embeddings (input_dim, output_dim).
 * cn_embedding(20000, 64). */
typedef struct cn_embedding_args {
    CN_LAYER_ARGS;
    int64_t input_dim, output_dim;
    cn_identifier embeddings_initializer; /* uniform: ±0.05 */
    cn_identifier embeddings_regularizer, activity_regularizer;
    cn_identifier embeddings_constraint;
    bool mask_zero;                  /* false; true: 0 is masked */
    int64_t input_length;            /* None; tf.keras's */
    const char *quantization_config; /* None; kept for configs of Keras 3.13 and newer */
    CN__END;
} cn_embedding_args;
#define CN_EMBEDDING_DEFAULTS                                                                      \
    CN_LAYER_DEFAULTS, .embeddings_initializer = "uniform", .input_length = CN_NONE
CN_API extern const cn_embedding_args cn_embedding_defaults;
CN_API cn_layer *cn_embedding_with(const cn_embedding_args *args);
#define cn_embedding(...) cn__embedding_call(__VA_ARGS__, .end_ = 0)
#define cn__embedding_call(rows, columns, ...)                                                     \
    CN__CALL(cn_embedding_with, cn_embedding_args,                                                 \
             CN_EMBEDDING_DEFAULTS CN__COMMA.input_dim = (rows)CN__COMMA.output_dim = (columns),   \
             __VA_ARGS__)

/* keras.layers.EinsumDense: activation(einsum(equation, x, kernel) + bias), for example
 * "abc,cd->abd" or
 * "...x,xy->...y". .output_shape is that of the output without the batch, CN_NONE where the input
 * says it; .bias_axes = "d" names the axes that the bias has. */
typedef struct cn_einsum_dense_args {
    CN_LAYER_ARGS;
    const char *equation;
    cn_ints output_shape;
    cn_identifier activation;
    const char *bias_axes;                              /* None: no bias */
    cn_identifier kernel_initializer, bias_initializer; /* glorot_uniform, zeros */
    cn_identifier kernel_regularizer, bias_regularizer, activity_regularizer;
    cn_identifier kernel_constraint, bias_constraint;
    const char *quantization_config; /* None; kept for configs of Keras 3.13 and newer */
    CN__END;
} cn_einsum_dense_args;
#define CN_EINSUM_DENSE_DEFAULTS                                                                   \
    CN_LAYER_DEFAULTS, .kernel_initializer = "glorot_uniform", .bias_initializer = "zeros"
CN_API extern const cn_einsum_dense_args cn_einsum_dense_defaults;
CN_API cn_layer *cn_einsum_dense_with(const cn_einsum_dense_args *args);
#define cn_einsum_dense(...) cn__einsum_dense_call(__VA_ARGS__, .end_ = 0)
#define cn__einsum_dense_call(v, ...)                                                              \
    CN__CALL(cn_einsum_dense_with, cn_einsum_dense_args,                                           \
             CN_EINSUM_DENSE_DEFAULTS CN__COMMA.equation = (v), __VA_ARGS__)

/* keras.layers.Masking: steps whose features all equal mask_value become 0 and are masked. */
typedef struct cn_masking_args {
    CN_LAYER_ARGS;
    double mask_value; /* 0 */
    CN__END;
} cn_masking_args;
#define CN_MASKING_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_masking_args cn_masking_defaults;
CN_API cn_layer *cn_masking_with(const cn_masking_args *args);
#define cn_masking(...) CN__CALL(cn_masking_with, cn_masking_args, CN_MASKING_DEFAULTS, __VA_ARGS__)

/* keras.layers.Identity: its input. */
typedef cn_layer_args cn_identity_layer_args;
CN_API extern const cn_identity_layer_args cn_identity_layer_defaults;
CN_API cn_layer *cn_identity_layer_with(const cn_identity_layer_args *args);
#define cn_identity_layer(...)                                                                     \
    CN__CALL(cn_identity_layer_with, cn_identity_layer_args, CN_LAYER_DEFAULTS, __VA_ARGS__)

/* keras.layers.ELU: x, or alpha (exp(x) - 1) where x < 0. */
typedef struct cn_elu_layer_args {
    CN_LAYER_ARGS;
    double alpha; /* 1 */
    CN__END;
} cn_elu_layer_args;
#define CN_ELU_LAYER_DEFAULTS CN_LAYER_DEFAULTS, .alpha = 1
CN_API extern const cn_elu_layer_args cn_elu_layer_defaults;
CN_API cn_layer *cn_elu_layer_with(const cn_elu_layer_args *args);
#define cn_elu_layer(...)                                                                          \
    CN__CALL(cn_elu_layer_with, cn_elu_layer_args, CN_ELU_LAYER_DEFAULTS, __VA_ARGS__)

/* keras.layers.PReLU: x, or alpha x where x < 0. Weight: alpha, of the input's shape without the
 * batch, with length 1 along .shared_axes = {1, 2}. */
typedef struct cn_prelu_args {
    CN_LAYER_ARGS;
    cn_identifier alpha_initializer; /* zeros */
    cn_identifier alpha_regularizer, alpha_constraint;
    cn_ints shared_axes; /* None */
    CN__END;
} cn_prelu_args;
#define CN_PRELU_DEFAULTS                                                                          \
    CN_LAYER_DEFAULTS, .alpha_initializer = "zeros", .shared_axes = {{CN_NONE}, 1}
CN_API extern const cn_prelu_args cn_prelu_defaults;
CN_API cn_layer *cn_prelu_with(const cn_prelu_args *args);
#define cn_prelu(...) CN__CALL(cn_prelu_with, cn_prelu_args, CN_PRELU_DEFAULTS, __VA_ARGS__)

/* keras.layers.ThresholdedReLU (tf.keras): x where x > theta, else 0. */
typedef struct cn_thresholded_relu_args {
    CN_LAYER_ARGS;
    double theta; /* 1 */
    CN__END;
} cn_thresholded_relu_args;
#define CN_THRESHOLDED_RELU_DEFAULTS CN_LAYER_DEFAULTS, .theta = 1
CN_API extern const cn_thresholded_relu_args cn_thresholded_relu_defaults;
CN_API cn_layer *cn_thresholded_relu_with(const cn_thresholded_relu_args *args);
#define cn_thresholded_relu(...)                                                                   \
    CN__CALL(cn_thresholded_relu_with, cn_thresholded_relu_args, CN_THRESHOLDED_RELU_DEFAULTS,     \
             __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
