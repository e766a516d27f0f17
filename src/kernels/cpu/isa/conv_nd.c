/* Convolutions of any kernel, stride, dilation, padding and groups in up to three dimensions. */
#include "conv_nd.h"

int64_t CN__FN(conv_nd_packed)(const cn__convnd *s)
{
    nd_geometry g = nd_make(s);
    if (g.depthwise)
        return (int64_t)g.taps * round_up(s->cout, LANES);
    int64_t forward, data;
    if (g.patch) {
        forward = packed_nn(g.patch, s->cout);
        data = packed_nn(s->cout, g.patch);
    } else {
        forward = g.taps * s->groups * packed_nn(g.ing, g.outg);
        data = g.taps * s->groups * packed_nn(g.outg, g.ing);
    }
    return forward > data ? forward : data;
}

int64_t CN__FN(conv_nd_scratch)(const cn__convnd *s)
{
    nd_geometry g = nd_make(s);
    arena a = arena_at(NULL);
    nd_take(s, &g, &a);
    return a.used + ARENA_SLACK;
}

static void pack_depthwise(const cn__convnd *s, const float *w, float *packed)
{
    int ld = round_up(s->cout, LANES), taps = nd_taps(s);
    for (int t = 0; t < taps; t++) {
        memcpy(packed + (int64_t)t * ld, w + (int64_t)t * s->cout, sizeof(float) * (size_t)s->cout);
        for (int c = s->cout; c < ld; c++)
            packed[(int64_t)t * ld + c] = 0;
    }
}

void CN__FN(conv_nd_pack)(const cn__convnd *s, const float *w, float *packed)
{
    nd_geometry g = nd_make(s);
    if (g.depthwise) {
        pack_depthwise(s, w, packed);
    } else if (g.patch) {
        pack_nn(w, s->cout, g.patch, s->cout, packed, 0, s->cout);
    } else {
        int64_t step = packed_nn(g.ing, g.outg);
        for (int t = 0; t < g.taps; t++)
            for (int i = 0; i < s->groups; i++, packed += step)
                pack_nn(w + (int64_t)t * g.ing * s->cout + (int64_t)i * g.outg, s->cout, g.ing,
                        g.outg, packed, 0, g.outg);
    }
}

void CN__FN(conv_nd_pack_data)(const cn__convnd *s, const float *w, float *packed)
{
    nd_geometry g = nd_make(s);
    if (g.depthwise) {
        pack_depthwise(s, w, packed);
    } else if (g.patch) {
        transpose_nn(w, s->cout, s->cout, g.patch, packed);
    } else {
        int64_t step = packed_nn(g.outg, g.ing);
        for (int t = 0; t < g.taps; t++)
            for (int i = 0; i < s->groups; i++, packed += step)
                transpose_nn(w + (int64_t)t * g.ing * s->cout + (int64_t)i * g.outg, s->cout,
                             g.outg, g.ing, packed);
    }
}

/* Gathers the patches of a chunk, zeros outside; leaves their offsets in b->in. */
static void gather(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b, const float *x,
                   int count)
{
    float *p = b->patch;
    for (int q = 0; q < count; q++) {
        for (int kd = 0; kd < s->kernel[0]; kd++)
            for (int kr = 0; kr < s->kernel[1]; kr++)
                for (int kc = 0; kc < s->kernel[2]; kc++, p += s->cin) {
                    int32_t in = nd_input(s, b, q, kd, kr, kc, s->cin);
                    for (int c = 0; c < s->cin; c++)
                        p[c] = in >= 0 ? x[in + c] : 0;
                }
        b->in[q] = q * g->patch;
    }
}

/* The opposite: adds the patches to dx. */
static void scatter(const cn__convnd *s, const nd_buffers *b, float *dx, int count)
{
    const float *p = b->patch;
    for (int q = 0; q < count; q++)
        for (int kd = 0; kd < s->kernel[0]; kd++)
            for (int kr = 0; kr < s->kernel[1]; kr++)
                for (int kc = 0; kc < s->kernel[2]; kc++, p += s->cin) {
                    int32_t in = nd_input(s, b, q, kd, kr, kc, s->cin);
                    for (int c = 0; in >= 0 && c < s->cin; c++)
                        dx[in + c] += p[c];
                }
}

/* Repeats each channel of a pixel for the multiplier of a depthwise convolution. */
static const float *widen(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                          const float *x)
{
    int m = s->cout / s->cin;
    if (m == 1)
        return x;
    float *q = b->wide;
    for (int64_t i = 0; i < (int64_t)g->in_pixels * s->cin; i++)
        for (int j = 0; j < m; j++)
            *q++ = x[i];
    return b->wide;
}

static void chunk_forward(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                          const float *x, const float *packed, float *y, int count)
{
    if (g->depthwise) {
        depthwise_forward(s, g, b, x, packed, y, count);
    } else if (g->patch) {
        gather(s, g, b, x, count);
        gemm_nn(b->patch, b->in, count, g->patch, packed, s->cout, y, b->all, 1);
    } else {
        int64_t step = packed_nn(g->ing, g->outg);
        for (int t = 0; t < g->taps; t++) {
            int n = nd_list(s, b, t, count, s->cin);
            for (int i = 0; n > 0 && i < s->groups; i++)
                gemm_nn(x + i * g->ing, b->in, n, g->ing, packed + (t * s->groups + i) * step,
                        g->outg, y + i * g->outg, b->out, 1);
        }
    }
}

/* y[r] = bias */
static void fill_bias(float *y, int channels, const float *bias, int rows)
{
    if (!bias) {
        memset(y, 0, sizeof(float) * (size_t)rows * (size_t)channels);
        return;
    }
    for (int r = 0; r < rows; r++)
        memcpy(y + (int64_t)r * channels, bias, sizeof(float) * (size_t)channels);
}

void CN__FN(conv_bias_act)(float *y, int channels, const float *bias, int relu, int64_t begin,
                           int64_t end)
{
    const cn__vf zero = cn__splat(0);
    for (int64_t r = begin; r < end; r++)
        for (int c = 0; c < channels; c += LANES) {
            int n = least(LANES, channels - c);
            cn__vf v = load_n(y + r * channels + c, n);
            if (bias)
                v = v + load_n(bias + c, n);
            if (relu)
                v = cn__max(zero, v);
            store_n(y + r * channels + c, v, n);
        }
}

void CN__FN(conv_nd_forward)(const cn__convnd *s, const float *x, const float *packed,
                             const float *bias, float *y, float *scratch, int64_t begin,
                             int64_t end)
{
    nd_geometry g = nd_make(s);
    arena a = arena_at(scratch);
    nd_buffers b = nd_take(s, &g, &a);
    for (int64_t image = begin; image < end; image += g.depthwise ? 1 : g.images) {
        int images = g.depthwise ? 1 : (int)(end - image < g.images ? end - image : g.images);
        const float *xi = x + image * g.in_pixels * s->cin;
        float *yi = y + image * g.out_pixels * s->cout;
        int channels = g.depthwise ? s->cout : s->cin;
        if (g.depthwise)
            xi = widen(s, &g, &b, xi);
        for (int q = 0; q < images * g.out_pixels; q += g.pixels) {
            int count = least(g.pixels, images * g.out_pixels - q);
            nd_pixels(s, &g, &b, q, count, channels);
            fill_bias(yi + (int64_t)q * s->cout, s->cout, bias, count);
            chunk_forward(s, &g, &b, xi, packed, yi + (int64_t)q * s->cout, count);
            if (s->relu)
                CN__FN(conv_bias_act)(yi + (int64_t)q * s->cout, s->cout, NULL, 1, 0, count);
        }
    }
}

/* The chunk's living gradients, and their sums into db. */
static void gradients(const cn__convnd *s, const nd_buffers *b, const float *y, const float *dy,
                      float *db, int count)
{
    const cn__vf zero = cn__splat(0);
    for (int c = 0; c < s->cout; c += LANES) {
        int n = least(LANES, s->cout - c);
        cn__vf sum = db ? load_n(db + c, n) : zero;
        for (int q = 0; q < count; q++) {
            int64_t at = (int64_t)q * s->cout + c;
            cn__vf v = load_n(dy + at, n);
            if (s->relu)
                v = select_f(MASK_GT(load_n(y + at, n), zero), v, zero);
            sum = sum + v;
            store_n(b->g + at, v, n);
        }
        if (db)
            store_n(db + c, sum, n);
    }
}

static void chunk_weights(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                          const float *x, float *dw, int count)
{
    if (g->depthwise) {
        depthwise_weights(s, g, b, x, dw, count);
    } else if (g->patch) {
        gather(s, g, b, x, count);
        gemm_tn(b->patch, b->in, b->g, b->all, count, g->patch, s->cout, dw, s->cout);
    } else {
        for (int t = 0; t < g->taps; t++) {
            int n = nd_list(s, b, t, count, s->cin);
            for (int i = 0; n > 0 && i < s->groups; i++)
                gemm_tn(x + i * g->ing, b->in, b->g + i * g->outg, b->out, n, g->ing, g->outg,
                        dw + (int64_t)t * g->ing * s->cout + (int64_t)i * g->outg, s->cout);
        }
    }
}

static void chunk_data(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                       const float *packed, float *dx, int count)
{
    if (g->depthwise) {
        depthwise_data(s, g, b, packed, dx, count);
    } else if (g->patch) {
        for (int q = 0; q < count; q++)
            b->in[q] = q * g->patch;
        gemm_nn(b->g, b->all, count, s->cout, packed, g->patch, b->patch, b->in, 0);
        scatter(s, b, dx, count);
    } else {
        int64_t step = packed_nn(g->outg, g->ing);
        for (int t = 0; t < g->taps; t++) {
            int n = nd_list(s, b, t, count, s->cin);
            for (int i = 0; n > 0 && i < s->groups; i++)
                gemm_nn(b->g + i * g->outg, b->out, n, g->outg, packed + (t * s->groups + i) * step,
                        g->ing, dx + i * g->ing, b->in, 1);
        }
    }
}

/* One image of a depthwise convolution with a multiplier: x and dx are wide, so that each needs a
 * pass of its own. */
static void wide_backward(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                          const float *x, const float *packed, const float *y, const float *dy,
                          float *dx, float *dw, float *db)
{
    int m = s->cout / s->cin;
    for (int pass = 0; pass < 2; pass++) {
        float *to = pass ? dx : dw;
        if (!to && (pass || !db))
            continue;
        if (pass)
            memset(b->wide, 0, sizeof(float) * (size_t)g->in_pixels * (size_t)s->cout);
        else if (dw)
            widen(s, g, b, x);
        for (int q = 0; q < g->out_pixels; q += g->pixels) {
            int count = least(g->pixels, g->out_pixels - q);
            int64_t at = (int64_t)q * s->cout;
            nd_pixels(s, g, b, q, count, s->cout);
            gradients(s, b, s->relu ? y + at : NULL, dy + at, pass ? NULL : db, count);
            if (pass)
                depthwise_data(s, g, b, packed, b->wide, count);
            else if (dw)
                depthwise_weights(s, g, b, b->wide, dw, count);
        }
    }
    for (int64_t i = 0; dx && i < (int64_t)g->in_pixels * s->cin; i++) {
        float sum = 0;
        for (int j = 0; j < m; j++)
            sum += b->wide[i * m + j];
        dx[i] = sum;
    }
}

void CN__FN(conv_nd_backward)(const cn__convnd *s, const float *x, const float *packed_data,
                              const float *y, const float *dy, float *dx, float *dw, float *db,
                              float *scratch, int64_t begin, int64_t end)
{
    nd_geometry g = nd_make(s);
    arena a = arena_at(scratch);
    nd_buffers b = nd_take(s, &g, &a);
    int64_t xn = (int64_t)g.in_pixels * s->cin, yn = (int64_t)g.out_pixels * s->cout;
    int wide = g.depthwise && s->cout > s->cin;
    if (dx && !wide)
        memset(dx + begin * xn, 0, sizeof(float) * (size_t)((end - begin) * xn));
    for (int64_t image = begin; image < end; image += wide ? 1 : g.images) {
        int images = wide ? 1 : (int)(end - image < g.images ? end - image : g.images);
        const float *xi = x ? x + image * xn : NULL, *yi = y ? y + image * yn : NULL;
        float *di = dx ? dx + image * xn : NULL;
        if (wide) {
            wide_backward(s, &g, &b, xi, packed_data, yi, dy + image * yn, di, dw, db);
            continue;
        }
        for (int q = 0; q < images * g.out_pixels; q += g.pixels) {
            int count = least(g.pixels, images * g.out_pixels - q);
            int64_t at = (int64_t)q * s->cout;
            nd_pixels(s, &g, &b, q, count, s->cin);
            gradients(s, &b, s->relu ? yi + at : NULL, dy + image * yn + at, db, count);
            if (dw)
                chunk_weights(s, &g, &b, xi, dw, count);
            if (dx)
                chunk_data(s, &g, &b, packed_data, di, count);
        }
    }
}
