/* Permute and RepeatVector. */
#include "core/error.h"
#include "core/memory.h"
#include "layers/spatial.h"

static const cn_field permute_fields[] = {CN_FIELD(cn_permute_args, INTS, dims), {0}};
static const cn_field repeat_fields[] = {CN_FIELD(cn_repeat_vector_args, INT64, n), {0}};

static int check_permute(cn_layer *self)
{
    const cn_permute_args *args = cn_layer_arguments(self);
    int n = cn__ints_count(&args->dims);
    unsigned seen = 0;
    for (int i = 0; i < n; i++) {
        int64_t dim = args->dims.v[i];
        seen |= dim >= 1 && dim <= n ? 1U << dim : 0;
    }
    if (n < CN_MAX_RANK && seen == (1U << (n + 1)) - 2) {
        return 0;
    }
    char text[256];
    cn_ints list = args->dims;
    list.n = n > 1 ? n : list.n;
    return cn__fail(CN_EVALUE,
                    "Invalid permutation argument `dims` for Permute Layer. The set of indices in "
                    "`dims` must be consecutive and start from 1. Received dims=%s",
                    cn__ints_text(&list, text, sizeof text));
}

/* Permute's rank is that of its argument, which a class record cannot say. */
static int check_rank(const cn_layer *self, const cn_shape *input)
{
    const cn_permute_args *args = cn_layer_arguments(self);
    int wanted = cn__ints_count(&args->dims) + 1;
    char text[256];
    if (input->rank == wanted) {
        return 0;
    }
    cn__shape_text(input, text, sizeof text);
    return cn__is_keras3(self->base.keras)
               ? cn__fail(CN_EVALUE,
                          "Input 0 with name 'None' of layer '%s' is incompatible with the layer: "
                          "expected ndim=%d, found ndim=%d. Full shape received: %s",
                          self->base.name, wanted, input->rank, text)
               : cn__fail(CN_EVALUE,
                          "Input 0 of layer \"%s\" is incompatible with the layer: expected "
                          "ndim=%d, found ndim=%d. Full shape received: %s",
                          self->base.name, wanted, input->rank, text);
}

static int permuted_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                          int max_outputs)
{
    const cn_permute_args *args = cn_layer_arguments(self);
    int code = check_rank(self, &inputs[0]);
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    for (int i = 1; code == 0 && i < inputs[0].rank; i++) {
        outputs[0].dim[i] = inputs[0].dim[args->dims.v[i - 1]];
    }
    return code;
}

static cn_tensor *call_permute(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    const cn_permute_args *args = cn_layer_arguments(self);
    int64_t order[CN_MAX_RANK] = {0};
    int rank = inputs[0]->shape.rank;
    (void)n_inputs;
    (void)call_args;
    if (check_rank(self, &inputs[0]->shape) < 0) {
        return NULL;
    }
    for (int i = 1; i < rank; i++) {
        order[i] = args->dims.v[i - 1];
    }
    return cn_transpose_axes(inputs[0], rank, order);
}

static int check_repeat(cn_layer *self)
{
    const cn_repeat_vector_args *args = cn_layer_arguments(self);
    return args->n > 0 ? 0
                       : cn__fail(CN_EVALUE,
                                  "RepeatVector: `n` must be a positive integer. Received: n=%lld",
                                  (long long)args->n);
}

static int repeated_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                          int max_outputs)
{
    const cn_repeat_vector_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = cn_shape_of(inputs[0].dim[0], args->n, inputs[0].dim[1]);
    return 0;
}

static cn_tensor *call_repeat(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                              const cn_call_args *call_args)
{
    const cn_repeat_vector_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)call_args;
    cn_tensor *x = cn_expand_dims(inputs[0], 1);
    return x ? cn_repeat(x, args->n, 1) : NULL;
}

CN__LAYER_CLASS(permute, permute, "Permute", NULL, permute_fields, CN_PERMUTE_DEFAULTS,
                .call = call_permute, .compute_output_shape = permuted_shape,
                .check = check_permute)
CN__LAYER_CLASS(repeat_vector, repeat_vector, "RepeatVector", NULL, repeat_fields,
                CN_REPEAT_VECTOR_DEFAULTS, .call = call_repeat,
                .compute_output_shape = repeated_shape, .exact_rank = 2, .check = check_repeat)
