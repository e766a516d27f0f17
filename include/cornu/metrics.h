/* Metrics (keras.metrics). */
#ifndef CORNU_METRICS_H
#define CORNU_METRICS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Arguments of every metric. name: Keras's own for the class. dtype: "float32". */
#define CN_METRIC_ARGS                                                                             \
    size_t size;                                                                                   \
    const char *name;                                                                              \
    const char *dtype
#define CN_METRIC_DEFAULTS .name = NULL

typedef struct cn_metric_args {
    CN_METRIC_ARGS;
    CN__END;
} cn_metric_args;
/* Of every metric that has no arguments of its own. */
CN_API extern const cn_metric_args cn_metric_defaults;

/* A metric: state in variables, an update and a result written in ops (they are traced into the
 * training step). */
typedef struct cn_metric_class {
    cn_class base;
    int (*init)(
        cn_metric *self); /* checks arguments, adds the variables that do not depend on shapes */
    int (*build)(cn_metric *self, const cn_shape *y_true,
                 const cn_shape *y_pred); /* those that do */
    int (*update)(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *sample_weight);
    cn_tensor *(*result)(cn_metric *self);
    int (*reset)(cn_metric *self); /* NULL: every variable to its initial value */
    /* A metric that is the mean of one value a sample (accuracies, losses as metrics): instead of
     * the above. */
    cn_tensor *(*values)(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred);
    size_t state_bytes;
    void (*destroy)(void *state);
    int direction; /* 1: better when larger, -1: when smaller, 0: nobody can tell */
} cn_metric_class;

CN_API cn_metric *cn_metric_new(const cn_metric_class *cls, const void *args);
CN_API const void *cn_metric_arguments(const cn_metric *metric);
CN_API void *cn_metric_state(const cn_metric *metric);
CN_API int cn_register_metric(const cn_metric_class *cls, const char *package);
/* The mean of what a function of (y_true, y_pred, user) gives, one value a sample
 * (MeanMetricWrapper). */
CN_API cn_metric *cn_metric_from(cn_tensor *(*function)(cn_tensor *y_true, cn_tensor *y_pred,
                                                        void *user),
                                 void *user, const char *name);
/* The mean of a loss's values; `name` NULL: the loss's. */
CN_API cn_metric *cn_metric_from_loss(cn_loss *loss, const char *name);
/* A metric from a name ("mse", "AUC"), JSON or object. */
CN_API cn_metric *cn_metric_get(cn_identifier identifier);
/* A float32 variable of the metric's, zero at reset (or `initial`). */
CN_API cn_tensor *cn_metric_add_variable(cn_metric *metric, const char *name, const cn_shape *shape,
                                         double initial);
/* The i-th variable, or NULL past the end. */
CN_API cn_tensor *cn_metric_variable(const cn_metric *metric, int index);
/* update_state; sample_weight may be NULL, and for Mean and Sum, which take plain values as y_true,
 * so may y_pred. */
CN_API int cn_metric_update(cn_metric *metric, cn_tensor *y_true, cn_tensor *y_pred,
                            cn_tensor *sample_weight);
CN_API cn_tensor *cn_metric_result(cn_metric *metric);
CN_API int cn_metric_reset(cn_metric *metric);
CN_API const char *cn_metric_name(const cn_metric *metric);

/* keras.metrics.Mean: the weighted mean of all values. */
CN_API cn_metric *cn_metric_mean_with(const cn_metric_args *args);
#define cn_metric_mean(...)                                                                        \
    CN__CALL(cn_metric_mean_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.Sum: the weighted sum of all values. */
CN_API cn_metric *cn_metric_sum_with(const cn_metric_args *args);
#define cn_metric_sum(...)                                                                         \
    CN__CALL(cn_metric_sum_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.Accuracy: how often y_pred equals y_true. */
CN_API cn_metric *cn_metric_accuracy_with(const cn_metric_args *args);
#define cn_metric_accuracy(...)                                                                    \
    CN__CALL(cn_metric_accuracy_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.BinaryAccuracy: how often y_pred > threshold agrees with y_true. */
typedef struct cn_metric_binary_accuracy_args {
    CN_METRIC_ARGS;
    double threshold; /* 0.5 */
    CN__END;
} cn_metric_binary_accuracy_args;
#define CN_METRIC_BINARY_ACCURACY_DEFAULTS CN_METRIC_DEFAULTS, .threshold = 0.5
CN_API extern const cn_metric_binary_accuracy_args cn_metric_binary_accuracy_defaults;
CN_API cn_metric *cn_metric_binary_accuracy_with(const cn_metric_binary_accuracy_args *args);
#define cn_metric_binary_accuracy(...)                                                             \
    CN__CALL(cn_metric_binary_accuracy_with, cn_metric_binary_accuracy_args,                       \
             CN_METRIC_BINARY_ACCURACY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.CategoricalAccuracy: how often the largest of y_pred is where that of the one-hot
 * y_true is. */
CN_API cn_metric *cn_metric_categorical_accuracy_with(const cn_metric_args *args);
#define cn_metric_categorical_accuracy(...)                                                        \
    CN__CALL(cn_metric_categorical_accuracy_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.SparseCategoricalAccuracy: the same for class numbers. */
CN_API cn_metric *cn_metric_sparse_categorical_accuracy_with(const cn_metric_args *args);
#define cn_metric_sparse_categorical_accuracy(...)                                                 \
    CN__CALL(cn_metric_sparse_categorical_accuracy_with, cn_metric_args, CN_METRIC_DEFAULTS,       \
             __VA_ARGS__)

/* keras.metrics.TopKCategoricalAccuracy: how often fewer than k predictions are larger than that of
 * the right class. */
typedef struct cn_metric_top_k_categorical_accuracy_args {
    CN_METRIC_ARGS;
    int64_t k; /* 5 */
    CN__END;
} cn_metric_top_k_categorical_accuracy_args;
#define CN_METRIC_TOP_K_CATEGORICAL_ACCURACY_DEFAULTS CN_METRIC_DEFAULTS, .k = 5
CN_API extern const cn_metric_top_k_categorical_accuracy_args
    cn_metric_top_k_categorical_accuracy_defaults;
CN_API cn_metric *cn_metric_top_k_categorical_accuracy_with(
    const cn_metric_top_k_categorical_accuracy_args *args);
#define cn_metric_top_k_categorical_accuracy(...)                                                  \
    CN__CALL(cn_metric_top_k_categorical_accuracy_with, cn_metric_top_k_categorical_accuracy_args, \
             CN_METRIC_TOP_K_CATEGORICAL_ACCURACY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.SparseTopKCategoricalAccuracy: the same for class numbers; with from_sorted_ids
 * (Keras 3) y_pred are class numbers, the likeliest first. */
typedef struct cn_metric_sparse_top_k_categorical_accuracy_args {
    CN_METRIC_ARGS;
    int64_t k;            /* 5 */
    bool from_sorted_ids; /* false */
    CN__END;
} cn_metric_sparse_top_k_categorical_accuracy_args;
#define CN_METRIC_SPARSE_TOP_K_CATEGORICAL_ACCURACY_DEFAULTS CN_METRIC_DEFAULTS, .k = 5
CN_API extern const cn_metric_sparse_top_k_categorical_accuracy_args
    cn_metric_sparse_top_k_categorical_accuracy_defaults;
CN_API cn_metric *cn_metric_sparse_top_k_categorical_accuracy_with(
    const cn_metric_sparse_top_k_categorical_accuracy_args *args);
#define cn_metric_sparse_top_k_categorical_accuracy(...)                                           \
    CN__CALL(cn_metric_sparse_top_k_categorical_accuracy_with,                                     \
             cn_metric_sparse_top_k_categorical_accuracy_args,                                     \
             CN_METRIC_SPARSE_TOP_K_CATEGORICAL_ACCURACY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.BinaryCrossentropy. */
typedef struct cn_metric_binary_crossentropy_args {
    CN_METRIC_ARGS;
    bool from_logits;       /* false */
    double label_smoothing; /* 0 */
    CN__END;
} cn_metric_binary_crossentropy_args;
#define CN_METRIC_BINARY_CROSSENTROPY_DEFAULTS CN_METRIC_DEFAULTS
CN_API extern const cn_metric_binary_crossentropy_args cn_metric_binary_crossentropy_defaults;
CN_API cn_metric *cn_metric_binary_crossentropy_with(
    const cn_metric_binary_crossentropy_args *args);
#define cn_metric_binary_crossentropy(...)                                                         \
    CN__CALL(cn_metric_binary_crossentropy_with, cn_metric_binary_crossentropy_args,               \
             CN_METRIC_BINARY_CROSSENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.CategoricalCrossentropy. */
typedef struct cn_metric_categorical_crossentropy_args {
    CN_METRIC_ARGS;
    bool from_logits;       /* false */
    double label_smoothing; /* 0 */
    int64_t axis;           /* -1 */
    CN__END;
} cn_metric_categorical_crossentropy_args;
#define CN_METRIC_CATEGORICAL_CROSSENTROPY_DEFAULTS CN_METRIC_DEFAULTS, .axis = -1
CN_API extern const cn_metric_categorical_crossentropy_args
    cn_metric_categorical_crossentropy_defaults;
CN_API cn_metric *cn_metric_categorical_crossentropy_with(
    const cn_metric_categorical_crossentropy_args *args);
#define cn_metric_categorical_crossentropy(...)                                                    \
    CN__CALL(cn_metric_categorical_crossentropy_with, cn_metric_categorical_crossentropy_args,     \
             CN_METRIC_CATEGORICAL_CROSSENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.SparseCategoricalCrossentropy. */
typedef struct cn_metric_sparse_categorical_crossentropy_args {
    CN_METRIC_ARGS;
    bool from_logits;     /* false */
    int64_t ignore_class; /* None */
    int64_t axis;         /* -1 */
    CN__END;
} cn_metric_sparse_categorical_crossentropy_args;
#define CN_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY_DEFAULTS                                         \
    CN_METRIC_DEFAULTS, .ignore_class = CN_NONE, .axis = -1
CN_API extern const cn_metric_sparse_categorical_crossentropy_args
    cn_metric_sparse_categorical_crossentropy_defaults;
CN_API cn_metric *cn_metric_sparse_categorical_crossentropy_with(
    const cn_metric_sparse_categorical_crossentropy_args *args);
#define cn_metric_sparse_categorical_crossentropy(...)                                             \
    CN__CALL(cn_metric_sparse_categorical_crossentropy_with,                                       \
             cn_metric_sparse_categorical_crossentropy_args,                                       \
             CN_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.MeanSquaredError. */
CN_API cn_metric *cn_metric_mean_squared_error_with(const cn_metric_args *args);
#define cn_metric_mean_squared_error(...)                                                          \
    CN__CALL(cn_metric_mean_squared_error_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.MeanAbsoluteError. */
CN_API cn_metric *cn_metric_mean_absolute_error_with(const cn_metric_args *args);
#define cn_metric_mean_absolute_error(...)                                                         \
    CN__CALL(cn_metric_mean_absolute_error_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.MeanAbsolutePercentageError. */
CN_API cn_metric *cn_metric_mean_absolute_percentage_error_with(const cn_metric_args *args);
#define cn_metric_mean_absolute_percentage_error(...)                                              \
    CN__CALL(cn_metric_mean_absolute_percentage_error_with, cn_metric_args, CN_METRIC_DEFAULTS,    \
             __VA_ARGS__)

/* keras.metrics.MeanSquaredLogarithmicError. */
CN_API cn_metric *cn_metric_mean_squared_logarithmic_error_with(const cn_metric_args *args);
#define cn_metric_mean_squared_logarithmic_error(...)                                              \
    CN__CALL(cn_metric_mean_squared_logarithmic_error_with, cn_metric_args, CN_METRIC_DEFAULTS,    \
             __VA_ARGS__)

/* keras.metrics.LogCoshError. */
CN_API cn_metric *cn_metric_log_cosh_error_with(const cn_metric_args *args);
#define cn_metric_log_cosh_error(...)                                                              \
    CN__CALL(cn_metric_log_cosh_error_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.Hinge. */
CN_API cn_metric *cn_metric_hinge_with(const cn_metric_args *args);
#define cn_metric_hinge(...)                                                                       \
    CN__CALL(cn_metric_hinge_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.SquaredHinge. */
CN_API cn_metric *cn_metric_squared_hinge_with(const cn_metric_args *args);
#define cn_metric_squared_hinge(...)                                                               \
    CN__CALL(cn_metric_squared_hinge_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.CategoricalHinge. */
CN_API cn_metric *cn_metric_categorical_hinge_with(const cn_metric_args *args);
#define cn_metric_categorical_hinge(...)                                                           \
    CN__CALL(cn_metric_categorical_hinge_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.KLDivergence. */
CN_API cn_metric *cn_metric_kl_divergence_with(const cn_metric_args *args);
#define cn_metric_kl_divergence(...)                                                               \
    CN__CALL(cn_metric_kl_divergence_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.Poisson. */
CN_API cn_metric *cn_metric_poisson_with(const cn_metric_args *args);
#define cn_metric_poisson(...)                                                                     \
    CN__CALL(cn_metric_poisson_with, cn_metric_args, CN_METRIC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.CosineSimilarity: the loss with the other sign, larger when more alike. */
typedef struct cn_metric_cosine_similarity_args {
    CN_METRIC_ARGS;
    int64_t axis; /* -1 */
    CN__END;
} cn_metric_cosine_similarity_args;
#define CN_METRIC_COSINE_SIMILARITY_DEFAULTS CN_METRIC_DEFAULTS, .axis = -1
CN_API extern const cn_metric_cosine_similarity_args cn_metric_cosine_similarity_defaults;
CN_API cn_metric *cn_metric_cosine_similarity_with(const cn_metric_cosine_similarity_args *args);
#define cn_metric_cosine_similarity(...)                                                           \
    CN__CALL(cn_metric_cosine_similarity_with, cn_metric_cosine_similarity_args,                   \
             CN_METRIC_COSINE_SIMILARITY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.RootMeanSquaredError: the root of the mean of all squared differences. */
CN_API cn_metric *cn_metric_root_mean_squared_error_with(const cn_metric_args *args);
#define cn_metric_root_mean_squared_error(...)                                                     \
    CN__CALL(cn_metric_root_mean_squared_error_with, cn_metric_args, CN_METRIC_DEFAULTS,           \
             __VA_ARGS__)

/* keras.metrics.R2Score: 1 - residuals / variance of each output, for (batch, outputs).
 * class_aggregation: "uniform_average", "variance_weighted_average" or "none" (one value an
 * output). */
typedef struct cn_metric_r2_score_args {
    CN_METRIC_ARGS;
    const char *class_aggregation; /* "uniform_average" */
    int64_t num_regressors;        /* 0; more: the adjusted score */
    CN__END;
} cn_metric_r2_score_args;
#define CN_METRIC_R2_SCORE_DEFAULTS CN_METRIC_DEFAULTS, .class_aggregation = "uniform_average"
CN_API extern const cn_metric_r2_score_args cn_metric_r2_score_defaults;
CN_API cn_metric *cn_metric_r2_score_with(const cn_metric_r2_score_args *args);
#define cn_metric_r2_score(...)                                                                    \
    CN__CALL(cn_metric_r2_score_with, cn_metric_r2_score_args, CN_METRIC_R2_SCORE_DEFAULTS,        \
             __VA_ARGS__)

/* keras.metrics.PearsonCorrelation (Keras 3): of each sample along axis, averaged. */
typedef struct cn_metric_pearson_correlation_args {
    CN_METRIC_ARGS;
    int64_t axis; /* -1 */
    CN__END;
} cn_metric_pearson_correlation_args;
#define CN_METRIC_PEARSON_CORRELATION_DEFAULTS CN_METRIC_DEFAULTS, .axis = -1
CN_API extern const cn_metric_pearson_correlation_args cn_metric_pearson_correlation_defaults;
CN_API cn_metric *cn_metric_pearson_correlation_with(
    const cn_metric_pearson_correlation_args *args);
#define cn_metric_pearson_correlation(...)                                                         \
    CN__CALL(cn_metric_pearson_correlation_with, cn_metric_pearson_correlation_args,               \
             CN_METRIC_PEARSON_CORRELATION_DEFAULTS, __VA_ARGS__)

/* keras.metrics.ConcordanceCorrelation (Keras 3): of each sample along axis, averaged. */
typedef struct cn_metric_concordance_correlation_args {
    CN_METRIC_ARGS;
    int64_t axis; /* -1 */
    CN__END;
} cn_metric_concordance_correlation_args;
#define CN_METRIC_CONCORDANCE_CORRELATION_DEFAULTS CN_METRIC_DEFAULTS, .axis = -1
CN_API extern const cn_metric_concordance_correlation_args
    cn_metric_concordance_correlation_defaults;
CN_API cn_metric *cn_metric_concordance_correlation_with(
    const cn_metric_concordance_correlation_args *args);
#define cn_metric_concordance_correlation(...)                                                     \
    CN__CALL(cn_metric_concordance_correlation_with, cn_metric_concordance_correlation_args,       \
             CN_METRIC_CONCORDANCE_CORRELATION_DEFAULTS, __VA_ARGS__)

/* keras.metrics.TruePositives: the weight of positives that were predicted, for each threshold. */
typedef struct cn_metric_true_positives_args {
    CN_METRIC_ARGS;
    cn_floats thresholds; /* None: 0.5; `.thresholds = {{0, 0.5}, 2}` */
    CN__END;
} cn_metric_true_positives_args;
#define CN_METRIC_TRUE_POSITIVES_DEFAULTS CN_METRIC_DEFAULTS
CN_API extern const cn_metric_true_positives_args cn_metric_true_positives_defaults;
CN_API cn_metric *cn_metric_true_positives_with(const cn_metric_true_positives_args *args);
#define cn_metric_true_positives(...)                                                              \
    CN__CALL(cn_metric_true_positives_with, cn_metric_true_positives_args,                         \
             CN_METRIC_TRUE_POSITIVES_DEFAULTS, __VA_ARGS__)

/* keras.metrics.TrueNegatives: the weight of negatives that were predicted as such, for each
 * threshold. */
typedef struct cn_metric_true_negatives_args {
    CN_METRIC_ARGS;
    cn_floats thresholds; /* None: 0.5; `.thresholds = {{0, 0.5}, 2}` */
    CN__END;
} cn_metric_true_negatives_args;
#define CN_METRIC_TRUE_NEGATIVES_DEFAULTS CN_METRIC_DEFAULTS
CN_API extern const cn_metric_true_negatives_args cn_metric_true_negatives_defaults;
CN_API cn_metric *cn_metric_true_negatives_with(const cn_metric_true_negatives_args *args);
#define cn_metric_true_negatives(...)                                                              \
    CN__CALL(cn_metric_true_negatives_with, cn_metric_true_negatives_args,                         \
             CN_METRIC_TRUE_NEGATIVES_DEFAULTS, __VA_ARGS__)

/* keras.metrics.FalsePositives: the weight of negatives predicted as positives, for each threshold.
 */
typedef struct cn_metric_false_positives_args {
    CN_METRIC_ARGS;
    cn_floats thresholds; /* None: 0.5; `.thresholds = {{0, 0.5}, 2}` */
    CN__END;
} cn_metric_false_positives_args;
#define CN_METRIC_FALSE_POSITIVES_DEFAULTS CN_METRIC_DEFAULTS
CN_API extern const cn_metric_false_positives_args cn_metric_false_positives_defaults;
CN_API cn_metric *cn_metric_false_positives_with(const cn_metric_false_positives_args *args);
#define cn_metric_false_positives(...)                                                             \
    CN__CALL(cn_metric_false_positives_with, cn_metric_false_positives_args,                       \
             CN_METRIC_FALSE_POSITIVES_DEFAULTS, __VA_ARGS__)

/* keras.metrics.FalseNegatives: the weight of positives predicted as negatives, for each threshold.
 */
typedef struct cn_metric_false_negatives_args {
    CN_METRIC_ARGS;
    cn_floats thresholds; /* None: 0.5; `.thresholds = {{0, 0.5}, 2}` */
    CN__END;
} cn_metric_false_negatives_args;
#define CN_METRIC_FALSE_NEGATIVES_DEFAULTS CN_METRIC_DEFAULTS
CN_API extern const cn_metric_false_negatives_args cn_metric_false_negatives_defaults;
CN_API cn_metric *cn_metric_false_negatives_with(const cn_metric_false_negatives_args *args);
#define cn_metric_false_negatives(...)                                                             \
    CN__CALL(cn_metric_false_negatives_with, cn_metric_false_negatives_args,                       \
             CN_METRIC_FALSE_NEGATIVES_DEFAULTS, __VA_ARGS__)

/* keras.metrics.Precision: the part of right ones among predicted positives, for each threshold; of
 * class_id only, or of the top_k predictions of a sample. */
typedef struct cn_metric_precision_args {
    CN_METRIC_ARGS;
    cn_floats thresholds; /* None: 0.5 */
    int64_t top_k;        /* None */
    int64_t class_id;     /* None */
    CN__END;
} cn_metric_precision_args;
#define CN_METRIC_PRECISION_DEFAULTS CN_METRIC_DEFAULTS, .top_k = CN_NONE, .class_id = CN_NONE
CN_API extern const cn_metric_precision_args cn_metric_precision_defaults;
CN_API cn_metric *cn_metric_precision_with(const cn_metric_precision_args *args);
#define cn_metric_precision(...)                                                                   \
    CN__CALL(cn_metric_precision_with, cn_metric_precision_args, CN_METRIC_PRECISION_DEFAULTS,     \
             __VA_ARGS__)

/* keras.metrics.Recall: the part of predicted ones among positives, for each threshold; of class_id
 * only, or of the top_k predictions of a sample. */
typedef struct cn_metric_recall_args {
    CN_METRIC_ARGS;
    cn_floats thresholds; /* None: 0.5 */
    int64_t top_k;        /* None */
    int64_t class_id;     /* None */
    CN__END;
} cn_metric_recall_args;
#define CN_METRIC_RECALL_DEFAULTS CN_METRIC_DEFAULTS, .top_k = CN_NONE, .class_id = CN_NONE
CN_API extern const cn_metric_recall_args cn_metric_recall_defaults;
CN_API cn_metric *cn_metric_recall_with(const cn_metric_recall_args *args);
#define cn_metric_recall(...)                                                                      \
    CN__CALL(cn_metric_recall_with, cn_metric_recall_args, CN_METRIC_RECALL_DEFAULTS, __VA_ARGS__)

/* keras.metrics.AUC: area under the curve "ROC", "PR" or "PRGAIN" (Keras 3.14), by Riemann sums
 * over thresholds. summation_method: "interpolation", "minoring", "majoring". multi_label: of each
 * label, then averaged by label_weights. */
typedef struct cn_metric_auc_args {
    CN_METRIC_ARGS;
    int64_t num_thresholds;       /* 200 */
    const char *curve;            /* "ROC" */
    const char *summation_method; /* "interpolation" */
    cn_floats thresholds;         /* None: evenly spread */
    bool multi_label;             /* false */
    int64_t num_labels;           /* None */
    cn_floats label_weights;      /* None */
    bool from_logits;             /* false */
    CN__END;
} cn_metric_auc_args;
#define CN_METRIC_AUC_DEFAULTS                                                                     \
    CN_METRIC_DEFAULTS, .num_thresholds = 200, .curve = "ROC",                                     \
                        .summation_method = "interpolation", .num_labels = CN_NONE
CN_API extern const cn_metric_auc_args cn_metric_auc_defaults;
CN_API cn_metric *cn_metric_auc_with(const cn_metric_auc_args *args);
#define cn_metric_auc(...)                                                                         \
    CN__CALL(cn_metric_auc_with, cn_metric_auc_args, CN_METRIC_AUC_DEFAULTS, __VA_ARGS__)

/* keras.metrics.PrecisionAtRecall: the best precision where recall is at least the given. */
typedef struct cn_metric_precision_at_recall_args {
    CN_METRIC_ARGS;
    double recall;
    int64_t num_thresholds; /* 200 */
    int64_t class_id;       /* None */
    CN__END;
} cn_metric_precision_at_recall_args;
#define CN_METRIC_PRECISION_AT_RECALL_DEFAULTS                                                     \
    CN_METRIC_DEFAULTS, .num_thresholds = 200, .class_id = CN_NONE
CN_API extern const cn_metric_precision_at_recall_args cn_metric_precision_at_recall_defaults;
CN_API cn_metric *cn_metric_precision_at_recall_with(
    const cn_metric_precision_at_recall_args *args);
#define cn_metric_precision_at_recall(...)                                                         \
    CN__CALL(cn_metric_precision_at_recall_with, cn_metric_precision_at_recall_args,               \
             CN_METRIC_PRECISION_AT_RECALL_DEFAULTS, __VA_ARGS__)

/* keras.metrics.RecallAtPrecision: the best recall where precision is at least the given. */
typedef struct cn_metric_recall_at_precision_args {
    CN_METRIC_ARGS;
    double precision;
    int64_t num_thresholds; /* 200 */
    int64_t class_id;       /* None */
    CN__END;
} cn_metric_recall_at_precision_args;
#define CN_METRIC_RECALL_AT_PRECISION_DEFAULTS                                                     \
    CN_METRIC_DEFAULTS, .num_thresholds = 200, .class_id = CN_NONE
CN_API extern const cn_metric_recall_at_precision_args cn_metric_recall_at_precision_defaults;
CN_API cn_metric *cn_metric_recall_at_precision_with(
    const cn_metric_recall_at_precision_args *args);
#define cn_metric_recall_at_precision(...)                                                         \
    CN__CALL(cn_metric_recall_at_precision_with, cn_metric_recall_at_precision_args,               \
             CN_METRIC_RECALL_AT_PRECISION_DEFAULTS, __VA_ARGS__)

/* keras.metrics.SensitivityAtSpecificity: the best sensitivity where specificity is at least the
 * given. */
typedef struct cn_metric_sensitivity_at_specificity_args {
    CN_METRIC_ARGS;
    double specificity;
    int64_t num_thresholds; /* 200 */
    int64_t class_id;       /* None */
    CN__END;
} cn_metric_sensitivity_at_specificity_args;
#define CN_METRIC_SENSITIVITY_AT_SPECIFICITY_DEFAULTS                                              \
    CN_METRIC_DEFAULTS, .num_thresholds = 200, .class_id = CN_NONE
CN_API extern const cn_metric_sensitivity_at_specificity_args
    cn_metric_sensitivity_at_specificity_defaults;
CN_API cn_metric *cn_metric_sensitivity_at_specificity_with(
    const cn_metric_sensitivity_at_specificity_args *args);
#define cn_metric_sensitivity_at_specificity(...)                                                  \
    CN__CALL(cn_metric_sensitivity_at_specificity_with, cn_metric_sensitivity_at_specificity_args, \
             CN_METRIC_SENSITIVITY_AT_SPECIFICITY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.SpecificityAtSensitivity: the best specificity where sensitivity is at least the
 * given. */
typedef struct cn_metric_specificity_at_sensitivity_args {
    CN_METRIC_ARGS;
    double sensitivity;
    int64_t num_thresholds; /* 200 */
    int64_t class_id;       /* None */
    CN__END;
} cn_metric_specificity_at_sensitivity_args;
#define CN_METRIC_SPECIFICITY_AT_SENSITIVITY_DEFAULTS                                              \
    CN_METRIC_DEFAULTS, .num_thresholds = 200, .class_id = CN_NONE
CN_API extern const cn_metric_specificity_at_sensitivity_args
    cn_metric_specificity_at_sensitivity_defaults;
CN_API cn_metric *cn_metric_specificity_at_sensitivity_with(
    const cn_metric_specificity_at_sensitivity_args *args);
#define cn_metric_specificity_at_sensitivity(...)                                                  \
    CN__CALL(cn_metric_specificity_at_sensitivity_with, cn_metric_specificity_at_sensitivity_args, \
             CN_METRIC_SPECIFICITY_AT_SENSITIVITY_DEFAULTS, __VA_ARGS__)

/* keras.metrics.FBetaScore: (1 + beta^2) p r / (beta^2 p + r) of each class of (batch, classes).
 * average: "none" (one value a class), "micro", "macro", "weighted". threshold None: the largest
 * prediction of a sample counts. */
typedef struct cn_metric_fbeta_score_args {
    CN_METRIC_ARGS;
    const char *average; /* None */
    double beta;         /* 1 */
    double threshold;    /* None */
    CN__END;
} cn_metric_fbeta_score_args;
#define CN_METRIC_FBETA_SCORE_DEFAULTS CN_METRIC_DEFAULTS, .beta = 1, .threshold = CN_NONE_FLOAT
CN_API extern const cn_metric_fbeta_score_args cn_metric_fbeta_score_defaults;
CN_API cn_metric *cn_metric_fbeta_score_with(const cn_metric_fbeta_score_args *args);
#define cn_metric_fbeta_score(...)                                                                 \
    CN__CALL(cn_metric_fbeta_score_with, cn_metric_fbeta_score_args,                               \
             CN_METRIC_FBETA_SCORE_DEFAULTS, __VA_ARGS__)

/* keras.metrics.F1Score: FBetaScore with beta 1. */
typedef struct cn_metric_f1_score_args {
    CN_METRIC_ARGS;
    const char *average; /* None */
    double threshold;    /* None */
    CN__END;
} cn_metric_f1_score_args;
#define CN_METRIC_F1_SCORE_DEFAULTS CN_METRIC_DEFAULTS, .threshold = CN_NONE_FLOAT
CN_API extern const cn_metric_f1_score_args cn_metric_f1_score_defaults;
CN_API cn_metric *cn_metric_f1_score_with(const cn_metric_f1_score_args *args);
#define cn_metric_f1_score(...)                                                                    \
    CN__CALL(cn_metric_f1_score_with, cn_metric_f1_score_args, CN_METRIC_F1_SCORE_DEFAULTS,        \
             __VA_ARGS__)

/* keras.metrics.IoU: intersection over union of the classes in target_class_ids, averaged; labels
 * and predictions are class numbers unless sparse_y_true or sparse_y_pred is false. */
typedef struct cn_metric_iou_args {
    CN_METRIC_ARGS;
    int64_t num_classes;
    cn_ints target_class_ids; /* up to 8; `{0}` is class 0 */
    int64_t ignore_class;     /* None */
    bool sparse_y_true;       /* true */
    bool sparse_y_pred;       /* true */
    int64_t axis;             /* -1: of the classes, where not sparse */
    CN__END;
} cn_metric_iou_args;
#define CN_METRIC_IOU_DEFAULTS                                                                     \
    CN_METRIC_DEFAULTS, .ignore_class = CN_NONE, .sparse_y_true = true, .sparse_y_pred = true,     \
                        .axis = -1
CN_API extern const cn_metric_iou_args cn_metric_iou_defaults;
CN_API cn_metric *cn_metric_iou_with(const cn_metric_iou_args *args);
#define cn_metric_iou(...)                                                                         \
    CN__CALL(cn_metric_iou_with, cn_metric_iou_args, CN_METRIC_IOU_DEFAULTS, __VA_ARGS__)

/* keras.metrics.BinaryIoU: of two classes, y_pred >= threshold being class 1. */
typedef struct cn_metric_binary_iou_args {
    CN_METRIC_ARGS;
    cn_ints target_class_ids; /* 0 and 1 */
    double threshold;         /* 0.5 */
    CN__END;
} cn_metric_binary_iou_args;
#define CN_METRIC_BINARY_IOU_DEFAULTS                                                              \
    CN_METRIC_DEFAULTS, .target_class_ids = {{0, 1}, 2}, .threshold = 0.5
CN_API extern const cn_metric_binary_iou_args cn_metric_binary_iou_defaults;
CN_API cn_metric *cn_metric_binary_iou_with(const cn_metric_binary_iou_args *args);
#define cn_metric_binary_iou(...)                                                                  \
    CN__CALL(cn_metric_binary_iou_with, cn_metric_binary_iou_args, CN_METRIC_BINARY_IOU_DEFAULTS,  \
             __VA_ARGS__)

/* keras.metrics.MeanIoU: of all classes. */
typedef struct cn_metric_mean_iou_args {
    CN_METRIC_ARGS;
    int64_t num_classes;
    int64_t ignore_class; /* None */
    bool sparse_y_true;   /* true */
    bool sparse_y_pred;   /* true */
    int64_t axis;         /* -1 */
    CN__END;
} cn_metric_mean_iou_args;
#define CN_METRIC_MEAN_IOU_DEFAULTS                                                                \
    CN_METRIC_DEFAULTS, .ignore_class = CN_NONE, .sparse_y_true = true, .sparse_y_pred = true,     \
                        .axis = -1
CN_API extern const cn_metric_mean_iou_args cn_metric_mean_iou_defaults;
CN_API cn_metric *cn_metric_mean_iou_with(const cn_metric_mean_iou_args *args);
#define cn_metric_mean_iou(...)                                                                    \
    CN__CALL(cn_metric_mean_iou_with, cn_metric_mean_iou_args, CN_METRIC_MEAN_IOU_DEFAULTS,        \
             __VA_ARGS__)

/* keras.metrics.OneHotIoU: IoU of one-hot labels, and predictions unless sparse_y_pred. */
typedef struct cn_metric_one_hot_iou_args {
    CN_METRIC_ARGS;
    int64_t num_classes;
    cn_ints target_class_ids;
    int64_t ignore_class; /* None */
    bool sparse_y_pred;   /* false */
    int64_t axis;         /* -1 */
    CN__END;
} cn_metric_one_hot_iou_args;
#define CN_METRIC_ONE_HOT_IOU_DEFAULTS CN_METRIC_DEFAULTS, .ignore_class = CN_NONE, .axis = -1
CN_API extern const cn_metric_one_hot_iou_args cn_metric_one_hot_iou_defaults;
CN_API cn_metric *cn_metric_one_hot_iou_with(const cn_metric_one_hot_iou_args *args);
#define cn_metric_one_hot_iou(...)                                                                 \
    CN__CALL(cn_metric_one_hot_iou_with, cn_metric_one_hot_iou_args,                               \
             CN_METRIC_ONE_HOT_IOU_DEFAULTS, __VA_ARGS__)

/* keras.metrics.OneHotMeanIoU: MeanIoU of one-hot labels. */
typedef struct cn_metric_one_hot_mean_iou_args {
    CN_METRIC_ARGS;
    int64_t num_classes;
    int64_t ignore_class; /* None */
    bool sparse_y_pred;   /* false */
    int64_t axis;         /* -1 */
    CN__END;
} cn_metric_one_hot_mean_iou_args;
#define CN_METRIC_ONE_HOT_MEAN_IOU_DEFAULTS CN_METRIC_DEFAULTS, .ignore_class = CN_NONE, .axis = -1
CN_API extern const cn_metric_one_hot_mean_iou_args cn_metric_one_hot_mean_iou_defaults;
CN_API cn_metric *cn_metric_one_hot_mean_iou_with(const cn_metric_one_hot_mean_iou_args *args);
#define cn_metric_one_hot_mean_iou(...)                                                            \
    CN__CALL(cn_metric_one_hot_mean_iou_with, cn_metric_one_hot_mean_iou_args,                     \
             CN_METRIC_ONE_HOT_MEAN_IOU_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
