/* Walking arrays by strides, one output line at a time. */
#include "kernels/reference/walk.h"

#include <math.h>
#include <string.h>

void cn__walk_axis(cn__walk *walk, int64_t dim, int64_t stride)
{
    if (dim == 1) {
        return;
    }
    int last = walk->rank - 1;
    if (last >= 0 && walk->stride[last] == dim * stride) {
        walk->dim[last] *= dim;
        walk->stride[last] = stride;
        return;
    }
    walk->dim[walk->rank] = dim;
    walk->stride[walk->rank++] = stride;
}

/* out[i] = in[i * stride]; the constant sizes let the compiler turn each copy into a move. */
static void copy_line(size_t bytes, const char *in, int64_t stride, char *out, int64_t n)
{
    if (stride == 1) {
        memcpy(out, in, (size_t)n * bytes);
        return;
    }
    int64_t jump = stride * (int64_t)bytes;
#define LINE(size)                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                              \
        memcpy(out + i * size, in + i * jump, size);                                               \
    }
    switch (bytes) {
    case 1: LINE(1) break;
    case 2: LINE(2) break;
    case 4: LINE(4) break;
    default: LINE(8) break;
    }
#undef LINE
}

void cn__walk_copy(const cn__walk *walk, size_t bytes, const void *in, void *out, int64_t begin,
                   int64_t end)
{
    if (begin >= end) {
        return; /* some length may be 0, by which nothing can be divided */
    }
    int last = walk->rank - 1;
    int64_t line = last < 0 ? 1 : walk->dim[last];
    int64_t stride = last < 0 ? 1 : walk->stride[last];
    int64_t at[CN__WALK_RANK] = {0}; /* coordinates of the current line; the last one inside it */
    int64_t rest = begin, from = walk->offset;
    for (int a = last; a >= 0; a--) {
        at[a] = rest % walk->dim[a];
        rest /= walk->dim[a];
        from += at[a] * walk->stride[a];
    }
    const char *source = in;
    char *target = (char *)out + begin * (int64_t)bytes;
    while (begin < end) {
        int64_t inside = last < 0 ? 0 : at[last];
        int64_t n = line - inside;
        if (n > end - begin) {
            n = end - begin;
        }
        copy_line(bytes, source + from * (int64_t)bytes, stride, target, n);
        begin += n;
        target += n * (int64_t)bytes;
        from -= inside * stride;
        if (last >= 0) {
            at[last] = 0;
        }
        for (int a = last - 1; a >= 0; a--) {
            from += walk->stride[a];
            if (++at[a] < walk->dim[a]) {
                break;
            }
            from -= walk->dim[a] * walk->stride[a];
            at[a] = 0;
        }
    }
}

void cn__strides(const cn_shape *shape, int64_t *stride)
{
    int64_t step = 1;
    for (int a = shape->rank - 1; a >= 0; a--) {
        stride[a] = step;
        step *= shape->dim[a];
    }
}

void cn__broadcast_strides(const cn_shape *in, const cn_shape *out, int64_t *stride)
{
    int64_t own[CN_MAX_RANK];
    cn__strides(in, own);
    int missing = out->rank - in->rank;
    for (int a = 0; a < out->rank; a++) {
        bool there = a >= missing && in->dim[a - missing] != 1;
        stride[a] = there ? own[a - missing] : 0;
    }
}

int64_t cn__elements(const cn_shape *shape)
{
    int64_t n = 1;
    for (int a = 0; a < shape->rank; a++) {
        n *= shape->dim[a];
    }
    return n;
}

void cn__around(const cn_shape *shape, int axis, int64_t *outer, int64_t *length, int64_t *inner)
{
    *outer = *inner = 1;
    *length = shape->dim[axis];
    for (int a = 0; a < axis; a++) {
        *outer *= shape->dim[a];
    }
    for (int a = axis + 1; a < shape->rank; a++) {
        *inner *= shape->dim[a];
    }
}

int64_t cn__element_units(const cn__call *call)
{
    return (cn__elements(&call->out[0].shape) + CN__UNIT - 1) / CN__UNIT;
}

void cn__element_range(const cn__call *call, int64_t begin, int64_t end, int64_t *first,
                       int64_t *last)
{
    int64_t size = cn__elements(&call->out[0].shape);
    *first = begin * CN__UNIT;
    *last = end * CN__UNIT < size ? end * CN__UNIT : size;
}

int64_t cn__slice_count(int64_t length, int64_t start, int64_t stop, int64_t step, int64_t *first)
{
    /* Python clips both ends into [0, length], or into [-1, length - 1] when it walks backwards. */
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? length - 1 : length;
    if (start == CN_NONE) {
        start = step < 0 ? high : low;
    } else {
        start = start < 0 ? start + length : start;
        start = start < low ? low : start > high ? high : start;
    }
    if (stop == CN_NONE) {
        stop = step < 0 ? low : high;
    } else {
        stop = stop < 0 ? stop + length : stop;
        stop = stop < low ? low : stop > high ? high : stop;
    }
    *first = start;
    int64_t distance = step < 0 ? start - stop : stop - start;
    /* The size of a step, also of the most negative one. */
    uint64_t stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    return distance <= 0 ? 0 : (int64_t)(((uint64_t)distance - 1) / stride + 1);
}

void cn__element_of(cn_dtype dtype, double value, void *element)
{
    memset(element, 0, 8);
    cn__store_doubles(dtype, element, 0, 1, &value);
}

void cn__fill(void *out, size_t bytes, int64_t n, const void *element)
{
    static const char zeros[8];
    if (memcmp(element, zeros, bytes) == 0) {
        memset(out, 0, (size_t)n * bytes);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy((char *)out + i * (int64_t)bytes, element, bytes);
    }
}

int64_t cn__lines(const cn_shape *shape)
{
    int64_t n = 1;
    for (int a = 0; a < shape->rank - 1; a++) {
        n *= shape->dim[a];
    }
    return n;
}

/* The index of `in` that lands at coordinate c of the output along axis a, or -1. */
static int64_t embedded_index(const cn__embedding *how, int a, int64_t c)
{
    int64_t from = c - how->start[a];
    int64_t i = from / how->step[a];
    return i * how->step[a] == from && i >= 0 && i < how->in->dim[a] ? i : -1;
}

/* One line of the output from one line of n elements of the input. */
static void embed_line(const cn__embedding *how, int axis, const char *in, char *out)
{
    int64_t length = how->out->dim[axis], n = how->in->dim[axis];
    int64_t start = how->start[axis], step = how->step[axis];
    int64_t bytes = (int64_t)how->bytes;
    if (step == 1) {
        cn__fill(out, how->bytes, start, how->element);
        memcpy(out + start * bytes, in, (size_t)(n * bytes));
        cn__fill(out + (start + n) * bytes, how->bytes, length - start - n, how->element);
        return;
    }
    cn__fill(out, how->bytes, length, how->element);
    for (int64_t i = 0; i < n; i++) {
        memcpy(out + (start + i * step) * bytes, in + i * bytes, how->bytes);
    }
}

void cn__embed(const cn__embedding *how, const void *in, void *out, int64_t begin, int64_t end)
{
    int last = how->out->rank - 1;
    int64_t bytes = (int64_t)how->bytes;
    if (last < 0) {
        memcpy(out, in, how->bytes);
        return;
    }
    int64_t stride[CN_MAX_RANK], length = how->out->dim[last];
    cn__strides(how->in, stride);
    for (int64_t line = begin; line < end; line++) {
        int64_t rest = line, from = 0;
        bool inside = how->in->dim[last] > 0;
        for (int a = last - 1; a >= 0 && inside; a--) {
            int64_t i = embedded_index(how, a, rest % how->out->dim[a]);
            rest /= how->out->dim[a];
            inside = i >= 0;
            from += i * stride[a];
        }
        char *target = (char *)out + line * length * bytes;
        if (inside) {
            embed_line(how, last, (const char *)in + from * bytes, target);
        } else {
            cn__fill(target, how->bytes, length, how->element);
        }
    }
}
