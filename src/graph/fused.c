/* The planner's own ops, run by Cornu's kernels: elementwise programs, dense layers with their
 * updates, loads, reorders. */
#include "graph/program.h"

#include <string.h>

/* Elementwise programs
 * ------------------------------------------------------------------------------------------- */

enum { ELEMENTS_A_UNIT = 8192 };

/* How many elements lie behind each other where the program walks: all of them, or those of one
 * panel. */
typedef struct walk_shape {
    int64_t panels, length, stride;
} walk_shape;

static walk_shape shape_of_walk(const cn__arg *arg)
{
    const int64_t *dim = arg->shape.dim;
    switch (arg->layout) {
    case CN__LAYOUT_P16: return (walk_shape){(dim[1] + 15) / 16, dim[0] * 16, arg->stride};
    case CN__LAYOUT_W32: return (walk_shape){(dim[1] + 31) / 32, dim[0] * 32, arg->stride};
    case CN__LAYOUT_WT: return (walk_shape){dim[1], dim[0], arg->stride};
    default: return (walk_shape){1, cn__shape_size(&arg->shape), 0};
    }
}

static int64_t units_elementwise(const cn__call *call)
{
    walk_shape walk = shape_of_walk(&call->out[0]);
    return call->out[0].layout == CN__LAYOUT_ROW ? cn__units(walk.length, ELEMENTS_A_UNIT)
                                                 : walk.panels;
}

/* The columns beyond the last one stay zero, whatever the program makes of zeros. */
static void clear_padding(const cn__arg *arg, int64_t panel)
{
    int64_t width = arg->layout == CN__LAYOUT_P16 ? 16 : 32, columns = arg->shape.dim[1];
    int64_t used = columns - panel * width;
    if (arg->layout == CN__LAYOUT_ROW || arg->layout == CN__LAYOUT_WT || used >= width) {
        return;
    }
    float *data = (float *)arg->data + panel * arg->stride;
    for (int64_t r = 0; r < arg->shape.dim[0]; r++) {
        for (int64_t c = used; c < width; c++) {
            data[r * width + c] = 0;
        }
    }
}

static int run_elementwise(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__ew *ew = &((const cn__ew_extra *)call->extra)->program;
    const cn__cpu *cpu = cn__cpu_get();
    void *in[CN__EW_MAX_IN], *out[CN__EW_MAX_OUT];
    int64_t period[CN__EW_MAX_IN] = {0};
    walk_shape walk = shape_of_walk(&call->out[0]);
    for (int k = 0; k < ew->n_in; k++) {
        in[k] = call->in[k].data;
        int64_t n = cn__shape_size(&call->in[k].shape);
        period[k] = ew->in_mode[k] == CN__EW_INNER        ? n
                    : ew->in_mode[k] == CN__EW_OUTER && n ? cn__shape_size(&call->out[0].shape) / n
                                                          : 1;
    }
    for (int k = 0; k < ew->n_out; k++) {
        out[k] = call->out[k].data;
    }
    if (call->out[0].layout == CN__LAYOUT_ROW) {
        int64_t from = begin * ELEMENTS_A_UNIT, to = end * ELEMENTS_A_UNIT;
        cpu->ew_run(ew, in, period, out, from, to < walk.length ? to : walk.length);
        return 0;
    }
    for (int64_t p = begin; p < end; p++) {
        void *panel_in[CN__EW_MAX_IN], *panel_out[CN__EW_MAX_OUT];
        for (int k = 0; k < ew->n_in; k++) {
            panel_in[k] =
                ew->in_mode[k] == CN__EW_FULL ? (float *)in[k] + p * call->in[k].stride : in[k];
        }
        for (int k = 0; k < ew->n_out; k++) {
            panel_out[k] = (float *)out[k] + p * call->out[k].stride;
        }
        cpu->ew_run(ew, panel_in, period, panel_out, 0, walk.length);
        for (int k = 0; k < ew->n_out; k++) {
            clear_padding(&call->out[k], p);
        }
    }
    return 0;
}

static const cn__kernel elementwise_kernel = {
    .name = "cpu", .units = units_elementwise, .run = run_elementwise};
const cn__op cn__op_elementwise = {
    .name = "elementwise", .flags = CN__OP_INTERNAL, .reference = &elementwise_kernel};

/* The array that the program walks over: an input that is read whole. */
static const cn__arg *walked(const cn__call *call, const cn__ew *ew)
{
    for (int k = 0; k < ew->n_in; k++) {
        if (ew->in_mode[k] == CN__EW_FULL) {
            return &call->in[k];
        }
    }
    return &call->out[0];
}

static size_t scratch_sums(const cn__call *call)
{
    const cn__ew_extra *extra = call->extra;
    return CN__EW_MAX_OUT * (size_t)extra->columns * sizeof(double);
}

/* All rows of the call at once: sums are made in double, in order, and rounded at the end. */
static int run_sums(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__ew_extra *extra = call->extra;
    const cn__ew *ew = &extra->program;
    void *in[CN__EW_MAX_IN], *out[CN__EW_MAX_OUT];
    double *sums[CN__EW_MAX_OUT] = {NULL}, *next = call->scratch;
    int64_t period[CN__EW_MAX_IN];
    (void)begin;
    (void)end;
    for (int k = 0; k < ew->n_in; k++) {
        in[k] = call->in[k].data;
        period[k] = ew->in_mode[k] == CN__EW_INNER ? extra->columns : 1;
    }
    for (int k = 0; k < ew->n_out; k++) {
        out[k] = call->out[k].data;
        if (extra->sums >> k & 1) {
            sums[k] = next;
            next += extra->columns;
            memset(sums[k], 0, (size_t)extra->columns * sizeof *next);
        }
    }
    cn__cpu_get()->ew_sums(ew, in, period, out, sums, extra->columns, 0,
                           cn__shape_size(&walked(call, ew)->shape));
    for (int k = 0; k < ew->n_out; k++) {
        float *sum = call->out[k].data;
        for (int64_t c = 0; sums[k] && c < extra->columns; c++) {
            sum[c] = (float)sums[k][c];
        }
    }
    return 0;
}

static const cn__kernel sums_kernel = {
    .name = "cpu", .scratch_bytes = scratch_sums, .run = run_sums};
const cn__op cn__op_elementwise_sums = {
    .name = "elementwise_sums", .flags = CN__OP_INTERNAL, .reference = &sums_kernel};

/* Dense layers
 * ---------------------------------------------------------------------------------------------------
 */

static int64_t units_dense(const cn__call *call)
{
    const cn__dense_extra *extra = call->extra;
    const int64_t *out = call->out[0].shape.dim;
    return extra->gemv     ? cn__units(out[1], CN__UNIT_COLS)
           : extra->skinny ? cn__units(out[0], CN__UNIT_ROWS)
                           : cn__units(out[1], CN__UNIT_PANEL);
}

static int64_t stride_of(const cn__arg *arg)
{
    return arg->layout == CN__LAYOUT_ROW ? arg->shape.dim[arg->shape.rank - 1] : arg->stride;
}

static int run_dense(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__dense_extra *extra = call->extra;
    const cn__cpu *cpu = cn__cpu_get();
    const cn__arg *x = &call->in[0], *w = &call->in[1], *y = &call->out[0];
    int64_t rows = x->shape.dim[0], k = x->shape.dim[1], n = y->shape.dim[1];
    const float *bias = extra->bias ? call->in[2].data : NULL;
    if (extra->gemv) {
        cn__gemv p = {.rows = rows,
                      .k = k,
                      .n = n,
                      .x = x->data,
                      .x_ld = k,
                      .w = w->data,
                      .w_ld = n,
                      .bias = bias,
                      .y = y->data,
                      .y_ld = n,
                      .relu = extra->relu};
        cpu->gemv(&p, begin, end);
    } else if (extra->skinny) {
        cn__skinny_fwd p = {.rows = rows,
                            .k = k,
                            .n = n,
                            .x = x->data,
                            .x_layout = x->layout,
                            .xs = stride_of(x),
                            .wt = w->data,
                            .wt_ld = w->stride,
                            .bias = bias,
                            .y = y->data,
                            .y_ld = n,
                            .relu = extra->relu};
        cpu->skinny_forward(&p, begin, end);
    } else {
        cn__dense_fwd p = {.rows = rows,
                           .k = k,
                           .n = n,
                           .x = x->data,
                           .xps = x->stride,
                           .w = w->data,
                           .ws = w->stride,
                           .bias = bias,
                           .y = y->data,
                           .yps = y->stride,
                           .relu = extra->relu};
        cpu->dense_forward(&p, begin, end);
    }
    return 0;
}

static const cn__kernel dense_kernel = {.name = "cpu", .units = units_dense, .run = run_dense};
const cn__op cn__op_dense = {.name = "dense", .flags = CN__OP_INTERNAL, .reference = &dense_kernel};

static int64_t units_dense_dx(const cn__call *call)
{
    const cn__dense_extra *extra = call->extra;
    const int64_t *out = call->out[0].shape.dim;
    return extra->skinny ? cn__units(out[0], CN__UNIT_ROWS) : cn__units(out[1], CN__UNIT_GROUP);
}

static int run_dense_dx(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__dense_extra *extra = call->extra;
    const cn__cpu *cpu = cn__cpu_get();
    const cn__arg *dy = &call->in[0], *w = &call->in[1], *dx = &call->out[0];
    const cn__arg *h = extra->mask ? &call->in[2] : NULL;
    int64_t rows = dy->shape.dim[0], n = dy->shape.dim[1], k = dx->shape.dim[1];
    if (extra->skinny) {
        cn__skinny_bwd_data p = {.rows = rows,
                                 .k = k,
                                 .n = n,
                                 .dy = dy->data,
                                 .dy_ld = n,
                                 .wt = w->data,
                                 .wt_ld = w->stride,
                                 .h = h ? h->data : NULL,
                                 .hs = h ? stride_of(h) : 0,
                                 .dx = dx->data,
                                 .x_layout = dx->layout,
                                 .dxs = stride_of(dx)};
        cpu->skinny_backward_data(&p, begin, end);
    } else {
        cn__dense_bwd_data p = {.rows = rows,
                                .k = k,
                                .n = n,
                                .dy = dy->data,
                                .dyps = dy->stride,
                                .w = w->data,
                                .ws = w->stride,
                                .h = h ? h->data : NULL,
                                .hps = h ? h->stride : 0,
                                .dx = dx->data,
                                .dxps = dx->stride};
        cpu->dense_backward_data(&p, begin, end);
    }
    return 0;
}

static const cn__kernel dense_dx_kernel = {
    .name = "cpu", .units = units_dense_dx, .run = run_dense_dx};
const cn__op cn__op_dense_dx = {
    .name = "dense_dx", .flags = CN__OP_INTERNAL, .reference = &dense_dx_kernel};

static int64_t units_dense_dw(const cn__call *call)
{
    const cn__update_extra *extra = call->extra;
    return extra->skinny ? cn__units(call->in[0].shape.dim[1], CN__UNIT_K)
                         : cn__units(call->in[1].shape.dim[1], CN__UNIT_PANEL);
}

/* The arrays of an update, from the call's arguments on; in[0] is the gradient, which the kernel
 * makes. */
typedef struct update_arrays {
    void *in[CN__EW_MAX_IN], *out[CN__EW_MAX_OUT];
} update_arrays;

static cn__ew_call bind_update(const cn__ew *ew, const cn__arg *in, const cn__arg *out,
                               update_arrays *arrays)
{
    arrays->in[0] = NULL;
    for (int k = 1; k < ew->n_in; k++) {
        arrays->in[k] = in[k - 1].data;
    }
    for (int k = 0; k < ew->n_out; k++) {
        arrays->out[k] = out[k].data;
    }
    return (cn__ew_call){.program = ew, .in = arrays->in, .out = arrays->out};
}

static int run_dense_dw(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__update_extra *extra = call->extra;
    const cn__cpu *cpu = cn__cpu_get();
    const cn__arg *x = &call->in[0], *dy = &call->in[1], *first = &call->out[0];
    int64_t rows = x->shape.dim[0], k = x->shape.dim[1], n = dy->shape.dim[1];
    update_arrays weight, bias;
    cn__ew_call update = {0}, bias_update = {0};
    if (extra->has_update) {
        update = bind_update(&extra->update, call->in + 2, call->out, &weight);
    }
    if (extra->has_bias) {
        bias_update = bind_update(&extra->bias_update, call->in + 2 + extra->update.n_in - 1,
                                  call->out + extra->update.n_out, &bias);
    }
    float *dw = extra->has_update ? NULL : first->data;
    if (extra->skinny) {
        cn__skinny_bwd_weights p = {.rows = rows,
                                    .k = k,
                                    .n = n,
                                    .x = x->data,
                                    .x_layout = x->layout,
                                    .xs = stride_of(x),
                                    .dy = dy->data,
                                    .dy_ld = n,
                                    .dw = dw,
                                    .dw_layout = first->layout,
                                    .dw_ld = stride_of(first),
                                    .wt_ld = cn__wt_stride(k),
                                    .update = update,
                                    .bias_update = bias_update};
        cpu->skinny_backward_weights(&p, begin, end);
        return 0;
    }
    cn__dense_bwd_weights p = {.rows = rows,
                               .k = k,
                               .n = n,
                               .x = x->data,
                               .xps = x->stride,
                               .dy = dy->data,
                               .dyps = dy->stride,
                               .dw = dw,
                               .dw_layout = first->layout,
                               .dw_ld = stride_of(first),
                               .ws = cn__w32_stride(k),
                               .update = update,
                               .bias_update = bias_update};
    cpu->dense_backward_weights(&p, begin, end);
    for (int64_t panel = begin; panel < end; panel++) {
        for (int o = 0; extra->has_update && o < extra->update.n_out; o++) {
            clear_padding(&call->out[o], panel);
        }
    }
    return 0;
}

static const cn__kernel dense_dw_kernel = {
    .name = "cpu", .units = units_dense_dw, .run = run_dense_dw};
const cn__op cn__op_dense_dw = {
    .name = "dense_dw", .flags = CN__OP_INTERNAL, .reference = &dense_dw_kernel};

/* Loads
 * ----------------------------------------------------------------------------------------------------------
 */

static int element(cn_dtype dtype)
{
    switch (dtype) {
    case CN_FLOAT32: return CN__EL_F32;
    case CN_UINT8: return CN__EL_U8;
    case CN_INT32: return CN__EL_I32;
    case CN_FLOAT64: return CN__EL_F64;
    default: return -1;
    }
}

/* Rows of another dtype than the kernels know, or of one element type: one by one. */
static void load_plain(const cn__source *source, const cn__arg *out, int64_t row0, int64_t rows,
                       int64_t columns)
{
    size_t from = cn_dtype_size(source->dtype), to = cn_dtype_size(out->dtype);
    for (int64_t r = 0; r < rows; r++) {
        int64_t row = source->index ? source->index[row0 + r] : source->row0 + row0 + r;
        const char *src = (const char *)source->data + (size_t)(row * columns) * from;
        char *dst = (char *)out->data + (size_t)(r * columns) * to;
        if (source->dtype == out->dtype) {
            memcpy(dst, src, (size_t)columns * to);
            continue;
        }
        for (int64_t c = 0; c < columns; c++) {
            cn__write(out->dtype, dst, c, cn__read(source->dtype, src, c));
        }
    }
}

static int run_load(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__source *source = call->in[0].data;
    const cn__arg *out = &call->out[0];
    (void)begin;
    (void)end;
    int64_t rows = out->shape.rank ? out->shape.dim[0] : 1;
    int64_t columns = rows ? cn__shape_size(&out->shape) / rows : 0;
    int type = element(source->dtype);
    if (out->dtype != CN_FLOAT32 || type < 0 || !out->shape.rank) {
        load_plain(source, out, call->row0, rows, columns);
        return 0;
    }
    const char *data = source->data;
    cn__gather p = {.rows = rows,
                    .cols = columns,
                    .src = data,
                    .src_type = (cn__el)type,
                    .src_ld = columns,
                    .dst = out->data,
                    .dst_layout = out->layout,
                    .dst_ld = out->layout == CN__LAYOUT_ROW ? columns : out->stride};
    if (source->index) {
        p.idx = source->index + call->row0;
    } else {
        p.src =
            data + (size_t)((source->row0 + call->row0) * columns) * cn_dtype_size(source->dtype);
    }
    cn__cpu_get()->gather(&p, 0, rows);
    return 0;
}

static const cn__kernel load_kernel = {.name = "cpu", .run = run_load};
const cn__op cn__op_load = {.name = "load", .flags = CN__OP_INTERNAL, .reference = &load_kernel};

/* Reorders, sums of parts, copies
 * -------------------------------------------------------------------------------- */

static int64_t units_reorder(const cn__call *call)
{
    const cn__arg *in = &call->in[0], *out = &call->out[0];
    int layout = in->layout ? in->layout : out->layout;
    const int64_t *dim = out->shape.dim;
    return layout == CN__LAYOUT_P16   ? cn__units(dim[1], 16)
           : layout == CN__LAYOUT_W32 ? cn__units(dim[1], 32)
                                      : cn__units(dim[0], CN__UNIT_K);
}

static int run_reorder(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *in = &call->in[0], *out = &call->out[0];
    const cn__cpu *cpu = cn__cpu_get();
    int64_t r = out->shape.dim[0], c = out->shape.dim[1];
    if (in->layout && out->layout) {
        return cn__fail(CN_ESTATE, "reorder: no way between two panel layouts");
    }
    switch (in->layout ? in->layout : out->layout) {
    case CN__LAYOUT_P16:
        if (out->layout) {
            cpu->pack_p16(in->data, c, r, c, out->data, out->stride, begin, end);
        } else {
            cpu->unpack_p16(in->data, in->stride, r, c, out->data, c, begin, end);
        }
        break;
    case CN__LAYOUT_W32:
        if (out->layout) {
            cpu->pack_w32(in->data, c, r, c, out->data, out->stride, begin, end);
        } else {
            cpu->unpack_w32(in->data, in->stride, r, c, out->data, c, begin, end);
        }
        break;
    default:
        if (out->layout) {
            cpu->pack_wt(in->data, c, r, c, out->data, out->stride, begin, end);
        } else {
            cpu->unpack_wt(in->data, in->stride, r, c, out->data, c, begin, end);
        }
    }
    return 0;
}

static const cn__kernel reorder_kernel = {
    .name = "cpu", .units = units_reorder, .run = run_reorder};
const cn__op cn__op_reorder = {
    .name = "reorder", .flags = CN__OP_INTERNAL, .reference = &reorder_kernel};

static int64_t units_sum_chunks(const cn__call *call)
{
    return cn__units(cn__shape_size(&call->out[0].shape), ELEMENTS_A_UNIT);
}

/* out = ((part 0 + part 1) + part 2) + …: always in this order. */
#define SUM_CHUNKS(T)                                                                              \
    static void sum_chunks_##T(const cn__call *call, int64_t from, int64_t to)                     \
    {                                                                                              \
        const char *parts = call->in[0].data;                                                      \
        T *out = call->out[0].data;                                                                \
        memcpy(out + from, (const T *)call->in[0].data + from, (size_t)(to - from) * sizeof *out); \
        for (int64_t c = 1; c < call->attrs->i[0]; c++) {                                          \
            const T *part = (const T *)(const void *)(parts + c * call->attrs->i[1]);              \
            for (int64_t i = from; i < to; i++) {                                                  \
                out[i] += part[i];                                                                 \
            }                                                                                      \
        }                                                                                          \
    }
SUM_CHUNKS(float)
SUM_CHUNKS(double)

static int run_sum_chunks(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t n = cn__shape_size(&call->out[0].shape);
    int64_t from = begin * ELEMENTS_A_UNIT, to = end * ELEMENTS_A_UNIT;
    to = to < n ? to : n;
    if (from < to) {
        (call->out[0].dtype == CN_FLOAT64 ? sum_chunks_double : sum_chunks_float)(call, from, to);
    }
    return 0;
}

static const cn__kernel sum_chunks_kernel = {
    .name = "cpu", .units = units_sum_chunks, .run = run_sum_chunks};
const cn__op cn__op_sum_chunks = {
    .name = "sum_chunks", .flags = CN__OP_INTERNAL, .reference = &sum_chunks_kernel};

static int run_copy(const cn__call *call, int64_t begin, int64_t end)
{
    (void)begin;
    (void)end;
    memmove(call->out[0].data, call->in[0].data,
            (size_t)cn__shape_size(&call->out[0].shape) * cn_dtype_size(call->out[0].dtype));
    return 0;
}

static const cn__kernel copy_kernel = {.name = "copy", .run = run_copy};
const cn__op cn__op_assign_copy = {
    .name = "assign", .flags = CN__OP_INTERNAL, .reference = &copy_kernel};
