/* Copies of models: the same layers with weights of their own (keras.models.clone_model). */
#include "core/error.h"
#include "core/memory.h"
#include "layers/op_layer.h"
#include "models/plan.h"
#include "ops/op.h"

#include <string.h>

/* Layers of the original and their copies, in order. */
typedef struct pairs {
    cn_layer **from, **to;
    int64_t n;
} pairs;

static cn_model *clone(const cn_model *model);
static cn_layer *clone_layer(const cn_layer *layer);

/* An instance with the same arguments under the same name. */
static cn_layer *copy_named(const cn_layer *layer)
{
    cn_layer_args *args = layer->base.args;
    const char *own = args->name;
    args->name = layer->base.name;
    cn_layer *copy = cn__copy_instance(layer);
    args->name = own;
    return copy;
}

/* Layers in fields of the arguments are cloned too: each stands in for the original's while the
 * copy is made. */
static cn_layer *copy_with_sublayers(const cn_layer *layer, const cn_field *field)
{
    while (field && field->type && field->type != CN_FIELD_LAYER) {
        field++;
    }
    if (!field || !field->type) {
        return copy_named(layer);
    }
    cn_layer **at = (cn_layer **)(void *)((char *)layer->base.args + field->offset), *own = *at;
    cn_layer *inner = own ? clone_layer(own) : NULL;
    if (own && !inner) {
        return NULL;
    }
    *at = inner;
    cn_layer *copy = copy_with_sublayers(layer, field + 1);
    *at = own;
    return copy;
}

/* The copy has the name of the original, as in Keras: files and errors speak of both alike. */
static cn_layer *clone_layer(const cn_layer *layer)
{
    if (layer->base.object.kind == CN__MODEL && ((const cn_model *)layer)->type != CN__SUBCLASS) {
        cn_model *copy = clone((const cn_model *)layer);
        return copy ? &copy->layer : NULL;
    }
    if (layer->base.object.kind == CN__MODEL) {
        cn__fail(CN_EUNSUPPORTED,
                 "Expected `model` argument to be a functional `Model` instance, but got a "
                 "subclassed model "
                 "instead: %s",
                 layer->base.name);
        return NULL;
    }
    cn_layer *copy = copy_with_sublayers(layer, layer->base.class->fields);
    if (copy) {
        copy->base.name_given = layer->base.name_given;
        copy->trainable = layer->trainable;
    }
    return copy;
}

static cn_layer *copy_of(const pairs *p, const cn_layer *layer)
{
    for (int64_t i = 0; i < p->n; i++) {
        if (p->from[i] == layer) {
            return p->to[i];
        }
    }
    return NULL;
}

static cn_model *clone_sequential(const cn_model *model)
{
    cn_model *copy = cn__sequential_new(model->layer.base.name, model->layer.trainable);
    int code = copy ? 0 : cn_error_code();
    if (code == 0 && model->input_layers[0] && model->graph) {
        cn_layer *input = clone_layer(model->input_layers[0]);
        code = input ? cn__sequential_add(copy, input, false) : cn_error_code();
        copy->input_declared = model->input_declared;
    }
    for (int64_t i = 0; code == 0 && i < model->layer.n_sublayers; i++) {
        cn_layer *layer = clone_layer(model->layer.sublayers[i]);
        code = layer ? cn__sequential_add(copy, layer, false) : cn_error_code();
    }
    if (code == 0) {
        code = cn__sequential_graph(copy);
        copy->input_given = model->input_given;
    }
    return code == 0 ? copy : NULL;
}

static int clone_step(const struct cn__model_plan *plan, const cn__step *s, const pairs *p,
                      cn_tensor **values)
{
    cn_tensor *in[CN__MAX_INPUTS + 8], *more[CN__MAX_OUTPUTS] = {0}, **out = values + s->first_out;
    for (int i = 0; i < s->n_in + s->n_states; i++) {
        int64_t slot = plan->in[s->first_in + i];
        in[i] = slot < 0 ? plan->constants[-1 - slot] : values[slot];
    }
    if (s->node) {
        out[0] =
            cn__apply(s->node->op, &s->node->attrs, s->n_in, in, s->n_out > 1 ? out + 1 : NULL);
        return out[0] ? 0 : cn_error_code();
    }
    cn_layer *layer = copy_of(p, s->call->layer);
    if (layer && cn__is_op_layer(layer)) {
        int n = cn__op_layer_call(layer, s->n_in, in, out);
        return n < 0 ? n : 0;
    }
    cn_call_args args = s->call->args;
    args.size = sizeof args;
    args.outputs = more;
    args.max_outputs = CN__MAX_OUTPUTS;
    for (int i = 0; i < s->n_states; i++) {
        args.initial_states[i] = in[s->n_in + i];
    }
    out[0] = layer ? cn_layer_call_with(layer, s->n_in, in, &args) : NULL;
    for (int i = 1; i < s->n_out; i++) {
        out[i] = more[i - 1];
    }
    if (out[0] && cn__history(out[0])) {
        cn__history(out[0])->fixed_training = s->call->fixed_training;
    }
    return out[0] ? 0 : cn_error_code();
}

static int clone_graph(const cn_model *model, const pairs *p, cn_functional_args *args)
{
    const struct cn__model_plan *plan = model->plan;
    cn_tensor **values = cn__calloc((size_t)plan->n_slots + 1, sizeof *values);
    int code = values ? 0 : CN_ENOMEM;
    for (int i = 0; code == 0 && i < model->n_inputs; i++) {
        cn_layer *input = copy_of(p, model->input_layers[i]);
        values[i] = input ? cn__input_tensor(input) : NULL;
        args->inputs.v[i] = values[i];
        code = values[i] ? 0 : cn_error_code();
    }
    for (int64_t i = 0; code == 0 && i < plan->n_steps; i++) {
        code = clone_step(plan, &plan->steps[i], p, values);
    }
    for (int i = 0; code == 0 && i < model->n_outputs; i++) {
        args->outputs.v[i] = values[plan->output_slots[i]];
    }
    cn__free_mem(values);
    return code;
}

static cn_model *clone_functional(const cn_model *model)
{
    pairs p = {.from = model->layer.sublayers, .n = model->layer.n_sublayers};
    cn_functional_args args = {.size = sizeof args, .trainable = model->layer.trainable};
    args.name = model->layer.base.name;
    p.to = cn__calloc((size_t)p.n + 1, sizeof *p.to);
    int code = p.to ? 0 : CN_ENOMEM;
    for (int64_t i = 0; code == 0 && i < p.n; i++) {
        p.to[i] = clone_layer(p.from[i]);
        code = p.to[i] ? 0 : cn_error_code();
    }
    if (code == 0) {
        code = clone_graph(model, &p, &args);
    }
    cn__free_mem(p.to);
    return code == 0 ? cn_functional_with(&args) : NULL;
}

static cn_model *clone(const cn_model *model)
{
    cn_scope scope = cn_scope_begin();
    int keras = cn__set_keras_version(model->layer.base.keras);
    cn_model *copy =
        model->type == CN__SEQUENTIAL ? clone_sequential(model) : clone_functional(model);
    cn__set_keras_version(keras);
    if (copy) {
        copy->layer.base.name_given = model->layer.base.name_given;
        cn_keep_object(copy);
    }
    cn_scope_end(scope);
    return copy;
}

cn_model *cn_model_clone(const cn_model *model)
{
    if (!cn__check_model(model, "cn_model_clone")) {
        return NULL;
    }
    if (model->type == CN__SUBCLASS) {
        cn__fail(CN_EUNSUPPORTED,
                 "Expected `model` argument to be a functional `Model` instance, but got a "
                 "subclassed model "
                 "instead: %s",
                 model->layer.base.name);
        return NULL;
    }
    return clone(model);
}
