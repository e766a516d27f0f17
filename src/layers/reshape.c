/* Flatten and Reshape. */
#include "core/error.h"
#include "core/memory.h"
#include "layers/layer.h"

#include <string.h>

static const cn_field flatten_fields[] = {
    CN_FIELD(cn_flatten_args, STRING, data_format),
    {0},
};
static const cn_field reshape_fields[] = {
    CN_FIELD_FLAGS(cn_reshape_layer_args, INTS, target_shape, CN_FIELD_EMPTY),
    {0},
};

/* The product of the lengths after the batch; -1 if one is not known. */
static int64_t row_size(const cn_shape *shape)
{
    int64_t size = 1;
    for (int i = 1; i < shape->rank; i++) {
        if (shape->dim[i] < 0 || !cn__mul_size(size, shape->dim[i], &size)) {
            return -1;
        }
    }
    return size;
}

static int check_flatten(cn_layer *self)
{
    cn_flatten_args *args = self->base.args;
    const char *format = args->data_format ? args->data_format : cn_image_data_format();
    if (strcmp(format, "channels_last") != 0 && strcmp(format, "channels_first") != 0) {
        return cn__fail(
            CN_EVALUE,
            "The `data_format` argument must be one of \"channels_first\", \"channels_last\". "
            "Received: %s",
            format);
    }
    return args->data_format ? 0 : cn__set_string(&args->data_format, format);
}

static cn_tensor *call_flatten(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    const cn_flatten_args *args = cn_layer_arguments(self);
    cn_tensor *x = inputs[0];
    int rank = x->shape.rank;
    (void)n_inputs;
    (void)call_args;
    if (strcmp(args->data_format, "channels_first") == 0 && rank > 2) {
        int64_t order[CN_MAX_RANK] = {0};
        for (int i = 1; i < rank - 1; i++) {
            order[i] = i + 1;
        }
        order[rank - 1] = 1;
        x = cn_transpose_axes(x, rank, order);
    }
    int64_t size = row_size(&inputs[0]->shape);
    if (!x || size >= 0) {
        /* An empty batch leaves nothing to tell its length by. */
        int64_t rows = x && x->storage && rank ? x->shape.dim[0] : -1;
        return x ? cn_reshape(x, rank ? rows : 1, size) : NULL;
    }
    return cn_reshape(x, x->shape.dim[0], -1);
}

static int flatten_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                         int max_outputs)
{
    (void)self;
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = cn_shape_of(inputs[0].rank ? inputs[0].dim[0] : 1, row_size(&inputs[0]));
    return 0;
}

static char *list_text(const int64_t *v, int n, const char *open, const char *close)
{
    cn__text text = {0};
    cn__text_add(&text, "%s", open);
    for (int i = 0; i < n; i++) {
        if (v[i] < 0) {
            cn__text_add(&text, "%sNone", i ? ", " : "");
        } else {
            cn__text_add(&text, "%s%lld", i ? ", " : "", (long long)v[i]);
        }
    }
    cn__text_add(&text, "%s", close);
    return cn__text_take(&text);
}

static int wrong_size(const cn_layer *self, const cn_shape *input, const cn_shape *target)
{
    bool three = cn__is_keras3(self->base.keras);
    char *from = list_text(input->dim + 1, input->rank - 1, three ? "(" : "[", three ? ")" : "]");
    char *to = list_text(target->dim + 1, target->rank - 1, three ? "(" : "[", three ? ")" : "]");
    int code = CN_ENOMEM;
    if (from && to) {
        code = cn__fail(
            CN_EVALUE,
            three
                ? "The total size of the tensor must be unchanged. Received: input_shape=%s, "
                  "target_shape=%s"
                : "total size of new array must be unchanged, input_shape = %s, output_shape = %s",
            from, to);
    }
    cn__free_mem(from);
    cn__free_mem(to);
    return code;
}

/* (batch, target…) with the length that was left open worked out, if the input's are known. */
static int resolve_target(const cn_layer *self, const cn_shape *input, cn_shape *out)
{
    const cn_reshape_layer_args *args = cn_layer_arguments(self);
    bool empty = args->target_shape.n == 0 && args->target_shape.v[0] == 0;
    int n = empty ? 0 : cn__ints_count(&args->target_shape), open = -1;
    if (n + 1 > CN_MAX_RANK || input->rank == 0) {
        return cn__fail(CN_EVALUE, "Layer \"%s\": cannot reshape rank %d to rank %d",
                        self->base.name, input->rank, n + 1);
    }
    int64_t size = row_size(input), known = 1;
    *out = (cn_shape){.rank = n + 1, .dim = {input->dim[0]}};
    for (int i = 0; i < n; i++) {
        out->dim[i + 1] = args->target_shape.v[i];
        if (out->dim[i + 1] >= 0) {
            if (!cn__mul_size(known, out->dim[i + 1], &known)) {
                return cn__no_memory();
            }
        } else if (open >= 0) {
            return cn__fail(CN_EVALUE,
                            "There must be at most one unknown dimension (-1) in target_shape.");
        } else {
            open = i + 1;
        }
    }
    if (size < 0) {
        return 0;
    }
    if (open >= 0 && known > 0 && size % known == 0) {
        out->dim[open] = size / known;
        return 0;
    }
    return open < 0 && known == size ? 0 : wrong_size(self, input, out);
}

static cn_tensor *call_reshape(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    cn_shape target;
    (void)n_inputs;
    (void)call_args;
    return resolve_target(self, &inputs[0]->shape, &target) < 0
               ? NULL
               : cn_reshape_to(inputs[0], target.rank, target.dim);
}

static int reshape_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                         int max_outputs)
{
    (void)n_inputs;
    (void)max_outputs;
    return resolve_target(self, &inputs[0], &outputs[0]);
}

CN__LAYER_CLASS(flatten, flatten, "Flatten", NULL, flatten_fields, CN_FLATTEN_DEFAULTS,
                .call = call_flatten, .compute_output_shape = flatten_shape, .min_rank = 1,
                .check = check_flatten)
CN__LAYER_CLASS(reshape, reshape_layer, "Reshape", NULL, reshape_fields, CN_RESHAPE_LAYER_DEFAULTS,
                .call = call_reshape, .compute_output_shape = reshape_shape)
