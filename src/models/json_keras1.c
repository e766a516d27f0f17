/* Models of Keras 1, and files of 2.0 that still have its Merge, in the words of Keras 2: layers
 * whose arguments were put together or renamed in other ways than one name for another (those are
 * in utils/config_legacy.c). */
#include "core/error.h"
#include "models/json_graph.h"

#include <string.h>

#if CN__HAVE_JANSSON
/* One argument of today from one, two or three of Keras 1. */
typedef struct joining {
    const char *class_name; /* the beginning of the name */
    const char *older[3];
    const char *name;
} joining;

static const joining joinings[] = {
    {"Convolution1D", {"filter_length"}, "kernel_size"},
    {"Convolution1D", {"subsample_length"}, "strides"},
    {"AtrousConvolution1D", {"filter_length"}, "kernel_size"},
    {"AtrousConvolution1D", {"subsample_length"}, "strides"},
    {"Convolution2D", {"nb_row", "nb_col"}, "kernel_size"},
    {"AtrousConvolution2D", {"nb_row", "nb_col"}, "kernel_size"},
    {"SeparableConvolution2D", {"nb_row", "nb_col"}, "kernel_size"},
    {"Deconvolution2D", {"nb_row", "nb_col"}, "kernel_size"},
    {"Convolution3D", {"kernel_dim1", "kernel_dim2", "kernel_dim3"}, "kernel_size"},
    {"Atrous", {"atrous_rate"}, "dilation_rate"},
    {"SeparableConvolution2D", {"depthwise_init"}, "depthwise_initializer"},
    {"SeparableConvolution2D", {"pointwise_init"}, "pointwise_initializer"},
    {"MaxPooling1D", {"pool_length"}, "pool_size"},
    {"AveragePooling1D", {"pool_length"}, "pool_size"},
    {"MaxPooling1D", {"stride"}, "strides"},
    {"AveragePooling1D", {"stride"}, "strides"},
    {"UpSampling1D", {"length"}, "size"},
    {"GaussianNoise", {"sigma"}, "stddev"},
};

/* Classes that have another name today. */
static const char *const classes[][2] = {{"AtrousConvolution1D", "Conv1D"},
                                         {"AtrousConvolution2D", "Conv2D"}};

/* Modes of Merge, and the layers that they have become. */
static const char *const modes[][2] = {
    {"sum", "Add"},     {"mul", "Multiply"},       {"ave", "Average"},
    {"max", "Maximum"}, {"concat", "Concatenate"}, {"dot", "Dot"},
    {"cos", "Dot"}};

static int join(json_t *config, const joining *j)
{
    if (!json_object_get(config, j->older[0])) {
        return 0;
    }
    json_t *value = j->older[1] ? json_array() : json_incref(json_object_get(config, j->older[0]));
    for (int i = 0; j->older[1] && i < 3 && j->older[i]; i++) {
        json_t *part = json_object_get(config, j->older[i]);
        if (!part || json_array_append(value, part) < 0) {
            json_decref(value);
            return cn__fail(CN_EFORMAT, "%s: expected `%s` beside `%s`", j->class_name, j->older[i],
                            j->older[0]);
        }
    }
    for (int i = 0; i < 3 && j->older[i]; i++) {
        json_object_del(config, j->older[i]);
    }
    return cn__json_set(config, j->name, value);
}

/* "th" is Theano's order, channels first. */
static int order_of_dims(json_t *config)
{
    const char *order = json_string_value(json_object_get(config, "dim_ordering"));
    if (!order || strcmp(order, "default") == 0) {
        return 0;
    }
    bool first = strcmp(order, "th") == 0;
    json_object_del(config, "dim_ordering");
    return cn__json_set(config, "data_format",
                        json_string(first ? "channels_first" : "channels_last"));
}

/* {"name": "MaxNorm", "m": 2, "axis": 0} with its arguments in a "config". */
static int constraint(json_t *config, const char *key)
{
    static const char *const renamed[][2] = {
        {"low", "min_value"}, {"high", "max_value"}, {"m", "max_value"}};
    const json_t *given = json_object_get(config, key);
    json_t *name = json_object_get(given, "name");
    if (!json_is_string(name) || json_object_get(given, "class_name")) {
        return 0;
    }
    json_t *arguments = json_copy((json_t *)(uintptr_t)given);
    for (size_t i = 0; arguments && i < sizeof renamed / sizeof *renamed; i++) {
        json_t *value = json_object_get(arguments, renamed[i][0]);
        if (value && json_object_set(arguments, renamed[i][1], value) < 0) {
            json_decref(arguments);
            return cn__no_memory();
        }
        json_object_del(arguments, renamed[i][0]);
    }
    json_object_del(arguments, "name");
    return cn__json_set(config, key,
                        json_pack("{s:O,s:o}", "class_name", name, "config", arguments));
}

/* What Keras 2 did with what it had no more: dropout of an Embedding is left out (it never touched
 * predictions); a normalization that goes by the sample or by the batch at hand is none of ours. */
static int dropped(const char *class_name, json_t *config)
{
    int mode = (int)json_integer_value(json_object_get(config, "mode"));
    const char *name = json_string_value(json_object_get(config, "name"));
    if (strcmp(class_name, "Embedding") == 0) {
        json_object_del(config, "dropout");
    }
    if (strcmp(class_name, "BatchNormalization") == 0 && mode != 0) {
        return cn__fail(CN_EUNSUPPORTED,
                        "Layer '%s' (class BatchNormalization): mode=%d of Keras 1 is not "
                        "supported, only mode=0",
                        name ? name : "?", mode);
    }
    return 0;
}

/* Keras 1 has one list an input. */
static json_t *dot_axes(json_t *axes)
{
    json_t *first = json_array_get(json_array_get(axes, 0), 0);
    json_t *second = json_array_get(json_array_get(axes, 1), 0);
    return first && second ? json_pack("[O,O]", first, second) : json_incref(axes);
}

/* A Merge of a functional model; one that holds models of its own stays what it is. */
static int merge(json_t *entry, const json_t *config)
{
    const char *mode = json_string_value(json_object_get(config, "mode")), *class_name = NULL;
    for (size_t i = 0; mode && i < sizeof modes / sizeof *modes; i++) {
        class_name = strcmp(modes[i][0], mode) == 0 ? modes[i][1] : class_name;
    }
    if (!class_name || json_array_size(json_object_get(config, "layers"))) {
        return 0;
    }
    json_t *made = json_object();
    json_t *name = json_object_get(config, "name"), *axis = json_object_get(config, "concat_axis");
    json_t *axes = json_object_get(config, "dot_axes");
    int code = name ? cn__json_set(made, "name", json_incref(name)) : 0;
    if (code == 0 && axis && strcmp(class_name, "Concatenate") == 0) {
        code = cn__json_set(made, "axis", json_incref(axis));
    }
    if (code == 0 && axes && strcmp(class_name, "Dot") == 0) {
        code = cn__json_set(made, "axes", dot_axes(axes));
        code = code < 0 ? code
                        : cn__json_set(made, "normalize", json_boolean(strcmp(mode, "cos") == 0));
    }
    code = code < 0 ? code : cn__json_set(entry, "class_name", json_string(class_name));
    if (code < 0) {
        json_decref(made);
        return code;
    }
    return cn__json_set(entry, "config", made);
}

static int translate_layer(json_t *entry, const char *class_name, json_t *config)
{
    static const char *const constraints[] = {"W_constraint", "b_constraint", "U_constraint",
                                              "depthwise_constraint", "pointwise_constraint"};
    int code = dropped(class_name, config);
    for (size_t i = 0; code == 0 && i < sizeof joinings / sizeof *joinings; i++) {
        const joining *j = &joinings[i];
        if (strncmp(class_name, j->class_name, strlen(j->class_name)) == 0) {
            code = join(config, j);
        }
    }
    for (size_t i = 0; code == 0 && i < sizeof constraints / sizeof *constraints; i++) {
        code = constraint(config, constraints[i]);
    }
    code = code < 0 ? code : order_of_dims(config);
    for (size_t i = 0; code == 0 && i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(class_name, classes[i][0]) == 0) {
            return cn__json_set(entry, "class_name", json_string(classes[i][1]));
        }
    }
    return code;
}

/* Whatever is not as it should be stays as it is: the reader says what is wrong with it. */
static int translate(json_t *entry, int depth)
{
    const char *class_name = json_string_value(json_object_get(entry, "class_name"));
    json_t *config = json_object_get(entry, "config");
    if (!class_name || !config || depth > CN__MAX_JSON_NESTING) {
        return 0;
    }
    if (!cn__is_model_name(class_name)) {
        return !json_is_object(config)            ? 0
               : strcmp(class_name, "Merge") == 0 ? merge(entry, config)
                                                  : translate_layer(entry, class_name, config);
    }
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    int code = 0;
    for (size_t i = 0; code == 0 && i < json_array_size(layers); i++) {
        code = translate(json_array_get(layers, i), depth + 1);
    }
    return code;
}

bool cn__may_be_keras1(const json_t *object)
{
    const char *version = json_string_value(json_object_get(object, "keras_version"));
    bool newer = json_object_get(object, "module") || json_object_get(object, "registered_name");
    return version ? strncmp(version, "1.", 2) == 0 || strncmp(version, "2.0.", 4) == 0 : !newer;
}

json_t *cn__keras1_translated(const json_t *object)
{
    json_t *copy = json_deep_copy(object);
    if (!copy) {
        cn__no_memory();
    } else if (translate(copy, 0) < 0) {
        json_decref(copy);
        copy = NULL;
    }
    return copy;
}
#else
typedef int cn__no_json;
#endif
