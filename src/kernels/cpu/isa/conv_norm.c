/* Batch norm over rows of channels: sums in double, normalisation, and the reductions of its
 * gradient. */
#include "conv_simd.h"

/* A vector of floats as doubles, in two halves where the set needs them. */
#if LANES == 16
typedef struct wide {
    __m512d lo, hi;
} wide;
#elif LANES == 8
typedef struct wide {
    __m256d lo, hi;
} wide;
#elif LANES == 4
typedef struct wide {
    __m128d lo, hi;
} wide;
#else
typedef struct wide {
    double lo;
} wide;
#endif

CN__INLINE wide widen(cn__vf v)
{
    wide w;
#if LANES == 16
    w.lo = _mm512_cvtps_pd(_mm512_castps512_ps256((__m512)v));
    w.hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)v, 1));
#elif LANES == 8
    w.lo = _mm256_cvtps_pd(_mm256_castps256_ps128((__m256)v));
    w.hi = _mm256_cvtps_pd(_mm256_extractf128_ps((__m256)v, 1));
#elif LANES == 4
    w.lo = _mm_cvtps_pd((__m128)v);
    w.hi = _mm_cvtps_pd(_mm_movehl_ps((__m128)v, (__m128)v));
#else
    w.lo = v;
#endif
    return w;
}

/* sum + a * b; the product of two floats is exact in double, so that fused or not it is the same.
 */
CN__INLINE wide add_product(wide sum, wide a, wide b)
{
    sum.lo = sum.lo + a.lo * b.lo;
#if LANES > 1
    sum.hi = sum.hi + a.hi * b.hi;
#endif
    return sum;
}

CN__INLINE wide add(wide sum, wide a)
{
    sum.lo = sum.lo + a.lo;
#if LANES > 1
    sum.hi = sum.hi + a.hi;
#endif
    return sum;
}

CN__INLINE wide subtract(wide a, wide b)
{
    a.lo = a.lo - b.lo;
#if LANES > 1
    a.hi = a.hi - b.hi;
#endif
    return a;
}

CN__INLINE wide load_wide(const double *p, int n)
{
    double t[LANES] = {0};
    wide w;
    for (int i = 0; i < n; i++)
        t[i] = p[i];
    memcpy(&w, t, sizeof w);
    return w;
}

CN__INLINE void store_wide(double *p, wide w, int n)
{
    double t[LANES];
    memcpy(t, &w, sizeof w);
    for (int i = 0; i < n; i++)
        p[i] = t[i];
}

/* V vectors of channels, so that V chains of additions overlap; n channels in the last one. */
#define NORM_SUMS(V)                                                                               \
    CN__INLINE void sums_##V(const float *x, int channels, double *sum, double *sum_sq,            \
                             int64_t begin, int64_t end, int n)                                    \
    {                                                                                              \
        wide a[V], b[V];                                                                           \
        CN__UNROLL                                                                                 \
        for (int j = 0; j < V; j++) {                                                              \
            a[j] = load_wide(sum + j * LANES, j < V - 1 ? LANES : n);                              \
            b[j] = load_wide(sum_sq + j * LANES, j < V - 1 ? LANES : n);                           \
        }                                                                                          \
        for (int64_t r = begin; r < end; r++) {                                                    \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V; j++) {                                                          \
                wide v = widen(load_n(x + r * channels + j * LANES, j < V - 1 ? LANES : n));       \
                a[j] = add(a[j], v);                                                               \
                b[j] = add_product(b[j], v, v);                                                    \
            }                                                                                      \
        }                                                                                          \
        CN__UNROLL                                                                                 \
        for (int j = 0; j < V; j++) {                                                              \
            store_wide(sum + j * LANES, a[j], j < V - 1 ? LANES : n);                              \
            store_wide(sum_sq + j * LANES, b[j], j < V - 1 ? LANES : n);                           \
        }                                                                                          \
    }
NORM_SUMS(1)
NORM_SUMS(2)

void CN__FN(conv_norm_sums)(const float *x, int channels, double *sum, double *sum_sq,
                            int64_t begin, int64_t end)
{
    int c = 0;
    for (; c + 2 * LANES <= channels; c += 2 * LANES)
        sums_2(x + c, channels, sum + c, sum_sq + c, begin, end, LANES);
    for (; c + LANES <= channels; c += LANES)
        sums_1(x + c, channels, sum + c, sum_sq + c, begin, end, LANES);
    if (c < channels)
        sums_1(x + c, channels, sum + c, sum_sq + c, begin, end, channels - c);
}

void CN__FN(conv_norm_apply)(const float *x, int channels, const float *a, const float *b, int relu,
                             float *y, int64_t begin, int64_t end)
{
    const cn__vf zero = cn__splat(0);
    for (int64_t r = begin; r < end; r++) {
        const float *p = x + r * channels;
        float *q = y + r * channels;
        int c = 0;
        for (; c + LANES <= channels; c += LANES) {
            cn__vf v = cn__fma(cn__load(p + c), cn__load(a + c), cn__load(b + c));
            cn__store(q + c, relu ? cn__max(zero, v) : v);
        }
        if (c < channels) {
            int n = channels - c;
            cn__vf v = cn__fma(load_n(p + c, n), load_n(a + c, n), load_n(b + c, n));
            store_n(q + c, relu ? cn__max(zero, v) : v, n);
        }
    }
}

CN__INLINE cn__vf living(const float *y, const float *dy, int64_t at, int n)
{
    const cn__vf zero = cn__splat(0);
    cn__vf g = load_n(dy + at, n);
    return y ? select_f(MASK_GT(load_n(y + at, n), zero), g, zero) : g;
}

CN__INLINE void backward_vector(const float *x, int channels, const float *mean, const float *y,
                                const float *dy, double *sum_g, double *sum_gx, int64_t begin,
                                int64_t end, int c, int n)
{
    wide a = load_wide(sum_g + c, n), b = load_wide(sum_gx + c, n), m = widen(load_n(mean + c, n));
    for (int64_t r = begin; r < end; r++) {
        int64_t at = r * channels + c;
        wide g = widen(living(y, dy, at, n));
        a = add(a, g);
        b = add_product(b, g, subtract(widen(load_n(x + at, n)), m));
    }
    store_wide(sum_g + c, a, n);
    store_wide(sum_gx + c, b, n);
}

void CN__FN(conv_norm_backward_sums)(const float *x, int channels, const float *mean,
                                     const float *y, const float *dy, double *sum_g, double *sum_gx,
                                     int64_t begin, int64_t end)
{
    int c = 0;
    for (; c + LANES <= channels; c += LANES)
        backward_vector(x, channels, mean, y, dy, sum_g, sum_gx, begin, end, c, LANES);
    if (c < channels)
        backward_vector(x, channels, mean, y, dy, sum_g, sum_gx, begin, end, c, channels - c);
}

CN__INLINE void apply_vector(const float *x, const float *y, const float *dy, const float *a,
                             const float *b, const float *c0, float *dx, int64_t at, int c, int n)
{
    cn__vf v = cn__fma(load_n(x + at, n), load_n(b + c, n), load_n(c0 + c, n));
    store_n(dx + at, cn__fma(living(y, dy, at, n), load_n(a + c, n), v), n);
}

void CN__FN(conv_norm_backward_apply)(const float *x, int channels, const float *y, const float *dy,
                                      const float *a, const float *b, const float *c0, float *dx,
                                      int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; r++) {
        int c = 0;
        for (; c + LANES <= channels; c += LANES)
            apply_vector(x, y, dy, a, b, c0, dx, r * channels + c, c, LANES);
        if (c < channels)
            apply_vector(x, y, dy, a, b, c0, dx, r * channels + c, c, channels - c);
    }
}
