/* What reading and writing models as JSON share. */
#ifndef CN_MODELS_JSON_H
#define CN_MODELS_JSON_H

#include "models/structure.h"
#include "utils/config.h"

#if CN__HAVE_JANSSON
/* The model as its Keras version serializes it: {"class_name", "config", …}; a new reference.
 * `outermost`: with keras_version. */
json_t *cn__model_to_json(const cn_model *model, bool outermost);
/* A model of the current scope from such an object, under the Keras version of the moment. */
cn_model *cn__model_from_json(const json_t *object, int depth);
/* compile_config of Keras 3; {} for a model that is not compiled. A new reference. */
json_t *cn__compile_config(const cn_model *model);
/* Whether class_name names a model: Sequential, Functional, Model. */
bool cn__is_model_name(const char *class_name);
/* How many of a model's nodes Keras 2 counts before its first call as a layer: 1 for what has an
 * input of its own. */
int cn__skipped_nodes(const cn_layer *layer);
#endif

#endif
