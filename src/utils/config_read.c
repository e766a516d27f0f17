/* Instances from configs of any generation of Keras. */
#include "core/error.h"
#include "core/memory.h"
#include "utils/config_internal.h"

#if CN__HAVE_JANSSON
#include <math.h>
#include <string.h>

/* What is being read: the class and the argument struct that is filled before the instance is made
 * of it. */
typedef struct reading {
    cn__kind kind;
    const cn_class *class;
    char *args;
    void *(*make)(const cn_class *class, const void *args); /* NULL: cn__create */
} reading;

static int wrong_type(const reading *r, const char *key, const char *expected, const json_t *value)
{
    char *text = cn__json_dumps(value);
    int code = cn__fail(CN_ETYPE, "%s: `%s` should be %s. Received: %s", r->class->name, key,
                        expected, text ? text : "…");
    cn__free_mem(text);
    return code;
}

/* Python writes 2 and 2.0 alike where Keras does not mind. */
static bool read_integer(const json_t *value, int64_t *out)
{
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    double real = json_is_real(value) ? json_real_value(value) : NAN;
    if (real == floor(real) && fabs(real) < 9e18) {
        *out = (int64_t)real;
        return true;
    }
    return false;
}

/* [[1, 1], [0, 2]]: lists of two numbers, one behind the other. */
static int read_pairs(const reading *r, const char *key, const json_t *value, cn_ints *out)
{
    cn_ints ints = {{0}, 0};
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *pair = json_array_get(value, i);
        if (json_array_size(pair) != 2 || ints.n > 6 ||
            !read_integer(json_array_get(pair, 0), &ints.v[ints.n]) ||
            !read_integer(json_array_get(pair, 1), &ints.v[ints.n + 1])) {
            return wrong_type(r, key, "a list of pairs of integers", value);
        }
        ints.n += 2;
    }
    *out = ints;
    return 0;
}

static int read_ints(const reading *r, const char *key, const json_t *value, cn_ints *out)
{
    cn_ints ints = {{0}, 0};
    if (json_is_array(json_array_get(value, 0))) {
        return read_pairs(r, key, value, out);
    }
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    if (json_is_null(value)) {
        *out = (cn_ints){{CN_NONE}, 1};
        return 0;
    }
    if (n > 8) {
        return wrong_type(r, key, "a list of at most 8 integers", value);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (json_is_null(item)) {
            ints.v[i] = CN_NONE;
        } else if (!read_integer(item, &ints.v[i])) {
            return wrong_type(r, key, "a list of integers", value);
        }
    }
    ints.n = (int)n;
    *out = ints;
    return 0;
}

static int read_floats(const reading *r, const char *key, const json_t *value, cn_floats *out)
{
    size_t n = json_array_size(value);
    if ((!json_is_array(value) && !json_is_number(value) && !json_is_null(value)) || n > 32) {
        return wrong_type(r, key, "a list of at most 32 numbers", value);
    }
    *out = (cn_floats){{0}, json_is_number(value) ? 1 : (int)n};
    out->v[0] = json_is_number(value) ? json_number_value(value) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!json_is_number(json_array_get(value, i))) {
            return wrong_type(r, key, "a list of numbers", value);
        }
        out->v[i] = json_number_value(json_array_get(value, i));
    }
    return 0;
}

/* A dtype's name, or that of a policy object of either generation. */
static int read_dtype(const reading *r, const char *key, const json_t *value, const char **out)
{
    const json_t *name = value;
    if (json_is_object(value)) {
        name = json_object_get(json_object_get(value, "config"), "name");
    }
    if (!json_is_string(name) && !json_is_null(value)) {
        return wrong_type(r, key, "a dtype's name or a policy", value);
    }
    *out = json_string_value(name);
    return 0;
}

static int read_double(const reading *r, const char *key, const json_t *value, double *out)
{
    if (json_is_null(value)) {
        *out = NAN;
    } else if (json_is_number(value)) {
        *out = json_number_value(value);
    } else {
        return wrong_type(r, key, "a number", value);
    }
    return 0;
}

static int read_scalar(const reading *r, const cn_field *field, const char *key,
                       const json_t *value)
{
    void *at = r->args + field->offset;
    int64_t integer = CN_NONE;
    switch (field->type) {
    case CN_FIELD_INT:
    case CN_FIELD_INT64:
        /* tf.keras writes some axes as lists of one. */
        if (json_array_size(value) == 1) {
            value = json_array_get(value, 0);
        }
        if (!read_integer(value, &integer) &&
            !(json_is_null(value) && field->type == CN_FIELD_INT64)) {
            return wrong_type(r, key, "an integer", value);
        }
        if (field->type == CN_FIELD_INT64) {
            *(int64_t *)at = integer;
        } else {
            *(int *)at = (int)integer;
        }
        return 0;
    case CN_FIELD_BOOL:
        if (!json_is_boolean(value) && !json_is_integer(value) && !json_is_null(value)) {
            return wrong_type(r, key, "true or false", value);
        }
        *(bool *)at = json_is_true(value) || json_integer_value(value) != 0;
        return 0;
    case CN_FIELD_DOUBLE: return read_double(r, key, value, at);
    default:
        if (!json_is_string(value) && !json_is_null(value)) {
            return wrong_type(r, key, "a string", value);
        }
        *(const char **)at = json_string_value(value);
        return 0;
    }
}

static int read_field(const reading *r, const cn_field *field, const char *key, const json_t *value)
{
    void *at = r->args + field->offset;
    if (field->type == CN_FIELD_INTS && field->flags & CN_FIELD_AS_GIVEN && json_is_number(value)) {
        int code = read_ints(r, key, value, at);
        ((cn_ints *)at)->n = code < 0 ? ((cn_ints *)at)->n : 0;
        return code;
    }
    switch (field->type) {
    case CN_FIELD_INTS:
    case CN_FIELD_SINGLE:
    case CN_FIELD_PAIR:
    case CN_FIELD_TRIPLE: return read_ints(r, key, value, at);
    case CN_FIELD_FLOATS: return read_floats(r, key, value, at);
    case CN_FIELD_DTYPE: return read_dtype(r, key, value, at);
    case CN_FIELD_TENSOR: return 0;
    default: break;
    }
    cn__kind kind = cn__field_kind(field->type);
    if (!kind) {
        return read_scalar(r, field, key, value);
    }
    /* An activation may be a layer. */
    const char *class_name = json_string_value(json_object_get(value, "class_name"));
    if (kind == CN__ACTIVATION && class_name && strcmp(class_name, "function") != 0 &&
        !cn__class_find(kind, class_name)) {
        kind = CN__LAYER;
    }
    void *object = cn__deserialize(kind, value);
    if (!object && cn__pending()) {
        return cn_error_code();
    }
    *(void **)at = object;
    return 0;
}

static const cn_field *find_field(const cn_field *fields, const char *key)
{
    for (const cn_field *field = fields; field && field->type; field++) {
        if (strcmp(field->name, key) == 0 || (field->older && strcmp(field->older, key) == 0)) {
            return field;
        }
    }
    return NULL;
}

static const cn_field *find_in_class(const reading *r, const char *key)
{
    const cn_field *field = find_field(r->class->fields, key);
    return field ? field : find_field(cn__base_fields(r->kind), key);
}

static int unknown_key(const reading *r, const char *key, const json_t *value)
{
    if (json_is_null(value) || json_is_false(value) || cn__is_ignored_key(r->kind, key)) {
        return 0;
    }
    if (!cn__is_keras3(cn__keras_version())) {
        return cn__fail(CN_EVALUE, "%s: ('Keyword argument not understood:', '%s')", r->class->name,
                        key);
    }
    char *text = cn__json_dumps(value);
    int code = cn__fail(CN_EVALUE, "Unrecognized keyword arguments passed to %s: {'%s': %s}",
                        r->class->name, key, text ? text : "…");
    cn__free_mem(text);
    return code;
}

static int read_key(const reading *r, const char *key, const json_t *value)
{
    const cn_field *field = find_in_class(r, key);
    if (!field) {
        const char *name = cn__legacy_key(r->kind, r->class->name, key);
        field = name ? find_in_class(r, name) : NULL;
    }
    /* A schedule stands where the number would. */
    if (field && r->kind == CN__OPTIMIZER && json_is_object(value) &&
        field->type == CN_FIELD_DOUBLE && strcmp(field->name, "learning_rate") == 0) {
        field = find_in_class(r, "learning_rate_schedule");
    }
    if (field && field->type != CN_FIELD_CUSTOM) {
        return read_field(r, field, key, value);
    }
    const cn__kind_info *info = cn__kind_info_of(r->kind);
    int done = info->read_key ? info->read_key(r->class, key, value, r->args) : 0;
    return done || field ? done : unknown_key(r, key, value);
}

static void *create_from(reading *r, const json_t *config)
{
    const char *key;
    json_t *value, *object = (json_t *)(uintptr_t)config;
    json_object_foreach(object, key, value)
    {
        if (read_key(r, key, value) < 0) {
            return NULL;
        }
    }
    return r->make ? r->make(r->class, r->args) : cn__create(r->kind, r->class, r->args);
}

void *cn__from_config_by(cn__kind kind, const cn_class *class, const json_t *config,
                         void *(*make)(const cn_class *class, const void *args))
{
    if (cn__pending()) {
        return NULL;
    }
    if (config && !json_is_object(config) && !json_is_null(config)) {
        cn__fail(CN_EFORMAT, "%s: its config should be an object", class->name);
        return NULL;
    }
    reading r = {kind, class, cn__calloc(1, class->args_size), make};
    if (!r.args) {
        return NULL;
    }
    if (class->defaults) {
        memcpy(r.args, class->defaults, class->args_size);
    }
    memcpy(r.args, &class->args_size, sizeof(size_t));
    cn_scope scope = cn_scope_begin();
    void *instance = create_from(&r, config);
    cn__free_mem(r.args);
    cn_keep_object(instance);
    cn_scope_end(scope);
    return instance;
}

void *cn__from_config(cn__kind kind, const cn_class *class, const json_t *config)
{
    return cn__from_config_by(kind, class, config, NULL);
}

static const char *string_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void *deserialize_object(cn__kind kind, const json_t *object)
{
    const char *name = string_at(object, "class_name"),
               *registered = string_at(object, "registered_name");
    const json_t *config = json_object_get(object, "config");
    if (name && strcmp(name, "function") == 0 && json_is_string(config)) {
        return cn__deserialize(kind, config);
    }
    if (!name) {
        json_t *legacy = cn__legacy_object(kind, object);
        void *made = legacy ? cn__deserialize(kind, legacy) : NULL;
        json_decref(legacy);
        if (!legacy && !cn__pending()) {
            cn__fail(CN_EFORMAT, "A %s's JSON needs a \"class_name\" and a \"config\"",
                     cn__kind_name(kind));
        }
        return made;
    }
    const cn_class *class = registered ? cn__class_find(kind, registered) : NULL;
    if (!class) {
        class = cn__class_find(kind, name);
    }
    if (class) {
        return cn__from_config(kind, class, config);
    }
    if (kind == CN__LAYER && strcmp(name, "Lambda") == 0) {
        cn__fail(
            CN_EUNSUPPORTED,
            "Requested the deserialization of a `Lambda` layer, whose function is Python code: "
            "that "
            "cannot be run here. Write it as a layer of your own and register it as \"Lambda\"");
    } else {
        cn__unknown_name(kind, name);
    }
    return NULL;
}

void *cn__deserialize(cn__kind kind, const json_t *object)
{
    if (cn__pending() || !object || json_is_null(object)) {
        return NULL;
    }
    if (json_is_string(object)) {
        return cn__into_scope(cn__resolve(kind, json_string_value(object), cn__kind_name(kind)));
    }
    if (!json_is_object(object)) {
        char *text = cn__json_dumps(object);
        cn__fail(CN_EFORMAT, "Could not interpret %s identifier: %s", cn__kind_name(kind),
                 text ? text : "…");
        cn__free_mem(text);
        return NULL;
    }
    return deserialize_object(kind, object);
}

void *cn__deserialize_text(cn__kind kind, const char *text)
{
    json_t *object = cn__json_loads(text, strlen(text), cn__kind_name(kind));
    void *made = object ? cn__deserialize(kind, object) : NULL;
    json_decref(object);
    return made;
}
#else
#include "core/error.h"

void *cn__deserialize_text(cn__kind kind, const char *text)
{
    (void)text;
    cn__fail(CN_EUNSUPPORTED, "A %s from JSON: this build has no jansson", cn__kind_name(kind));
    return NULL;
}
#endif
