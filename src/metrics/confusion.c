/* Counts of right and wrong decisions: for every threshold, the weight of positives and negatives
 * above it. */
#include "metrics/confusion.h"

#include <math.h>

#define LOWEST -1e10 /* what predictions outside the top k become */

void cn__confusion_free(void *confusion)
{
    cn__free_mem(((cn__confusion *)confusion)->thresholds);
}

static int allocate(cn__confusion *c, int64_t n)
{
    *c = (cn__confusion){
        .n = n, .top_k = CN_NONE, .class_id = CN_NONE, .variable = {-1, -1, -1, -1}};
    c->thresholds = cn__calloc((size_t)n, sizeof *c->thresholds);
    return c->thresholds ? 0 : CN_ENOMEM;
}

/* Whether they are evenly spread from 0 to 1 (numpy's allclose, atol 1e-7, rtol 1e-5). */
static bool is_even(const cn__confusion *c)
{
    bool even = c->n >= 3;
    for (int64_t i = 0; even && i < c->n; i++) {
        double want = (double)i / (double)(c->n - 1);
        even = fabs(c->thresholds[i] - want) <= 1e-7 + 1e-5 * want;
    }
    return even;
}

int cn__confusion_init(cn__confusion *c, const cn_floats *thresholds, double otherwise)
{
    int n = cn__floats_count(thresholds);
    int code = allocate(c, n > 0 ? n : 1);
    if (code < 0) {
        return code;
    }
    c->thresholds[0] = (float)otherwise;
    for (int i = 0; i < n; i++) {
        double t = thresholds->v[i];
        if (!(t >= 0 && t <= 1)) {
            return cn__fail(CN_EVALUE, "Threshold values must be in [0, 1]. Received: [%g]", t);
        }
        c->thresholds[i] = (float)t;
    }
    c->even = is_even(c);
    return 0;
}

int cn__confusion_init_even(cn__confusion *c, int64_t n, bool open_ended)
{
    int code = allocate(c, n);
    for (int64_t i = 0; code == 0 && i < n; i++) {
        c->thresholds[i] = n > 1 ? (float)((double)i / (double)(n - 1)) : 0.5f;
    }
    if (code == 0 && open_ended && n > 1) {
        c->thresholds[0] = -1e-7f;
        c->thresholds[n - 1] = 1 + 1e-7f;
    }
    c->even = n > 1;
    c->open_ended = open_ended;
    return code;
}

int cn__confusion_count(cn_metric *self, cn__confusion *c, int count, const char *name)
{
    c->variable[count] = self->n_variables;
    return cn__metric_vector(self, name, c->n);
}

/* p where it is among the k largest of its sample, elsewhere as low as can be. */
static cn_tensor *top_only(cn_tensor *p, int64_t k)
{
    int64_t classes = cn_tensor_dim(p, -1);
    cn_tensor *indices = NULL;
    if (classes < 0) {
        cn__fail(CN_EVALUE, "top_k: the number of classes must be known");
        return NULL;
    }
    if (!cn_top_k(p, k, &indices)) {
        return NULL;
    }
    const int64_t second_last = -2;
    cn_tensor *chosen =
        cn_sum_axes(cn_one_hot(indices, classes, CN_FLOAT32), 1, &second_last, false);
    return cn_add(cn_multiply(p, chosen), cn_multiply(LOWEST, cn_subtract(1.0, chosen)));
}

/* Weights brought to the rank of y; tf.keras and Keras 3 differ in how they do it. */
static cn_tensor *fit_weights(const cn_metric *self, cn_tensor *w, cn_tensor *y)
{
    int code;
    w = cn_cast(w, CN_FLOAT32);
    if (!w) {
        return NULL;
    }
    if (cn__is_keras3(self->base.keras)) {
        w = cn_expand_dims(w, -1);
        code = w ? cn__match_ranks(&y, &w, false) : cn_error_code();
    } else {
        code = cn__match_weights_keras2(y, &w);
    }
    return code < 0 ? NULL : w;
}

/* (thresholds, 1): with what a prediction is compared, times n - 1 if the thresholds are even. */
static cn_tensor *limits(const cn__confusion *c)
{
    cn_tensor *t = cn_tensor_new(CN_FLOAT32, 1, &c->n, c->thresholds);
    if (c->even) {
        t = cn_arange(0, (double)c->n, 1, CN_FLOAT32);
        if (t && c->open_ended) {
            ((float *)cn_tensor_data_mutable(t))[0] = -1;
        }
    }
    return t;
}

typedef struct counted {
    cn_tensor *
        above; /* 1 where the prediction is above the threshold: (thresholds, elements[, labels]) */
    cn_tensor *right, *wrong; /* weight of positives, of negatives: (elements[, labels]) */
} counted;

static int decide(const cn_metric *self, const cn__confusion *c, cn_tensor *y, cn_tensor *p,
                  cn_tensor *w, counted *out)
{
    cn_tensor *weight = cn_ones_like(p);
    if (w) {
        weight = cn_multiply(weight, fit_weights(self, w, y));
    }
    if (c->label_weights.n && !c->multi_label) {
        weight = cn_multiply(weight, cn_array_of(c->label_weights.n, c->label_weights.v));
    }
    y = cn_cast(cn_not_equal(y, 0.0), CN_FLOAT32);
    if (c->even) {
        p = cn_multiply(cn_clip(p, 0, 1), (double)(c->n - 1));
    }
    cn_tensor *t = limits(c);
    out->right = cn_multiply(y, weight);
    out->wrong = cn_multiply(cn_subtract(1.0, y), weight);
    if (c->multi_label) {
        t = t ? cn_reshape(t, c->n, 1, 1) : NULL;
    } else {
        p = cn_reshape(p, -1);
        t = t ? cn_reshape(t, c->n, 1) : NULL;
        out->right = cn_reshape(out->right, -1);
        out->wrong = cn_reshape(out->wrong, -1);
    }
    cn_tensor *above = p && t ? cn_greater(cn_expand_dims(p, 0), t) : NULL;
    out->above = above ? cn_cast(above, CN_FLOAT32) : NULL;
    return cn__pending() ? cn_error_code() : 0;
}

static int add(cn_metric *self, const cn__confusion *c, int count, cn_tensor *value)
{
    return c->variable[count] < 0 ? 0 : cn__metric_add(self, c->variable[count], value);
}

int cn__confusion_update(cn_metric *self, const cn__confusion *c, cn_tensor *y_true,
                         cn_tensor *y_pred, cn_tensor *sample_weight)
{
    const int64_t second = 1, first = 0;
    cn_tensor *y = cn_cast(y_true, CN_FLOAT32), *p = cn_cast(y_pred, CN_FLOAT32);
    if (!y || !p) {
        return cn_error_code();
    }
    int code = cn__is_keras3(self->base.keras) ? cn__match_ranks(&p, &y, true)
                                               : cn__match_targets_keras2(&y, &p);
    if (code < 0) {
        return code;
    }
    p = c->top_k == CN_NONE ? p : top_only(p, c->top_k);
    if (c->class_id != CN_NONE) {
        y = cn_slice(y, -1, c->class_id, c->class_id + 1, 1);
        p = cn_slice(p, -1, c->class_id, c->class_id + 1, 1);
    }
    counted d = {0};
    if (!y || !p || decide(self, c, y, p, sample_weight, &d) < 0) {
        return cn_error_code();
    }
    cn_tensor *tp = cn_sum_axes(cn_multiply(d.above, d.right), 1, &second, false);
    cn_tensor *fp = cn_sum_axes(cn_multiply(d.above, d.wrong), 1, &second, false);
    cn_tensor *positives = cn_sum_axes(d.right, 1, &first, false);
    cn_tensor *negatives = cn_sum_axes(d.wrong, 1, &first, false);
    code = add(self, c, CN__TRUE_POSITIVES, tp);
    code = code < 0 ? code : add(self, c, CN__FALSE_POSITIVES, fp);
    code = code < 0 ? code : add(self, c, CN__TRUE_NEGATIVES, cn_subtract(negatives, fp));
    return code < 0 ? code : add(self, c, CN__FALSE_NEGATIVES, cn_subtract(positives, tp));
}
