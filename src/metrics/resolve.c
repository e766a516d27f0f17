/* Which metric a model makes of "accuracy" and other identifiers, and how it is called in the logs.
 */
#include "metrics/metric.h"

#include <string.h>

static bool is_one_of(const char *name, const char *a, const char *b)
{
    return strcmp(name, a) == 0 || strcmp(name, b) == 0;
}

static bool loss_is(const cn_loss *loss, const char *class)
{
    return loss && strcmp(loss->base.class->name, class) == 0;
}

/* The class that "accuracy" or "crossentropy" stands for. Keras up to 2.3 looked at the loss, later
 * ones at the shapes alone. */
static const char *chosen(bool accuracy, const cn_shape *y_true, const cn_shape *y_pred,
                          const cn_loss *loss, int keras)
{
    bool binary, sparse;
    cn__target_kind(y_true, y_pred, &binary, &sparse);
    if (cn__is_multi_backend(keras)) {
        binary = binary || loss_is(loss, "BinaryCrossentropy");
        sparse = loss_is(loss, "SparseCategoricalCrossentropy");
    }
    if (accuracy) {
        return binary   ? "BinaryAccuracy"
               : sparse ? "SparseCategoricalAccuracy"
                        : "CategoricalAccuracy";
    }
    return binary   ? "BinaryCrossentropy"
           : sparse ? "SparseCategoricalCrossentropy"
                    : "CategoricalCrossentropy";
}

/* A metric of this name, or the mean of a loss of this name. */
static cn_metric *by_name(const char *name)
{
    const char *point = strrchr(name, '.');
    const char *word = point ? point + 1 : name;
    if (*name != '{' && !cn__class_find(CN__METRIC, word) && cn__class_find(CN__LOSS, word)) {
        cn_loss *loss = cn__resolve(CN__LOSS, name, "loss");
        cn_metric *metric = loss ? cn_metric_from_loss(loss, NULL) : NULL;
        cn__unref(loss);
        cn__ref(metric);
        cn_free(metric);
        return metric;
    }
    return cn__resolve(CN__METRIC, name, "metric");
}

cn_metric *cn__metric_resolve(cn_identifier identifier, const cn_shape *y_true,
                              const cn_shape *y_pred, const cn_loss *loss, int keras)
{
    int kind = cn__identifier_kind(identifier);
    if (cn__pending() || !identifier) {
        return NULL;
    }
    if (kind == CN__LOSS) {
        cn_metric *metric = cn_metric_from_loss((cn_loss *)(uintptr_t)identifier, NULL);
        cn__ref(metric);
        cn_free(metric);
        return metric;
    }
    if (kind) {
        return cn__resolve(CN__METRIC, identifier, "metric");
    }
    const char *name = identifier;
    bool accuracy = is_one_of(name, "accuracy", "acc");
    bool chosen_by_shape = accuracy || is_one_of(name, "crossentropy", "ce");
    int now = cn__set_keras_version(keras);
    cn_metric *metric =
        by_name(chosen_by_shape ? chosen(accuracy, y_true, y_pred, loss, keras) : name);
    cn__set_keras_version(now);
    if (!metric || *name == '{') {
        return metric;
    }
    /* Keras 3 names a metric by the string; tf.keras lets a class that was named keep its own name.
     */
    bool by_class = !chosen_by_shape && strcmp(metric->base.class->name, name) == 0;
    if (by_class && !cn__is_keras3(keras)) {
        return metric;
    }
    if (accuracy && keras < 200) {
        name = "acc";
    }
    if (cn__metric_rename(metric, name) < 0) {
        cn__unref(metric);
        return NULL;
    }
    return metric;
}
