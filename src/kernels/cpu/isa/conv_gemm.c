/* Matrix products for convolutions: register tiles over rows that are found through tables of
 * offsets. */
#include "conv_simd.h"

/* k steps over R rows and V vectors of a panel. `last` is the number of columns in the last vector.
 */
#define TILE_NN(R, V)                                                                              \
    static void nn_##R##x##V(const float *a, const int32_t *ao, int k, const float *b, float *c,   \
                             const int32_t *co, int last, int add)                                 \
    {                                                                                              \
        cn__vf t[R][V];                                                                            \
        const float *p[R];                                                                         \
        CN__UNROLL                                                                                 \
        for (int i = 0; i < R; i++) {                                                              \
            p[i] = a + ao[i];                                                                      \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V; j++)                                                            \
                t[i][j] = cn__splat(0);                                                            \
        }                                                                                          \
        if (add) {                                                                                 \
            CN__UNROLL                                                                             \
            for (int i = 0; i < R; i++) {                                                          \
                CN__UNROLL                                                                         \
                for (int j = 0; j < V - 1; j++)                                                    \
                    t[i][j] = cn__load(c + co[i] + j * LANES);                                     \
                t[i][V - 1] = load_n(c + co[i] + (V - 1) * LANES, last);                           \
            }                                                                                      \
        }                                                                                          \
        for (int s = 0; s < k; s++) {                                                              \
            cn__vf q[V];                                                                           \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V; j++)                                                            \
                q[j] = cn__load(b + (int64_t)s * V * LANES + j * LANES);                           \
            CN__UNROLL                                                                             \
            for (int i = 0; i < R; i++) {                                                          \
                cn__vf e = cn__splat(p[i][s]);                                                     \
                CN__UNROLL                                                                         \
                for (int j = 0; j < V; j++)                                                        \
                    t[i][j] = cn__fma(e, q[j], t[i][j]);                                           \
            }                                                                                      \
        }                                                                                          \
        CN__UNROLL                                                                                 \
        for (int i = 0; i < R; i++) {                                                              \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V - 1; j++)                                                        \
                cn__store(c + co[i] + j * LANES, t[i][j]);                                         \
            store_n(c + co[i] + (V - 1) * LANES, t[i][V - 1], last);                               \
        }                                                                                          \
    }

/* `rows` steps over R columns of A and V vectors of B; C is added to. */
#define TILE_TN(R, V)                                                                              \
    static void tn_##R##x##V(const float *a, const int32_t *ao, const float *b, const int32_t *bo, \
                             int rows, float *c, int ldc, int last)                                \
    {                                                                                              \
        cn__vf t[R][V];                                                                            \
        CN__UNROLL                                                                                 \
        for (int i = 0; i < R; i++) {                                                              \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V - 1; j++)                                                        \
                t[i][j] = cn__load(c + (int64_t)i * ldc + j * LANES);                              \
            t[i][V - 1] = load_n(c + (int64_t)i * ldc + (V - 1) * LANES, last);                    \
        }                                                                                          \
        for (int r = 0; r < rows; r++) {                                                           \
            const float *x = a + ao[r], *y = b + bo[r];                                            \
            cn__vf q[V];                                                                           \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V; j++)                                                            \
                q[j] = cn__load(y + j * LANES);                                                    \
            CN__UNROLL                                                                             \
            for (int i = 0; i < R; i++) {                                                          \
                cn__vf e = cn__splat(x[i]);                                                        \
                CN__UNROLL                                                                         \
                for (int j = 0; j < V; j++)                                                        \
                    t[i][j] = cn__fma(e, q[j], t[i][j]);                                           \
            }                                                                                      \
        }                                                                                          \
        CN__UNROLL                                                                                 \
        for (int i = 0; i < R; i++) {                                                              \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V - 1; j++)                                                        \
                cn__store(c + (int64_t)i * ldc + j * LANES, t[i][j]);                              \
            store_n(c + (int64_t)i * ldc + (V - 1) * LANES, t[i][V - 1], last);                    \
        }                                                                                          \
    }

#if LANES > 1 && LANES < 16
#define TILE_ROW(T, R) T(R, 1) T(R, 2)
#define TILE_NAMES(f, R)                                                                           \
    {                                                                                              \
        f##_##R##x1, f##_##R##x2                                                                   \
    }
#else
#define TILE_ROW(T, R) T(R, 1) T(R, 2) T(R, 3) T(R, 4)
#define TILE_NAMES(f, R)                                                                           \
    {                                                                                              \
        f##_##R##x1, f##_##R##x2, f##_##R##x3, f##_##R##x4                                         \
    }
#endif
#if LANES > 1
#define TILE_ALL(T)                                                                                \
    TILE_ROW(T, 1) TILE_ROW(T, 2) TILE_ROW(T, 3) TILE_ROW(T, 4) TILE_ROW(T, 5) TILE_ROW(T, 6)
#define TILE_TABLE(f)                                                                              \
    {                                                                                              \
        TILE_NAMES(f, 1), TILE_NAMES(f, 2), TILE_NAMES(f, 3), TILE_NAMES(f, 4), TILE_NAMES(f, 5),  \
            TILE_NAMES(f, 6)                                                                       \
    }
#else
#define TILE_ALL(T) TILE_ROW(T, 1) TILE_ROW(T, 2) TILE_ROW(T, 3) TILE_ROW(T, 4)
#define TILE_TABLE(f)                                                                              \
    {                                                                                              \
        TILE_NAMES(f, 1), TILE_NAMES(f, 2), TILE_NAMES(f, 3), TILE_NAMES(f, 4)                     \
    }
#endif

TILE_ALL(TILE_NN)
TILE_ALL(TILE_TN)

typedef void nn_tile(const float *a, const int32_t *ao, int k, const float *b, float *c,
                     const int32_t *co, int last, int add);
typedef void tn_tile(const float *a, const int32_t *ao, const float *b, const int32_t *bo, int rows,
                     float *c, int ldc, int last);
static nn_tile *const nn_tiles[TILE_ROWS][TILE_VECTORS] = TILE_TABLE(nn);
static tn_tile *const tn_tiles[TILE_ROWS][TILE_VECTORS] = TILE_TABLE(tn);

/* Rows are shared out evenly: 25 rows are five tiles of 5, not four of 6 and a lonely one that
 * waits for its sums. */
void gemm_nn(const float *a, const int32_t *ao, int rows, int k, const float *b, int n, float *c,
             const int32_t *co, int add)
{
    int tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int j = 0; j < n; j += PANEL) {
        int width = least(n - j, PANEL), vectors = (width + LANES - 1) / LANES;
        int last = width - (vectors - 1) * LANES;
        for (int t = 0, r = 0; t < tiles; t++) {
            int m = (rows - r + tiles - t - 1) / (tiles - t);
            nn_tiles[m - 1][vectors - 1](a, ao + r, k, b + (int64_t)k * j, c + j, co + r, last,
                                         add);
            r += m;
        }
    }
}

void gemm_tn(const float *a, const int32_t *ao, const float *b, const int32_t *bo, int rows, int m,
             int n, float *c, int ldc)
{
    int tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
    for (int j = 0; j < n; j += PANEL) {
        int width = least(n - j, PANEL), vectors = (width + LANES - 1) / LANES;
        int last = width - (vectors - 1) * LANES;
        for (int t = 0, i = 0; t < tiles; t++) {
            int h = (m - i + tiles - t - 1) / (tiles - t);
            tn_tiles[h - 1][vectors - 1](a + i, ao, b + j, bo, rows, c + (int64_t)i * ldc + j, ldc,
                                         last);
            i += h;
        }
    }
}

int64_t packed_nn(int k, int n)
{
    return (int64_t)k * round_up(n, LANES);
}

void pack_nn(const float *w, int ld, int k, int n, float *packed, int begin, int end)
{
    for (int j = begin; j < end; j += PANEL) {
        int width = least(n - j, PANEL), full = width / LANES * LANES;
        int padded = round_up(width, LANES);
        float *q = packed + (int64_t)k * j;
        for (int i = 0; i < k; i++, q += padded) {
            const float *p = w + (int64_t)i * ld + j;
            for (int v = 0; v < full; v += LANES)
                cn__store(q + v, cn__load(p + v));
            if (full < width)
                cn__store(q + full, load_n(p + full, width - full));
        }
    }
}

void transpose_nn(const float *w, int ld, int k, int n, float *packed)
{
    for (int j = 0; j < n; j += PANEL) {
        int width = least(n - j, PANEL), padded = round_up(width, LANES);
        float *q = packed + (int64_t)k * j;
        for (int v = 0; v < padded; v++)
            for (int i = 0; i < k; i++)
                q[(int64_t)i * padded + v] = v < width ? w[(int64_t)(j + v) * ld + i] : 0;
    }
}
