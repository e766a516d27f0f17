/* A few rows times a row-major matrix, which is read once, as fast as it comes. */
#include "kernels/cpu/isa/kernels.h"

enum { STRIP = 1024 }; /* columns whose sums stay in the first cache */

/* y (R rows) += x (R rows, 8 or 1 of k) . w, over columns [c, end). */
#define STRIP_PRODUCT(R, K)                                                                        \
    static NOINLINE void strip_##R##_##K(const cn__gemv *p, int64_t k, int64_t c, int64_t end)     \
    {                                                                                              \
        const float *x = p->x + k, *w = p->w + k * p->w_ld;                                        \
        int64_t xl = p->x_ld, wl = p->w_ld, yl = p->y_ld;                                          \
        float *y = p->y;                                                                           \
        vf s[R][K];                                                                                \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < K; j++) s[i][j] =            \
            cn__splat(x[i * xl + j]);                                                              \
        for (; c + L_ <= end; c += L_) {                                                           \
            vf a[R];                                                                               \
            UNROLL for (int i = 0; i < R; i++) a[i] = cn__load(y + i * yl + c);                    \
            UNROLL for (int j = 0; j < K; j++)                                                     \
            {                                                                                      \
                vf e = cn__load(w + j * wl + c);                                                   \
                UNROLL for (int i = 0; i < R; i++) a[i] = cn__fma(s[i][j], e, a[i]);               \
            }                                                                                      \
            UNROLL for (int i = 0; i < R; i++) cn__store(y + i * yl + c, a[i]);                    \
        }                                                                                          \
        for (; c < end; c++)                                                                       \
            for (int i = 0; i < R; i++)                                                            \
                for (int j = 0; j < K; j++)                                                        \
                    y[i * yl + c] = fma1(x[i * xl + j], w[j * wl + c], y[i * yl + c]);             \
    }
STRIP_PRODUCT(1, 8)
STRIP_PRODUCT(1, 1)
STRIP_PRODUCT(2, 8)
STRIP_PRODUCT(2, 1)
STRIP_PRODUCT(3, 8)
STRIP_PRODUCT(3, 1)
STRIP_PRODUCT(4, 8)
STRIP_PRODUCT(4, 1)
STRIP_PRODUCT(5, 8)
STRIP_PRODUCT(5, 1)
STRIP_PRODUCT(6, 8)
STRIP_PRODUCT(6, 1)
STRIP_PRODUCT(7, 8)
STRIP_PRODUCT(7, 1)

typedef void strip_fn(const cn__gemv *p, int64_t k, int64_t c, int64_t end);
static strip_fn *const by_eight[] = {strip_1_8, strip_2_8, strip_3_8, strip_4_8,
                                     strip_5_8, strip_6_8, strip_7_8};
static strip_fn *const by_one[] = {strip_1_1, strip_2_1, strip_3_1, strip_4_1,
                                   strip_5_1, strip_6_1, strip_7_1};

void CN__FN(gemv)(const cn__gemv *p, int64_t begin, int64_t end)
{
    int64_t last = end * CN__UNIT_COLS < p->n ? end * CN__UNIT_COLS : p->n;
    for (int64_t c = begin * CN__UNIT_COLS; c < last; c += STRIP) {
        int64_t stop = last - c < STRIP ? last : c + STRIP, k = 0;
        for (int64_t r = 0; r < p->rows; r++)
            memset(p->y + r * p->y_ld + c, 0, (size_t)(stop - c) * sizeof *p->y);
        for (; k + 8 <= p->k; k += 8)
            by_eight[p->rows - 1](p, k, c, stop);
        for (; k < p->k; k++)
            by_one[p->rows - 1](p, k, c, stop);
        for (int64_t r = 0; r < p->rows; r++) {
            float *y = p->y + r * p->y_ld;
            for (int64_t i = c; i < stop; i++) {
                float v = y[i] + (p->bias != NULL ? p->bias[i] : 0.0f);
                y[i] = p->relu && v < 0.0f ? 0.0f : v;
            }
        }
    }
}
