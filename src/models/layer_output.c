/* The symbolic output of a layer inside a model: what an intermediate model is made from. */
#include "models/model.h"

static bool made_by(const cn_tensor *t, const cn_layer *layer)
{
    return t->keras_history && ((const cn__layer_call *)t->keras_history)->layer == layer;
}

cn_tensor *cn_model_layer_output(const cn_model *model, const char *name)
{
    cn_layer *layer = cn_model_get_layer(model, name);
    if (!layer) {
        return NULL;
    }
    enum { LIMIT = 4096 };
    cn__layer_call **calls = cn__calloc(LIMIT, sizeof *calls);
    if (!calls) {
        return NULL;
    }
    /* The output is what another call reads, or an output of the model. */
    cn_tensor *found = NULL;
    int n = cn__model_calls(model, calls, LIMIT);
    for (int i = 0; i < n && i < LIMIT && !found; i++) {
        for (int k = 0; k < calls[i]->n_in && !found; k++) {
            found = made_by(calls[i]->in[k], layer) ? calls[i]->in[k] : NULL;
        }
    }
    for (int i = 0; i < model->n_outputs && !found; i++) {
        found = model->outputs[i] && made_by(model->outputs[i], layer) ? model->outputs[i] : NULL;
    }
    cn__free_mem(calls);
    if (!found && !cn__pending()) {
        cn__fail(CN_ESTATE, "The layer %s has never been called and thus has no defined output.",
                 name);
    }
    return found;
}
