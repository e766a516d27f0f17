/* Reference kernels of gather, take_along_axis, their gradients and one_hot. */
#include "kernels/reference/walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *cn__place_text(const cn_shape *shape, int64_t row0, int64_t i, char *text, size_t size)
{
    int64_t stride[CN_MAX_RANK];
    cn__strides(shape, stride);
    size_t at = (size_t)snprintf(text, size, "indices");
    for (int a = 0; a < shape->rank; a++) {
        int64_t c = i / stride[a] % shape->dim[a] + (a ? 0 : row0);
        at += (size_t)snprintf(text + at, size - at, "%s%" PRId64 "%s", a ? "," : "[", c,
                               a + 1 < shape->rank ? "" : "]");
    }
    return text;
}

/* Index i, which may count from the end, in 0 … n - 1; an error if it is outside. */
static int64_t index_at(const cn__arg *indices, int64_t row0, int64_t i, int64_t n)
{
    int64_t index = cn__load_integer(indices->dtype, indices->data, i);
    int64_t from_start = index < 0 ? index + n : index;
    if (from_start < 0 || from_start >= n) {
        char text[256];
        return cn__fail(CN_EINDEX, "%s = %" PRId64 " is not in [0, %" PRId64 ")",
                        cn__place_text(&indices->shape, row0, i, text, sizeof text), index, n);
    }
    return from_start;
}

/* Units are (outer position, index) pairs: each is one run of `inner` elements of the output. */
static int64_t gather_units(const cn__call *call)
{
    int64_t outer, length, inner;
    cn__around(&call->in[0].shape, (int)call->attrs->i[0], &outer, &length, &inner);
    return outer * cn__elements(&call->in[1].shape);
}

static int gather_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t outer, length, inner, count = cn__elements(&call->in[1].shape);
    cn__around(&call->in[0].shape, (int)call->attrs->i[0], &outer, &length, &inner);
    size_t run = (size_t)inner * cn_dtype_size(call->out[0].dtype);
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t index = index_at(&call->in[1], call->row0, unit % count, length);
        if (index < 0) {
            return (int)index;
        }
        memcpy((char *)call->out[0].data + (size_t)unit * run,
               (const char *)call->in[0].data + (size_t)(unit / count * length + index) * run, run);
    }
    return 0;
}

const cn__kernel cn__reference_gather = {
    .name = "gather (reference)", .units = gather_units, .run = gather_run};

/* out[at] += in[from]: half-width floats by way of double, integers wrap. */
static void add_element(const cn__arg *out, int64_t at, const cn__arg *in, int64_t from)
{
    if (out->dtype == CN_FLOAT32) {
        ((float *)out->data)[at] += ((const float *)in->data)[from];
    } else if (cn__dtype_is_float(out->dtype)) {
        cn__write(out->dtype, out->data, at,
                  cn__read(out->dtype, out->data, at) + cn__read(in->dtype, in->data, from));
    } else {
        cn__store_integer(out->dtype, out->data, at,
                          (int64_t)((uint64_t)cn__load_integer(out->dtype, out->data, at) +
                                    (uint64_t)cn__load_integer(in->dtype, in->data, from)));
    }
}

/* Pieces of the inner elements: every unit goes through all indices in order, so no split changes a
 * sum. */
enum { PIECE = 64 };

static int64_t scatter_units(const cn__call *call)
{
    int64_t outer, length, inner;
    cn__around(&call->out[0].shape, (int)call->attrs->i[0], &outer, &length, &inner);
    return outer * ((inner + PIECE - 1) / PIECE);
}

static int scatter_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *indices = &call->in[0], *values = &call->in[1], *out = &call->out[0];
    int64_t outer, length, inner, count = cn__elements(&indices->shape);
    cn__around(&out->shape, (int)call->attrs->i[0], &outer, &length, &inner);
    int64_t pieces = (inner + PIECE - 1) / PIECE;
    size_t bytes = cn_dtype_size(out->dtype);
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t o = unit / pieces, first = unit % pieces * PIECE;
        int64_t n = inner - first < PIECE ? inner - first : PIECE;
        for (int64_t k = 0; k < length; k++) {
            int64_t at = (o * length + k) * inner + first;
            memset((char *)out->data + (size_t)at * bytes, 0, (size_t)n * bytes);
        }
        for (int64_t i = 0; i < count; i++) {
            int64_t index = index_at(indices, call->row0, i, length);
            if (index < 0) {
                return (int)index;
            }
            for (int64_t j = first; j < first + n; j++) {
                add_element(out, (o * length + index) * inner + j, values,
                            (o * count + i) * inner + j);
            }
        }
    }
    return 0;
}

const cn__kernel cn__reference_scatter_add_like = {
    .name = "scatter_add_like (reference)", .units = scatter_units, .run = scatter_run};

/* Strides of three arrays over the axes of the indices' broadcast shape: the big array's stride of
 * `axis` is 0 here, since the index decides where it is along it; `step` is that stride. */
typedef struct along {
    cn_shape shape; /* of what take_along_axis gives */
    int64_t big[CN_MAX_RANK], indices[CN_MAX_RANK];
    int64_t step, length;
} along;

static along along_of(const cn_shape *big, const cn_shape *indices, const cn_shape *values,
                      int axis)
{
    along w = {.shape = *values, .length = big->dim[axis]};
    int64_t stride[CN_MAX_RANK];
    cn__strides(big, stride);
    w.step = stride[axis];
    cn__broadcast_strides(big, &w.shape, w.big);
    w.big[axis] = 0;
    cn__broadcast_strides(indices, &w.shape, w.indices);
    return w;
}

/* Where element e of the result has its index and its line of the big array. */
static void along_at(const along *w, int64_t e, int64_t *big, int64_t *index)
{
    *big = *index = 0;
    for (int a = w->shape.rank - 1; a >= 0; a--) {
        int64_t c = e % w->shape.dim[a];
        e /= w->shape.dim[a];
        *big += c * w->big[a];
        *index += c * w->indices[a];
    }
}

static int gather_batch_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *x = &call->in[0], *indices = &call->in[1], *out = &call->out[0];
    along w = along_of(&x->shape, &indices->shape, &out->shape, (int)call->attrs->i[0]);
    size_t bytes = cn_dtype_size(out->dtype);
    int64_t first, last;
    cn__element_range(call, begin, end, &first, &last);
    for (int64_t e = first; e < last; e++) {
        int64_t from, at;
        along_at(&w, e, &from, &at);
        int64_t index = index_at(indices, call->row0, at, w.length);
        if (index < 0) {
            return (int)index;
        }
        memcpy((char *)out->data + (size_t)e * bytes,
               (const char *)x->data + (size_t)(from + index * w.step) * bytes, bytes);
    }
    return 0;
}

const cn__kernel cn__reference_gather_batch = {
    .name = "gather_batch (reference)", .units = cn__element_units, .run = gather_batch_run};

/* One unit: sums go in the order of the values. */
static int scatter_batch_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *indices = &call->in[0], *values = &call->in[1], *out = &call->out[0];
    along w = along_of(&out->shape, &indices->shape, &values->shape, (int)call->attrs->i[0]);
    if (begin >= end) {
        return 0;
    }
    memset(out->data, 0, (size_t)cn__elements(&out->shape) * cn_dtype_size(out->dtype));
    int64_t n = cn__elements(&values->shape);
    for (int64_t e = 0; e < n; e++) {
        int64_t to, at;
        along_at(&w, e, &to, &at);
        int64_t index = index_at(indices, call->row0, at, w.length);
        if (index < 0) {
            return (int)index;
        }
        add_element(out, to + index * w.step, values, e);
    }
    return 0;
}

const cn__kernel cn__reference_scatter_batch_like = {.name = "scatter_batch_like (reference)",
                                                     .run = scatter_batch_run};

/* attrs.i[0] = classes: a row of zeros with a one at the index, or without if the index is outside.
 */
static int64_t one_hot_units(const cn__call *call)
{
    return cn__elements(&call->in[0].shape);
}

static int one_hot_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t classes = call->attrs->i[0];
    size_t bytes = cn_dtype_size(call->out[0].dtype);
    char one[8];
    cn__element_of(call->out[0].dtype, 1, one);
    for (int64_t i = begin; i < end; i++) {
        char *row = (char *)call->out[0].data + (size_t)(i * classes) * bytes;
        int64_t index = cn__load_integer(call->in[0].dtype, call->in[0].data, i);
        memset(row, 0, (size_t)classes * bytes);
        if (index >= 0 && index < classes) {
            memcpy(row + (size_t)index * bytes, one, bytes);
        }
    }
    return 0;
}

const cn__kernel cn__reference_one_hot = {
    .name = "one_hot (reference)", .units = one_hot_units, .run = one_hot_run};
