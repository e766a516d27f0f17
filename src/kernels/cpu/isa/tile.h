/* The register tile under the products with panels: R rows of a P16 matrix times V vectors of
 * columns. */
#ifndef CN_KERNELS_CPU_ISA_TILE_H
#define CN_KERNELS_CPU_ISA_TILE_H

#include "kernels/cpu/isa/vec.h"

/* Vectors of columns in a tile, and the rows of the largest tile: as many accumulators as the
 * registers hold beside a row of the second factor and a splat. */
#if L_ == 16
enum { TILE_V = 2, TILE_R = 12 };
#elif L_ == 8
enum { TILE_V = 2, TILE_R = 6 };
#elif L_ == 4
enum { TILE_V = 2, TILE_R = 4 };
#else
enum { TILE_V = 4, TILE_R = 2 };
#endif

enum { TILE_C = TILE_V * L_ }; /* columns of a tile */

/* What happens to a tile before and after the sum over a block of k. */
typedef struct tile_end {
    int first; /* start from zero, else from y */
    int last;  /* finish with bias, relu, mask */
    int relu;
    const float *bias; /* a row of the tile's columns, or NULL */
    const float *mask; /* like y, kept where > 0, or NULL */
    int64_t mask_v;    /* floats from one vector of columns of the mask to the next */
} tile_end;

/* y (R rows, stride 16; V vectors, stride yv) += x (R rows of a P16 matrix from a whole panel on) .
 * w (k rows, stride 32). */
#define TILE(R, V)                                                                                 \
    static NOINLINE void tile_##R##_##V(const float *x, int64_t xps, const float *w, int64_t k,    \
                                        float *y, int64_t yv, const tile_end *e)                   \
    {                                                                                              \
        vf a[R][V];                                                                                \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++) a[i][v] =            \
            e->first ? cn__splat(0.0f) : cn__load(y + i * 16 + v * yv);                            \
        for (; k > 0; k -= 16, x += xps) {                                                         \
            const float *p = x, *end = x + (k < 16 ? k : 16);                                      \
            for (; p < end; p++, w += 32) {                                                        \
                vf b[V];                                                                           \
                UNROLL for (int v = 0; v < V; v++) b[v] = cn__load(w + v * L_);                    \
                UNROLL for (int i = 0; i < R; i++)                                                 \
                {                                                                                  \
                    vf s = cn__splat(p[i * 16]);                                                   \
                    UNROLL for (int v = 0; v < V; v++) a[i][v] = cn__fma(s, b[v], a[i][v]);        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        if (e->last && e->bias != NULL)                                                            \
            UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++) a[i][v] +=       \
                cn__load(e->bias + v * L_);                                                        \
        if (e->last && e->relu)                                                                    \
            UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++) a[i][v] =        \
                cn__max(cn__splat(0.0f), a[i][v]);                                                 \
        if (e->last && e->mask != NULL)                                                            \
            UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++) a[i][v] =        \
                v_keep(v_lt(cn__splat(0.0f), cn__load(e->mask + i * 16 + v * e->mask_v)),          \
                       a[i][v]);                                                                   \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++)                      \
            cn__store(y + i * 16 + v * yv, a[i][v]);                                               \
    }

/* All rows, by tiles of falling height. */
#define ROWS_STEP(R, V)                                                                            \
    for (; r + R <= rows; r += R) {                                                                \
        tile_end t = *e;                                                                           \
        if (t.mask != NULL)                                                                        \
            t.mask += r * 16;                                                                      \
        tile_##R##_##V(x + r * 16, xps, w, k, y + r * 16, yv, &t);                                 \
    }

#define ROWS(V, STEPS)                                                                             \
    CN__INLINE void rows_##V(int64_t rows, const float *x, int64_t xps, const float *w, int64_t k, \
                             float *y, int64_t yv, const tile_end *e)                              \
    {                                                                                              \
        int64_t r = 0;                                                                             \
        STEPS                                                                                      \
    }

#if L_ == 16
TILE(12, 2)
TILE(8, 2)
TILE(4, 2)
TILE(2, 2)
TILE(1, 2)
TILE(12, 1)
TILE(4, 1)
TILE(1, 1)
ROWS(2, ROWS_STEP(12, 2) ROWS_STEP(8, 2) ROWS_STEP(4, 2) ROWS_STEP(2, 2) ROWS_STEP(1, 2))
ROWS(1, ROWS_STEP(12, 1) ROWS_STEP(4, 1) ROWS_STEP(1, 1))
#elif L_ == 8
TILE(6, 2)
TILE(4, 2)
TILE(2, 2)
TILE(1, 2)
ROWS(2, ROWS_STEP(6, 2) ROWS_STEP(4, 2) ROWS_STEP(2, 2) ROWS_STEP(1, 2))
#elif L_ == 4
TILE(4, 2)
TILE(2, 2)
TILE(1, 2)
ROWS(2, ROWS_STEP(4, 2) ROWS_STEP(2, 2) ROWS_STEP(1, 2))
#else
TILE(2, 4)
TILE(1, 4)
ROWS(4, ROWS_STEP(2, 4) ROWS_STEP(1, 4))
#endif

/* y (rows, 16 * panels; P16 with stride yps, 1 or 2 panels) from x (rows, k) and w (k, 32): all
 * tiles of one block of k. The bias is a row of 32, the mask a P16 matrix with stride mps. */
CN__INLINE void panel_product(int64_t rows, const float *x, int64_t xps, const float *w, int64_t k,
                              float *y, int64_t yps, int panels, const tile_end *e, int64_t mps)
{
    tile_end t = *e;
#if L_ == 16
    t.mask_v = mps;
    if (panels == 2)
        rows_2(rows, x, xps, w, k, y, yps, &t);
    else
        rows_1(rows, x, xps, w, k, y, yps, &t);
#else
    t.mask_v = L_;
    for (int c = 0; c < 16 * panels; c += TILE_C) {
        t.bias = e->bias != NULL ? e->bias + c : NULL;
        t.mask = e->mask != NULL ? e->mask + c / 16 * mps + c % 16 : NULL;
        float *d = y + c / 16 * yps + c % 16;
#if L_ == 1
        rows_4(rows, x, xps, w + c, k, d, L_, &t);
#else
        rows_2(rows, x, xps, w + c, k, d, L_, &t);
#endif
    }
#endif
}

/* Sets the columns from `cols` on of the last panel to zero. */
CN__INLINE void zero_pad(float *panel, int64_t rows, int64_t cols)
{
    int from = (int)(cols % 16);
    for (int64_t r = 0; from != 0 && r < rows; r++)
        for (int c = from; c < 16; c++)
            panel[r * 16 + c] = 0.0f;
}

/* Blocks of at most 128, of equal length but for the last, each a multiple of 16. */
CN__INLINE int64_t even_block(int64_t n)
{
    int64_t blocks = cn__units(n, 128);
    return blocks == 0 ? 16 : cn__units(cn__units(n, blocks), 16) * 16;
}

#endif
