/* What layers measure in their calls (add_metric), and the losses that they have added. */
#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"
#include "layers/layer.h"

#include <cornu/metrics.h>

#include <string.h>

static _Thread_local bool measuring = true;

bool cn__layer_measure(bool on)
{
    bool before = measuring;
    measuring = on;
    return before;
}

static cn_metric *find(const cn_layer *layer, const char *name)
{
    for (int64_t i = 0; i < layer->n_metrics; i++) {
        if (strcmp(cn_metric_name(layer->metrics[i]), name) == 0) {
            return layer->metrics[i];
        }
    }
    return NULL;
}

static cn_metric *make(cn_layer *layer, const char *name)
{
    if (cn__grow((void **)&layer->metrics, &layer->metrics_capacity, layer->n_metrics + 1,
                 sizeof(cn_metric *)) < 0) {
        return NULL;
    }
    cn_metric *metric = cn_metric_mean(.name = name);
    if (metric) {
        layer->metrics[layer->n_metrics++] = cn__ref(metric);
    }
    return metric;
}

int cn_layer_add_metric(cn_layer *layer, cn_tensor *value, const char *name)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__as_layer(layer, "cn_layer_add_metric") ||
        cn__expect(value, CN__TENSOR, "cn_layer_add_metric") < 0) {
        return cn_error_code();
    }
    if (!name) {
        return cn__fail(CN_EVALUE,
                        "Please provide a name for your metric like "
                        "`self.add_metric(tf.reduce_sum(inputs), name='mean_activation')`");
    }
    cn_metric *metric = find(layer, name);
    metric = metric ? metric : make(layer, name);
    bool symbolic = !value->storage && !cn__trace_current();
    if (!metric || !measuring || symbolic) {
        return metric ? 0 : cn_error_code();
    }
    return cn_metric_update(metric, value, NULL, NULL);
}

int cn__layer_metrics(cn_layer *layer, cn_metric **out, int max)
{
    int count = cn__layer_all(layer, NULL, 0), n = 0;
    cn_layer **layers = cn__malloc((size_t)count * sizeof(cn_layer *));
    if (!layers) {
        return CN_ENOMEM;
    }
    count = cn__layer_all(layer, layers, count);
    for (int i = 0; i < count; i++) {
        for (int64_t k = 0; k < layers[i]->n_metrics && n < max; k++) {
            out[n++] = layers[i]->metrics[k];
        }
    }
    cn__free_mem(layers);
    return n;
}

int cn__layer_reset_metrics(cn_layer *layer)
{
    int code = 0;
    for (int64_t i = 0; code == 0 && i < layer->n_metrics; i++) {
        code = cn_metric_reset(layer->metrics[i]);
    }
    for (int64_t i = 0; code == 0 && i < layer->n_sublayers; i++) {
        code = cn__layer_reset_metrics(layer->sublayers[i]);
    }
    return code;
}

int cn_layer_losses(cn_layer *layer, cn_tensor **out, int max)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    return cn__as_layer(layer, "cn_layer_losses") ? cn__layer_collect_losses(layer, true, out, max)
                                                  : cn_error_code();
}
