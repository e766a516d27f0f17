/* The cross-entropies, which go back to the logits where their input came from a softmax or
 * sigmoid; and their focal kin. */
#include "losses/loss.h"
#include "ops/cross_entropy.h"
#include "ops/op.h"
#include <math.h>

#define EPSILON 1e-7

/* What the activation was given if `output` came from it, else NULL (Keras's _get_logits). */
static cn_tensor *logits_of(const cn_tensor *output, const cn__op *activation)
{
    const cn__node *node = output->node;
    return node && node->op == activation ? node->in[0] : NULL;
}

/* Keras keeps the logits of a softmax whatever its axis; ours are of use only along the axis of the
 * loss. */
static cn_tensor *softmax_logits(const cn_tensor *output, int axis)
{
    cn_tensor *logits = logits_of(output, &cn__op_softmax);
    if (!logits) {
        return NULL;
    }
    int64_t of_softmax = output->node->attrs.i[0];
    return (of_softmax < 0 ? of_softmax + output->shape.rank : of_softmax) == axis ? logits : NULL;
}

static cn_tensor *clipped(cn_tensor *p)
{
    return cn_clip(p, EPSILON, 1 - EPSILON);
}

/* x with `axis` moved to the end. */
static cn_tensor *axis_last(cn_tensor *x, int axis)
{
    if (!x || axis == x->shape.rank - 1) {
        return x;
    }
    int64_t order[CN_MAX_RANK];
    int n = 0;
    for (int i = 0; i < x->shape.rank; i++) {
        if (i != axis) {
            order[n++] = i;
        }
    }
    order[n++] = axis;
    return cn_transpose_axes(x, n, order);
}

static bool same_shape(const cn_tensor *target, const cn_tensor *output, int keras)
{
    const cn_shape *a = &target->shape, *b = &output->shape;
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) {
        same = a->dim[i] == b->dim[i] || a->dim[i] == -1 || b->dim[i] == -1;
    }
    if (!same) {
        char x[256], y[256];
        cn__shape_text(a, x, sizeof x);
        cn__shape_text(b, y, sizeof y);
        if (!cn__is_keras3(keras)) {
            cn__fail(CN_EVALUE, "Shapes %s and %s are incompatible", x, y);
        } else if (a->rank != b->rank) {
            cn__fail(CN_EVALUE,
                     "Arguments `target` and `output` must have the same rank (ndim). Received: "
                     "target.shape=%s, output.shape=%s",
                     x, y);
        } else {
            cn__fail(CN_EVALUE,
                     "Arguments `target` and `output` must have the same shape. Received: "
                     "target.shape=%s, output.shape=%s",
                     x, y);
        }
    }
    return same;
}

/* One value an element. tf.keras adds epsilon inside the logarithms of the clipped probabilities as
 * well. */
static cn_tensor *binary_elements(cn_tensor *y, cn_tensor *p, bool from_logits, int keras)
{
    cn_tensor *logits = logits_of(p, &cn__op_sigmoid);
    if (logits || from_logits) {
        return cn__sigmoid_cross_entropy(logits ? logits : p, y);
    }
    p = clipped(p);
    cn_tensor *q = cn_subtract(1.0, p);
    if (!cn__is_keras3(keras)) {
        p = cn_add(p, EPSILON);
        q = cn_add(q, EPSILON);
    }
    return cn_negative(
        cn_add(cn_multiply(y, cn_log(p)), cn_multiply(cn_subtract(1.0, y), cn_log(q))));
}

static cn_tensor *smooth_binary(cn_tensor *y, double smoothing)
{
    return smoothing == 0 ? y : cn_add(cn_multiply(y, 1.0 - smoothing), 0.5 * smoothing);
}

static cn_tensor *mean_over(cn_tensor *x, int64_t axis)
{
    return cn_mean_axes(x, 1, &axis, false);
}

static cn_tensor *binary_crossentropy(const cn_loss *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    const cn_loss_binary_crossentropy_args *a = self->base.args;
    cn_tensor *y = cn__like(y_true, y_pred);
    if (!y || !same_shape(y, y_pred, self->base.keras)) {
        return NULL;
    }
    y = smooth_binary(y, a->label_smoothing);
    return mean_over(binary_elements(y, y_pred, a->from_logits, self->base.keras), a->axis);
}

static cn_tensor *binary_focal_crossentropy(const cn_loss *self, cn_tensor *y_true,
                                            cn_tensor *y_pred)
{
    const cn_loss_binary_focal_crossentropy_args *a = self->base.args;
    cn_tensor *y = cn__like(y_true, y_pred);
    if (!y || !same_shape(y, y_pred, self->base.keras)) {
        return NULL;
    }
    y = smooth_binary(y, a->label_smoothing);
    cn_tensor *p = a->from_logits ? cn_sigmoid(y_pred) : y_pred;
    if (!p) {
        return NULL;
    }
    cn_tensor *bce = binary_elements(y, p, false, self->base.keras);
    cn_tensor *other = cn_subtract(1.0, y);
    cn_tensor *p_t = cn_add(cn_multiply(y, p), cn_multiply(other, cn_subtract(1.0, p)));
    cn_tensor *focal = cn_multiply(cn_power(cn_subtract(1.0, p_t), a->gamma), bce);
    if (a->apply_class_balancing) {
        focal =
            cn_multiply(cn_add(cn_multiply(y, a->alpha), cn_multiply(other, 1 - a->alpha)), focal);
    }
    return mean_over(focal, a->axis);
}

/* tf.keras counts the classes along the loss's axis, Keras 3 always along the last. */
static cn_tensor *smooth_classes(cn_tensor *y, double smoothing, int64_t axis, int keras)
{
    if (smoothing == 0) {
        return y;
    }
    cn_tensor *classes = cn__length(y, cn__is_keras3(keras) ? -1 : axis);
    return cn_add(cn_multiply(y, 1.0 - smoothing), cn_divide(smoothing, classes));
}

static cn_tensor *categorical_crossentropy(const cn_loss *self, cn_tensor *y_true,
                                           cn_tensor *y_pred)
{
    const cn_loss_categorical_crossentropy_args *a = self->base.args;
    cn_tensor *y = cn__like(y_true, y_pred);
    int axis = cn__axis(a->axis, y_pred->shape.rank, "categorical_crossentropy");
    if (!y || axis < 0 || !same_shape(y, y_pred, self->base.keras)) {
        return NULL;
    }
    y = smooth_classes(y, a->label_smoothing, a->axis, self->base.keras);
    cn_tensor *logits = softmax_logits(y_pred, axis);
    if (logits || a->from_logits) {
        return cn__softmax_cross_entropy(axis_last(logits ? logits : y_pred, axis),
                                         axis_last(y, axis));
    }
    int64_t over = axis;
    cn_tensor *p = clipped(cn_divide(y_pred, cn_sum_axes(y_pred, 1, &over, true)));
    return cn_negative(cn_sum_axes(cn_multiply(y, cn_log(p)), 1, &over, false));
}

static cn_tensor *categorical_focal_crossentropy(const cn_loss *self, cn_tensor *y_true,
                                                 cn_tensor *y_pred)
{
    const cn_loss_categorical_focal_crossentropy_args *a = self->base.args;
    cn_tensor *y = cn__like(y_true, y_pred);
    int64_t axis = cn__axis(a->axis, y_pred->shape.rank, "categorical_focal_crossentropy");
    if (!y || axis < 0 || !same_shape(y, y_pred, self->base.keras)) {
        return NULL;
    }
    y = smooth_classes(y, a->label_smoothing, -1, self->base.keras);
    cn_tensor *p = a->from_logits ? cn_softmax(y_pred, (int)axis) : y_pred;
    p = clipped(cn_divide(p, cn_sum_axes(p, 1, &axis, true)));
    cn_tensor *cce = cn_multiply(cn_negative(y), cn_log(p));
    cn_tensor *weight = cn_multiply(cn_power(cn_subtract(1.0, p), a->gamma), a->alpha);
    return cn_sum_axes(cn_multiply(weight, cce), 1, &axis, false);
}

/* Class numbers without a last axis of length 1, as integers. */
static cn_tensor *labels_of(cn_tensor *y_true, const cn_tensor *y_pred)
{
    int rank = y_true->shape.rank;
    if (rank == y_pred->shape.rank && rank > 0 && y_true->shape.dim[rank - 1] == 1) {
        y_true = cn_squeeze(y_true, -1);
    }
    if (!y_true || cn__dtype_is_integer(y_true->dtype)) {
        return y_true;
    }
    /* A cast alone would make class 0 of a NaN; so it becomes the lowest integer, as TensorFlow's
     * cast gives it. */
    if (cn__dtype_is_float(y_true->dtype)) {
        y_true = cn_where(cn_isnan(y_true), -INFINITY, y_true);
    }
    return cn_cast(y_true, CN_INT64);
}

static bool labels_fit(const cn_tensor *labels, const cn_tensor *output)
{
    if (labels->shape.rank == output->shape.rank - 1) {
        return true;
    }
    char a[256], b[256];
    cn__fail(CN_EVALUE,
             "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: "
             "target.shape=%s, output.shape=%s",
             cn__shape_text(&labels->shape, a, sizeof a),
             cn__shape_text(&output->shape, b, sizeof b));
    return false;
}

static cn_tensor *sparse_categorical_crossentropy(const cn_loss *self, cn_tensor *y_true,
                                                  cn_tensor *y_pred)
{
    const cn_loss_sparse_categorical_crossentropy_args *a = self->base.args;
    int axis = cn__axis(a->axis, y_pred->shape.rank, "sparse_categorical_crossentropy");
    cn_tensor *labels = labels_of(y_true, y_pred);
    if (axis < 0 || !labels || !labels_fit(labels, y_pred)) {
        return NULL;
    }
    cn_tensor *logits = softmax_logits(y_pred, axis);
    if (!logits && !a->from_logits) {
        logits = cn_log(clipped(y_pred));
    }
    logits = axis_last(logits ? logits : y_pred, axis);
    if (a->ignore_class == CN_NONE) {
        return cn__sparse_softmax_cross_entropy(logits, labels);
    }
    cn_tensor *valid = cn_not_equal(labels, a->ignore_class);
    cn_tensor *values =
        cn__sparse_softmax_cross_entropy(logits, cn_where(valid, labels, cn_zeros_like(labels)));
    values = cn_where(valid, values, 0.0);
    if (values && !values->mask) {
        values->mask = cn__ref(valid);
    }
    return values;
}

static cn_tensor *categorical_generalized_cross_entropy(const cn_loss *self, cn_tensor *y_true,
                                                        cn_tensor *y_pred)
{
    const cn_loss_categorical_generalized_cross_entropy_args *a = self->base.args;
    cn_tensor *labels = labels_of(y_true, y_pred);
    int64_t classes = cn_tensor_dim(y_pred, -1);
    if (!labels || !labels_fit(labels, y_pred)) {
        return NULL;
    }
    if (classes < 0) {
        cn__fail(CN_EVALUE,
                 "categorical_generalized_cross_entropy: the number of classes is not known");
        return NULL;
    }
    cn_tensor *hot = cn_one_hot(labels, classes, y_pred->dtype);
    cn_tensor *p = cn__last_sum(cn_multiply(y_pred, hot));
    return cn_divide(cn_subtract(1.0, cn_power(p, a->q)), a->q);
}

#define T cn_loss_binary_crossentropy_args
static const cn_field binary_crossentropy_fields[] = {CN_FIELD(T, BOOL, from_logits),
                                                      CN_FIELD(T, DOUBLE, label_smoothing),
                                                      CN_FIELD(T, INT64, axis),
                                                      {0}};
#undef T
#define T cn_loss_categorical_crossentropy_args
static const cn_field categorical_crossentropy_fields[] = {CN_FIELD(T, BOOL, from_logits),
                                                           CN_FIELD(T, DOUBLE, label_smoothing),
                                                           CN_FIELD(T, INT64, axis),
                                                           {0}};
#undef T
#define T cn_loss_sparse_categorical_crossentropy_args
static const cn_field sparse_categorical_crossentropy_fields[] = {
    CN_FIELD(T, BOOL, from_logits),
    CN_FIELD(T, INT64, ignore_class),
    CN_FIELD_FLAGS(T, INT64, axis, CN_FIELD_UNSAVED),
    {0}};
#undef T
#define T cn_loss_binary_focal_crossentropy_args
static const cn_field binary_focal_crossentropy_fields[] = {
    CN_FIELD(T, BOOL, from_logits),
    CN_FIELD(T, DOUBLE, label_smoothing),
    CN_FIELD(T, INT64, axis),
    CN_FIELD(T, BOOL, apply_class_balancing),
    CN_FIELD(T, DOUBLE, alpha),
    CN_FIELD(T, DOUBLE, gamma),
    {0}};
#undef T
#define T cn_loss_categorical_focal_crossentropy_args
static const cn_field categorical_focal_crossentropy_fields[] = {
    CN_FIELD(T, BOOL, from_logits), CN_FIELD(T, DOUBLE, label_smoothing), CN_FIELD(T, INT64, axis),
    CN_FIELD(T, DOUBLE, alpha),     CN_FIELD(T, DOUBLE, gamma),           {0}};
#undef T
#define T cn_loss_categorical_generalized_cross_entropy_args
static const cn_field categorical_generalized_cross_entropy_fields[] = {CN_FIELD(T, DOUBLE, q),
                                                                        {0}};
#undef T

CN__LOSS_RECORD(binary_crossentropy, "BinaryCrossentropy", "bce BCE",
                CN_LOSS_BINARY_CROSSENTROPY_DEFAULTS)
CN__LOSS_RECORD(categorical_crossentropy, "CategoricalCrossentropy", NULL,
                CN_LOSS_CATEGORICAL_CROSSENTROPY_DEFAULTS)
CN__LOSS_RECORD(sparse_categorical_crossentropy, "SparseCategoricalCrossentropy", NULL,
                CN_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY_DEFAULTS)
CN__LOSS_RECORD(binary_focal_crossentropy, "BinaryFocalCrossentropy", NULL,
                CN_LOSS_BINARY_FOCAL_CROSSENTROPY_DEFAULTS)
CN__LOSS_RECORD(categorical_focal_crossentropy, "CategoricalFocalCrossentropy", NULL,
                CN_LOSS_CATEGORICAL_FOCAL_CROSSENTROPY_DEFAULTS)
CN__LOSS_RECORD(categorical_generalized_cross_entropy, "CategoricalGeneralizedCrossEntropy", NULL,
                CN_LOSS_CATEGORICAL_GENERALIZED_CROSS_ENTROPY_DEFAULTS)
