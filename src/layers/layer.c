/* Layers as objects: construction, weights, sublayers, flags; see call.c for building and calling.
 */
#include "layers/layer.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "graph/trace.h"

#include <cornu/initializers.h>

#include <string.h>

const cn_add_weight_args cn_add_weight_defaults = {.size = sizeof(cn_add_weight_args),
                                                   CN_ADD_WEIGHT_DEFAULTS};

static atomic_uint_least64_t changes = 1;

uint64_t cn__layers_version(void)
{
    return changes;
}

void cn__layer_changed(cn_layer *layer)
{
    layer->version++;
    changes++;
}

cn_layer *cn__as_layer(const void *object, const char *who)
{
    int kind = object ? cn__identifier_kind(object) : 0;
    if (kind == CN__LAYER || kind == CN__MODEL) {
        return (cn_layer *)(uintptr_t)object;
    }
    cn__expect(object, CN__LAYER, who);
    return NULL;
}

/* "mixed_float16" computes in float16 on float32 variables; a plain dtype is both. */
static int read_policy(cn_layer *layer)
{
    const char *policy = ((const cn_layer_args *)layer->base.args)->dtype;
    layer->dtype = layer->compute_dtype = CN_FLOAT32;
    if (!policy) {
        return 0;
    }
    bool mixed = strncmp(policy, "mixed_", 6) == 0;
    cn_dtype dtype = cn_dtype_from_name(mixed ? policy + 6 : policy);
    if (!dtype) {
        return cn_error_code();
    }
    layer->compute_dtype = dtype;
    layer->dtype = mixed ? CN_FLOAT32 : dtype;
    return 0;
}

static int track_fields(cn_layer *layer)
{
    for (const cn_field *f = layer->base.class->fields; f && f->type; f++) {
        cn_layer *sublayer = NULL;
        if (f->type == CN_FIELD_LAYER) {
            sublayer = *(cn_layer *const *)((const char *)layer->base.args + f->offset);
        }
        int code = sublayer ? cn_layer_track(layer, sublayer) : 0;
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* A user's function may say no without an error text. */
static int user_code(int code, const cn_layer *layer, const char *function)
{
    if (code < 0 && !cn__pending()) {
        return cn__fail(code, "Layer \"%s\": its %s function failed with code %d", layer->base.name,
                        function, code);
    }
    return cn__pending() ? cn_error_code() : 0;
}

int cn__layer_init(cn_layer *layer)
{
    const cn_layer_class *class = cn__layer_class(layer);
    layer->trainable = ((const cn_layer_args *)layer->base.args)->trainable;
    layer->output_shape.rank = -1;
    int code = read_policy(layer);
    if (code == 0 && class->state_bytes) {
        layer->state = cn__calloc(1, class->state_bytes);
        code = layer->state ? 0 : CN_ENOMEM;
    }
    if (code == 0) {
        code = track_fields(layer);
    }
    if (code == 0 && class->check) {
        code = user_code(class->check(layer), layer, "check");
    }
    if (code == 0 && class->init) {
        code = user_code(class->init(layer), layer, "init");
    }
    return code;
}

void cn__layer_destroy(cn_layer *layer)
{
    if (layer->state) {
        if (cn__layer_class(layer)->destroy) {
            cn__layer_class(layer)->destroy(layer->state);
        }
        cn__free_mem(layer->state);
    }
    for (int64_t i = 0; i < layer->n_weights; i++) {
        layer->weights[i]->variable->owner = NULL;
        cn__unref(layer->weights[i]);
    }
    for (int64_t i = 0; i < layer->n_sublayers; i++) {
        cn__unref(layer->sublayers[i]);
    }
    for (int64_t i = 0; i < layer->n_metrics; i++) {
        cn__unref(layer->metrics[i]);
    }
    cn__layer_clear_losses(layer);
    cn__free_mem(layer->metrics);
    cn__free_mem(layer->weights);
    cn__free_mem(layer->sublayers);
    cn__free_mem(layer->losses);
    cn__free_mem(layer->input_shapes);
}

static int init_instance(void *layer)
{
    return cn__layer_init(layer);
}

static void destroy_instance(void *layer)
{
    cn__layer_destroy(layer);
}

const cn__kind_info cn__kind_layer = {.type = {CN__LAYER, "layer", NULL},
                                      .bytes = sizeof(cn_layer),
                                      .module = "keras.layers",
                                      .init = init_instance,
                                      .destroy = destroy_instance,
                                      .write_config = cn__layer_write_config,
                                      .write_object = cn__layer_write_object,
                                      .read_key = cn__layer_read_key};

cn_layer *cn_layer_new(const cn_layer_class *cls, const void *args)
{
    if (!cn__pending() && (!cls || !cls->call)) {
        cn__fail(CN_EVALUE, "cn_layer_new: a layer class needs a call function");
        return NULL;
    }
    return cn__create(CN__LAYER, &cls->base, args);
}

int cn_register_layer(const cn_layer_class *cls, const char *package)
{
    return cn__class_register(CN__LAYER, &cls->base, package);
}

const void *cn_layer_arguments(const cn_layer *layer)
{
    return cn__as_layer(layer, "cn_layer_arguments") ? layer->base.args : NULL;
}

void *cn_layer_state(const cn_layer *layer)
{
    return cn__as_layer(layer, "cn_layer_state") ? layer->state : NULL;
}

const char *cn_layer_name(const cn_layer *layer)
{
    return cn__as_layer(layer, "cn_layer_name") ? layer->base.name : NULL;
}

const char *cn_layer_class_name(const cn_layer *layer)
{
    return cn__as_layer(layer, "cn_layer_class_name") ? layer->base.class->name : NULL;
}

/* What a weight is called inside its layer: tf.keras says "dense/kernel:0", Keras 3 "kernel". */
static char *weight_name(const cn_layer *layer, const char *name)
{
    return cn__is_keras3(layer->base.keras) ? cn__strdup(name)
                                            : cn__printf("%s/%s:0", layer->base.name, name);
}

cn_tensor *cn_layer_weight(const cn_layer *layer, int index)
{
    return cn__as_layer(layer, "cn_layer_weight") && index >= 0 && index < layer->n_weights
               ? layer->weights[index]
               : NULL;
}

cn_tensor *cn_layer_weight_named(const cn_layer *layer, const char *name)
{
    if (!cn__as_layer(layer, "cn_layer_weight_named")) {
        return NULL;
    }
    for (int64_t i = 0; name && i < layer->n_weights; i++) {
        const char *full = layer->weights[i]->variable->name;
        const char *slash = strrchr(full, '/');
        const char *own = slash && !cn__is_keras3(layer->base.keras) ? slash + 1 : full;
        size_t length = strcspn(own, ":");
        if (strlen(name) == length && memcmp(own, name, length) == 0) {
            return layer->weights[i];
        }
    }
    return NULL;
}

static int weight_shape(const cn_layer *layer, const cn_add_weight_args *args, cn_shape *shape)
{
    *shape = (cn_shape){0};
    if (args->shape_of) {
        *shape = *args->shape_of;
    } else {
        bool scalar = args->shape.n <= 0;
        for (int i = 0; i < 8; i++) {
            scalar = scalar && args->shape.v[i] == 0;
        }
        if (!scalar) {
            *shape = cn_shape_make(cn__ints_count(&args->shape), args->shape.v);
        }
    }
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) {
            char text[256];
            shape->dim[i] = -1;
            return cn__fail(CN_EVALUE,
                            "Layer \"%s\": the weight \"%s\" needs a known shape, got %s",
                            layer->base.name, args->name, cn__shape_text(shape, text, sizeof text));
        }
    }
    return 0;
}

/* A variable with its first values; one reference for the caller. */
static cn_tensor *make_weight(const cn_layer *layer, const cn_add_weight_args *args, cn_dtype dtype,
                              const cn_shape *shape)
{
    const char *automatic = cn__dtype_is_float(dtype) ? "glorot_uniform" : "zeros";
    cn_initializer *initializer = cn__resolve(
        CN__INITIALIZER, args->initializer ? args->initializer : automatic, "initializer");
    if (!initializer && !cn__pending()) {
        initializer = cn__resolve(CN__INITIALIZER, automatic, "initializer");
    }
    cn_scope scope = cn_scope_begin();
    cn_tensor *value = initializer ? cn_initializer_call(initializer, shape, dtype) : NULL;
    const void *data = value ? cn__data(value) : NULL;
    char *name = data ? weight_name(layer, args->name) : NULL;
    cn_tensor *weight = name ? cn__variable_new(name, dtype, shape, args->trainable) : NULL;
    if (weight) {
        memcpy(weight->data, data, cn__bytes(value));
    }
    cn__free_mem(name);
    cn_scope_end(scope);
    cn__unref(initializer);
    return weight;
}

static int attach(cn_tensor *weight, const cn_add_weight_args *args)
{
    weight->variable->regularizer = cn__resolve(CN__REGULARIZER, args->regularizer, "regularizer");
    weight->variable->constraint = cn__resolve(CN__CONSTRAINT, args->constraint, "constraint");
    return cn__pending() ? cn_error_code() : 0;
}

cn_tensor *cn_layer_add_weight_with(cn_layer *layer, const cn_add_weight_args *given)
{
    if (cn__pending() || !cn__as_layer(layer, "cn_layer_add_weight")) {
        return NULL;
    }
    if (!given || !given->size) {
        cn__fail(CN_EVALUE, "cn_layer_add_weight: the size of the argument struct is not set");
        return NULL;
    }
    cn_add_weight_args args = cn_add_weight_defaults;
    memcpy(&args, given, given->size < sizeof args ? given->size : sizeof args);
    if (!args.name) {
        args.name = "Variable";
    } else if (cn_layer_weight_named(layer, args.name)) {
        cn__fail(CN_EVALUE, "Layer \"%s\" already has a weight named \"%s\"", layer->base.name,
                 args.name);
        return NULL;
    }
    cn_shape shape;
    cn_dtype dtype = args.dtype ? cn_dtype_from_name(args.dtype) : layer->dtype;
    if (!dtype || weight_shape(layer, &args, &shape) < 0) {
        return NULL;
    }
    cn_tensor *weight = make_weight(layer, &args, dtype, &shape);
    if (!weight || attach(weight, &args) < 0 ||
        cn__grow((void **)&layer->weights, &layer->weights_capacity, layer->n_weights + 1,
                 sizeof *layer->weights) < 0) {
        cn__unref(weight);
        return NULL;
    }
    weight->variable->owner = layer;
    layer->weights[layer->n_weights++] = weight;
    if (layer->building) {
        cn__pin(weight, 1); /* until the build function that makes it returns */
    }
    cn__layer_changed(layer);
    return weight;
}

int cn_layer_track(cn_layer *layer, cn_layer *sublayer)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, "cn_layer_track") || !cn__as_layer(sublayer, "cn_layer_track")) {
        return cn_error_code();
    }
    for (int64_t i = 0; i < layer->n_sublayers; i++) {
        if (layer->sublayers[i] == sublayer) {
            return 0;
        }
    }
    if (layer == sublayer) {
        return cn__fail(CN_EVALUE, "Layer \"%s\" cannot be a sublayer of itself", layer->base.name);
    }
    if (cn__grow((void **)&layer->sublayers, &layer->sublayers_capacity, layer->n_sublayers + 1,
                 sizeof *layer->sublayers) < 0) {
        return CN_ENOMEM;
    }
    layer->sublayers[layer->n_sublayers++] = cn__ref(sublayer);
    cn__layer_changed(layer);
    return 0;
}

bool cn_layer_built(const cn_layer *layer)
{
    return cn__as_layer(layer, "cn_layer_built") && layer->built;
}

bool cn_layer_trainable(const cn_layer *layer)
{
    return cn__as_layer(layer, "cn_layer_trainable") && layer->trainable;
}

int cn_layer_set_trainable(cn_layer *layer, bool trainable)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, "cn_layer_set_trainable")) {
        return cn_error_code();
    }
    layer->trainable = trainable;
    ((cn_layer_args *)layer->base.args)->trainable = trainable;
    cn__layer_changed(layer);
    for (int64_t i = 0; i < layer->n_sublayers; i++) {
        cn_layer_set_trainable(layer->sublayers[i], trainable);
    }
    return 0;
}

int cn__set_string(const char **field, const char *value)
{
    char *copy = cn__strdup(value);
    if (!copy) {
        return CN_ENOMEM;
    }
    cn__free_mem((void *)(uintptr_t)*field);
    *field = copy;
    return 0;
}

uint64_t cn__layer_seed(cn_layer *layer, int64_t seed, int op)
{
    if (!layer->seed_key) {
        layer->seed_key =
            seed == CN_NONE ? cn__seed_next() : cn__seed_mix((uint64_t)seed, 0x6c61796572);
    }
    return op ? cn__seed_mix(layer->seed_key, (uint64_t)op) : layer->seed_key;
}

/* Eager draws count on in the process; a training step gives its own counter. */
static atomic_uint_least64_t draws = 1;
static _Thread_local cn_tensor *counter;

cn_tensor *cn__random_counter(void)
{
    if (counter) {
        return counter;
    }
    cn_tensor *t = cn__tensor_new(CN_INT64, &(cn_shape){0});
    if (t) {
        *(int64_t *)(void *)t->data = (int64_t)draws++;
    }
    return t;
}

cn_tensor *cn__set_random_counter(cn_tensor *replacement)
{
    cn_tensor *old = counter;
    counter = replacement;
    return old;
}
