/* What the files about the structure of models share: inputs, layers in a list, plans of functional
 * graphs. */
#ifndef CN_MODELS_STRUCTURE_H
#define CN_MODELS_STRUCTURE_H

#include "models/model.h"

/* The batch shape that a layer's arguments ask for (batch_input_shape, or input_shape with
 * batch_size); false if none. */
bool cn__layer_input_shape(const cn_layer *layer, cn_shape *shape);
/* An InputLayer of the current scope; a NULL name is automatic. */
cn_layer *cn__input_layer(const cn_shape *batch_shape, const char *dtype, const char *name);
/* The symbolic tensor that an InputLayer stands for, of the current scope, with a layer call
 * without inputs as its history. */
cn_tensor *cn__input_tensor(cn_layer *input_layer);
bool cn__is_input_layer(const cn_layer *layer);
/* The layer call that made a symbolic tensor, or NULL. */
static inline cn__layer_call *cn__history(const cn_tensor *t)
{
    return t->keras_history;
}

/* Takes the symbolic graph away: inputs, outputs and their names. */
void cn__model_clear_graph(cn_model *model);
/* Sets input i and output i, with references of the model's own; names of outputs are those of the
 * layers that made them. */
int cn__model_set_input(cn_model *model, int i, cn_tensor *t);
int cn__model_set_output(cn_model *model, int i, cn_tensor *t);
/* Takes the last tracked layer off the list. */
void cn__model_untrack_last(cn_model *model);
/* The inputs of a call, brought to what the model's own inputs look like: dtype, a last axis of one
 * more or less. CN_EVALUE in Keras's words where they do not fit. */
int cn__model_conform(const cn_model *model, cn_tensor *const *inputs, int n, cn_tensor **out);
/* The layers that Keras lists at `model.layers`, with a Sequential model's InputLayer in front when
 * `input`. Fills at most max. */
int cn__model_list(const cn_model *model, bool input, cn_layer **out, int max);

/* The graph between the model's inputs and outputs as a list of steps; made by cn_functional. */
int cn__plan_make(cn_model *model);
void cn__plan_free(cn_model *model);
/* Whether a summary shows the model without connections; whether ops outside layers are part of the
 * graph, and the name of the first. */
bool cn__plan_is_chain(const cn_model *model);
bool cn__plan_has_ops(const cn_model *model, const char **name);

cn_model *cn__sequential_new(const char *name, bool trainable);
int cn__sequential_add(cn_model *model, cn_layer *layer, bool build);
/* Builds the graph of a Sequential model without one for inputs of this batch shape. */
int cn__sequential_build(cn_model *model, const cn_shape *shape);

/* "['dense', 'dense_1']": the names of the model's layers; caller frees. */
char *cn__name_list(const cn_model *model);

#endif
