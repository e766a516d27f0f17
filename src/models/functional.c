/* Functional models: the graph between symbolic tensors as a model. */
#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "models/structure.h"

#include <string.h>

static cn_tensor *call_graph(cn_layer *self, cn_tensor *const *inputs, int n,
                             const cn_call_args *args)
{
    cn_model *model = (cn_model *)self;
    cn_tensor *outputs[CN__MODEL_MAX_IO] = {0};
    if (cn__model_replay(model, inputs, n, args->training, outputs) < 0) {
        return NULL;
    }
    for (int i = 1; i < model->n_outputs; i++) {
        if (cn_call_output(args, i, outputs[i]) < 0) {
            return NULL;
        }
    }
    return outputs[0];
}

static const cn_layer_args defaults = {.size = sizeof(cn_layer_args), CN_LAYER_DEFAULTS};

const cn_layer_class cn__layer_functional = {.base = {.size = sizeof(cn_layer_class),
                                                      .name = "Functional",
                                                      .module = "keras.src.models.functional",
                                                      .args_size = sizeof(cn_layer_args),
                                                      .defaults = &defaults},
                                             .call = call_graph,
                                             .n_inputs = -1};

static int not_symbolic(const cn_model *model, cn_tensor *t, const char *what)
{
    cn_scope scope = cn_scope_begin();
    const char *text = t->storage ? cn_tensor_string(t) : "a tensor of a trace";
    int code;
    if (cn__is_keras3(model->layer.base.keras)) {
        code = cn__fail(
            CN_ETYPE,
            "All `%ss` values must be KerasTensors. Received: %ss=%s including invalid value %s "
            "of type tensor",
            what, what, text ? text : "", text ? text : "");
    } else {
        code = cn__fail(
            CN_ETYPE,
            "Found unexpected instance while processing %s tensors for keras functional model. "
            "Expecting KerasTensor which is from tf.keras.Input() or output from keras layer "
            "call(). Got: %s",
            what, text ? text : "");
    }
    cn_scope_end(scope);
    return code;
}

static int check_list(const cn_model *model, cn_tensor *const *list, int max, const char *what)
{
    int n = 0;
    for (; n < 32 && list[n]; n++) {
        if (cn__expect(list[n], CN__TENSOR, "cn_functional") < 0) {
            return cn_error_code();
        }
        if (list[n]->storage || !list[n]->node) {
            return not_symbolic(model, list[n], what);
        }
        for (int k = 0; *what == 'i' && k < n; k++) {
            if (list[k] == list[n]) {
                return cn__fail(CN_EVALUE,
                                "The list of inputs passed to the model contains the same input "
                                "multiple times. All inputs should only appear once.");
            }
        }
    }
    if (!n || n > max) {
        return cn__fail(CN_EVALUE, "cn_functional: expected 1 to %d %ss, got %d", max, what, n);
    }
    return n;
}

static int set_lists(cn_model *model, cn_tensor *const *inputs, int n_inputs,
                     cn_tensor *const *outputs, int n_outputs)
{
    int code = 0;
    for (int i = 0; code == 0 && i < n_inputs; i++) {
        code = cn__model_set_input(model, i, inputs[i]);
    }
    for (int i = 0; code == 0 && i < n_outputs; i++) {
        code = cn__model_set_output(model, i, outputs[i]);
    }
    model->n_inputs = n_inputs;
    model->n_outputs = n_outputs;
    return code;
}

/* Inputs in the middle of another graph: the graph is made again from inputs of the model's own. */
static int clone_graph(cn_model *model)
{
    cn_tensor *inputs[CN__MODEL_MAX_IO], *outputs[CN__MODEL_MAX_IO] = {0};
    int code = cn__plan_make(model);
    for (int i = 0; code == 0 && i < model->n_inputs; i++) {
        inputs[i] = model->inputs[i];
        if (!model->input_layers[i]) {
            cn_layer *layer =
                cn__input_layer(&inputs[i]->shape, cn_dtype_name(inputs[i]->dtype), NULL);
            inputs[i] = layer ? cn__input_tensor(layer) : NULL;
            code = inputs[i] ? 0 : cn_error_code();
        }
    }
    if (code == 0) {
        code = cn__model_replay(model, inputs, model->n_inputs, false, outputs);
    }
    int n_inputs = model->n_inputs, n_outputs = model->n_outputs;
    while (model->layer.n_sublayers) {
        cn__model_untrack_last(model);
    }
    if (code < 0) {
        return code;
    }
    cn__model_clear_graph(model);
    return set_lists(model, inputs, n_inputs, outputs, n_outputs);
}

static int build(cn_model *model, const cn_functional_args *args)
{
    int n_inputs = check_list(model, args->inputs.v, CN__MODEL_MAX_IO, "input");
    int n_outputs =
        n_inputs < 0 ? n_inputs : check_list(model, args->outputs.v, CN__MAX_OUTPUTS, "output");
    int code = n_outputs < 0
                   ? n_outputs
                   : set_lists(model, args->inputs.v, n_inputs, args->outputs.v, n_outputs);
    bool own = true;
    for (int i = 0; code == 0 && i < n_inputs; i++) {
        own = own && model->input_layers[i];
    }
    if (code == 0 && !own) {
        code = clone_graph(model);
    }
    if (code == 0) {
        code = cn__plan_make(model);
    }
    if (code < 0) {
        return code;
    }
    model->graph = model->input_given = model->layer.built = true;
    model->layer.output_shape = model->outputs[0]->shape;
    model->layer.n_outputs = n_outputs;
    model->layer.input_shapes = cn__calloc((size_t)n_inputs, sizeof(cn_shape));
    model->layer.n_input_shapes = model->layer.input_shapes ? n_inputs : 0;
    for (int i = 0; i < model->layer.n_input_shapes; i++) {
        model->layer.input_shapes[i] = model->inputs[i]->shape;
    }
    return model->layer.input_shapes ? 0 : CN_ENOMEM;
}

const cn_functional_args cn_functional_defaults = {.size = sizeof(cn_functional_args),
                                                   CN_FUNCTIONAL_DEFAULTS};

cn_model *cn_functional_with(const cn_functional_args *given)
{
    cn_functional_args args = {.size = sizeof args, .trainable = true};
    if (cn__pending()) {
        return NULL;
    }
    if (!given || !given->size) {
        cn__fail(CN_EVALUE, "cn_functional: the size of the argument struct is not set");
        return NULL;
    }
    memcpy(&args, given, given->size < sizeof args ? given->size : sizeof args);
    cn_layer_args own = defaults;
    own.name = args.name;
    own.trainable = args.trainable;
    cn_model *model = cn__model_new(&cn__layer_functional, &own, CN__FUNCTIONAL);
    if (!model) {
        return NULL;
    }
    cn_scope scope = cn_scope_begin();
    cn__trace *trace = cn__trace_suspend();
    int code = build(model, &args);
    cn__trace_resume(trace);
    cn_scope_end(scope);
    if (code < 0) {
        cn_free(model);
        return NULL;
    }
    return model;
}
