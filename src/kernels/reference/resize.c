/* Reference kernels of resize and its gradient: weights along rows and columns. */
#include "kernels/reference/element.h"
#include "kernels/reference/resample.h"
#include "kernels/reference/walk.h"

#include <string.h>

/* attrs.i[0 … 3] = height, width, method, antialias; arrays are (images, height, width, channels).
 */
typedef struct plan {
    cn__resample rows, columns;
    int64_t row_span, column_span, channels;
    double *row_weights;      /* of one output row */
    double *column_weights;   /* column_span for each output column */
    int64_t *firsts, *counts; /* of each output column */
} plan;

static plan sizes_of(const cn__call *call, const cn_shape *small, const cn_shape *large)
{
    plan p = {.rows = {(cn__resample_method)call->attrs->i[2], call->attrs->i[3] != 0,
                       small->dim[1], large->dim[1]}};
    p.columns = p.rows;
    p.columns.in = small->dim[2];
    p.columns.out = large->dim[2];
    p.channels = small->dim[3];
    p.row_span = cn__resample_span(&p.rows);
    p.column_span = cn__resample_span(&p.columns);
    return p;
}

static size_t scratch_of(const plan *p)
{
    return (size_t)(p->row_span + p->columns.out * (p->column_span + 2)) * sizeof(double);
}

/* Lays the tables out in the scratch and fills those of the columns. */
static void fill_columns(plan *p, void *scratch)
{
    p->row_weights = scratch;
    p->column_weights = p->row_weights + p->row_span;
    p->firsts = (int64_t *)(p->column_weights + p->columns.out * p->column_span);
    p->counts = p->firsts + p->columns.out;
    for (int64_t o = 0; o < p->columns.out; o++) {
        p->counts[o] = cn__resample_weights(&p->columns, o, &p->firsts[o],
                                            p->column_weights + o * p->column_span);
    }
}

/* One element: the weighted sum over a rectangle of cells. */
CN__INLINE double weighted(cn_dtype dtype, const plan *p, const void *x, int64_t at, int64_t rows,
                           const double *weights, int64_t columns)
{
    double sum = 0;
    for (int64_t i = 0; i < rows; i++) {
        double row = 0;
        for (int64_t j = 0; j < columns; j++) {
            row += weights[j] * cn__get(dtype, x, at + (i * p->columns.in + j) * p->channels);
        }
        sum += p->row_weights[i] * row;
    }
    return sum;
}

/* Units are output rows of all images. */
static int64_t row_units(const cn__call *call)
{
    return call->out[0].shape.dim[0] * call->out[0].shape.dim[1];
}

CN__INLINE void resize_rows(cn_dtype dtype, const cn__call *call, plan *p, int64_t begin,
                            int64_t end)
{
    int64_t width = p->columns.out, image = p->rows.in * p->columns.in * p->channels;
    for (int64_t row = begin; row < end; row++) {
        int64_t first;
        int64_t n = cn__resample_weights(&p->rows, row % p->rows.out, &first, p->row_weights);
        int64_t from = row / p->rows.out * image + first * p->columns.in * p->channels;
        for (int64_t o = 0; o < width; o++) {
            int64_t at = from + p->firsts[o] * p->channels;
            for (int64_t c = 0; c < p->channels; c++) {
                double sum = weighted(dtype, p, call->in[0].data, at + c, n,
                                      p->column_weights + o * p->column_span, p->counts[o]);
                cn__put(call->out[0].dtype, call->out[0].data, (row * width + o) * p->channels + c,
                        sum);
            }
        }
    }
}

/* The nearest cell is moved as it is, whatever its dtype. */
static void copy_rows(const cn__call *call, plan *p, int64_t begin, int64_t end)
{
    int64_t width = p->columns.out, image = p->rows.in * p->columns.in;
    size_t cell = (size_t)p->channels * cn_dtype_size(call->out[0].dtype);
    for (int64_t row = begin; row < end; row++) {
        int64_t first;
        cn__resample_weights(&p->rows, row % p->rows.out, &first, p->row_weights);
        int64_t from = row / p->rows.out * image + first * p->columns.in;
        for (int64_t o = 0; o < width; o++) {
            memcpy((char *)call->out[0].data + (size_t)(row * width + o) * cell,
                   (const char *)call->in[0].data + (size_t)(from + p->firsts[o]) * cell, cell);
        }
    }
}

static size_t resize_scratch(const cn__call *call)
{
    plan p = sizes_of(call, &call->in[0].shape, &call->out[0].shape);
    return scratch_of(&p);
}

static int resize_run(const cn__call *call, int64_t begin, int64_t end)
{
    plan p = sizes_of(call, &call->in[0].shape, &call->out[0].shape);
    fill_columns(&p, call->scratch);
    if (p.rows.method == CN__RESAMPLE_NEAREST) {
        copy_rows(call, &p, begin, end);
    } else {
        CN__FOR_DTYPE(call->in[0].dtype, resize_rows, call, &p, begin, end)
    }
    return 0;
}

const cn__kernel cn__reference_resize = {.name = "resize (reference)",
                                         .units = row_units,
                                         .scratch_bytes = resize_scratch,
                                         .run = resize_run};

/* dx of one image: each g goes back to its cells by the same weights. */
CN__INLINE void spread_images(cn_dtype dtype, const cn__call *call, plan *p, int64_t begin,
                              int64_t end)
{
    int64_t width = p->columns.out, image = p->rows.in * p->columns.in * p->channels;
    void *dx = call->out[0].data;
    memset((char *)dx + (size_t)(begin * image) * cn_dtype_size(dtype), 0,
           (size_t)((end - begin) * image) * cn_dtype_size(dtype));
    for (int64_t row = begin * p->rows.out; row < end * p->rows.out; row++) {
        int64_t first;
        int64_t n = cn__resample_weights(&p->rows, row % p->rows.out, &first, p->row_weights);
        int64_t base = row / p->rows.out * image + first * p->columns.in * p->channels;
        for (int64_t o = 0; o < width; o++) {
            const double *weights = p->column_weights + o * p->column_span;
            for (int64_t k = 0; k < n * p->counts[o] * p->channels; k++) {
                int64_t c = k % p->channels, j = k / p->channels % p->counts[o];
                int64_t i = k / p->channels / p->counts[o];
                int64_t at = base + (i * p->columns.in + p->firsts[o] + j) * p->channels + c;
                double g = cn__get(dtype, call->in[0].data, (row * width + o) * p->channels + c);
                double sum = cn__get(dtype, dx, at) + g * p->row_weights[i] * weights[j];
                cn__put(dtype, dx, at, sum);
            }
        }
    }
}

/* Units are images. */
static int64_t image_units(const cn__call *call)
{
    return call->out[0].shape.dim[0];
}

static size_t gradient_scratch(const cn__call *call)
{
    plan p = sizes_of(call, &call->out[0].shape, &call->in[0].shape);
    return scratch_of(&p);
}

static int gradient_run(const cn__call *call, int64_t begin, int64_t end)
{
    plan p = sizes_of(call, &call->out[0].shape, &call->in[0].shape);
    fill_columns(&p, call->scratch);
    CN__FOR_DTYPE(call->out[0].dtype, spread_images, call, &p, begin, end)
    return 0;
}

const cn__kernel cn__reference_resize_gradient = {.name = "resize_gradient (reference)",
                                                  .units = image_units,
                                                  .scratch_bytes = gradient_scratch,
                                                  .run = gradient_run};
