/* Models: Sequential, functional, of one's own; compiling, training, evaluating, predicting
 * (keras.Model). */
#ifndef CORNU_MODELS_H
#define CORNU_MODELS_H

#include <cornu/callbacks.h>
#include <cornu/layers.h>
#include <cornu/losses.h>
#include <cornu/metrics.h>
#include <cornu/optimizers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Making models
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct cn_sequential_args {
    size_t size;
    int first_;       /* positional arguments go on after it */
    void *layers[64]; /* layers, models, or a symbolic input */
    const char *name;
    bool trainable;
    CN__END;
} cn_sequential_args;
#define CN_SEQUENTIAL_DEFAULTS .trainable = true
CN_API extern const cn_sequential_args cn_sequential_defaults;
/* keras.Sequential: cn_sequential(), cn_sequential(a, b, .name = "net"). A failed layer leaves its
 * error pending. */
CN_API cn_model *cn_sequential_with(const cn_sequential_args *args);
#define cn_sequential(...)                                                                         \
    CN__CALL(cn_sequential_with, cn_sequential_args, CN_SEQUENTIAL_DEFAULTS, .first_ = 0,          \
             __VA_ARGS__)
/* Adds a layer, a model or an input (cn_input, cn_input_layer) at the end of a Sequential model. */
CN_API int cn_model_add_object(cn_model *model, void *layer);
#define cn_model_add(model, layer) cn_model_add_object(model, layer)
/* Takes the last layer away (Sequential.pop). */
CN_API int cn_model_pop(cn_model *model);

typedef struct cn_input_args {
    size_t size;
    cn_ints shape;       /* without the batch; {0} is a scalar a row: use cn_tuple() */
    cn_ints batch_shape; /* with it */
    int64_t batch_size;
    const char *dtype; /* "float32" */
    const char *name;
    CN__END;
} cn_input_args;
#define CN_INPUT_DEFAULTS .batch_size = CN_NONE, .dtype = "float32"
CN_API extern const cn_input_args cn_input_defaults;
/* keras.Input: a symbolic tensor of shape (batch, …). */
CN_API cn_tensor *cn_input_with(const cn_input_args *args);
#define cn_input(...) CN__CALL(cn_input_with, cn_input_args, CN_INPUT_DEFAULTS, __VA_ARGS__)

typedef struct cn_functional_args {
    size_t size;
    cn_tensors inputs, outputs;
    const char *name;
    bool trainable;
    CN__END;
} cn_functional_args;
#define CN_FUNCTIONAL_DEFAULTS .trainable = true
CN_API extern const cn_functional_args cn_functional_defaults;
/* keras.Model(inputs, outputs): the graph between symbolic tensors. */
CN_API cn_model *cn_functional_with(const cn_functional_args *args);
#define cn_functional(...)                                                                         \
    CN__CALL(cn_functional_with, cn_functional_args, CN_FUNCTIONAL_DEFAULTS, __VA_ARGS__)

/* A model of one's own: a layer class whose sublayers are made in init and called in call. */
CN_API cn_model *cn_model_new(const cn_layer_class *cls, const void *args);

/* Looking into models
 * ---------------------------------------------------------------------------------------------- */

CN_API const char *cn_model_name(const cn_model *model);
CN_API int cn_model_n_layers(const cn_model *model);
/* The i-th layer (negative counts from the end), or NULL and CN_EINDEX; by name, or NULL and
 * Keras's "No such layer". */
CN_API cn_layer *cn_model_layer(const cn_model *model, int index);
CN_API cn_layer *cn_model_get_layer(const cn_model *model, const char *name);
/* A model as a layer, for the functions on layers (weights, trainable, config). */
CN_API cn_layer *cn_model_as_layer(const cn_model *model);
/* Symbolic inputs and outputs of a built Sequential or functional model. */
CN_API cn_tensor *cn_model_input(const cn_model *model, int index);
CN_API cn_tensor *cn_model_output(const cn_model *model, int index);
CN_API int cn_model_n_outputs(const cn_model *model);
/* What a layer inside a built Sequential or functional model gives (layer.output): the output of a
 * model of a part of it. */
CN_API cn_tensor *cn_model_layer_output(const cn_model *model, const char *layer);
/* Makes the weights for an input of this shape (with the batch). */
CN_API int cn_model_build(cn_model *model, const cn_shape *input_shape);
CN_API bool cn_model_built(const cn_model *model);
CN_API int64_t cn_model_count_params(const cn_model *model);
CN_API int cn_model_weights(const cn_model *model, cn_tensor **out, int max);
CN_API int cn_model_trainable_weights(const cn_model *model, cn_tensor **out, int max);
CN_API int cn_model_non_trainable_weights(const cn_model *model, cn_tensor **out, int max);
CN_API int cn_model_set_weights(cn_model *model, int n, cn_tensor *const *values);
CN_API int cn_model_set_trainable(cn_model *model, bool trainable);

typedef struct cn_summary_args {
    size_t size;
    int line_length;     /* 0: Keras's default */
    cn_floats positions; /* of the columns; none: Keras's default */
    bool expand_nested;
    bool show_trainable;
    const char *layer_range[2]; /* regular expressions of the first and last layer; NULL: all */
    bool printed; /* false: as print_fn gets it; the text that a terminal would show otherwise */
    int (*print_fn)(const char *line, void *user); /* NULL: standard output */
    void *user;
    CN__END;
} cn_summary_args;
#define CN_SUMMARY_DEFAULTS CN__NO_DEFAULTS
/* model.summary(): Keras's own table, to the character, of the model's Keras version. */
CN_API int cn_model_summary_with(cn_model *model, const cn_summary_args *args);
#define cn_model_summary(...) cn__model_summary(__VA_ARGS__, .end_ = 0)
#define cn__model_summary(model, ...)                                                              \
    CN__CALL1(cn_model_summary_with, model, cn_summary_args, CN_SUMMARY_DEFAULTS, __VA_ARGS__)

/* Keras's own JSON; a string of the current scope. Dialect and text of the model's Keras version.
 */
CN_API const char *cn_model_to_json(const cn_model *model);
/* A model from the JSON of any generation of Keras. Compiled if the JSON says how, as Keras 3 does,
 * and if Cornu knows the optimizer, losses and metrics that it names. */
CN_API cn_model *cn_model_from_json(const char *json);
CN_API cn_model *cn_model_from_json_file(const char *path);
/* A copy with fresh weights (keras.models.clone_model). */
CN_API cn_model *cn_model_clone(const cn_model *model);
/* Weights in an .npz with arrays w0, w1 … in the order of get_weights(). */
CN_API int cn_model_save_weights(const cn_model *model, const char *path);
CN_API int cn_model_load_weights(cn_model *model, const char *path);

/* Training
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct cn_compile_args {
    size_t size;
    cn_identifier optimizer; /* "rmsprop" */
    cn_identifiers loss;     /* one for all outputs, or one each */
    cn_floats loss_weights;  /* one an output */
    cn_identifiers metrics;  /* of every output */
    cn_identifiers weighted_metrics;
    cn_identifiers metrics_of[8]; /* of output i, besides those of all */
    cn_identifiers weighted_metrics_of[8];
    const char *output_names[8]; /* in which order the lists above are, if not the model's */
    bool run_eagerly;
    int64_t steps_per_execution;
    bool jit_compile;
    bool auto_scale_loss;
    CN__END;
} cn_compile_args;
#define CN_COMPILE_DEFAULTS                                                                        \
    .optimizer = "rmsprop", .steps_per_execution = 1, .auto_scale_loss = true
CN_API extern const cn_compile_args cn_compile_defaults;
CN_API int cn_model_compile_with(cn_model *model, const cn_compile_args *args);
#define cn_model_compile(...) cn__model_compile(__VA_ARGS__, .end_ = 0)
#define cn__model_compile(model, ...)                                                              \
    CN__CALL1(cn_model_compile_with, model, cn_compile_args, CN_COMPILE_DEFAULTS, __VA_ARGS__)
/* The same from Keras's compile_config (JSON): {"optimizer": …, "loss": …, "metrics": […]}. */
CN_API int cn_model_compile_json(cn_model *model, const char *json);

/* Data: one tensor or a list of them. */
CN_API cn_tensors cn__data_one(cn_tensor *t);
CN_API cn_tensors cn__data_many(cn_tensors list);
#define cn_list(...) ((cn_tensors){{__VA_ARGS__}})
#ifndef __cplusplus
#define CN__DATA_OF(x) _Generic((x), cn_tensors : cn__data_many, default : cn__data_one)
#ifdef __GNUC__
#define CN__DATA(x)                                                                                \
    __extension__({                                                                                \
        CN__QUIET __auto_type cn__d = (x);                                                         \
        CN__POP CN__DATA_OF(cn__d)(cn__d);                                                         \
    })
#else
#define CN__DATA(x) CN__DATA_OF(x)(x)
#endif
#endif

typedef struct cn_fit_args {
    size_t size;
    int64_t batch_size; /* CN_NONE: 32 */
    int64_t epochs;     /* 1 */
    int verbose;        /* -1: "auto", which is 1; 0 silent, 1 progress bar, 2 one line an epoch */
    cn_callbacks callbacks;
    double validation_split;
    cn_tensors
        validation_data; /* {x, y} or {x, y, sample_weight}; several inputs: the lists below */
    cn_tensors validation_x, validation_y, validation_sample_weight;
    bool shuffle;             /* true */
    cn_floats class_weight;   /* of class i */
    cn_tensors sample_weight; /* one for all outputs, or one each */
    int64_t initial_epoch;
    int64_t steps_per_epoch;       /* CN_NONE: all of the data */
    int64_t validation_steps;      /* CN_NONE: all */
    int64_t validation_batch_size; /* CN_NONE: batch_size */
    int64_t validation_freq;       /* 1: validates after every so many epochs */
    /* validation_freq as a list: validates after just these epochs, counted from 1. */
    const int64_t *validation_epochs;
    int n_validation_epochs;
    CN__END;
} cn_fit_args;
#define CN_FIT_DEFAULTS                                                                            \
    .batch_size = CN_NONE, .epochs = 1, .verbose = -1, .shuffle = true,                            \
    .steps_per_epoch = CN_NONE, .validation_steps = CN_NONE, .validation_batch_size = CN_NONE,     \
    .validation_freq = 1
CN_API extern const cn_fit_args cn_fit_defaults;
/* Trains for `epochs` epochs; the history belongs to the current scope. x and y: a tensor, or
 * cn_list(a, b) for several. */
CN_API cn_history *cn_model_fit_with(cn_model *model, cn_tensors x, cn_tensors y,
                                     const cn_fit_args *args);
#define cn_model_fit(...) cn__model_fit(__VA_ARGS__, .end_ = 0)
#define cn__model_fit(model, x, y, ...)                                                            \
    CN__CALL3(cn_model_fit_with, model, CN__DATA(x), CN__DATA(y), cn_fit_args, CN_FIT_DEFAULTS,    \
              __VA_ARGS__)

typedef struct cn_evaluate_args {
    size_t size;
    int64_t batch_size;
    int verbose;
    cn_tensors sample_weight;
    int64_t steps;
    cn_callbacks callbacks;
    CN__END;
} cn_evaluate_args;
#define CN_EVALUATE_DEFAULTS .batch_size = CN_NONE, .verbose = -1, .steps = CN_NONE
CN_API extern const cn_evaluate_args cn_evaluate_defaults;
/* Named results in Keras's order: .names[0] is "loss". Values are float32 widened to double. `n` is
 * 0 after an error. */
typedef struct cn_scores {
    int n;
    double values[64];
    const char *names[64]; /* belong to the model */
} cn_scores;
CN_API cn_scores cn_model_evaluate_with(cn_model *model, cn_tensors x, cn_tensors y,
                                        const cn_evaluate_args *args);
#define cn_model_evaluate(...) cn__model_evaluate(__VA_ARGS__, .end_ = 0)
#define cn__model_evaluate(model, x, y, ...)                                                       \
    CN__CALL3(cn_model_evaluate_with, model, CN__DATA(x), CN__DATA(y), cn_evaluate_args,           \
              CN_EVALUATE_DEFAULTS, __VA_ARGS__)

typedef struct cn_predict_args {
    size_t size;
    int64_t batch_size;
    int verbose;
    int64_t steps;
    cn_callbacks callbacks;
    cn_tensor **outputs; /* room for the outputs after the first */
    CN__END;
} cn_predict_args;
#define CN_PREDICT_DEFAULTS .batch_size = CN_NONE, .verbose = -1, .steps = CN_NONE
CN_API extern const cn_predict_args cn_predict_defaults;
CN_API cn_tensor *cn_model_predict_with(cn_model *model, cn_tensors x, const cn_predict_args *args);
#define cn_model_predict(...) cn__model_predict(__VA_ARGS__, .end_ = 0)
#define cn__model_predict(model, x, ...)                                                           \
    CN__CALL2(cn_model_predict_with, model, CN__DATA(x), cn_predict_args, CN_PREDICT_DEFAULTS,     \
              __VA_ARGS__)
/* Predicts `rows` rows that lie at x, row-major, of the model's one input (its shape without the
 * batch, its dtype), into y, which has room for `y_bytes` bytes. Allocates nothing after the first
 * call with this number of rows; several threads may call at once. */
CN_API int cn_model_predict_into(cn_model *model, const void *x, int64_t rows, void *y,
                                 size_t y_bytes);

/* One batch. Scores as of evaluate; the metrics are reset first, as in tf.keras and Keras >= 3.15.
 */
typedef struct cn_batch_args {
    size_t size;
    cn_tensors sample_weight;
    cn_floats class_weight;
    bool reset_metrics; /* true */
    CN__END;
} cn_batch_args;
#define CN_BATCH_DEFAULTS .reset_metrics = true
CN_API extern const cn_batch_args cn_batch_defaults;
CN_API cn_scores cn_model_train_on_batch_with(cn_model *model, cn_tensors x, cn_tensors y,
                                              const cn_batch_args *args);
CN_API cn_scores cn_model_test_on_batch_with(cn_model *model, cn_tensors x, cn_tensors y,
                                             const cn_batch_args *args);
CN_API cn_tensor *cn_model_predict_on_batch_of(cn_model *model, cn_tensors x);
#define cn_model_train_on_batch(...) cn__model_train_on_batch(__VA_ARGS__, .end_ = 0)
#define cn__model_train_on_batch(model, x, y, ...)                                                 \
    CN__CALL3(cn_model_train_on_batch_with, model, CN__DATA(x), CN__DATA(y), cn_batch_args,        \
              CN_BATCH_DEFAULTS, __VA_ARGS__)
#define cn_model_test_on_batch(...) cn__model_test_on_batch(__VA_ARGS__, .end_ = 0)
#define cn__model_test_on_batch(model, x, y, ...)                                                  \
    CN__CALL3(cn_model_test_on_batch_with, model, CN__DATA(x), CN__DATA(y), cn_batch_args,         \
              CN_BATCH_DEFAULTS, __VA_ARGS__)
#define cn_model_predict_on_batch(model, x) cn_model_predict_on_batch_of(model, CN__DATA(x))

/* The i-th of model.metrics_names, or NULL past the end. tf.keras: loss, then the metrics, once
 * trained or evaluated; Keras 3: "loss", "compile_metrics". */
CN_API const char *cn_model_metrics_name(const cn_model *model, int index);
CN_API cn_optimizer *cn_model_optimizer(const cn_model *model);
/* model.stop_training = true, from a callback. */
CN_API void cn_model_stop_training(cn_model *model);
CN_API bool cn_model_stops_training(const cn_model *model);

#ifdef __cplusplus
}
#endif
#endif
