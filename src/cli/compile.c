/* Compile settings of the tool: those of the file, or of --compile, with single options over them.
 */
#include "cli/cli.h"
#include "models/model.h"
#include "utils/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#if CN__HAVE_JANSSON
static const char *skip_blanks(const char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    return text;
}

static bool is_json(const char *text)
{
    return *text && strchr("{[\"-0123456789", *skip_blanks(text)) != NULL;
}

/* Text, or the contents of a file that it names. NULL and an error that names the option. */
static json_t *json_of(const char *option, const char *text)
{
    if (is_json(text)) {
        char *what = cn__printf("--%s", option);
        json_t *value = what ? cn__json_loads(text, strlen(text), what) : NULL;
        cn__free_mem(what);
        return value;
    }
    size_t size;
    char *contents = cn__cli_read_file(text, &size);
    json_t *value = contents ? cn__json_loads(contents, size, text) : NULL;
    cn__free_mem(contents);
    if (!value) {
        cn__fail_context("--%s", option);
    }
    return value;
}

/* JSON, a file that holds it (told by its ending), or a name as it is. */
static json_t *name_or_json(const char *option, const char *text)
{
    if (is_json(text) || cn__cli_ends(text, ".json")) {
        return json_of(option, text);
    }
    json_t *name = json_string(text);
    if (!name) {
        cn__fail(CN_EVALUE, "--%s: expected a name or JSON, got \"%s\"", option, text);
    }
    return name;
}

/* JSON, a file that holds it, or names with commas between them: "accuracy,mse". */
static json_t *list_or_json(const char *option, const char *text)
{
    if (is_json(text) || cn__cli_ends(text, ".json")) {
        json_t *value = json_of(option, text);
        if (json_is_string(value)) {
            json_t *list = json_pack("[o]", value);
            return list;
        }
        return value;
    }
    json_t *list = json_array();
    while (list && *text) {
        size_t n = strcspn(text, ",");
        if (n > 0 && json_array_append_new(list, json_stringn(text, n)) < 0) {
            cn__fail(CN_EVALUE, "--%s: expected names or JSON", option);
            json_decref(list);
            return NULL;
        }
        text += n + (text[n] == ',');
    }
    return list;
}

static int put_options(json_t *settings, const cn__cli_values *v)
{
    int code = 0;
    if (v->optimizer) {
        code = cn__json_set(settings, "optimizer", name_or_json("optimizer", v->optimizer));
    }
    if (code == 0 && v->loss) {
        code = cn__json_set(settings, "loss", name_or_json("loss", v->loss));
    }
    if (code == 0 && v->metrics) {
        code = cn__json_set(settings, "metrics", list_or_json("metrics", v->metrics));
    }
    if (code == 0 && v->weighted_metrics) {
        code = cn__json_set(settings, "weighted_metrics",
                            list_or_json("weighted-metrics", v->weighted_metrics));
    }
    if (code == 0 && v->loss_weights) {
        code = cn__json_set(settings, "loss_weights", json_of("loss-weights", v->loss_weights));
    }
    return code;
}

static json_t *settings_of(const cn_model *model, const cn__cli_values *values)
{
    json_t *settings = NULL;
    if (values->compile) {
        settings = json_of("compile", values->compile);
        if (settings && !json_is_object(settings)) {
            json_decref(settings);
            cn__fail(CN_EVALUE, "--compile: expected an object {\"optimizer\": …, \"loss\": …}");
            return NULL;
        }
    } else if (model->compile_json) {
        settings =
            cn__json_loads(model->compile_json, strlen(model->compile_json), "compile_config");
    } else {
        settings = json_object();
    }
    if (settings && put_options(settings, values) < 0) {
        json_decref(settings);
        return NULL;
    }
    return settings;
}

int cn__cli_compile(cn_model *model, const cn__cli_values *values)
{
    json_t *settings = settings_of(model, values);
    if (!settings) {
        return cn_error_code() < 0 ? cn_error_code() : cn__no_memory();
    }
    const json_t *loss = json_object_get(settings, "loss");
    int code = 0;
    if (!loss || json_is_null(loss)) {
        code = cn__fail(CN_EVALUE,
                        "%s has no compile settings: give --compile JSON, or --loss and what else "
                        "is needed",
                        values->positional[0]);
    }
    char *text = code == 0 ? cn__json_dumps(settings) : NULL;
    if (text) {
        code = cn_model_compile_json(model, text);
    } else if (code == 0) {
        code = cn_error_code();
    }
    json_decref(settings);
    cn__free_mem(text);
    return code;
}

/* The weight of one class into its place. */
static int set_class(cn_floats *out, const char *key, const json_t *value)
{
    char *end;
    long index = strtol(key, &end, 10);
    int most = (int)(sizeof out->v / sizeof *out->v);
    if (end == key || *end || index < 0 || !json_is_number(value)) {
        return cn__fail(CN_EVALUE,
                        "--class-weight: expected {\"0\": 1.0, \"1\": 2.5, …}, got the key \"%s\"",
                        key);
    }
    if (index >= most) {
        return cn__fail(CN_EVALUE, "--class-weight: expected classes below %d, got %ld", most,
                        index);
    }
    while (out->n <= index) {
        out->v[out->n++] = 1;
    }
    out->v[index] = json_number_value(value);
    return 0;
}

int cn__cli_class_weight(const char *json, cn_floats *out)
{
    *out = (cn_floats){.n = 0};
    if (!json) {
        return 0;
    }
    json_t *object = json_of("class-weight", json);
    if (!object) {
        return cn_error_code();
    }
    int code = 0;
    const char *key;
    json_t *value;
    if (!json_object_size(object)) {
        code = cn__fail(CN_EVALUE, "--class-weight: expected {\"0\": 1.0, \"1\": 2.5, …}");
    }
    json_object_foreach(object, key, value)
    {
        code = code < 0 ? code : set_class(out, key, value);
    }
    json_decref(object);
    return code;
}

static cn_callback *callback_of(const char *given)
{
    json_t *value = name_or_json("callback", given);
    char *text = NULL;
    if (json_is_string(value)) {
        text = cn__strdup(json_string_value(value));
    } else if (value) {
        text = cn__json_dumps(value);
    }
    json_decref(value);
    cn_callback *callback = text ? cn_callback_get(text) : NULL;
    cn__free_mem(text);
    if (!callback) {
        cn__fail_context("--callback");
    }
    return callback;
}
#else
static int no_json(const char *option)
{
    return cn__fail(CN_EUNSUPPORTED,
                    "--%s: this build cannot read JSON (it was made without jansson)", option);
}

int cn__cli_compile(cn_model *model, const cn__cli_values *values)
{
    (void)model, (void)values;
    return no_json("compile");
}

int cn__cli_class_weight(const char *json, cn_floats *out)
{
    *out = (cn_floats){.n = 0};
    return json ? no_json("class-weight") : 0;
}

static cn_callback *callback_of(const char *given)
{
    return cn_callback_get(given);
}
#endif

int cn__cli_callbacks(const cn__cli_values *values, cn_callbacks *out)
{
    int n = 0, most = (int)(sizeof out->v / sizeof *out->v);
    *out = (cn_callbacks){{NULL}};
    for (; n < values->callbacks.n; n++) {
        out->v[n] = callback_of(values->callbacks.v[n]);
        if (!out->v[n]) {
            return cn_error_code();
        }
    }
    /* Last, so that it sees what the others add to the logs. */
    if (values->csv_log && n < most) {
        out->v[n] = cn_callback_csv_logger(values->csv_log);
    } else if (values->csv_log) {
        return cn__fail(CN_EVALUE, "--csv-log: expected fewer than %d callbacks beside it", most);
    }
    return cn_error_code();
}
