/* Concatenate and Dot. */
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "layers/merge.h"
#include "layers/spatial.h"

typedef cn_concatenate_layer_args concatenate_t;
typedef cn_dot_layer_args dot_t;

static const cn_field concatenate_fields[] = {CN_FIELD(concatenate_t, INT64, axis), {0}};
static const cn_field dot_fields[] = {
    CN_FIELD_FLAGS(dot_t, INTS, axes, CN_FIELD_SCALAR),
    CN_FIELD(dot_t, BOOL, normalize),
    {0},
};

static int joined_shape(const cn_layer *self, const cn_shape *inputs, int n, cn_shape *output)
{
    const concatenate_t *args = cn_layer_arguments(self);
    int axis = cn__axis(args->axis, inputs[0].rank, "Concatenate");
    if (axis < 0) {
        return axis;
    }
    *output = inputs[0];
    for (int i = 1; i < n; i++) {
        bool fits = inputs[i].rank == output->rank;
        for (int k = 0; fits && k < output->rank; k++) {
            int64_t a = output->dim[k], b = inputs[i].dim[k];
            if (k == axis) {
                output->dim[k] = a < 0 || b < 0 ? -1 : a > INT64_MAX - b ? INT64_MAX : a + b;
            } else {
                fits = a == b || a < 0 || b < 0;
                output->dim[k] = a < 0 ? b : a;
            }
        }
        if (!fits) {
            return cn__fail_shapes("A `Concatenate` layer requires inputs with matching shapes "
                                   "except for the concatenation axis. Received: input_shape=",
                                   inputs, n);
        }
    }
    return 0;
}

static int concatenate_shape(cn_layer *self, const cn_shape *inputs, int n_inputs,
                             cn_shape *outputs, int max_outputs)
{
    (void)max_outputs;
    return joined_shape(self, inputs, n_inputs, &outputs[0]);
}

static int build_concatenate(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    cn_shape output;
    return joined_shape(self, inputs, n_inputs, &output);
}

static cn_tensor *call_concatenate(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                   const cn_call_args *call_args)
{
    const concatenate_t *args = cn_layer_arguments(self);
    (void)call_args;
    int axis = cn__axis(args->axis, inputs[0]->shape.rank, "Concatenate");
    return axis < 0 ? NULL : cn_concatenate_of(n_inputs, inputs, axis);
}

/* An input's mask, or all true, in the input's shape. */
static cn_tensor *full_mask(cn_tensor *x)
{
    cn_tensor *mask = x->mask, *none = cn_cast(cn_zeros_like(x), CN_BOOL);
    if (!mask) {
        return none ? cn_logical_not(none) : NULL;
    }
    while (mask && mask->shape.rank < x->shape.rank) {
        mask = cn_expand_dims(mask, -1);
    }
    return mask && none ? cn_logical_or(mask, none) : NULL;
}

/* The masks joined as the inputs are; Keras 3 keeps a step if any feature is kept, tf.keras if all
 * are. */
static cn_tensor *concatenate_mask(cn_layer *self, cn_tensor *const *inputs, int n_inputs)
{
    const concatenate_t *args = cn_layer_arguments(self);
    cn_tensor *masks[32];
    bool some = false;
    for (int i = 0; i < n_inputs; i++) {
        some = some || inputs[i]->mask;
    }
    int axis = some ? cn__axis(args->axis, inputs[0]->shape.rank, "Concatenate") : -1;
    for (int i = 0; axis >= 0 && i < n_inputs; i++) {
        masks[i] = full_mask(inputs[i]);
        axis = masks[i] ? axis : -1;
    }
    cn_tensor *joined = axis >= 0 ? cn_concatenate_of(n_inputs, masks, axis) : NULL;
    if (!joined) {
        return NULL;
    }
    return cn__is_keras3(self->base.keras) ? cn_any(joined, .axis = {-1})
                                           : cn_all(joined, .axis = {-1});
}

/* Which axis of each input is summed over, counted from the front. */
static int dot_axes(const cn_layer *self, const cn_shape *inputs, int n, int *axes)
{
    const dot_t *args = cn_layer_arguments(self);
    if (n != 2) {
        return cn__fail_shapes("A `Dot` layer should be called on a list of 2 inputs. Received: "
                               "input_shape=",
                               inputs, n);
    }
    for (int i = 0; i < 2; i++) {
        axes[i] =
            cn__axis(args->axes.v[cn__ints_count(&args->axes) > 1 ? i : 0], inputs[i].rank, "Dot");
        if (axes[i] < 0) {
            return axes[i];
        }
    }
    int64_t a = inputs[0].dim[axes[0]], b = inputs[1].dim[axes[1]];
    if (axes[0] == 0 || axes[1] == 0) {
        return cn__fail(CN_EVALUE, "Dot: `axes` must not name the batch, which is axis 0");
    }
    if (a != b && a >= 0 && b >= 0) {
        char one[256], two[256];
        return cn__fail(CN_EVALUE,
                        "Incompatible input shapes: axis values %lld (at axis %d) != %lld (at axis "
                        "%d). Full input shapes: %s, %s",
                        (long long)a, axes[0], (long long)b, axes[1],
                        cn__shape_text(&inputs[0], one, sizeof one),
                        cn__shape_text(&inputs[1], two, sizeof two));
    }
    return 0;
}

static int check_dot(cn_layer *self)
{
    const dot_t *args = cn_layer_arguments(self);
    int n = cn__ints_count(&args->axes);
    char text[256];
    return n <= 2 ? 0
                  : cn__fail(CN_EVALUE,
                             "Invalid format for argument `axes`: it should contain two elements. "
                             "Received: axes=%s",
                             cn__ints_text(&args->axes, text, sizeof text));
}

static int dot_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                     int max_outputs)
{
    int axes[2], code = dot_axes(self, inputs, n_inputs, axes);
    (void)max_outputs;
    if (code < 0) {
        return code;
    }
    cn_shape out = {.rank = 1, .dim = {inputs[0].dim[0]}};
    for (int i = 0; i < 2; i++) {
        for (int k = 1; k < inputs[i].rank; k++) {
            if (k != axes[i] && out.rank < CN_MAX_RANK) {
                out.dim[out.rank++] = inputs[i].dim[k];
            }
        }
    }
    if (out.rank == 1) {
        out.dim[out.rank++] = 1;
    }
    outputs[0] = out;
    return 0;
}

static int build_dot(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    int axes[2];
    return dot_axes(self, inputs, n_inputs, axes);
}

/* (batch, …, k, …) to (batch, others, k), or (batch, k, others) for the second input. */
static cn_tensor *as_matrix(cn_tensor *x, int axis, bool second)
{
    int64_t order[CN_MAX_RANK] = {0}, others = 1;
    int rank = x->shape.rank, n = 1;
    if (second) {
        order[n++] = axis;
    }
    for (int i = 1; i < rank; i++) {
        if (i != axis) {
            order[n++] = i;
            if (x->shape.dim[i] < 0 || !cn__mul_size(others, x->shape.dim[i], &others)) {
                others = -1;
            }
        }
    }
    if (!second) {
        order[n] = axis;
    }
    x = cn_transpose_axes(x, rank, order);
    if (!x || rank == 3) {
        return x;
    }
    int64_t k = x->shape.dim[second ? 1 : rank - 1];
    if (rank == 2) {
        return cn_expand_dims(x, second ? 2 : 1);
    }
    if (k < 0 || others < 0) {
        cn__fail(CN_EVALUE, "Dot: inputs of rank above 3 need known lengths behind the batch");
        return NULL;
    }
    int64_t shape[3] = {x->shape.dim[0] < 0 ? -1 : x->shape.dim[0], second ? k : others,
                        second ? others : k};
    return cn_reshape_to(x, 3, shape);
}

static cn_tensor *normalized(cn_tensor *x, int axis)
{
    int64_t along = axis;
    cn_tensor *square = cn_sum_axes(cn_square(x), 1, &along, true);
    return square ? cn_multiply(x, cn_rsqrt(cn_maximum(square, 1e-12))) : NULL;
}

static cn_tensor *call_dot(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                           const cn_call_args *call_args)
{
    const dot_t *args = cn_layer_arguments(self);
    cn_shape shapes[32], output;
    (void)call_args;
    int axes[2];
    for (int i = 0; i < n_inputs; i++) {
        shapes[i] = inputs[i]->shape;
    }
    if (dot_axes(self, shapes, n_inputs, axes) < 0 ||
        dot_shape(self, shapes, n_inputs, &output, 1) < 0) {
        return NULL;
    }
    cn_tensor *a = args->normalize ? normalized(inputs[0], axes[0]) : inputs[0];
    cn_tensor *b = args->normalize ? normalized(inputs[1], axes[1]) : inputs[1];
    a = a ? as_matrix(a, axes[0], false) : NULL;
    b = b ? as_matrix(b, axes[1], true) : NULL;
    cn_tensor *y = a && b ? cn_matmul(a, b) : NULL;
    if (!y || (shapes[0].rank == 3 && shapes[1].rank == 3)) {
        return y;
    }
    if (shapes[0].rank == 2) {
        y = cn_squeeze(y, 1); /* (batch, 1, others): what is left of the first input goes */
        if (shapes[1].rank <= 3) {
            return y;
        }
    } else if (shapes[1].rank == 2 && shapes[0].rank == 3) {
        return cn_squeeze(y, 2);
    }
    return y ? cn_reshape_to(y, output.rank, output.dim) : NULL;
}

static cn_tensor *no_mask(cn_layer *self, cn_tensor *const *inputs, int n_inputs)
{
    (void)self;
    (void)inputs;
    (void)n_inputs;
    return NULL;
}

CN__LAYER_CLASS(concatenate, concatenate_layer, "Concatenate", NULL, concatenate_fields,
                CN_CONCATENATE_LAYER_DEFAULTS, .build = build_concatenate, .call = call_concatenate,
                .compute_output_shape = concatenate_shape, .compute_mask = concatenate_mask,
                .supports_masking = true, .n_inputs = -1)
CN__LAYER_CLASS(dot, dot_layer, "Dot", NULL, dot_fields, CN_DOT_LAYER_DEFAULTS, .build = build_dot,
                .call = call_dot, .compute_output_shape = dot_shape, .compute_mask = no_mask,
                .supports_masking = true, .n_inputs = -1, .check = check_dot)
