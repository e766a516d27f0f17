/* L1, L2, L1L2 and the orthogonal regularizer. */
#include "core/error.h"
#include "core/tensor.h"
#include "regularizers/regularizer.h"

#include <math.h>
#include <string.h>

static const cn_field l1_fields[] = {
    CN_FIELD_FLAGS(cn_regularizer_l1_args, DOUBLE, l1, CN_FIELD_FLOAT32_ALWAYS),
    {0},
};
static const cn_field l2_fields[] = {
    CN_FIELD_FLAGS(cn_regularizer_l2_args, DOUBLE, l2, CN_FIELD_FLOAT32),
    {0},
};
static const cn_field l1_l2_fields[] = {
    CN_FIELD_FLAGS(cn_regularizer_l1_l2_args, DOUBLE, l1, CN_FIELD_FLOAT32),
    CN_FIELD_FLAGS(cn_regularizer_l1_l2_args, DOUBLE, l2, CN_FIELD_FLOAT32),
    {0},
};
static const cn_field orthogonal_fields[] = {
    CN_FIELD_FLAGS(cn_regularizer_orthogonal_args, DOUBLE, factor, CN_FIELD_FLOAT32_ALWAYS),
    CN_FIELD(cn_regularizer_orthogonal_args, STRING, mode),
    {0},
};

/* l1 Σ|x| */
static cn_tensor *absolute(double l1, cn_tensor *x)
{
    return cn_multiply(cn_sum_axes(cn_abs(x), -1, NULL, false), l1);
}

/* l2 Σx² */
static cn_tensor *squared(double l2, cn_tensor *x)
{
    return cn_multiply(cn_sum_axes(cn_square(x), -1, NULL, false), l2);
}

static cn_tensor *call_l1(const cn_regularizer *self, cn_tensor *x)
{
    const cn_regularizer_l1_args *args = self->base.args;
    return absolute(args->l1, x);
}

static cn_tensor *call_l2(const cn_regularizer *self, cn_tensor *x)
{
    const cn_regularizer_l2_args *args = self->base.args;
    return squared(args->l2, x);
}

static cn_tensor *call_l1_l2(const cn_regularizer *self, cn_tensor *x)
{
    const cn_regularizer_l1_l2_args *args = self->base.args;
    if (args->l1 == 0) {
        return squared(args->l2, x);
    }
    return args->l2 == 0 ? absolute(args->l1, x)
                         : cn_add(absolute(args->l1, x), squared(args->l2, x));
}

/* factor · mean over pairs i < j of |cos(xᵢ, xⱼ)|, by the matrix of all products of normalised
 * rows. */
static cn_tensor *call_orthogonal(const cn_regularizer *self, cn_tensor *x)
{
    const cn_regularizer_orthogonal_args *args = self->base.args;
    if (x->shape.rank != 2) {
        char text[256];
        cn__fail(CN_EVALUE,
                 "Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape=%s",
                 cn__shape_text(&x->shape, text, sizeof text));
        return NULL;
    }
    bool rows = strcmp(args->mode, "rows") == 0;
    int64_t axis = rows ? 1 : 0, size = x->shape.dim[rows ? 0 : 1];
    cn_tensor *square = cn_sum_axes(cn_square(x), 1, &axis, true);
    cn_tensor *unit = cn_multiply(x, cn_rsqrt(cn_maximum(square, 1e-12)));
    cn_tensor *product = cn_matmul_t(unit, unit, !rows, rows);
    cn_tensor *others = cn_subtract(1.0, cn_eye(size, size, 0, x->dtype));
    cn_tensor *sum = cn_sum_axes(cn_abs(cn_multiply(product, others)), -1, NULL, false);
    double pairs = (double)size * ((double)size - 1) / 2;
    return cn_divide(cn_multiply(sum, args->factor * 0.5), pairs);
}

CN__CLASS(regularizer, l1, "L1", "l1", l1_fields, call_l1, CN_REGULARIZER_L1_DEFAULTS)
CN__CLASS(regularizer, l2, "L2", "l2", l2_fields, call_l2, CN_REGULARIZER_L2_DEFAULTS)
CN__CLASS(regularizer, l1_l2, "L1L2", "l1_l2", l1_l2_fields, call_l1_l2,
          CN_REGULARIZER_L1_L2_DEFAULTS)
CN__CLASS(regularizer, orthogonal, "OrthogonalRegularizer", "orthogonal_regularizer orthogonal",
          orthogonal_fields, call_orthogonal, CN_REGULARIZER_ORTHOGONAL_DEFAULTS)

static int check_penalty(const char *name, double value, int keras)
{
    if (isfinite(value) && (value >= 0 || !cn__is_keras3(keras))) {
        return 0;
    }
    return cn__fail(CN_EVALUE,
                    "Invalid value for argument %s: expected a non-negative float. Received: %s=%g",
                    name, name, value);
}

int cn__regularizer_check(void *instance)
{
    const cn__instance *self = instance;
    if (self->class == &cn__regularizer_orthogonal.base) {
        const char *mode = ((const cn_regularizer_orthogonal_args *)self->args)->mode;
        if (!mode || (strcmp(mode, "rows") != 0 && strcmp(mode, "columns") != 0)) {
            return cn__fail(
                CN_EVALUE,
                "Invalid value for argument `mode`. Expected one of {\"rows\", \"columns\"}. "
                "Received: mode=%s",
                mode ? mode : "None");
        }
    }
    if (cn__is_function(self)) {
        return 0;
    }
    const cn_field *field = self->class->module ? self->class->fields : NULL;
    for (; field && field->type; field++) {
        if (field->type == CN_FIELD_DOUBLE) {
            double value;
            memcpy(&value, (const char *)self->args + field->offset, sizeof value);
            int code = check_penalty(field->name, value, self->keras);
            if (code < 0) {
                return code;
            }
        }
    }
    return 0;
}

/* The function of this name has other defaults than the class L1L2. */
const void *cn__regularizer_named(const cn_class *class, const char *name)
{
    static const cn_regularizer_l1_l2_args both = {.size = sizeof both, .l1 = 0.01, .l2 = 0.01};
    return class == &cn__regularizer_l1_l2.base && strcmp(name, "l1_l2") == 0 ? &both : NULL;
}
