/* Losses of likeness: cosine, overlaps of regions (Dice, Tversky), circles of embeddings. */
#include "losses/loss.h"

#include <math.h>

#define EPSILON 1e-7

/* x / sqrt(max(sum x^2, 1e-12)) along the axis, as TensorFlow normalises. */
static cn_tensor *normalized(cn_tensor *x, int64_t axis)
{
    cn_tensor *squares = cn_sum_axes(cn_square(x), 1, &axis, true);
    return cn_multiply(x, cn_rsqrt(cn_maximum(squares, 1e-12)));
}

static cn_tensor *cosine_similarity(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    const cn_loss_cosine_similarity_args *a = self->base.args;
    cn_tensor *product = cn_multiply(normalized(cn__like(y, p), a->axis), normalized(p, a->axis));
    return cn_negative(cn_sum_axes(product, 1, &a->axis, false));
}

static cn_tensor *sum_over(cn_tensor *x, const cn_ints *axis)
{
    bool all = axis->v[0] == CN_NONE;
    return cn_sum_axes(x, all ? -1 : cn__ints_count(axis), all ? NULL : axis->v, false);
}

static cn_tensor *dice(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    const cn_loss_dice_args *a = self->base.args;
    y = cn__like(y, p);
    cn_tensor *common = cn_multiply(2.0, sum_over(cn_multiply(y, p), &a->axis));
    cn_tensor *both = cn_add(cn_add(sum_over(y, &a->axis), sum_over(p, &a->axis)), EPSILON);
    return cn_subtract(1.0, cn_divide(common, both));
}

static cn_tensor *tversky(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    const cn_loss_tversky_args *a = self->base.args;
    y = cn__like(y, p);
    cn_tensor *common = sum_over(cn_multiply(y, p), &a->axis);
    cn_tensor *missed = sum_over(cn_multiply(cn_subtract(1.0, p), y), &a->axis);
    cn_tensor *wrong = sum_over(cn_multiply(p, cn_subtract(1.0, y)), &a->axis);
    cn_tensor *all = cn_add(cn_add(common, cn_multiply(missed, a->alpha)),
                            cn_add(cn_multiply(wrong, a->beta), EPSILON));
    return cn_subtract(1.0, cn_divide(common, all));
}

/* logsumexp over the second axis of x where the mask holds. */
static cn_tensor *masked_logsumexp(cn_tensor *x, cn_tensor *mask)
{
    return cn_logsumexp(cn_where(mask, x, -INFINITY), .axis = {1});
}

/* softplus(logsumexp(-g (m + d)(m - d)) over pairs of a class + logsumexp(g (1 + m - d)(1 - m - d))
 * over the others), where d is the cosine distance of a pair. */
static cn_tensor *circle(const cn_loss *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    const cn_loss_circle_args *a = self->base.args;
    cn_tensor *labels = cn_reshape(cn_cast(y_true, CN_INT32), -1, 1);
    cn_tensor *same = cn_equal(labels, cn_transpose_axes(labels, 0, NULL));
    cn_tensor *other = cn_logical_not(same);
    int64_t n = cn_tensor_dim(y_pred, 0);
    if (n < 0) {
        cn__fail(CN_EVALUE,
                 "circle: the size of the batch must be known, since it compares the batch's rows");
        return NULL;
    }
    if (a->remove_diagonal) {
        same = cn_logical_and(same, cn_logical_not(cn_eye(n, n, 0, CN_BOOL)));
    }
    cn_tensor *distance =
        cn_maximum(cn_subtract(1.0, cn_matmul_t(y_pred, y_pred, false, true)), 0.0);
    cn_tensor *pull =
        cn_maximum(cn_multiply(cn_add(a->margin, distance), cn_cast(same, y_pred->dtype)), 0.0);
    cn_tensor *push = cn_maximum(
        cn_multiply(cn_subtract(1 + a->margin, distance), cn_cast(other, y_pred->dtype)), 0.0);
    cn_tensor *positive =
        cn_multiply(cn_multiply(-a->gamma, pull), cn_subtract(a->margin, distance));
    cn_tensor *negative =
        cn_multiply(cn_multiply(a->gamma, push), cn_subtract(1 - a->margin, distance));
    cn_tensor *values =
        cn_softplus(cn_add(masked_logsumexp(positive, same), masked_logsumexp(negative, other)));
    if (values && !values->mask) {
        values->mask = cn__ref(cn_greater(values, 0.0));
    }
    return values;
}

static const cn_field cosine_similarity_fields[] = {
    CN_FIELD(cn_loss_cosine_similarity_args, INT64, axis), {0}};
static const cn_field dice_fields[] = {
    CN_FIELD_FLAGS(cn_loss_dice_args, INTS, axis, CN_FIELD_SCALAR), {0}};
static const cn_field tversky_fields[] = {
    CN_FIELD(cn_loss_tversky_args, DOUBLE, alpha),
    CN_FIELD(cn_loss_tversky_args, DOUBLE, beta),
    CN_FIELD_FLAGS(cn_loss_tversky_args, INTS, axis, CN_FIELD_SCALAR),
    {0}};
static const cn_field circle_fields[] = {CN_FIELD(cn_loss_circle_args, DOUBLE, gamma),
                                         CN_FIELD(cn_loss_circle_args, DOUBLE, margin),
                                         CN_FIELD(cn_loss_circle_args, BOOL, remove_diagonal),
                                         {0}};

CN__LOSS_RECORD(cosine_similarity, "CosineSimilarity", NULL, CN_LOSS_COSINE_SIMILARITY_DEFAULTS)
CN__LOSS_RECORD(dice, "Dice", NULL, CN_LOSS_DICE_DEFAULTS)
CN__LOSS_RECORD(tversky, "Tversky", NULL, CN_LOSS_TVERSKY_DEFAULTS)
CN__LOSS_RECORD(circle, "Circle", NULL, CN_LOSS_CIRCLE_DEFAULTS)
