/* Layers (keras.layers), and the record by which a layer of one's own is written. */
#ifndef CORNU_LAYERS_H
#define CORNU_LAYERS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The arguments that every layer has, at the head of its struct: its name (automatic: "dense", "dense_1"), its dtype or policy
 * ("float32"), whether it is trained, and the shape of its input without (input_shape) or with the batch (batch_input_shape,
 * CN_NONE for any), which lets a Sequential model be built at once. */
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
    const void *args;           /* the user's own flags and arguments, or NULL */
    int n_initial_states;       /* of a recurrent layer */
    cn_tensor *initial_states[8];
    cn_tensor **outputs;        /* room for the outputs after the first, set by cn_call_output; may be NULL */
    int max_outputs;
    int *n_outputs;             /* how many outputs there are in all */
    CN__END;
} cn_call_args;

/* A layer class. Every function but `call` may be NULL. Functions return 0 or a negative CN_E…, pointers NULL, with the error kept
 * by cn_fail. */
typedef struct cn_layer_class {
    cn_class base;
    /* Makes the weights (cn_layer_add_weight) for inputs of these shapes; run once, before the first call. */
    int (*build)(cn_layer *self, const cn_shape *inputs, int n_inputs);
    /* The layer's mathematics, in ops: inputs are eager or symbolic alike. Further outputs by cn_call_output. */
    cn_tensor *(*call)(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *args);
    /* Output shapes without a call; NULL: found by tracing `call`. */
    int (*compute_output_shape)(cn_layer *self, const cn_shape *inputs, int n_inputs,
                                cn_shape *outputs, int max_outputs);
    /* The mask of the output from those of the inputs (on the tensors); NULL: passed on if supports_masking, else an error. */
    cn_tensor *(*compute_mask)(cn_layer *self, cn_tensor *const *inputs, int n_inputs);
    bool supports_masking;
    /* What the inputs must look like, checked before build and call with Keras's words. 0: no limit. */
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
/* Makes the class known to files and to identifiers, under "package>Name" (keras.saving.register_keras_serializable). */
CN_API int cn_register_layer(const cn_layer_class *cls, const char *package);

typedef struct cn_add_weight_args {
    size_t size;
    const char *name;
    cn_ints shape;
    const cn_shape *shape_of; /* instead of .shape, for computed shapes (and lengths of 0) */
    const char *dtype;        /* the layer's */
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
/* The i-th weight of the layer's own, in the order in which they were added; by name; NULL if there is none (no error). */
CN_API cn_tensor *cn_layer_weight(const cn_layer *layer, int index);
CN_API cn_tensor *cn_layer_weight_named(const cn_layer *layer, const char *name);
/* Adds a scalar to the losses of the model that calls the layer (layer.add_loss). */
CN_API int cn_layer_add_loss(cn_layer *layer, cn_tensor *loss);
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
/* Variables in Keras's get_weights() order (trainable first); returns how many, fills at most `max`. */
CN_API int cn_layer_weights(const cn_layer *layer, cn_tensor **out, int max);
CN_API int cn_layer_trainable_weights(const cn_layer *layer, cn_tensor **out, int max);
CN_API int cn_layer_non_trainable_weights(const cn_layer *layer, cn_tensor **out, int max);
/* Copies n arrays into the weights, with Keras's errors on counts and shapes. */
CN_API int cn_layer_set_weights(cn_layer *layer, int n, cn_tensor *const *values);
/* get_config() as JSON text, in the dialect of the layer's Keras version; belongs to the current scope. */
CN_API const char *cn_layer_get_config(const cn_layer *layer);
/* A layer from {"class_name": …, "config": …} of any generation. */
CN_API cn_layer *cn_layer_from_config(const char *json);

/* Calls a layer or a model on eager or symbolic tensors: cn_call(layer, x), cn_call(layer, x, y, .training = true,
 * .args = &flags). Builds it first if that has not been done. Outputs after the first go to .outputs. */
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
    CN__CALL1(cn_call_with, callable, cn_call_list, .first_ = 0, __VA_ARGS__)
CN_API cn_tensor *cn_layer_call_with(void *layer_or_model, int n_inputs, cn_tensor *const *inputs,
                                     const cn_call_args *args);

/* Built-in layers --------------------------------------------------------------------------------------------------- */

/* keras.layers.Dense: activation(x·kernel + bias) over the last axis. Input (batch, …, n), output (batch, …, units). */
typedef struct cn_dense_args {
    CN_LAYER_ARGS;
    int64_t units;
    cn_identifier activation; /* None: linear */
    bool use_bias;
    cn_identifier kernel_initializer, bias_initializer;
    cn_identifier kernel_regularizer, bias_regularizer, activity_regularizer;
    cn_identifier kernel_constraint, bias_constraint;
    CN__END;
} cn_dense_args;
#define CN_DENSE_DEFAULTS                                                                          \
    CN_LAYER_DEFAULTS, .use_bias = true, .kernel_initializer = "glorot_uniform",                   \
                       .bias_initializer = "zeros"
CN_API extern const cn_dense_args cn_dense_defaults;
CN_API cn_layer *cn_dense_with(const cn_dense_args *args);
#define cn_dense(...) cn__dense(__VA_ARGS__, .end_ = 0)
#define cn__dense(u, ...)                                                                          \
    CN__CALL(cn_dense_with, cn_dense_args, CN_DENSE_DEFAULTS CN__COMMA .units = (u), __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
