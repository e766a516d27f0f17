/* Ops on the tensors of functional models as layers, so that models are written, shown and copied
 * with them. */
#include "layers/op_layer.h"

#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "layers/op_words.h"
#include "ops/op.h"

#include <string.h>

const cn__op_layer_args cn__op_layer_defaults = {.size = sizeof(cn__op_layer_args),
                                                 CN_LAYER_DEFAULTS};
const cn_field cn__op_layer_fields[] = {
    CN_FIELD_FLAGS(cn__op_layer_args, STRING, function, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn__op_layer_args, STRING, node, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn__op_layer_args, STRING, extras, CN_FIELD_UNSAVED),
    {0},
};

#define MODULE2 "tf_keras.src.layers.core.tf_op_layer"
const cn_layer_class cn__layer_tf_op_lambda = CN__OP_LAYER_CLASS("TFOpLambda", MODULE2);
const cn_layer_class cn__layer_slicing_op_lambda = CN__OP_LAYER_CLASS("SlicingOpLambda", MODULE2);
/* An op that Keras 3 does not have. */
const cn_layer_class cn__layer_operation = CN__OP_LAYER_CLASS("Operation", NULL);

bool cn__is_op_layer(const cn_layer *layer)
{
    return cn__layer_class(layer)->call == cn__op_layer_class_call;
}

bool cn__is_operation(const cn_layer *layer)
{
    return cn__is_op_layer(layer) && cn__is_keras3(layer->base.keras);
}

const cn__op_word *cn__op_word_of(const cn__op *op, const cn__attrs *attrs, bool three)
{
    int mark = op == &cn__op_reshape ? (int)attrs->i[CN__RESHAPE_WORD] : 0;
    for (const cn__op_word *w = cn__op_words; w->op || w->function || w->class.base.name; w++) {
        if (w->op == op && w->mark == mark && (three ? w->class.base.name : w->function)) {
            return w;
        }
    }
    return NULL;
}

/* The layer of an op that was just applied in C; NULL and an error on failure. */
static cn_layer *layer_of(const cn__node *node, int keras)
{
    bool three = cn__is_keras3(keras);
    const cn__op_word *word = cn__op_word_of(node->op, &node->attrs, three);
    cn__op_layer_args args = cn__op_layer_defaults;
    const cn_layer_class *class = &cn__layer_operation;
    char *name = NULL;
    args.op = node->op;
    args.attrs = node->attrs;
    if (!three) {
        args.function = word ? word->function : NULL;
        char *base = cn__printf("tf.%s", word ? word->function : node->op->name);
        name = base ? cn__unique_name(base, keras) : NULL;
        cn__free_mem(base);
        class = node->op == &cn__op_slice ? &cn__layer_slicing_op_lambda : &cn__layer_tf_op_lambda;
    } else if (word) {
        class = &word->class;
    } else {
        name = cn__unique_name(node->op->name, keras);
    }
    args.name = name;
    bool named = name || (three && word);
    cn_layer *layer = named ? cn__create(CN__LAYER, &class->base, &args) : NULL;
    cn__free_mem(name);
    return layer;
}

static int note_op(const cn__node *node, cn_tensor *const *out)
{
    const cn__layer_call *before = NULL;
    for (int i = 0; i < node->n_in && !before; i++) {
        before = node->in[i]->keras_history;
    }
    if (!before || cn__layer_calls_running()) {
        return 0;
    }
    int keras = before->layer->base.keras, old = cn__set_keras_version(keras);
    cn_layer *layer = layer_of(node, keras);
    cn__set_keras_version(old);
    if (!layer) {
        return cn_error_code();
    }
    cn_call_args args = {.size = sizeof args};
    int code = cn__layer_record_call(layer, node->n_in, node->in, &args, node->n_out, out);
    cn_free(layer);
    return code;
}

void cn__op_layers_begin(void)
{
    atomic_store(&cn__note_op, note_op);
}

/* Returns how many outputs there are. */
static int apply(const cn_layer *layer, int n_in, cn_tensor *const *in, cn_tensor **out)
{
    const cn__op_layer_args *args = layer->base.args;
    if (!args->op) {
        return cn__op_layer_evaluate(layer, n_in, in, out);
    }
    out[0] = cn__apply(args->op, &args->attrs, n_in, in, args->op->n_out > 1 ? out + 1 : NULL);
    return !out[0] ? cn_error_code() : args->op->n_out ? args->op->n_out : 1;
}

int cn__op_layer_call(cn_layer *layer, int n_in, cn_tensor *const *in, cn_tensor **out)
{
    bool functional = false;
    for (int i = 0; i < n_in; i++) {
        functional = functional || in[i]->keras_history;
    }
    functional = functional && !cn__trace_current() && !cn__layer_calls_running();
    cn__layer_enter();
    int n_out = apply(layer, n_in, in, out);
    cn__layer_leave();
    if (n_out < 0 || !functional) {
        return n_out;
    }
    cn_call_args args = {.size = sizeof args};
    int code = cn__layer_record_call(layer, n_in, in, &args, n_out, out);
    return code < 0 ? code : n_out;
}

cn_tensor *cn__op_layer_class_call(cn_layer *self, cn_tensor *const *in, int n,
                                   const cn_call_args *args)
{
    cn_tensor *out[CN__MAX_OUTPUTS] = {0};
    int n_out = apply(self, n, in, out);
    for (int i = 1; i < n_out; i++) {
        if (cn_call_output(args, i, out[i]) < 0) {
            return NULL;
        }
    }
    return n_out < 0 ? NULL : out[0];
}
