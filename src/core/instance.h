/* Instances of classes: the common head of layers, losses, metrics, optimizers …, made from argument structs or configs. */
#ifndef CN_CORE_INSTANCE_H
#define CN_CORE_INSTANCE_H

#include "core/object.h"
#include "core/tensor.h"
#include <cornu/classes.h>

/* Which Keras an object behaves like: 203 for 2.3 (multi-backend, before tf.keras 2.4 the same numbers mean tf.keras), 221 for
 * tf_keras 2.21 (the default), 300 for Keras 3.0. */
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
    const char *module; /* "keras.losses" */
    int (*init)(void *instance);     /* after args are copied; may be NULL */
    void (*destroy)(void *instance); /* before args are freed; may be NULL */
} cn__kind_info;

/* The kind table is filled by each folder's `const cn__kind_info cn__kind_<name>`; see core/classlist.h. */
const cn__kind_info *cn__kind_info_of(cn__kind kind);
/* Built-in classes of a kind, then registered ones: the i-th or NULL; by class name, alias or snake case, or NULL. */
const cn_class *cn__class_at(cn__kind kind, int index);
const cn_class *cn__class_find(cn__kind kind, const char *name);
/* Adds a user's own class (it must outlive the process's use of it); one of the same name replaces it. */
int cn__class_register(cn__kind kind, const cn_class *class, const char *package);
/* "Custom" for a registered class, NULL for a built-in one. */
const char *cn__class_package(const cn_class *class);

/* An instance in the current scope from an argument struct (its first member is the struct's size; 0 is an error). */
void *cn__create(cn__kind kind, const cn_class *class, const void *args);
/* The object that an identifier stands for: a name or JSON makes a new one, an object is checked and shared. One reference for
 * the caller (cn__unref), none in a scope. NULL without an error for a NULL identifier. Unknown names: the Keras error text. */
void *cn__resolve(cn__kind kind, cn_identifier identifier, const char *what);
/* A second instance with a copy of the arguments and a name of its own if the first one's was automatic. */
void *cn__copy_instance(const void *instance);
/* Automatic names: "dense", "dense_1" … (Keras 2.3: from "dense_1"); caller frees. */
char *cn__unique_name(const char *base, int keras);
/* The version that objects made now follow (cn_set_keras). */
int cn__keras_version(void);
static inline bool cn__is_keras3(int keras)
{
    return keras >= 300;
}

/* Reads a tuple field: how many numbers it has, by its rule (`{3}` up to the last that is not zero, at least one). */
int cn__ints_count(const cn_ints *ints);
/* Expands a tuple to exactly `n` numbers (one given stands for all); CN_EVALUE worded like Keras's standardize_tuple. */
int cn__ints_expand(const cn_ints *ints, int n, const char *argument, int64_t *out);

#endif
