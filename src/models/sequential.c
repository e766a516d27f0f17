/* Sequential models: a list of layers, and the symbolic graph through them as soon as the input's
 * shape is known. */
#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "models/structure.h"

#include <string.h>

/* Sublayers are called with the model's flag; what the user passes on (args) goes to each, as Keras
 * does with known names. */
static cn_tensor *call_layers(cn_layer *self, cn_tensor *const *inputs, int n,
                              const cn_call_args *args)
{
    cn_model *model = (cn_model *)self;
    cn_tensor *x = inputs[0], *conformed[CN__MODEL_MAX_IO];
    cn_call_args own = {.size = sizeof own, .training = args->training, .args = args->args};
    if (model->graph) {
        if (cn__model_conform(model, inputs, n, conformed) < 0) {
            return NULL;
        }
        x = conformed[0];
        n = 1;
    } else if (model->layer.n_sublayers == 0 && n == 1) {
        return x;
    }
    for (int64_t i = 0; x && i < self->n_sublayers; i++) {
        x = cn_layer_call_with(self->sublayers[i], i ? 1 : n, i || model->graph ? &x : inputs,
                               &own);
    }
    return x;
}

static int build_layers(cn_layer *self, const cn_shape *inputs, int n)
{
    cn_model *model = (cn_model *)self;
    return n == 1 && !model->graph ? cn__sequential_build(model, inputs) : 0;
}

static const cn_layer_args defaults = {.size = sizeof(cn_layer_args), CN_LAYER_DEFAULTS};

const cn_layer_class cn__layer_sequential = {.base = {.size = sizeof(cn_layer_class),
                                                      .name = "Sequential",
                                                      .module = "keras",
                                                      .args_size = sizeof(cn_layer_args),
                                                      .defaults = &defaults},
                                             .build = build_layers,
                                             .call = call_layers,
                                             .n_inputs = -1};

/* One layer of the graph, called on the model's last tensor. */
static cn_tensor *extend(cn_layer *layer, cn_tensor *x)
{
    int n_outputs = 1;
    cn_call_args args = {.size = sizeof args, .n_outputs = &n_outputs};
    cn_tensor *y = cn_layer_call_with(layer, 1, &x, &args);
    if (y && n_outputs != 1) {
        cn__fail(CN_EVALUE,
                 "All layers in a Sequential model should have a single output tensor. For "
                 "multi-output layers, use the functional API.");
        return NULL;
    }
    return y;
}

static int note_built(cn_model *model)
{
    cn_layer *self = &model->layer;
    const cn_shape *shape = &model->inputs[0]->shape;
    cn__free_mem(self->input_shapes);
    self->n_input_shapes = 0;
    self->input_shapes = cn__malloc(sizeof *shape);
    if (!self->input_shapes) {
        return CN_ENOMEM;
    }
    self->input_shapes[0] = *shape;
    self->n_input_shapes = 1;
    self->output_shape = model->outputs[0]->shape;
    self->n_outputs = 1;
    self->built = true;
    cn__layer_changed(self);
    return 0;
}

/* A call inside another layer leaves no history: then the layers are built, and the model goes on
 * without a graph. */
static int keep_graph(cn_model *model, cn_tensor *input, cn_tensor *output)
{
    if (!cn__history(output)) {
        model->layer.built = true;
        return 0;
    }
    int code = cn__model_set_input(model, 0, input);
    if (code == 0) {
        code = cn__model_set_output(model, 0, output);
    }
    model->n_inputs = model->n_outputs = 1;
    model->graph = code == 0;
    return code == 0 ? note_built(model) : code;
}

/* Runs the layers on the InputLayer's tensor, outside whatever is being traced. */
static int graph_from(cn_model *model, cn_layer *input_layer)
{
    cn_scope scope = cn_scope_begin();
    cn__trace *trace = cn__trace_suspend();
    cn_tensor *input = cn__input_tensor(input_layer), *x = input;
    for (int64_t i = 0; x && i < model->layer.n_sublayers; i++) {
        x = extend(model->layer.sublayers[i], x);
    }
    int code = x ? keep_graph(model, input, x) : cn_error_code();
    cn__trace_resume(trace);
    cn_scope_end(scope);
    return code;
}

/* "dense_input" in tf.keras, an automatic "input_layer" in Keras 3, which numbers InputLayers
 * apart. */
static cn_layer *implicit_input(const cn_model *model, const cn_shape *shape, cn_dtype dtype)
{
    const cn_layer *first = model->layer.sublayers[0];
    if (cn__is_keras3(model->layer.base.keras)) {
        return cn__input_layer(shape, cn_dtype_name(dtype), NULL);
    }
    char *name = cn__printf("%s_input", first->base.name);
    cn_layer *layer = name ? cn__input_layer(shape, cn_dtype_name(dtype), name) : NULL;
    cn__free_mem(name);
    return layer;
}

/* What a first layer that is a model (or begins with one) wants as input. */
static bool known_input(const cn_layer *layer, cn_shape *shape, cn_dtype *dtype)
{
    for (int depth = 0; depth < 64; depth++) {
        *dtype = layer->dtype;
        if (cn__layer_input_shape(layer, shape)) {
            return true;
        }
        if (layer->base.object.kind != CN__MODEL) {
            return false;
        }
        const cn_model *model = (const cn_model *)layer;
        if (model->graph && model->n_inputs == 1) {
            *shape = model->inputs[0]->shape;
            *dtype = model->inputs[0]->dtype;
            return true;
        }
        if (model->type != CN__SEQUENTIAL || !layer->n_sublayers) {
            return false;
        }
        layer = layer->sublayers[0];
    }
    return false;
}

static int with_version(cn_model *model, int (*run)(cn_model *model, void *user), void *user)
{
    int keras = cn__set_keras_version(model->layer.base.keras);
    int code = run(model, user);
    cn__set_keras_version(keras);
    return code;
}

static int start_graph(cn_model *model, void *unused)
{
    (void)unused;
    cn_shape shape;
    cn_dtype dtype = CN_FLOAT32;
    if (model->graph || !model->layer.n_sublayers ||
        (!model->input_layers[0] && !known_input(model->layer.sublayers[0], &shape, &dtype))) {
        return 0;
    }
    cn_layer *input = cn__ref(model->input_layers[0]);
    cn_layer *made = input ? NULL : implicit_input(model, &shape, dtype);
    int code = input || made ? graph_from(model, input ? input : made) : cn_error_code();
    cn__unref(input);
    cn_free(made);
    model->input_given = model->graph;
    return code;
}

int cn__sequential_graph(cn_model *model)
{
    return with_version(model, start_graph, NULL);
}

static int build_for(cn_model *model, void *user)
{
    const cn_shape *shape = user;
    cn_layer *layer = implicit_input(model, shape,
                                     cn__is_keras3(model->layer.base.keras)
                                         ? model->layer.sublayers[0]->compute_dtype
                                         : CN_FLOAT32);
    int code = layer ? graph_from(model, layer) : cn_error_code();
    cn_free(layer);
    return code;
}

int cn__sequential_build(cn_model *model, const cn_shape *shape)
{
    char want[256], got[256];
    const cn_layer *self = &model->layer;
    if (model->graph) {
        if (cn__is_keras3(self->base.keras) && !cn__shape_equal(&model->inputs[0]->shape, shape)) {
            return cn__fail(
                CN_EVALUE,
                "Sequential model '%s' has already been configured to use input shape %s. You "
                "cannot build it with input_shape %s",
                self->base.name, cn__shape_text(&model->inputs[0]->shape, want, sizeof want),
                cn__shape_text(shape, got, sizeof got));
        }
        return 0;
    }
    if (!self->n_sublayers) {
        return cn__is_keras3(self->base.keras)
                   ? cn__fail(CN_ESTATE,
                              "Sequential model %s cannot be built because it has no layers. Call "
                              "`model.add(layer)`.",
                              self->base.name)
                   : 0;
    }
    return with_version(model, build_for, (void *)(uintptr_t)shape);
}

static int repeated_name(const cn_model *model, const cn_layer *layer)
{
    const char *quote = cn__is_keras3(model->layer.base.keras) ? "'" : "\"";
    for (int64_t i = 0; i < model->layer.n_sublayers; i++) {
        const cn_layer *other = model->layer.sublayers[i];
        if (strcmp(other->base.name, layer->base.name) == 0) {
            return cn__fail(
                CN_EVALUE,
                "All layers added to a Sequential model should have unique names. Name %s%s%s is "
                "already the name of a layer in this model. Update the `name` argument to pass "
                "a unique name.",
                quote, layer->base.name, quote);
        }
    }
    return 0;
}

static int add_input_layer(cn_model *model, cn_layer *layer)
{
    char text[256];
    cn_shape shape;
    if (model->input_layers[0] || model->layer.n_sublayers) {
        if (!cn__layer_input_shape(model->input_layers[0] ? model->input_layers[0] : layer,
                                   &shape)) {
            shape.rank = 0;
        }
        return cn__fail(
            CN_EVALUE,
            "Sequential model '%s' has already been configured to use input shape %s. You cannot "
            "add a different Input layer to it.",
            model->layer.base.name, cn__shape_text(&shape, text, sizeof text));
    }
    if (!cn__layer_input_shape(layer, &shape)) {
        return cn__fail(CN_EVALUE, "You must pass a `shape` argument.");
    }
    model->input_layers[0] = cn__ref(layer);
    model->input_declared = true;
    cn__layer_changed(&model->layer);
    return 0;
}

static int add_to_graph(cn_model *model, void *user)
{
    cn_scope scope = cn_scope_begin();
    cn__trace *trace = cn__trace_suspend();
    cn_tensor *y = extend(user, model->outputs[0]);
    int code = y ? cn__model_set_output(model, 0, y) : cn_error_code();
    cn__trace_resume(trace);
    cn_scope_end(scope);
    return code == 0 ? note_built(model) : code;
}

int cn__sequential_add(cn_model *model, cn_layer *layer, bool build)
{
    if (cn__is_input_layer(layer)) {
        return add_input_layer(model, layer);
    }
    if (layer == &model->layer) {
        return cn__fail(CN_EVALUE, "Sequential model '%s' cannot be added to itself",
                        layer->base.name);
    }
    int code = repeated_name(model, layer);
    if (code == 0) {
        code = cn_layer_track(&model->layer, layer);
    }
    if (code < 0) {
        return code;
    }
    bool was_built = model->layer.built;
    if (model->graph) {
        code = with_version(model, add_to_graph, layer);
    } else {
        model->layer.built = false;
        code = build ? cn__sequential_graph(model) : 0;
    }
    if (code < 0) {
        /* The layer that does not fit is not part of the model. */
        cn__model_untrack_last(model);
        model->layer.built = was_built;
    }
    return code;
}

/* A symbolic input stands for its InputLayer. */
static cn_layer *layer_of(const cn_model *model, void *object)
{
    int kind = object ? cn__identifier_kind(object) : 0;
    if (kind == CN__TENSOR) {
        cn__layer_call *call = cn__history(object);
        if (call && cn__is_input_layer(call->layer)) {
            return call->layer;
        }
    }
    if (kind == CN__LAYER || kind == CN__MODEL) {
        return object;
    }
    const char *got = object ? kind ? cn__kind_name(kind) : "string" : "NULL";
    if (cn__is_keras3(model->layer.base.keras)) {
        cn__fail(CN_ETYPE,
                 "Only instances of `keras.Layer` can be added to a Sequential model. Received: %s "
                 "(of type %s)",
                 kind || !object ? got : (const char *)object, got);
    } else {
        cn__fail(
            CN_ETYPE,
            "The added layer must be an instance of class Layer. Received: layer=%s of type %s.",
            kind || !object ? got : (const char *)object, got);
    }
    return NULL;
}

static cn_model *check_sequential(cn_model *model, const char *who)
{
    if (!cn__check_model(model, who)) {
        return NULL;
    }
    if (model->type != CN__SEQUENTIAL) {
        cn__fail(CN_ETYPE, "%s: '%s' is not a Sequential model", who, model->layer.base.name);
        return NULL;
    }
    return model;
}

int cn_model_add_object(cn_model *model, void *object)
{
    if (!check_sequential(model, "cn_model_add")) {
        return cn_error_code();
    }
    cn_layer *layer = layer_of(model, object);
    return layer ? cn__sequential_add(model, layer, true) : cn_error_code();
}

/* The graph ends where it ended before the last layer. */
static int shorten(cn_model *model)
{
    cn__layer_call *call = cn__history(model->outputs[0]);
    cn_tensor *before = call && call->n_in == 1 ? cn__ref(call->in[0]) : NULL;
    if (!before) {
        return cn__fail(CN_ESTATE, "Sequential model '%s': its graph cannot be shortened",
                        model->layer.base.name);
    }
    int code = cn__model_set_output(model, 0, before);
    cn__unref(before);
    return code == 0 ? note_built(model) : code;
}

int cn_model_pop(cn_model *model)
{
    if (!check_sequential(model, "cn_model_pop")) {
        return cn_error_code();
    }
    if (!model->layer.n_sublayers) {
        return cn__is_keras3(model->layer.base.keras)
                   ? cn__fail(CN_EINDEX, "list index out of range")
                   : cn__fail(CN_EVALUE, "There are no layers in the model.");
    }
    int code = 0;
    if (model->layer.n_sublayers == 1) {
        cn_layer *input = model->input_declared ? cn__ref(model->input_layers[0]) : NULL;
        cn__model_clear_graph(model);
        model->input_layers[0] = input;
        model->layer.built = model->input_given = false;
    } else if (model->graph) {
        code = shorten(model);
    }
    if (code == 0) {
        cn__model_untrack_last(model);
    }
    return code;
}

cn_model *cn__sequential_new(const char *name, bool trainable)
{
    cn_layer_args args = {.size = sizeof args, CN_LAYER_DEFAULTS};
    args.name = name;
    args.trainable = trainable;
    return cn__model_new(&cn__layer_sequential, &args, CN__SEQUENTIAL);
}

const cn_sequential_args cn_sequential_defaults = {.size = sizeof(cn_sequential_args),
                                                   CN_SEQUENTIAL_DEFAULTS};

cn_model *cn_sequential_with(const cn_sequential_args *given)
{
    cn_sequential_args args = {.size = sizeof args, .trainable = true};
    if (cn__pending()) {
        return NULL;
    }
    if (!given || !given->size) {
        cn__fail(CN_EVALUE, "cn_sequential: the size of the argument struct is not set");
        return NULL;
    }
    memcpy(&args, given, given->size < sizeof args ? given->size : sizeof args);
    cn_model *model = cn__sequential_new(args.name, args.trainable);
    for (int i = 0; model && i < 64 && args.layers[i]; i++) {
        if (cn_model_add_object(model, args.layers[i]) < 0) {
            cn_free(model);
            return NULL;
        }
    }
    return model;
}
