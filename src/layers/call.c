/* Calling layers: casts, building, masks, losses of activity, and the record that functional models
 * are made of. */
#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "layers/layer.h"
#include "layers/op_layer.h"
#include "ops/op.h"

#include <cornu/activations.h>
#include <cornu/regularizers.h>

#include <string.h>

enum { MAX_INPUTS = 32 };

/* How many layers are being called inside each other in this thread: class functions, and calls
 * with what is done around those. */
static _Thread_local int nesting, running_calls;

bool cn__layer_calls_running(void)
{
    return running_calls > 0;
}

void cn__layer_enter(void)
{
    running_calls++;
}

void cn__layer_leave(void)
{
    running_calls--;
}

/* One call: what is needed until its results are handed over. */
typedef struct running {
    cn_layer *layer;
    int n_in, n_out;
    cn_tensor *in[MAX_INPUTS];
    cn_tensor *out[CN__MAX_OUTPUTS];
    cn_call_args args;
    bool symbolic;   /* some input is */
    bool functional; /* a node of a functional model: symbolic outside a trace, not inside another
                        layer */
} running;

cn_tensor *cn__activate(const void *activation, cn_tensor *x, int keras)
{
    (void)keras;
    if (!activation || !x) {
        return x;
    }
    if (cn__identifier_kind(activation) == CN__LAYER) {
        return cn_layer_call_with((void *)(uintptr_t)activation, 1, &x, NULL);
    }
    return cn_activation_call(activation, x);
}

int cn_call_output(const cn_call_args *args, int index, cn_tensor *output)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!args || index < 1 || index >= CN__MAX_OUTPUTS ||
        cn__expect(output, CN__TENSOR, "cn_call_output") < 0) {
        return cn__fail(CN_EINDEX, "cn_call_output: output %d is not in 1 … %d", index,
                        CN__MAX_OUTPUTS - 1);
    }
    if (args->outputs && index - 1 < args->max_outputs) {
        args->outputs[index - 1] = output;
    }
    if (args->n_outputs && *args->n_outputs < index + 1) {
        *args->n_outputs = index + 1;
    }
    return 0;
}

static void destroy_call(void *object)
{
    cn__layer_call *call = object;
    for (int i = 0; i < call->n_in; i++) {
        cn__unref(call->in[i]);
    }
    for (int i = 0; i < call->args.n_initial_states; i++) {
        cn__unref(call->args.initial_states[i]);
    }
    cn__free_mem(call->in);
    cn__unref(call->layer);
}

int cn__layer_call_output(const cn_tensor *t)
{
    const cn__layer_call *call = t->keras_history;
    for (int i = 0; call && i < call->n_out; i++) {
        if (call->out_id[i] == t->id) {
            return i;
        }
    }
    return -1;
}

int cn__layer_record_call(cn_layer *layer, int n_in, cn_tensor *const *in, const cn_call_args *args,
                          int n_out, cn_tensor *const *out)
{
    static const cn__object_type type = {CN__FUNCTION, "layer call", destroy_call};
    cn__layer_call *call = cn__object_new_owned(&type, sizeof *call);
    if (!call) {
        return CN_ENOMEM;
    }
    call->in = cn__calloc((size_t)n_in, sizeof(cn_tensor *));
    if (!call->in) {
        cn__unref(call);
        return CN_ENOMEM;
    }
    call->layer = cn__ref(layer);
    call->n_in = n_in;
    for (int i = 0; i < n_in; i++) {
        call->in[i] = cn__ref(in[i]);
    }
    call->args = *args;
    call->args.outputs = NULL;
    call->args.n_outputs = NULL;
    for (int i = 0; i < call->args.n_initial_states; i++) {
        cn__ref(call->args.initial_states[i]);
    }
    call->index = layer->n_calls++;
    call->n_out = n_out;
    for (int i = 0; i < n_out; i++) {
        call->out_shape[i] = out[i]->shape;
        call->out_id[i] = out[i]->id;
        cn__unref(out[i]->keras_history);
        out[i]->keras_history = cn__ref(call);
    }
    layer->built = true;
    layer->output_shape = out[0]->shape;
    layer->n_outputs = n_out;
    cn__unref(call);
    return 0;
}

static int set_mask(cn_tensor *t, cn_tensor *mask)
{
    cn__ref(mask);
    cn__unref(t->mask);
    t->mask = mask;
    return 0;
}

/* Floats of another width take the layer's; the mask goes along. */
static cn_tensor *autocast(const cn_layer *layer, cn_tensor *t)
{
    if (!cn__dtype_is_float(t->dtype) || !cn__dtype_is_float(layer->compute_dtype) ||
        t->dtype == layer->compute_dtype || cn__is_op_layer(layer)) {
        return t;
    }
    cn_tensor *cast = cn_cast(t, layer->compute_dtype);
    if (cast && t->mask) {
        set_mask(cast, t->mask);
    }
    return cast;
}

/* The mask of the outputs: what the class says, or the input's own if the layer lets masks through;
 * else it ends here. */
static int pass_masks(running *r)
{
    const cn_layer_class *class = cn__layer_class(r->layer);
    bool any = false;
    for (int i = 0; i < r->n_in; i++) {
        any = any || r->in[i]->mask;
    }
    cn_tensor *mask = NULL;
    if (class->compute_mask) {
        mask = class->compute_mask(r->layer, r->in, r->n_in);
    } else if (class->supports_masking && any) {
        mask = r->in[0]->mask;
    }
    if (cn__pending()) {
        return cn_error_code();
    }
    for (int i = 0; mask && i < r->n_out; i++) {
        if (!r->out[i]->mask) {
            set_mask(r->out[i], mask);
        }
    }
    return 0;
}

static const void *activity_regularizer(const cn_layer *layer)
{
    for (const cn_field *f = layer->base.class->fields; f && f->type; f++) {
        if (f->type == CN_FIELD_REGULARIZER && strcmp(f->name, "activity_regularizer") == 0) {
            return *(void *const *)((const char *)layer->base.args + f->offset);
        }
    }
    return NULL;
}

/* The regularizer's value, a mean over the batch. */
static int add_activity_losses(running *r)
{
    const void *regularizer = activity_regularizer(r->layer);
    if (!regularizer || (r->symbolic && !cn__trace_current())) {
        return 0;
    }
    for (int i = 0; i < r->n_out; i++) {
        cn_tensor *loss = cn_regularizer_call(regularizer, r->out[i]);
        cn_tensor *rows = NULL;
        if (loss && r->out[i]->shape.rank) {
            cn__attrs axis0 = {.i = {0, 1, 0}};
            rows = cn_cast(cn__apply1(&cn__op_count_like, &axis0, r->out[i]), loss->dtype);
            loss = rows ? cn_divide(loss, rows) : NULL;
        }
        int code = loss ? cn_layer_add_loss(r->layer, loss) : cn_error_code();
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* A layer that hands back its input gives a tensor of its own, so that masks and history are the
 * output's alone. */
static int separate_outputs(running *r, cn_tensor *const *given)
{
    for (int i = 0; i < r->n_out; i++) {
        bool own = !r->out[i]->variable;
        for (int k = 0; k < r->n_in; k++) {
            own = own && r->out[i] != r->in[k] && r->out[i] != given[k];
        }
        if (!own) {
            r->out[i] = cn_identity(r->out[i]);
            if (!r->out[i]) {
                return cn_error_code();
            }
        }
    }
    return 0;
}

/* What a user's call function must leave alone: the layer, its weights and its inputs. */
static void pin_all(const running *r, int n_weights, int delta)
{
    cn__pin(r->layer, delta);
    for (int i = 0; i < n_weights; i++) {
        cn__pin(r->layer->weights[i], delta);
    }
    for (int i = 0; i < r->n_in; i++) {
        cn__pin(r->in[i], delta);
    }
}

/* Runs the class's call function and checks what it gives. */
static int run_call(running *r)
{
    cn_layer *layer = r->layer;
    cn_tensor *more[CN__MAX_OUTPUTS] = {0};
    int n_outputs = 1;
    cn_call_args args = r->args;
    args.outputs = more;
    args.max_outputs = CN__MAX_OUTPUTS - 1;
    args.n_outputs = &n_outputs;
    int n_weights = (int)layer->n_weights; /* a call may add more */
    layer->depth++;
    nesting++;
    pin_all(r, n_weights, 1);
    r->out[0] = cn__layer_class(layer)->call(layer, r->in, r->n_in, &args);
    pin_all(r, n_weights, -1);
    nesting--;
    layer->depth--;
    if (cn__pending()) {
        const char *text = cn_error();
        if (strncmp(text, "Input ", 6) != 0 && strncmp(text, "Exception encountered", 21) != 0) {
            cn__fail_context("Exception encountered when calling layer \"%s\" (type %s)",
                             layer->base.name, layer->base.class->name);
        }
        return cn_error_code();
    }
    if (!r->out[0]) {
        return cn__fail(CN_EVALUE, "Layer \"%s\": its call function returned NULL without an error",
                        layer->base.name);
    }
    r->n_out = n_outputs;
    for (int i = 0; i < n_outputs; i++) {
        r->out[i] = i ? more[i - 1] : r->out[0];
        if (cn__expect(r->out[i], CN__TENSOR, "a layer's output") < 0) {
            cn__fail_context("Layer \"%s\"", layer->base.name);
            return cn_error_code();
        }
    }
    layer->output_shape = r->out[0]->shape;
    layer->n_outputs = r->n_out;
    return 0;
}

static int prepare(running *r, cn_tensor *const *given)
{
    cn_layer *layer = r->layer;
    cn_shape shapes[MAX_INPUTS];
    for (int i = 0; i < r->n_in; i++) {
        int code = cn__expect(given[i], CN__TENSOR, "a layer's input");
        if (code < 0) {
            cn__fail_context("Layer \"%s\"", layer->base.name);
            return code;
        }
        shapes[i] = given[i]->shape;
        r->symbolic = r->symbolic || !given[i]->storage;
    }
    int code = layer->built ? cn__layer_check_inputs(layer, shapes, r->n_in)
                            : cn_layer_build(layer, shapes, r->n_in);
    if (code < 0) {
        return code;
    }
    for (int i = 0; i < r->n_in; i++) {
        r->in[i] = autocast(layer, given[i]);
        if (!r->in[i]) {
            return cn_error_code();
        }
    }
    return 0;
}

static int run(running *r, cn_tensor *const *given)
{
    int code = prepare(r, given);
    if (code == 0) {
        code = run_call(r);
    }
    if (code == 0) {
        code = separate_outputs(r, given);
    }
    if (code == 0) {
        code = pass_masks(r);
    }
    if (code == 0) {
        code = add_activity_losses(r);
    }
    if (code < 0 || !r->functional) {
        return code;
    }
    return cn__layer_record_call(r->layer, r->n_in, given, &r->args, r->n_out, r->out);
}

/* Gives an output that was made inside the call to the caller's scope; what lived before stays
 * where it is. */
static cn_tensor *hand_over(cn_tensor *t)
{
    if (!t->object.scope) {
        return cn__into_scope(t);
    }
    cn__unref(t);
    return t;
}

static void clear_losses(cn_layer *layer)
{
    cn__layer_clear_losses(layer);
    for (int64_t i = 0; i < layer->n_sublayers; i++) {
        clear_losses(layer->sublayers[i]);
    }
}

static int run_in_scope(running *r, cn_tensor *const *given)
{
    cn_scope scope = cn_scope_begin();
    cn__layer_enter();
    int code = run(r, given);
    cn__layer_leave();
    for (int i = 0; code == 0 && i < r->n_out; i++) {
        cn__ref(r->out[i]);
    }
    cn_scope_end(scope);
    for (int i = 0; code == 0 && i < r->n_out; i++) {
        hand_over(r->out[i]);
    }
    return code;
}

cn_tensor *cn_layer_call_with(void *layer_or_model, int n_inputs, cn_tensor *const *inputs,
                              const cn_call_args *args)
{
    if (cn__pending()) {
        return NULL;
    }
    running r = {.layer = cn__as_layer(layer_or_model, "cn_call"), .n_in = n_inputs};
    if (!r.layer) {
        return NULL;
    }
    if (n_inputs < 1 || n_inputs > MAX_INPUTS) {
        cn__fail(CN_EVALUE, "Layer \"%s\": expected 1 to %d inputs, got %d", r.layer->base.name,
                 MAX_INPUTS, n_inputs);
        return NULL;
    }
    if (r.layer->depth > 0) {
        cn__fail(CN_ESTATE, "Layer \"%s\" calls itself: its call function leads back to it",
                 r.layer->base.name);
        return NULL;
    }
    r.args = (cn_call_args){.size = sizeof r.args};
    if (args) {
        memcpy(&r.args, args,
               args->size && args->size < sizeof r.args ? args->size : sizeof r.args);
    }
    bool traced = cn__trace_current() != NULL, symbolic = false;
    for (int i = 0; i < n_inputs; i++) {
        symbolic = symbolic || (inputs[i] && cn__identifier_kind(inputs[i]) == CN__TENSOR &&
                                !inputs[i]->storage);
    }
    r.functional = symbolic && !traced && nesting == 0;
    if (nesting == 0) {
        clear_losses(r.layer);
    }
    if (run_in_scope(&r, inputs) < 0) {
        return NULL;
    }
    if (args && args->n_outputs) {
        *args->n_outputs = r.n_out;
    }
    for (int i = 1; args && args->outputs && i < r.n_out && i <= args->max_outputs; i++) {
        args->outputs[i - 1] = r.out[i];
    }
    return r.out[0];
}

cn_tensor *cn_call_with(void *layer_or_model, const cn_call_list *given)
{
    if (cn__pending()) {
        return NULL;
    }
    if (!given || !given->size) {
        cn__fail(CN_EVALUE, "cn_call: the size of the argument struct is not set");
        return NULL;
    }
    cn_call_list list = {0};
    memcpy(&list, given, given->size < sizeof list ? given->size : sizeof list);
    int n = 0;
    while (n < MAX_INPUTS && list.inputs[n]) {
        n++;
    }
    if (n == 0) {
        cn__fail(CN_EVALUE, "cn_call: expected a layer or model and a tensor, got no tensor");
        return NULL;
    }
    cn_call_args args = {.size = sizeof args,
                         .training = list.training,
                         .args = list.args,
                         .outputs = list.outputs,
                         .max_outputs = list.max_outputs,
                         .n_outputs = list.n_outputs};
    while (args.n_initial_states < 8 && list.initial_state.v[args.n_initial_states]) {
        args.initial_states[args.n_initial_states] = list.initial_state.v[args.n_initial_states];
        args.n_initial_states++;
    }
    return cn_layer_call_with(layer_or_model, n, list.inputs, &args);
}
