/* What the readers of models share. */
#ifndef CN_MODELS_JSON_GRAPH_H
#define CN_MODELS_JSON_GRAPH_H

#include "models/json.h"

/* More than any known network has (a thousand or so); what is larger is taken for an attack. */
enum { CN__MAX_JSON_LAYERS = 8192, CN__MAX_JSON_NODES = 65536, CN__MAX_JSON_NESTING = 48 };

#if CN__HAVE_JANSSON
cn_model *cn__functional_from_json(const json_t *config, int depth);
cn_layer *cn__layer_from_entry(const json_t *entry, int depth);
bool cn__read_shape(const json_t *list, cn_shape *shape);
void cn__note_short_configs(cn_model *model, const json_t *entry);
/* Whether words of Keras 1 may be in the file: its version says so, or it has none; and the model in
 * the words of Keras 2 (NULL and an error). */
bool cn__may_be_keras1(const json_t *object);
json_t *cn__keras1_translated(const json_t *object);
#endif

#endif
