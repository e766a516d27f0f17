/* Activations with arguments. */
#include "activations/activation.h"
#include "core/tensor.h"

static int axis_of(int64_t axis)
{
    return axis > CN_MAX_RANK || axis < -CN_MAX_RANK ? CN_MAX_RANK : (int)axis;
}

/* The general form costs more than the op that everybody means. */
static cn_tensor *relu(const cn_activation_relu_args *args, cn_tensor *x)
{
    bool plain =
        args->negative_slope == 0 && args->threshold == 0 && args->max_value != args->max_value;
    return plain ? cn_relu(x)
                 : cn_relu_general(x, args->negative_slope, args->max_value, args->threshold);
}

static const cn_field relu_fields[] = {
    CN_FIELD_OLDER(cn_activation_relu_args, DOUBLE, negative_slope, "alpha"),
    CN_FIELD(cn_activation_relu_args, DOUBLE, max_value),
    CN_FIELD(cn_activation_relu_args, DOUBLE, threshold),
    {0},
};

static cn_tensor *call_relu(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_relu_args *args = self->base.args;
    return relu(args, x);
}

CN__CLASS(activation, relu, "relu", NULL, relu_fields, call_relu, CN_ACTIVATION_RELU_DEFAULTS)

static const cn_field elu_fields[] = {
    CN_FIELD(cn_activation_elu_args, DOUBLE, alpha),
    {0},
};

static cn_tensor *call_elu(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_elu_args *args = self->base.args;
    return cn_elu(x, args->alpha);
}

CN__CLASS(activation, elu, "elu", NULL, elu_fields, call_elu, CN_ACTIVATION_ELU_DEFAULTS)

static const cn_field celu_fields[] = {
    CN_FIELD(cn_activation_celu_args, DOUBLE, alpha),
    {0},
};

static cn_tensor *call_celu(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_celu_args *args = self->base.args;
    return cn_celu(x, args->alpha);
}

CN__CLASS(activation, celu, "celu", NULL, celu_fields, call_celu, CN_ACTIVATION_CELU_DEFAULTS)

static const cn_field gelu_fields[] = {
    CN_FIELD(cn_activation_gelu_args, BOOL, approximate),
    {0},
};

static cn_tensor *call_gelu(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_gelu_args *args = self->base.args;
    return cn_gelu(x, args->approximate);
}

CN__CLASS(activation, gelu, "gelu", NULL, gelu_fields, call_gelu, CN_ACTIVATION_GELU_DEFAULTS)

static const cn_field leaky_relu_fields[] = {
    CN_FIELD_OLDER(cn_activation_leaky_relu_args, DOUBLE, negative_slope, "alpha"),
    {0},
};

static cn_tensor *call_leaky_relu(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_leaky_relu_args *args = self->base.args;
    return cn_leaky_relu(x, args->negative_slope);
}

CN__CLASS(activation, leaky_relu, "leaky_relu", NULL, leaky_relu_fields, call_leaky_relu,
          CN_ACTIVATION_LEAKY_RELU_DEFAULTS)

static const cn_field softmax_fields[] = {
    CN_FIELD(cn_activation_softmax_args, INT64, axis),
    {0},
};

static cn_tensor *call_softmax(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_softmax_args *args = self->base.args;
    return cn_softmax(x, axis_of(args->axis));
}

CN__CLASS(activation, softmax, "softmax", NULL, softmax_fields, call_softmax,
          CN_ACTIVATION_SOFTMAX_DEFAULTS)

static const cn_field log_softmax_fields[] = {
    CN_FIELD(cn_activation_log_softmax_args, INT64, axis),
    {0},
};

static cn_tensor *call_log_softmax(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_log_softmax_args *args = self->base.args;
    return cn_log_softmax(x, axis_of(args->axis));
}

CN__CLASS(activation, log_softmax, "log_softmax", NULL, log_softmax_fields, call_log_softmax,
          CN_ACTIVATION_LOG_SOFTMAX_DEFAULTS)

/* What Keras 3 computes: its threshold takes the sum of all sums of the support where the
 * projection on the simplex takes the last, so that rows add up to 1 only if one or none of their
 * elements is left. The op cn_sparsemax is the projection itself. */
static cn_tensor *sparsemax(cn_tensor *x, int64_t given_axis)
{
    int axis = cn__axis(given_axis, x->shape.rank, "sparsemax");
    int64_t shape[CN_MAX_RANK], n = axis < 0 ? -1 : x->shape.dim[axis];
    if (n < 0) {
        return axis < 0 ? NULL : cn_sparsemax(x, axis);
    }
    for (int i = 0; i < x->shape.rank; i++) {
        shape[i] = i == axis ? n : 1;
    }
    cn_tensor *sorted = cn_flip(cn_sort(x, axis), axis);
    cn_tensor *sums = cn_cumsum(sorted, axis);
    cn_tensor *counts =
        cn_reshape_to(cn_arange(1, (double)n + 1, 1, x->dtype), x->shape.rank, shape);
    cn_tensor *support =
        cn_greater(cn_subtract(sorted, cn_divide(cn_subtract(sums, 1), counts)), 0);
    int64_t over = axis;
    cn_tensor *kept = cn_sum_axes(cn_cast(support, x->dtype), 1, &over, true);
    cn_tensor *sum = cn_sum_axes(cn_where(support, sums, 0.0), 1, &over, true);
    return cn_maximum(cn_subtract(x, cn_divide(cn_subtract(sum, 1), kept)), 0);
}

static const cn_field sparsemax_fields[] = {
    CN_FIELD(cn_activation_sparsemax_args, INT64, axis),
    {0},
};

static cn_tensor *call_sparsemax(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_sparsemax_args *args = self->base.args;
    return sparsemax(x, args->axis);
}

CN__CLASS(activation, sparsemax, "sparsemax", NULL, sparsemax_fields, call_sparsemax,
          CN_ACTIVATION_SPARSEMAX_DEFAULTS)

static const cn_field glu_fields[] = {
    CN_FIELD(cn_activation_glu_args, INT64, axis),
    {0},
};

static cn_tensor *call_glu(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_glu_args *args = self->base.args;
    return cn_glu(x, axis_of(args->axis));
}

CN__CLASS(activation, glu, "glu", NULL, glu_fields, call_glu, CN_ACTIVATION_GLU_DEFAULTS)

static const cn_field hard_shrink_fields[] = {
    CN_FIELD(cn_activation_hard_shrink_args, DOUBLE, threshold),
    {0},
};

static cn_tensor *call_hard_shrink(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_hard_shrink_args *args = self->base.args;
    return cn_hard_shrink(x, args->threshold);
}

CN__CLASS(activation, hard_shrink, "hard_shrink", NULL, hard_shrink_fields, call_hard_shrink,
          CN_ACTIVATION_HARD_SHRINK_DEFAULTS)

static const cn_field soft_shrink_fields[] = {
    CN_FIELD(cn_activation_soft_shrink_args, DOUBLE, threshold),
    {0},
};

static cn_tensor *call_soft_shrink(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_soft_shrink_args *args = self->base.args;
    return cn_soft_shrink(x, args->threshold);
}

CN__CLASS(activation, soft_shrink, "soft_shrink", NULL, soft_shrink_fields, call_soft_shrink,
          CN_ACTIVATION_SOFT_SHRINK_DEFAULTS)

static const cn_field squareplus_fields[] = {
    CN_FIELD(cn_activation_squareplus_args, DOUBLE, b),
    {0},
};

static cn_tensor *call_squareplus(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_squareplus_args *args = self->base.args;
    return cn_squareplus(x, args->b);
}

CN__CLASS(activation, squareplus, "squareplus", NULL, squareplus_fields, call_squareplus,
          CN_ACTIVATION_SQUAREPLUS_DEFAULTS)

static const cn_field threshold_fields[] = {
    CN_FIELD(cn_activation_threshold_args, DOUBLE, threshold),
    CN_FIELD(cn_activation_threshold_args, DOUBLE, default_value),
    {0},
};

static cn_tensor *call_threshold(const cn_activation *self, cn_tensor *x)
{
    const cn_activation_threshold_args *args = self->base.args;
    return cn_threshold(x, args->threshold, args->default_value);
}

CN__CLASS(activation, threshold, "threshold", NULL, threshold_fields, call_threshold,
          CN_ACTIVATION_THRESHOLD_DEFAULTS)
