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

/* One call of a layer on symbolic tensors outside a training trace: a node of a functional model.
 */
typedef struct cn__layer_call {
    cn__object object;
    struct cn_layer *layer; /* owned */
    int n_in, n_out;
    cn_tensor **in; /* owned */
    cn_shape out_shape[CN__MAX_OUTPUTS];
    uint64_t out_id[CN__MAX_OUTPUTS]; /* of the output tensors, whose keras_history this is */
    int index;                        /* the layer's n-th call: Keras's node index */
    cn_call_args args;                /* its initial states are owned */
    int fixed_training; /* 1, -1: called with training=True, False whatever the model does; 0: as it
                           does */
} cn__layer_call;

/* Notes on the outputs which call of the layer made them; 0 or an error. */
int cn__layer_record_call(struct cn_layer *layer, int n_in, cn_tensor *const *in,
                          const cn_call_args *args, int n_out, cn_tensor *const *out);
/* Whether this thread is inside a layer's call, where nothing becomes a node of a functional model;
 * going in and out of one. */
bool cn__layer_calls_running(void);
void cn__layer_enter(void);
void cn__layer_leave(void);
/* Which output of its layer call a functional model's tensor is; -1 if it has no history. */
int cn__layer_call_output(const cn_tensor *t);

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
    cn_tensor *
        *losses; /* of the call that is being traced: add_loss, activity regularisers; owned */
    int64_t n_losses, losses_capacity;
    cn_metric **metrics; /* means that the call adds to (add_metric); owned */
    int64_t n_metrics, metrics_capacity;
    uint64_t seed_key;     /* of its random ops; 0: not drawn yet */
    int n_calls;           /* symbolic calls so far */
    cn_shape output_shape; /* of the last call; rank -1 if not called */
    int n_outputs;
    uint64_t
        version; /* counts changes of trainable, layers, policy: programs made before are stale */
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
/* An int64 scalar that changes with every training step of the program being traced, or a fresh
 * constant when eager: the counter of random ops. */
cn_tensor *cn__random_counter(void);
/* Sets what cn__random_counter gives in this thread (the model's step variable while its step is
 * traced), returns the old one. */
cn_tensor *cn__set_random_counter(cn_tensor *counter);
/* Applies an activation object (NULL: linear); remembers logits for losses through the op's node.
 */
cn_tensor *cn__activate(const void *activation, cn_tensor *x, int keras);
/* Every sublayer, itself first, depth first, without repeats: fills at most `max`, returns how
 * many. */
int cn__layer_all(cn_layer *layer, cn_layer **out, int max);
/* Losses collected since the last reset (regularisers of weights included when `regularizers`), as
 * tensors of the current scope. */
int cn__layer_collect_losses(cn_layer *layer, bool regularizers, cn_tensor **out, int max);
void cn__layer_clear_losses(cn_layer *layer);
/* The metrics of a layer and all below it: fills at most `max`, returns how many; resetting them;
 * whether calls in this thread measure at all (a model's predictions do not), returning what was so
 * before. */
int cn__layer_metrics(cn_layer *layer, cn_metric **out, int max);
int cn__layer_reset_metrics(cn_layer *layer);
bool cn__layer_measure(bool on);
/* Its own and those of all layers inside it. */
void cn__layer_clear_all_losses(cn_layer *layer);
/* A growing list of tensors without owners, for collecting weights. */
typedef struct cn__tensor_list {
    cn_tensor **v;
    int64_t n, capacity;
} cn__tensor_list;
typedef enum cn__which_weights {
    CN__ALL_WEIGHTS,
    CN__TRAINABLE_WEIGHTS,
    CN__FROZEN_WEIGHTS
} cn__which_weights;
/* Appends the layer's weights in Keras's order, each once; the list's memory is freed with
 * cn__free_mem. */
int cn__layer_gather(const cn_layer *layer, cn__which_weights which, cn__tensor_list *list);
/* The key of the layer's random op number `op`: from `seed`, or (CN_NONE) drawn once for the layer.
 */
uint64_t cn__layer_seed(cn_layer *layer, int64_t seed, int op);
/* The words in which Keras writes a config for this layer: what cn__kind_info.write_config does for
 * layers. */
int cn__layer_write_config(const void *layer, int dialect, void *config);
int cn__layer_write_object(const void *layer, int dialect, void *object);
int cn__layer_read_key(const cn_class *class, const char *key, const void *value, void *args);
/* Replaces a string field of an argument struct (owned copies); 0 or an error. */
int cn__set_string(const char **field, const char *value);
/* Checks the inputs against the class's and the build's rules, in Keras's words. */
int cn__layer_check_inputs(const cn_layer *layer, const cn_shape *inputs, int n);
/* The process-wide counter of changes to any layer's version, so that a model can check cheaply. */
uint64_t cn__layers_version(void);
void cn__layer_changed(cn_layer *layer);

#endif
