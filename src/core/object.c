/* Objects, their owners, and the scopes of each thread. */
#include "core/object.h"

#include "core/error.h"
#include "core/memory.h"

#include <pthread.h>
#include <stdlib.h>

/* A scope is a ring of objects; scopes of a thread are nested. The root scope is made on first use
 * and ends with the thread. */
typedef struct cn__scope_record {
    uint64_t id;
    struct cn__scope_record *outer;
    cn__object *first;
} cn__scope_record;

/* Objects may be freed by another thread than the one whose scope holds them, so links change under
 * one lock. */
static pthread_mutex_t links = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint_least64_t next_id = 1;
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static _Thread_local cn__scope_record *innermost;
static _Thread_local cn__scope_record root;

static void link_object(cn__object *object, cn__scope_record *scope)
{
    pthread_mutex_lock(&links);
    object->scope = scope;
    object->previous = NULL;
    object->next = scope->first;
    if (scope->first) {
        scope->first->previous = object;
    }
    scope->first = object;
    pthread_mutex_unlock(&links);
}

/* Takes the object out of its scope; false if it was in none. */
static bool unlink_object(cn__object *object)
{
    pthread_mutex_lock(&links);
    bool linked = object->scope != NULL;
    if (linked) {
        if (object->previous) {
            object->previous->next = object->next;
        } else {
            object->scope->first = object->next;
        }
        if (object->next) {
            object->next->previous = object->previous;
        }
        object->scope = NULL;
        object->previous = object->next = NULL;
    }
    pthread_mutex_unlock(&links);
    return linked;
}

static void drain(cn__scope_record *scope)
{
    for (;;) {
        pthread_mutex_lock(&links);
        cn__object *object = scope->first;
        if (object) {
            scope->first = object->next;
            if (object->next) {
                object->next->previous = NULL;
            }
            object->scope = NULL;
            object->previous = object->next = NULL;
        }
        pthread_mutex_unlock(&links);
        if (!object) {
            return;
        }
        cn__unref(object);
    }
}

static void end_thread(void *unused)
{
    (void)unused;
    while (innermost) {
        cn__scope_record *scope = innermost;
        innermost = scope->outer;
        drain(scope);
        if (scope != &root) {
            cn__free_mem(scope);
        }
    }
}

static void end_process(void)
{
    end_thread(NULL);
}

static void make_key(void)
{
    pthread_key_create(&thread_key, end_thread);
    /* The main thread may leave main() without running thread destructors. */
    atexit(end_process);
}

static cn__scope_record *current(void)
{
    if (!innermost) {
        pthread_once(&thread_once, make_key);
        pthread_setspecific(thread_key, &root);
        innermost = &root;
    }
    return innermost;
}

cn_scope cn_scope_begin(void)
{
    cn__scope_record *outer = current();
    cn__scope_record *scope = cn__calloc(1, sizeof *scope);
    if (!scope) {
        return (cn_scope){0};
    }
    scope->id = next_id++;
    scope->outer = outer;
    innermost = scope;
    return (cn_scope){scope->id};
}

void cn_scope_end(cn_scope token)
{
    bool known = false;
    for (cn__scope_record *s = current(); s != &root; s = s->outer) {
        known = known || s->id == token.id;
    }
    if (!token.id || !known) {
        return;
    }
    for (bool last = false; !last;) {
        cn__scope_record *scope = innermost;
        last = scope->id == token.id;
        innermost = scope->outer;
        drain(scope);
        cn__free_mem(scope);
    }
}

static void *object_new(const cn__object_type *type, size_t bytes)
{
    cn__object *object = cn__calloc(1, bytes);
    if (object) {
        object->kind = (unsigned char)type->kind;
        object->type = type;
        atomic_init(&object->refs, 1);
    }
    return object;
}

void *cn__object_new_owned(const cn__object_type *type, size_t bytes)
{
    return object_new(type, bytes);
}

void *cn__object_new(const cn__object_type *type, size_t bytes)
{
    cn__scope_record *scope = current();
    cn__object *object = object_new(type, bytes);
    if (object) {
        link_object(object, scope);
    }
    return object;
}

void *cn__ref(void *object)
{
    if (object) {
        atomic_fetch_add_explicit(&((cn__object *)object)->refs, 1, memory_order_relaxed);
    }
    return object;
}

void cn__unref(void *pointer)
{
    cn__object *object = pointer;
    if (object && atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel) == 1) {
        object->type->destroy(object);
        cn__free_mem(object);
    }
}

void *cn__into_scope(void *object)
{
    if (object) {
        link_object(object, current());
    }
    return object;
}

void *cn_keep_object(void *pointer)
{
    cn__object *object = pointer;
    cn__scope_record *scope = current();
    if (object && scope->outer && unlink_object(object)) {
        link_object(object, scope->outer);
    }
    return object;
}

void *cn_hold_object(void *object)
{
    return cn__ref(object);
}

void cn_free(void *pointer)
{
    cn__object *object = pointer;
    if (object && atomic_load(&object->pins) > 0) {
        cn__fail(
            CN_ESTATE,
            "cn_free: the %s belongs to the layer or to its caller, and is in use by this call",
            cn__kind_name(object->kind));
    } else if (object) {
        unlink_object(object);
        cn__unref(object);
    }
}

void cn__pin(void *pointer, int delta)
{
    cn__object *object = pointer;
    if (object) {
        atomic_fetch_add(&object->pins, delta);
    }
}

int cn__identifier_kind(cn_identifier identifier)
{
    if (!identifier) {
        return 0;
    }
    unsigned char kind = *(const unsigned char *)identifier;
    return kind && (kind < 9 || (kind > 13 && kind < 32)) ? kind : 0;
}

const char *cn__kind_name(int kind)
{
    static const char *const names[32] = {[CN__TENSOR] = "tensor",
                                          [CN__LAYER] = "layer",
                                          [CN__MODEL] = "model",
                                          [CN__OPTIMIZER] = "optimizer",
                                          [CN__SCHEDULE] = "schedule",
                                          [CN__LOSS] = "loss",
                                          [CN__METRIC] = "metric",
                                          [CN__INITIALIZER] = "initializer",
                                          [CN__REGULARIZER] = "regularizer",
                                          [CN__CONSTRAINT] = "constraint",
                                          [CN__ACTIVATION] = "activation",
                                          [CN__CALLBACK] = "callback",
                                          [CN__HISTORY] = "history",
                                          [CN__TAPE] = "tape",
                                          [CN__GRAPH] = "graph",
                                          [CN__PROGRAM] = "program",
                                          [CN__STRING] = "string",
                                          [CN__DATA] = "data source",
                                          [CN__FUNCTION] = "function"};
    return kind > 0 && kind < 32 && names[kind] ? names[kind] : "object of no known kind";
}

int cn__expect(const void *object, cn__kind kind, const char *what)
{
    if (!object) {
        return cn__fail(CN_ETYPE, "%s: expected a %s, got NULL", what, cn__kind_name(kind));
    }
    int got = *(const unsigned char *)object;
    if (got != (int)kind) {
        return cn__fail(CN_ETYPE, "%s: expected a %s, got a %s", what, cn__kind_name(kind),
                        got >= 32 ? "string" : cn__kind_name(got));
    }
    return 0;
}

typedef struct scope_string {
    cn__object object;
    char *text;
} scope_string;

static void destroy_string(void *object)
{
    cn__free_mem(((scope_string *)object)->text);
}

const char *cn__scope_string(char *owned)
{
    static const cn__object_type type = {CN__STRING, "string", destroy_string};
    if (!owned) {
        return NULL;
    }
    scope_string *string = cn__object_new(&type, sizeof *string);
    if (!string) {
        cn__free_mem(owned);
        return NULL;
    }
    string->text = owned;
    return owned;
}
