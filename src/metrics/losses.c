/* Losses as metrics: the mean of a loss's values, without its reduction. */
#include "core/classlist.h"
#include "metrics/metric.h"

#define XX(word) extern const cn_loss_class cn__loss_##word;
CN__LOSS_MAP(XX)
#undef XX

/* cn_metric_<word> of cn_loss_<loss>, neither with arguments. */
#define OF_LOSS(word, loss, keras_name, other_names, way)                                          \
    static int init_##word(cn_metric *self)                                                        \
    {                                                                                              \
        return cn__loss_metric_init(self, &cn__loss_##loss, NULL);                                 \
    }                                                                                              \
    CN__METRIC_PLAIN(word, keras_name, other_names, .init = init_##word,                           \
                     .values = cn__loss_metric_values, .direction = way)

OF_LOSS(mean_squared_error, mean_squared_error, "MeanSquaredError", "mse MSE", -1)
OF_LOSS(mean_absolute_error, mean_absolute_error, "MeanAbsoluteError", "mae MAE", -1)
OF_LOSS(mean_absolute_percentage_error, mean_absolute_percentage_error,
        "MeanAbsolutePercentageError", "mape MAPE", -1)
OF_LOSS(mean_squared_logarithmic_error, mean_squared_logarithmic_error,
        "MeanSquaredLogarithmicError", "msle MSLE", -1)
OF_LOSS(log_cosh_error, log_cosh, "LogCoshError", "logcosh log_cosh", -1)
OF_LOSS(hinge, hinge, "Hinge", NULL, -1)
OF_LOSS(squared_hinge, squared_hinge, "SquaredHinge", NULL, -1)
OF_LOSS(categorical_hinge, categorical_hinge, "CategoricalHinge", NULL, -1)
OF_LOSS(kl_divergence, kl_divergence, "KLDivergence", "kld KLD kullback_leibler_divergence", -1)
OF_LOSS(poisson, poisson, "Poisson", NULL, -1)

static int init_binary_crossentropy(cn_metric *self)
{
    const cn_metric_binary_crossentropy_args *a = self->base.args;
    cn_loss_binary_crossentropy_args args = cn_loss_binary_crossentropy_defaults;
    args.from_logits = a->from_logits;
    args.label_smoothing = a->label_smoothing;
    return cn__loss_metric_init(self, &cn__loss_binary_crossentropy, &args);
}

static int init_categorical_crossentropy(cn_metric *self)
{
    const cn_metric_categorical_crossentropy_args *a = self->base.args;
    cn_loss_categorical_crossentropy_args args = cn_loss_categorical_crossentropy_defaults;
    args.from_logits = a->from_logits;
    args.label_smoothing = a->label_smoothing;
    args.axis = a->axis;
    return cn__loss_metric_init(self, &cn__loss_categorical_crossentropy, &args);
}

static int init_sparse_categorical_crossentropy(cn_metric *self)
{
    const cn_metric_sparse_categorical_crossentropy_args *a = self->base.args;
    cn_loss_sparse_categorical_crossentropy_args args =
        cn_loss_sparse_categorical_crossentropy_defaults;
    args.from_logits = a->from_logits;
    args.ignore_class = a->ignore_class;
    args.axis = a->axis;
    return cn__loss_metric_init(self, &cn__loss_sparse_categorical_crossentropy, &args);
}

static int init_cosine_similarity(cn_metric *self)
{
    const cn_metric_cosine_similarity_args *a = self->base.args;
    cn_loss_cosine_similarity_args args = cn_loss_cosine_similarity_defaults;
    args.axis = a->axis;
    return cn__loss_metric_init(self, &cn__loss_cosine_similarity, &args);
}

static cn_tensor *cosine_similarity(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    return cn_negative(cn__loss_metric_values(self, y_true, y_pred));
}

#define T cn_metric_binary_crossentropy_args
static const cn_field binary_crossentropy_fields[] = {
    CN_FIELD(T, BOOL, from_logits), CN_FIELD(T, DOUBLE, label_smoothing), {0}};
#undef T
#define T cn_metric_categorical_crossentropy_args
static const cn_field categorical_crossentropy_fields[] = {CN_FIELD(T, BOOL, from_logits),
                                                           CN_FIELD(T, DOUBLE, label_smoothing),
                                                           CN_FIELD(T, INT64, axis),
                                                           {0}};
#undef T
#define T cn_metric_sparse_categorical_crossentropy_args
static const cn_field sparse_categorical_crossentropy_fields[] = {CN_FIELD(T, BOOL, from_logits),
                                                                  CN_FIELD(T, INT64, ignore_class),
                                                                  CN_FIELD(T, INT64, axis),
                                                                  {0}};
#undef T
static const cn_field cosine_similarity_fields[] = {
    CN_FIELD(cn_metric_cosine_similarity_args, INT64, axis), {0}};

CN__METRIC_RECORD(binary_crossentropy, "BinaryCrossentropy", "bce BCE",
                  CN_METRIC_BINARY_CROSSENTROPY_DEFAULTS, .init = init_binary_crossentropy,
                  .values = cn__loss_metric_values, .direction = -1)
CN__METRIC_RECORD(categorical_crossentropy, "CategoricalCrossentropy", NULL,
                  CN_METRIC_CATEGORICAL_CROSSENTROPY_DEFAULTS,
                  .init = init_categorical_crossentropy, .values = cn__loss_metric_values,
                  .direction = -1)
CN__METRIC_RECORD(sparse_categorical_crossentropy, "SparseCategoricalCrossentropy", NULL,
                  CN_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY_DEFAULTS,
                  .init = init_sparse_categorical_crossentropy, .values = cn__loss_metric_values,
                  .direction = -1)
CN__METRIC_RECORD(cosine_similarity, "CosineSimilarity", NULL, CN_METRIC_COSINE_SIMILARITY_DEFAULTS,
                  .init = init_cosine_similarity, .values = cosine_similarity, .direction = 1)
