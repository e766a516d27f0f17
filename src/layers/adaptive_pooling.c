/* AdaptiveMaxPooling and AdaptiveAveragePooling: as many windows as the output is to have. */
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <cornu/nn.h>

typedef cn_adaptive_pooling_args args_t;

static const cn_field fields1[] = {
    CN_FIELD(args_t, SINGLE, output_size), CN_FIELD(args_t, STRING, data_format), {0}};
static const cn_field fields2[] = {
    CN_FIELD(args_t, PAIR, output_size), CN_FIELD(args_t, STRING, data_format), {0}};
static const cn_field fields3[] = {
    CN_FIELD(args_t, TRIPLE, output_size), CN_FIELD(args_t, STRING, data_format), {0}};

static int axes_of(const cn_layer *self)
{
    return cn__layer_class(self)->exact_rank - 2;
}

static int check(cn_layer *self)
{
    args_t *args = self->base.args;
    int code = cn__spatial_tuple(self, &args->output_size, axes_of(self), "output_size", 1);
    return code < 0 ? code : cn__spatial_format(self, &args->data_format);
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
        outputs[0].dim[at + i] = args->output_size.v[i];
    }
    return 0;
}

/* One pool over `size` cells of spatial axis i, without overlap. */
static cn_tensor *pool_axis(cn_tensor *x, int i, int64_t size, bool largest)
{
    cn_pool_args args = cn_pool_defaults;
    args.data_format = "channels_last";
    args.pool_size = (cn_ints){.n = x ? x->shape.rank - 2 : 1};
    for (int a = 0; a < args.pool_size.n; a++) {
        args.pool_size.v[a] = a == i ? size : 1;
    }
    args.strides = args.pool_size;
    return largest ? cn_max_pool_with(x, &args) : cn_average_pool_with(x, &args);
}

/* Spatial axis i of x (batch, lengths…, channels) brought to n windows; where n divides the length
 * one pool does it, else windows differ by one cell and overlap. */
static cn_tensor *adapt(cn_tensor *x, int i, int64_t n, bool largest)
{
    int64_t length = x->shape.dim[1 + i];
    if (length % n == 0) {
        return pool_axis(x, i, length / n, largest);
    }
    cn_tensor **parts = cn__calloc((size_t)n, sizeof *parts), *y = NULL;
    bool good = parts != NULL;
    for (int64_t k = 0; good && k < n; k++) {
        /* k length / n and (k + 1) length / n, rounded down and up, without overflow. */
        int64_t start = k * (length / n) + k * (length % n) / n;
        int64_t stop = (k + 1) * (length / n) + ((k + 1) * (length % n) + n - 1) / n;
        cn_tensor *part = cn_slice(x, 1 + i, start, stop, 1);
        parts[k] = part ? pool_axis(part, i, stop - start, largest) : NULL;
        good = parts[k] != NULL;
    }
    if (good) {
        y = cn_concatenate_of((int)n, parts, 1 + i);
    }
    cn__free_mem(parts);
    return y;
}

static cn_tensor *pool(cn_layer *self, cn_tensor *x, bool largest)
{
    const args_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format), n = axes_of(self);
    for (int i = 0; i < n; i++) {
        if (x->shape.dim[at + i] <= 0) {
            char text[256];
            cn__fail(CN_EVALUE,
                     "Layer \"%s\": adaptive pooling needs spatial lengths that are known and not "
                     "0. Received input shape %s",
                     self->base.name, cn__shape_text(&x->shape, text, sizeof text));
            return NULL;
        }
        if (args->output_size.v[i] > INT32_MAX / 2 || x->shape.dim[at + i] > INT32_MAX) {
            cn__no_memory();
            return NULL;
        }
    }
    x = cn__channels_first(args->data_format) ? cn__channels_to_end(x) : x;
    for (int i = 0; x && i < n; i++) {
        x = adapt(x, i, args->output_size.v[i], largest);
    }
    return cn__channels_first(args->data_format) ? cn__channels_to_front(x) : x;
}

static cn_tensor *call_max(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                           const cn_call_args *call_args)
{
    (void)n_inputs;
    (void)call_args;
    return pool(self, inputs[0], true);
}

static cn_tensor *call_average(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    (void)n_inputs;
    (void)call_args;
    return pool(self, inputs[0], false);
}

#define POOL(n, id, word, function)                                                                \
    CN__LAYER_CLASS(adaptive_##id##_pooling##n##d, adaptive_##id##_pooling##n##d,                  \
                    "Adaptive" word "Pooling" #n "D", NULL, fields##n,                             \
                    CN_ADAPTIVE_POOLING_DEFAULTS, .call = function,                                \
                    .compute_output_shape = output_shape, .exact_rank = n + 2, .check = check)
POOL(1, max, "Max", call_max)
POOL(2, max, "Max", call_max)
POOL(3, max, "Max", call_max)
POOL(1, average, "Average", call_average)
POOL(2, average, "Average", call_average)
POOL(3, average, "Average", call_average)
