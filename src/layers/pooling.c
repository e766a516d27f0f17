/* MaxPooling, AveragePooling and SumPooling in one to three dimensions. */
#include "core/error.h"
#include "core/shape.h"
#include "layers/spatial.h"
#include "ops/window_text.h"

#include <cornu/nn.h>

#include <string.h>

typedef cn_pooling_args args_t;

/* tf.keras writes the strides of one axis first. */
static const cn_field fields1[] = {
    CN_FIELD_FLAGS(args_t, SINGLE, strides, CN_FIELD_KERAS2),
    CN_FIELD(args_t, SINGLE, pool_size),
    CN_FIELD(args_t, STRING, padding),
    CN_FIELD_FLAGS(args_t, SINGLE, strides, CN_FIELD_KERAS3),
    CN_FIELD(args_t, STRING, data_format),
    {0},
};
#define FIELDS(TUPLE)                                                                              \
    {                                                                                              \
        CN_FIELD(args_t, TUPLE, pool_size), CN_FIELD(args_t, STRING, padding),                     \
            CN_FIELD(args_t, TUPLE, strides), CN_FIELD(args_t, STRING, data_format), {0},          \
    }
static const cn_field fields2[] = FIELDS(PAIR);
static const cn_field fields3[] = FIELDS(TRIPLE);

static int axes_of(const cn_layer *self)
{
    return cn__layer_class(self)->exact_rank - 2;
}

static int check(cn_layer *self)
{
    args_t *args = self->base.args;
    int n = axes_of(self), code = cn__spatial_tuple(self, &args->pool_size, n, "pool_size", 1);
    if (code == 0 && args->strides.v[0] == CN_NONE) {
        args->strides = args->pool_size;
    }
    code = code < 0 ? code : cn__spatial_tuple(self, &args->strides, n, "strides", 1);
    code = code < 0 ? code : cn__spatial_padding(self, args->padding, false);
    return code < 0 ? code : cn__spatial_format(self, &args->data_format);
}

static int no_output(const cn_layer *self, const cn_shape *input, int axis)
{
    const args_t *args = cn_layer_arguments(self);
    int n = axes_of(self), at = cn__spatial_axis(args->data_format);
    if (!cn__is_keras3(self->base.keras)) {
        return cn__fail(CN_EVALUE, "Negative dimension size caused by subtracting %lld from %lld",
                        (long long)args->pool_size.v[axis], (long long)input->dim[at + axis]);
    }
    char in[256], pool[64], strides[64];
    return cn__fail(CN_EVALUE,
                    "Computed output size would be zero or negative. Received: `inputs.shape=%s`, "
                    "`pool_size=%s`, `strides=%s`, `padding=%s`.",
                    cn__shape_text(input, in, sizeof in),
                    cn__array_text(n, args->pool_size.v, pool, sizeof pool),
                    cn__tuple_text(n, args->strides.v, strides, sizeof strides), args->padding);
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    const args_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format);
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    for (int i = 0; i < axes_of(self); i++) {
        int64_t length = inputs[0].dim[at + i];
        outputs[0].dim[at + i] =
            cn__windows(length, args->pool_size.v[i], args->strides.v[i], 1, args->padding);
        if (length >= 0 && outputs[0].dim[at + i] < 1) {
            return no_output(self, &inputs[0], i);
        }
    }
    return 0;
}

typedef cn_tensor *pool_op(cn_tensor *x, const cn_pool_args *args);

/* x (batch, lengths…, channels) or channels first: the op moves them. */
static cn_tensor *pool(cn_layer *self, cn_tensor *x, pool_op *op)
{
    const args_t *args = cn_layer_arguments(self);
    cn_pool_args plain = cn_pool_defaults;
    cn_shape output;
    if (output_shape(self, &x->shape, 1, &output, 1) < 0) {
        return NULL;
    }
    plain.pool_size = args->pool_size;
    plain.strides = args->strides;
    plain.padding = args->padding;
    plain.data_format = args->data_format;
    return op(x, &plain);
}

static cn_tensor *call_max(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                           const cn_call_args *call_args)
{
    (void)n_inputs;
    (void)call_args;
    return pool(self, inputs[0], cn_max_pool_with);
}

static cn_tensor *call_average(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    (void)n_inputs;
    (void)call_args;
    return pool(self, inputs[0], cn_average_pool_with);
}

static cn_tensor *call_sum(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                           const cn_call_args *call_args)
{
    (void)n_inputs;
    (void)call_args;
    return pool(self, inputs[0], cn_sum_pool_with);
}

#define POOL(n, id, word, function, other)                                                         \
    CN__LAYER_CLASS(id##_pooling##n##d, id##_pooling##n##d, word "Pooling" #n "D", other #n "D",   \
                    fields##n, CN_POOLING_DEFAULTS, .call = function,                              \
                    .compute_output_shape = output_shape, .exact_rank = n + 2, .check = check)
POOL(1, max, "Max", call_max, "MaxPool")
POOL(2, max, "Max", call_max, "MaxPool")
POOL(3, max, "Max", call_max, "MaxPool")
POOL(1, average, "Average", call_average, "AvgPool")
POOL(2, average, "Average", call_average, "AvgPool")
POOL(3, average, "Average", call_average, "AvgPool")
POOL(1, sum, "Sum", call_sum, "SumPool")
POOL(2, sum, "Sum", call_sum, "SumPool")
POOL(3, sum, "Sum", call_sum, "SumPool")
