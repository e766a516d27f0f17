/* Metrics made of counts at thresholds: positives and negatives, precision, recall, one at a level
 * of another. */
#include "metrics/confusion.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const count_names[] = {"true_positives", "false_positives", "true_negatives",
                                          "false_negatives"};

static int update(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *weight)
{
    if (!y_pred) {
        return cn__fail(CN_EVALUE, "%s: y_pred is NULL", self->base.name);
    }
    return cn__confusion_update(self, self->state, y_true, y_pred, weight);
}

static cn_tensor *count_of(const cn_metric *self, int count)
{
    const cn__confusion *c = self->state;
    return self->variables[c->variable[count]];
}

/* a / (a + b) */
static cn_tensor *part(const cn_metric *self, int a, int b)
{
    cn_tensor *x = count_of(self, a);
    return cn__divide_no_nan(x, cn_add(x, count_of(self, b)));
}

/* A list of one threshold gives a number. */
static cn_tensor *unpack(const cn_metric *self, cn_tensor *values)
{
    const cn__confusion *c = self->state;
    return values && c->n == 1 ? cn_squeeze(values, 0) : values;
}

static int init_counts(cn_metric *self, int n, const int *counts)
{
    int code = 0;
    for (int i = 0; code == 0 && i < n; i++) {
        code = cn__confusion_count(self, self->state, counts[i], count_names[counts[i]]);
    }
    return code;
}

/* Positives and negatives: all four have the same arguments. */
_Static_assert(sizeof(cn_metric_true_positives_args) == sizeof(cn_metric_false_negatives_args),
               "arguments of counts differ");

static int init_count(cn_metric *self, int count)
{
    const cn_metric_true_positives_args *a = self->base.args;
    int code = cn__confusion_init(self->state, &a->thresholds, 0.5);
    return code < 0 ? code : cn__confusion_count(self, self->state, count, "accumulator");
}

static cn_tensor *result_count(cn_metric *self)
{
    return unpack(self, cn_identity(self->variables[0]));
}

#define SHARED .update = update, .state_bytes = sizeof(cn__confusion), .destroy = cn__confusion_free
#define COUNT(word, keras_name, count, UPPER)                                                      \
    static int init_##word(cn_metric *self)                                                        \
    {                                                                                              \
        return init_count(self, count);                                                            \
    }                                                                                              \
    static const cn_field word##_fields[] = {                                                      \
        CN_FIELD(cn_metric_##word##_args, FLOATS, thresholds), {0}};                               \
    CN__METRIC_RECORD(word, keras_name, NULL, CN_METRIC_##UPPER##_DEFAULTS, .init = init_##word,   \
                      .result = result_count, SHARED)
COUNT(true_positives, "TruePositives", CN__TRUE_POSITIVES, TRUE_POSITIVES)
COUNT(true_negatives, "TrueNegatives", CN__TRUE_NEGATIVES, TRUE_NEGATIVES)
COUNT(false_positives, "FalsePositives", CN__FALSE_POSITIVES, FALSE_POSITIVES)
COUNT(false_negatives, "FalseNegatives", CN__FALSE_NEGATIVES, FALSE_NEGATIVES)

/* Precision and recall, with the same arguments. */
_Static_assert(sizeof(cn_metric_precision_args) == sizeof(cn_metric_recall_args),
               "arguments of precision and recall differ");

static int init_quality(cn_metric *self, int other)
{
    const cn_metric_precision_args *a = self->base.args;
    cn__confusion *c = self->state;
    /* With top_k every prediction that is left counts. */
    int code = cn__confusion_init(c, &a->thresholds, a->top_k == CN_NONE ? 0.5 : -1e10);
    c->top_k = a->top_k;
    c->class_id = a->class_id;
    return code < 0 ? code : init_counts(self, 2, (const int[]){CN__TRUE_POSITIVES, other});
}

static int init_precision(cn_metric *self)
{
    return init_quality(self, CN__FALSE_POSITIVES);
}

static int init_recall(cn_metric *self)
{
    return init_quality(self, CN__FALSE_NEGATIVES);
}

static cn_tensor *precisions(cn_metric *self)
{
    return part(self, CN__TRUE_POSITIVES, CN__FALSE_POSITIVES);
}

static cn_tensor *recalls(cn_metric *self)
{
    return part(self, CN__TRUE_POSITIVES, CN__FALSE_NEGATIVES);
}

static cn_tensor *specificities(cn_metric *self)
{
    return part(self, CN__TRUE_NEGATIVES, CN__FALSE_POSITIVES);
}

static cn_tensor *result_precision(cn_metric *self)
{
    return unpack(self, precisions(self));
}

static cn_tensor *result_recall(cn_metric *self)
{
    return unpack(self, recalls(self));
}

#define T cn_metric_precision_args
static const cn_field precision_fields[] = {
    CN_FIELD(T, FLOATS, thresholds), CN_FIELD(T, INT64, top_k), CN_FIELD(T, INT64, class_id), {0}};
#define recall_fields precision_fields
CN__METRIC_RECORD(precision, "Precision", NULL, CN_METRIC_PRECISION_DEFAULTS,
                  .init = init_precision, .result = result_precision, .direction = 1, SHARED)
CN__METRIC_RECORD(recall, "Recall", NULL, CN_METRIC_RECALL_DEFAULTS, .init = init_recall,
                  .result = result_recall, .direction = 1, SHARED)
#undef T

/* One at a level of another: the four have a level, num_thresholds, class_id in this order. */
typedef cn_metric_precision_at_recall_args level_args;

static int init_level(cn_metric *self, const char *argument)
{
    const level_args *a = self->base.args;
    if (!(a->recall >= 0 && a->recall <= 1)) {
        return cn__fail(CN_EVALUE, "Argument `%s` must be in the range [0, 1]. Received: %s=%g",
                        argument, argument, a->recall);
    }
    if (a->num_thresholds <= 0) {
        return cn__fail(CN_EVALUE,
                        "Argument `num_thresholds` must be an integer > 0. Received: "
                        "num_thresholds=%" PRId64,
                        a->num_thresholds);
    }
    int code = cn__confusion_init_even(self->state, a->num_thresholds, false);
    ((cn__confusion *)self->state)->class_id = a->class_id;
    return code < 0 ? code : init_counts(self, 4, (const int[]){0, 1, 2, 3});
}

/* The largest of `wanted` where `given` reaches the level, at least 0. */
static cn_tensor *best(cn_metric *self, cn_tensor *given, cn_tensor *wanted)
{
    const level_args *a = self->base.args;
    cn_tensor *kept = cn_where(cn_greater_equal(given, a->recall), wanted, 0.0);
    return cn_maximum(cn_max_axes(kept, -1, NULL, false), 0.0);
}

#define LEVEL(word, keras_name, level, UPPER, given, wanted)                                       \
    _Static_assert(offsetof(cn_metric_##word##_args, level) == offsetof(level_args, recall) &&     \
                       sizeof(cn_metric_##word##_args) == sizeof(level_args),                      \
                   "arguments of " keras_name " differ");                                          \
    static int init_##word(cn_metric *self)                                                        \
    {                                                                                              \
        return init_level(self, #level);                                                           \
    }                                                                                              \
    static cn_tensor *result_##word(cn_metric *self)                                               \
    {                                                                                              \
        return best(self, given(self), wanted(self));                                              \
    }                                                                                              \
    static const cn_field word##_fields[] = {                                                      \
        CN_FIELD(cn_metric_##word##_args, INT64, class_id),                                        \
        CN_FIELD(cn_metric_##word##_args, INT64, num_thresholds),                                  \
        CN_FIELD(cn_metric_##word##_args, DOUBLE, level),                                          \
        {0}};                                                                                      \
    CN__METRIC_RECORD(word, keras_name, NULL, CN_METRIC_##UPPER##_DEFAULTS, .init = init_##word,   \
                      .result = result_##word, .direction = 1, SHARED)
LEVEL(precision_at_recall, "PrecisionAtRecall", recall, PRECISION_AT_RECALL, recalls, precisions)
LEVEL(recall_at_precision, "RecallAtPrecision", precision, RECALL_AT_PRECISION, precisions, recalls)
LEVEL(sensitivity_at_specificity, "SensitivityAtSpecificity", specificity,
      SENSITIVITY_AT_SPECIFICITY, specificities, recalls)
LEVEL(specificity_at_sensitivity, "SpecificityAtSensitivity", sensitivity,
      SPECIFICITY_AT_SENSITIVITY, recalls, specificities)
