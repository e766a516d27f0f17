/* Ranks of targets, outputs and weights that are made to match; masks; counts that need no known
 * batch. */
#include "losses/loss.h"
#include "ops/op.h"

static bool last_is_one(const cn_tensor *t)
{
    return t->shape.rank > 0 && t->shape.dim[t->shape.rank - 1] == 1;
}

static int replace(cn_tensor **t, cn_tensor *with)
{
    if (!with) {
        return cn_error_code();
    }
    *t = with;
    return 0;
}

/* `longer` has one axis more, of length 1: a vector beside it gets an axis, else the axis goes. */
static int match_longer(cn_tensor **longer, cn_tensor **shorter, bool expand_rank_1)
{
    if (!last_is_one(*longer)) {
        return 0;
    }
    if ((*shorter)->shape.rank == 1 && expand_rank_1) {
        return replace(shorter, cn_expand_dims(*shorter, -1));
    }
    return replace(longer, cn_squeeze(*longer, -1));
}

int cn__match_ranks(cn_tensor **a, cn_tensor **b, bool expand_rank_1)
{
    int difference = (*a)->shape.rank - (*b)->shape.rank;
    if (difference == 1) {
        return match_longer(a, b, expand_rank_1);
    }
    return difference == -1 ? match_longer(b, a, expand_rank_1) : 0;
}

int cn__match_targets_keras2(cn_tensor **y_true, cn_tensor **y_pred)
{
    int difference = (*y_pred)->shape.rank - (*y_true)->shape.rank;
    if (difference == 1 && last_is_one(*y_pred)) {
        return replace(y_pred, cn_squeeze(*y_pred, -1));
    }
    if (difference == -1 && last_is_one(*y_true)) {
        return replace(y_true, cn_squeeze(*y_true, -1));
    }
    return 0;
}

int cn__match_weights_keras2(cn_tensor *values, cn_tensor **weights)
{
    int rank = (*weights)->shape.rank, difference = rank - values->shape.rank;
    if (rank > 0 && difference == 1) {
        return replace(weights, cn_squeeze(*weights, -1));
    }
    if (rank > 0 && difference == -1) {
        return replace(weights, cn_expand_dims(*weights, -1));
    }
    return 0;
}

int cn__loss_match(cn_tensor **y_true, cn_tensor *y_pred, cn_tensor **sample_weight)
{
    if (!cn__check_tensor(*y_true, "y_true") || !cn__check_tensor(y_pred, "y_pred")) {
        return cn_error_code();
    }
    bool column = y_pred->shape.rank == 2;
    if (column && (*y_true)->shape.rank == 1) {
        int code = replace(y_true, cn_expand_dims(*y_true, -1));
        if (code < 0) {
            return code;
        }
    }
    if (column && *sample_weight && (*sample_weight)->shape.rank == 1) {
        return replace(sample_weight, cn_expand_dims(*sample_weight, -1));
    }
    return 0;
}

void cn__target_kind(const cn_shape *y_true, const cn_shape *y_pred, bool *binary, bool *sparse)
{
    int64_t last_true = y_true->rank ? y_true->dim[y_true->rank - 1] : -1;
    int64_t last_pred = y_pred->rank ? y_pred->dim[y_pred->rank - 1] : -1;
    *binary = last_pred == 1;
    *sparse = y_true->rank < y_pred->rank || (last_true == 1 && last_pred > 1);
}

int cn__apply_mask(cn_tensor **weights, cn_tensor *mask, cn_dtype dtype, bool scaled, int keras)
{
    if (!mask) {
        return 0;
    }
    cn_tensor *weight = cn_cast(mask, dtype);
    if (scaled) {
        /* A number over the valid entries: total / valid where the mask holds, 0 elsewhere and
         * where nothing is valid. */
        weight = cn_multiply(
            weight, cn__divide_no_nan(cn__count(weight), cn_sum_axes(weight, -1, NULL, false)));
    }
    if (!weight) {
        return cn_error_code();
    }
    if (*weights) {
        cn_tensor *given = cn_cast(*weights, dtype);
        if (!given) {
            return cn_error_code();
        }
        int code = cn__is_keras3(keras) ? cn__match_ranks(&weight, &given, true)
                                        : cn__match_weights_keras2(weight, &given);
        if (code < 0) {
            return code;
        }
        weight = cn_multiply(given, weight);
    }
    return replace(weights, weight);
}

cn_tensor *cn__count(cn_tensor *x)
{
    if (!x) {
        return NULL;
    }
    int64_t size = cn__shape_size(&x->shape);
    if (size >= 0) {
        return cn_scalar((double)size, cn__float_dtype(x->dtype));
    }
    return cn__apply1(&cn__op_count_like, &(cn__attrs){.i = {0, CN_NONE}}, x);
}

cn_tensor *cn__length(cn_tensor *x, int64_t axis)
{
    if (!x) {
        return NULL;
    }
    int a = cn__axis(axis, x->shape.rank, "length");
    if (a < 0) {
        return NULL;
    }
    if (x->shape.dim[a] >= 0) {
        return cn_scalar((double)x->shape.dim[a], cn__float_dtype(x->dtype));
    }
    return cn__apply1(&cn__op_count_like, &(cn__attrs){.i = {0, 1, a}}, x);
}

cn_tensor *cn__divide_no_nan(cn_tensor *a, cn_tensor *b)
{
    /* The divisor is made harmless first, so that no gradient is NaN either. */
    cn_tensor *zero = cn_equal(b, 0.0);
    return cn_where(zero, 0.0, cn_divide(a, cn_where(zero, 1.0, b)));
}

cn_tensor *cn__last_mean(cn_tensor *x)
{
    return cn_mean_axes(x, 1, (const int64_t[]){-1}, false);
}

cn_tensor *cn__last_sum(cn_tensor *x)
{
    return cn_sum_axes(x, 1, (const int64_t[]){-1}, false);
}

cn_tensor *cn__constant(double value)
{
    return cn_scalar(value, CN_FLOAT32);
}

cn_tensor *cn__like(cn_tensor *y_true, const cn_tensor *y_pred)
{
    return !y_pred || !y_true || y_true->dtype == y_pred->dtype ? y_true
                                                                : cn_cast(y_true, y_pred->dtype);
}
