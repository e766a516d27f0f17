/* Reference kernels of the random draws, of shuffle and of dropout. */
#include "core/random.h"
#include "kernels/reference/walk.h"

#include <string.h>

enum { BLOCK = 1024 };

static cn__stream stream_of(const cn__call *call, const cn__arg *counter)
{
    return (cn__stream){(uint64_t)call->attrs->i[0],
                        (uint64_t)cn__load_integer(counter->dtype, counter->data, 0)};
}

/* The number, in the whole batch, of a slice's first element: rows before it times the elements of
 * a row. */
static int64_t first_element(const cn__call *call, const cn_shape *shape)
{
    int64_t row = 1;
    for (int a = 1; a < shape->rank; a++) {
        row *= shape->dim[a];
    }
    return shape->rank ? call->row0 * row : 0;
}

/* scale * z + shift in float, where z are the draws; other dtypes round that. */
static void store_scaled(const cn__arg *out, int64_t at, int64_t n, const float *z, double scale,
                         double shift)
{
    float s = (float)scale, t = (float)shift;
    double values[BLOCK];
    for (int64_t i = 0; i < n; i++) {
        values[i] = out->dtype == CN_FLOAT64 ? z[i] * scale + shift : z[i] * s + t;
    }
    cn__store_doubles(out->dtype, out->data, at, n, values);
}

typedef void fill_floats(cn__stream stream, int64_t begin, int64_t n, float *out);

static int draw_run(const cn__call *call, fill_floats *fill, double scale, double shift,
                    int64_t begin, int64_t end)
{
    const cn__arg *out = &call->out[0];
    cn__stream stream = stream_of(call, &call->in[0]);
    int64_t base = first_element(call, &out->shape), first, last;
    float z[BLOCK];
    cn__element_range(call, begin, end, &first, &last);
    for (int64_t at = first; at < last; at += BLOCK) {
        int64_t n = last - at < BLOCK ? last - at : BLOCK;
        fill(stream, base + at, n, z);
        store_scaled(out, at, n, z, scale, shift);
    }
    return 0;
}

static int uniform_run(const cn__call *call, int64_t begin, int64_t end)
{
    double low = call->attrs->f[0], high = call->attrs->f[1];
    return draw_run(call, cn__random_uniform, high - low, low, begin, end);
}

static int normal_run(const cn__call *call, int64_t begin, int64_t end)
{
    return draw_run(call, cn__random_normal, call->attrs->f[1], call->attrs->f[0], begin, end);
}

static int truncated_normal_run(const cn__call *call, int64_t begin, int64_t end)
{
    return draw_run(call, cn__random_truncated_normal, call->attrs->f[1], call->attrs->f[0], begin,
                    end);
}

const cn__kernel cn__reference_random_uniform = {
    .name = "random_uniform (reference)", .units = cn__element_units, .run = uniform_run};
const cn__kernel cn__reference_random_normal = {
    .name = "random_normal (reference)", .units = cn__element_units, .run = normal_run};
const cn__kernel cn__reference_random_truncated_normal = {.name =
                                                              "random_truncated_normal (reference)",
                                                          .units = cn__element_units,
                                                          .run = truncated_normal_run};

static int bernoulli_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *out = &call->out[0];
    cn__stream stream = stream_of(call, &call->in[0]);
    int64_t base = first_element(call, &out->shape), first, last;
    size_t bytes = cn_dtype_size(out->dtype);
    char one[8];
    uint8_t keep[BLOCK];
    cn__element_of(out->dtype, 1, one);
    cn__element_range(call, begin, end, &first, &last);
    for (int64_t at = first; at < last; at += BLOCK) {
        int64_t n = last - at < BLOCK ? last - at : BLOCK;
        cn__random_keep(stream, base + at, n, call->attrs->f[0], keep);
        char *to = (char *)out->data + (size_t)at * bytes;
        memset(to, 0, (size_t)n * bytes);
        for (int64_t i = 0; i < n; i++) {
            if (keep[i]) {
                memcpy(to + (size_t)i * bytes, one, bytes);
            }
        }
    }
    return 0;
}

const cn__kernel cn__reference_random_bernoulli_like = {
    .name = "random_bernoulli_like (reference)", .units = cn__element_units, .run = bernoulli_run};

/* The upper half of bits * range: each number has its share to within 2^-32 (2^-64 of ranges beyond
 * 32 bits, which take remainders of 64 bits). */
static int integers_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *out = &call->out[0];
    cn__stream stream = stream_of(call, &call->in[0]);
    int64_t base = first_element(call, &out->shape), first, last;
    uint64_t low = (uint64_t)call->attrs->i[11];
    uint64_t range = (uint64_t)call->attrs->i[12] - low;
    bool wide = range > UINT32_MAX;
    uint32_t bits[2 * BLOCK];
    cn__element_range(call, begin, end, &first, &last);
    for (int64_t at = first; at < last; at += BLOCK) {
        int64_t n = last - at < BLOCK ? last - at : BLOCK;
        cn__random_bits(stream, (base + at) * (1 + wide), n * (1 + wide), bits);
        for (int64_t i = 0; i < n; i++) {
            uint64_t both = wide ? (uint64_t)bits[2 * i] << 32 | bits[2 * i + 1] : 0;
            uint64_t offset = wide ? both % range : (bits[i] * range) >> 32;
            cn__store_integer(out->dtype, out->data, at + i, (int64_t)(low + offset));
        }
    }
    return 0;
}

const cn__kernel cn__reference_random_integers = {
    .name = "random_integers (reference)", .units = cn__element_units, .run = integers_run};

/* attrs.i[1] = axis. One unit: the order is drawn once. */
static int shuffle_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t outer, length, inner;
    cn__around(&call->in[0].shape, (int)call->attrs->i[1], &outer, &length, &inner);
    if (begin >= end) {
        return 0;
    }
    int64_t *order = call->out[1].data ? call->out[1].data : call->scratch;
    cn__random_permutation(stream_of(call, &call->in[1]), length, order);
    size_t run = (size_t)inner * cn_dtype_size(call->in[0].dtype);
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t k = 0; k < length; k++) {
            memcpy((char *)call->out[0].data + (size_t)(o * length + k) * run,
                   (const char *)call->in[0].data + (size_t)(o * length + order[k]) * run, run);
        }
    }
    return 0;
}

static size_t shuffle_scratch(const cn__call *call)
{
    return (size_t)call->in[0].shape.dim[call->attrs->i[1]] * sizeof(int64_t);
}

const cn__kernel cn__reference_random_shuffle = {
    .name = "random_shuffle (reference)", .scratch_bytes = shuffle_scratch, .run = shuffle_run};

/* n elements from x[at] on: kept and scaled where keep[i * step] is set, else 0 (also where x is
 * NaN). */
static void drop(const cn__call *call, int64_t at, int64_t n, const uint8_t *keep, int64_t step)
{
    const cn__arg *x = &call->in[0], *out = &call->out[0];
    double scale = 1 / (1 - call->attrs->f[0]);
    if (x->dtype == CN_FLOAT32) {
        const float *from = (const float *)x->data + at;
        float *to = (float *)out->data + at, s = (float)scale;
        for (int64_t i = 0; i < n; i++) {
            to[i] = keep[i * step] ? from[i] * s : 0;
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double value = keep[i * step] ? cn__read(x->dtype, x->data, at + i) * scale : 0;
        cn__write(out->dtype, out->data, at + i, value);
    }
}

/* One output line at a time; the noise has its own strides (0 where its length is 1) and its own
 * numbering. */
static int dropout_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *shape = &call->out[0].shape;
    const cn_shape flat = {.rank = 1, .dim = {cn__elements(shape)}};
    cn__stream stream = stream_of(call, &call->in[1]);
    cn_shape noise = *shape;
    for (int a = 0; a < call->attrs->i[1]; a++) {
        noise.dim[a] = call->attrs->i[2 + a] == 1 ? 1 : shape->dim[a];
    }
    bool by_row = call->attrs->i[1] == 0 || call->attrs->i[2] != 1;
    int64_t stride[CN_MAX_RANK], base = by_row ? first_element(call, &noise) : 0;
    if (cn__elements(&noise) == flat.dim[0]) {
        shape = &flat; /* noise for each element: one long line */
        noise = flat;
    }
    cn__broadcast_strides(&noise, shape, stride);
    int last = shape->rank - 1;
    int64_t line = last < 0 ? 1 : shape->dim[last], at, stop;
    int64_t step = last < 0 ? 0 : stride[last];
    uint8_t keep[BLOCK];
    cn__element_range(call, begin, end, &at, &stop);
    while (at < stop) {
        int64_t inside = at % line, rest = at / line, from = base + inside * step;
        for (int a = last - 1; a >= 0; a--) {
            from += rest % shape->dim[a] * stride[a];
            rest /= shape->dim[a];
        }
        int64_t n = line - inside < stop - at ? line - inside : stop - at;
        n = n < BLOCK ? n : BLOCK;
        cn__random_keep(stream, from, step ? n : 1, 1 - call->attrs->f[0], keep);
        drop(call, at, n, keep, step);
        at += n;
    }
    return 0;
}

const cn__kernel cn__reference_dropout = {
    .name = "dropout (reference)", .units = cn__element_units, .run = dropout_run};
