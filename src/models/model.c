/* Models as objects: birth and death, layers in a list, inputs and outputs, weights. */
#include "models/model.h"

#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "layers/op_layer.h"
#include "models/structure.h"
#include "models/training.h"

#include <string.h>

cn_model *cn__check_model(const cn_model *model, const char *who)
{
    if (cn__pending() || cn__expect(model, CN__MODEL, who) < 0) {
        return NULL;
    }
    return (cn_model *)(uintptr_t)model;
}

/* The graph of a Sequential model is a chain: taken apart from its end, so that a long one takes no
 * deep recursion. */
static void unwind_chain(cn_model *model)
{
    cn_tensor *t = model->type == CN__SEQUENTIAL ? model->outputs[0] : NULL;
    model->outputs[0] = t ? NULL : model->outputs[0];
    while (t) {
        const cn__layer_call *call = cn__history(t);
        cn_tensor *before = call && call->n_in == 1 ? cn__ref(call->in[0]) : NULL;
        cn__unref(t);
        t = before;
    }
}

void cn__model_clear_graph(cn_model *model)
{
    unwind_chain(model);
    cn__plan_free(model);
    for (int i = 0; i < CN__MODEL_MAX_IO; i++) {
        cn__unref(model->inputs[i]);
        cn__unref(model->outputs[i]);
        cn__unref(model->input_layers[i]);
        cn__free_mem(model->output_names[i]);
        model->inputs[i] = model->outputs[i] = NULL;
        model->input_layers[i] = NULL;
        model->output_names[i] = NULL;
    }
    model->n_inputs = model->n_outputs = 0;
    model->graph = false;
}

static void destroy_model(void *object)
{
    cn_model *model = object;
    cn__model_forget_compile(model);
    cn__model_forget_programs(model);
    cn__unref(model->loss_total);
    cn__unref(model->loss_count);
    cn__unref(model->random_step);
    cn__own_steps_free(model);
    cn__model_clear_graph(model);
    cn__free_mem(model->file_version);
    cn__free_mem(model->file_backend);
    if (model->layer.base.args) {
        cn__layer_destroy(&model->layer);
    }
    cn__instance_clear(&model->layer.base);
}

/* Keras 2 calls a functional model "model", Keras 3 "functional". */
static int rename_functional(cn_model *model)
{
    cn__instance *base = &model->layer.base;
    if (base->name_given || model->type != CN__FUNCTIONAL) {
        return 0;
    }
    cn__free_mem(base->name);
    base->name = cn__unique_name(cn__is_keras3(base->keras) ? "functional" : "model", base->keras);
    return base->name ? 0 : CN_ENOMEM;
}

/* The name is drawn here and not by the class's own, which Keras never counts. */
static int setup(cn_model *model, const cn_layer_class *cls, const void *args)
{
    if (model->type != CN__FUNCTIONAL) {
        return cn__instance_setup(&model->layer.base, CN__MODEL, &cls->base, args);
    }
    cn_layer_args given = *(const cn_layer_args *)args;
    bool automatic = !given.name;
    given.name = automatic ? "model" : given.name;
    int code = cn__instance_setup(&model->layer.base, CN__MODEL, &cls->base, &given);
    model->layer.base.name_given = !automatic;
    return code == 0 ? rename_functional(model) : code;
}

cn_model *cn__model_new(const cn_layer_class *cls, const void *args, cn__model_type type)
{
    static const cn__object_type object_type = {CN__MODEL, "model", destroy_model};
    if (cn__pending()) {
        return NULL;
    }
    cn_model *model = cn__object_new(&object_type, sizeof *model);
    if (!model) {
        return NULL;
    }
    model->type = type;
    int code = setup(model, cls, args);
    if (code == 0) {
        code = cn__layer_init(&model->layer);
    }
    if (code < 0) {
        cn_free(model);
        return NULL;
    }
    return model;
}

cn_model *cn_model_new(const cn_layer_class *cls, const void *args)
{
    if (!cn__pending() && (!cls || !cls->call)) {
        cn__fail(CN_EVALUE, "cn_model_new: a model class needs a call function");
    }
    return cn__pending() ? NULL : cn__model_new(cls, args, CN__SUBCLASS);
}

int cn__model_set_input(cn_model *model, int i, cn_tensor *t)
{
    cn__ref(t);
    cn__unref(model->inputs[i]);
    model->inputs[i] = t;
    cn_layer *layer = cn__history(t) ? cn__history(t)->layer : NULL;
    layer = layer && cn__is_input_layer(layer) ? cn__ref(layer) : NULL;
    cn__unref(model->input_layers[i]);
    model->input_layers[i] = layer;
    return 0;
}

int cn__model_set_output(cn_model *model, int i, cn_tensor *t)
{
    char *name = cn__strdup(cn__history(t) ? cn__history(t)->layer->base.name : "output");
    if (!name) {
        return CN_ENOMEM;
    }
    cn__ref(t);
    cn__unref(model->outputs[i]);
    cn__free_mem(model->output_names[i]);
    model->outputs[i] = t;
    model->output_names[i] = name;
    return 0;
}

void cn__model_untrack_last(cn_model *model)
{
    cn__unref(model->layer.sublayers[--model->layer.n_sublayers]);
    cn__layer_changed(&model->layer);
}

/* tf.keras compares whole shapes; Keras 3 leaves that to the first layer. */
static int check_shape(const cn_model *model, const cn_tensor *t, int i)
{
    const cn_shape *want = &model->inputs[i]->shape;
    for (int a = 0; a < want->rank && a < t->shape.rank; a++) {
        if (want->dim[a] != -1 && t->shape.dim[a] != -1 && want->dim[a] != t->shape.dim[a]) {
            char expected[256], found[256];
            return cn__fail(CN_EVALUE,
                            "Input %d of layer \"%s\" is incompatible with the layer: expected "
                            "shape=%s, found shape=%s",
                            i, model->layer.base.name,
                            cn__shape_text(want, expected, sizeof expected),
                            cn__shape_text(&t->shape, found, sizeof found));
        }
    }
    return 0;
}

static int wrong_rank(const cn_model *model, const cn_tensor *t, int i)
{
    char expected[256], found[256];
    cn__shape_text(&model->inputs[i]->shape, expected, sizeof expected);
    cn__shape_text(&t->shape, found, sizeof found);
    if (cn__is_keras3(model->layer.base.keras)) {
        return cn__fail(
            CN_EVALUE,
            "Invalid input shape for input %d of model '%s'. Expected shape %s, but input has "
            "incompatible shape %s",
            i, model->layer.base.name, expected, found);
    }
    return cn__fail(CN_EVALUE,
                    "Input %d of layer \"%s\" is incompatible with the layer: expected shape=%s, "
                    "found shape=%s",
                    i, model->layer.base.name, expected, found);
}

static cn_tensor *conform_rank(const cn_model *model, cn_tensor *t, int i)
{
    const cn_shape *want = &model->inputs[i]->shape;
    int rank = t->shape.rank;
    if (rank == want->rank + 1 && t->shape.dim[rank - 1] == 1) {
        return cn_squeeze(t, -1);
    }
    if (rank == want->rank - 1 && want->dim[want->rank - 1] == 1) {
        return cn_expand_dims(t, -1);
    }
    if (rank != want->rank) {
        wrong_rank(model, t, i);
        return NULL;
    }
    return t;
}

int cn__model_conform(const cn_model *model, cn_tensor *const *inputs, int n, cn_tensor **out)
{
    if (n != model->n_inputs) {
        return cn__fail(CN_EVALUE,
                        "Layer \"%s\" expects %d input(s), but it received %d input tensors.",
                        model->layer.base.name, model->n_inputs, n);
    }
    bool whole = !cn__is_keras3(model->layer.base.keras) &&
                 (model->type == CN__FUNCTIONAL || model->input_given);
    for (int i = 0; i < n; i++) {
        cn_tensor *t = conform_rank(model, inputs[i], i);
        if (!t || (whole && check_shape(model, t, i) < 0)) {
            return cn_error_code();
        }
        cn_dtype dtype = model->inputs[i]->dtype;
        cn_tensor *mask = inputs[i]->mask;
        t = t->dtype == dtype ? t : cn_cast(t, dtype);
        if (!t) {
            return cn_error_code();
        }
        if (mask && t != inputs[i] && !t->mask) {
            t->mask = cn__ref(mask);
        }
        out[i] = t;
    }
    return 0;
}

const char *cn_model_name(const cn_model *model)
{
    return cn__expect(model, CN__MODEL, "cn_model_name") < 0 ? NULL : model->layer.base.name;
}

int cn__model_list(const cn_model *model, bool input, cn_layer **out, int max)
{
    int n = 0;
    if (input && model->type == CN__SEQUENTIAL && model->input_layers[0]) {
        if (n < max) {
            out[n] = model->input_layers[0];
        }
        n++;
    }
    for (int64_t i = 0; i < model->layer.n_sublayers; i++, n++) {
        if (n < max) {
            out[n] = model->layer.sublayers[i];
        }
    }
    return n;
}

/* The i-th of the layers that `model.layers` has, or NULL past the end: operations are none. */
static cn_layer *listed(const cn_model *model, int index)
{
    for (int64_t i = 0; i < model->layer.n_sublayers; i++) {
        cn_layer *layer = model->layer.sublayers[i];
        if (!cn__is_operation(layer) && index-- == 0) {
            return layer;
        }
    }
    return NULL;
}

static int count_listed(const cn_model *model)
{
    int n = 0;
    while (n < (int)model->layer.n_sublayers && listed(model, n)) {
        n++;
    }
    return n;
}

int cn_model_n_layers(const cn_model *model)
{
    return cn__check_model(model, "cn_model_n_layers") ? count_listed(model) : CN_EPENDING;
}

cn_layer *cn_model_layer(const cn_model *model, int index)
{
    if (!cn__check_model(model, "cn_model_layer")) {
        return NULL;
    }
    int n = count_listed(model);
    if (index >= n || index < -n) {
        cn__fail(CN_EINDEX, "Was asked to retrieve layer at index %d but model only has %d layers.",
                 index, n);
        return NULL;
    }
    return listed(model, index < 0 ? index + n : index);
}

char *cn__name_list(const cn_model *model)
{
    cn__text text = {0};
    cn__text_append(&text, "[", 1);
    int n = count_listed(model);
    for (int i = 0; i < n; i++) {
        cn__text_add(&text, "%s'%s'", i ? ", " : "", listed(model, i)->base.name);
    }
    cn__text_append(&text, "]", 1);
    return cn__text_take(&text);
}

cn_layer *cn_model_get_layer(const cn_model *model, const char *name)
{
    if (!cn__check_model(model, "cn_model_get_layer")) {
        return NULL;
    }
    if (!name) {
        cn__fail(CN_EVALUE, "Provide either a layer name or layer index at `get_layer`.");
        return NULL;
    }
    for (int64_t i = 0; i < model->layer.n_sublayers; i++) {
        cn_layer *layer = model->layer.sublayers[i];
        if (!cn__is_operation(layer) && strcmp(layer->base.name, name) == 0) {
            return layer;
        }
    }
    char *names = cn__name_list(model);
    if (names) {
        cn__fail(CN_EKEY, "No such layer: %s. Existing layers are: %s.", name, names);
    }
    cn__free_mem(names);
    return NULL;
}

cn_layer *cn_model_as_layer(const cn_model *model)
{
    cn_model *checked = cn__check_model(model, "cn_model_as_layer");
    return checked ? &checked->layer : NULL;
}

static cn_tensor *symbolic(const cn_model *model, cn_tensor *const *list, int n, int index,
                           const char *what)
{
    if (!model->graph) {
        cn__fail(CN_ESTATE, "%s model '%s' has no defined %s yet.", model->layer.base.class->name,
                 model->layer.base.name, what);
        return NULL;
    }
    if (index >= n || index < -n) {
        cn__fail(CN_EINDEX, "Model '%s' has %d %s, asked for number %d", model->layer.base.name, n,
                 what, index);
        return NULL;
    }
    return list[index < 0 ? index + n : index];
}

cn_tensor *cn_model_input(const cn_model *model, int index)
{
    return cn__check_model(model, "cn_model_input")
               ? symbolic(model, model->inputs, model->n_inputs, index, "inputs")
               : NULL;
}

cn_tensor *cn_model_output(const cn_model *model, int index)
{
    return cn__check_model(model, "cn_model_output")
               ? symbolic(model, model->outputs, model->n_outputs, index, "outputs")
               : NULL;
}

int cn_model_n_outputs(const cn_model *model)
{
    return cn__check_model(model, "cn_model_n_outputs") ? model->n_outputs : CN_EPENDING;
}

/* A model of one's own makes its sublayers' weights in a call; here on a placeholder, in a trace
 * that is thrown away. */
static int build_by_call(cn_model *model, const cn_shape *shape)
{
    cn__trace *trace = cn__trace_begin();
    if (!trace) {
        return CN_ENOMEM;
    }
    cn_scope scope = cn_scope_begin();
    int n_outputs = 1;
    cn_call_args args = {.size = sizeof args, .n_outputs = &n_outputs};
    cn_tensor *x = cn__placeholder(model->layer.compute_dtype, shape, NULL);
    cn_tensor *y = x ? cn_layer_call_with(model, 1, &x, &args) : NULL;
    cn__layer_clear_losses(&model->layer);
    cn_scope_end(scope);
    cn__trace_end(trace);
    cn__unref(trace);
    if (!y) {
        return cn_error_code();
    }
    model->n_outputs = n_outputs;
    return 0;
}

int cn_model_build(cn_model *model, const cn_shape *input_shape)
{
    if (!cn__check_model(model, "cn_model_build")) {
        return cn_error_code();
    }
    if (model->type == CN__FUNCTIONAL) {
        return 0;
    }
    if (!input_shape) {
        return model->graph ? 0
                            : cn__fail(CN_EVALUE, "You must provide an `input_shape` argument.");
    }
    return model->type == CN__SEQUENTIAL ? cn__sequential_build(model, input_shape)
                                         : build_by_call(model, input_shape);
}

bool cn_model_built(const cn_model *model)
{
    return cn__expect(model, CN__MODEL, "cn_model_built") == 0 && model->layer.built;
}

int64_t cn_model_count_params(const cn_model *model)
{
    return cn__check_model(model, "cn_model_count_params") ? cn_layer_count_params(&model->layer)
                                                           : CN_EPENDING;
}

/* tf.keras refuses to list the weights of a Sequential model that has none yet; Keras 3 gives what
 * there is. */
static bool weights_exist(const cn_model *model, const char *who)
{
    if (!cn__check_model(model, who)) {
        return false;
    }
    int keras = model->layer.base.keras;
    if (model->type != CN__SEQUENTIAL || model->layer.built || cn__is_keras3(keras)) {
        return true;
    }
    const char *name = model->layer.base.name;
    if (keras >= 212) {
        cn__fail(CN_ESTATE,
                 "Weights for model '%s' have not yet been created. Weights are created when the "
                 "model is "
                 "first called on inputs or `build()` is called with an `input_shape`.",
                 name);
    } else {
        cn__fail(
            CN_ESTATE,
            "Weights for model %s have not yet been created. Weights are created when the Model is "
            "first called on inputs or `build()` is called with an `input_shape`.",
            name);
    }
    return false;
}

int cn_model_weights(const cn_model *model, cn_tensor **out, int max)
{
    return weights_exist(model, "cn_model_weights") ? cn_layer_weights(&model->layer, out, max)
                                                    : cn_error_code();
}

int cn_model_trainable_weights(const cn_model *model, cn_tensor **out, int max)
{
    return weights_exist(model, "cn_model_trainable_weights")
               ? cn_layer_trainable_weights(&model->layer, out, max)
               : cn_error_code();
}

int cn_model_non_trainable_weights(const cn_model *model, cn_tensor **out, int max)
{
    return weights_exist(model, "cn_model_non_trainable_weights")
               ? cn_layer_non_trainable_weights(&model->layer, out, max)
               : cn_error_code();
}

int cn_model_set_weights(cn_model *model, int n, cn_tensor *const *values)
{
    return weights_exist(model, "cn_model_set_weights")
               ? cn_layer_set_weights(&model->layer, n, values)
               : cn_error_code();
}

int cn_model_set_trainable(cn_model *model, bool trainable)
{
    return cn__check_model(model, "cn_model_set_trainable")
               ? cn_layer_set_trainable(&model->layer, trainable)
               : cn_error_code();
}
