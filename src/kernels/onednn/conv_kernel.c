/* The gradient of a convolution's kernel by oneDNN: groups of images of fixed sizes, added in
 * order; large kernels cut into slabs of input channels. */
#include "kernels/onednn/onednn.h"

#include <string.h>

/* A primitive sums over its images inside: sixteen of them, then four, then one, whatever the
 * batch, so that few primitives serve all batches. Adding up gradients costs little beside the work
 * of a large image, whose neighbours would only drive it out of the cache: large ones go one by
 * one. */
static const int sums_of[] = {16, 4, 1};
enum { SUMS = 3 };

static int first_sum(const cn__onednn_key *key)
{
    int64_t pixels = cn__onednn_cells(key->out);
    return pixels >= 1024 ? 2 : pixels >= 256 ? 1 : 0;
}

/* How a call is cut: the whole kernel, or up to four slabs of input channels, one a unit, so that a
 * kernel too large for a buffer a chunk still keeps several threads busy. Each slab's channels of x
 * are copied together first, which is little where each takes part in many products. */
typedef struct cut {
    cn__onednn_key key; /* of one image and one slab; the pass is set */
    int32_t cin;        /* of the whole convolution */
    int slabs;
} cut;

static bool cut_of(const cn__call *call, cut *c)
{
    enum { LARGE_KERNEL = 1 << 16, LEAST_PRODUCTS = 256, LEAST_WIDTH = 64 };
    cn__onednn_key *key = &c->key;
    if (!cn__onednn_key_of(call->attrs, &call->in[0].shape, &call->out[0].shape, &call->in[1].shape,
                           key)) {
        return false;
    }
    key->pass = CN__ONEDNN_WEIGHTS;
    c->cin = key->cin;
    c->slabs = 1;
    int64_t taps = cn__onednn_cells(key->size);
    int64_t products =
        taps * key->cout * cn__onednn_cells(key->out) / cn__onednn_cells(key->in); /* of one x */
    bool large = key->groups == 1 && taps * key->cin * key->cout >= LARGE_KERNEL &&
                 products >= LEAST_PRODUCTS;
    for (int slabs = 4; large && slabs > 1; slabs--) {
        int32_t width = key->cin / slabs;
        if (width * slabs == key->cin && width % 16 == 0 && width >= LEAST_WIDTH) {
            c->slabs = slabs;
            key->cin = width;
            break;
        }
    }
    return cn__onednn_fits(key, &call->in[1].shape);
}

static int64_t images_of(const cn__call *call)
{
    return call->in[0].shape.dim[0];
}

static bool claims(const cn__call *call)
{
    cut c;
    if (!cn__onednn_floats(call) || !cut_of(call, &c)) {
        return false;
    }
    cn__onednn_key whole = c.key;
    whole.cin = c.cin; /* the rule knows layers, not slabs */
    if (!cn__onednn_worth(&whole)) {
        return false;
    }
    bool good = true;
    for (int i = first_sum(&c.key); good && i < SUMS; i++) {
        c.key.images = sums_of[i];
        good = sums_of[i] > images_of(call) || cn__onednn_usable(&c.key);
    }
    return good;
}

static int64_t units(const cn__call *call)
{
    cut c;
    return cut_of(call, &c) ? c.slabs : 1;
}

static int64_t kernel_size(const cn__onednn_key *key)
{
    return cn__onednn_cells(key->size) * (key->cin / key->groups) * key->cout;
}

/* Scratch, in this order: a gradient in the primitive's layout, the same row-major, the slab of x,
 * what oneDNN wants. `images` is the largest group. */
typedef struct parts {
    size_t packed, plain, slab, scratchpad;
} parts;

static bool measure(const cut *c, int64_t images, parts *p)
{
    memset(p, 0, sizeof *p);
    p->plain = cn__onednn_lines((size_t)kernel_size(&c->key) * sizeof(float));
    for (int i = first_sum(&c->key); i < SUMS; i++) {
        cn__onednn_key key = c->key;
        key.images = sums_of[i];
        const cn__onednn_conv *conv = sums_of[i] <= images ? cn__onednn_take(&key) : NULL;
        if (sums_of[i] <= images && !conv) {
            return false;
        }
        if (conv) {
            size_t slab = c->slabs > 1 ? (size_t)key.images * (size_t)cn__onednn_cells(key.in) *
                                             (size_t)key.cin * sizeof(float)
                                       : 0;
            size_t packed = cn__onednn_lines(conv->packed_bytes);
            p->packed = packed > p->packed ? packed : p->packed;
            p->slab = slab > p->slab ? cn__onednn_lines(slab) : p->slab;
            p->scratchpad =
                conv->scratchpad_bytes > p->scratchpad ? conv->scratchpad_bytes : p->scratchpad;
            cn__onednn_give(conv);
        }
    }
    return true;
}

static size_t scratch_bytes(const cn__call *call)
{
    cut c;
    parts p;
    if (!cut_of(call, &c) || !measure(&c, images_of(call), &p)) {
        return CN__ONEDNN_TOO_MUCH;
    }
    return p.packed + p.plain + p.slab + p.scratchpad;
}

/* What a unit works on: arrays and places in the scratch. */
typedef struct unit {
    const cut *c;
    const float *x, *g; /* (batch, in…, cin), (batch, out…, cout) */
    float *dw;          /* (size…, cin, cout) */
    float *packed, *plain, *slab;
    void *scratchpad;
    int64_t first; /* input channel of the slab */
} unit;

/* Channels [first, first + width) of the group's images, together. */
static const float *gather(const unit *u, int64_t image, int images)
{
    const cn__onednn_key *key = &u->c->key;
    int64_t pixels = cn__onednn_cells(key->in), width = key->cin, cin = u->c->cin;
    const float *x = u->x + image * pixels * cin;
    if (u->c->slabs == 1) {
        return x;
    }
    for (int64_t i = 0; i < images * pixels; i++) {
        memcpy(u->slab + i * width, x + i * cin + u->first, (size_t)width * sizeof(float));
    }
    return u->slab;
}

/* The slab's place in dw becomes its gradient, or takes it in addition. */
static void deliver(const unit *u, bool add)
{
    const cn__onednn_key *key = &u->c->key;
    int64_t rows = key->cin / key->groups, all = u->c->cin / key->groups, cout = key->cout;
    for (int64_t tap = 0; tap < cn__onednn_cells(key->size); tap++) {
        const float *from = u->plain + tap * rows * cout;
        float *to = u->dw + (tap * all + u->first) * cout;
        if (!add) {
            memcpy(to, from, (size_t)(rows * cout) * sizeof(float));
            continue;
        }
        for (int64_t i = 0; i < rows * cout; i++) {
            to[i] += from[i];
        }
    }
}

/* One group of images. */
static dnnl_status_t run_group(const unit *u, dnnl_stream_t stream, int64_t image, int images)
{
    cn__onednn_key key = u->c->key;
    key.images = images;
    const cn__onednn_conv *conv = cn__onednn_take(&key);
    if (!conv) {
        return dnnl_out_of_memory;
    }
    const float *x = gather(u, image, images);
    const float *g = u->g + image * cn__onednn_cells(key.out) * key.cout;
    /* The first group of an uncut kernel can go to its place at once. */
    bool straight = image == 0 && u->c->slabs == 1;
    float *plain = straight ? u->dw : u->plain;
    dnnl_status_t status = dnnl_unimplemented;
    if (conv->usable) {
        status =
            cn__onednn_execute(conv, stream, x, conv->order ? u->packed : plain, g, u->scratchpad);
    }
    if (status == dnnl_success && conv->order) {
        status = cn__onednn_reorder(conv, stream, u->packed, plain, u->scratchpad);
    }
    if (status == dnnl_success && !straight) {
        deliver(u, image > 0);
    }
    cn__onednn_give(conv);
    return status;
}

static dnnl_status_t run_slab(const unit *u, dnnl_stream_t stream, int64_t images)
{
    dnnl_status_t status = dnnl_success;
    int64_t image = 0;
    for (int i = first_sum(&u->c->key); i < SUMS; i++) {
        for (; status == dnnl_success && images - image >= sums_of[i]; image += sums_of[i]) {
            status = run_group(u, stream, image, sums_of[i]);
        }
    }
    return status;
}

static int run(const cn__call *call, int64_t begin, int64_t end)
{
    cut c;
    parts p;
    if (!cut_of(call, &c) || !measure(&c, images_of(call), &p)) {
        return cn__onednn_failed(dnnl_out_of_memory);
    }
    char *scratch = call->scratch;
    unit u = {.c = &c,
              .x = call->in[0].data,
              .g = call->in[1].data,
              .dw = call->out[0].data,
              .packed = (float *)scratch,
              .plain = (float *)(scratch + p.packed),
              .slab = (float *)(scratch + p.packed + p.plain),
              .scratchpad = scratch + p.packed + p.plain + p.slab};
    int before = cn__onednn_begin();
    dnnl_stream_t stream;
    dnnl_status_t status =
        dnnl_stream_create(&stream, cn__onednn_engine(), dnnl_stream_default_flags);
    if (status == dnnl_success) {
        for (int64_t i = begin; status == dnnl_success && i < end; i++) {
            u.first = i * c.key.cin;
            status = run_slab(&u, stream, images_of(call));
        }
        dnnl_stream_destroy(stream);
    }
    cn__onednn_end(before);
    return status == dnnl_success ? 0 : cn__onednn_failed(status);
}

const cn__kernel cn__onednn_conv_gradient_kernel = {
    .name = "onednn", .claims = claims, .units = units, .scratch_bytes = scratch_bytes, .run = run};
