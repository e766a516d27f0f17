/* Constraints on norms and signs. */
#include "constraints/constraint.h"
#include "core/error.h"
#include "core/tensor.h"

static const cn_field max_norm_fields[] = {
    CN_FIELD(cn_constraint_max_norm_args, DOUBLE, max_value),
    CN_FIELD_FLAGS(cn_constraint_max_norm_args, INTS, axis, CN_FIELD_SCALAR),
    {0},
};
static const cn_field min_max_norm_fields[] = {
    CN_FIELD(cn_constraint_min_max_norm_args, DOUBLE, min_value),
    CN_FIELD(cn_constraint_min_max_norm_args, DOUBLE, max_value),
    CN_FIELD(cn_constraint_min_max_norm_args, DOUBLE, rate),
    CN_FIELD_FLAGS(cn_constraint_min_max_norm_args, INTS, axis, CN_FIELD_SCALAR),
    {0},
};
static const cn_field unit_norm_fields[] = {
    CN_FIELD_FLAGS(cn_constraint_unit_norm_args, INTS, axis, CN_FIELD_SCALAR),
    {0},
};

/* √Σw² along the axes, which stay with length 1. */
static cn_tensor *norms(cn_tensor *w, const cn_ints *axis)
{
    return cn_sqrt(cn_sum_axes(cn_square(w), cn__ints_count(axis), axis->v, true));
}

/* w · wanted / (ε + norm) */
static cn_tensor *scaled(cn_tensor *w, cn_tensor *wanted, cn_tensor *norm)
{
    return cn_multiply(w, cn_divide(wanted, cn_add(norm, cn_epsilon())));
}

static cn_tensor *call_max_norm(const cn_constraint *self, cn_tensor *weight)
{
    const cn_constraint_max_norm_args *args = self->base.args;
    cn_tensor *norm = norms(weight, &args->axis);
    return scaled(weight, cn_clip(norm, 0, args->max_value), norm);
}

static cn_tensor *call_min_max_norm(const cn_constraint *self, cn_tensor *weight)
{
    const cn_constraint_min_max_norm_args *args = self->base.args;
    cn_tensor *norm = norms(weight, &args->axis);
    cn_tensor *limited = cn_multiply(cn_clip(norm, args->min_value, args->max_value), args->rate);
    return scaled(weight, cn_add(limited, cn_multiply(norm, 1 - args->rate)), norm);
}

static cn_tensor *call_unit_norm(const cn_constraint *self, cn_tensor *weight)
{
    const cn_constraint_unit_norm_args *args = self->base.args;
    return cn_divide(weight, cn_add(norms(weight, &args->axis), cn_epsilon()));
}

static cn_tensor *call_non_neg(const cn_constraint *self, cn_tensor *weight)
{
    (void)self;
    return cn_relu(weight);
}

/* The row of the flattened square from which a cell takes its value: tf.keras builds each ring
 * around the middle from one element of the diagonal. */
static int64_t radial_source(int64_t size, int64_t i, int64_t j)
{
    int64_t start = size / 2, odd = size % 2;
    /* Twice the distance from the middle, so that even sizes have whole numbers too. */
    int64_t di = 2 * i - (size - 1), dj = 2 * j - (size - 1);
    di = di < 0 ? -di : di;
    dj = dj < 0 ? -dj : dj;
    int64_t ring = (di > dj ? di : dj) / 2;
    int64_t from = ring == 0 ? (start > 0 ? start - 1 : 0) : start + ring - odd;
    return from * size + from;
}

static cn_tensor *call_radial(const cn_constraint *self, cn_tensor *weight)
{
    (void)self;
    const cn_shape *s = &weight->shape;
    if (s->rank != 4 || s->dim[0] != s->dim[1] || s->dim[0] < 1) {
        char text[256];
        return cn__fail(CN_EVALUE,
                        "The weight tensor must have rank 4 and a square kernel. Received weight "
                        "tensor with "
                        "shape: %s",
                        cn__shape_text(s, text, sizeof text)),
               NULL;
    }
    int64_t size = s->dim[0], cells = size * size;
    cn_tensor *source = cn_tensor_new(CN_INT64, 1, &cells, NULL);
    int64_t *index = source ? cn__data_write(source) : NULL;
    for (int64_t i = 0; index && i < cells; i++) {
        index[i] = radial_source(size, i / size, i % size);
    }
    cn_tensor *rows = cn_reshape(weight, cells, s->dim[2], s->dim[3]);
    return index ? cn_reshape_to(cn_gather(rows, source, 0), 4, s->dim) : NULL;
}

CN__CLASS(constraint, max_norm, "MaxNorm", "max_norm maxnorm", max_norm_fields, call_max_norm,
          CN_CONSTRAINT_MAX_NORM_DEFAULTS)
CN__CLASS(constraint, min_max_norm, "MinMaxNorm", "min_max_norm minmaxnorm", min_max_norm_fields,
          call_min_max_norm, CN_CONSTRAINT_MIN_MAX_NORM_DEFAULTS)
CN__CLASS(constraint, unit_norm, "UnitNorm", "unit_norm unitnorm", unit_norm_fields, call_unit_norm,
          CN_CONSTRAINT_UNIT_NORM_DEFAULTS)
CN__PLAIN_CLASS(constraint, non_neg, "NonNeg", "non_neg nonneg", call_non_neg)
CN__PLAIN_CLASS(constraint, radial, "RadialConstraint", "radial_constraint radialconstraint",
                call_radial)
