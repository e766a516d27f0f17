/* Resizing of images and its gradient, and the public function. */
#include <cornu/nn.h>

#include "kernels/reference/resample.h"
#include "ops/support.h"

#include <stdint.h>

const cn_image_resize_args cn_image_resize_defaults = {.size = sizeof(cn_image_resize_args),
                                                       CN_IMAGE_RESIZE_DEFAULTS};

/* resize(images): attrs.i[0 … 3] = height, width, method, antialias; (batch, height, width,
 * channels). */
static int infer_resize(cn__node *node)
{
    cn_shape out = *cn__in_shape(node, 0);
    char text[CN__SHAPE_TEXT];
    cn_dtype dtype = node->in[0]->dtype;
    if (out.rank != 4) {
        return cn__fail(CN_EVALUE, "resize: expected images of rank 4, got shape %s",
                        cn__shape_text(&out, text, sizeof text));
    }
    if (out.dim[1] == 0 || out.dim[2] == 0) {
        return cn__fail(CN_EVALUE, "resize: input image must be of non-zero size, got shape %s",
                        cn__shape_text(&out, text, sizeof text));
    }
    out.dim[1] = node->attrs.i[0];
    out.dim[2] = node->attrs.i[1];
    if (node->attrs.i[2] != CN__RESAMPLE_NEAREST && dtype != CN_FLOAT64) {
        dtype = CN_FLOAT32;
    }
    return cn__infer_one(node, dtype, &out);
}

static int gradient_resize(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                           cn_tensor **grads_in)
{
    (void)out;
    cn_dtype dtype = node->in[0]->dtype;
    if (!cn__dtype_is_float(dtype)) {
        return 0;
    }
    cn_tensor *g = cn__apply2(&cn__op_resize_gradient, &node->attrs, grads_out[0], node->in[0]);
    return cn__one_gradient(grads_in, g && g->dtype != dtype ? cn_cast(g, dtype) : g);
}

const cn__op cn__op_resize = {.name = "resize",
                              .min_in = 1,
                              .max_in = 1,
                              .n_out = 1,
                              .infer = infer_resize,
                              .gradient = gradient_resize,
                              .batch = cn__batch_row,
                              .reference = &cn__reference_resize};

/* resize_gradient(g, ref): g given back to ref's cells by the weights they had. */
static int infer_resize_gradient(cn__node *node)
{
    return cn__infer_one(node, node->in[0]->dtype, cn__in_shape(node, 1));
}

static int gradient_resize_gradient(const cn__node *node, cn_tensor *const *out,
                                    cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in, cn__apply1(&cn__op_resize, &node->attrs, grads_out[0]));
}

static cn__batch batch_resize_gradient(const cn__node *node, const bool *batched)
{
    (void)node;
    if (!batched[0] && !batched[1]) {
        return CN__BATCH_NONE;
    }
    return cn__row_if(batched[0] && batched[1]);
}

const cn__op cn__op_resize_gradient = {.name = "resize_gradient",
                                       .min_in = 2,
                                       .max_in = 2,
                                       .n_out = 1,
                                       .shape_only = 2,
                                       .infer = infer_resize_gradient,
                                       .gradient = gradient_resize_gradient,
                                       .batch = batch_resize_gradient,
                                       .reference = &cn__reference_resize_gradient};

static int method_of(const char *word)
{
    static const char *const words[] = {
#define XX(name, text) text,
        CN__RESAMPLE_MAP(XX)
#undef XX
    };
    for (int i = 0; word && i < (int)(sizeof words / sizeof *words); i++) {
        if (!strcmp(word, words[i])) {
            return i;
        }
    }
    return cn__fail(CN_EVALUE,
                    "Invalid value for argument `interpolation`. Expected of one ('bilinear', "
                    "'nearest', 'lanczos3', 'lanczos5', 'bicubic', 'area', 'gaussian', "
                    "'mitchellcubic'). Received: interpolation=%.64s",
                    word ? word : "None");
}

/* Whether channels come first: 1, 0, or negative and an error. */
static int first_of(const char *format)
{
    format = format ? format : cn_image_data_format();
    bool first = format && !strcmp(format, "channels_first");
    if (!first && (!format || strcmp(format, "channels_last"))) {
        return cn__fail(CN_EVALUE,
                        "The `data_format` argument must be one of {'channels_first', "
                        "'channels_last'}. Received: %.64s",
                        format ? format : "None");
    }
    return first;
}

cn_tensor *cn_image_resize_with(cn_tensor *images, const cn_image_resize_args *given)
{
    cn_image_resize_args a;
    char text[CN__SHAPE_TEXT];
    if (!cn__take_args(&a, &cn_image_resize_defaults, given, "resize") ||
        !cn__check_tensor(images, "resize")) {
        return NULL;
    }
    int method = method_of(a.interpolation), first = method < 0 ? method : first_of(a.data_format);
    if (first < 0) {
        return NULL;
    }
    int n = cn__ints_count(&a.output_size);
    int64_t height = a.output_size.v[0], width = a.output_size.v[1];
    if (n != 2 || height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX) {
        cn__fail(CN_EVALUE,
                 "Argument `size` must be a tuple of two elements (height, width), both "
                 "positive, got %d elements",
                 n);
        return NULL;
    }
    bool single = images->shape.rank == 3;
    if (!single && images->shape.rank != 4) {
        cn__fail(CN_EVALUE,
                 "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
                 "Received input with shape: images.shape=%s",
                 cn__shape_text(&images->shape, text, sizeof text));
        return NULL;
    }
    cn_tensor *x = single ? cn_expand_dims(images, 0) : images;
    x = first && x ? cn_transpose(x, 0, 2, 3, 1) : x;
    cn__attrs attrs = {.i = {height, width, method, a.antialias}};
    x = x ? cn__apply1(&cn__op_resize, &attrs, x) : NULL;
    x = first && x ? cn_transpose(x, 0, 3, 1, 2) : x;
    return single && x ? cn_squeeze(x, 0) : x;
}
