/* UpSampling1D, UpSampling2D and UpSampling3D. */
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <cornu/nn.h>

#include <string.h>

typedef cn_up_sampling_args args_t;

#define SIZE(TYPE)                                                                                 \
    {                                                                                              \
        "size", CN_FIELD_##TYPE, offsetof(args_t, sizes), 0, NULL                                  \
    }
static const cn_field fields1[] = {
    {"size", CN_FIELD_INTS, offsetof(args_t, sizes), CN_FIELD_SCALAR, NULL},
    CN_FIELD_FLAGS(args_t, STRING, data_format, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(args_t, STRING, interpolation, CN_FIELD_UNSAVED),
    {0},
};
static const cn_field fields2[] = {
    SIZE(PAIR),
    CN_FIELD(args_t, STRING, data_format),
    CN_FIELD(args_t, STRING, interpolation),
    {0},
};
static const cn_field fields3[] = {
    SIZE(TRIPLE),
    CN_FIELD(args_t, STRING, data_format),
    CN_FIELD_FLAGS(args_t, STRING, interpolation, CN_FIELD_UNSAVED),
    {0},
};

static int axes_of(const cn_layer *self)
{
    return cn__layer_class(self)->exact_rank - 2;
}

static int check(cn_layer *self)
{
    static const char *const names[] = {"bilinear", "nearest",  "bicubic",  "area",
                                        "lanczos3", "lanczos5", "gaussian", "mitchellcubic"};
    args_t *args = self->base.args;
    int n = axes_of(self), code = cn__spatial_tuple(self, &args->sizes, n, "size", 1);
    /* Keras's UpSampling1D knows no format: its channels are last. */
    if (n == 1 && !args->data_format && cn__set_string(&args->data_format, "channels_last") < 0) {
        return CN_ENOMEM;
    }
    code = code < 0 ? code : cn__spatial_format(self, &args->data_format);
    const char *name = args->interpolation ? args->interpolation : "None";
    bool known = n != 2 && strcmp(name, "nearest") == 0;
    for (int i = 0; n == 2 && i < 8; i++) {
        known = known || strcmp(name, names[i]) == 0;
    }
    return code < 0 || known
               ? code
               : cn__fail(CN_EVALUE,
                          "Value not recognized for `interpolation`: %s. Supported values are: "
                          "dict_keys([%s])",
                          name,
                          n == 2 ? "'bilinear', 'nearest', 'bicubic', 'area', 'lanczos3', "
                                   "'lanczos5', 'gaussian', 'mitchellcubic'"
                                 : "'nearest'");
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
        int64_t *length = &outputs[0].dim[at + i];
        if (*length >= 0 && !cn__mul_size(*length, args->sizes.v[i], length)) {
            return cn__no_memory();
        }
    }
    return 0;
}

static cn_tensor *interpolate(const args_t *args, cn_tensor *x, const cn_shape *output)
{
    int at = cn__spatial_axis(args->data_format);
    if (output->dim[at] < 0 || output->dim[at + 1] < 0) {
        cn__fail(CN_EVALUE,
                 "UpSampling2D: interpolation \"%s\" needs spatial lengths that are known",
                 args->interpolation);
        return NULL;
    }
    return cn_image_resize(x, .output_size = {.v = {output->dim[at], output->dim[at + 1]}, .n = 2},
                           .interpolation = args->interpolation, .data_format = args->data_format);
}

static cn_tensor *call(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *call_args)
{
    const args_t *args = cn_layer_arguments(self);
    int at = cn__spatial_axis(args->data_format);
    cn_tensor *x = inputs[0];
    cn_shape output;
    (void)call_args;
    if (output_shape(self, &x->shape, n_inputs, &output, 1) < 0) {
        return NULL;
    }
    if (strcmp(args->interpolation, "nearest") != 0) {
        cn_tensor *y = interpolate(args, x, &output);
        return y && y->dtype != x->dtype ? cn_cast(y, x->dtype) : y;
    }
    /* The last axis first, so that most of the copying is of whole rows. */
    for (int i = axes_of(self) - 1; x && i >= 0; i--) {
        x = args->sizes.v[i] == 1 ? x : cn_repeat(x, args->sizes.v[i], at + i);
    }
    return x;
}

#define UP(n)                                                                                      \
    CN__LAYER_CLASS(up_sampling##n##d, up_sampling##n##d, "UpSampling" #n "D", NULL, fields##n,    \
                    CN_UP_SAMPLING_DEFAULTS, .call = call, .compute_output_shape = output_shape,   \
                    .exact_rank = n + 2, .check = check)
UP(1)
UP(2)
UP(3)
