/* Building layers, checking their inputs in Keras's words, output shapes. */
#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "layers/layer.h"

#include <string.h>

int cn__layer_rule(cn_layer *layer, int axis, int64_t length)
{
    if (layer->n_rules == (int)(sizeof layer->rules / sizeof *layer->rules)) {
        return cn__fail(CN_EVALUE, "Layer \"%s\": too many rules about the input",
                        layer->base.name);
    }
    layer->rules[layer->n_rules++] = (cn__axis_rule){axis, length};
    return 0;
}

/* "Input 0 of layer "dense" is incompatible with the layer: …". */
static int incompatible(const cn_layer *layer, int index, const char *why)
{
    if (cn__is_keras3(layer->base.keras)) {
        return cn__fail(
            CN_EVALUE, "Input %d with name 'None' of layer '%s' is incompatible with the layer: %s",
            index, layer->base.name, why);
    }
    return cn__fail(CN_EVALUE, "Input %d of layer \"%s\" is incompatible with the layer: %s", index,
                    layer->base.name, why);
}

static int fail_incompatible(const cn_layer *layer, int index, char *why)
{
    int code = why ? incompatible(layer, index, why) : CN_ENOMEM;
    cn__free_mem(why);
    return code;
}

static int check_rank(const cn_layer *layer, int index, const cn_shape *shape)
{
    const cn_layer_class *class = cn__layer_class(layer);
    char text[256];
    cn__shape_text(shape, text, sizeof text);
    if (class->exact_rank && shape->rank != class->exact_rank) {
        return fail_incompatible(
            layer, index,
            cn__printf("expected ndim=%d, found ndim=%d. Full shape received: %s",
                       class->exact_rank, shape->rank, text));
    }
    if (shape->rank < class->min_rank) {
        return fail_incompatible(
            layer, index,
            cn__printf("expected min_ndim=%d, found ndim=%d. Full shape received: %s",
                       class->min_rank, shape->rank, text));
    }
    return 0;
}

static int check_rules(const cn_layer *layer, const cn_shape *shape)
{
    char text[256];
    for (int i = 0; i < layer->n_rules; i++) {
        const cn__axis_rule *rule = &layer->rules[i];
        int axis = rule->axis < 0 ? rule->axis + shape->rank : rule->axis;
        int64_t got = axis >= 0 && axis < shape->rank ? shape->dim[axis] : -2;
        if (got != rule->length && got != -1) {
            return fail_incompatible(
                layer, 0,
                cn__printf(
                    "expected axis %d of input shape to have value %lld, but received input with "
                    "shape %s",
                    rule->axis, (long long)rule->length, cn__shape_text(shape, text, sizeof text)));
        }
    }
    return 0;
}

int cn__layer_check_inputs(const cn_layer *layer, const cn_shape *inputs, int n)
{
    int wanted = cn__layer_class(layer)->n_inputs;
    wanted = wanted == 0 ? 1 : wanted;
    if (n < 1 || (wanted > 0 && n != wanted)) {
        return cn__fail(CN_EVALUE,
                        "Layer \"%s\" expects %d input(s), but it received %d input tensors.",
                        layer->base.name, wanted > 0 ? wanted : 1, n);
    }
    for (int i = 0; i < n; i++) {
        int code = check_rank(layer, i, &inputs[i]);
        if (code < 0) {
            return code;
        }
    }
    return check_rules(layer, &inputs[0]);
}

/* Takes back the weights that a failed build made, so that it can be tried again. */
static void undo_build(cn_layer *layer, int64_t n_weights)
{
    while (layer->n_weights > n_weights) {
        cn_tensor *weight = layer->weights[--layer->n_weights];
        weight->variable->owner = NULL;
        cn__unref(weight);
    }
    layer->n_rules = 0;
    cn__free_mem(layer->input_shapes);
    layer->input_shapes = NULL;
    layer->n_input_shapes = 0;
}

static int keep_shapes(cn_layer *layer, const cn_shape *inputs, int n)
{
    layer->input_shapes = cn__malloc((size_t)n * sizeof *inputs);
    if (!layer->input_shapes) {
        return CN_ENOMEM;
    }
    memcpy(layer->input_shapes, inputs, (size_t)n * sizeof *inputs);
    for (int i = 0; i < n; i++) {
        if (layer->input_shapes[i].rank) {
            layer->input_shapes[i].dim[0] = -1;
        }
    }
    layer->n_input_shapes = n;
    return 0;
}

/* `inputs` have the batch of the call, which errors name. */
static int run_build(cn_layer *layer, const cn_shape *inputs)
{
    const cn_layer_class *class = cn__layer_class(layer);
    if (!class->build) {
        return 0;
    }
    cn_scope scope = cn_scope_begin();
    int64_t before = layer->n_weights;
    cn__pin(layer, 1);
    int code = class->build(layer, inputs, layer->n_input_shapes);
    cn__pin(layer, -1);
    for (int64_t i = before; i < layer->n_weights; i++) {
        cn__pin(layer->weights[i], -1); /* each came pinned from cn_layer_add_weight */
    }
    cn_scope_end(scope);
    if (cn__pending()) {
        return cn_error_code();
    }
    if (code < 0) {
        return cn__fail(code, "Layer \"%s\": its build function failed with code %d",
                        layer->base.name, code);
    }
    return 0;
}

int cn_layer_build(cn_layer *layer, const cn_shape *inputs, int n_inputs)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, "cn_layer_build")) {
        return cn_error_code();
    }
    if (layer->built) {
        return 0;
    }
    if (layer->building) {
        return cn__fail(CN_ESTATE,
                        "Layer \"%s\" is being built already: its build function calls it",
                        layer->base.name);
    }
    int code = cn__layer_check_inputs(layer, inputs, n_inputs);
    if (code < 0) {
        return code;
    }
    int64_t before = layer->n_weights;
    layer->building = true;
    code = keep_shapes(layer, inputs, n_inputs);
    if (code == 0) {
        code = run_build(layer, inputs);
    }
    layer->building = false;
    if (code < 0) {
        undo_build(layer, before);
        return code;
    }
    layer->built = true;
    cn__layer_changed(layer);
    return 0;
}

/* The call on placeholders, in a trace that is thrown away: assignments in it change nothing. */
static int trace_shape(cn_layer *layer, const cn_shape *inputs, int n, cn_shape *output)
{
    cn_tensor *placeholders[32];
    if (n > 32) {
        return cn__fail(CN_EVALUE, "Layer \"%s\": more than 32 inputs", layer->base.name);
    }
    cn__trace *trace = cn__trace_begin();
    if (!trace) {
        return CN_ENOMEM;
    }
    cn_scope scope = cn_scope_begin();
    int64_t losses = layer->n_losses;
    for (int i = 0; i < n; i++) {
        placeholders[i] = cn__placeholder(layer->compute_dtype, &inputs[i], NULL);
    }
    cn_call_args args = {.size = sizeof args};
    cn_tensor *y = cn__pending() ? NULL : cn_layer_call_with(layer, n, placeholders, &args);
    int code = y ? 0 : cn_error_code();
    if (y) {
        *output = y->shape;
    }
    while (layer->n_losses > losses) {
        cn__unref(layer->losses[--layer->n_losses]);
    }
    cn_scope_end(scope);
    cn__trace_end(trace);
    cn__unref(trace);
    return code;
}

int cn_layer_compute_output_shape(cn_layer *layer, const cn_shape *inputs, int n_inputs,
                                  cn_shape *output)
{
    cn_shape outputs[CN__MAX_OUTPUTS];
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, "cn_layer_compute_output_shape")) {
        return cn_error_code();
    }
    const cn_layer_class *class = cn__layer_class(layer);
    if (!class->compute_output_shape) {
        return trace_shape(layer, inputs, n_inputs, output);
    }
    int code = cn__layer_check_inputs(layer, inputs, n_inputs);
    if (code == 0) {
        code = class->compute_output_shape(layer, inputs, n_inputs, outputs, CN__MAX_OUTPUTS);
    }
    if (code >= 0 && !cn__pending()) {
        *output = outputs[0];
        return 0;
    }
    return cn__pending() ? cn_error_code()
                         : cn__fail(code, "Layer \"%s\": its compute_output_shape function failed",
                                    layer->base.name);
}
