/* Reference kernels of cast, where, cumsum, cumprod and glu. */
#include "kernels/reference/walk.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 256 };

/* Integers to float32 are rounded once, not by way of double. */
static void integers_to_floats(const cn__arg *in, float *out, int64_t at, int64_t n)
{
    for (int64_t i = at; i < at + n; i++) {
        if (in->dtype == CN_UINT64) {
            out[i] = (float)((const uint64_t *)in->data)[i];
        } else {
            out[i] = (float)cn__load_integer(in->dtype, in->data, i);
        }
    }
}

/* Floats pass through double, which holds each of them; integers through int64, whose low bits are
 * kept. */
static int cast_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *in = &call->in[0], *out = &call->out[0];
    bool floats = cn__dtype_is_float(in->dtype);
    int64_t first, last;
    cn__element_range(call, begin, end, &first, &last);
    for (int64_t at = first; at < last; at += BLOCK) {
        int64_t n = last - at < BLOCK ? last - at : BLOCK;
        if (!floats && out->dtype == CN_FLOAT32 && in->dtype != CN_UINT8) {
            integers_to_floats(in, out->data, at, n);
        } else if (!floats && !cn__dtype_is_float(out->dtype)) {
            for (int64_t i = at; i < at + n; i++) {
                cn__store_integer(out->dtype, out->data, i,
                                  cn__load_integer(in->dtype, in->data, i));
            }
        } else {
            double values[BLOCK];
            cn__load_doubles(in->dtype, in->data, at, n, values);
            cn__store_doubles(out->dtype, out->data, at, n, values);
        }
    }
    return 0;
}

const cn__kernel cn__reference_cast = {
    .name = "cast (reference)", .units = cn__element_units, .run = cast_run};

/* out[i] = condition[i] ? a[i] : b[i], each with its step; constant sizes make the copies moves. */
static void choose_line(size_t bytes, const uint8_t *condition, int64_t step, const char *a,
                        int64_t step_a, const char *b, int64_t step_b, char *out, int64_t n)
{
    int64_t jump_a = step_a * (int64_t)bytes, jump_b = step_b * (int64_t)bytes;
#define LINE(size)                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                              \
        memcpy(out + i * size, condition[i * step] ? a + i * jump_a : b + i * jump_b, size);       \
    }
    switch (bytes) {
    case 1: LINE(1) break;
    case 2: LINE(2) break;
    case 4: LINE(4) break;
    default: LINE(8) break;
    }
#undef LINE
}

/* out = condition ? a : b, one output line at a time, each input with its broadcast strides. */
static int where_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *shape = &call->out[0].shape;
    int last = shape->rank - 1;
    int64_t stride[3][CN_MAX_RANK], step[3] = {0};
    for (int k = 0; k < 3; k++) {
        cn__broadcast_strides(&call->in[k].shape, shape, stride[k]);
        step[k] = last < 0 ? 0 : stride[k][last];
    }
    int64_t line = last < 0 ? 1 : shape->dim[last], first, stop;
    size_t bytes = cn_dtype_size(call->out[0].dtype);
    cn__element_range(call, begin, end, &first, &stop);
    while (first < stop) {
        int64_t at[3] = {0}, rest = first / line, inside = first % line;
        for (int a = last - 1; a >= 0; a--) {
            int64_t c = rest % shape->dim[a];
            rest /= shape->dim[a];
            for (int k = 0; k < 3; k++) {
                at[k] += c * stride[k][a];
            }
        }
        int64_t n = line - inside < stop - first ? line - inside : stop - first;
        const uint8_t *condition = (const uint8_t *)call->in[0].data + at[0];
        const char *a = (const char *)call->in[1].data + (size_t)at[1] * bytes;
        const char *b = (const char *)call->in[2].data + (size_t)at[2] * bytes;
        char *out = (char *)call->out[0].data + (size_t)first * bytes;
        choose_line(bytes, condition + inside * step[0], step[0],
                    a + (size_t)(inside * step[1]) * bytes, step[1],
                    b + (size_t)(inside * step[2]) * bytes, step[2], out, n);
        first += n;
    }
    return 0;
}

const cn__kernel cn__reference_where = {
    .name = "where (reference)", .units = cn__element_units, .run = where_run};

/* Units are the lines along the axis: outer x inner of them. */
static int64_t axis_lines(const cn__call *call)
{
    int64_t outer, length, inner;
    cn__around(&call->in[0].shape, (int)call->attrs->i[0], &outer, &length, &inner);
    return outer * inner;
}

/* A running sum or product; floats run in double and are rounded where they are stored, integers
 * wrap. */
static int cumulate(const cn__call *call, bool product, int64_t begin, int64_t end)
{
    int64_t outer, length, inner;
    const cn__arg *in = &call->in[0], *out = &call->out[0];
    cn__around(&in->shape, (int)call->attrs->i[0], &outer, &length, &inner);
    bool floats = cn__dtype_is_float(in->dtype);
    for (int64_t line = begin; line < end; line++) {
        double real = product;
        uint64_t whole = product;
        int64_t base = line / inner * length * inner + line % inner;
        for (int64_t k = 0; k < length; k++) {
            int64_t at = base + (call->attrs->i[1] ? length - 1 - k : k) * inner;
            if (floats) {
                double value = cn__read(in->dtype, in->data, at);
                real = product ? real * value : real + value;
                cn__write(out->dtype, out->data, at, real);
            } else {
                uint64_t value = (uint64_t)cn__load_integer(in->dtype, in->data, at);
                whole = product ? whole * value : whole + value;
                cn__store_integer(out->dtype, out->data, at, (int64_t)whole);
            }
        }
    }
    return 0;
}

static int cumsum_run(const cn__call *call, int64_t begin, int64_t end)
{
    return cumulate(call, false, begin, end);
}

static int cumprod_run(const cn__call *call, int64_t begin, int64_t end)
{
    return cumulate(call, true, begin, end);
}

const cn__kernel cn__reference_cumsum = {
    .name = "cumsum (reference)", .units = axis_lines, .run = cumsum_run};
const cn__kernel cn__reference_cumprod = {
    .name = "cumprod (reference)", .units = axis_lines, .run = cumprod_run};

static int64_t glu_units(const cn__call *call)
{
    int64_t outer, length, inner;
    cn__around(&call->in[0].shape, (int)call->attrs->i[0], &outer, &length, &inner);
    return outer;
}

/* out = a * sigmoid(b), a and b the halves of each outer position. */
static int glu_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t outer, length, inner;
    const cn__arg *in = &call->in[0], *out = &call->out[0];
    cn__around(&in->shape, (int)call->attrs->i[0], &outer, &length, &inner);
    int64_t half = length / 2 * inner;
    for (int64_t o = begin; o < end; o++) {
        for (int64_t i = 0; i < half; i++) {
            double a = cn__read(in->dtype, in->data, o * 2 * half + i);
            double b = cn__read(in->dtype, in->data, o * 2 * half + half + i);
            cn__write(out->dtype, out->data, o * half + i, a / (1 + exp(-b)));
        }
    }
    return 0;
}

const cn__kernel cn__reference_glu = {
    .name = "glu (reference)", .units = glu_units, .run = glu_run};
