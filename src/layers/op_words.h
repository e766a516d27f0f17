/* Which of our ops tf.keras and Keras 3 have, and by what names and arguments files call them. */
#ifndef CN_LAYERS_OP_WORDS_H
#define CN_LAYERS_OP_WORDS_H

#include "layers/op_layer.h"

typedef struct cn__op_state cn__op_state;

#if CN__HAVE_JANSSON
/* What a call from a file is read from. */
typedef struct cn__op_reading {
    const cn_layer *layer;
    const json_t *args, *kwargs, *extras;
    bool three;
    int n_in;
    cn_tensor *const *in;
    cn_tensor **out;
    int n_out;            /* set by those that have several outputs */
    const char *used[16]; /* keys that were asked for */
    int n_used;
} cn__op_reading;

struct cn__op_state {
    json_t *node, *extras;
};
#else
struct cn__op_state {
    int unused;
};
#endif

/* An argument besides the tensors: its keys in tf.keras and in Keras 3 (NULL: it has none; in Keras
 * 3 a key with * before it is an argument of the call, others are of the constructor), and where
 * the op's attributes have it. */
typedef struct cn__op_param {
    const char *two, *three;
    int value; /* CN__PARAM_… */
} cn__op_param;

typedef struct cn__op_word {
    cn_layer_class class;  /* of Keras 3; no name: it has none */
    const char *function;  /* of tf.keras, or NULL */
    const cn__op *op;      /* ours that is written so; NULL: it is only read */
    int mark;              /* of a reshape */
    bool named;            /* tf.keras writes "name": null */
    bool list;             /* the tensors are one argument, a list */
    const char *inputs[3]; /* what tf.keras calls the tensors after the first; default "y" */
    cn__op_param params[4];
    struct cn__op_reader {
#if CN__HAVE_JANSSON
        cn_tensor *(*read)(cn__op_reading *r);
#endif
        cn_tensor *(*unary)(cn_tensor *x);
        cn_tensor *(*binary)(cn_tensor *a, cn_tensor *b);
    } reader;
} cn__op_word;

extern const cn__op_word cn__op_words[];
extern const cn_layer_class cn__layer_tf_op_lambda, cn__layer_slicing_op_lambda,
    cn__layer_operation;
extern const cn_field cn__op_layer_fields[];
extern const cn__op_layer_args cn__op_layer_defaults;
cn_tensor *cn__op_layer_class_call(cn_layer *self, cn_tensor *const *in, int n,
                                   const cn_call_args *args);
int cn__op_layer_init(cn_layer *self);
void cn__op_layer_destroy(void *state);

#define CN__OP_LAYER_CLASS(class_name, class_module)                                               \
    {                                                                                              \
        .base = {.size = sizeof(cn_layer_class),                                                   \
                 .name = class_name,                                                               \
                 .module = class_module,                                                           \
                 .args_size = sizeof(cn__op_layer_args),                                           \
                 .defaults = &cn__op_layer_defaults,                                               \
                 .fields = cn__op_layer_fields},                                                   \
        .call = cn__op_layer_class_call, .n_inputs = -1, .init = cn__op_layer_init,                \
        .destroy = cn__op_layer_destroy, .state_bytes = sizeof(cn__op_state)                       \
    }

/* The word of an op in this dialect, or NULL. */
const cn__op_word *cn__op_word_of(const cn__op *op, const cn__attrs *attrs, bool three);
/* That of a name in a file: a class of Keras 3, a function of tf.keras (older names too). */
const cn__op_word *cn__op_word_of_class(const char *class_name);
const cn__op_word *cn__op_word_of_function(const char *function);

enum {
    CN__PARAM_INT0 = 1, /* attrs.i[0], and so on */
    CN__PARAM_INT1,
    CN__PARAM_FLOAT0,
    CN__PARAM_FLOAT1,
    CN__PARAM_FLOAT2,
    CN__PARAM_FLAG_F0,
    CN__PARAM_AXES,
    CN__PARAM_KEEPDIMS,
    CN__PARAM_AXIS_LIST,
    CN__PARAM_SHAPE,
    CN__PARAM_LENGTHS,
    CN__PARAM_RESHAPE_AXIS,
    CN__PARAM_DTYPE0,
    CN__PARAM_DTYPE1,
    CN__PARAM_DTYPE_OUT,
    CN__PARAM_PAD_VALUE,
    CN__PARAM_NUMBER0,
    CN__PARAM_PADS,
    CN__PARAM_SLICES,
    CN__PARAM_NONE,
    CN__PARAM_FALSE,
    CN__PARAM_TRUE,
    CN__PARAM_ZERO,
    CN__PARAM_MINUS_ONE,
    CN__PARAM_CONSTANT,    /* "constant" or "CONSTANT" */
    CN__PARAM_TRANSPOSE,   /* "transpose", the name that tf.transpose gives itself */
    CN__PARAM_TRANSPOSE_A, /* of matmul, if set */
    CN__PARAM_TRANSPOSE_B
};

#endif
