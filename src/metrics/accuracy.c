/* The accuracies: means of decisions that were right. */
#include "metrics/metric.h"

static int match(const cn_metric *self, cn_tensor **y_true, cn_tensor **y_pred)
{
    return cn__is_keras3(self->base.keras) ? cn__match_ranks(y_true, y_pred, true)
                                           : cn__match_targets_keras2(y_true, y_pred);
}

static cn_tensor *as_float(cn_tensor *decision)
{
    return cn_cast(decision, CN_FLOAT32);
}

static cn_tensor *accuracy(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    if (match(self, &y_true, &y_pred) < 0) {
        return NULL;
    }
    return as_float(cn_equal(cn__like(y_true, y_pred), y_pred));
}

/* y_pred > threshold, strictly, in y_true's type. */
static cn_tensor *binary_accuracy(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    const cn_metric_binary_accuracy_args *a = self->base.args;
    if (match(self, &y_true, &y_pred) < 0) {
        return NULL;
    }
    cn_tensor *decided = cn_cast(cn_greater(y_pred, a->threshold), y_true->dtype);
    return as_float(cn_equal(y_true, decided));
}

static cn_tensor *categorical_accuracy(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    (void)self;
    return as_float(cn_equal(cn_argmax(y_true, -1), cn_argmax(y_pred, -1)));
}

/* Class numbers without a last axis of length 1. */
static cn_tensor *labels_of(cn_tensor *y_true, const cn_tensor *y_pred)
{
    int rank = y_true->shape.rank;
    bool column = rank == y_pred->shape.rank && rank > 0 && y_true->shape.dim[rank - 1] == 1;
    return column ? cn_squeeze(y_true, -1) : y_true;
}

static cn_tensor *sparse_categorical_accuracy(const cn_metric *self, cn_tensor *y_true,
                                              cn_tensor *y_pred)
{
    (void)self;
    cn_tensor *labels = labels_of(y_true, y_pred);
    cn_tensor *decided = cn_argmax(y_pred, -1);
    if (!labels || !decided) {
        return NULL;
    }
    return as_float(cn_equal(labels, cn_cast(decided, labels->dtype)));
}

/* Whether fewer than k predictions of a sample are larger than that of its label; false for a label
 * out of range and where a prediction is not finite, as TensorFlow's in_top_k has it. */
static cn_tensor *in_top_k(cn_tensor *labels, cn_tensor *y_pred, int64_t k)
{
    int64_t classes = cn_tensor_dim(y_pred, -1);
    if (classes < 0) {
        cn__fail(CN_EVALUE, "top_k accuracy: the number of classes must be known");
        return NULL;
    }
    cn_tensor *hot = cn_one_hot(labels, classes, CN_BOOL);
    cn_tensor *own = cn__last_sum(cn_where(hot, y_pred, 0.0));
    cn_tensor *above = cn_cast(cn_greater(y_pred, cn_expand_dims(own, -1)), CN_FLOAT32);
    cn_tensor *right = cn_less(cn__last_sum(above), (double)k);
    cn_tensor *finite = cn_all(cn_isfinite(y_pred), .axis = {-1});
    return as_float(cn_logical_and(cn_logical_and(right, finite), cn_any(hot, .axis = {-1})));
}

static cn_tensor *top_k_categorical_accuracy(const cn_metric *self, cn_tensor *y_true,
                                             cn_tensor *y_pred)
{
    const cn_metric_top_k_categorical_accuracy_args *a = self->base.args;
    return in_top_k(cn_argmax(y_true, -1), y_pred, a->k);
}

static cn_tensor *sparse_top_k_categorical_accuracy(const cn_metric *self, cn_tensor *y_true,
                                                    cn_tensor *y_pred)
{
    const cn_metric_sparse_top_k_categorical_accuracy_args *a = self->base.args;
    cn_tensor *labels = labels_of(y_true, y_pred);
    if (!labels) {
        return NULL;
    }
    if (a->from_sorted_ids) {
        cn_tensor *best = cn_slice(y_pred, -1, 0, a->k, 1);
        cn_tensor *hits = cn_equal(cn_expand_dims(cn__like(labels, y_pred), -1), best);
        return as_float(cn_any(hits, .axis = {-1}));
    }
    return in_top_k(cn__dtype_is_integer(labels->dtype) ? labels : cn_cast(labels, CN_INT32),
                    y_pred, a->k);
}

static const cn_field binary_accuracy_fields[] = {
    CN_FIELD(cn_metric_binary_accuracy_args, DOUBLE, threshold), {0}};
static const cn_field top_k_categorical_accuracy_fields[] = {
    CN_FIELD(cn_metric_top_k_categorical_accuracy_args, INT64, k), {0}};
static const cn_field sparse_top_k_categorical_accuracy_fields[] = {
    CN_FIELD(cn_metric_sparse_top_k_categorical_accuracy_args, INT64, k),
    CN_FIELD_FLAGS(cn_metric_sparse_top_k_categorical_accuracy_args, BOOL, from_sorted_ids,
                   CN_FIELD_UNSAVED),
    {0}};

CN__METRIC_PLAIN(accuracy, "Accuracy", NULL, .values = accuracy, .direction = 1)
CN__METRIC_RECORD(binary_accuracy, "BinaryAccuracy", NULL, CN_METRIC_BINARY_ACCURACY_DEFAULTS,
                  .values = binary_accuracy, .direction = 1)
CN__METRIC_PLAIN(categorical_accuracy, "CategoricalAccuracy", NULL, .values = categorical_accuracy,
                 .direction = 1)
CN__METRIC_PLAIN(sparse_categorical_accuracy, "SparseCategoricalAccuracy", NULL,
                 .values = sparse_categorical_accuracy, .direction = 1)
CN__METRIC_RECORD(top_k_categorical_accuracy, "TopKCategoricalAccuracy", NULL,
                  CN_METRIC_TOP_K_CATEGORICAL_ACCURACY_DEFAULTS,
                  .values = top_k_categorical_accuracy, .direction = 1)
CN__METRIC_RECORD(sparse_top_k_categorical_accuracy, "SparseTopKCategoricalAccuracy", NULL,
                  CN_METRIC_SPARSE_TOP_K_CATEGORICAL_ACCURACY_DEFAULTS,
                  .values = sparse_top_k_categorical_accuracy, .direction = 1)
