/* Instances of classes: the common head of layers, losses, metrics, optimizers …, made from
 * argument structs or configs. */
#ifndef CN_CORE_INSTANCE_H
#define CN_CORE_INSTANCE_H

#include "core/object.h"
#include "core/tensor.h"
#include <cornu/classes.h>

/* Which Keras an object behaves like: 203 for 2.3 (multi-backend, before tf.keras 2.4 the same
 * numbers mean tf.keras), 221 for tf_keras 2.21 (the default), 300 for Keras 3.0. */
typedef struct cn__instance {
    cn__object object;
    const cn_class *class;
    void *args; /* class->args_size bytes, owned, deep copy; identifier fields hold objects */
    char *name; /* given or automatic */
    bool name_given;
    int keras;
} cn__instance;

/* What a kind adds: the bytes of its struct and what happens at birth and death. */
typedef struct cn__kind_info {
    cn__object_type type;
    size_t bytes;
    const char *module;          /* "keras.losses" */
    int (*init)(void *instance); /* after args are copied; may be NULL */
    void (*destroy)(
        void *instance); /* before args are freed; may be NULL; also after an init that failed */
    /* For configs (json_t *): changes a written config, adds to the object around it; NULL:
     * nothing. `dialect` as in utils/config.h. */
    int (*write_config)(const void *instance, int dialect, void *config);
    int (*write_object)(const void *instance, int dialect, void *object);
    /* Reads a key of a config (json_t *value) that no field has into the argument struct: 1 if it
     * did, 0 if not, or an error. */
    int (*read_key)(const cn_class *class, const char *key, const void *value, void *args);
    /* The arguments that a name alone stands for, where they are not the class's defaults
     * ("l1_l2"); else NULL. */
    const void *(*named_args)(const cn_class *class, const char *name);
} cn__kind_info;

/* The kind table is filled by each folder's `const cn__kind_info cn__kind_<name>`; see
 * core/classlist.h. */
const cn__kind_info *cn__kind_info_of(cn__kind kind);
/* Built-in classes of a kind, then registered ones: the i-th or NULL; by class name, alias or snake
 * case, or NULL. */
const cn_class *cn__class_at(cn__kind kind, int index);
const cn_class *cn__class_find(cn__kind kind, const char *name);
/* Adds a user's own class (it must outlive the process's use of it); one of the same name replaces
 * it. */
int cn__class_register(cn__kind kind, const cn_class *class, const char *package);
/* "Custom" for a registered class, NULL for a built-in one. */
const char *cn__class_package(const cn_class *class);

/* An instance in the current scope from an argument struct (its first member is the struct's size;
 * 0 is an error). */
void *cn__create(cn__kind kind, const cn_class *class, const void *args);
/* The object that an identifier stands for: a name or JSON makes a new one, an object is checked
 * and shared. One reference for the caller (cn__unref), none in a scope. NULL without an error for
 * a NULL identifier. Unknown names: the Keras error text. */
void *cn__resolve(cn__kind kind, cn_identifier identifier, const char *what);
/* A second instance with a copy of the arguments and a name of its own if the first one's was
 * automatic. */
void *cn__copy_instance(const void *instance);
/* Automatic names: "dense", "dense_1" … (Keras 2.3: from "dense_1"); caller frees. */
char *cn__unique_name(const char *base, int keras);
/* The version that objects made now follow (cn_set_keras). */
int cn__keras_version(void);
/* Sets it for this thread alone (0: that of cn_set_keras again) and returns what it was, to be set
 * again: for readers of files, since every object keeps the version it is made under. */
int cn__set_keras_version(int keras);
/* The number of a version's text ("2.3.1", "2.4.0", "2.2.4-tf", "3.15.1"), 0 if it is none. A
 * file's "2.2.4" is multi-backend Keras and gives 192; tf.keras 2.1 wrote "2.2.4-tf" and gives 201.
 */
int cn__keras_number(const char *text);
/* "3.15.1", "2.21.0", "2.3.1": what a file of that version says. */
const char *cn__keras_text(int keras);
static inline bool cn__is_keras3(int keras)
{
    return keras >= 300;
}
/* Keras before tf.keras: 1.x (101 …), 2.0 to 2.2 (190 …) and 2.3. */
static inline bool cn__is_multi_backend(int keras)
{
    return keras < 200 || keras == 203;
}

/* The fields that every class of a kind has at the head of its struct (name, dtype …), ended by a
 * zero record; never NULL. Their copying and freeing is done for all; a class's own table need not
 * repeat them. */
const cn_field *cn__base_fields(cn__kind kind);
/* The same for objects that are not made by cn__create (models): copies the arguments into
 * instance->args and names it. */
int cn__instance_setup(cn__instance *instance, cn__kind kind, const cn_class *class,
                       const void *args);
/* Frees what cn__instance_setup made. */
void cn__instance_clear(cn__instance *instance);
/* The kind whose objects a field holds, or 0. */
cn__kind cn__field_kind(cn_field_type type);
/* The `what` of a kind in Keras's errors: "loss function", "optimizer". */
const char *cn__kind_words(cn__kind kind);
/* An object of the current scope from JSON text; defined in utils, which stand above core. */
void *cn__deserialize_text(cn__kind kind, const char *json);
/* CN_EKEY with Keras's text for a name that no class of the kind has. */
int cn__unknown_name(cn__kind kind, const char *name);

/* For the kinds whose classes are one function of a few arguments (activations, initializers,
 * regularizers, constraints): the record cn__<kind>_<id> of a class with an argument struct of its
 * own, its defaults and its function. */
#define CN__CLASS(kind, id, class_name, other_names, table, function, ...)                         \
    const cn_##kind##_##id##_args cn_##kind##_##id##_defaults = {                                  \
        .size = sizeof(cn_##kind##_##id##_args), __VA_ARGS__};                                     \
    const cn_##kind##_class cn__##kind##_##id = {                                                  \
        .base = {.size = sizeof(cn_##kind##_class),                                                \
                 .name = class_name,                                                               \
                 .module = "keras." #kind "s",                                                     \
                 .aliases = other_names,                                                           \
                 .args_size = sizeof(cn_##kind##_##id##_args),                                     \
                 .defaults = &cn_##kind##_##id##_defaults,                                         \
                 .fields = table},                                                                 \
        .call = function};                                                                         \
    cn_##kind *cn_##kind##_##id##_with(const cn_##kind##_##id##_args *args)                        \
    {                                                                                              \
        return cn_##kind##_new(&cn__##kind##_##id, args);                                          \
    }
/* The same for layers, whose records have more to say: the members of cn_layer_class after `base`,
 * in braces, come last. */
#define CN__LAYER_CLASS(id, function, class_name, other_names, table, DEFAULTS, ...)               \
    const cn_##function##_args cn_##function##_defaults = {.size = sizeof(cn_##function##_args),   \
                                                           DEFAULTS};                              \
    const cn_layer_class cn__layer_##id = {.base = {.size = sizeof(cn_layer_class),                \
                                                    .name = class_name,                            \
                                                    .module = "keras.layers",                      \
                                                    .aliases = other_names,                        \
                                                    .args_size = sizeof(cn_##function##_args),     \
                                                    .defaults = &cn_##function##_defaults,         \
                                                    .fields = table},                              \
                                           __VA_ARGS__};                                           \
    cn_layer *cn_##function##_with(const cn_##function##_args *args)                               \
    {                                                                                              \
        return cn_layer_new(&cn__layer_##id, args);                                                \
    }
/* The same for a class without arguments, whose struct is cn_<kind>_args. */
#define CN__PLAIN_CLASS(kind, id, class_name, other_names, function)                               \
    const cn_##kind##_class cn__##kind##_##id = {                                                  \
        .base = {.size = sizeof(cn_##kind##_class),                                                \
                 .name = class_name,                                                               \
                 .module = "keras." #kind "s",                                                     \
                 .aliases = other_names,                                                           \
                 .args_size = sizeof(cn_##kind##_args),                                            \
                 .defaults = &(const cn_##kind##_args){.size = sizeof(cn_##kind##_args)}},         \
        .call = function};                                                                         \
    cn_##kind *cn_##kind##_##id(void)                                                              \
    {                                                                                              \
        return cn_##kind##_new(&cn__##kind##_##id, NULL);                                          \
    }
/* The class of a user's function (cn_<kind>_from): its arguments. The function itself is kept as a
 * pointer to `code`. */
typedef void (*cn__code)(void);
typedef struct cn__function_args {
    size_t size;
    const char *name;
    cn__code code;
    void *user;
} cn__function_args;
extern const cn_field cn__function_fields[];
/* True for an instance of such a class, which configs write by its name alone. */
bool cn__is_function(const cn__instance *instance);

/* Reads a tuple field: how many numbers it has, by its rule (`{3}` up to the last that is not zero,
 * at least one). */
int cn__ints_count(const cn_ints *ints);
/* Expands a tuple to exactly `n` numbers (one given stands for all); CN_EVALUE worded like Keras's
 * standardize_tuple. */
int cn__ints_expand(const cn_ints *ints, int n, const char *argument, int64_t *out);

#endif
