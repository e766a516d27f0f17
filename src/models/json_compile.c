/* How a model was compiled, as Keras 3 writes it beside the model's config. */
#include "core/error.h"
#include "core/memory.h"
#include "models/json.h"

#include <string.h>

#if CN__HAVE_JANSSON
/* A loss or metric whose arguments are all defaults is written by its name, as users give it. */
static json_t *named_or_object(const cn__instance *instance)
{
    cn_scope scope = cn_scope_begin();
    json_t *object = cn__serialize(instance, CN__DIALECT_KERAS3), *value = object;
    void *plain =
        object ? cn__create((cn__kind)instance->object.kind, instance->class, NULL) : NULL;
    json_t *usual = plain ? cn__serialize(plain, CN__DIALECT_KERAS3) : NULL;
    if (object && !plain) {
        /* A class whose arguments have no defaults can only be written whole. */
        cn_error_clear();
    }
    if (usual && json_equal(usual, object)) {
        const char *name = instance->name ? instance->name : instance->class->name;
        value = json_string(name);
        json_decref(object);
    }
    json_decref(usual);
    cn_scope_end(scope);
    return value;
}

static json_t *identifier(cn_identifier id)
{
    if (!id) {
        return json_null();
    }
    if (cn__identifier_kind(id)) {
        return cn__serialize(id, CN__DIALECT_KERAS3);
    }
    return *(const char *)id == '{' ? json_loads(id, 0, NULL) : json_string(id);
}

static json_t *losses(const cn_model *model)
{
    if (model->n_losses <= 1) {
        return model->losses[0] ? named_or_object((const cn__instance *)model->losses[0])
                                : json_null();
    }
    json_t *list = json_array();
    int code = list ? 0 : cn__no_memory();
    for (int i = 0; code == 0 && i < model->n_losses; i++) {
        code = cn__json_append(list, model->losses[i]
                                         ? named_or_object((const cn__instance *)model->losses[i])
                                         : json_null());
    }
    if (code < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *loss_weights(const cn_model *model)
{
    json_t *list = model->loss_weights_given ? json_array() : json_null();
    for (int i = 0; list && model->loss_weights_given && i < model->n_outputs; i++) {
        if (cn__json_append(list, json_real(model->loss_weights[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool has_metric(const cn_model *model, int i, int output, bool weighted)
{
    return model->metrics[i].weighted == weighted && model->metrics[i].output == output;
}

static json_t *metrics_of(const cn_model *model, int output, bool weighted)
{
    json_t *list = json_array();
    int code = list ? 0 : cn__no_memory();
    for (int i = 0; code == 0 && i < model->n_metrics; i++) {
        if (has_metric(model, i, output, weighted)) {
            code = cn__json_append(list, identifier(model->metrics[i].identifier));
        }
    }
    if (code < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* One list, or a list of lists where there are several outputs; null without metrics. */
static json_t *metrics(const cn_model *model, bool weighted)
{
    bool any = false;
    for (int i = 0; i < model->n_metrics; i++) {
        any = any || model->metrics[i].weighted == weighted;
    }
    if (!any) {
        return json_null();
    }
    if (model->n_outputs <= 1) {
        return metrics_of(model, 0, weighted);
    }
    json_t *list = json_array();
    int code = list ? 0 : cn__no_memory();
    for (int i = 0; code == 0 && i < model->n_outputs; i++) {
        code = cn__json_append(list, metrics_of(model, i, weighted));
    }
    if (code < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

json_t *cn__compile_config(const cn_model *model)
{
    if (model->compile_json) {
        return cn__json_loads(model->compile_json, strlen(model->compile_json), "compile_config");
    }
    json_t *object = json_object();
    if (!model->compiled || !object) {
        return object;
    }
    const char *const keys[] = {"optimizer", "loss", "loss_weights", "metrics", "weighted_metrics"};
    for (int i = 0; i < 5; i++) {
        json_t *value = i == 0   ? cn__serialize(model->optimizer, CN__DIALECT_KERAS3)
                        : i == 1 ? losses(model)
                        : i == 2 ? loss_weights(model)
                                 : metrics(model, i == 4);
        if (!value || json_object_set_new(object, keys[i], value) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    if (json_object_set_new(object, "run_eagerly", json_false()) < 0 ||
        json_object_set_new(object, "steps_per_execution", json_integer(1)) < 0 ||
        json_object_set_new(object, "jit_compile", json_false()) < 0) {
        json_decref(object);
        cn__no_memory();
        return NULL;
    }
    return object;
}
#else
typedef int cn__no_json;
#endif
