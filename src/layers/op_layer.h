/* Ops on the tensors of functional models as layers: TFOpLambda of tf.keras, operations of Keras 3.
 */
#ifndef CN_LAYERS_OP_LAYER_H
#define CN_LAYERS_OP_LAYER_H

#include "core/op.h"
#include "layers/layer.h"

/* How an op is called where it was applied in C (op and attrs), or how a file calls it (node and,
 * of Keras 3, extras: JSON in which {"#": n} stands for input n). */
typedef struct cn__op_layer_args {
    CN_LAYER_ARGS;
    const char *function; /* of tf.keras: "math.add"; NULL in Keras 3 */
    const char *node;     /* {"args": […], "kwargs": {…}} */
    const char *extras;   /* what the config has besides the name */
    bool listed;          /* of tf.keras: the first argument is a list */
    const cn__op *op;
    cn__attrs attrs;
    CN__END;
} cn__op_layer_args;

/* From here on ops on symbolic tensors of functional models become layers. */
void cn__op_layers_begin(void);
bool cn__is_op_layer(const cn_layer *layer);
/* One that `model.layers` does not list: Keras 3 counts it as an operation. */
bool cn__is_operation(const cn_layer *layer);
/* Applies the op; out has room for CN__MAX_OUTPUTS. Returns how many outputs there are, or an
 * error. What comes out is a node of the functional model that `in` belongs to, if any. */
int cn__op_layer_call(cn_layer *layer, int n_in, cn_tensor *const *in, cn_tensor **out);

/* The outputs of an op as its file calls it. */
int cn__op_layer_evaluate(const cn_layer *layer, int n_in, cn_tensor *const *in, cn_tensor **out);

#if CN__HAVE_JANSSON
#include "utils/config.h"
/* Whether an entry of a model's "layers" is an op, and a layer of the current scope from it. The
 * node's tensors are [name, node, tensor] lists, which are handed to `add` in order. */
bool cn__is_op_entry(const json_t *entry);
cn_layer *cn__op_layer_from_json(const json_t *entry,
                                 int (*add)(void *user, const json_t *reference), void *user);
/* The node of a call of an op, with tensors as `tensor` gives them; a new reference. */
json_t *cn__op_layer_node(const cn__layer_call *call,
                          json_t *(*tensor)(void *user, const cn_tensor *t), void *user);
/* The config of an op: function or, of Keras 3, the name alone where the op was applied in C; the
 * second adds what that call gave its constructor. */
int cn__op_layer_write_config(const cn_layer *layer, int dialect, json_t *config);
int cn__op_layer_write_extras(const cn__layer_call *call, json_t *config);
/* {"input_shape": …} of tf.keras. */
json_t *cn__op_layer_build_config(const cn__layer_call *call);
#endif

#endif
