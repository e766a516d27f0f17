/* Layers that merge several inputs (keras.layers.Add, Concatenate, Dot …). */
#ifndef CORNU_LAYERS_MERGE_H
#define CORNU_LAYERS_MERGE_H

#include <cornu/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* keras.layers.Add, Subtract (two inputs), Multiply, Average, Maximum, Minimum: elementwise, called
 * on several inputs: cn_call(cn_add_layer(), a, b, c). Shapes broadcast; inputs of smaller rank get
 * axes of length 1 behind the batch. The functions of these names are ops. */
typedef cn_layer_args cn_add_layer_args, cn_subtract_layer_args, cn_multiply_layer_args,
    cn_average_layer_args, cn_maximum_layer_args, cn_minimum_layer_args;
#define CN_MERGE_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_add_layer_args cn_add_layer_defaults;
CN_API cn_layer *cn_add_layer_with(const cn_add_layer_args *args);
#define cn_add_layer(...)                                                                          \
    CN__CALL(cn_add_layer_with, cn_add_layer_args, CN_MERGE_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_subtract_layer_args cn_subtract_layer_defaults;
CN_API cn_layer *cn_subtract_layer_with(const cn_subtract_layer_args *args);
#define cn_subtract_layer(...)                                                                     \
    CN__CALL(cn_subtract_layer_with, cn_subtract_layer_args, CN_MERGE_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_multiply_layer_args cn_multiply_layer_defaults;
CN_API cn_layer *cn_multiply_layer_with(const cn_multiply_layer_args *args);
#define cn_multiply_layer(...)                                                                     \
    CN__CALL(cn_multiply_layer_with, cn_multiply_layer_args, CN_MERGE_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_average_layer_args cn_average_layer_defaults;
CN_API cn_layer *cn_average_layer_with(const cn_average_layer_args *args);
#define cn_average_layer(...)                                                                      \
    CN__CALL(cn_average_layer_with, cn_average_layer_args, CN_MERGE_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_maximum_layer_args cn_maximum_layer_defaults;
CN_API cn_layer *cn_maximum_layer_with(const cn_maximum_layer_args *args);
#define cn_maximum_layer(...)                                                                      \
    CN__CALL(cn_maximum_layer_with, cn_maximum_layer_args, CN_MERGE_DEFAULTS, __VA_ARGS__)

CN_API extern const cn_minimum_layer_args cn_minimum_layer_defaults;
CN_API cn_layer *cn_minimum_layer_with(const cn_minimum_layer_args *args);
#define cn_minimum_layer(...)                                                                      \
    CN__CALL(cn_minimum_layer_with, cn_minimum_layer_args, CN_MERGE_DEFAULTS, __VA_ARGS__)

/* keras.layers.Concatenate: the inputs behind each other along .axis. */
typedef struct cn_concatenate_layer_args {
    CN_LAYER_ARGS;
    int64_t axis; /* -1 */
    CN__END;
} cn_concatenate_layer_args;
#define CN_CONCATENATE_LAYER_DEFAULTS CN_LAYER_DEFAULTS, .axis = -1
CN_API extern const cn_concatenate_layer_args cn_concatenate_layer_defaults;
CN_API cn_layer *cn_concatenate_layer_with(const cn_concatenate_layer_args *args);
#define cn_concatenate_layer(...)                                                                  \
    CN__CALL(cn_concatenate_layer_with, cn_concatenate_layer_args, CN_CONCATENATE_LAYER_DEFAULTS,  \
             __VA_ARGS__)

/* keras.layers.Dot: sums of products of two inputs over .axes = {1}, or {2, 1}: one axis of each.
 * The output has the other axes of the first input, then those of the second; (batch, 1) if there
 * are none. */
typedef struct cn_dot_layer_args {
    CN_LAYER_ARGS;
    cn_ints axes;
    bool normalize; /* false: both inputs over their Euclidean norms first */
    CN__END;
} cn_dot_layer_args;
#define CN_DOT_LAYER_DEFAULTS CN_LAYER_DEFAULTS
CN_API extern const cn_dot_layer_args cn_dot_layer_defaults;
CN_API cn_layer *cn_dot_layer_with(const cn_dot_layer_args *args);
#define cn_dot_layer(...)                                                                          \
    CN__CALL(cn_dot_layer_with, cn_dot_layer_args, CN_DOT_LAYER_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
