/* Configs from instances: fields in Keras's order, and the object around them. */
#include "core/error.h"
#include "core/memory.h"
#include "utils/config_internal.h"

#if CN__HAVE_JANSSON
#include <math.h>
#include <string.h>

/* The version in whose words a dialect is written: the object's own, if it is of that generation,
 * else the newest. */
static int written_version(const cn__instance *instance, cn__dialect dialect)
{
    if (cn__is_keras3(instance->keras) == (dialect == CN__DIALECT_KERAS3)) {
        return instance->keras;
    }
    return dialect == CN__DIALECT_KERAS3 ? 315 : 221;
}

static json_t *number_or_none(double value, unsigned flags, cn__dialect dialect)
{
    if (!isfinite(value)) {
        return json_null();
    }
    bool narrow = flags & CN_FIELD_FLOAT32_ALWAYS ||
                  (flags & CN_FIELD_FLOAT32 && dialect == CN__DIALECT_KERAS2);
    return json_real(narrow ? (double)(float)value : value);
}

static json_t *integer_or_none(int64_t value)
{
    return value == CN_NONE ? json_null() : json_integer(value);
}

static json_t *integer_list(const int64_t *v, int n)
{
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++) {
        if (json_array_append_new(list, integer_or_none(v[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* [[1, 2], [0, 3]] */
static json_t *integer_pairs(const int64_t *v, int n)
{
    json_t *list = json_array();
    for (int i = 0; list && i + 1 < n; i += 2) {
        if (json_array_append_new(list, integer_list(v + i, 2)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *integers(const cn_field *field, const cn_ints *ints)
{
    int64_t v[8];
    int exact = field->type == CN_FIELD_SINGLE   ? 1
                : field->type == CN_FIELD_PAIR   ? 2
                : field->type == CN_FIELD_TRIPLE ? 3
                                                 : 0;
    if (ints->v[0] == CN_NONE && cn__ints_count(ints) == 1) {
        return json_null();
    }
    if (exact) {
        return cn__ints_expand(ints, exact, field->name, v) < 0 ? NULL : integer_list(v, exact);
    }
    int n = cn__ints_count(ints);
    if (field->flags & CN_FIELD_EMPTY && ints->n == 0 && n == 1 && ints->v[0] == 0) {
        return json_array();
    }
    if (field->flags & CN_FIELD_PAIRS && n % 2 == 0) {
        return integer_pairs(ints->v, n);
    }
    bool scalar = field->flags & CN_FIELD_SCALAR || (field->flags & CN_FIELD_AS_GIVEN && !ints->n);
    return n == 1 && scalar ? integer_or_none(ints->v[0]) : integer_list(ints->v, n);
}

static json_t *floats(const cn_floats *list)
{
    json_t *array = json_array();
    for (int i = 0; array && i < list->n && i < 32; i++) {
        if (json_array_append_new(array, json_real(list->v[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* A dtype is its name, but a layer's policy is an object in Keras 3 and, if it is not a plain
 * dtype, in Keras 2. */
static json_t *dtype(const cn__instance *instance, const char *name, cn__dialect dialect)
{
    bool layer = instance->object.kind == CN__LAYER || instance->object.kind == CN__MODEL;
    const char *word = name ? name : "float32";
    int keras = written_version(instance, dialect);
    if (layer && dialect == CN__DIALECT_KERAS3 && keras > 300) {
        return json_pack("{s:s, s:s, s:{s:s}, s:n}", "module", "keras", "class_name", "DTypePolicy",
                         "config", "name", word, "registered_name");
    }
    if (layer && dialect == CN__DIALECT_KERAS2 && strncmp(word, "mixed_", 6) == 0) {
        return keras >= 213
                   ? json_pack("{s:s, s:s, s:{s:s}, s:n}", "module", "keras.mixed_precision",
                               "class_name", "Policy", "config", "name", word, "registered_name")
                   : json_pack("{s:s, s:{s:s}}", "class_name", "Policy", "config", "name", word);
    }
    return json_string(word);
}

/* Whether the arguments are those of the class's defaults, as far as a config shows. */
static bool has_defaults(const json_t *config, const cn__instance *instance, cn__dialect dialect)
{
    if (json_object_size(config) == 0) {
        return true;
    }
    cn_scope scope = cn_scope_begin();
    void *plain = cn__create((cn__kind)instance->object.kind, instance->class, NULL);
    json_t *other = plain ? cn__get_config(plain, dialect) : NULL;
    bool same = other && json_equal((json_t *)(uintptr_t)config, other);
    json_decref(other);
    cn_scope_end(scope);
    return same;
}

/* Keras writes a function by its name; one with arguments of its own, which Keras cannot write, as
 * an object. */
static json_t *activation(const cn__instance *instance, cn__dialect dialect)
{
    if (instance->object.kind != CN__ACTIVATION) {
        return cn__serialize(instance, dialect);
    }
    if (cn__is_function(instance)) {
        return json_string(*(const char *const *)((const char *)instance->args + sizeof(size_t)));
    }
    json_t *config = cn__get_config(instance, dialect);
    bool plain = config && has_defaults(config, instance, dialect);
    json_decref(config);
    if (!config) {
        return NULL;
    }
    if (!plain) {
        return cn__serialize(instance, dialect);
    }
    if (dialect == CN__DIALECT_KERAS2 && strcmp(instance->class->name, "silu") == 0) {
        return json_string("swish"); /* its name before Keras 3 */
    }
    const char *package = cn__class_package(instance->class);
    char *name = package ? cn__printf("%s>%s", package, instance->class->name)
                         : cn__strdup(instance->class->name);
    json_t *value = name ? json_string(name) : NULL;
    cn__free_mem(name);
    return value;
}

static json_t *object_value(const cn_field *field, const cn__instance *object, cn__dialect dialect)
{
    if (field->type == CN_FIELD_ACTIVATION) {
        return object ? activation(object, dialect) : json_string("linear");
    }
    return object ? cn__serialize(object, dialect) : json_null();
}

static json_t *field_value(const cn__instance *instance, const cn_field *field, cn__dialect dialect)
{
    const void *at = (const char *)instance->args + field->offset;
    switch (field->type) {
    case CN_FIELD_INT: return json_integer(*(const int *)at);
    case CN_FIELD_INT64: return integer_or_none(*(const int64_t *)at);
    case CN_FIELD_BOOL: return json_boolean(*(const bool *)at);
    case CN_FIELD_DOUBLE: return number_or_none(*(const double *)at, field->flags, dialect);
    case CN_FIELD_STRING: {
        const char *text = *(const char *const *)at;
        return text ? json_string(text) : json_null();
    }
    case CN_FIELD_INTS:
    case CN_FIELD_SINGLE:
    case CN_FIELD_PAIR:
    case CN_FIELD_TRIPLE: return integers(field, at);
    case CN_FIELD_FLOATS: return floats(at);
    case CN_FIELD_DTYPE: return dtype(instance, *(const char *const *)at, dialect);
    case CN_FIELD_TENSOR: return json_null();
    default: return object_value(field, *(const cn__instance *const *)at, dialect);
    }
}

static bool is_written(const cn_field *field, cn__dialect dialect, int keras)
{
    unsigned only = field->flags & (CN_FIELD_KERAS2 | CN_FIELD_KERAS3);
    unsigned wanted = dialect == CN__DIALECT_KERAS3 ? CN_FIELD_KERAS3 : CN_FIELD_KERAS2;
    return !(field->flags & CN_FIELD_UNSAVED) && field->type != CN_FIELD_CUSTOM &&
           (!only || only & wanted) && keras >= (int)(field->flags >> 16);
}

/* Is this a number that Keras 3 leaves out, and the default, which reading restores? */
static bool is_forgotten(const cn__instance *instance, const cn_field *field, cn__dialect dialect)
{
    const char *defaults = instance->class->defaults;
    if (!(field->flags & CN_FIELD_FORGOTTEN) || dialect != CN__DIALECT_KERAS3 || !defaults) {
        return false;
    }
    return memcmp((const char *)instance->args + field->offset, defaults + field->offset,
                  sizeof(double)) == 0;
}

static int write_fields(const cn__instance *instance, const cn_field *fields, cn__dialect dialect,
                        json_t *config)
{
    int keras = written_version(instance, dialect);
    for (const cn_field *field = fields; field && field->type; field++) {
        if (!is_written(field, dialect, keras) || is_forgotten(instance, field, dialect)) {
            continue;
        }
        /* tf.keras since 2.11 writes two flags before the rate; the optimizer's own function has
         * their values. */
        if (instance->object.kind == CN__OPTIMIZER && dialect == CN__DIALECT_KERAS2 &&
            keras >= 211 && strcmp(field->name, "learning_rate") == 0) {
            int flags = cn__json_set(config, "jit_compile", json_false());
            flags = flags < 0 ? flags : cn__json_set(config, "is_legacy_optimizer", json_false());
            if (flags < 0) {
                return flags;
            }
        }
        bool older = field->older && dialect == CN__DIALECT_KERAS2;
        bool name =
            field->type == CN_FIELD_STRING && strcmp(field->name, "name") == 0 && instance->name;
        json_t *value = name ? json_string(instance->name) : field_value(instance, field, dialect);
        int code = cn__json_set(config, older ? field->older : field->name, value);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

json_t *cn__get_config(const void *object, cn__dialect dialect)
{
    const cn__instance *instance = object;
    if (cn__pending() || !instance) {
        return NULL;
    }
    json_t *config = json_object();
    if (!config) {
        cn__no_memory();
        return NULL;
    }
    cn__kind kind = (cn__kind)instance->object.kind;
    int code = write_fields(instance, cn__base_fields(kind), dialect, config);
    if (code == 0) {
        code = write_fields(instance, instance->class->fields, dialect, config);
    }
    const cn__kind_info *info = cn__kind_info_of(kind);
    if (code == 0 && info && info->write_config) {
        code = info->write_config(instance, (int)dialect, config);
    }
    if (code < 0) {
        json_decref(config);
        return NULL;
    }
    return config;
}

/* {"module", "class_name", "config", "registered_name"} since tf.keras 2.13, {"class_name",
 * "config"} before. */
static json_t *wrap(const cn__instance *instance, json_t *config, int keras)
{
    const cn_class *class = instance->class;
    const char *package = cn__class_package(class);
    bool own = package || !class->module;
    /* Keras calls a class of the user's own by its name alone where it is not registered. */
    char *registered = package               ? cn__printf("%s>%s", package, class->name)
                       : own && keras >= 213 ? cn__strdup(class->name)
                                             : NULL;
    if (!registered && own && (package || keras >= 213)) {
        json_decref(config);
        return NULL;
    }
    json_t *object;
    if (keras < 213) {
        object = json_pack("{s:s, s:o}", "class_name", registered ? registered : class->name,
                           "config", config);
    } else {
        object =
            json_pack("{s:s?, s:s, s:o, s:s?}", "module", package ? NULL : class->module,
                      "class_name", class->name, "config", config, "registered_name", registered);
    }
    cn__free_mem(registered);
    if (!object) {
        cn__no_memory();
    }
    return object;
}

json_t *cn__serialize(const void *object, cn__dialect dialect)
{
    const cn__instance *instance = object;
    if (cn__pending()) {
        return NULL;
    }
    if (!instance) {
        return json_null();
    }
    int keras = written_version(instance, dialect);
    if (cn__is_function(instance)) {
        const char *name = *(const char *const *)((const char *)instance->args + sizeof(size_t));
        return keras < 213 ? json_string(name)
                           : json_pack("{s:s, s:s, s:s, s:s}", "module", "builtins", "class_name",
                                       "function", "config", name, "registered_name", name);
    }
    json_t *legacy = cn__legacy_serialize(instance, keras);
    if (legacy || cn__pending()) {
        return legacy;
    }
    json_t *config = cn__get_config(instance, dialect);
    json_t *result = config ? wrap(instance, config, keras) : NULL;
    const cn__kind_info *info = cn__kind_info_of((cn__kind)instance->object.kind);
    if (result && info && info->write_object &&
        info->write_object(instance, (int)dialect, result) < 0) {
        json_decref(result);
        return NULL;
    }
    return result;
}
#else
typedef int cn__no_json;
#endif
