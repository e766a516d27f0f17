/* compile from Keras's own compile_config: identifiers as names or objects, lists and dictionaries
 * by output. */
#include "models/training.h"

#include "utils/config.h"

#include <string.h>

#if CN__HAVE_JANSSON

/* Texts made on the way, freed at the end. */
typedef struct texts {
    char *list[512];
    int n;
    cn_compile_args args;
} texts;

/* The identifier of a JSON value: a name as it is, an object as JSON; NULL for null. An error if it
 * is neither. */
static cn_identifier identifier(texts *t, const json_t *value, const char *what)
{
    if (!value || json_is_null(value)) {
        return NULL;
    }
    if (!json_is_string(value) && !json_is_object(value)) {
        cn__fail(CN_ETYPE, "compile: %s: expected a name or an object", what);
        return NULL;
    }
    char *text =
        json_is_string(value) ? cn__strdup(json_string_value(value)) : cn__json_dumps(value);
    if (!text || t->n == 512) {
        cn__free_mem(text);
        cn__fail(CN_EVALUE, "compile: %s: too many entries", what);
        return NULL;
    }
    t->list[t->n++] = text;
    return text;
}

/* A dictionary with these keys is one serialised object, not a table of outputs. */
static bool is_object(const json_t *value)
{
    return json_is_object(value) &&
           (json_object_get(value, "class_name") || json_object_get(value, "config"));
}

static int output_of(const cn_model *model, const char *name)
{
    for (int i = 0; i < model->n_outputs; i++) {
        if (model->output_names[i] && !strcmp(model->output_names[i], name)) {
            return i;
        }
    }
    return cn__fail(CN_EKEY, "compile: the model \"%s\" has no output named \"%.64s\"",
                    model->layer.base.name, name);
}

static int read_losses(texts *t, const cn_model *model, const json_t *value)
{
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value) && i < 32; i++) {
            const json_t *item = json_array_get(value, i);
            t->args.loss.v[i] = json_is_null(item) ? CN_NONE_ID : identifier(t, item, "loss");
        }
    } else if (json_is_object(value) && !is_object(value)) {
        const char *name;
        json_t *item;
        for (int i = 0; i < model->n_outputs && i < 32; i++) {
            t->args.loss.v[i] = CN_NONE_ID;
        }
        json_object_foreach((json_t *)(uintptr_t)value, name, item)
        {
            int at = output_of(model, name);
            if (at < 0) {
                return at;
            }
            t->args.loss.v[at] = json_is_null(item) ? CN_NONE_ID : identifier(t, item, "loss");
        }
    } else {
        t->args.loss.v[0] = identifier(t, value, "loss");
    }
    return cn__pending() ? cn_error_code() : 0;
}

static int read_weights(texts *t, const cn_model *model, const json_t *value)
{
    cn_floats *weights = &t->args.loss_weights;
    if (json_is_array(value)) {
        weights->n = (int)json_array_size(value) < 32 ? (int)json_array_size(value) : 32;
        for (int i = 0; i < weights->n; i++) {
            weights->v[i] = json_number_value(json_array_get(value, (size_t)i));
        }
    } else if (json_is_object(value)) {
        const char *name;
        json_t *item;
        weights->n = model->n_outputs < 32 ? model->n_outputs : 32;
        for (int i = 0; i < weights->n; i++) {
            weights->v[i] = 1;
        }
        json_object_foreach((json_t *)(uintptr_t)value, name, item)
        {
            int at = output_of(model, name);
            if (at < 0 || at >= 32) {
                return at < 0 ? at : CN_EVALUE;
            }
            weights->v[at] = json_number_value(item);
        }
    } else if (json_is_number(value)) {
        weights->v[0] = json_number_value(value);
        weights->n = 1;
    } else if (value && !json_is_null(value)) {
        return cn__fail(CN_ETYPE, "compile: loss_weights: expected a list or a dictionary");
    }
    return 0;
}

/* A list of identifiers, or one. */
static int read_list(texts *t, const json_t *value, cn_identifiers *list, const char *what)
{
    int n = 0;
    while (n < 32 && list->v[n]) {
        n++;
    }
    if (!json_is_array(value)) {
        cn_identifier one = identifier(t, value, what);
        if (one && n < 32) {
            list->v[n] = one;
        }
        return cn__pending() ? cn_error_code() : 0;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (json_is_null(item)) {
            continue;
        }
        if (n == 32) {
            return cn__fail(CN_EVALUE, "compile: %s: expected at most 32", what);
        }
        list->v[n] = identifier(t, item, what);
        if (!list->v[n++]) {
            return cn_error_code();
        }
    }
    return 0;
}

static int read_metrics(texts *t, const cn_model *model, const json_t *value, cn_identifiers *all,
                        cn_identifiers *of, const char *what)
{
    if (!value || json_is_null(value)) {
        return 0;
    }
    int code = 0;
    if (json_is_object(value) && !is_object(value)) {
        const char *name;
        json_t *item;
        json_object_foreach((json_t *)(uintptr_t)value, name, item)
        {
            int at = output_of(model, name);
            if (at < 0 || at >= 8) {
                return at < 0 ? at : cn__fail(CN_EVALUE, "compile: %s: too many outputs", what);
            }
            code = code < 0 ? code : read_list(t, item, &of[at], what);
        }
        return code;
    }
    bool nested = false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        nested = nested || json_is_array(json_array_get(value, i));
    }
    /* With one list an output; for a single output [[…]] is the same as […]. A flat list for
     * several outputs of as many entries gives one to each in Keras 3, all to each before. */
    bool one_each = cn__is_keras3(model->layer.base.keras) && json_is_array(value) &&
                    model->n_outputs > 1 && (int)json_array_size(value) == model->n_outputs;
    if (!nested && !one_each) {
        return read_list(t, value, all, what);
    }
    for (size_t i = 0; code == 0 && i < json_array_size(value); i++) {
        if (i >= 8) {
            return cn__fail(CN_EVALUE, "compile: %s: too many outputs", what);
        }
        code = read_list(t, json_array_get(value, i), &of[i], what);
    }
    return code;
}

static int compile(cn_model *model, const json_t *config, texts *t)
{
    t->args = (cn_compile_args){.size = sizeof t->args, CN_COMPILE_DEFAULTS};
    const json_t *optimizer = json_object_get(config, "optimizer");
    if (!optimizer) {
        optimizer = json_object_get(config, "optimizer_config"); /* training_config of HDF5 files */
    }
    if (optimizer && !json_is_null(optimizer)) {
        t->args.optimizer = identifier(t, optimizer, "optimizer");
    }
    int code = cn__pending() ? cn_error_code() : 0;
    code = code < 0 ? code : read_losses(t, model, json_object_get(config, "loss"));
    code = code < 0 ? code : read_weights(t, model, json_object_get(config, "loss_weights"));
    code = code < 0 ? code
                    : read_metrics(t, model, json_object_get(config, "metrics"), &t->args.metrics,
                                   t->args.metrics_of, "metrics");
    code = code < 0 ? code
                    : read_metrics(t, model, json_object_get(config, "weighted_metrics"),
                                   &t->args.weighted_metrics, t->args.weighted_metrics_of,
                                   "weighted_metrics");
    return code < 0 ? code : cn_model_compile_with(model, &t->args);
}

int cn_model_compile_json(cn_model *model, const char *json)
{
    if (!cn__check_model(model, "compile") || !json) {
        return cn__pending() ? cn_error_code() : cn__fail(CN_EVALUE, "compile: the JSON is NULL");
    }
    json_t *config = cn__json_loads(json, strlen(json), "compile_config");
    if (!config) {
        return cn_error_code();
    }
    /* Kept now: the text may be the model's own, which compiling forgets. */
    char *kept = cn__strdup(json);
    int code;
    texts *t = cn__calloc(1, sizeof *t);
    if (!t || !kept) {
        code = CN_ENOMEM;
    } else if (!json_is_object(config)) {
        code = cn__fail(CN_ETYPE, "compile_config: expected an object");
    } else {
        code = compile(model, config, t);
        if (code == 0) {
            model->compile_json = kept;
            kept = NULL;
        }
    }
    for (int i = 0; t && i < t->n; i++) {
        cn__free_mem(t->list[i]);
    }
    cn__free_mem(t);
    cn__free_mem(kept);
    json_decref(config);
    return code;
}

#else

int cn_model_compile_json(cn_model *model, const char *json)
{
    (void)json;
    return cn__check_model(model, "compile")
               ? cn__fail(CN_EUNSUPPORTED, "compile from JSON needs a build with jansson")
               : cn_error_code();
}

#endif
