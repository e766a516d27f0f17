/* Reference kernels of what orders elements: all compare order keys. */
#include "kernels/reference/walk.h"

#include <string.h>

/* An element's place in its line and its order. */
typedef struct item {
    uint64_t key;
    int64_t index;
} item;

/* The axis of a call: attrs.i[0], or the flat tensor as one line. */
static void axis_of(const cn__call *call, int64_t *outer, int64_t *length, int64_t *inner)
{
    const cn_shape *shape = &call->in[0].shape;
    if (call->attrs->i[0] == CN_NONE) {
        *outer = *inner = 1;
        *length = cn__elements(shape);
    } else {
        cn__around(shape, (int)call->attrs->i[0], outer, length, inner);
    }
}

static int64_t axis_units(const cn__call *call)
{
    int64_t outer, length, inner;
    axis_of(call, &outer, &length, &inner);
    return outer * inner;
}

/* The first of the largest keys, or of the smallest; a NaN wins both, as in numpy. */
static int arg_run(const cn__call *call, bool smallest, int64_t begin, int64_t end)
{
    int64_t outer, length, inner;
    const cn__arg *in = &call->in[0];
    axis_of(call, &outer, &length, &inner);
    bool floats = cn__dtype_is_float(in->dtype);
    for (int64_t line = begin; line < end; line++) {
        int64_t base = line / inner * length * inner + line % inner, found = 0;
        uint64_t best = 0;
        for (int64_t k = 0; k < length; k++) {
            uint64_t key = cn__order_key(in->dtype, in->data, base + k * inner);
            if (smallest && !(floats && key == UINT64_MAX)) {
                key = ~key;
            }
            if (k == 0 || key > best) {
                best = key;
                found = k;
            }
        }
        ((int64_t *)call->out[0].data)[line] = found;
    }
    return 0;
}

static int argmax_run(const cn__call *call, int64_t begin, int64_t end)
{
    return arg_run(call, false, begin, end);
}

static int argmin_run(const cn__call *call, int64_t begin, int64_t end)
{
    return arg_run(call, true, begin, end);
}

const cn__kernel cn__reference_argmax = {
    .name = "argmax (reference)", .units = axis_units, .run = argmax_run};
const cn__kernel cn__reference_argmin = {
    .name = "argmin (reference)", .units = axis_units, .run = argmin_run};

/* Stable merge sort by key, bottom up; `other` has room for n items. Returns where the result is.
 */
static item *merge_sort(item *items, item *other, int64_t n)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t from = 0; from < n; from += 2 * width) {
            int64_t middle = from + width < n ? from + width : n;
            int64_t end = middle + width < n ? middle + width : n;
            int64_t a = from, b = middle;
            for (int64_t k = from; k < end; k++) {
                bool left = a < middle && (b >= end || items[a].key <= items[b].key);
                other[k] = items[left ? a++ : b++];
            }
        }
        item *swap = items;
        items = other;
        other = swap;
    }
    return items;
}

/* The line's elements in order; descending turns the keys round, so that equals stay in their
 * order. */
static item *sorted_line(const cn__call *call, int64_t base, int64_t length, int64_t inner,
                         bool descending)
{
    item *items = call->scratch;
    for (int64_t k = 0; k < length; k++) {
        uint64_t key = cn__order_key(call->in[0].dtype, call->in[0].data, base + k * inner);
        items[k] = (item){descending ? ~key : key, k};
    }
    return merge_sort(items, items + length, length);
}

static size_t sort_scratch(const cn__call *call)
{
    int64_t outer, length, inner;
    axis_of(call, &outer, &length, &inner);
    return (size_t)(2 * length) * sizeof(item);
}

static int sort_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t outer, length, inner;
    axis_of(call, &outer, &length, &inner);
    size_t bytes = cn_dtype_size(call->in[0].dtype);
    for (int64_t line = begin; line < end; line++) {
        int64_t base = line / inner * length * inner + line % inner;
        const item *items = sorted_line(call, base, length, inner, false);
        for (int64_t k = 0; k < length; k++) {
            memcpy((char *)call->out[0].data + (size_t)(base + k * inner) * bytes,
                   (const char *)call->in[0].data + (size_t)(base + items[k].index * inner) * bytes,
                   bytes);
        }
    }
    return 0;
}

static int argsort_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t outer, length, inner;
    axis_of(call, &outer, &length, &inner);
    for (int64_t line = begin; line < end; line++) {
        int64_t base = line / inner * length * inner + line % inner;
        const item *items = sorted_line(call, base, length, inner, false);
        for (int64_t k = 0; k < length; k++) {
            ((int32_t *)call->out[0].data)[base + k * inner] = (int32_t)items[k].index;
        }
    }
    return 0;
}

const cn__kernel cn__reference_sort = {.name = "sort (reference)",
                                       .units = axis_units,
                                       .scratch_bytes = sort_scratch,
                                       .run = sort_run};
const cn__kernel cn__reference_argsort = {.name = "argsort (reference)",
                                          .units = axis_units,
                                          .scratch_bytes = sort_scratch,
                                          .run = argsort_run};

/* attrs.i[0] = k, of the last axis. */
static int64_t top_k_units(const cn__call *call)
{
    return cn__lines(&call->in[0].shape);
}

static size_t top_k_scratch(const cn__call *call)
{
    const cn_shape *shape = &call->in[0].shape;
    return (size_t)(2 * shape->dim[shape->rank - 1]) * sizeof(item);
}

static int top_k_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *shape = &call->in[0].shape;
    int64_t length = shape->dim[shape->rank - 1], k = call->attrs->i[0];
    size_t bytes = cn_dtype_size(call->in[0].dtype);
    for (int64_t line = begin; line < end; line++) {
        const item *items = sorted_line(call, line * length, length, 1, true);
        for (int64_t i = 0; i < k; i++) {
            memcpy((char *)call->out[0].data + (size_t)(line * k + i) * bytes,
                   (const char *)call->in[0].data +
                       (size_t)(line * length + items[i].index) * bytes,
                   bytes);
            if (call->out[1].data) {
                ((int32_t *)call->out[1].data)[line * k + i] = (int32_t)items[i].index;
            }
        }
    }
    return 0;
}

const cn__kernel cn__reference_top_k = {.name = "top_k (reference)",
                                        .units = top_k_units,
                                        .scratch_bytes = top_k_scratch,
                                        .run = top_k_run};

/* attrs.i[0]: 1 puts a value after its equals, 0 before them. */
static int searchsorted_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *sorted = &call->in[0], *values = &call->in[1];
    int64_t first, last;
    cn__element_range(call, begin, end, &first, &last);
    for (int64_t i = first; i < last; i++) {
        uint64_t key = cn__order_key(values->dtype, values->data, i);
        int64_t low = 0, high = sorted->shape.dim[0];
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            uint64_t other = cn__order_key(sorted->dtype, sorted->data, middle);
            bool after = call->attrs->i[0] ? other <= key : other < key;
            low = after ? middle + 1 : low;
            high = after ? high : middle;
        }
        ((int32_t *)call->out[0].data)[i] = (int32_t)low;
    }
    return 0;
}

const cn__kernel cn__reference_searchsorted = {
    .name = "searchsorted (reference)", .units = cn__element_units, .run = searchsorted_run};
