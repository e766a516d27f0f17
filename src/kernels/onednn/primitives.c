/* Convolution primitives through the C API of oneDNN, whose versions 2 and 3 differ in how they
 * describe memory. */
#include "kernels/onednn/onednn.h"

#include <string.h>

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t description; /* how calls take one */
#define DESCRIPTION(owned) (owned)

static dnnl_status_t describe(dnnl_memory_desc_t *owned, int n, const dnnl_dim_t *dims,
                              dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(owned, n, dims, dnnl_f32, tag);
}

static dnnl_status_t describe_strides(dnnl_memory_desc_t *owned, int n, const dnnl_dim_t *dims,
                                      const dnnl_dim_t *strides)
{
    return dnnl_memory_desc_create_with_strides(owned, n, dims, dnnl_f32, strides);
}

static void forget(dnnl_memory_desc_t *owned, int n)
{
    for (int i = 0; i < n; i++) {
        if (owned[i]) {
            dnnl_memory_desc_destroy(owned[i]);
        }
    }
}
#else
typedef const dnnl_memory_desc_t *description;
#define DESCRIPTION(owned) (&(owned))

static dnnl_status_t describe(dnnl_memory_desc_t *owned, int n, const dnnl_dim_t *dims,
                              dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(owned, n, dims, dnnl_f32, tag);
}

static dnnl_status_t describe_strides(dnnl_memory_desc_t *owned, int n, const dnnl_dim_t *dims,
                                      const dnnl_dim_t *strides)
{
    return dnnl_memory_desc_init_by_strides(owned, n, dims, dnnl_f32, strides);
}

static void forget(dnnl_memory_desc_t *owned, int n)
{
    (void)owned;
    (void)n;
}
#endif

/* A key in oneDNN's terms: dims (images, channels, spatial…), a kernel (groups, out, in, spatial…)
 * of which the groups are left out where there is one, dilations counted from 0. */
typedef struct geometry {
    int n; /* spatial axes: 2 or 3 */
    int kernel_rank;
    dnnl_dims_t x, y, kernel, kernel_strides, stride, dilation, before, after;
} geometry;

static void geometry_of(const cn__onednn_key *key, geometry *g)
{
    memset(g, 0, sizeof *g);
    bool deep = key->in[0] > 1 || key->out[0] > 1 || key->size[0] > 1 || key->before[0] ||
                key->after[0] || key->stride[0] > 1;
    g->n = deep ? 3 : 2;
    int from = 3 - g->n;
    g->x[0] = g->y[0] = key->images;
    g->x[1] = key->cin;
    g->y[1] = key->cout;
    for (int a = 0; a < g->n; a++) {
        g->x[2 + a] = key->in[from + a];
        g->y[2 + a] = key->out[from + a];
        g->stride[a] = key->stride[from + a];
        g->dilation[a] = key->dilation[from + a] - 1;
        g->before[a] = key->before[from + a];
        g->after[a] = key->after[from + a];
    }
    int at = 0;
    if (key->groups > 1) {
        g->kernel_strides[at] = key->cout / key->groups;
        g->kernel[at++] = key->groups;
    }
    g->kernel_strides[at] = 1;
    g->kernel[at++] = key->cout / key->groups;
    g->kernel_strides[at] = key->cout;
    g->kernel[at++] = key->cin / key->groups;
    g->kernel_rank = at + g->n;
    dnnl_dim_t step = (dnnl_dim_t)key->cin / key->groups * key->cout;
    for (int a = g->n - 1; a >= 0; a--) {
        g->kernel[at + a] = key->size[from + a];
        g->kernel_strides[at + a] = step;
        step *= key->size[from + a];
    }
}

enum { X, KERNEL, Y, MEMORIES };

#if DNNL_VERSION_MAJOR >= 3
static dnnl_status_t make_forward(dnnl_primitive_desc_t *made, const geometry *g,
                                  const dnnl_memory_desc_t *m, dnnl_primitive_attr_t attr)
{
    return dnnl_convolution_forward_primitive_desc_create(
        made, cn__onednn_engine(), dnnl_forward_training, dnnl_convolution_direct, m[X], m[KERNEL],
        NULL, m[Y], g->stride, g->dilation, g->before, g->after, attr);
}

static dnnl_status_t make_backward(dnnl_primitive_desc_t *made, int pass, const geometry *g,
                                   const dnnl_memory_desc_t *m, dnnl_primitive_desc_t forward,
                                   dnnl_primitive_attr_t attr)
{
    if (pass == CN__ONEDNN_DATA) {
        return dnnl_convolution_backward_data_primitive_desc_create(
            made, cn__onednn_engine(), dnnl_convolution_direct, m[X], m[KERNEL], m[Y], g->stride,
            g->dilation, g->before, g->after, forward, attr);
    }
    return dnnl_convolution_backward_weights_primitive_desc_create(
        made, cn__onednn_engine(), dnnl_convolution_direct, m[X], m[KERNEL], NULL, m[Y], g->stride,
        g->dilation, g->before, g->after, forward, attr);
}
#else
static dnnl_status_t make_forward(dnnl_primitive_desc_t *made, const geometry *g,
                                  const dnnl_memory_desc_t *m, dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t what;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &what, dnnl_forward_training, dnnl_convolution_direct, &m[X], &m[KERNEL], NULL, &m[Y],
        g->stride, g->dilation, g->before, g->after);
    return status != dnnl_success
               ? status
               : dnnl_primitive_desc_create(made, &what, attr, cn__onednn_engine(), NULL);
}

static dnnl_status_t make_backward(dnnl_primitive_desc_t *made, int pass, const geometry *g,
                                   const dnnl_memory_desc_t *m, dnnl_primitive_desc_t forward,
                                   dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t what;
    dnnl_status_t status = pass == CN__ONEDNN_DATA
                               ? dnnl_dilated_convolution_backward_data_desc_init(
                                     &what, dnnl_convolution_direct, &m[X], &m[KERNEL], &m[Y],
                                     g->stride, g->dilation, g->before, g->after)
                               : dnnl_dilated_convolution_backward_weights_desc_init(
                                     &what, dnnl_convolution_direct, &m[X], &m[KERNEL], NULL, &m[Y],
                                     g->stride, g->dilation, g->before, g->after);
    return status != dnnl_success
               ? status
               : dnnl_primitive_desc_create(made, &what, attr, cn__onednn_engine(), forward);
}
#endif

static dnnl_status_t make_convolution(const cn__onednn_key *key, const geometry *g,
                                      dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *made)
{
    dnnl_memory_desc_t m[MEMORIES];
    memset(m, 0, sizeof m);
    dnnl_format_tag_t tag = g->n == 3 ? dnnl_ndhwc : dnnl_nhwc;
    tag = key->free ? dnnl_format_tag_any : tag;
    dnnl_status_t status = describe(&m[X], g->n + 2, g->x, tag);
    if (status == dnnl_success) {
        status = describe(&m[KERNEL], g->kernel_rank, g->kernel, dnnl_format_tag_any);
    }
    if (status == dnnl_success) {
        status = describe(&m[Y], g->n + 2, g->y, tag);
    }
    dnnl_primitive_desc_t forward = NULL;
    if (status == dnnl_success) {
        status = make_forward(&forward, g, m, attr);
    }
    if (status == dnnl_success && key->pass == CN__ONEDNN_FORWARD) {
        *made = forward;
        forward = NULL;
    } else if (status == dnnl_success) {
        status = make_backward(made, key->pass, g, m, forward, attr);
    }
    if (forward) {
        dnnl_primitive_desc_destroy(forward);
    }
    forget(m, MEMORIES);
    return status;
}

static description queried(dnnl_primitive_desc_t desc, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(desc, what, 0);
}

static dnnl_query_t kernel_query(const cn__onednn_conv *conv)
{
    return conv->key.pass == CN__ONEDNN_WEIGHTS ? dnnl_query_diff_weights_md
                                                : dnnl_query_weights_md;
}

/* The reorder between the row-major kernel and the layout that the convolution chose. */
static dnnl_status_t make_order(cn__onednn_conv *conv, const geometry *g,
                                dnnl_primitive_attr_t attr)
{
    dnnl_memory_desc_t plain;
    memset(&plain, 0, sizeof plain);
    dnnl_status_t status = describe_strides(&plain, g->kernel_rank, g->kernel, g->kernel_strides);
    if (status != dnnl_success) {
        return status;
    }
    description packed = queried(conv->conv_desc, kernel_query(conv));
    dnnl_engine_t engine = cn__onednn_engine();
    if (!dnnl_memory_desc_equal(packed, DESCRIPTION(plain))) {
        bool back = conv->key.pass == CN__ONEDNN_WEIGHTS;
        conv->packed_bytes = dnnl_memory_desc_get_size(packed);
        status = dnnl_reorder_primitive_desc_create(
            &conv->order_desc, back ? packed : DESCRIPTION(plain), engine,
            back ? DESCRIPTION(plain) : packed, engine, attr);
    }
    forget(&plain, 1);
    return status;
}

/* Plain loops and products over unfolded copies are what our own kernels do better. */
static bool is_vector_code(dnnl_primitive_desc_t desc)
{
    const char *name = NULL;
    return dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) == dnnl_success &&
           name && !strstr(name, "ref") && !strstr(name, "gemm:");
}

static size_t scratchpad_of(dnnl_primitive_desc_t desc)
{
    description d = desc ? queried(desc, dnnl_query_scratchpad_md) : NULL;
    return d ? dnnl_memory_desc_get_size(d) : 0;
}

void cn__onednn_destroy(cn__onednn_conv *conv)
{
    dnnl_primitive_t primitives[] = {conv->conv, conv->order};
    dnnl_primitive_desc_t descs[] = {conv->conv_desc, conv->order_desc};
    for (int i = 0; i < 2; i++) {
        if (primitives[i]) {
            dnnl_primitive_destroy(primitives[i]);
        }
        if (descs[i]) {
            dnnl_primitive_desc_destroy(descs[i]);
        }
    }
    conv->conv = conv->order = NULL;
    conv->conv_desc = conv->order_desc = NULL;
    conv->usable = false;
}

dnnl_status_t cn__onednn_make(cn__onednn_conv *conv)
{
    geometry g;
    geometry_of(&conv->key, &g);
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    }
    if (status == dnnl_success) {
        status = make_convolution(&conv->key, &g, attr, &conv->conv_desc);
    }
    conv->usable = status == dnnl_success && is_vector_code(conv->conv_desc);
    if (conv->usable) {
        status = make_order(conv, &g, attr);
    }
    if (attr) {
        dnnl_primitive_attr_destroy(attr);
    }
    if (status == dnnl_success && conv->usable) {
        size_t a = scratchpad_of(conv->conv_desc), b = scratchpad_of(conv->order_desc);
        conv->scratchpad_bytes = a > b ? a : b;
        status = dnnl_primitive_create(&conv->conv, conv->conv_desc);
        if (status == dnnl_success && conv->order_desc) {
            status = dnnl_primitive_create(&conv->order, conv->order_desc);
        }
    }
    if (status != dnnl_success || !conv->usable) {
        cn__onednn_destroy(conv);
    }
    return status == dnnl_out_of_memory ? status : dnnl_success;
}

/* One argument of a primitive over memory of ours. oneDNN takes pointers without const. */
static dnnl_status_t bind(dnnl_exec_arg_t *arg, int which, description d, const void *data)
{
    union {
        const void *read;
        void *written;
    } handle = {.read = data};
    arg->arg = which;
    arg->memory = NULL;
    return dnnl_memory_create(&arg->memory, d, cn__onednn_engine(), handle.written);
}

static dnnl_status_t execute(dnnl_primitive_t primitive, dnnl_stream_t stream,
                             dnnl_exec_arg_t *args, int n, dnnl_status_t status)
{
    if (status == dnnl_success) {
        status = dnnl_primitive_execute(primitive, stream, n, args);
    }
    for (int i = 0; i < n; i++) {
        if (args[i].memory) {
            dnnl_memory_destroy(args[i].memory);
        }
    }
    return status;
}

dnnl_status_t cn__onednn_execute(const cn__onednn_conv *conv, dnnl_stream_t stream, const float *x,
                                 const float *w, const float *y, void *scratchpad)
{
    static const struct {
        dnnl_query_t query[MEMORIES];
        int arg[MEMORIES];
    } of[] = {[CN__ONEDNN_FORWARD] = {{dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
                                      {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}},
              [CN__ONEDNN_DATA] = {{dnnl_query_diff_src_md, dnnl_query_weights_md,
                                    dnnl_query_diff_dst_md},
                                   {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST}},
              [CN__ONEDNN_WEIGHTS] = {
                  {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md},
                  {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}}};
    const float *data[MEMORIES] = {x, w, y};
    dnnl_exec_arg_t args[MEMORIES + 1];
    memset(args, 0, sizeof args);
    dnnl_status_t status = dnnl_success;
    for (int i = 0; status == dnnl_success && i < MEMORIES; i++) {
        status = bind(&args[i], of[conv->key.pass].arg[i],
                      queried(conv->conv_desc, of[conv->key.pass].query[i]), data[i]);
    }
    if (status == dnnl_success) {
        status = bind(&args[MEMORIES], DNNL_ARG_SCRATCHPAD,
                      queried(conv->conv_desc, dnnl_query_scratchpad_md), scratchpad);
    }
    return execute(conv->conv, stream, args, MEMORIES + 1, status);
}

dnnl_status_t cn__onednn_reorder(const cn__onednn_conv *conv, dnnl_stream_t stream,
                                 const float *from, float *to, void *scratchpad)
{
    dnnl_exec_arg_t args[3];
    memset(args, 0, sizeof args);
    dnnl_status_t status =
        bind(&args[0], DNNL_ARG_FROM, queried(conv->order_desc, dnnl_query_src_md), from);
    if (status == dnnl_success) {
        status = bind(&args[1], DNNL_ARG_TO, queried(conv->order_desc, dnnl_query_dst_md), to);
    }
    if (status == dnnl_success) {
        status = bind(&args[2], DNNL_ARG_SCRATCHPAD,
                      queried(conv->order_desc, dnnl_query_scratchpad_md), scratchpad);
    }
    return execute(conv->order, stream, args, 3, status);
}
