/* Metrics of regression that are no means of a loss: root of the mean square, R2, correlations. */
#include "metrics/metric.h"

#include <inttypes.h>
#include <string.h>

static int match(const cn_metric *self, cn_tensor **y, cn_tensor **p)
{
    *y = cn_cast(*y, CN_FLOAT32);
    *p = cn_cast(*p, CN_FLOAT32);
    if (!*y || !*p) {
        return cn_error_code();
    }
    return cn__is_keras3(self->base.keras) ? cn__match_ranks(y, p, true)
                                           : cn__match_targets_keras2(y, p);
}

/* Root mean square */
static int update_rms(cn_metric *self, cn_tensor *y, cn_tensor *p, cn_tensor *weight)
{
    if (!p) {
        return cn__fail(CN_EVALUE, "%s: y_pred is NULL", self->base.name);
    }
    int code = match(self, &y, &p);
    cn_tensor *square = code < 0 ? NULL : cn_square(cn_subtract(p, y));
    return square ? cn__mean_update(self, square, weight) : cn_error_code();
}

static cn_tensor *result_rms(cn_metric *self)
{
    return cn_sqrt(cn__mean_result(self));
}

CN__METRIC_PLAIN(root_mean_squared_error, "RootMeanSquaredError", NULL, .init = cn__mean_init,
                 .update = update_rms, .result = result_rms, .direction = -1)

/* R2 */
enum { SAMPLES, SQUARES, SUM, RESIDUAL, COUNT };

static int init_r2(cn_metric *self)
{
    const cn_metric_r2_score_args *a = self->base.args;
    const char *how = a->class_aggregation ? a->class_aggregation : "none";
    if (strcmp(how, "uniform_average") != 0 && strcmp(how, "variance_weighted_average") != 0 &&
        strcmp(how, "none") != 0) {
        return cn__fail(CN_EVALUE,
                        "Invalid value for argument `class_aggregation`. Expected one of (None, "
                        "'uniform_average', 'variance_weighted_average'). Received: "
                        "class_aggregation=%s",
                        how);
    }
    if (a->num_regressors < 0) {
        return cn__fail(CN_EVALUE,
                        "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                        "Received: num_regressors=%" PRId64,
                        a->num_regressors);
    }
    return cn__metric_vector(self, "num_samples", -1);
}

static int build_r2(cn_metric *self, const cn_shape *y_true, const cn_shape *y_pred)
{
    static const char *const names[] = {"squared_sum", "sum", "residual", "count"};
    if (y_true->rank != 2 || y_pred->rank != 2 || y_pred->dim[1] < 0 || y_true->dim[1] < 0) {
        char a[256], b[256];
        return cn__fail(CN_EVALUE,
                        "R2Score expects 2D inputs with shape (batch_size, output_dim). Received "
                        "input shapes: y_pred.shape=%s and y_true.shape=%s.",
                        cn__shape_text(y_pred, a, sizeof a), cn__shape_text(y_true, b, sizeof b));
    }
    int code = 0;
    for (int i = 0; code == 0 && i < 4; i++) {
        code = cn__metric_vector(self, names[i], y_pred->dim[1]);
    }
    return code;
}

static int add_rows(cn_metric *self, int variable, cn_tensor *values)
{
    const int64_t first = 0;
    return cn__metric_add(self, variable, cn_sum_axes(values, 1, &first, false));
}

static int update_r2(cn_metric *self, cn_tensor *y, cn_tensor *p, cn_tensor *weight)
{
    int code = match(self, &y, &p);
    if (code < 0) {
        return code;
    }
    cn_tensor *w = cn_ones_like(y);
    if (weight) {
        weight = cn_cast(weight, CN_FLOAT32);
        weight = weight && weight->shape.rank == 1 ? cn_expand_dims(weight, 1) : weight;
        w = cn_multiply(w, weight);
    }
    cn_tensor *weighted = cn_multiply(y, w);
    code = add_rows(self, SUM, weighted);
    code = code < 0 ? code : add_rows(self, SQUARES, cn_multiply(y, weighted));
    code = code < 0 ? code : add_rows(self, RESIDUAL, cn_multiply(cn_square(cn_subtract(y, p)), w));
    code = code < 0 ? code : add_rows(self, COUNT, w);
    return code < 0 ? code : cn__metric_add(self, SAMPLES, cn__count(y));
}

/* 1 - (1 - r2)(n - 1) / (n - p - 1), or r2 itself where there are too few samples for p regressors.
 */
static cn_tensor *adjusted(const cn_metric *self, cn_tensor *r2, double regressors)
{
    cn_tensor *n = self->variables[SAMPLES];
    cn_tensor *freedom = cn_subtract(cn_subtract(n, regressors), 1.0);
    cn_tensor *enough = cn_greater(freedom, 0.0);
    cn_tensor *lost = cn_divide(cn_multiply(cn_subtract(1.0, r2), cn_subtract(n, 1.0)),
                                cn_where(enough, freedom, 1.0));
    return cn_where(enough, cn_subtract(1.0, lost), r2);
}

static cn_tensor *result_r2(cn_metric *self)
{
    const cn_metric_r2_score_args *a = self->base.args;
    const char *how = a->class_aggregation ? a->class_aggregation : "none";
    cn_tensor *sum = self->variables[SUM];
    cn_tensor *mean = cn_divide(sum, self->variables[COUNT]);
    cn_tensor *total = cn_subtract(self->variables[SQUARES], cn_multiply(sum, mean));
    cn_tensor *score = cn_subtract(1.0, cn_divide(self->variables[RESIDUAL], total));
    score = cn_where(cn_isinf(score), 0.0, score);
    if (strcmp(how, "uniform_average") == 0) {
        score = cn_mean_axes(score, -1, NULL, false);
    } else if (strcmp(how, "variance_weighted_average") == 0) {
        score = cn_divide(cn_sum_axes(cn_multiply(total, score), -1, NULL, false),
                          cn_sum_axes(total, -1, NULL, false));
    }
    return a->num_regressors ? adjusted(self, score, (double)a->num_regressors) : score;
}

static const cn_field r2_score_fields[] = {
    CN_FIELD(cn_metric_r2_score_args, STRING, class_aggregation),
    CN_FIELD(cn_metric_r2_score_args, INT64, num_regressors),
    {0}};
CN__METRIC_RECORD(r2_score, "R2Score", NULL, CN_METRIC_R2_SCORE_DEFAULTS, .init = init_r2,
                  .build = build_r2, .update = update_r2, .result = result_r2, .direction = 1)

/* Correlations */
static cn_tensor *mean_of(cn_tensor *x, int64_t axis, bool keep)
{
    return cn_mean_axes(x, 1, &axis, keep);
}

static cn_tensor *centred(cn_tensor *x, int64_t axis)
{
    return cn_subtract(x, mean_of(x, axis, true));
}

static cn_tensor *variance(cn_tensor *x, int64_t axis)
{
    return mean_of(cn_square(centred(x, axis)), axis, true);
}

static cn_tensor *standardized(cn_tensor *x, int64_t axis)
{
    x = centred(x, axis);
    return cn_divide(x, cn_sqrt(variance(x, axis)));
}

static cn_tensor *pearson(const cn_metric *self, cn_tensor *y, cn_tensor *p)
{
    const cn_metric_pearson_correlation_args *a = self->base.args;
    if (match(self, &y, &p) < 0) {
        return NULL;
    }
    return mean_of(cn_multiply(standardized(y, a->axis), standardized(p, a->axis)), a->axis, false);
}

/* Keras takes both differences from the mean of the predictions. */
static cn_tensor *concordance(const cn_metric *self, cn_tensor *y, cn_tensor *p)
{
    const cn_metric_concordance_correlation_args *a = self->base.args;
    if (match(self, &y, &p) < 0) {
        return NULL;
    }
    cn_tensor *mean_y = mean_of(y, a->axis, true), *mean_p = mean_of(p, a->axis, true);
    cn_tensor *shared = cn_multiply(cn_subtract(y, mean_p), cn_subtract(p, mean_p));
    cn_tensor *norm = cn_add(cn_add(variance(y, a->axis), variance(p, a->axis)),
                             cn_square(cn_subtract(mean_y, mean_p)));
    return mean_of(cn_divide(cn_multiply(2.0, shared), cn_add(norm, 1e-7)), a->axis, false);
}

static const cn_field pearson_correlation_fields[] = {
    CN_FIELD(cn_metric_pearson_correlation_args, INT64, axis), {0}};
static const cn_field concordance_correlation_fields[] = {
    CN_FIELD(cn_metric_concordance_correlation_args, INT64, axis), {0}};
CN__METRIC_RECORD(pearson_correlation, "PearsonCorrelation", NULL,
                  CN_METRIC_PEARSON_CORRELATION_DEFAULTS, .values = pearson, .direction = 1)
CN__METRIC_RECORD(concordance_correlation, "ConcordanceCorrelation", NULL,
                  CN_METRIC_CONCORDANCE_CORRELATION_DEFAULTS, .values = concordance, .direction = 1)
