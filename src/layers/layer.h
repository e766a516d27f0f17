/* The struct behind cn_layer; models begin with one, so that a model is a layer too. */
#ifndef CN_LAYERS_LAYER_H
#define CN_LAYERS_LAYER_H

#include "core/instance.h"
#include <cornu/layers.h>

/* A rule about an input's shape that the first build fixes (Keras's InputSpec): axis -> length. */
typedef struct cn__axis_rule {
    int axis; /* may count from the end */
    int64_t length;
} cn__axis_rule;

/* One call of a layer on symbolic tensors outside a training trace: a node of a functional model. */
typedef struct cn__layer_call {
    cn__object object;
    struct cn_layer *layer; /* owned */
    int n_in, n_out;
    cn_tensor **in;  /* owned */
    cn_shape out_shape[CN__MAX_OUTPUTS];
    int index; /* the layer's n-th call: Keras's node index */
    cn_call_args args;
} cn__layer_call;

struct cn_layer {
    cn__instance base; /* kind LAYER or MODEL; base.class is a cn_layer_class */
    void *state;       /* cls->state_bytes */
    bool built, building, trainable;
    int depth; /* of calls that are running: recursion is an error */
    cn_dtype dtype, compute_dtype;
    int n_input_shapes;
    cn_shape *input_shapes; /* at build; the batch is -1 */
    cn__axis_rule rules[4];
    int n_rules;
    cn_tensor **weights; /* own variables, in the order in which they were added; owned */
    int64_t n_weights, weights_capacity;
    struct cn_layer **sublayers; /* tracked; owned */
    int64_t n_sublayers, sublayers_capacity;
    cn_tensor **losses; /* of the call that is being traced: add_loss, activity regularisers; owned */
    int64_t n_losses, losses_capacity;
    uint64_t seed_key;  /* of its random ops; 0: not drawn yet */
    int n_calls;        /* symbolic calls so far */
    cn_shape output_shape; /* of the last call; rank -1 if not called */
    int n_outputs;
    uint64_t version; /* counts changes of trainable, layers, policy: programs made before are stale */
};

static inline const cn_layer_class *cn__layer_class(const cn_layer *layer)
{
    return (const cn_layer_class *)layer->base.class;
}
/* The layer behind a handle to a layer or model; NULL and an error otherwise. */
cn_layer *cn__as_layer(const void *layer_or_model, const char *who);
/* Sets up the parts that are not zero (by cn__kind_layer.init and for models). */
int cn__layer_init(cn_layer *layer);
void cn__layer_destroy(cn_layer *layer);
/* Notes that axis of the input must keep this length, for Keras's input-spec errors. */
int cn__layer_rule(cn_layer *layer, int axis, int64_t length);
/* An int64 scalar that changes with every training step of the program being traced, or a fresh constant when eager: the counter
 * of random ops. */
cn_tensor *cn__random_counter(void);
/* Sets what cn__random_counter gives in this thread (the model's step variable while its step is traced), returns the old one. */
cn_tensor *cn__set_random_counter(cn_tensor *counter);
/* Applies an activation object (NULL: linear); remembers logits for losses through the op's node. */
cn_tensor *cn__activate(const void *activation, cn_tensor *x, int keras);
/* Every sublayer, itself first, depth first, without repeats: fills at most `max`, returns how many. */
int cn__layer_flatten(cn_layer *layer, cn_layer **out, int max);
/* Losses collected since the last reset (regularisers of weights included when `regularizers`), as tensors of the current scope. */
int cn__layer_collect_losses(cn_layer *layer, bool regularizers, cn_tensor **out, int max);
void cn__layer_clear_losses(cn_layer *layer);
/* The process-wide counter of changes to any layer's version, so that a model can check cheaply. */
uint64_t cn__layers_version(void);
void cn__layer_changed(cn_layer *layer);

#endif
