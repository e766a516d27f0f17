/* Depthwise convolution: taps times pixels, vectors along the channels. */
#include "conv_nd.h"

/* y of one pixel for channels [c, c + n), n up to four vectors; the inputs of its `taps` taps are
 * at in[], -1 outside. */
#define DEPTHWISE_PIXEL(V)                                                                         \
    static void pixel_##V(const float *x, const int32_t *in, int taps, const float *w, int wp,     \
                          float *y, int last)                                                      \
    {                                                                                              \
        cn__vf t[V];                                                                               \
        CN__UNROLL                                                                                 \
        for (int j = 0; j < V - 1; j++)                                                            \
            t[j] = cn__load(y + j * LANES);                                                        \
        t[V - 1] = load_n(y + (V - 1) * LANES, last);                                              \
        for (int k = 0; k < taps; k++) {                                                           \
            if (in[k] < 0)                                                                         \
                continue;                                                                          \
            const float *p = x + in[k], *q = w + (int64_t)k * wp;                                  \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V - 1; j++)                                                        \
                t[j] = cn__fma(cn__load(p + j * LANES), cn__load(q + j * LANES), t[j]);            \
            t[V - 1] = cn__fma(load_n(p + (V - 1) * LANES, last), cn__load(q + (V - 1) * LANES),   \
                               t[V - 1]);                                                          \
        }                                                                                          \
        CN__UNROLL                                                                                 \
        for (int j = 0; j < V - 1; j++)                                                            \
            cn__store(y + j * LANES, t[j]);                                                        \
        store_n(y + (V - 1) * LANES, t[V - 1], last);                                              \
    }
DEPTHWISE_PIXEL(1)
DEPTHWISE_PIXEL(2)
DEPTHWISE_PIXEL(3)
DEPTHWISE_PIXEL(4)

typedef void pixel_kernel(const float *x, const int32_t *in, int taps, const float *w, int wp,
                          float *y, int last);
static pixel_kernel *const pixel_kernels[4] = {pixel_1, pixel_2, pixel_3, pixel_4};

/* Taps of a pixel that are looked up at a time. */
enum { TAPS_AT_ONCE = 64 };

void depthwise_forward(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                       const float *x, const float *w, float *y, int count)
{
    int wp = round_up(s->cout, LANES);
    int32_t in[TAPS_AT_ONCE];
    for (int q = 0; q < count; q++)
        for (int first = 0; first < g->taps; first += TAPS_AT_ONCE) {
            int n = least(TAPS_AT_ONCE, g->taps - first);
            for (int i = 0; i < n; i++) {
                int t = first + i;
                in[i] = nd_input(s, b, q, t / s->kernel[2] / s->kernel[1],
                                 t / s->kernel[2] % s->kernel[1], t % s->kernel[2], s->cout);
            }
            for (int c = 0; c < s->cout; c += 4 * LANES) {
                int width = least(4 * LANES, s->cout - c), v = (width + LANES - 1) / LANES;
                pixel_kernels[v - 1](x + c, in, n, w + (int64_t)first * wp + c, wp,
                                     y + b->all[q] + c, width - (v - 1) * LANES);
            }
        }
}

/* d += w * g for n channels of one pixel. */
CN__INLINE void add_product(float *d, const float *w, const float *g, int channels)
{
    int c = 0;
    for (; c + LANES <= channels; c += LANES)
        cn__store(d + c, cn__fma(cn__load(w + c), cn__load(g + c), cn__load(d + c)));
    for (; c < channels; c++)
        d[c] += w[c] * g[c];
}

void depthwise_data(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b, const float *w,
                    float *dx, int count)
{
    int wp = round_up(s->cout, LANES);
    for (int t = 0; t < g->taps; t++) {
        int n = nd_list(s, b, t, count, s->cout);
        for (int i = 0; i < n; i++)
            add_product(dx + b->in[i], w + (int64_t)t * wp, b->g + b->out[i], s->cout);
    }
}

void depthwise_weights(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                       const float *x, float *dw, int count)
{
    for (int t = 0; t < g->taps; t++) {
        int n = nd_list(s, b, t, count, s->cout), c = 0;
        float *d = dw + (int64_t)t * s->cout;
        for (; c + 2 * LANES <= s->cout; c += 2 * LANES) {
            cn__vf p = cn__load(d + c), q = cn__load(d + c + LANES);
            for (int i = 0; i < n; i++) {
                const float *u = x + b->in[i] + c, *v = b->g + b->out[i] + c;
                p = cn__fma(cn__load(u), cn__load(v), p);
                q = cn__fma(cn__load(u + LANES), cn__load(v + LANES), q);
            }
            cn__store(d + c, p);
            cn__store(d + c + LANES, q);
        }
        for (; c < s->cout; c += LANES) {
            int m = least(LANES, s->cout - c);
            cn__vf p = load_n(d + c, m);
            for (int i = 0; i < n; i++)
                p = cn__fma(load_n(x + b->in[i] + c, m), load_n(b->g + b->out[i] + c, m), p);
            store_n(d + c, p, m);
        }
    }
}
