/* F-scores: the harmonic means of precision and recall, of each class or over all. */
#include "metrics/metric.h"

#include <math.h>
#include <string.h>

#define EPSILON 1e-7

enum { TRUE_POSITIVES, FALSE_POSITIVES, FALSE_NEGATIVES, WEIGHTS };

/* What both classes have, in different structs. */
typedef struct score {
    const char *average; /* "none", "micro", "macro", "weighted" */
    double beta, threshold;
} score;

static bool averages(const score *s, const char *how)
{
    return strcmp(s->average, how) == 0;
}

static int init(cn_metric *self, const char *average, double beta, double threshold)
{
    score *s = self->state;
    *s = (score){average ? average : "none", beta, threshold};
    if (!averages(s, "none") && !averages(s, "micro") && !averages(s, "macro") &&
        !averages(s, "weighted")) {
        return cn__fail(CN_EVALUE,
                        "Invalid `average` argument value. Expected one of: {None, 'micro', "
                        "'macro', 'weighted'}. Received: average=%s",
                        average);
    }
    if (!(beta > 0)) {
        return cn__fail(CN_EVALUE,
                        "Invalid `beta` argument value. It should be > 0. Received: beta=%g", beta);
    }
    if (!isnan(threshold) && !(threshold > 0 && threshold <= 1)) {
        return cn__fail(CN_EVALUE,
                        "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                        "Received: threshold=%g",
                        threshold);
    }
    return 0;
}

static int init_fbeta(cn_metric *self)
{
    const cn_metric_fbeta_score_args *a = self->base.args;
    return init(self, a->average, a->beta, a->threshold);
}

static int init_f1(cn_metric *self)
{
    const cn_metric_f1_score_args *a = self->base.args;
    return init(self, a->average, 1, a->threshold);
}

static int build(cn_metric *self, const cn_shape *y_true, const cn_shape *y_pred)
{
    static const char *const names[] = {"true_positives", "false_positives", "false_negatives",
                                        "intermediate_weights"};
    const score *s = self->state;
    if (y_true->rank != 2 || y_pred->rank != 2 || y_pred->dim[1] < 0 || y_true->dim[1] < 0) {
        char a[256], b[256];
        return cn__fail(CN_EVALUE,
                        "FBetaScore expects 2D inputs with shape (batch_size, output_dim). "
                        "Received input shapes: y_pred.shape=%s and y_true.shape=%s.",
                        cn__shape_text(y_pred, a, sizeof a), cn__shape_text(y_true, b, sizeof b));
    }
    int code = 0;
    for (int i = 0; code == 0 && i < 4; i++) {
        code = cn__metric_vector(self, names[i], averages(s, "micro") ? -1 : y_pred->dim[1]);
    }
    return code;
}

static int add(cn_metric *self, int variable, cn_tensor *values, cn_tensor *weight)
{
    const score *s = self->state;
    const int64_t first = 0;
    if (weight) {
        values = cn_multiply(values, weight);
    }
    bool all = averages(s, "micro");
    return cn__metric_add(self, variable,
                          cn_sum_axes(values, all ? -1 : 1, all ? NULL : &first, false));
}

static int update(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *weight)
{
    const score *s = self->state;
    const int64_t last = -1;
    cn_tensor *y = cn_cast(y_true, CN_FLOAT32), *p = cn_cast(y_pred, CN_FLOAT32), *decided;
    if (isnan(s->threshold)) {
        cn_tensor *largest = cn_max_axes(p, 1, &last, true);
        decided = cn_logical_and(cn_greater_equal(p, largest), cn_greater(cn_abs(p), 1e-9));
    } else {
        decided = cn_greater(p, s->threshold);
    }
    p = cn_cast(decided, CN_FLOAT32);
    if (weight) {
        weight = cn_expand_dims(cn_cast(weight, CN_FLOAT32), 1);
    }
    if (cn__pending()) {
        return cn_error_code();
    }
    int code = add(self, TRUE_POSITIVES, cn_multiply(p, y), weight);
    code =
        code < 0 ? code : add(self, FALSE_POSITIVES, cn_multiply(p, cn_subtract(1.0, y)), weight);
    code =
        code < 0 ? code : add(self, FALSE_NEGATIVES, cn_multiply(cn_subtract(1.0, p), y), weight);
    return code < 0 ? code : add(self, WEIGHTS, y, weight);
}

static cn_tensor *result(cn_metric *self)
{
    const score *s = self->state;
    cn_tensor *tp = self->variables[TRUE_POSITIVES], *weights = self->variables[WEIGHTS];
    cn_tensor *precision =
        cn_divide(tp, cn_add(cn_add(tp, self->variables[FALSE_POSITIVES]), EPSILON));
    cn_tensor *recall =
        cn_divide(tp, cn_add(cn_add(tp, self->variables[FALSE_NEGATIVES]), EPSILON));
    double square = s->beta * s->beta;
    cn_tensor *sum = cn_add(cn_multiply(square, precision), recall);
    cn_tensor *f =
        cn_multiply(cn_divide(cn_multiply(precision, recall), cn_add(sum, EPSILON)), 1 + square);
    if (averages(s, "weighted")) {
        cn_tensor *all = cn_add(cn_sum_axes(weights, -1, NULL, false), EPSILON);
        return cn_sum_axes(cn_multiply(f, cn_divide(weights, all)), -1, NULL, false);
    }
    return averages(s, "none") ? f : cn_mean_axes(f, -1, NULL, false);
}

static const cn_field fbeta_score_fields[] = {
    CN_FIELD(cn_metric_fbeta_score_args, STRING, average),
    CN_FIELD(cn_metric_fbeta_score_args, DOUBLE, beta),
    CN_FIELD(cn_metric_fbeta_score_args, DOUBLE, threshold),
    {0}};
static const cn_field f1_score_fields[] = {CN_FIELD(cn_metric_f1_score_args, STRING, average),
                                           CN_FIELD(cn_metric_f1_score_args, DOUBLE, threshold),
                                           {0}};
CN__METRIC_RECORD(fbeta_score, "FBetaScore", NULL, CN_METRIC_FBETA_SCORE_DEFAULTS,
                  .init = init_fbeta, .build = build, .update = update, .result = result,
                  .state_bytes = sizeof(score), .direction = 1)
CN__METRIC_RECORD(f1_score, "F1Score", NULL, CN_METRIC_F1_SCORE_DEFAULTS, .init = init_f1,
                  .build = build, .update = update, .result = result, .state_bytes = sizeof(score),
                  .direction = 1)
