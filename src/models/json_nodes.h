/* What writes the calls of functional models. */
#ifndef CN_MODELS_JSON_NODES_H
#define CN_MODELS_JSON_NODES_H

#include "models/json.h"

/* The calls of a functional model, so that a call finds its number among its layer's. */
typedef struct cn__calls {
    const cn_model *model;
    cn__layer_call **v;
    int n;
} cn__calls;

#if CN__HAVE_JANSSON
/* [name, node, tensor] and, of a call, its keyword arguments. */
json_t *cn__keras2_tensor(const cn__calls *c, const cn_tensor *t, const cn__layer_call *call);
/* A call as one of its layer's inbound_nodes. */
json_t *cn__node_json(const cn__calls *c, const cn__layer_call *call);
#endif

#endif
