/* Elementwise merging of several inputs: Add, Subtract, Multiply, Average, Maximum, Minimum. */
#include "layers/merge.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"

enum { MAX_INPUTS = 32 };

char *cn__shapes_text(const cn_shape *shapes, int n)
{
    cn__text text = {0};
    char one[256];
    for (int i = 0; i < n; i++) {
        cn__text_add(&text, "%s%s", i ? ", " : "[", cn__shape_text(&shapes[i], one, sizeof one));
    }
    cn__text_add(&text, "]");
    return cn__text_take(&text);
}

int cn__fail_shapes(const char *words, const cn_shape *shapes, int n)
{
    char *text = cn__shapes_text(shapes, n);
    int code = text ? cn__fail(CN_EVALUE, "%s%s", words, text) : CN_ENOMEM;
    cn__free_mem(text);
    return code;
}

static cn_shape without_batch(const cn_shape *shape)
{
    cn_shape rest = {.rank = shape->rank ? shape->rank - 1 : 0};
    for (int i = 0; i < rest.rank; i++) {
        rest.dim[i] = shape->dim[i + 1];
    }
    return rest;
}

/* The broadcast shape behind a common batch; axes of length 1 come in behind the batch. */
static int merged_shape(const cn_shape *inputs, int n, cn_shape *output)
{
    int64_t batch = -1;
    cn_shape all = without_batch(&inputs[0]), both;
    for (int i = 0; i < n; i++) {
        int64_t rows = inputs[i].rank ? inputs[i].dim[0] : -1;
        if (rows >= 0 && batch >= 0 && rows != batch) {
            return cn__fail_shapes("Cannot merge tensors with different batch sizes. Got tensors "
                                   "with shapes ",
                                   inputs, n);
        }
        batch = rows >= 0 ? rows : batch;
        cn_shape rest = without_batch(&inputs[i]);
        for (int k = 1; k <= all.rank && k <= rest.rank; k++) {
            int64_t a = all.dim[all.rank - k], b = rest.dim[rest.rank - k];
            if (a != b && a != 1 && b != 1 && a >= 0 && b >= 0) {
                char one[256], two[256];
                return cn__fail(
                    CN_EVALUE, "Inputs have incompatible shapes. Received shapes %s and %s",
                    cn__shape_text(&all, one, sizeof one), cn__shape_text(&rest, two, sizeof two));
            }
        }
        int code = cn__shape_broadcast(&all, &rest, &both);
        if (code < 0) {
            return code;
        }
        all = both;
    }
    *output = (cn_shape){.rank = all.rank + 1, .dim = {batch}};
    for (int i = 0; i < all.rank; i++) {
        output->dim[i + 1] = all.dim[i];
    }
    return 0;
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    (void)self;
    (void)max_outputs;
    return merged_shape(inputs, n_inputs, &outputs[0]);
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    cn_shape output;
    (void)self;
    return merged_shape(inputs, n_inputs, &output);
}

static int build_two(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    if (n_inputs != 2) {
        return cn__fail_shapes("A `Subtract` layer should be called on exactly 2 inputs. Received: "
                               "input_shape=",
                               inputs, n_inputs);
    }
    return build(self, inputs, n_inputs);
}

typedef cn_tensor *merge_op(cn_tensor *a, cn_tensor *b);

/* Input i with as many axes as the one that has most. */
static cn_tensor *raised(cn_tensor *const *inputs, int n, int i)
{
    cn_tensor *x = inputs[i];
    int most = 0;
    for (int k = 0; k < n; k++) {
        most = inputs[k]->shape.rank > most ? inputs[k]->shape.rank : most;
    }
    while (x && x->shape.rank < most) {
        x = cn_expand_dims(x, x->shape.rank ? 1 : 0);
    }
    return x;
}

static cn_tensor *fold(cn_tensor *const *inputs, int n, merge_op *op)
{
    cn_shape shapes[MAX_INPUTS] = {{0}}, output;
    for (int i = 0; i < n; i++) {
        shapes[i] = inputs[i]->shape;
    }
    if (merged_shape(shapes, n, &output) < 0) {
        return NULL;
    }
    cn_tensor *y = raised(inputs, n, 0);
    for (int i = 1; y && i < n; i++) {
        cn_tensor *x = raised(inputs, n, i);
        y = x ? op(y, x) : NULL;
    }
    return y;
}

#define FOLD(name, op)                                                                             \
    static cn_tensor *call_##name(cn_layer *self, cn_tensor *const *inputs, int n_inputs,          \
                                  const cn_call_args *call_args)                                   \
    {                                                                                              \
        (void)self;                                                                                \
        (void)call_args;                                                                           \
        return fold(inputs, n_inputs, op);                                                         \
    }
FOLD(add, (cn_add))
FOLD(multiply, (cn_multiply))
FOLD(maximum, (cn_maximum))
FOLD(minimum, (cn_minimum))

static cn_tensor *call_subtract(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                const cn_call_args *call_args)
{
    (void)self;
    (void)call_args;
    if (n_inputs != 2) {
        cn__fail(CN_EVALUE,
                 "A `Subtract` layer should be called on exactly 2 inputs. Received: %d inputs",
                 n_inputs);
        return NULL;
    }
    return fold(inputs, n_inputs, (cn_subtract));
}

static cn_tensor *call_average(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    (void)self;
    (void)call_args;
    cn_tensor *sum = fold(inputs, n_inputs, (cn_add));
    return sum ? cn_divide(sum, n_inputs) : NULL;
}

/* Keras 3 keeps a step that any input keeps, if all have masks; tf.keras one that no mask drops. */
static cn_tensor *mask(cn_layer *self, cn_tensor *const *inputs, int n_inputs)
{
    bool three = cn__is_keras3(self->base.keras);
    cn_tensor *all = NULL;
    for (int i = 0; i < n_inputs; i++) {
        cn_tensor *one = inputs[i]->mask;
        if (!one) {
            if (three) {
                return NULL;
            }
            continue;
        }
        all = !all ? one : three ? cn_logical_or(all, one) : cn_logical_and(all, one);
        if (!all) {
            return NULL;
        }
    }
    return all;
}

#define MERGE(id, word, function, builder)                                                         \
    CN__LAYER_CLASS(id, id##_layer, word, NULL, NULL, CN_MERGE_DEFAULTS, .build = builder,         \
                    .call = function, .compute_output_shape = output_shape, .compute_mask = mask,  \
                    .supports_masking = true, .n_inputs = -1)
MERGE(add, "Add", call_add, build)
MERGE(subtract, "Subtract", call_subtract, build_two)
MERGE(multiply, "Multiply", call_multiply, build)
MERGE(average, "Average", call_average, build)
MERGE(maximum, "Maximum", call_maximum, build)
MERGE(minimum, "Minimum", call_minimum, build)
