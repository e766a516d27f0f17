/* Models as JSON, in the words of their Keras version: model.to_json(). */
#include "core/error.h"
#include "core/memory.h"
#include "layers/op_layer.h"
#include "models/json_nodes.h"

#include <string.h>

#if CN__HAVE_JANSSON
static bool is_three(const cn_model *model)
{
    return cn__is_keras3(model->layer.base.keras);
}

static cn__dialect dialect_of(const cn_model *model)
{
    return is_three(model) ? CN__DIALECT_KERAS3 : CN__DIALECT_KERAS2;
}

/* Names of layers stand before their class in what Keras and tf.keras 2.1 wrote, behind their
 * config since. */
static bool name_comes_first(int keras)
{
    return cn__is_multi_backend(keras) || keras <= 201;
}

/* Layers forget the batch of what they were built for; where the model's is fixed, Keras writes it.
 */
static int write_batch(const cn_model *model, const cn_layer *layer, json_t *object)
{
    json_t *shape = json_object_get(json_object_get(object, "build_config"), "input_shape");
    if (!model->graph || !shape || !model->inputs[0]->shape.rank ||
        model->inputs[0]->shape.dim[0] < 0) {
        return 0;
    }
    int n = cn__model_calls(model, NULL, 0), code = 0;
    cn__layer_call **calls = cn__malloc((size_t)(n + 1) * sizeof *calls);
    if (!calls) {
        return CN_ENOMEM;
    }
    n = cn__model_calls(model, calls, n);
    int at = 0;
    while (at < n && calls[at]->layer != layer) {
        at++;
    }
    bool lists = json_is_array(json_array_get(shape, 0));
    for (int i = 0; at < n && code == 0 && i < (lists ? calls[at]->n_in : 1); i++) {
        json_t *list = lists ? json_array_get(shape, (size_t)i) : shape;
        const cn_shape *in = &calls[at]->in[i]->shape;
        if (in->rank && in->dim[0] >= 0 && json_array_size(list)) {
            code = json_array_set_new(list, 0, json_integer(in->dim[0])) < 0 ? cn__no_memory() : 0;
        }
    }
    cn__free_mem(calls);
    return code;
}

static json_t *layer_object(const cn_model *model, const cn_layer *layer)
{
    json_t *object = layer->base.object.kind == CN__MODEL
                         ? cn__model_to_json((const cn_model *)layer, false)
                         : cn__serialize(layer, dialect_of(model));
    if (object && write_batch(model, layer, object) < 0) {
        json_decref(object);
        return NULL;
    }
    if (object && model->short_configs) {
        json_object_del(object, "module");
        json_object_del(object, "registered_name");
        json_object_del(object, "build_config");
    }
    return object;
}

/* Puts the shape of the model's input into its first layer's config, behind "trainable". */
static int write_first_shape(const cn_model *model, json_t *layers)
{
    json_t *config = json_object_get(json_array_get(layers, 0), "config"), *value;
    if (!model->graph || !model->input_declared || !json_is_object(config) ||
        json_object_get(config, "batch_input_shape")) {
        return 0;
    }
    json_t *copy = json_copy(config);
    const char *key;
    int code = copy ? json_object_clear(config) : cn__no_memory();
    json_object_foreach(copy, key, value)
    {
        code = code < 0 ? code : cn__json_set(config, key, json_incref(value));
        if (code == 0 && strcmp(key, "trainable") == 0) {
            code =
                cn__json_set(config, "batch_input_shape", cn__json_shape(&model->inputs[0]->shape));
        }
    }
    json_decref(copy);
    return code;
}

/* Keras before tf.keras 2.2 leaves the InputLayer of a Sequential model out: its first layer has
 * the shape. */
static json_t *sequential_layers(const cn_model *model)
{
    int keras = model->layer.base.keras;
    bool input = model->input_layers[0] && !cn__is_multi_backend(keras) && keras > 201;
    json_t *list = json_array();
    int code = list ? 0 : cn__no_memory();
    if (code == 0 && input) {
        code = cn__json_append(list, layer_object(model, model->input_layers[0]));
    }
    for (int64_t i = 0; code == 0 && i < model->layer.n_sublayers; i++) {
        code = cn__json_append(list, layer_object(model, model->layer.sublayers[i]));
    }
    if (code == 0 && !input) {
        code = write_first_shape(model, list);
    }
    if (code < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* Before Keras 2.2.3 a Sequential model's config is the list of its layers. */
static bool config_is_list(const cn_model *model)
{
    int keras = model->layer.base.keras;
    const char *version = model->file_version;
    bool early = keras == 192 && version && strncmp(version, "2.2.", 4) == 0 && version[4] < '3';
    return cn__is_multi_backend(keras) && (keras < 192 || early);
}

static json_t *sequential_config(const cn_model *model)
{
    int keras = model->layer.base.keras;
    json_t *layers = sequential_layers(model);
    if (!layers || config_is_list(model)) {
        return layers;
    }
    json_t *config = is_three(model) ? cn__get_config(model, CN__DIALECT_KERAS3)
                                     : json_pack("{s:s}", "name", model->layer.base.name);
    if (!config) {
        json_decref(layers);
        return NULL;
    }
    int code = cn__json_set(config, "layers", layers);
    bool built_by_call = !model->input_given && (cn__is_multi_backend(keras) || keras <= 201);
    if (code == 0 && model->graph && (is_three(model) || built_by_call)) {
        code = cn__json_set(config, "build_input_shape", cn__json_shape(&model->inputs[0]->shape));
    }
    if (code < 0) {
        json_decref(config);
        return NULL;
    }
    return config;
}

static const cn__layer_call *first_call(const cn__calls *c, const cn_layer *layer)
{
    int i = 0;
    while (i < c->n - 1 && c->v[i]->layer != layer) {
        i++;
    }
    return c->v[i];
}

/* An op among the layers: TFOpLambda since tf.keras 2.4, an operation in Keras 3. */
static json_t *op_object(const cn__calls *c, const cn_layer *layer)
{
    const cn__layer_call *call = first_call(c, layer);
    int keras = c->model->layer.base.keras;
    bool three = is_three(c->model), modern = keras >= 213;
    const cn_class *class = layer->base.class;
    if (!three && (cn__is_multi_backend(keras) || keras < 204)) {
        cn__fail(CN_EUNSUPPORTED,
                 "to_json: the op of layer '%s' is outside layers, which JSON of Keras before 2.4 "
                 "cannot say; put it into a layer",
                 layer->base.name);
        return NULL;
    }
    json_t *config = cn__get_config(layer, dialect_of(c->model));
    if (!config || cn__op_layer_write_extras(call, config) < 0) {
        json_decref(config);
        return NULL;
    }
    const char *module =
        three || keras >= 216 ? class->module : "keras.src.layers.core.tf_op_layer";
    json_t *object = modern
                         ? json_pack("{s:s?, s:s, s:o, s:s}", "module", module, "class_name",
                                     class->name, "config", config, "registered_name", class->name)
                         : json_pack("{s:s, s:o}", "class_name", class->name, "config", config);
    int code = object ? 0 : cn__no_memory();
    if (code == 0 && modern && !three) {
        code = cn__json_set(object, "build_config", cn__op_layer_build_config(call));
    }
    if (code < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *inbound_nodes(const cn__calls *c, const cn_layer *layer)
{
    json_t *nodes = json_array();
    int code = nodes ? 0 : cn__no_memory();
    for (int i = 0; code == 0 && i < c->n; i++) {
        if (c->v[i]->layer == layer && c->v[i]->n_in) {
            code = cn__json_append(nodes, cn__node_json(c, c->v[i]));
        }
    }
    if (code < 0) {
        json_decref(nodes);
        return NULL;
    }
    return nodes;
}

static json_t *functional_layer(const cn__calls *c, const cn_layer *layer)
{
    json_t *object = cn__is_op_layer(layer) ? op_object(c, layer) : layer_object(c->model, layer);
    json_t *entry = NULL;
    json_t *nodes = object ? inbound_nodes(c, layer) : NULL;
    int code = nodes ? 0 : CN_EPENDING;
    if (nodes && name_comes_first(c->model->layer.base.keras)) {
        entry = json_pack("{s:s}", "name", layer->base.name);
        code = entry && json_object_update(entry, object) == 0 ? 0 : cn__no_memory();
    } else if (nodes) {
        entry = json_incref(object);
        code = cn__json_set(entry, "name", json_string(layer->base.name));
    }
    json_decref(object);
    if (code == 0) {
        code = cn__json_set(entry, "inbound_nodes", nodes);
    } else {
        json_decref(nodes);
    }
    if (code < 0) {
        json_decref(entry);
        return NULL;
    }
    return entry;
}

/* [[name, 0, 0], …]; newer versions of Keras 3 write a single one without the outer list. */
static json_t *ends(const cn__calls *c, cn_tensor *const *list, int n)
{
    bool flat = n == 1 && is_three(c->model) &&
                (c->model->io_lists ? c->model->io_lists < 0 : c->model->layer.base.keras >= 306);
    if (flat) {
        return cn__keras2_tensor(c, list[0], NULL);
    }
    json_t *array = json_array();
    int code = array ? 0 : cn__no_memory();
    for (int i = 0; code == 0 && i < n; i++) {
        code = cn__json_append(array, cn__keras2_tensor(c, list[i], NULL));
    }
    if (code < 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static int add_layers(const cn__calls *c, json_t *config)
{
    const cn_model *model = c->model;
    json_t *layers = json_array();
    int code = layers ? 0 : cn__no_memory();
    for (int64_t i = 0; code == 0 && i < model->layer.n_sublayers; i++) {
        code = cn__json_append(layers, functional_layer(c, model->layer.sublayers[i]));
    }
    if (code < 0) {
        json_decref(layers);
        return code;
    }
    code = cn__json_set(config, "layers", layers);
    if (code == 0) {
        code = cn__json_set(config, "input_layers", ends(c, model->inputs, model->n_inputs));
    }
    return code == 0
               ? cn__json_set(config, "output_layers", ends(c, model->outputs, model->n_outputs))
               : code;
}

static json_t *functional_config(const cn_model *model)
{
    cn__calls c = {.model = model, .n = cn__model_calls(model, NULL, 0)};
    const char *op;
    if (cn__plan_has_ops(model, &op)) {
        cn__fail(CN_EUNSUPPORTED,
                 "to_json: model '%s' applies the op '%s' outside layers, which JSON cannot say; "
                 "put it into a "
                 "layer",
                 model->layer.base.name, op);
        return NULL;
    }
    c.v = cn__malloc((size_t)(c.n + 1) * sizeof *c.v);
    json_t *config = c.v ? json_pack("{s:s}", "name", model->layer.base.name) : NULL;
    int code = config ? 0 : cn__no_memory();
    if (code == 0) {
        c.n = cn__model_calls(model, c.v, c.n);
        int keras = model->layer.base.keras;
        if (!cn__is_multi_backend(keras) && keras >= 212) {
            code = cn__json_set(config, "trainable", json_boolean(model->layer.trainable));
        }
    }
    if (code == 0) {
        code = add_layers(&c, config);
    }
    cn__free_mem(c.v);
    if (code < 0) {
        json_decref(config);
        return NULL;
    }
    return config;
}

static const char *class_name_of(const cn_model *model)
{
    int keras = model->layer.base.keras;
    bool older = cn__is_multi_backend(keras) || keras <= 202;
    return model->type == CN__FUNCTIONAL && older ? "Model" : model->layer.base.class->name;
}

static const char *module_of(const cn_model *model)
{
    int keras = model->layer.base.keras;
    if (model->type == CN__SEQUENTIAL) {
        return "keras";
    }
    return cn__is_keras3(keras) ? "keras.src.models.functional"
           : keras >= 216       ? "tf_keras.src.engine.functional"
                                : "keras.src.engine.functional";
}

static json_t *build_config(const cn_model *model)
{
    if (model->type == CN__FUNCTIONAL && is_three(model)) {
        return json_pack("{s:n}", "input_shape");
    }
    json_t *shape = NULL;
    if (model->n_inputs == 1) {
        shape = cn__json_shape(&model->inputs[0]->shape);
    } else {
        shape = json_array();
        for (int i = 0; shape && i < model->n_inputs; i++) {
            if (cn__json_append(shape, cn__json_shape(&model->inputs[i]->shape)) < 0) {
                json_decref(shape);
                return NULL;
            }
        }
    }
    return shape ? json_pack("{s:o}", "input_shape", shape) : NULL;
}

/* Of a model of one's own: its arguments. tf.keras's base class has no config, so neither name nor
 * dtype stand there. */
static json_t *own_config(const cn_model *model)
{
    json_t *config = cn__get_config(model, dialect_of(model));
    for (const cn_field *f = cn__base_fields(CN__MODEL); !is_three(model) && config && f->type;
         f++) {
        json_object_del(config, f->name);
    }
    return config;
}

static json_t *config_of(const cn_model *model)
{
    if (model->type == CN__SUBCLASS) {
        return own_config(model);
    }
    return model->type == CN__SEQUENTIAL ? sequential_config(model) : functional_config(model);
}

/* What newer versions put around a config. */
static int add_modern(const cn_model *model, json_t *object, json_t *config)
{
    bool functional = model->type == CN__FUNCTIONAL, own = model->type == CN__SUBCLASS;
    const char *package = own ? cn__class_package(model->layer.base.class) : NULL;
    char *registered = package ? cn__printf("%s>%s", package, class_name_of(model)) : NULL;
    int code = cn__json_set(object, "module", own ? json_null() : json_string(module_of(model)));
    code = code < 0 ? code : cn__json_set(object, "class_name", json_string(class_name_of(model)));
    code = code < 0 ? code : cn__json_set(object, "config", json_incref(config));
    code = code < 0
               ? code
               : cn__json_set(object, "registered_name",
                              functional ? json_string("Functional")
                              : own ? json_string(registered ? registered : class_name_of(model))
                                    : json_null());
    cn__free_mem(registered);
    if (code == 0 && model->graph) {
        code = cn__json_set(object, "build_config", build_config(model));
    } else if (code == 0 && own && model->layer.n_input_shapes == 1) {
        json_t *shape = cn__json_shape(&model->layer.input_shapes[0]);
        code = cn__json_set(object, "build_config",
                            shape ? json_pack("{s:o}", "input_shape", shape) : NULL);
    }
    if (code == 0 && is_three(model)) {
        code = cn__json_set(object, "compile_config", cn__compile_config(model));
    }
    return code;
}

static int add_classic(const cn_model *model, json_t *object, json_t *config, bool outermost)
{
    int code = cn__json_set(object, "class_name", json_string(class_name_of(model)));
    code = code < 0 ? code : cn__json_set(object, "config", json_incref(config));
    if (code == 0 && outermost) {
        const char *version =
            model->file_version ? model->file_version : cn__keras_text(model->layer.base.keras);
        code = cn__json_set(object, "keras_version", json_string(version));
        if (code == 0) {
            code =
                cn__json_set(object, "backend",
                             json_string(model->file_backend ? model->file_backend : "tensorflow"));
        }
    }
    return code;
}

json_t *cn__model_to_json(const cn_model *model, bool outermost)
{
    json_t *config = config_of(model), *object = config ? json_object() : NULL;
    if (!object) {
        json_decref(config);
        if (config) {
            cn__no_memory();
        }
        return NULL;
    }
    bool modern = is_three(model) || (!outermost && model->layer.base.keras >= 213);
    int code =
        modern ? add_modern(model, object, config) : add_classic(model, object, config, outermost);
    json_decref(config);
    if (code < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

const char *cn_model_to_json(const cn_model *model)
{
    if (!cn__check_model(model, "cn_model_to_json")) {
        return NULL;
    }
    json_t *object = cn__model_to_json(model, true);
    char *text = object ? cn__json_dumps(object) : NULL;
    json_decref(object);
    return cn__scope_string(text);
}
#else
const char *cn_model_to_json(const cn_model *model)
{
    if (cn__check_model(model, "cn_model_to_json")) {
        cn__fail(CN_EUNSUPPORTED, "cn_model_to_json: this build has no jansson");
    }
    return NULL;
}
#endif
