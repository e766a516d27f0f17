/* Reference kernels of max and average pooling, their gradients and max_pool_pick. */
#include "kernels/reference/element.h"
#include "kernels/reference/walk.h"
#include "kernels/reference/window.h"

#include <math.h>
#include <string.h>

/* Splits a cell's number into coordinates. */
static void coordinates(int64_t cell, const int64_t length[3], int64_t at[3])
{
    at[2] = cell % length[2];
    at[1] = cell / length[2] % length[1];
    at[0] = cell / length[2] / length[1];
}

/* The cells of the input under output `o`: [from, to) on each axis. Returns how many. */
static int64_t cells_under(const cn__window *w, const int64_t o[3], int64_t from[3], int64_t to[3])
{
    int64_t count = 1;
    for (int a = 0; a < 3; a++) {
        int64_t first = o[a] * w->stride[a] - w->pad[a], end = first + w->size[a];
        from[a] = first > 0 ? first : 0;
        to[a] = end < w->in[a] ? end : w->in[a];
        count *= to[a] > from[a] ? to[a] - from[a] : 0;
    }
    return count;
}

/* Units are images. */
static int64_t image_units(const cn__call *call)
{
    return call->out[0].shape.dim[0];
}

/* The first of the largest cells, or the first NaN; -1 if the window holds no cell. */
CN__INLINE int64_t winner(cn_dtype dtype, const void *x, int64_t base, int64_t channels,
                          const cn__window *w, const int64_t from[3], const int64_t to[3],
                          double *best)
{
    int64_t found = -1;
    *best = -INFINITY;
    for (int64_t i = from[0]; i < to[0]; i++) {
        for (int64_t j = from[1]; j < to[1]; j++) {
            for (int64_t k = from[2]; k < to[2]; k++) {
                int64_t cell = (i * w->in[1] + j) * w->in[2] + k;
                double value = cn__get(dtype, x, base + cell * channels);
                if (found < 0 || value > *best || (isnan(value) && !isnan(*best))) {
                    found = cell;
                    *best = value;
                }
            }
        }
    }
    return found;
}

CN__INLINE void max_images(cn_dtype dtype, const cn__call *call, const cn__window *w, int64_t begin,
                           int64_t end)
{
    int64_t channels = call->in[0].shape.dim[call->in[0].shape.rank - 1];
    int64_t cells = cn__window_cells(w->out), in_image = cn__window_cells(w->in) * channels;
    int32_t *winners = call->out[1].data;
    for (int64_t cell = begin * cells; cell < end * cells; cell++) {
        int64_t o[3], from[3], to[3];
        coordinates(cell % cells, w->out, o);
        cells_under(w, o, from, to);
        for (int64_t c = 0; c < channels; c++) {
            double best;
            int64_t found = winner(dtype, call->in[0].data, cell / cells * in_image + c, channels,
                                   w, from, to, &best);
            cn__put(dtype, call->out[0].data, cell * channels + c, best);
            if (winners) {
                winners[cell * channels + c] = (int32_t)found;
            }
        }
    }
}

static int max_pool_run(const cn__call *call, int64_t begin, int64_t end)
{
    cn__window w;
    cn__window_of(&w, call->attrs, &call->in[0].shape, NULL);
    CN__FOR_DTYPE(call->in[0].dtype, max_images, call, &w, begin, end)
    return 0;
}

const cn__kernel cn__reference_max_pool = {
    .name = "max_pool (reference)", .units = image_units, .run = max_pool_run};

/* Elements of an image of a (batch, spatial…, channels) array. */
static int64_t image_size(const cn_shape *shape)
{
    int64_t size = 1;
    for (int a = 1; a < shape->rank; a++) {
        size *= shape->dim[a];
    }
    return size;
}

/* dx[winner] += g, in the order of the outputs. */
CN__INLINE void scatter_images(cn_dtype dtype, const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *in = &call->in[0].shape, *out = &call->out[0].shape;
    int64_t channels = out->dim[out->rank - 1], size = image_size(in), back = image_size(out);
    const int32_t *winners = call->in[1].data;
    char *dx = call->out[0].data;
    size_t bytes = cn_dtype_size(dtype);
    for (int64_t image = begin; image < end; image++) {
        memset(dx + (size_t)(image * back) * bytes, 0, (size_t)back * bytes);
        for (int64_t i = image * size; i < (image + 1) * size; i++) {
            if (winners[i] >= 0) {
                int64_t at = image * back + winners[i] * channels + i % channels;
                double sum = cn__get(dtype, dx, at) + cn__get(dtype, call->in[0].data, i);
                cn__put(dtype, dx, at, sum);
            }
        }
    }
}

static int max_pool_gradient_run(const cn__call *call, int64_t begin, int64_t end)
{
    CN__FOR_DTYPE(call->out[0].dtype, scatter_images, call, begin, end)
    return 0;
}

const cn__kernel cn__reference_max_pool_gradient = {
    .name = "max_pool_gradient (reference)", .units = image_units, .run = max_pool_gradient_run};

/* y = x[winner]. */
CN__INLINE void pick_images(cn_dtype dtype, const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *in = &call->in[0].shape, *out = &call->out[0].shape;
    int64_t channels = in->dim[in->rank - 1], size = image_size(out), from = image_size(in);
    const int32_t *winners = call->in[1].data;
    for (int64_t i = begin * size; i < end * size; i++) {
        int64_t at = i / size * from + winners[i] * channels + i % channels;
        double value = winners[i] >= 0 ? cn__get(dtype, call->in[0].data, at) : 0;
        cn__put(dtype, call->out[0].data, i, value);
    }
}

static int max_pool_pick_run(const cn__call *call, int64_t begin, int64_t end)
{
    CN__FOR_DTYPE(call->out[0].dtype, pick_images, call, begin, end)
    return 0;
}

const cn__kernel cn__reference_max_pool_pick = {
    .name = "max_pool_pick (reference)", .units = image_units, .run = max_pool_pick_run};

/* The sum of the cells under the window; an average divides by how many there are. */
CN__INLINE void average_images(cn_dtype dtype, const cn__call *call, const cn__window *w,
                               int64_t begin, int64_t end)
{
    int64_t channels = call->in[0].shape.dim[call->in[0].shape.rank - 1];
    int64_t cells = cn__window_cells(w->out), in_image = cn__window_cells(w->in) * channels;
    for (int64_t cell = begin * cells; cell < end * cells; cell++) {
        int64_t o[3], from[3], to[3];
        coordinates(cell % cells, w->out, o);
        int64_t count = cells_under(w, o, from, to);
        double scale = call->attrs->i[CN__WINDOW_SUM] || !count ? 1 : 1 / (double)count;
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0;
            int64_t base = cell / cells * in_image + c;
            for (int64_t i = from[0]; i < to[0]; i++) {
                for (int64_t j = from[1]; j < to[1]; j++) {
                    for (int64_t k = from[2]; k < to[2]; k++) {
                        int64_t at = (i * w->in[1] + j) * w->in[2] + k;
                        sum += cn__get(dtype, call->in[0].data, base + at * channels);
                    }
                }
            }
            cn__put(dtype, call->out[0].data, cell * channels + c, sum * scale);
        }
    }
}

static int average_pool_run(const cn__call *call, int64_t begin, int64_t end)
{
    cn__window w;
    cn__window_of(&w, call->attrs, &call->in[0].shape, NULL);
    CN__FOR_DTYPE(call->in[0].dtype, average_images, call, &w, begin, end)
    return 0;
}

const cn__kernel cn__reference_average_pool = {
    .name = "average_pool (reference)", .units = image_units, .run = average_pool_run};

/* Each output gives its part of g to all cells under it. */
CN__INLINE void spread_images(cn_dtype dtype, const cn__call *call, const cn__window *w,
                              int64_t begin, int64_t end)
{
    int64_t channels = call->out[0].shape.dim[call->out[0].shape.rank - 1];
    int64_t cells = cn__window_cells(w->out), back = cn__window_cells(w->in) * channels;
    char *dx = call->out[0].data;
    size_t bytes = cn_dtype_size(dtype);
    memset(dx + (size_t)(begin * back) * bytes, 0, (size_t)((end - begin) * back) * bytes);
    for (int64_t cell = begin * cells; cell < end * cells; cell++) {
        int64_t o[3], from[3], to[3], base = cell / cells * back;
        coordinates(cell % cells, w->out, o);
        int64_t count = cells_under(w, o, from, to);
        double scale = call->attrs->i[CN__WINDOW_SUM] || !count ? 1 : 1 / (double)count;
        for (int64_t i = from[0]; i < to[0]; i++) {
            for (int64_t j = from[1]; j < to[1]; j++) {
                for (int64_t k = from[2]; k < to[2]; k++) {
                    int64_t at = base + ((i * w->in[1] + j) * w->in[2] + k) * channels;
                    for (int64_t c = 0; c < channels; c++) {
                        double g = cn__get(dtype, call->in[0].data, cell * channels + c);
                        cn__put(dtype, dx, at + c, cn__get(dtype, dx, at + c) + g * scale);
                    }
                }
            }
        }
    }
}

static int average_pool_gradient_run(const cn__call *call, int64_t begin, int64_t end)
{
    cn__window w;
    cn__window_of(&w, call->attrs, &call->out[0].shape, NULL);
    CN__FOR_DTYPE(call->out[0].dtype, spread_images, call, &w, begin, end)
    return 0;
}

const cn__kernel cn__reference_average_pool_gradient = {.name = "average_pool_gradient (reference)",
                                                        .units = image_units,
                                                        .run = average_pool_gradient_run};
