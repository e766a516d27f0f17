/* A layer's weights as lists, in Keras's order, and its losses. */
#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "layers/layer.h"

#include <cornu/regularizers.h>

#include <string.h>

static int append(cn__tensor_list *list, cn_tensor *weight)
{
    for (int64_t i = 0; i < list->n; i++) {
        if (list->v[i] == weight) {
            return 0;
        }
    }
    if (cn__grow((void **)&list->v, &list->capacity, list->n + 1, sizeof *list->v) < 0) {
        return CN_ENOMEM;
    }
    list->v[list->n++] = weight;
    return 0;
}

static int append_own(const cn_layer *layer, bool trainable, cn__tensor_list *list)
{
    for (int64_t i = 0; i < layer->n_weights; i++) {
        if (layer->weights[i]->variable->trainable == trainable &&
            append(list, layer->weights[i]) < 0) {
            return CN_ENOMEM;
        }
    }
    return 0;
}

static int append_nested(const cn_layer *layer, cn__which_weights which, cn__tensor_list *list)
{
    for (int64_t i = 0; i < layer->n_sublayers; i++) {
        int code = cn__layer_gather(layer->sublayers[i], which, list);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* Layer by layer in models and in Keras 3; in a layer of tf.keras what is trained comes first,
 * sublayers included. */
static int gather_all(const cn_layer *layer, cn__tensor_list *list)
{
    bool model = layer->base.object.kind == CN__MODEL;
    int code = 0;
    if (model) {
        code = append_nested(layer, CN__ALL_WEIGHTS, list);
    }
    if (code == 0 && !model && !cn__is_keras3(layer->base.keras)) {
        code = cn__layer_gather(layer, CN__TRAINABLE_WEIGHTS, list);
        return code == 0 ? cn__layer_gather(layer, CN__FROZEN_WEIGHTS, list) : code;
    }
    if (code == 0) {
        code = append_own(layer, true, list);
    }
    if (code == 0) {
        code = append_own(layer, false, list);
    }
    return code == 0 ? append_nested(layer, CN__ALL_WEIGHTS, list) : code;
}

int cn__layer_gather(const cn_layer *layer, cn__which_weights which, cn__tensor_list *list)
{
    if (which == CN__ALL_WEIGHTS) {
        return gather_all(layer, list);
    }
    int code = 0;
    if (which == CN__TRAINABLE_WEIGHTS) {
        code = layer->trainable ? append_own(layer, true, list) : 0;
        return code == 0 && layer->trainable ? append_nested(layer, which, list) : code;
    }
    if (!layer->trainable) {
        code = append_own(layer, true, list);
    }
    if (code == 0) {
        code = append_own(layer, false, list);
    }
    return code == 0 ? append_nested(layer, layer->trainable ? which : CN__ALL_WEIGHTS, list)
                     : code;
}

static int list_weights(const cn_layer *layer, cn__which_weights which, cn_tensor **out, int max,
                        const char *who)
{
    cn__tensor_list list = {0};
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, who)) {
        return cn_error_code();
    }
    int code = cn__layer_gather(layer, which, &list);
    for (int64_t i = 0; code == 0 && i < list.n && i < max; i++) {
        out[i] = list.v[i];
    }
    cn__free_mem(list.v);
    return code < 0 ? code : (int)list.n;
}

int cn_layer_weights(const cn_layer *layer, cn_tensor **out, int max)
{
    return list_weights(layer, CN__ALL_WEIGHTS, out, max, "cn_layer_weights");
}

int cn_layer_trainable_weights(const cn_layer *layer, cn_tensor **out, int max)
{
    return list_weights(layer, CN__TRAINABLE_WEIGHTS, out, max, "cn_layer_trainable_weights");
}

int cn_layer_non_trainable_weights(const cn_layer *layer, cn_tensor **out, int max)
{
    return list_weights(layer, CN__FROZEN_WEIGHTS, out, max, "cn_layer_non_trainable_weights");
}

static int check_values(const cn_layer *layer, const cn__tensor_list *list, int n,
                        cn_tensor *const *values)
{
    if (n != list->n) {
        const char *quote = cn__is_keras3(layer->base.keras) ? "'" : "\"";
        return cn__fail(
            CN_EVALUE,
            "You called `set_weights(weights)` on layer %s%s%s with a weight list of length %d, "
            "but the layer was expecting %lld weights.",
            quote, layer->base.name, quote, n, (long long)list->n);
    }
    for (int i = 0; i < n; i++) {
        int code = cn__expect(values[i], CN__TENSOR, "cn_layer_set_weights");
        if (code < 0) {
            return code;
        }
        if (!cn__shape_equal(&values[i]->shape, &list->v[i]->shape)) {
            char want[256], got[256];
            return cn__fail(
                CN_EVALUE,
                "Layer %s weight shape %s is not compatible with provided weight shape %s.",
                layer->base.name, cn__shape_text(&list->v[i]->shape, want, sizeof want),
                cn__shape_text(&values[i]->shape, got, sizeof got));
        }
    }
    return 0;
}

static int copy_values(const cn__tensor_list *list, cn_tensor *const *values)
{
    for (int64_t i = 0; i < list->n; i++) {
        cn_tensor *value = values[i]->dtype == list->v[i]->dtype
                               ? values[i]
                               : cn_cast(values[i], list->v[i]->dtype);
        const void *from = value ? cn__data(value) : NULL;
        void *to = from ? cn__data_write(list->v[i]) : NULL;
        if (!to) {
            return cn_error_code();
        }
        memmove(to, from, cn__bytes(value));
    }
    return 0;
}

int cn_layer_set_weights(cn_layer *layer, int n, cn_tensor *const *values)
{
    cn__tensor_list list = {0};
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, "cn_layer_set_weights")) {
        return cn_error_code();
    }
    int code = cn__layer_gather(layer, CN__ALL_WEIGHTS, &list);
    if (code == 0) {
        code = check_values(layer, &list, n, values);
    }
    if (code == 0) {
        cn_scope scope = cn_scope_begin();
        code = copy_values(&list, values);
        cn_scope_end(scope);
    }
    cn__free_mem(list.v);
    return code;
}

int64_t cn_layer_count_params(const cn_layer *layer)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, "cn_layer_count_params")) {
        return cn_error_code();
    }
    if (!layer->built) {
        bool three = cn__is_keras3(layer->base.keras);
        const char *name = layer->base.name;
        return three
                   ? cn__fail(CN_ESTATE,
                              "You tried to call `count_params` on layer '%s', but the layer isn't "
                              "built. "
                              "You can build it manually via: `layer.build(input_shape)`.",
                              name)
                   : cn__fail(
                         CN_ESTATE,
                         "You tried to call `count_params` on layer %s, but the layer isn't built. "
                         "You can build it manually via: `%s.build(batch_input_shape)`.",
                         name, name);
    }
    cn__tensor_list list = {0};
    int64_t code = cn__layer_gather(layer, CN__ALL_WEIGHTS, &list), count = 0;
    for (int64_t i = 0; code == 0 && i < list.n; i++) {
        count += cn__size(list.v[i]);
    }
    cn__free_mem(list.v);
    return code < 0 ? code : count;
}

static int flatten(cn_layer *layer, cn_layer **out, int n, int max)
{
    for (int i = 0; out && i < n && i < max; i++) {
        if (out[i] == layer) {
            return n;
        }
    }
    if (out && n < max) {
        out[n] = layer;
    }
    n++;
    for (int64_t i = 0; i < layer->n_sublayers; i++) {
        n = flatten(layer->sublayers[i], out, n, max);
    }
    return n;
}

int cn__layer_all(cn_layer *layer, cn_layer **out, int max)
{
    return flatten(layer, out, 0, max);
}

void cn__layer_clear_losses(cn_layer *layer)
{
    for (int64_t i = 0; i < layer->n_losses; i++) {
        cn__unref(layer->losses[i]);
    }
    layer->n_losses = 0;
}

void cn__layer_clear_all_losses(cn_layer *layer)
{
    cn__layer_clear_losses(layer);
    for (int64_t i = 0; i < layer->n_sublayers; i++) {
        cn__layer_clear_all_losses(layer->sublayers[i]);
    }
}

int cn_layer_add_loss(cn_layer *layer, cn_tensor *loss)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, "cn_layer_add_loss") ||
        cn__expect(loss, CN__TENSOR, "cn_layer_add_loss") < 0) {
        return cn_error_code();
    }
    /* A vector counts by its mean, as the losses of a batch do. */
    cn_tensor *scalar = loss->shape.rank ? cn_mean_axes(loss, -1, NULL, false) : loss;
    if (scalar && !scalar->storage && !cn__trace_current()) {
        /* The graph of a functional model is being made: its calls are made again, with their
         * losses, when it runs. */
        return layer->depth ? 0
                            : cn__fail(CN_EUNSUPPORTED,
                                       "Layer \"%s\": a loss of symbolic tensors can be added in a "
                                       "layer's call only",
                                       layer->base.name);
    }
    if (!scalar || cn__grow((void **)&layer->losses, &layer->losses_capacity, layer->n_losses + 1,
                            sizeof *layer->losses) < 0) {
        return cn_error_code();
    }
    layer->losses[layer->n_losses++] = cn__ref(scalar);
    return 0;
}

/* What the regularizers of the layer's own weights ask for. Keras 3 leaves out weights that are not
 * trained. */
static int regularization(cn_layer *layer, cn_tensor **out, int n, int max)
{
    for (int64_t i = 0; i < layer->n_weights; i++) {
        const cn__variable *variable = layer->weights[i]->variable;
        bool counts =
            variable->trainable && (layer->trainable || !cn__is_keras3(layer->base.keras));
        if (!variable->regularizer || !counts) {
            continue;
        }
        cn_tensor *loss = cn_regularizer_call(variable->regularizer, layer->weights[i]);
        if (!loss) {
            return cn_error_code();
        }
        if (n < max) {
            out[n] = loss;
        }
        n++;
    }
    return n;
}

int cn__layer_collect_losses(cn_layer *layer, bool regularizers, cn_tensor **out, int max)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    int count = cn__layer_all(layer, NULL, 0), n = 0;
    cn_layer **layers = cn__malloc((size_t)count * sizeof(cn_layer *));
    if (!layers) {
        return CN_ENOMEM;
    }
    /* Without repeats it can only be fewer than the first count, which could not look back. */
    count = cn__layer_all(layer, layers, count);
    for (int i = 0; i < count && n >= 0; i++) {
        for (int64_t k = 0; k < layers[i]->n_losses; k++, n++) {
            if (n < max) {
                out[n] = layers[i]->losses[k];
            }
        }
        if (regularizers) {
            n = regularization(layers[i], out, n, max);
        }
    }
    cn__free_mem(layers);
    return n;
}
