/* What writing and reading configs share. */
#ifndef CN_UTILS_CONFIG_INTERNAL_H
#define CN_UTILS_CONFIG_INTERNAL_H

#include "utils/config.h"

#if CN__HAVE_JANSSON

/* The name that Keras 2 and 3 use for a key of Keras 1 in configs of this class, or NULL. */
const char *cn__legacy_key(cn__kind kind, const char *class_name, const char *key);
/* Whether an unknown key may be passed over whatever its value: what older versions wrote and
 * nobody needs. */
bool cn__is_ignored_key(cn__kind kind, const char *key);
/* Keras 1's {"name": "WeightRegularizer", "l1": …, "l2": …}: a new reference to the object of
 * today, or NULL without an error. */
json_t *cn__legacy_object(cn__kind kind, const json_t *object);
/* How Keras before 2.4 wrote an initializer or regularizer: a new reference, or NULL without an
 * error where it is as later. */
json_t *cn__legacy_serialize(const cn__instance *instance, int keras);
#endif

#endif
