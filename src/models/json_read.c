/* Models from the JSON of any generation of Keras: versions, Sequential models, layers; see
 * json_graph.c for functional ones. */
#include "core/error.h"
#include "core/memory.h"
#include "models/json_graph.h"
#include "models/json_text.h"

#include <string.h>

#if CN__HAVE_JANSSON
bool cn__is_model_name(const char *class_name)
{
    return strcmp(class_name, "Sequential") == 0 || strcmp(class_name, "Functional") == 0 ||
           strcmp(class_name, "Model") == 0;
}

static int unknown_layer(const char *class_name, const char *name)
{
    if (cn__is_keras3(cn__keras_version())) {
        return cn__fail(
            CN_EKEY,
            "Could not deserialize 'keras.layers.%s' because it is not a KerasSaveable subclass. "
            "Unknown layer: '%s' (the class of layer '%s'). Cornu has no such layer in its package "
            "cornu/layers.h, and none was registered by cn_register_layer()",
            class_name, class_name, name);
    }
    return cn__fail(CN_EKEY,
                    "Unknown layer: '%s'. Please ensure you are using a "
                    "`keras.utils.custom_object_scope` and that this "
                    "object is included in the scope. (It is the class of layer '%s'. Cornu has no "
                    "such layer in its "
                    "package cornu/layers.h, and none was registered by cn_register_layer().)",
                    class_name, name);
}

/* A layer of the current scope from an entry of a model's list. */
cn_layer *cn__layer_from_entry(const json_t *entry, int depth)
{
    const char *class_name = json_string_value(json_object_get(entry, "class_name"));
    const json_t *config = json_object_get(entry, "config");
    if (!class_name || !config) {
        cn__fail(CN_EFORMAT, "A layer's JSON needs a \"class_name\" and a \"config\"");
        return NULL;
    }
    if (cn__is_model_name(class_name)) {
        cn_model *model = cn__model_from_json(entry, depth + 1);
        return model ? &model->layer : NULL;
    }
    const char *name = json_string_value(json_object_get(config, "name"));
    const char *registered = json_string_value(json_object_get(entry, "registered_name"));
    bool known = strcmp(class_name, "Lambda") == 0 || cn__class_find(CN__LAYER, class_name) ||
                 (registered && cn__class_find(CN__LAYER, registered));
    if (!known) {
        unknown_layer(class_name, name ? name : "?");
        return NULL;
    }
    cn_layer *layer = cn__deserialize(CN__LAYER, entry);
    if (!layer && !cn__pending()) {
        cn__fail(CN_EFORMAT, "Layer '%s' of class %s cannot be read", name ? name : "?",
                 class_name);
    }
    if (!layer) {
        cn__fail_context("Layer '%s' (class %s)", name ? name : "?", class_name);
    }
    return layer;
}

/* [null, 28, 28]: false if it is not a shape. */
bool cn__read_shape(const json_t *list, cn_shape *shape)
{
    *shape = (cn_shape){0};
    if (!json_is_array(list) || json_array_size(list) > CN_MAX_RANK) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *length = json_array_get(list, i);
        if (!json_is_null(length) && (!json_is_integer(length) || json_integer_value(length) < 0)) {
            return false;
        }
        shape->dim[shape->rank++] = json_is_null(length) ? -1 : (int64_t)json_integer_value(length);
    }
    return true;
}

/* Files of tf.keras 2.13 and newer can hold parts in the form of older ones. */
void cn__note_short_configs(cn_model *model, const json_t *entry)
{
    bool modern = cn__is_keras3(model->layer.base.keras) || model->layer.base.keras >= 213;
    if (modern && !json_object_get(entry, "module")) {
        model->short_configs = true;
    }
}

static int add_layers(cn_model *model, const json_t *layers, int depth)
{
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *entry = json_array_get(layers, i);
        cn_layer *layer = cn__layer_from_entry(entry, depth);
        int code = layer ? cn__sequential_add(model, layer, false) : cn_error_code();
        if (code < 0) {
            return code;
        }
        cn__note_short_configs(model, entry);
    }
    return 0;
}

static int finish_sequential(cn_model *model, const json_t *config)
{
    cn_shape shape;
    int code = cn__sequential_graph(model);
    const json_t *build = json_object_get(config, "build_input_shape");
    if (code == 0 && !model->graph && cn__read_shape(build, &shape) && shape.rank &&
        model->layer.n_sublayers) {
        code = cn__sequential_build(model, &shape);
    }
    return code;
}

/* In Keras before 2.2.3 the config is the list of layers itself. */
static cn_model *read_sequential(const json_t *config, int depth)
{
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    const json_t *name = json_object_get(config, "name");
    if (!json_is_array(layers)) {
        cn__fail(CN_EFORMAT, "A Sequential model's config needs a list of layers");
        return NULL;
    }
    if (name && !json_is_string(name) && !json_is_null(name)) {
        cn__fail(CN_EFORMAT, "A Sequential model's name should be a string");
        return NULL;
    }
    if (json_array_size(layers) > CN__MAX_JSON_LAYERS) {
        cn__fail(CN_EFORMAT, "A model of %zu layers is larger than the %d that are read",
                 json_array_size(layers), CN__MAX_JSON_LAYERS);
        return NULL;
    }
    cn_model *model = cn__sequential_new(json_string_value(name), true);
    int code = model ? add_layers(model, layers, depth) : cn_error_code();
    if (code == 0) {
        code = finish_sequential(model, config);
    }
    if (code == 0 && json_is_false(json_object_get(config, "trainable"))) {
        code = cn_layer_set_trainable(&model->layer, false);
    }
    if (code < 0) {
        cn_free(model);
        return NULL;
    }
    return model;
}

static int keep_compile_config(cn_model *model, const json_t *object)
{
    const json_t *config = json_object_get(object, "compile_config");
    if (!json_is_object(config) || !json_object_size(config)) {
        return 0;
    }
    model->compile_json = cn__json_dumps(config);
    return model->compile_json ? 0 : cn_error_code();
}

static cn_model *read_model(const json_t *object, const char *class_name, int depth)
{
    const json_t *config = json_object_get(object, "config");
    if (!json_is_object(config) && !json_is_array(config)) {
        cn__fail(CN_EFORMAT, "A model's JSON needs a \"config\"");
        return NULL;
    }
    bool sequential = strcmp(class_name, "Sequential") == 0;
    cn_model *model =
        sequential ? read_sequential(config, depth) : cn__functional_from_json(config, depth);
    if (model && keep_compile_config(model, object) < 0) {
        cn_free(model);
        return NULL;
    }
    return model;
}

/* The class of a model of one's own, as it was registered; or NULL. */
static const cn_class *own_class(const json_t *object, const char *class_name)
{
    const char *registered = json_string_value(json_object_get(object, "registered_name"));
    const cn_class *class = registered ? cn__class_find(CN__LAYER, registered) : NULL;
    class = class ? class : cn__class_find(CN__LAYER, class_name);
    return class && cn__class_package(class) ? class : NULL;
}

static void *make_own(const cn_class *class, const void *args)
{
    return cn_model_new((const cn_layer_class *)class, args);
}

/* Keras 3 notes what the model was built for, and builds it again. */
static cn_model *read_own(const cn_class *class, const json_t *object)
{
    const json_t *config = json_object_get(object, "config");
    const json_t *build = json_object_get(object, "build_config");
    cn_model *model = cn__from_config_by(CN__LAYER, class, config, make_own);
    cn_shape shape;
    if (model && cn__read_shape(json_object_get(build, "input_shape"), &shape) && shape.rank &&
        cn_model_build(model, &shape) < 0) {
        return NULL;
    }
    return model && keep_compile_config(model, object) == 0 ? model : NULL;
}

cn_model *cn__model_from_json(const json_t *object, int depth)
{
    const char *class_name = json_string_value(json_object_get(object, "class_name"));
    if (!class_name) {
        cn__fail(CN_EFORMAT, "A model's JSON needs a \"class_name\" and a \"config\"");
        return NULL;
    }
    if (depth > CN__MAX_JSON_NESTING) {
        cn__fail(CN_EFORMAT, "Models are nested more than %d levels deep", CN__MAX_JSON_NESTING);
        return NULL;
    }
    const cn_class *own = cn__is_model_name(class_name) ? NULL : own_class(object, class_name);
    if (!cn__is_model_name(class_name) && !own) {
        const char *registered = json_string_value(json_object_get(object, "registered_name"));
        cn__fail(CN_EKEY,
                 "Unknown model: '%s'%s%s. Models that are read are of the class Sequential, "
                 "Functional or "
                 "Model",
                 class_name, registered ? ", registered as " : "", registered ? registered : "");
        return NULL;
    }
    json_t *newer = NULL;
    if (depth == 0 && !own && cn__may_be_keras1(object)) {
        newer = cn__keras1_translated(object);
        if (!newer) {
            return NULL;
        }
    }
    cn_scope scope = cn_scope_begin();
    cn_model *model =
        own ? read_own(own, object) : read_model(newer ? newer : object, class_name, depth);
    cn_keep_object(model);
    cn_scope_end(scope);
    json_decref(newer);
    return model;
}

/* Which Keras wrote it. Keras 1 has no words of its own here: its models go on as those of
 * Keras 2.0. */
static int version_of(const json_t *object)
{
    int keras = cn__keras_number(json_string_value(json_object_get(object, "keras_version")));
    if (!keras) {
        bool three = json_object_get(object, "module") != NULL;
        int current = cn__keras_version();
        return three                    ? (cn__is_keras3(current) ? current : 315)
               : cn__is_keras3(current) ? 221
                                        : current;
    }
    return keras < 190 ? 190 : keras;
}

static int keep_version(cn_model *model, const json_t *object)
{
    const char *version = json_string_value(json_object_get(object, "keras_version"));
    const char *backend = json_string_value(json_object_get(object, "backend"));
    if (version && cn__keras_number(version) >= 190) {
        model->file_version = cn__strdup(version);
        if (!model->file_version) {
            return CN_ENOMEM;
        }
    }
    if (backend) {
        model->file_backend = cn__strdup(backend);
        if (!model->file_backend) {
            return CN_ENOMEM;
        }
    }
    return 0;
}

/* Keras 3 compiles a model that it reads with its compile_config. One that Cornu cannot compile (an
 * optimizer or loss of the writer's own) is still good for predictions: it stays uncompiled, and
 * fit says so. */
static int compile_as_saved(cn_model *model)
{
    char *config = model->compile_json ? cn__strdup(model->compile_json) : NULL;
    if (!config) {
        return model->compile_json ? CN_ENOMEM : 0;
    }
    int code = cn_model_compile_json(model, config);
    if (code < 0 && code != CN_ENOMEM) {
        cn_error_clear();
        cn__free_mem(model->compile_json);
        model->compile_json = config;
        return 0;
    }
    cn__free_mem(config);
    return code;
}

cn_model *cn__model_from_text(const char *text, size_t length, const char *what)
{
    json_t *object = cn__json_loads(text, length, what);
    if (!object) {
        return NULL;
    }
    if (!json_is_object(object)) {
        json_decref(object);
        cn__fail(CN_EFORMAT, "%s: a model's JSON should be an object", what);
        return NULL;
    }
    int keras = cn__set_keras_version(version_of(object));
    cn_model *model = cn__model_from_json(object, 0);
    cn__set_keras_version(keras);
    if (model && (keep_version(model, object) < 0 || compile_as_saved(model) < 0)) {
        cn_free(model);
        model = NULL;
    }
    json_decref(object);
    return model;
}

cn_model *cn_model_from_json(const char *json)
{
    if (cn__pending()) {
        return NULL;
    }
    if (!json) {
        cn__fail(CN_ETYPE, "cn_model_from_json: expected JSON, got NULL");
        return NULL;
    }
    return cn__model_from_text(json, strlen(json), "cn_model_from_json");
}
#else
cn_model *cn_model_from_json(const char *json)
{
    (void)json;
    if (!cn__pending()) {
        cn__fail(CN_EUNSUPPORTED, "cn_model_from_json: this build has no jansson");
    }
    return NULL;
}

cn_model *cn__model_from_text(const char *text, size_t length, const char *what)
{
    (void)length;
    (void)what;
    return cn_model_from_json(text);
}
#endif
