/* What layers, losses, metrics, optimizers and the rest have in common: a class record and a table
 * of its fields. */
#ifndef CORNU_CLASSES_H
#define CORNU_CLASSES_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The types of fields that get_config, from_config, JSON, copying, printing and freeing know. */
typedef enum cn_field_type {
    CN_FIELD_END = 0,
    CN_FIELD_INT,    /* int */
    CN_FIELD_INT64,  /* int64_t; CN_NONE is None */
    CN_FIELD_BOOL,   /* bool */
    CN_FIELD_DOUBLE, /* double; NaN is None */
    CN_FIELD_STRING, /* const char *; NULL is None */
    CN_FIELD_INTS,   /* cn_ints, a list of integers of any length; v[0] == CN_NONE is None */
    CN_FIELD_PAIR,   /* cn_ints of exactly 2 numbers, one given stands for both (also written as a
                        list of 2) */
    CN_FIELD_SINGLE, /* cn_ints of exactly 1 number */
    CN_FIELD_TRIPLE, /* cn_ints of exactly 3 numbers */
    CN_FIELD_FLOATS, /* cn_floats */
    CN_FIELD_DTYPE, /* const char *: "float32", "mixed_bfloat16", … (a policy's object in Keras 3)
                     */
    CN_FIELD_ACTIVATION, /* cn_identifier; objects of their kind once the instance is made, NULL is
                            None */
    CN_FIELD_INITIALIZER,
    CN_FIELD_REGULARIZER,
    CN_FIELD_CONSTRAINT,
    CN_FIELD_SCHEDULE, /* cn_identifier: a schedule object or NULL */
    CN_FIELD_LAYER,    /* cn_layer * : a sublayer; tracked, saved, freed with its owner */
    CN_FIELD_TENSOR,   /* cn_tensor *: a constant */
    CN_FIELD_CUSTOM    /* read and written by the functions of the class (config, configure) */
} cn_field_type;

enum {
    CN_FIELD_UNSAVED = 1,         /* not in get_config() */
    CN_FIELD_KERAS2 = 2,          /* in tf.keras's config only */
    CN_FIELD_KERAS3 = 4,          /* in Keras 3's config only */
    CN_FIELD_FLOAT32 = 8,         /* a double that Keras 2 writes as the nearest float32 */
    CN_FIELD_FLOAT32_ALWAYS = 16, /* and Keras 3 too */
    CN_FIELD_SCALAR = 64,         /* of INTS: one number is written without a list ("axis": 0) */
    CN_FIELD_PAIRS =
        128, /* of INTS: written as a list of lists of two ("padding": [[1, 1], [0, 2]]) */
    CN_FIELD_FORGOTTEN = 256, /* of DOUBLE: Keras 3's get_config() leaves it out; written there only
                                 where it is not the default, so that no value is lost */
    CN_FIELD_EMPTY = 512,     /* of INTS: no numbers at all (all zero, n 0) are an empty list */
    CN_FIELD_AS_GIVEN = 1024, /* of INTS: one number is written as a number if n is 0, as a list if
                                 it is 1 ("axis": -1, "axis": [-1]) */
    CN_FIELD_AXES = 32 /* axes that Keras 2 writes, once built, as a list counted from the front
                          ("axis": [3]); of INTS in Keras 3: as a list once built */
};
/* A field that only Keras `version` (221, 313) and newer of its generation write. */
#define CN_FIELD_SINCE(version) ((unsigned)(version) << 16)

typedef struct cn_field {
    const char *name; /* in Keras 3's config */
    cn_field_type type;
    size_t offset; /* in the class's argument struct */
    unsigned flags;
    const char *older; /* the name in older configs ("alpha" for negative_slope), read always,
                          written for Keras 2; or NULL */
} cn_field;

#define CN_FIELD(T, type, member)                                                                  \
    {                                                                                              \
#member, CN_FIELD_##type, offsetof(T, member), 0, NULL                                     \
    }
#define CN_FIELD_OLDER(T, type, member, older)                                                     \
    {                                                                                              \
#member, CN_FIELD_##type, offsetof(T, member), 0, older                                    \
    }
#define CN_FIELD_FULL(T, type, member, flags, older)                                               \
    {                                                                                              \
#member, CN_FIELD_##type, offsetof(T, member), flags, older                                \
    }
#define CN_FIELD_FLAGS(T, type, member, flags)                                                     \
    {                                                                                              \
#member, CN_FIELD_##type, offsetof(T, member), flags, NULL                                 \
    }

/* The head of every class record. `size` is that of the whole record (cn_layer_class …). */
typedef struct cn_class {
    size_t size;
    const char *name;       /* Keras's class_name: "Dense" */
    const char *module;     /* "keras.layers"; NULL for a user's own */
    const char *aliases;    /* other names it answers to, separated by blanks: "mse MSE
                               mean_squared_error"; or NULL */
    size_t args_size;       /* sizeof its argument struct, whose first member is size_t size */
    const void *defaults;   /* the struct filled with the defaults */
    const cn_field *fields; /* ends with a zero record; NULL: none */
} cn_class;

#ifdef __cplusplus
}
#endif
#endif
