/* Inputs of models: InputLayers and the symbolic tensors that they stand for. */
#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "layers/op_layer.h"
#include "models/structure.h"

#include <string.h>

extern const cn_layer_class cn__layer_input_layer;

static bool given(const cn_ints *ints)
{
    return ints->n > 0 || ints->v[0] != 0;
}

static int append(cn_shape *shape, const cn_ints *ints)
{
    int n = cn__ints_count(ints);
    for (int i = 0; i < n && shape->rank < CN_MAX_RANK; i++) {
        shape->dim[shape->rank++] = ints->v[i] < 0 ? -1 : ints->v[i];
    }
    return 0;
}

bool cn__layer_input_shape(const cn_layer *layer, cn_shape *shape)
{
    const cn_layer_args *args = layer->base.args;
    *shape = (cn_shape){0};
    if (given(&args->batch_input_shape)) {
        append(shape, &args->batch_input_shape);
        return true;
    }
    if (given(&args->input_shape)) {
        shape->dim[shape->rank++] = args->batch_size == CN_NONE ? -1 : args->batch_size;
        append(shape, &args->input_shape);
        return true;
    }
    return false;
}

bool cn__is_input_layer(const cn_layer *layer)
{
    return layer->base.class == &cn__layer_input_layer.base;
}

cn_layer *cn__input_layer(const cn_shape *batch_shape, const char *dtype, const char *name)
{
    cn_layer_args args = {.size = sizeof args, .name = name, .dtype = dtype, .trainable = true};
    args.batch_size = CN_NONE;
    args.batch_input_shape.n = batch_shape->rank;
    for (int i = 0; i < batch_shape->rank; i++) {
        args.batch_input_shape.v[i] = batch_shape->dim[i] == -1 ? CN_NONE : batch_shape->dim[i];
    }
    return cn__create(CN__LAYER, &cn__layer_input_layer.base, &args);
}

static void destroy_call(void *object)
{
    cn__unref(((cn__layer_call *)object)->layer);
}

cn_tensor *cn__input_tensor(cn_layer *layer)
{
    static const cn__object_type type = {CN__FUNCTION, "layer call", destroy_call};
    cn_shape shape;
    cn__op_layers_begin();
    if (!cn__layer_input_shape(layer, &shape)) {
        cn__fail(CN_EVALUE, "You must pass a `shape` argument.");
        return NULL;
    }
    cn_tensor *t = cn__placeholder(layer->compute_dtype, &shape, layer->base.name);
    cn__layer_call *call = t ? cn__object_new_owned(&type, sizeof *call) : NULL;
    if (!call) {
        return NULL;
    }
    call->layer = cn__ref(layer);
    call->n_out = 1;
    call->out_shape[0] = shape;
    call->out_id[0] = t->id;
    call->index = layer->n_calls++;
    layer->built = true;
    layer->output_shape = shape;
    layer->n_outputs = 1;
    cn__unref(t->keras_history);
    t->keras_history = call;
    return t;
}

/* The batch shape of cn_input's arguments, in Keras's words where they contradict each other. */
static int read_shape(const cn_input_args *args, cn_shape *shape)
{
    *shape = (cn_shape){0};
    if (given(&args->shape) && given(&args->batch_shape)) {
        return cn__fail(CN_EVALUE,
                        "You cannot pass both `shape` and `batch_shape` at the same time.");
    }
    if (given(&args->batch_shape)) {
        if (args->batch_size != CN_NONE) {
            return cn__fail(
                CN_EVALUE, "You cannot pass both `batch_size` and `batch_shape` at the same time.");
        }
        return append(shape, &args->batch_shape);
    }
    if (given(&args->shape)) {
        shape->dim[shape->rank++] = args->batch_size == CN_NONE ? -1 : args->batch_size;
        if (cn__ints_count(&args->shape) >= CN_MAX_RANK) {
            return cn__fail(CN_EVALUE, "Input: at most %d lengths without the batch",
                            CN_MAX_RANK - 1);
        }
        return append(shape, &args->shape);
    }
    return cn__is_keras3(cn__keras_version())
               ? cn__fail(CN_EVALUE, "You must pass a `shape` argument.")
               : cn__fail(CN_EVALUE, "Please provide to Input a `shape` or a `tensor` or a "
                                     "`type_spec` argument. Note "
                                     "that `shape` does not include the batch dimension.");
}

const cn_input_args cn_input_defaults = {.size = sizeof(cn_input_args), CN_INPUT_DEFAULTS};

cn_tensor *cn_input_with(const cn_input_args *given_args)
{
    cn_input_args args = {.size = sizeof args, CN_INPUT_DEFAULTS};
    cn_shape shape;
    if (cn__pending()) {
        return NULL;
    }
    if (!given_args || !given_args->size) {
        cn__fail(CN_EVALUE, "cn_input: the size of the argument struct is not set");
        return NULL;
    }
    memcpy(&args, given_args, given_args->size < sizeof args ? given_args->size : sizeof args);
    if (read_shape(&args, &shape) < 0) {
        return NULL;
    }
    cn_layer *layer = cn__input_layer(&shape, args.dtype ? args.dtype : "float32", args.name);
    cn_tensor *t = layer ? cn__input_tensor(layer) : NULL;
    cn_free(layer);
    return t;
}
