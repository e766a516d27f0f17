/* AUC: the area under a curve of decisions, by Riemann sums over thresholds. */
#include "metrics/confusion.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef cn_metric_auc_args arguments;

static bool is(const char *text, const char *word)
{
    return text && strcasecmp(text, word) == 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The given thresholds, sorted, between the ends. */
static int init_given(cn__confusion *c, cn_floats *given, int n)
{
    double *sorted = given->v;
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    int code = cn__confusion_init_even(c, n + 2, true);
    bool even = code == 0;
    for (int i = 0; code == 0 && i < n; i++) {
        double want = (i + 1.0) / (n + 1), off = sorted[i] - want;
        even = even && (off < 0 ? -off : off) <= 1e-7 + 1e-5 * want;
        c->thresholds[i + 1] = (float)sorted[i];
    }
    c->even = even;
    return code;
}

static int init(cn_metric *self)
{
    arguments *a = self->base.args;
    cn__confusion *c = self->state;
    int given = cn__floats_count(&a->thresholds);
    if (!is(a->curve, "ROC") && !is(a->curve, "PR") && !is(a->curve, "PRGAIN")) {
        return cn__fail(CN_EVALUE,
                        "Invalid AUC curve value: \"%s\". Expected values are [\"PR\", \"ROC\", "
                        "\"PRGAIN\"]",
                        a->curve ? a->curve : "None");
    }
    if (!is(a->summation_method, "interpolation") && !is(a->summation_method, "majoring") &&
        !is(a->summation_method, "minoring")) {
        return cn__fail(CN_EVALUE,
                        "Invalid AUC summation method value: \"%s\". Expected values are "
                        "[\"interpolation\", \"majoring\", \"minoring\"]",
                        a->summation_method ? a->summation_method : "None");
    }
    if (given == 0 && a->num_thresholds <= 1) {
        return cn__fail(CN_EVALUE,
                        "Argument `num_thresholds` must be an integer > 1. Received: "
                        "num_thresholds=%" PRId64,
                        a->num_thresholds);
    }
    if (!a->multi_label && a->num_labels != CN_NONE && a->num_labels != 0) {
        return cn__fail(CN_EVALUE, "`num_labels` is needed only when `multi_label` is True.");
    }
    int code = given ? init_given(c, &a->thresholds, given)
                     : cn__confusion_init_even(c, a->num_thresholds, true);
    if (code < 0) {
        return code;
    }
    a->thresholds.n = given;
    a->label_weights.n = cn__floats_count(&a->label_weights);
    for (int i = 0; i < a->label_weights.n; i++) {
        a->label_weights.v[i] = (float)a->label_weights.v[i]; /* a float32 tensor in Keras */
    }
    a->num_thresholds = c->n;
    c->multi_label = a->multi_label;
    c->label_weights = a->label_weights;
    return 0;
}

/* Variables of (thresholds), or of (thresholds, labels). */
static int build(cn_metric *self, const cn_shape *y_true, const cn_shape *y_pred)
{
    static const char *const names[] = {"true_positives", "false_positives", "true_negatives",
                                        "false_negatives"};
    cn__confusion *c = self->state;
    (void)y_true;
    if (c->multi_label && (y_pred->rank != 2 || y_pred->dim[1] < 0)) {
        char text[256];
        return cn__fail(CN_EVALUE,
                        "`y_pred` must have rank 2 when `multi_label=True`. Found rank %d. Full "
                        "shape received for `y_pred`: %s",
                        y_pred->rank, cn__shape_text(y_pred, text, sizeof text));
    }
    cn_shape shape = {.rank = c->multi_label ? 2 : 1,
                      .dim = {c->n, c->multi_label ? y_pred->dim[1] : 0}};
    for (int i = 0; i < CN__CONFUSION_COUNTS; i++) {
        c->variable[i] = self->n_variables;
        if (!cn_metric_add_variable(self, names[i], &shape, 0)) {
            return cn_error_code();
        }
    }
    return 0;
}

static int update(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *weight)
{
    const arguments *a = self->base.args;
    if (!y_pred) {
        return cn__fail(CN_EVALUE, "%s: y_pred is NULL", self->base.name);
    }
    y_pred = a->from_logits ? cn_sigmoid(y_pred) : y_pred;
    return y_pred ? cn__confusion_update(self, self->state, y_true, y_pred, weight)
                  : cn_error_code();
}

static cn_tensor *all_but_last(cn_tensor *x)
{
    return x ? cn_slice(x, 0, 0, x->shape.dim[0] - 1, 1) : NULL;
}

static cn_tensor *all_but_first(cn_tensor *x)
{
    return x ? cn_slice(x, 0, 1, CN_END, 1) : NULL;
}

static cn_tensor *step(cn_tensor *x)
{
    return cn_subtract(all_but_last(x), all_but_first(x));
}

/* Sums of each label, averaged by their weights. */
static cn_tensor *total(const cn_metric *self, cn_tensor *terms)
{
    const arguments *a = self->base.args;
    const int64_t first = 0;
    if (!a->multi_label) {
        return cn_sum_axes(terms, -1, NULL, false);
    }
    cn_tensor *by_label = cn_sum_axes(terms, 1, &first, false);
    if (!a->label_weights.n) {
        return cn_mean_axes(by_label, -1, NULL, false);
    }
    cn_tensor *w = cn_array_of(a->label_weights.n, a->label_weights.v);
    return cn__divide_no_nan(cn_sum_axes(cn_multiply(by_label, w), -1, NULL, false),
                             cn_sum_axes(w, -1, NULL, false));
}

/* The area between points of a precision-recall curve, along which true positives are interpolated
 * (Davis and Goadrich, 2006). */
static cn_tensor *interpolated_pr(const cn_metric *self, cn_tensor *tp, cn_tensor *fp,
                                  cn_tensor *fn)
{
    cn_tensor *p = cn_add(tp, fp), *dtp = step(tp);
    cn_tensor *slope = cn__divide_no_nan(dtp, cn_maximum(step(p), 0.0));
    cn_tensor *high = all_but_last(p), *low = all_but_first(p);
    cn_tensor *intercept = cn_subtract(all_but_first(tp), cn_multiply(slope, low));
    cn_tensor *both = cn_logical_and(cn_greater(high, 0.0), cn_greater(low, 0.0));
    cn_tensor *ratio = cn_where(both, cn__divide_no_nan(high, cn_maximum(low, 0.0)), 1.0);
    cn_tensor *rise = cn_add(dtp, cn_multiply(intercept, cn_log(ratio)));
    cn_tensor *positives = cn_maximum(cn_add(all_but_first(tp), all_but_first(fn)), 0.0);
    return total(self, cn__divide_no_nan(cn_multiply(slope, rise), positives));
}

/* 1 - scale miss / tp, `otherwise` where there are no true positives. */
static cn_tensor *gain(cn_tensor *scale, cn_tensor *miss, cn_tensor *tp, double otherwise)
{
    cn_tensor *lost = cn_multiply(scale, cn__divide_no_nan(miss, tp));
    return cn_where(cn_equal(tp, 0.0), otherwise, cn_subtract(1.0, lost));
}

static cn_tensor *result(cn_metric *self)
{
    const arguments *a = self->base.args;
    cn_tensor *tp = self->variables[CN__TRUE_POSITIVES], *fp = self->variables[CN__FALSE_POSITIVES];
    cn_tensor *tn = self->variables[CN__TRUE_NEGATIVES], *fn = self->variables[CN__FALSE_NEGATIVES];
    bool interpolation = is(a->summation_method, "interpolation");
    if (is(a->curve, "PR") && interpolation) {
        return interpolated_pr(self, tp, fp, fn);
    }
    cn_tensor *recall = cn__divide_no_nan(tp, cn_add(tp, fn)), *x = recall, *y = recall;
    if (is(a->curve, "ROC")) {
        x = cn__divide_no_nan(fp, cn_add(fp, tn));
    } else if (is(a->curve, "PR")) {
        y = cn__divide_no_nan(tp, cn_add(tp, fp));
    } else {
        cn_tensor *scale = cn__divide_no_nan(cn_add(tp, fn), cn_add(tn, fp));
        x = cn_maximum(gain(scale, fn, tp, 0), 0.0);
        y = gain(scale, fp, tp, 1);
    }
    cn_tensor *left = all_but_last(y), *right = all_but_first(y);
    cn_tensor *height = interpolation                         ? cn_divide(cn_add(left, right), 2.0)
                        : is(a->summation_method, "minoring") ? cn_minimum(left, right)
                                                              : cn_maximum(left, right);
    return total(self, cn_multiply(step(x), height));
}

#define T cn_metric_auc_args
static const cn_field auc_fields[] = {CN_FIELD(T, INT64, num_thresholds),
                                      CN_FIELD(T, STRING, curve),
                                      CN_FIELD(T, STRING, summation_method),
                                      CN_FIELD(T, BOOL, multi_label),
                                      CN_FIELD(T, INT64, num_labels),
                                      CN_FIELD(T, FLOATS, label_weights),
                                      CN_FIELD(T, BOOL, from_logits),
                                      CN_FIELD(T, FLOATS, thresholds),
                                      {0}};
CN__METRIC_RECORD(auc, "AUC", NULL, CN_METRIC_AUC_DEFAULTS, .init = init, .build = build,
                  .update = update, .result = result, .state_bytes = sizeof(cn__confusion),
                  .destroy = cn__confusion_free, .direction = 1)
