/* Layers (keras.layers), and the record by which a layer of one's own is written. */
#ifndef CORNU_LAYERS_H
#define CORNU_LAYERS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The arguments that every layer has, at the head of its struct: its name (automatic: "dense",
 * "dense_1"), its dtype or policy
 * ("float32"), whether it is trained, and the shape of its input without (input_shape) or with the
 * batch (batch_input_shape, CN_NONE for any), which lets a Sequential model be built at once. */
#define CN_LAYER_ARGS                                                                              \
    size_t size;                                                                                   \
    const char *name;                                                                              \
    const char *dtype;                                                                             \
    bool trainable;                                                                                \
    cn_ints input_shape;                                                                           \
    cn_ints batch_input_shape;                                                                     \
    int64_t batch_size
#define CN_LAYER_DEFAULTS .trainable = true, .batch_size = CN_NONE

typedef struct cn_layer_args {
    CN_LAYER_ARGS;
    CN__END;
} cn_layer_args;

/* What a call gets besides its inputs. */
typedef struct cn_call_args {
    size_t size;
    bool training;
    const void *args;     /* the user's own flags and arguments, or NULL */
    int n_initial_states; /* of a recurrent layer */
    cn_tensor *initial_states[8];
    cn_tensor *
        *outputs; /* room for the outputs after the first, set by cn_call_output; may be NULL */
    int max_outputs;
    int *n_outputs; /* how many outputs there are in all */
    CN__END;
} cn_call_args;

/* A layer class. Every function but `call` may be NULL. Functions return 0 or a negative CN_E…,
 * pointers NULL, with the error kept by cn_fail. */
typedef struct cn_layer_class {
    cn_class base;
    /* Makes the weights (cn_layer_add_weight) for inputs of these shapes; run once, before the
     * first call. */
    int (*build)(cn_layer *self, const cn_shape *inputs, int n_inputs);
    /* The layer's mathematics, in ops: inputs are eager or symbolic alike. Further outputs by
     * cn_call_output. */
    cn_tensor *(*call)(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *args);
    /* Output shapes without a call; NULL: found by tracing `call`. */
    int (*compute_output_shape)(cn_layer *self, const cn_shape *inputs, int n_inputs,
                                cn_shape *outputs, int max_outputs);
    /* The mask of the output from those of the inputs (on the tensors); NULL: passed on if
     * supports_masking, else an error. */
    cn_tensor *(*compute_mask)(cn_layer *self, cn_tensor *const *inputs, int n_inputs);
    bool supports_masking;
    /* What the inputs must look like, checked before build and call with Keras's words. 0: no
     * limit. */
    int min_rank, exact_rank;
    int n_inputs; /* 0: one; -1: any number, as a list; else exactly so many */
    /* State besides weights and fields. */
    int (*init)(cn_layer *self);
    void (*destroy)(void *state);
    size_t state_bytes; /* zeroed memory at cn_layer_state(self) */
    /* Checks arguments at construction (units > 0 …) with Keras's words. */
    int (*check)(cn_layer *self);
} cn_layer_class;

/* The arguments (the class's struct; identifiers are objects), the state, the name of a layer. */
CN_API const void *cn_layer_arguments(const cn_layer *layer);
CN_API void *cn_layer_state(const cn_layer *layer);
CN_API const char *cn_layer_name(const cn_layer *layer);
CN_API const char *cn_layer_class_name(const cn_layer *layer);
/* A layer of a user's class from its argument struct. */
CN_API cn_layer *cn_layer_new(const cn_layer_class *cls, const void *args);
/* Makes the class known to files and to identifiers, under "package>Name"
 * (keras.saving.register_keras_serializable). */
CN_API int cn_register_layer(const cn_layer_class *cls, const char *package);

typedef struct cn_add_weight_args {
    size_t size;
    const char *name;
    cn_ints shape;
    const cn_shape *shape_of;  /* instead of .shape, for computed shapes (and lengths of 0) */
    const char *dtype;         /* the layer's */
    cn_identifier initializer; /* None: glorot_uniform, even for a bias, as in Keras */
    cn_identifier regularizer;
    cn_identifier constraint;
    bool trainable;
    CN__END;
} cn_add_weight_args;
#define CN_ADD_WEIGHT_DEFAULTS .trainable = true
CN_API extern const cn_add_weight_args cn_add_weight_defaults;
/* A variable owned by the layer; also readable later by cn_layer_weight. */
CN_API cn_tensor *cn_layer_add_weight_with(cn_layer *layer, const cn_add_weight_args *args);
#define cn_layer_add_weight(...) cn__layer_add_weight(__VA_ARGS__, .end_ = 0)
#define cn__layer_add_weight(layer, ...)                                                           \
    CN__CALL1(cn_layer_add_weight_with, layer, cn_add_weight_args, CN_ADD_WEIGHT_DEFAULTS,         \
              __VA_ARGS__)
/* The i-th weight of the layer's own, in the order in which they were added; by name; NULL if there
 * is none (no error). */
CN_API cn_tensor *cn_layer_weight(const cn_layer *layer, int index);
CN_API cn_tensor *cn_layer_weight_named(const cn_layer *layer, const char *name);
/* Adds a scalar to the losses of the model that calls the layer (layer.add_loss). */
CN_API int cn_layer_add_loss(cn_layer *layer, cn_tensor *loss);
/* The losses of the last call of a layer or model (layer.losses): those that were added, and what
 * the regularizers of all weights ask for; fills at most `max`, returns how many. */
CN_API int cn_layer_losses(cn_layer *layer, cn_tensor **out, int max);
/* Adds values to a mean of this name, which fit and evaluate log (layer.add_metric of tf.keras). */
CN_API int cn_layer_add_metric(cn_layer *layer, cn_tensor *value, const char *name);
/* Gives output `index` (1 …) of a call with several outputs. */
CN_API int cn_call_output(const cn_call_args *args, int index, cn_tensor *output);
/* A sublayer found by files and weight lists (fields of type LAYER need it not). */
CN_API int cn_layer_track(cn_layer *layer, cn_layer *sublayer);

CN_API int cn_layer_build(cn_layer *layer, const cn_shape *inputs, int n_inputs);
CN_API bool cn_layer_built(const cn_layer *layer);
CN_API bool cn_layer_trainable(const cn_layer *layer);
CN_API int cn_layer_set_trainable(cn_layer *layer, bool trainable);
CN_API int64_t cn_layer_count_params(const cn_layer *layer);
CN_API int cn_layer_compute_output_shape(cn_layer *layer, const cn_shape *inputs, int n_inputs,
                                         cn_shape *output);
/* Variables in Keras's get_weights() order (trainable first); returns how many, fills at most
 * `max`. */
CN_API int cn_layer_weights(const cn_layer *layer, cn_tensor **out, int max);
CN_API int cn_layer_trainable_weights(const cn_layer *layer, cn_tensor **out, int max);
CN_API int cn_layer_non_trainable_weights(const cn_layer *layer, cn_tensor **out, int max);
/* Copies n arrays into the weights, with Keras's errors on counts and shapes. */
CN_API int cn_layer_set_weights(cn_layer *layer, int n, cn_tensor *const *values);
/* get_config() as JSON text, in the dialect of the layer's Keras version; belongs to the current
 * scope. */
CN_API const char *cn_layer_get_config(const cn_layer *layer);
/* A layer from {"class_name": …, "config": …} of any generation. */
CN_API cn_layer *cn_layer_from_config(const char *json);

/* Calls a layer or a model on eager or symbolic tensors: cn_call(layer, x), cn_call(layer, x, y,
 * .training = true, .args = &flags). Builds it first if that has not been done. Outputs after the
 * first go to .outputs. */
typedef struct cn_call_list {
    size_t size;
    int first_; /* positional arguments go on after it */
    cn_tensor *inputs[32];
    bool training;
    bool training_given_; /* set by cn_fit and the like; a plain call is not training */
    const void *args;
    cn_tensors initial_state;
    cn_tensor **outputs; /* room for the outputs after the first */
    int max_outputs;
    int *n_outputs;
    CN__END;
} cn_call_list;
CN_API cn_tensor *cn_call_with(void *layer_or_model, const cn_call_list *args);
#define cn_call(...) cn__call_list(__VA_ARGS__, .end_ = 0)
#define cn__call_list(callable, ...)                                                               \
    CN__CALL1(cn_call_with, callable, cn_call_list, .first_ = 0, .first_ = 0, __VA_ARGS__)
CN_API cn_tensor *cn_layer_call_with(void *layer_or_model, int n_inputs, cn_tensor *const *inputs,
                                     const cn_call_args *args);

/* Built-in layers
 * ---------------------------------------------------------------------------------------------------
 */

/* keras.layers.Dense: activation(x·kernel + bias) over the last axis. Input (batch, …, n), output
 * (batch, …, units). */
typedef struct cn_dense_args {
    CN_LAYER_ARGS;
    int64_t units;
    cn_identifier activation; /* None: linear */
    bool use_bias;
    cn_identifier kernel_initializer, bias_initializer;
    cn_identifier kernel_regularizer, bias_regularizer, activity_regularizer;
    cn_identifier kernel_constraint, bias_constraint;
    const char *quantization_config; /* None; kept for configs of Keras 3.13 and newer */
    CN__END;
} cn_dense_args;
#define CN_DENSE_DEFAULTS                                                                          \
    CN_LAYER_DEFAULTS, .use_bias = true, .kernel_initializer = "glorot_uniform",                   \
                       .bias_initializer = "zeros"
CN_API extern const cn_dense_args cn_dense_defaults;
CN_API cn_layer *cn_dense_with(const cn_dense_args *args);
#define cn_dense(...) cn__dense(__VA_ARGS__, .end_ = 0)
#define cn__dense(u, ...)                                                                          \
    CN__CALL(cn_dense_with, cn_dense_args, CN_DENSE_DEFAULTS CN__COMMA.units = (u), __VA_ARGS__)

/* keras.layers.Activation: cn_activation_layer("relu"). Any shape. */
typedef struct cn_activation_layer_args {
    CN_LAYER_ARGS;
    cn_identifier activation; /* None: linear */
    CN__END;
} cn_activation_layer_args;
#define CN_ACTIVATION_LAYER_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_activation_layer_args cn_activation_layer_defaults;
CN_API cn_layer *cn_activation_layer_with(const cn_activation_layer_args *args);
#define cn_activation_layer(...) cn__activation_layer_call(__VA_ARGS__, .end_ = 0)
#define cn__activation_layer_call(a, ...)                                                          \
    CN__CALL(cn_activation_layer_with, cn_activation_layer_args,                                   \
             CN_ACTIVATION_LAYER_DEFAULTS CN__COMMA.activation = (a), __VA_ARGS__)

/* keras.layers.Flatten: (batch, …) to (batch, n), row-major; channels_first input is read channels
 * last. */
typedef struct cn_flatten_args {
    CN_LAYER_ARGS;
    const char *data_format; /* that of cn_image_data_format() */
    CN__END;
} cn_flatten_args;
#define CN_FLATTEN_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_flatten_args cn_flatten_defaults;
CN_API cn_layer *cn_flatten_with(const cn_flatten_args *args);
#define cn_flatten(...) CN__CALL(cn_flatten_with, cn_flatten_args, CN_FLATTEN_DEFAULTS, __VA_ARGS__)

/* keras.layers.Reshape to .target_shape = {7, 7, 4}, without the batch; one length may be -1. */
typedef struct cn_reshape_layer_args {
    CN_LAYER_ARGS;
    cn_ints target_shape;
    CN__END;
} cn_reshape_layer_args;
#define CN_RESHAPE_LAYER_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_reshape_layer_args cn_reshape_layer_defaults;
CN_API cn_layer *cn_reshape_layer_with(const cn_reshape_layer_args *args);
#define cn_reshape_layer(...)                                                                      \
    CN__CALL(cn_reshape_layer_with, cn_reshape_layer_args, CN_RESHAPE_LAYER_DEFAULTS, __VA_ARGS__)

/* keras.layers.Dropout: in training elements become 0 with probability `rate`, the others grow by 1
 * / (1 - rate). */
typedef struct cn_dropout_args {
    CN_LAYER_ARGS;
    double rate;
    cn_ints noise_shape; /* None: the input's; 1 where an axis shares its fate */
    int64_t seed;        /* None */
    CN__END;
} cn_dropout_args;
#define CN_DROPOUT_DEFAULTS CN_LAYER_DEFAULTS, .noise_shape = {{CN_NONE}, 1}, .seed = CN_NONE
CN_API extern const cn_dropout_args cn_dropout_defaults;
CN_API cn_layer *cn_dropout_with(const cn_dropout_args *args);
#define cn_dropout(...) cn__dropout_call(__VA_ARGS__, .end_ = 0)
#define cn__dropout_call(r, ...)                                                                   \
    CN__CALL(cn_dropout_with, cn_dropout_args, CN_DROPOUT_DEFAULTS CN__COMMA.rate = (r),           \
             __VA_ARGS__)

/* keras.layers.Rescaling: x scale + offset, in the layer's dtype. */
typedef struct cn_rescaling_args {
    CN_LAYER_ARGS;
    double scale;
    double offset; /* 0 */
    CN__END;
} cn_rescaling_args;
#define CN_RESCALING_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_rescaling_args cn_rescaling_defaults;
CN_API cn_layer *cn_rescaling_with(const cn_rescaling_args *args);
#define cn_rescaling(...) cn__rescaling_call(__VA_ARGS__, .end_ = 0)
#define cn__rescaling_call(s, ...)                                                                 \
    CN__CALL(cn_rescaling_with, cn_rescaling_args, CN_RESCALING_DEFAULTS CN__COMMA.scale = (s),    \
             __VA_ARGS__)

/* keras.layers.ReLU: max_value where x >= max_value (None: no limit), x where x >= threshold, else
 * negative_slope (x - threshold). */
typedef struct cn_relu_layer_args {
    CN_LAYER_ARGS;
    double max_value;      /* None */
    double negative_slope; /* 0 */
    double threshold;      /* 0 */
    CN__END;
} cn_relu_layer_args;
#define CN_RELU_LAYER_DEFAULTS CN_LAYER_DEFAULTS, .max_value = CN_NONE_FLOAT
CN_API extern const cn_relu_layer_args cn_relu_layer_defaults;
CN_API cn_layer *cn_relu_layer_with(const cn_relu_layer_args *args);
#define cn_relu_layer(...)                                                                         \
    CN__CALL(cn_relu_layer_with, cn_relu_layer_args, CN_RELU_LAYER_DEFAULTS, __VA_ARGS__)

/* keras.layers.LeakyReLU: x, or negative_slope x where x < 0. */
typedef struct cn_leaky_relu_layer_args {
    CN_LAYER_ARGS;
    double negative_slope; /* 0.3 */
    CN__END;
} cn_leaky_relu_layer_args;
#define CN_LEAKY_RELU_LAYER_DEFAULTS CN_LAYER_DEFAULTS, .negative_slope = 0.3
CN_API extern const cn_leaky_relu_layer_args cn_leaky_relu_layer_defaults;
CN_API cn_layer *cn_leaky_relu_layer_with(const cn_leaky_relu_layer_args *args);
#define cn_leaky_relu_layer(...)                                                                   \
    CN__CALL(cn_leaky_relu_layer_with, cn_leaky_relu_layer_args, CN_LEAKY_RELU_LAYER_DEFAULTS,     \
             __VA_ARGS__)

/* keras.layers.Softmax along one axis or several; masked elements of the input count as 0. */
typedef struct cn_softmax_layer_args {
    CN_LAYER_ARGS;
    cn_ints axis; /* -1 */
    CN__END;
} cn_softmax_layer_args;
#define CN_SOFTMAX_LAYER_DEFAULTS CN_LAYER_DEFAULTS, .axis = {{-1}, 0}
CN_API extern const cn_softmax_layer_args cn_softmax_layer_defaults;
CN_API cn_layer *cn_softmax_layer_with(const cn_softmax_layer_args *args);
#define cn_softmax_layer(...)                                                                      \
    CN__CALL(cn_softmax_layer_with, cn_softmax_layer_args, CN_SOFTMAX_LAYER_DEFAULTS, __VA_ARGS__)

/* keras.layers.BatchNormalization: gamma (x - mean) / sqrt(variance + epsilon) + beta for each
 * index of `axis`. Mean and variance are the batch's in training, which moves the moving ones, and
 * the moving ones otherwise. Weights: gamma, beta, moving_mean, moving_variance
 * [, moving_stddev, renorm_mean, renorm_stddev]. tf.keras keeps the variance with n - 1 of input of
 * rank 4, Keras 3 with n. */
typedef struct cn_batch_normalization_args {
    CN_LAYER_ARGS;
    int64_t axis;                                                       /* -1 */
    double momentum;                                                    /* 0.99 */
    double epsilon;                                                     /* 0.001 */
    bool center, scale;                                                 /* true */
    cn_identifier beta_initializer, gamma_initializer;                  /* zeros, ones */
    cn_identifier moving_mean_initializer, moving_variance_initializer; /* zeros, ones */
    cn_identifier beta_regularizer, gamma_regularizer;
    cn_identifier beta_constraint, gamma_constraint;
    bool synchronized;                            /* false; on one machine it changes nothing */
    bool renorm;                                  /* false: batch renormalization (Ioffe 2017) */
    double renorm_rmax, renorm_rmin, renorm_dmax; /* None: no limits on its corrections */
    double renorm_momentum;                       /* 0.99 */
    CN__END;
} cn_batch_normalization_args;
#define CN_BATCH_NORMALIZATION_DEFAULTS                                                            \
    CN_LAYER_DEFAULTS, .axis = -1, .momentum = 0.99, .epsilon = 0.001, .center = true,             \
                       .scale = true, .beta_initializer = "zeros", .gamma_initializer = "ones",    \
                       .moving_mean_initializer = "zeros", .moving_variance_initializer = "ones",  \
                       .renorm_rmax = CN_NONE_FLOAT, .renorm_rmin = CN_NONE_FLOAT,                 \
                       .renorm_dmax = CN_NONE_FLOAT, .renorm_momentum = 0.99
CN_API extern const cn_batch_normalization_args cn_batch_normalization_defaults;
CN_API cn_layer *cn_batch_normalization_with(const cn_batch_normalization_args *args);
#define cn_batch_normalization(...)                                                                \
    CN__CALL(cn_batch_normalization_with, cn_batch_normalization_args,                             \
             CN_BATCH_NORMALIZATION_DEFAULTS, __VA_ARGS__)

/* keras.layers.InputLayer: says what the first layer gets, by .input_shape (without the batch) or
 * .batch_input_shape, and .dtype. */
typedef struct cn_input_layer_args {
    CN_LAYER_ARGS;
    bool sparse, ragged, optional; /* false; kept for configs */
    CN__END;
} cn_input_layer_args;
#define CN_INPUT_LAYER_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_input_layer_args cn_input_layer_defaults;
CN_API cn_layer *cn_input_layer_with(const cn_input_layer_args *args);
#define cn_input_layer(...)                                                                        \
    CN__CALL(cn_input_layer_with, cn_input_layer_args, CN_INPUT_LAYER_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#include <cornu/layers_conv.h>
#include <cornu/layers_core.h>
#include <cornu/layers_merge.h>
#include <cornu/layers_noise.h>
#include <cornu/layers_norm.h>
#include <cornu/layers_pool.h>
#include <cornu/layers_shape.h>

#endif
