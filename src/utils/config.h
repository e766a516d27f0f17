/* Configs: what get_config() gives and from_config() takes, as JSON, driven by the field tables
 * alone. */
#ifndef CN_UTILS_CONFIG_H
#define CN_UTILS_CONFIG_H

#include "core/instance.h"

#if CN__HAVE_JANSSON
#include <jansson.h>

/* Which dialect is written: tf.keras 2 (to_json of tf_keras 2.21 and, by version, older ones) or
 * Keras 3. */
typedef enum cn__dialect { CN__DIALECT_KERAS2 = 2, CN__DIALECT_KERAS3 = 3 } cn__dialect;

/* The config of an instance: its fields in the order in which Keras writes them. New reference, or
 * NULL and an error. */
json_t *cn__get_config(const void *instance, cn__dialect dialect);
/* {"module", "class_name", "config", "registered_name"[, "build_config"]} (tf.keras before 2.13:
 * class_name and config). */
json_t *cn__serialize(const void *instance, cn__dialect dialect);
/* An instance in the current scope from a serialised object, a plain name, or {"class_name",
 * "config"} of any generation. Unknown keys with a null or default value are ignored, others are an
 * error that names class and key. */
void *cn__deserialize(cn__kind kind, const json_t *object);
void *cn__from_config(cn__kind kind, const cn_class *class, const json_t *config);
/* The same by a function of the caller's, for objects that cn__create does not make (models). */
void *cn__from_config_by(cn__kind kind, const cn_class *class, const json_t *config,
                         void *(*make)(const cn_class *class, const void *args));
/* json.dumps as Python writes it: ", " and ": ", floats as repr, ASCII only. Caller frees. */
char *cn__json_dumps(const json_t *value);
/* Parses text; errors name line and column. Depth and size are limited. */
json_t *cn__json_loads(const char *text, size_t length, const char *what);
/* Put a value, whose reference they take, into an object or at the end of an array. NULL, what a
 * maker of values that failed has given, is its error or CN_ENOMEM. */
int cn__json_set(json_t *object, const char *key, json_t *value);
int cn__json_append(json_t *array, json_t *value);
/* [null, 28, 28]: negative lengths (-1, CN_NONE) are None. New reference, or NULL. */
json_t *cn__json_lengths(int n, const int64_t *lengths);
json_t *cn__json_shape(const cn_shape *shape);
#endif

#endif
