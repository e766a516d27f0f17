/* Convolutions and the gradients of their inputs by oneDNN: row-major images as they are, the
 * kernel reordered to the layout that the primitive wants. */
#include "kernels/onednn/onednn.h"

#include "core/error.h"

/* Primitives are made for one image, never for the length of a range, so that an image has the same
 * bits however a batch is split. It measures as fast as a primitive for sixteen. */

/* conv(x, kernel) and conv_gradient_input(g, kernel[, ref])
 * ------------------------------------------------------------------------------------------ */

static bool image_key(const cn__call *call, cn__onednn_key *key)
{
    bool forward = call->op == &cn__op_conv;
    const cn_shape *a = &call->in[0].shape, *b = &call->out[0].shape;
    if (!cn__onednn_key_of(call->attrs, forward ? a : b, &call->in[1].shape, forward ? b : a,
                           key)) {
        return false;
    }
    key->pass = forward ? CN__ONEDNN_FORWARD : CN__ONEDNN_DATA;
    return cn__onednn_fits(key, forward ? b : a);
}

static bool claims_images(const cn__call *call)
{
    cn__onednn_key key;
    return cn__onednn_floats(call) && image_key(call, &key) && cn__onednn_worth(&key) &&
           cn__onednn_usable(&key);
}

/* Images of a unit: so many that reordering the kernel, about a nanosecond a number of it, is
 * little beside the work. */
static int64_t images_a_unit(const cn__onednn_key *key)
{
    int64_t n = 784 / cn__onednn_cells(key->out);
    return n < 1 ? 1 : n > 16 ? 16 : n;
}

static int64_t units_images(const cn__call *call)
{
    cn__onednn_key key;
    if (!image_key(call, &key)) {
        return 1;
    }
    int64_t unit = images_a_unit(&key);
    return (call->in[0].shape.dim[0] + unit - 1) / unit;
}

/* Scratch: the kernel in the primitive's layout, then what oneDNN wants. */
static size_t scratch_images(const cn__call *call)
{
    cn__onednn_key key;
    const cn__onednn_conv *conv = image_key(call, &key) ? cn__onednn_take(&key) : NULL;
    if (!conv) {
        return CN__ONEDNN_TOO_MUCH;
    }
    size_t bytes = cn__onednn_lines(conv->packed_bytes) + conv->scratchpad_bytes;
    cn__onednn_give(conv);
    return bytes;
}

static dnnl_status_t run_image_range(const cn__onednn_conv *conv, const cn__call *call,
                                     int64_t begin, int64_t end)
{
    const cn__onednn_key *key = &conv->key;
    const float *a = call->in[0].data, *w = call->in[1].data;
    float *b = call->out[0].data;
    char *scratchpad = (char *)call->scratch + cn__onednn_lines(conv->packed_bytes);
    int64_t xn = cn__onednn_cells(key->in) * key->cin, yn = cn__onednn_cells(key->out) * key->cout;
    dnnl_stream_t stream;
    dnnl_status_t status =
        dnnl_stream_create(&stream, cn__onednn_engine(), dnnl_stream_default_flags);
    if (status != dnnl_success) {
        return status;
    }
    if (conv->order) {
        status = cn__onednn_reorder(conv, stream, w, call->scratch, scratchpad);
        w = call->scratch;
    }
    for (int64_t i = begin; status == dnnl_success && i < end; i++) {
        bool forward = key->pass == CN__ONEDNN_FORWARD;
        status = cn__onednn_execute(conv, stream, forward ? a + i * xn : b + i * xn, w,
                                    forward ? b + i * yn : a + i * yn, scratchpad);
    }
    dnnl_stream_destroy(stream);
    return status;
}

static int run_images(const cn__call *call, int64_t begin, int64_t end)
{
    cn__onednn_key key;
    const cn__onednn_conv *conv = image_key(call, &key) ? cn__onednn_take(&key) : NULL;
    if (!conv) {
        return cn__onednn_failed(dnnl_out_of_memory);
    }
    int64_t images = call->in[0].shape.dim[0], unit = images_a_unit(&key);
    end = end * unit < images ? end * unit : images;
    int before = cn__onednn_begin();
    dnnl_status_t status =
        conv->usable ? run_image_range(conv, call, begin * unit, end) : dnnl_unimplemented;
    cn__onednn_end(before);
    cn__onednn_give(conv);
    return status == dnnl_success ? 0 : cn__onednn_failed(status);
}

const cn__kernel cn__onednn_conv_forward = {.name = "onednn",
                                            .claims = claims_images,
                                            .units = units_images,
                                            .scratch_bytes = scratch_images,
                                            .run = run_images};

const cn__kernel cn__onednn_conv_gradient_input = {.name = "onednn",
                                                   .claims = claims_images,
                                                   .units = units_images,
                                                   .scratch_bytes = scratch_images,
                                                   .run = run_images};
