/* What every other header stands on: keyword arguments, tuples, errors, scopes, memory, threads. */
#ifndef CORNU_BASE_H
#define CORNU_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CN_VERSION "0.1.0"

#if defined(_WIN32)
#define CN_API
#elif defined(__GNUC__)
#define CN_API __attribute__((visibility("default")))
#else
#define CN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_tensor cn_tensor;
typedef struct cn_layer cn_layer;
typedef struct cn_model cn_model;
typedef struct cn_optimizer cn_optimizer;
typedef struct cn_schedule cn_schedule;
typedef struct cn_loss cn_loss;
typedef struct cn_metric cn_metric;
typedef struct cn_callback cn_callback;
typedef struct cn_history cn_history;
typedef struct cn_logs cn_logs;
typedef struct cn_tape cn_tape;

/* None, for an integer inside a tuple or for an axis. */
#define CN_NONE INT64_MIN
/* The end of an axis, in a range of rows. */
#define CN_END INT64_MAX
/* None for a floating argument (a NaN). */
#ifdef __GNUC__
#define CN_NONE_FLOAT __builtin_nan("") /* a constant, so that tables of defaults can hold it */
#else
#define CN_NONE_FLOAT cn_none_float()
#endif
/* None where an argument is an identifier but its default is not None. */
#define CN_NONE_ID ((cn_identifier) "None")

CN_API double cn_none_float(void);

/* A name ("relu"), JSON (from `{`), or an object (cn_optimizer_adam(…)): Keras's identifiers. */
typedef const void *cn_identifier;

/* A tuple of up to eight integers. `{3, 3}` and `{3}` are read up to the last number that is not
 * zero; cn_tuple(1, 0) counts its numbers; a single number stands for all where Keras allows an int
 * for a tuple. */
typedef struct cn_ints {
    int64_t v[8];
    int n;
} cn_ints;

CN_API cn_ints cn_tuple_of(int n, const int64_t *v);
#define cn_tuple(...)                                                                              \
    cn_tuple_of((int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                   \
                (const int64_t[]){__VA_ARGS__})

/* Lists in keyword arguments; they end at the first NULL. */
typedef struct cn_identifiers {
    cn_identifier v[32];
} cn_identifiers;
typedef struct cn_callbacks {
    cn_callback *v[32];
} cn_callbacks;
typedef struct cn_tensors {
    cn_tensor *v[32];
} cn_tensors;
typedef struct cn_floats {
    double v[32];
    int n;
} cn_floats;

/* Keyword arguments are designated initialisers written after the defaults; the later one wins
 * (C11 6.7.9p19). */
#define CN__COMMA ,
struct cn__keywords_only; /* never defined: a positional value does not convert to a pointer to it
                           */
#define CN__END struct cn__keywords_only *end_

#if defined(__clang__)
#define CN__QUIET                                                                                  \
    _Pragma("clang diagnostic push")                                                               \
        _Pragma("clang diagnostic ignored \"-Winitializer-overrides\"")                            \
            _Pragma("clang diagnostic ignored \"-Wshadow\"")                                       \
                _Pragma("clang diagnostic ignored \"-Wmissing-braces\"")                           \
                    _Pragma("clang diagnostic ignored \"-Wmissing-field-initializers\"")
#define CN__POP _Pragma("clang diagnostic pop")
#elif defined(__GNUC__)
#define CN__QUIET                                                                                  \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")           \
        _Pragma("GCC diagnostic ignored \"-Wshadow\"")                                             \
            _Pragma("GCC diagnostic ignored \"-Wmissing-braces\"")                                 \
                _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#define CN__POP _Pragma("GCC diagnostic pop")
#endif

/* fn(&arguments), and fn(object, …, &arguments), with `defaults` first and the caller's keywords
 * after them. */
#ifdef __GNUC__
#define CN__CALL(fn, T, defaults, ...)                                                             \
    __extension__({                                                                                \
        CN__QUIET const T cn__kw = {.size = sizeof(T), defaults, .end_ = 0, __VA_ARGS__};          \
        CN__POP fn(&cn__kw);                                                                       \
    })
#define CN__CALL1(fn, a, T, defaults, ...)                                                         \
    __extension__({                                                                                \
        CN__QUIET const T cn__kw = {.size = sizeof(T), defaults, .end_ = 0, __VA_ARGS__};          \
        CN__POP fn(a, &cn__kw);                                                                    \
    })
#define CN__CALL2(fn, a, b, T, defaults, ...)                                                      \
    __extension__({                                                                                \
        CN__QUIET const T cn__kw = {.size = sizeof(T), defaults, .end_ = 0, __VA_ARGS__};          \
        CN__POP fn(a, b, &cn__kw);                                                                 \
    })
#define CN__CALL3(fn, a, b, c, T, defaults, ...)                                                   \
    __extension__({                                                                                \
        CN__QUIET const T cn__kw = {.size = sizeof(T), defaults, .end_ = 0, __VA_ARGS__};          \
        CN__POP fn(a, b, c, &cn__kw);                                                              \
    })
#else
#define CN__CALL(fn, T, defaults, ...)                                                             \
    fn(&(const T){.size = sizeof(T), defaults, .end_ = 0, __VA_ARGS__})
#define CN__CALL1(fn, a, T, defaults, ...)                                                         \
    fn(a, &(const T){.size = sizeof(T), defaults, .end_ = 0, __VA_ARGS__})
#define CN__CALL2(fn, a, b, T, defaults, ...)                                                      \
    fn(a, b, &(const T){.size = sizeof(T), defaults, .end_ = 0, __VA_ARGS__})
#define CN__CALL3(fn, a, b, c, T, defaults, ...)                                                   \
    fn(a, b, c, &(const T){.size = sizeof(T), defaults, .end_ = 0, __VA_ARGS__})
#endif
/* Stands where a class has no default that is not zero. */
#define CN__NO_DEFAULTS .end_ = 0

/* Errors
 * -------------------------------------------------------------------------------------------------------
 */

#define CN_ERROR_MAP(XX)                                                                           \
    XX(EVALUE, -1, "invalid value")                                                                \
    XX(ETYPE, -2, "wrong type")                                                                    \
    XX(ENOMEM, -3, "out of memory")                                                                \
    XX(EIO, -4, "input/output error")                                                              \
    XX(EFORMAT, -5, "malformed data")                                                              \
    XX(EINDEX, -6, "index out of range")                                                           \
    XX(ESTATE, -7, "not possible in this state")                                                   \
    XX(EUNSUPPORTED, -8, "not supported in this build")                                            \
    XX(EKEY, -9, "unknown name")                                                                   \
    XX(ENETWORK, -10, "network error")                                                             \
    XX(EPENDING, -11, "an earlier error is pending")

enum {
#define XX(name, value, text) CN_##name = value,
    CN_ERROR_MAP(XX)
#undef XX
};

/* The pending error of this thread, or NULL. While one is pending every call but free, scope and
 * error calls fails. */
CN_API const char *cn_error(void);
/* Its code (CN_EVALUE …), or 0. */
CN_API int cn_error_code(void);
/* Forgets it, so that the program can go on. */
CN_API void cn_error_clear(void);
/* Reports an error from a user's own layer, callback or function; printf-style. Returns code; the
 * first error is kept. */
CN_API int cn_fail(int code, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* Ownership
 * ----------------------------------------------------------------------------------------------------
 */

/* Every object belongs to the scope that was innermost in its thread when it was made. A scope is a
 * token; ending it ends what was opened inside it too. */
typedef struct cn_scope {
    uint64_t id;
} cn_scope;

CN_API cn_scope cn_scope_begin(void);
CN_API void cn_scope_end(cn_scope scope);
/* Moves an object to the scope around the innermost one; returns it. */
CN_API void *cn_keep_object(void *object);
/* One more owner, outside every scope: for structs of the user's own. Each hold wants its cn_free.
 */
CN_API void *cn_hold_object(void *object);
/* Ends an object early: takes it out of its scope or, if it is in none, takes one hold back. NULL
 * is fine. A layer's build or call may not free the layer, its weights or its inputs: CN_ESTATE. */
CN_API void cn_free(void *object);
#if defined(__GNUC__) && !defined(__cplusplus)
#define cn_keep(object) ((__typeof__(object))cn_keep_object(object))
#define cn_hold(object) ((__typeof__(object))cn_hold_object(object))
#else
#define cn_keep(object) cn_keep_object(object)
#define cn_hold(object) cn_hold_object(object)
#endif

/* Replaces malloc, realloc and free for everything that Cornu allocates; before the first other
 * call. */
typedef struct cn_allocator {
    size_t size; /* sizeof(cn_allocator) */
    void *(*alloc)(size_t bytes, void *user);
    void *(*resize)(void *pointer, size_t bytes, void *user);
    void (*release)(void *pointer, void *user);
    void *user;
} cn_allocator;
CN_API int cn_set_allocator(const cn_allocator *allocator);

/* Configuration
 * ------------------------------------------------------------------------------------------------
 */

/* The number of threads, for work started from now on; 0 goes back to CORNU_NUM_THREADS or the
 * number of cores. */
CN_API int cn_set_num_threads(int threads);
CN_API int cn_num_threads(void);
/* Which Keras objects made from now on behave like: "2.3" (multi-backend), "2.1" … "2.21"
 * (tf.keras), "3" … "3.15". */
CN_API int cn_set_keras(const char *version);
CN_API const char *cn_keras(void);
/* The seed of everything random (keras.utils.set_random_seed, tf.random.set_seed). */
CN_API int cn_set_random_seed(uint64_t seed);
/* Resets the counters of automatic names, and what else a session keeps
 * (keras.backend.clear_session). */
CN_API void cn_clear_session(void);
/* "channels_last" (default) or "channels_first"; the fuzz factor 1e-7. */
CN_API const char *cn_image_data_format(void);
CN_API int cn_set_image_data_format(const char *format);
CN_API double cn_epsilon(void);
/* CN_VERSION of the library that runs. */
CN_API const char *cn_version(void);

#ifdef __cplusplus
}
#endif
#endif
