/* Every object's header: its kind, its owners, its scope. */
#ifndef CN_CORE_OBJECT_H
#define CN_CORE_OBJECT_H

#include <cornu/base.h>
#include <stdatomic.h>

/* The first byte of an object is its kind: below the printable characters and not a blank, so that
 * no name begins with it. */
typedef enum cn__kind {
    CN__TENSOR = 1,
    CN__LAYER,
    CN__MODEL,
    CN__OPTIMIZER,
    CN__SCHEDULE,
    CN__LOSS,
    CN__METRIC,
    CN__INITIALIZER,
    CN__REGULARIZER = 14,
    CN__CONSTRAINT,
    CN__ACTIVATION,
    CN__CALLBACK,
    CN__HISTORY,
    CN__TAPE,
    CN__GRAPH,
    CN__PROGRAM,
    CN__STRING,
    CN__DATA,
    CN__FUNCTION
} cn__kind;

typedef struct cn__object_type {
    cn__kind kind;
    const char *name; /* "layer", for messages */
    void (*destroy)(void *object);
} cn__object_type;

typedef struct cn__object {
    unsigned char kind;
    atomic_int refs;
    atomic_int pins; /* calls that use it and rely on its owners: cn_free refuses meanwhile */
    const cn__object_type *type;
    struct cn__scope_record *scope; /* the scope that owns one reference, or NULL */
    struct cn__object *previous, *next;
} cn__object;

/* A zeroed object of `bytes`, with one reference that belongs to the innermost scope. NULL and an
 * error on failure. */
void *cn__object_new(const cn__object_type *type, size_t bytes);
/* The same with one reference that belongs to the caller and no scope. */
void *cn__object_new_owned(const cn__object_type *type, size_t bytes);
/* Internal counting: one more owner, one less. Return the object; NULL passes. */
void *cn__ref(void *object);
void cn__unref(void *object);
/* One pin more (1) or less (-1); NULL passes. */
void cn__pin(void *object, int delta);
/* The kind of an identifier's object, or 0 if it is a name, JSON or NULL. */
int cn__identifier_kind(cn_identifier identifier);
/* Gives an object that is in no scope to the innermost one, with the caller's reference; returns
 * it. */
void *cn__into_scope(void *object);
/* "layer", "optimizer" … for messages. */
const char *cn__kind_name(int kind);
/* Checks that `object` is a live object of the kind; else CN_ETYPE naming `what`. */
int cn__expect(const void *object, cn__kind kind, const char *what);
/* A string that belongs to the current scope. */
const char *cn__scope_string(char *owned);

#endif
