/* Functional models from JSON: layers are made, then called in the order in which their inputs
 * become known. */
#include "models/json_graph.h"
#include "core/error.h"
#include "core/memory.h"
#include "layers/op_layer.h"

#include <stdlib.h>
#include <string.h>

#if CN__HAVE_JANSSON
/* "name", node, tensor: where an input of a call comes from. */
typedef struct reference {
    const char *layer;
    int64_t node, tensor;
} reference;

/* What a node says: the inputs of one call of a layer. */
typedef struct node {
    reference in[32];
    int n;
    int fixed_training;
} node;

/* A layer of the file and the tensors of its calls so far. */
typedef struct item {
    cn_layer *layer;
    const char *name;
    const json_t *nodes;
    node *op;            /* of an op outside layers: its one call; owned */
    cn_tensor **tensors; /* CN__MAX_OUTPUTS a call */
    int64_t n_calls, capacity;
} item;

typedef struct reading {
    item *items; /* sorted by name once all are there */
    int64_t n;
    int64_t *order; /* of the file */
    int64_t n_nodes;
} reading;

static int malformed(const char *layer, const char *what)
{
    return cn__fail(CN_EFORMAT, "Layer '%s': inbound_nodes: %s", layer, what);
}

static bool is_reference(const json_t *list)
{
    return json_array_size(list) >= 3 && json_is_string(json_array_get(list, 0)) &&
           json_is_integer(json_array_get(list, 1)) && json_is_integer(json_array_get(list, 2));
}

static int add_reference(node *into, const json_t *list, const char *layer)
{
    if (!is_reference(list)) {
        return malformed(layer, "expected [layer, node, tensor]");
    }
    if (into->n == 32) {
        return malformed(layer, "more than 32 inputs");
    }
    into->in[into->n++] = (reference){json_string_value(json_array_get(list, 0)),
                                      json_integer_value(json_array_get(list, 1)),
                                      json_integer_value(json_array_get(list, 2))};
    return 0;
}

/* Arguments of the call besides its inputs: those that are null or say what is done anyway are
 * passed over. */
static int read_kwargs(node *into, const json_t *kwargs, const char *layer)
{
    const char *key;
    json_t *value, *object = (json_t *)(uintptr_t)kwargs;
    if (kwargs && !json_is_object(kwargs)) {
        return malformed(layer, "the arguments of a call should be an object");
    }
    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "training") == 0 && json_is_boolean(value)) {
            into->fixed_training = json_is_true(value) ? 1 : -1;
        } else if (!json_is_null(value) && strcmp(key, "mask") != 0 &&
                   strcmp(key, "training") != 0) {
            return cn__fail(CN_EUNSUPPORTED,
                            "Layer '%s' is called with an argument '%s', which Cornu does not read",
                            layer, key);
        }
    }
    return 0;
}

/* [["a", 0, 0, {…}], ["b", 0, 0]] or, of one tensor, ["a", 0, 0, {…}]. */
static int read_keras2_node(node *into, const json_t *list, const char *layer)
{
    if (is_reference(list)) {
        int code = add_reference(into, list, layer);
        return code == 0 ? read_kwargs(into, json_array_get(list, 3), layer) : code;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        int code = add_reference(into, entry, layer);
        if (code == 0) {
            code = read_kwargs(into, json_array_get(entry, 3), layer);
        }
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* A __keras_tensor__, or lists of them. */
static int read_argument(node *into, const json_t *value, const char *layer, int depth)
{
    if (json_is_array(value) && depth < 4) {
        int code = 0;
        for (size_t i = 0; code == 0 && i < json_array_size(value); i++) {
            code = read_argument(into, json_array_get(value, i), layer, depth + 1);
        }
        return code;
    }
    const char *class_name = json_string_value(json_object_get(value, "class_name"));
    if (class_name && strcmp(class_name, "__keras_tensor__") == 0) {
        const json_t *config = json_object_get(value, "config");
        return add_reference(into, json_object_get(config, "keras_history"), layer);
    }
    return cn__fail(
        CN_EUNSUPPORTED,
        "Layer '%s' is called with an argument that is not a tensor, which Cornu does not read",
        layer);
}

static int read_node(node *into, const json_t *value, const char *layer)
{
    *into = (node){0};
    int code;
    if (json_is_object(value)) {
        const json_t *args = json_object_get(value, "args");
        code = json_is_array(args) ? read_argument(into, args, layer, 0)
                                   : malformed(layer, "a node needs a list \"args\"");
        if (code == 0) {
            code = read_kwargs(into, json_object_get(value, "kwargs"), layer);
        }
    } else if (json_is_array(value)) {
        code = read_keras2_node(into, value, layer);
    } else {
        code = malformed(layer, "a node should be a list or an object");
    }
    return code == 0 && !into->n ? malformed(layer, "a node without inputs") : code;
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(((const item *)a)->name, ((const item *)b)->name);
}

static item *find_item(const reading *r, const char *name)
{
    item key = {.name = name};
    return bsearch(&key, r->items, (size_t)r->n, sizeof key, compare_items);
}

static int add_op_input(void *user, const json_t *list)
{
    return add_reference(user, list, "an op");
}

static cn_layer *op_from_entry(item *it, const json_t *entry)
{
    it->op = cn__calloc(1, sizeof *it->op);
    cn_layer *layer = it->op ? cn__op_layer_from_json(entry, add_op_input, it->op) : NULL;
    if (layer && !it->op->n) {
        malformed(layer->base.name, "a node without inputs");
        return NULL;
    }
    return layer;
}

static int read_item(item *it, const json_t *entry, int depth)
{
    it->layer =
        cn__is_op_entry(entry) ? op_from_entry(it, entry) : cn__layer_from_entry(entry, depth);
    if (!it->layer) {
        return cn_error_code();
    }
    const json_t *name = json_object_get(entry, "name");
    it->name = json_is_string(name) ? json_string_value(name) : it->layer->base.name;
    it->nodes = json_object_get(entry, "inbound_nodes");
    if (it->nodes && !json_is_array(it->nodes)) {
        return malformed(it->name, "expected a list");
    }
    return 0;
}

/* Sorted for looking names up, with the order of the file beside it. */
static int sort_items(reading *r)
{
    item *sorted = cn__malloc((size_t)r->n * sizeof *sorted);
    if (!sorted) {
        return CN_ENOMEM;
    }
    memcpy(sorted, r->items, (size_t)r->n * sizeof *sorted);
    qsort(sorted, (size_t)r->n, sizeof *sorted, compare_items);
    int code = 0;
    for (int64_t i = 1; code == 0 && i < r->n; i++) {
        if (strcmp(sorted[i].name, sorted[i - 1].name) == 0) {
            code = cn__fail(CN_EVALUE,
                            "The name \"%s\" is used 2 times in the model. All layer names "
                            "should be unique.",
                            sorted[i].name);
        }
    }
    for (int64_t i = 0; code == 0 && i < r->n; i++) {
        const item *at = bsearch(&r->items[i], sorted, (size_t)r->n, sizeof *sorted, compare_items);
        r->order[i] = at - sorted;
    }
    memcpy(r->items, sorted, (size_t)r->n * sizeof *sorted);
    cn__free_mem(sorted);
    return code;
}

static int read_items(reading *r, const json_t *layers, int depth)
{
    r->n = (int64_t)json_array_size(layers);
    r->items = cn__calloc((size_t)r->n + 1, sizeof *r->items);
    r->order = cn__calloc((size_t)r->n + 1, sizeof *r->order);
    if (!r->items || !r->order) {
        return CN_ENOMEM;
    }
    for (int64_t i = 0; i < r->n; i++) {
        int code = read_item(&r->items[i], json_array_get(layers, (size_t)i), depth);
        if (code < 0) {
            return code;
        }
        r->n_nodes += (int64_t)json_array_size(r->items[i].nodes);
    }
    if (r->n_nodes > CN__MAX_JSON_NODES) {
        return cn__fail(CN_EFORMAT, "A model of %lld nodes is larger than the %d that are read",
                        (long long)r->n_nodes, CN__MAX_JSON_NODES);
    }
    return sort_items(r);
}

static int keep_tensors(item *it, cn_tensor *const *tensors)
{
    if (cn__grow((void **)&it->tensors, &it->capacity, (it->n_calls + 1) * CN__MAX_OUTPUTS,
                 sizeof *it->tensors) < 0) {
        return CN_ENOMEM;
    }
    memcpy(it->tensors + it->n_calls * CN__MAX_OUTPUTS, tensors, CN__MAX_OUTPUTS * sizeof *tensors);
    it->n_calls++;
    return 0;
}

/* The tensor of a reference; NULL without an error if its call has not been made yet. */
static cn_tensor *resolve(const reading *r, const reference *ref, const char *user)
{
    const item *it = find_item(r, ref->layer);
    if (!it) {
        cn__fail(CN_EFORMAT, "Layer '%s' has an input from layer '%s', which is not in the model",
                 user, ref->layer);
        return NULL;
    }
    /* Keras 2 counts the nodes of a nested model from those that it has inside. */
    int64_t skipped = cn__skipped_nodes(it->layer);
    int64_t index = ref->node >= skipped ? ref->node - skipped : ref->node;
    int64_t most =
        it->nodes && json_array_size(it->nodes) ? (int64_t)json_array_size(it->nodes) : 1;
    if (cn__is_input_layer(it->layer)) {
        index = 0;
    }
    if (index < 0 || index >= most || ref->tensor < 0 || ref->tensor >= CN__MAX_OUTPUTS) {
        cn__fail(CN_EFORMAT, "Layer '%s' has an input that does not exist: ['%s', %lld, %lld]",
                 user, ref->layer, (long long)ref->node, (long long)ref->tensor);
        return NULL;
    }
    if (index >= it->n_calls) {
        return NULL;
    }
    cn_tensor *t = it->tensors[index * CN__MAX_OUTPUTS + ref->tensor];
    if (!t) {
        cn__fail(CN_EFORMAT, "Layer '%s' has an input that does not exist: ['%s', %lld, %lld]",
                 user, ref->layer, (long long)ref->node, (long long)ref->tensor);
    }
    return t;
}

static int call_item(item *it, const node *n, cn_tensor *const *inputs)
{
    cn_tensor *outputs[CN__MAX_OUTPUTS] = {0};
    int n_outputs = 1;
    if (it->op) {
        int code = cn__op_layer_call(it->layer, n->n, inputs, outputs);
        return code < 0 ? code : keep_tensors(it, outputs);
    }
    cn_call_args args = {.size = sizeof args,
                         .training = n->fixed_training > 0,
                         .outputs = outputs + 1,
                         .max_outputs = CN__MAX_OUTPUTS - 1,
                         .n_outputs = &n_outputs};
    outputs[0] = cn_layer_call_with(it->layer, n->n, inputs, &args);
    if (!outputs[0]) {
        return cn_error_code();
    }
    if (cn__history(outputs[0])) {
        cn__history(outputs[0])->fixed_training = n->fixed_training;
    }
    return keep_tensors(it, outputs);
}

/* Makes as many calls of a layer as have their inputs; 1 if any, 0 if none. */
static int advance(reading *r, item *it)
{
    int progress = 0;
    if (cn__is_input_layer(it->layer)) {
        if (it->n_calls) {
            return 0;
        }
        cn_tensor *t[CN__MAX_OUTPUTS] = {cn__input_tensor(it->layer)};
        int code = t[0] ? keep_tensors(it, t) : cn_error_code();
        return code < 0 ? code : 1;
    }
    while (it->n_calls < (int64_t)json_array_size(it->nodes)) {
        node n;
        cn_tensor *inputs[32];
        int code = 0;
        if (it->op) {
            n = *it->op;
        } else {
            code = read_node(&n, json_array_get(it->nodes, (size_t)it->n_calls), it->name);
        }
        for (int i = 0; code == 0 && i < n.n; i++) {
            inputs[i] = resolve(r, &n.in[i], it->name);
            if (!inputs[i]) {
                return cn__pending() ? cn_error_code() : progress;
            }
        }
        code = code == 0 ? call_item(it, &n, inputs) : code;
        if (code < 0) {
            return code;
        }
        progress = 1;
    }
    return progress;
}

static bool is_done(const item *it)
{
    return cn__is_input_layer(it->layer) ? it->n_calls > 0
                                         : it->n_calls == (int64_t)json_array_size(it->nodes);
}

static int call_all(reading *r)
{
    for (int progress = 1; progress;) {
        const item *waiting = NULL;
        progress = 0;
        for (int64_t i = 0; i < r->n; i++) {
            item *it = &r->items[r->order[i]];
            int code = is_done(it) ? 0 : advance(r, it);
            if (code < 0) {
                return code;
            }
            progress = progress || code > 0;
            waiting = is_done(it) ? waiting : it;
        }
        if (!waiting) {
            return 0;
        }
        if (!progress) {
            return cn__fail(
                CN_EFORMAT,
                "Layer '%s' waits for an input that is never made: the model's inbound_nodes are "
                "a cycle",
                waiting->name);
        }
    }
    return 0;
}

/* [["a", 0, 0], …], ["a", 0, 0], or an object or nested lists of these. */
static int read_ends(const reading *r, const json_t *value, const char *key, cn_tensor **out,
                     int *n, int depth)
{
    if (is_reference(value)) {
        node one = {0};
        int code = add_reference(&one, value, key);
        cn_tensor *t = code == 0 ? resolve(r, &one.in[0], key) : NULL;
        if (!t) {
            return cn__pending()
                       ? cn_error_code()
                       : cn__fail(CN_EFORMAT, "%s: layer '%s' is not called", key, one.in[0].layer);
        }
        if (*n == 32) {
            return cn__fail(CN_EFORMAT, "%s: more than 32", key);
        }
        out[(*n)++] = t;
        return 0;
    }
    const char *name;
    json_t *item_value, *object = (json_t *)(uintptr_t)value;
    int code = 0;
    if (depth > 4 || (!json_is_array(value) && !json_is_object(value))) {
        return cn__fail(CN_EFORMAT,
                        "A functional model's config needs lists [layer, node, tensor] at \"%s\"",
                        key);
    }
    for (size_t i = 0; code == 0 && i < json_array_size(value); i++) {
        code = read_ends(r, json_array_get(value, i), key, out, n, depth + 1);
    }
    json_object_foreach(object, name, item_value)
    {
        code = code == 0 ? read_ends(r, item_value, key, out, n, depth + 1) : code;
    }
    return code;
}

static cn_model *make_model(const reading *r, const json_t *config)
{
    cn_functional_args args = {.size = sizeof args, .trainable = true};
    const json_t *name = json_object_get(config, "name"),
                 *inputs = json_object_get(config, "input_layers");
    int n_inputs = 0, n_outputs = 0;
    if (name && !json_is_string(name) && !json_is_null(name)) {
        cn__fail(CN_EFORMAT, "A model's name should be a string");
        return NULL;
    }
    args.name = json_string_value(name);
    cn_tensor *ins[33] = {0}, *outs[33] = {0};
    int code = read_ends(r, inputs, "input_layers", ins, &n_inputs, 0);
    if (code == 0) {
        code = read_ends(r, json_object_get(config, "output_layers"), "output_layers", outs,
                         &n_outputs, 0);
    }
    if (code < 0) {
        return NULL;
    }
    memcpy(args.inputs.v, ins, sizeof args.inputs.v);
    memcpy(args.outputs.v, outs, sizeof args.outputs.v);
    cn_model *model = cn_functional_with(&args);
    if (model) {
        model->io_lists = is_reference(inputs) ? -1 : n_inputs == 1 ? 1 : 0;
        model->layer.trainable = !json_is_false(json_object_get(config, "trainable"));
    }
    return model;
}

static cn_model *build(reading *r, const json_t *config, const json_t *layers, int depth)
{
    int code = read_items(r, layers, depth);
    if (code == 0) {
        code = call_all(r);
    }
    cn_model *model = code == 0 ? make_model(r, config) : NULL;
    for (size_t i = 0; model && i < json_array_size(layers); i++) {
        cn__note_short_configs(model, json_array_get(layers, i));
    }
    return model;
}

cn_model *cn__functional_from_json(const json_t *config, int depth)
{
    const json_t *layers = json_object_get(config, "layers");
    if (!json_is_array(layers)) {
        cn__fail(CN_EFORMAT, "A functional model's config needs a list of layers");
        return NULL;
    }
    if (json_array_size(layers) > CN__MAX_JSON_LAYERS) {
        cn__fail(CN_EFORMAT, "A model of %zu layers is larger than the %d that are read",
                 json_array_size(layers), CN__MAX_JSON_LAYERS);
        return NULL;
    }
    reading r = {0};
    cn_model *model = build(&r, config, layers, depth);
    for (int64_t i = 0; r.items && i < r.n; i++) {
        cn__free_mem(r.items[i].tensors);
        cn__free_mem(r.items[i].op);
    }
    cn__free_mem(r.items);
    cn__free_mem(r.order);
    return model;
}
#else
typedef int cn__no_json;
#endif
