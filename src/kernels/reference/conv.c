/* Reference kernels of the convolution and its two gradients: plain loops, sums in double. */
#include "kernels/reference/element.h"
#include "kernels/reference/window.h"

#include <string.h>

/* What all three know: x (images, in…, cin), kernel (size…, cin / groups, cout), y (images, out…,
 * cout). */
typedef struct conv {
    cn__window w;
    int64_t cin, cout, groups, cin_of_group, cout_of_group;
} conv;

static conv conv_of(const cn__call *call, const cn_shape *x, const cn_shape *kernel)
{
    conv c;
    cn__window_of(&c.w, call->attrs, x, kernel);
    int64_t groups = call->attrs->i[CN__WINDOW_GROUPS];
    c.groups = groups > 0 ? groups : 1;
    c.cin = x->dim[x->rank - 1];
    c.cout = kernel->dim[kernel->rank - 1];
    c.cin_of_group = c.cin / c.groups;
    c.cout_of_group = c.cout / c.groups;
    return c;
}

/* Splits a number into coordinates of three axes. */
static void coordinates(int64_t cell, const int64_t length[3], int64_t at[3])
{
    at[2] = cell % length[2];
    at[1] = cell / length[2] % length[1];
    at[0] = cell / length[2] / length[1];
}

/* The input cell that output `o` reads with kernel cell `k`, or -1 if it lies in the padding. */
static int64_t input_cell(const cn__window *w, const int64_t o[3], const int64_t k[3])
{
    int64_t cell = 0;
    for (int a = 0; a < 3; a++) {
        int64_t i = o[a] * w->stride[a] - w->pad[a] + k[a] * w->dilation[a];
        if (i < 0 || i >= w->in[a]) {
            return -1;
        }
        cell = cell * w->in[a] + i;
    }
    return cell;
}

/* The output cell that reads input `i` with kernel cell `k`, or -1 if none does. */
static int64_t output_cell(const cn__window *w, const int64_t i[3], const int64_t k[3])
{
    int64_t cell = 0;
    for (int a = 0; a < 3; a++) {
        int64_t at = i[a] + w->pad[a] - k[a] * w->dilation[a];
        if (at < 0 || at % w->stride[a] || at / w->stride[a] >= w->out[a]) {
            return -1;
        }
        cell = cell * w->out[a] + at / w->stride[a];
    }
    return cell;
}

/* y[o] += x[i] K[k], one cell of each: cout sums, each over the channels of its group. */
CN__INLINE void add_cell(cn_dtype dtype, const conv *c, const void *x, int64_t x_at,
                         const void *kernel, int64_t kernel_at, double *sums)
{
    for (int64_t g = 0; g < c->groups; g++) {
        double *group = sums + g * c->cout_of_group;
        for (int64_t i = 0; i < c->cin_of_group; i++) {
            double value = cn__get(dtype, x, x_at + g * c->cin_of_group + i);
            int64_t row = kernel_at + i * c->cout + g * c->cout_of_group;
            for (int64_t o = 0; o < c->cout_of_group; o++) {
                group[o] += value * cn__get(dtype, kernel, row + o);
            }
        }
    }
}

/* Units are output cells of all images in runs of the last two axes. */
static int64_t conv_units(const cn__call *call)
{
    const cn_shape *y = &call->out[0].shape;
    return y->dim[0] * (y->rank > 3 ? y->dim[1] : 1);
}

CN__INLINE void conv_cells(cn_dtype dtype, const cn__call *call, const conv *c, int64_t begin,
                           int64_t end)
{
    double *sums = call->scratch;
    int64_t cells = cn__window_cells(c->w.out), taps = cn__window_cells(c->w.size);
    for (int64_t cell = begin; cell < end; cell++) {
        int64_t o[3], k[3], image = cell / cells * cn__window_cells(c->w.in);
        coordinates(cell % cells, c->w.out, o);
        memset(sums, 0, (size_t)c->cout * sizeof *sums);
        for (int64_t tap = 0; tap < taps; tap++) {
            coordinates(tap, c->w.size, k);
            int64_t i = input_cell(&c->w, o, k);
            if (i >= 0) {
                add_cell(dtype, c, call->in[0].data, (image + i) * c->cin, call->in[1].data,
                         tap * c->cin_of_group * c->cout, sums);
            }
        }
        for (int64_t j = 0; j < c->cout; j++) {
            cn__put(dtype, call->out[0].data, cell * c->cout + j, sums[j]);
        }
    }
}

/* Cells of unit boundaries: units split the cells of an array evenly. */
static void cell_range(int64_t images, const int64_t length[3], int64_t units, int64_t *begin,
                       int64_t *end)
{
    int64_t per_unit = units ? images * cn__window_cells(length) / units : 0;
    *begin *= per_unit;
    *end *= per_unit;
}

static size_t conv_scratch(const cn__call *call)
{
    const cn_shape *y = &call->out[0].shape;
    return (size_t)y->dim[y->rank - 1] * sizeof(double);
}

static int conv_run(const cn__call *call, int64_t begin, int64_t end)
{
    conv c = conv_of(call, &call->in[0].shape, &call->in[1].shape);
    cell_range(call->in[0].shape.dim[0], c.w.out, conv_units(call), &begin, &end);
    CN__FOR_DTYPE(call->out[0].dtype, conv_cells, call, &c, begin, end)
    return 0;
}

const cn__kernel cn__reference_conv = {.name = "conv (reference)",
                                       .units = conv_units,
                                       .scratch_bytes = conv_scratch,
                                       .run = conv_run};

/* dx[i] += K[k] dy[o]', one cell of each. */
CN__INLINE void add_back(cn_dtype dtype, const conv *c, const void *dy, int64_t y_at,
                         const void *kernel, int64_t kernel_at, double *sums)
{
    for (int64_t i = 0; i < c->cin; i++) {
        int64_t g = i / c->cin_of_group, first = g * c->cout_of_group;
        int64_t row = kernel_at + (i % c->cin_of_group) * c->cout + first;
        double sum = 0;
        for (int64_t o = 0; o < c->cout_of_group; o++) {
            sum += cn__get(dtype, dy, y_at + first + o) * cn__get(dtype, kernel, row + o);
        }
        sums[i] += sum;
    }
}

CN__INLINE void input_cells(cn_dtype dtype, const cn__call *call, const conv *c, int64_t begin,
                            int64_t end)
{
    double *sums = call->scratch;
    int64_t cells = cn__window_cells(c->w.in), taps = cn__window_cells(c->w.size);
    for (int64_t cell = begin; cell < end; cell++) {
        int64_t i[3], k[3], image = cell / cells * cn__window_cells(c->w.out);
        coordinates(cell % cells, c->w.in, i);
        memset(sums, 0, (size_t)c->cin * sizeof *sums);
        for (int64_t tap = 0; tap < taps; tap++) {
            coordinates(tap, c->w.size, k);
            int64_t o = output_cell(&c->w, i, k);
            if (o >= 0) {
                add_back(dtype, c, call->in[0].data, (image + o) * c->cout, call->in[1].data,
                         tap * c->cin_of_group * c->cout, sums);
            }
        }
        for (int64_t j = 0; j < c->cin; j++) {
            cn__put(dtype, call->out[0].data, cell * c->cin + j, sums[j]);
        }
    }
}

static int gradient_input_run(const cn__call *call, int64_t begin, int64_t end)
{
    conv c = conv_of(call, &call->out[0].shape, &call->in[1].shape);
    cell_range(call->out[0].shape.dim[0], c.w.in, conv_units(call), &begin, &end);
    CN__FOR_DTYPE(call->out[0].dtype, input_cells, call, &c, begin, end)
    return 0;
}

const cn__kernel cn__reference_conv_gradient_input = {.name = "conv_gradient_input (reference)",
                                                      .units = conv_units,
                                                      .scratch_bytes = conv_scratch,
                                                      .run = gradient_input_run};

/* Units are rows of the kernel, cout numbers each, summed over all images in their order. */
static int64_t kernel_units(const cn__call *call)
{
    const cn_shape *kernel = &call->out[0].shape;
    int64_t rows = 1;
    for (int a = 0; a < kernel->rank - 1; a++) {
        rows *= kernel->dim[a];
    }
    return rows;
}

CN__INLINE void kernel_rows(cn_dtype dtype, const cn__call *call, const conv *c, int64_t begin,
                            int64_t end)
{
    double *sums = call->scratch;
    int64_t cells = cn__window_cells(c->w.out), in_cells = cn__window_cells(c->w.in);
    int64_t images = call->in[0].shape.dim[0];
    for (int64_t row = begin; row < end; row++) {
        int64_t k[3], o[3], channel = row % c->cin_of_group;
        coordinates(row / c->cin_of_group, c->w.size, k);
        memset(sums, 0, (size_t)c->cout * sizeof *sums);
        for (int64_t cell = 0; cell < images * cells; cell++) {
            coordinates(cell % cells, c->w.out, o);
            int64_t i = input_cell(&c->w, o, k);
            for (int64_t g = 0; i >= 0 && g < c->groups; g++) {
                int64_t x_at = (cell / cells * in_cells + i) * c->cin + g * c->cin_of_group;
                int64_t y_at = cell * c->cout + g * c->cout_of_group;
                double value = cn__get(dtype, call->in[0].data, x_at + channel);
                double *group = sums + g * c->cout_of_group;
                for (int64_t j = 0; j < c->cout_of_group; j++) {
                    group[j] += value * cn__get(dtype, call->in[1].data, y_at + j);
                }
            }
        }
        for (int64_t j = 0; j < c->cout; j++) {
            cn__put(dtype, call->out[0].data, row * c->cout + j, sums[j]);
        }
    }
}

static int gradient_kernel_run(const cn__call *call, int64_t begin, int64_t end)
{
    conv c = conv_of(call, &call->in[0].shape, &call->out[0].shape);
    CN__FOR_DTYPE(call->out[0].dtype, kernel_rows, call, &c, begin, end)
    return 0;
}

const cn__kernel cn__reference_conv_gradient_kernel = {.name = "conv_gradient_kernel (reference)",
                                                       .units = kernel_units,
                                                       .scratch_bytes = conv_scratch,
                                                       .run = gradient_kernel_run};
