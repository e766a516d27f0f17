/* The calls of functional models as JSON: "inbound_nodes" in the forms of Keras 2 and 3. */
#include "models/json_nodes.h"

#include "core/error.h"
#include "layers/op_layer.h"

#include <string.h>

#if CN__HAVE_JANSSON
int cn__skipped_nodes(const cn_layer *layer)
{
    if (layer->base.object.kind != CN__MODEL || cn__is_keras3(layer->base.keras)) {
        return 0;
    }
    const cn_model *model = (const cn_model *)layer;
    return model->type == CN__FUNCTIONAL || (model->type == CN__SEQUENTIAL && model->graph);
}

/* Which of its layer's calls inside this model a call is. */
static int node_index(const cn__calls *c, const cn__layer_call *call)
{
    int index = cn__skipped_nodes(call->layer);
    for (int i = 0; i < c->n && c->v[i] != call; i++) {
        index += c->v[i]->layer == call->layer;
    }
    return call->n_in ? index : 0;
}

/* Name, node and tensor numbers of a tensor that a layer made. */
static int history(const cn__calls *c, const cn_tensor *t, const char **name, int *node,
                   int *tensor)
{
    const cn__layer_call *call = cn__history(t);
    *tensor = cn__layer_call_output(t);
    if (!call || *tensor < 0) {
        const char *op = t->node ? t->node->op->name : "constant";
        return cn__fail(
            CN_EUNSUPPORTED,
            "to_json: model '%s' applies the op '%s' outside layers, which JSON cannot say; put it "
            "into a layer",
            c->model->layer.base.name, op);
    }
    *name = call->layer->base.name;
    *node = node_index(c, call);
    return 0;
}

json_t *cn__keras2_tensor(const cn__calls *c, const cn_tensor *t, const cn__layer_call *call)
{
    const char *name = NULL;
    int node = 0, tensor = 0;
    if (history(c, t, &name, &node, &tensor) < 0) {
        return NULL;
    }
    if (!call) {
        return json_pack("[s, i, i]", name, node, tensor);
    }
    int fixed = call->fixed_training ? call->fixed_training : call->args.training;
    json_t *kwargs = fixed ? json_pack("{s:b}", "training", fixed > 0) : json_object();
    return json_pack("[s, i, i, o]", name, node, tensor, kwargs);
}

static json_t *keras3_tensor(const cn__calls *c, const cn_tensor *t)
{
    const char *name = NULL;
    int node = 0, tensor = 0;
    if (history(c, t, &name, &node, &tensor) < 0) {
        return NULL;
    }
    json_t *shape = cn__json_shape(&t->shape);
    return shape ? json_pack("{s:s, s:{s:o, s:s, s:[s, i, i]}}", "class_name", "__keras_tensor__",
                             "config", "shape", shape, "dtype", cn_dtype_name(t->dtype),
                             "keras_history", name, node, tensor)
                 : NULL;
}

/* Layers whose call has a mask argument, which Keras 3 fills in and writes even where there is
 * none. */
static bool writes_mask(const cn_layer *layer)
{
    static const char *const names[] = {"BatchNormalization",
                                        "Softmax",
                                        "GlobalAveragePooling1D",
                                        "LSTM",
                                        "GRU",
                                        "SimpleRNN",
                                        "RNN",
                                        "Bidirectional",
                                        "TimeDistributed",
                                        "ConvLSTM1D",
                                        "ConvLSTM2D",
                                        "ConvLSTM3D"};
    if (layer->base.object.kind == CN__MODEL) {
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], layer->base.class->name) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *keras3_kwargs(const cn__layer_call *call)
{
    int fixed = call->fixed_training ? call->fixed_training : call->args.training;
    if (fixed) {
        return json_pack("{s:b}", "training", fixed > 0);
    }
    return writes_mask(call->layer) ? json_pack("{s:n}", "mask") : json_object();
}

/* {"args": [tensor]} or, where the layer takes a list, {"args": [[tensor, …]]}. */
static json_t *keras3_node(const cn__calls *c, const cn__layer_call *call)
{
    json_t *list = json_array();
    int code = list ? 0 : cn__no_memory();
    for (int i = 0; code == 0 && i < call->n_in; i++) {
        code = cn__json_append(list, keras3_tensor(c, call->in[i]));
    }
    bool model = call->layer->base.object.kind == CN__MODEL;
    bool listed = call->n_in > 1 || (!model && cn__layer_class(call->layer)->n_inputs < 0);
    json_t *kwargs = code == 0 ? keras3_kwargs(call) : NULL;
    if (!kwargs) {
        json_decref(list);
        return NULL;
    }
    return listed ? json_pack("{s:[o], s:o}", "args", list, "kwargs", kwargs)
                  : json_pack("{s:o, s:o}", "args", list, "kwargs", kwargs);
}

static json_t *keras2_node(const cn__calls *c, const cn__layer_call *call)
{
    json_t *list = json_array();
    int code = list ? 0 : cn__no_memory();
    for (int i = 0; code == 0 && i < call->n_in; i++) {
        code = cn__json_append(list, cn__keras2_tensor(c, call->in[i], call));
    }
    if (code < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* The tensors of a node as op layers ask for them. */
static json_t *tensor_of(void *user, const cn_tensor *t)
{
    const cn__calls *c = user;
    return cn__is_keras3(c->model->layer.base.keras) ? keras3_tensor(c, t)
                                                     : cn__keras2_tensor(c, t, NULL);
}

json_t *cn__node_json(const cn__calls *c, const cn__layer_call *call)
{
    if (cn__is_op_layer(call->layer)) {
        return cn__op_layer_node(call, tensor_of, (void *)(uintptr_t)c);
    }
    return cn__is_keras3(c->model->layer.base.keras) ? keras3_node(c, call) : keras2_node(c, call);
}
#else
typedef int cn__no_json;
#endif
