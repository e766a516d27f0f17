/* Pooling in up to three dimensions, vectors along the channels. */
#include "conv_simd.h"

/* The cells of one window: coordinates [lo, hi) in each dimension, inside the input. */
typedef struct window {
    int lo[3], hi[3];
} window;

static window window_at(const cn__poolnd *s, int d, int r, int c)
{
    const int o[3] = {d, r, c};
    window w;
    for (int i = 0; i < 3; i++) {
        int first = o[i] * s->stride[i] - s->pad[i];
        w.lo[i] = first > 0 ? first : 0;
        w.hi[i] = least(first + s->window[i], s->in[i]);
    }
    return w;
}

static int window_cells(const window *w)
{
    return (w->hi[0] - w->lo[0]) * (w->hi[1] - w->lo[1]) * (w->hi[2] - w->lo[2]);
}

#define FOR_CELLS(w, s, pixel)                                                                     \
    for (int wd = (w)->lo[0]; wd < (w)->hi[0]; wd++)                                               \
        for (int wr = (w)->lo[1]; wr < (w)->hi[1]; wr++)                                           \
            for (int pixel = (wd * (s)->in[1] + wr) * (s)->in[2] + (w)->lo[2],                     \
                     stop = pixel + (w)->hi[2] - (w)->lo[2];                                       \
                 pixel < stop; pixel++)

/* A later cell wins if it is greater, or the first NaN. The window has at least one cell. */
CN__INLINE void max_vector(const cn__poolnd *s, const window *w, const float *x, float *y,
                           int32_t *index, int n)
{
    int first = (w->lo[0] * s->in[1] + w->lo[1]) * s->in[2] + w->lo[2];
    cn__vf m = load_n(x + (int64_t)first * s->channels, n);
    cn__vi k = splat_i(first);
    FOR_CELLS(w, s, pixel)
    {
        cn__vf v = load_n(x + (int64_t)pixel * s->channels, n);
        cn__vm q = mask_or(MASK_GT(v, m), mask_andnot(MASK_NAN(v, v), MASK_NAN(m, m)));
        m = select_f(q, v, m);
        k = select_i(q, splat_i(pixel), k);
    }
    store_n(y, m, n);
    if (index)
        store_i_n(index, k, n);
}

CN__INLINE void sum_vector(const cn__poolnd *s, const window *w, const float *x, float *y, int n)
{
    cn__vf sum = cn__splat(0);
    FOR_CELLS(w, s, pixel)
    {
        sum = sum + load_n(x + (int64_t)pixel * s->channels, n);
    }
    if (s->kind == CN__POOL_AVERAGE)
        sum = sum / cn__splat((float)window_cells(w));
    store_n(y, sum, n);
}

CN__INLINE void forward_vector(const cn__poolnd *s, const window *w, const float *x, float *y,
                               int32_t *index, int n)
{
    if (s->kind == CN__POOL_MAX)
        max_vector(s, w, x, y, index, n);
    else
        sum_vector(s, w, x, y, n);
}

void CN__FN(pool_nd_forward)(const cn__poolnd *s, const float *x, float *y, int32_t *index,
                             int64_t begin, int64_t end)
{
    int64_t xn = (int64_t)s->in[0] * s->in[1] * s->in[2] * s->channels;
    int64_t o = begin * s->out[0] * s->out[1] * s->out[2] * s->channels;
    int full = s->channels / LANES * LANES;
    for (int64_t image = begin; image < end; image++)
        for (int d = 0; d < s->out[0]; d++)
            for (int r = 0; r < s->out[1]; r++)
                for (int c = 0; c < s->out[2]; c++, o += s->channels) {
                    window w = window_at(s, d, r, c);
                    const float *xi = x + image * xn;
                    for (int i = 0; i < full; i += LANES)
                        forward_vector(s, &w, xi + i, y + o + i, index ? index + o + i : NULL,
                                       LANES);
                    if (full < s->channels)
                        forward_vector(s, &w, xi + full, y + o + full,
                                       index ? index + o + full : NULL, s->channels - full);
                }
}

CN__INLINE void backward_vector(const cn__poolnd *s, const window *w, const float *dy,
                                const int32_t *index, float *dx, int n)
{
    const cn__vf zero = cn__splat(0);
    cn__vf g = load_n(dy, n);
    if (s->kind == CN__POOL_MAX) {
        cn__vi k = load_i_n(index, n);
        FOR_CELLS(w, s, pixel)
        {
            float *d = dx + (int64_t)pixel * s->channels;
            store_n(d, load_n(d, n) + select_f(mask_eq_i(k, splat_i(pixel)), g, zero), n);
        }
        return;
    }
    if (s->kind == CN__POOL_AVERAGE)
        g = g / cn__splat((float)window_cells(w));
    FOR_CELLS(w, s, pixel)
    {
        float *d = dx + (int64_t)pixel * s->channels;
        store_n(d, load_n(d, n) + g, n);
    }
}

void CN__FN(pool_nd_backward)(const cn__poolnd *s, const float *dy, const int32_t *index, float *dx,
                              int64_t begin, int64_t end)
{
    int64_t xn = (int64_t)s->in[0] * s->in[1] * s->in[2] * s->channels;
    int64_t o = begin * s->out[0] * s->out[1] * s->out[2] * s->channels;
    int full = s->channels / LANES * LANES;
    memset(dx + begin * xn, 0, sizeof(float) * (size_t)((end - begin) * xn));
    for (int64_t image = begin; image < end; image++)
        for (int d = 0; d < s->out[0]; d++)
            for (int r = 0; r < s->out[1]; r++)
                for (int c = 0; c < s->out[2]; c++, o += s->channels) {
                    window w = window_at(s, d, r, c);
                    float *di = dx + image * xn;
                    for (int i = 0; i < full; i += LANES)
                        backward_vector(s, &w, dy + o + i, index ? index + o + i : NULL, di + i,
                                        LANES);
                    if (full < s->channels)
                        backward_vector(s, &w, dy + o + full, index ? index + o + full : NULL,
                                        di + full, s->channels - full);
                }
}
