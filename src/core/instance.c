/* Making instances of classes: copying argument structs by their fields, naming, resolving
 * identifiers, freeing. */
#include "core/instance.h"

#include "core/error.h"
#include "core/format.h"
#include "core/memory.h"

#include <string.h>

cn__kind cn__field_kind(cn_field_type type)
{
    switch (type) {
    case CN_FIELD_ACTIVATION: return CN__ACTIVATION;
    case CN_FIELD_INITIALIZER: return CN__INITIALIZER;
    case CN_FIELD_REGULARIZER: return CN__REGULARIZER;
    case CN_FIELD_CONSTRAINT: return CN__CONSTRAINT;
    case CN_FIELD_SCHEDULE: return CN__SCHEDULE;
    case CN_FIELD_LAYER: return CN__LAYER;
    case CN_FIELD_TENSOR: return CN__TENSOR;
    default: return (cn__kind)0;
    }
}

static bool is_text(cn_field_type type)
{
    return type == CN_FIELD_STRING || type == CN_FIELD_DTYPE;
}

static bool is_pointer(cn_field_type type)
{
    return is_text(type) || cn__field_kind(type);
}

/* A table may name a member twice (to be written in another place by another Keras); only the first
 * time counts here. */
static bool is_repeated(const cn_field *first, const cn_field *field, const cn_field *base)
{
    for (const cn_field *f = first; f != field; f++) {
        if (f->offset == field->offset) {
            return true;
        }
    }
    for (; base && base->type; base++) {
        if (base->offset == field->offset) {
            return true;
        }
    }
    return false;
}

/* Pointer fields of the base table, then of the class's: calls visit for each once, stops at the
 * first negative answer. */
static int each_pointer(cn__kind kind, const cn_class *class,
                        int (*visit)(const cn_class *class, const cn_field *field, void *user),
                        void *user)
{
    const cn_field *base = cn__base_fields(kind);
    for (int table = 0; table < 2; table++) {
        const cn_field *first = table ? class->fields : base;
        for (const cn_field *field = first; field && field->type; field++) {
            if (is_pointer(field->type) && !is_repeated(first, field, table ? base : NULL) &&
                field->offset + sizeof(void *) <= class->args_size) {
                int code = visit(class, field, user);
                if (code < 0) {
                    return code;
                }
            }
        }
    }
    return 0;
}

static void **pointer_at(void *args, const cn_field *field)
{
    return (void **)((char *)args + field->offset);
}

static int clear_pointer(const cn_class *class, const cn_field *field, void *args)
{
    (void)class;
    *pointer_at(args, field) = NULL;
    return 0;
}

static int free_pointer(const cn_class *class, const cn_field *field, void *args)
{
    (void)class;
    void **at = pointer_at(args, field);
    if (is_text(field->type)) {
        cn__free_mem(*at);
    } else {
        cn__unref(*at);
    }
    *at = NULL;
    return 0;
}

typedef struct copying {
    const void *from;
    void *to;
} copying;

static bool is_none(cn_identifier identifier)
{
    return identifier && strcmp(identifier, "None") == 0;
}

/* A sublayer or a tensor: shared. A model is a layer too. */
static void *share_object(const cn_class *class, const cn_field *field, void *object)
{
    int got = cn__identifier_kind(object);
    cn__kind wanted = cn__field_kind(field->type);
    if (got == (int)wanted || (got == CN__MODEL && wanted == CN__LAYER)) {
        return cn__ref(object);
    }
    cn__expect(object, wanted, field->name);
    cn__fail_context("%s", class->name);
    return NULL;
}

static int copy_pointer(const cn_class *class, const cn_field *field, void *user)
{
    copying *c = user;
    void *from = *(void *const *)((const char *)c->from + field->offset);
    void **to = pointer_at(c->to, field);
    if (!from) {
        return 0;
    }
    if (is_text(field->type)) {
        *to = cn__strdup(from);
    } else if (field->type == CN_FIELD_LAYER || field->type == CN_FIELD_TENSOR) {
        *to = share_object(class, field, from);
    } else if (is_none(from)) {
        return 0;
    } else {
        *to = cn__resolve(cn__field_kind(field->type), from, field->name);
    }
    return *to ? 0 : cn_error_code();
}

/* The class's argument struct on the heap: defaults, then as much as was given, with copies of what
 * it points to. */
static void *copy_args(cn__kind kind, const cn_class *class, const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size == 0) {
        cn__fail(CN_EVALUE,
                 "%s: the size of the argument struct is 0. Its first member must be sizeof(the "
                 "struct), as "
                 "the macros set it, or copy the class's defaults first",
                 class->name);
        return NULL;
    }
    char *raw = cn__calloc(1, class->args_size), *args = cn__calloc(1, class->args_size);
    if (!raw || !args) {
        cn__free_mem(raw);
        cn__free_mem(args);
        return NULL;
    }
    if (class->defaults) {
        memcpy(raw, class->defaults, class->args_size);
    }
    memcpy(raw, given, size < class->args_size ? size : class->args_size);
    memcpy(args, raw, class->args_size);
    memcpy(args, &class->args_size, sizeof(size_t));
    each_pointer(kind, class, clear_pointer, args);
    int code = each_pointer(kind, class, copy_pointer, &(copying){raw, args});
    cn__free_mem(raw);
    if (code < 0) {
        each_pointer(kind, class, free_pointer, args);
        cn__free_mem(args);
        return NULL;
    }
    return args;
}

static bool has_name(cn__kind kind)
{
    return kind == CN__LAYER || kind == CN__MODEL || kind == CN__LOSS || kind == CN__METRIC ||
           kind == CN__OPTIMIZER;
}

/* Layers count their names; the others are called like their class. */
static char *automatic_name(cn__kind kind, const cn_class *class, int keras)
{
    if (kind == CN__OPTIMIZER && !cn__is_keras3(keras)) {
        return cn__strdup(class->name);
    }
    char *base = cn__snake_case(class->name);
    if (base && (kind == CN__LAYER || kind == CN__MODEL)) {
        bool input = strcmp(base, "input_layer") == 0 && !cn__is_keras3(keras);
        char *name = cn__unique_name(input ? "input" : base, keras);
        cn__free_mem(base);
        return name;
    }
    return base;
}

int cn__instance_setup(cn__instance *instance, cn__kind kind, const cn_class *class,
                       const void *args)
{
    instance->class = class;
    instance->keras = cn__keras_version();
    if (class->args_size < sizeof(size_t)) {
        return cn__fail(CN_EVALUE, "%s: the class's args_size is too small to begin with a size",
                        class->name ? class->name : "A class without a name");
    }
    if (!args && !class->defaults) {
        return cn__fail(CN_EVALUE, "%s: no arguments were given, and the class has no defaults",
                        class->name);
    }
    instance->args = copy_args(kind, class, args ? args : class->defaults);
    if (!instance->args) {
        return cn_error_code();
    }
    if (has_name(kind)) {
        const char *given = *(const char *const *)((const char *)instance->args + sizeof(size_t));
        instance->name_given = given != NULL;
        instance->name = given ? cn__strdup(given) : automatic_name(kind, class, instance->keras);
        return instance->name ? 0 : cn_error_code();
    }
    return 0;
}

void cn__instance_clear(cn__instance *instance)
{
    if (instance->args) {
        each_pointer((cn__kind)instance->object.kind, instance->class, free_pointer,
                     instance->args);
        cn__free_mem(instance->args);
        instance->args = NULL;
    }
    cn__free_mem(instance->name);
    instance->name = NULL;
}

static void destroy_instance(void *object)
{
    cn__instance *instance = object;
    const cn__kind_info *info = cn__kind_info_of((cn__kind)instance->object.kind);
    if (instance->args && info->destroy) {
        info->destroy(instance);
    }
    cn__instance_clear(instance);
}

/* The kinds that cn__create makes, with the one way in which they end. */
static const cn__object_type *object_type(cn__kind kind)
{
    static const cn__object_type types[] = {
        {CN__LAYER, "layer", destroy_instance},
        {CN__ACTIVATION, "activation", destroy_instance},
        {CN__INITIALIZER, "initializer", destroy_instance},
        {CN__REGULARIZER, "regularizer", destroy_instance},
        {CN__CONSTRAINT, "constraint", destroy_instance},
        {CN__SCHEDULE, "schedule", destroy_instance},
        {CN__LOSS, "loss", destroy_instance},
        {CN__METRIC, "metric", destroy_instance},
        {CN__OPTIMIZER, "optimizer", destroy_instance},
        {CN__CALLBACK, "callback", destroy_instance},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].kind == kind) {
            return &types[i];
        }
    }
    return NULL;
}

void *cn__create(cn__kind kind, const cn_class *class, const void *args)
{
    if (cn__pending()) {
        return NULL;
    }
    const cn__kind_info *info = cn__kind_info_of(kind);
    if (!class || !info) {
        cn__fail(CN_EVALUE, "A %s needs a class", cn__kind_name(kind));
        return NULL;
    }
    cn__instance *instance = cn__object_new(object_type(kind), info->bytes);
    if (!instance) {
        return NULL;
    }
    int code = cn__instance_setup(instance, kind, class, args);
    if (code == 0 && info->init) {
        code = info->init(instance);
    }
    if (code < 0 && !cn__pending()) {
        cn__fail(code, "%s: its init function failed with code %d", class->name, code);
    }
    if (cn__pending()) {
        cn_free(instance);
        return NULL;
    }
    return instance;
}

void *cn__copy_instance(const void *object)
{
    const cn__instance *instance = object;
    if (cn__pending() || !instance) {
        return NULL;
    }
    int keras = cn__set_keras_version(instance->keras);
    void *copy = cn__create((cn__kind)instance->object.kind, instance->class, instance->args);
    cn__set_keras_version(keras);
    return copy;
}

const cn_field cn__function_fields[] = {
    CN_FIELD_FLAGS(cn__function_args, STRING, name, CN_FIELD_UNSAVED),
    {0},
};

bool cn__is_function(const cn__instance *instance)
{
    return instance->class->fields == cn__function_fields;
}

int cn__ints_count(const cn_ints *ints)
{
    if (ints->n > 0) {
        return ints->n < 8 ? ints->n : 8;
    }
    int n = 8;
    while (n > 1 && ints->v[n - 1] == 0) {
        n--;
    }
    return n;
}

int cn__ints_expand(const cn_ints *ints, int n, const char *argument, int64_t *out)
{
    int given = cn__ints_count(ints);
    if (given != n && given != 1) {
        cn__text text = {0};
        for (int i = 0; i < given; i++) {
            cn__text_add(&text, "%s%lld", i ? ", " : "", (long long)ints->v[i]);
        }
        int code =
            cn__fail(CN_EVALUE, "The `%s` argument must be a tuple of %d integers. Received: (%s)",
                     argument, n, text.data ? text.data : "");
        cn__text_free(&text);
        return code;
    }
    for (int i = 0; i < n; i++) {
        out[i] = ints->v[given == 1 ? 0 : i];
    }
    return 0;
}
