/* Ops of functional models in files: reading an entry of "layers", and what is kept of it. */
#include "core/error.h"
#include "core/memory.h"
#include "layers/op_reading.h"

#if CN__HAVE_JANSSON
#include <string.h>

bool cn__is_op_entry(const json_t *entry)
{
    const char *class_name = json_string_value(json_object_get(entry, "class_name"));
    const char *module = json_string_value(json_object_get(entry, "module"));
    if (!class_name) {
        return false;
    }
    return strcmp(class_name, "TFOpLambda") == 0 || strcmp(class_name, "SlicingOpLambda") == 0 ||
           (module && (strncmp(module, "keras.src.ops.", 14) == 0 ||
                       strcmp(module, "keras.src.activations.activations") == 0));
}

/* What the tensors of a node are replaced by, and who gets them. */
typedef struct taking {
    int n;
    int (*add)(void *user, const json_t *reference);
    void *user;
} taking;

static json_t *place(taking *t, const json_t *reference)
{
    return t->add(t->user, reference) < 0 ? NULL : json_pack("{s:i}", "#", t->n++);
}

static bool is_reference(const json_t *value, size_t size)
{
    return json_array_size(value) == size && json_is_string(json_array_get(value, 0)) &&
           json_is_integer(json_array_get(value, 1)) && json_is_integer(json_array_get(value, 2));
}

/* A copy with {"#": n} in place of tensors. */
static json_t *normalized(taking *t, const json_t *value, int depth)
{
    const char *class_name = json_string_value(json_object_get(value, "class_name")), *key;
    json_t *item, *object = (json_t *)(uintptr_t)value, *copy = NULL;
    if (depth > 8 || json_object_get(value, "#")) {
        cn__fail(CN_EFORMAT, "A call of an op is not as Keras writes it");
        return NULL;
    }
    if (class_name && strcmp(class_name, "__keras_tensor__") == 0) {
        return place(t, json_object_get(json_object_get(value, "config"), "keras_history"));
    }
    if (is_reference(value, 3)) {
        return place(t, value);
    }
    if (json_is_array(value)) {
        copy = json_array();
        for (size_t i = 0; copy && i < json_array_size(value); i++) {
            json_t *part = normalized(t, json_array_get(value, i), depth + 1);
            if (!part || json_array_append_new(copy, part) < 0) {
                json_decref(copy);
                return NULL;
            }
        }
        return copy;
    }
    if (!json_is_object(value)) {
        return json_incref(object);
    }
    copy = json_object();
    json_object_foreach(object, key, item)
    {
        json_t *part = copy ? normalized(t, item, depth + 1) : NULL;
        if (!part || json_object_set_new(copy, key, part) < 0) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

/* [name, node, tensor, {…}] or ["_CONSTANT_VALUE", -1, value, {…}]: its first three. */
static json_t *first_argument(taking *t, const json_t *entry)
{
    const char *name = json_string_value(json_array_get(entry, 0));
    if (!name || json_array_size(entry) < 3) {
        cn__fail(CN_EFORMAT, "A call of an op is not as Keras writes it");
        return NULL;
    }
    if (strcmp(name, "_CONSTANT_VALUE") == 0) {
        return json_incref(json_array_get(entry, 2));
    }
    json_t *reference = json_pack("[O, O, O]", json_array_get(entry, 0), json_array_get(entry, 1),
                                  json_array_get(entry, 2));
    json_t *placed = reference ? place(t, reference) : NULL;
    json_decref(reference);
    return placed;
}

/* The node of tf.keras in the form of Keras 3. */
static json_t *keras2_node(taking *t, const json_t *node, bool *listed)
{
    *listed = json_is_array(json_array_get(node, 0));
    const json_t *one = *listed ? json_array_get(node, 0) : node;
    json_t *argument = *listed ? json_array() : first_argument(t, node);
    for (size_t i = 0; argument && *listed && i < json_array_size(node); i++) {
        json_t *part = first_argument(t, json_array_get(node, i));
        if (!part || json_array_append_new(argument, part) < 0) {
            json_decref(argument);
            argument = NULL;
        }
    }
    const json_t *given = json_array_get(one, 3);
    json_t *kwargs = !argument ? NULL : given ? normalized(t, given, 0) : json_object();
    if (!kwargs) {
        json_decref(argument);
        return NULL;
    }
    return json_pack("{s:[o], s:o}", "args", argument, "kwargs", kwargs);
}

static int unknown(const char *class_name, const char *function, const char *name)
{
    if (function) {
        return cn__fail(CN_EKEY, "Layer '%s' (%s): Cornu has no function '%s' of tf.keras", name,
                        class_name, function);
    }
    return cn__fail(CN_EKEY, "Layer '%s': Cornu has no operation '%s' of Keras", name, class_name);
}

static cn_layer *create(const cn_layer_class *class, cn__op_layer_args *args, const json_t *node,
                        const json_t *config)
{
    json_t *extras = json_copy((json_t *)(uintptr_t)config);
    json_object_del(extras, "name");
    char *node_text = cn__json_dumps(node);
    char *extras_text = node_text && !args->function ? cn__json_dumps(extras) : NULL;
    args->node = node_text;
    args->extras = extras_text;
    cn_layer *layer = node_text ? cn__create(CN__LAYER, &class->base, args) : NULL;
    cn__free_mem(node_text);
    cn__free_mem(extras_text);
    json_decref(extras);
    return layer;
}

cn_layer *cn__op_layer_from_json(const json_t *entry,
                                 int (*add)(void *user, const json_t *reference), void *user)
{
    const char *class_name = json_string_value(json_object_get(entry, "class_name"));
    const json_t *config = json_object_get(entry, "config");
    const json_t *nodes = json_object_get(entry, "inbound_nodes");
    const char *name = json_string_value(json_object_get(config, "name"));
    const char *function = json_string_value(json_object_get(config, "function"));
    bool two = strstr(class_name, "OpLambda") != NULL;
    if (!name || (two && !function) || json_array_size(nodes) != 1) {
        cn__fail(CN_EFORMAT, "Layer '%s' (%s) needs a name, one call and, in tf.keras, a function",
                 name ? name : "?", class_name);
        return NULL;
    }
    const cn__op_word *word =
        two ? cn__op_word_of_function(function) : cn__op_word_of_class(class_name);
    if (!word) {
        unknown(class_name, two ? function : NULL, name);
        return NULL;
    }
    taking t = {.add = add, .user = user};
    cn__op_layer_args args = cn__op_layer_defaults;
    args.name = name;
    args.function = two ? function : NULL;
    json_t *node = two ? keras2_node(&t, json_array_get(nodes, 0), &args.listed)
                       : normalized(&t, json_array_get(nodes, 0), 0);
    if (!node) {
        if (!cn__pending()) {
            cn__no_memory();
        }
        return NULL;
    }
    const cn_layer_class *class = !two ? &word->class
                                  : strcmp(class_name, "SlicingOpLambda") == 0
                                      ? &cn__layer_slicing_op_lambda
                                      : &cn__layer_tf_op_lambda;
    cn_layer *layer = create(class, &args, node, config);
    json_decref(node);
    return layer;
}

int cn__op_layer_init(cn_layer *self)
{
    const cn__op_layer_args *args = self->base.args;
    cn__op_state *state = self->state;
    if (args->node) {
        state->node = cn__json_loads(args->node, strlen(args->node), self->base.name);
    }
    if (args->extras && !cn__pending()) {
        state->extras = cn__json_loads(args->extras, strlen(args->extras), self->base.name);
    }
    return cn__pending() ? cn_error_code() : 0;
}

void cn__op_layer_destroy(void *state)
{
    cn__op_state *s = state;
    json_decref(s->node);
    json_decref(s->extras);
}

/* An argument that nobody asked for must say nothing. */
static int check_unused(const cn__op_reading *r)
{
    const char *key;
    json_t *value, *kwargs = (json_t *)(uintptr_t)r->kwargs;
    json_object_foreach(kwargs, key, value)
    {
        bool used = strcmp(key, "name") == 0 || json_is_null(value) || json_is_false(value);
        for (int i = 0; i < r->n_used && !used; i++) {
            used = strcmp(key, r->used[i]) == 0;
        }
        if (!used) {
            return cn__fail(CN_EUNSUPPORTED,
                            "Layer '%s' (%s) is called with an argument '%s', which Cornu does not "
                            "read",
                            r->layer->base.name, r->layer->base.class->name, key);
        }
    }
    return 0;
}

static cn_tensor *read_plain(cn__op_reading *r, const cn__op_word *word)
{
    cn_tensor *a = cn__op_tensor(r, json_array_get(r->args, 0));
    if (word->reader.unary) {
        return a ? word->reader.unary(a) : NULL;
    }
    const char *key = word->inputs[0] ? word->inputs[0] : "y";
    cn_tensor *b = a ? cn__op_tensor(r, cn__op_arg(r, 1, key, "x2")) : NULL;
    return b ? word->reader.binary(a, b) : NULL;
}

int cn__op_layer_evaluate(const cn_layer *layer, int n_in, cn_tensor *const *in, cn_tensor **out)
{
    const cn__op_layer_args *args = layer->base.args;
    const cn__op_state *state = layer->state;
    bool three = cn__is_keras3(layer->base.keras) && !args->function;
    const cn__op_word *word = args->function ? cn__op_word_of_function(args->function)
                                             : cn__op_word_of_class(layer->base.class->name);
    cn__op_reading r = {.layer = layer,
                        .args = json_object_get(state->node, "args"),
                        .kwargs = json_object_get(state->node, "kwargs"),
                        .extras = state->extras,
                        .three = three,
                        .n_in = n_in,
                        .in = in,
                        .out = out,
                        .n_out = 1};
    if (!word) {
        return unknown(layer->base.class->name, args->function, layer->base.name);
    }
    cn_tensor *y = word->reader.read ? word->reader.read(&r) : read_plain(&r, word);
    if (y && check_unused(&r) < 0) {
        return cn_error_code();
    }
    if (!y) {
        return cn__pending() ? cn_error_code()
                             : cn__op_refuse(&r, "its call has fewer tensors than it needs");
    }
    out[0] = y;
    return r.n_out;
}
#else
int cn__op_layer_init(cn_layer *self)
{
    (void)self;
    return 0;
}

void cn__op_layer_destroy(void *state)
{
    (void)state;
}

int cn__op_layer_evaluate(const cn_layer *layer, int n_in, cn_tensor *const *in, cn_tensor **out)
{
    (void)n_in;
    (void)in;
    (void)out;
    return cn__fail(CN_EUNSUPPORTED, "Layer '%s': this build has no jansson", layer->base.name);
}
#endif
