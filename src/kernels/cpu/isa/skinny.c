/* Dense layers of at most 16 units, with the weights transposed so that vectors run along the
 * inputs. */
#include "kernels/cpu/isa/kernels.h"

/* Where 16 columns of x from k on stand, and the way from row to row, in either layout. */
CN__INLINE const float *chunk_at(const float *x, int layout, int64_t stride, int64_t k)
{
    return layout == CN__LAYOUT_P16 ? x + k / 16 * stride : x + k;
}

CN__INLINE int64_t row_step(int layout, int64_t stride)
{
    return layout == CN__LAYOUT_P16 ? 16 : stride;
}

/* out[i * ys + t] = sum over k of x (R rows) . wt (T rows). */
#define DOT(R, T)                                                                                  \
    static NOINLINE void dot_##R##_##T(const cn__skinny_fwd *p, int64_t r, int64_t n, float *out)  \
    {                                                                                              \
        const float *w = p->wt + n * p->wt_ld;                                                     \
        int64_t step = row_step(p->x_layout, p->xs), ld = p->wt_ld, k = 0;                         \
        vf a[R][T];                                                                                \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int t = 0; t < T; t++) a[i][t] =            \
            cn__splat(0.0f);                                                                       \
        /* A P16 matrix is as wide as its panels, zeros beyond; so is WT. */                       \
        int64_t whole = p->x_layout == CN__LAYOUT_P16 ? cn__units(p->k, 16) * 16 : p->k / 16 * 16; \
        for (; k < whole; k += 16) {                                                               \
            const float *x = chunk_at(p->x, p->x_layout, p->xs, k) + r * step;                     \
            for (int c = 0; c < 16; c += L_) {                                                     \
                vf b[R];                                                                           \
                UNROLL for (int i = 0; i < R; i++) b[i] = cn__load(x + i * step + c);              \
                UNROLL for (int t = 0; t < T; t++)                                                 \
                {                                                                                  \
                    vf e = cn__load(w + t * ld + k + c);                                           \
                    UNROLL for (int i = 0; i < R; i++) a[i][t] = cn__fma(b[i], e, a[i][t]);        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        for (; k < p->k; k += L_) {                                                                \
            UNROLL for (int i = 0; i < R; i++)                                                     \
            {                                                                                      \
                vf b = load_to(p->x + (r + i) * step + k, p->k - k);                               \
                UNROLL for (int t = 0; t < T; t++) a[i][t] =                                       \
                    cn__fma(b, cn__load(w + t * ld + k), a[i][t]);                                 \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int t = 0; t < T; t++)                      \
            out[i * CN__SKINNY_MAX + n + t] = v_hsum(a[i][t]);                                     \
    }

#if L_ == 16
enum { DOT_R = 4 };
#define DOT_ALL(X) X(4, 4) X(4, 2) X(4, 1)
#elif L_ > 1
enum { DOT_R = 2 };
#define DOT_ALL(X) X(2, 4) X(2, 2) X(2, 1)
#else
enum { DOT_R = 2 };
#define DOT_ALL(X) X(2, 4) X(2, 2) X(2, 1)
#endif
DOT_ALL(DOT)
DOT(1, 4)
DOT(1, 2)
DOT(1, 1)

#define DOT_STEP(R, T)                                                                             \
    for (; n + T <= p->n; n += T)                                                                  \
        dot_##R##_##T(p, r, n, z);

static void dot_rows(const cn__skinny_fwd *p, int64_t r, int64_t count, float *z)
{
    int64_t n = 0;
    if (count == DOT_R) {
        DOT_ALL(DOT_STEP)
    } else {
        DOT_STEP(1, 4)
        DOT_STEP(1, 2)
        DOT_STEP(1, 1)
    }
}

void CN__FN(skinny_forward)(const cn__skinny_fwd *p, int64_t begin, int64_t end)
{
    int64_t last = end * CN__UNIT_ROWS < p->rows ? end * CN__UNIT_ROWS : p->rows;
    float z[DOT_R * CN__SKINNY_MAX];
    for (int64_t r = begin * CN__UNIT_ROWS, count; r < last; r += count) {
        count = r + DOT_R <= last ? DOT_R : 1;
        dot_rows(p, r, count, z);
        for (int64_t i = 0; i < count; i++)
            for (int64_t n = 0; n < p->n; n++) {
                float v = z[i * CN__SKINNY_MAX + n] + (p->bias != NULL ? p->bias[n] : 0.0f);
                p->y[(r + i) * p->y_ld + n] = p->relu && v < 0.0f ? 0.0f : v;
            }
    }
}

/* c[i][16] (columns of V vectors from 0 on) = sum over j < count of a[i * ai + j * aj] * b[j * bj +
 * column]. */
#define OUTER(R, V)                                                                                \
    static NOINLINE void outer_##R(const float *a, int64_t ai, int64_t aj, const float *b,         \
                                   int64_t bj, int64_t count, float *c)                            \
    {                                                                                              \
        vf s[R][V];                                                                                \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++) s[i][v] =            \
            cn__load(c + i * 16 + v * L_);                                                         \
        for (int64_t j = 0; j < count; j++, a += aj, b += bj) {                                    \
            vf e[V];                                                                               \
            UNROLL for (int v = 0; v < V; v++) e[v] = cn__load(b + v * L_);                        \
            UNROLL for (int i = 0; i < R; i++)                                                     \
            {                                                                                      \
                vf f = cn__splat(a[i * ai]);                                                       \
                UNROLL for (int v = 0; v < V; v++) s[i][v] = cn__fma(f, e[v], s[i][v]);            \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++)                      \
            cn__store(c + i * 16 + v * L_, s[i][v]);                                               \
    }

#if L_ == 16
enum { OUTER_V = 1 };
OUTER(8, 1)
OUTER(4, 1)
OUTER(2, 1)
OUTER(1, 1)
#elif L_ == 8
enum { OUTER_V = 2 };
OUTER(4, 2)
OUTER(2, 2)
OUTER(1, 2)
#else
enum { OUTER_V = 4 };
OUTER(2, 4)
OUTER(1, 4)
#endif

/* The same for any number of rows of c and its first `cols` columns, at most 16; b has those
 * columns only. */
static void outer(int64_t rows, const float *a, int64_t ai, int64_t aj, const float *b, int64_t bj,
                  int64_t cols, int64_t count, float *c)
{
    for (int64_t i = 0; i < rows && cols < 16; i++)
        for (int64_t j = 0; j < count; j++)
            for (int64_t k = 0; k < cols; k++)
                c[i * 16 + k] = fma1(a[i * ai + j * aj], b[j * bj + k], c[i * 16 + k]);
    for (int at = 0; at < 16 && cols >= 16; at += OUTER_V * L_) {
        int64_t i = 0;
#define OUTER_STEP(R)                                                                              \
    for (; i + R <= rows; i += R)                                                                  \
        outer_##R(a + i * ai, ai, aj, b + at, bj, count, c + i * 16 + at);
#if L_ == 16
        OUTER_STEP(8)
#endif
#if L_ >= 8
        OUTER_STEP(4)
#endif
        OUTER_STEP(2)
        OUTER_STEP(1)
    }
}

/* One row of 16 columns: dx = c where h > 0, the columns from `cols` on zero. */
CN__INLINE void put_row(const float *c, const float *h, float *dx, int64_t cols, int64_t wide)
{
    if (cols == 16) {
        for (int j = 0; j < 16; j += L_) {
            vf v = cn__load(c + j);
            cn__store(dx + j, h != NULL ? v_keep(v_lt(cn__splat(0.0f), cn__load(h + j)), v) : v);
        }
        return;
    }
    for (int64_t j = 0; j < wide; j++)
        dx[j] = j < cols && (h == NULL || h[j] > 0.0f) ? c[j] : 0.0f;
}

void CN__FN(skinny_backward_data)(const cn__skinny_bwd_data *p, int64_t begin, int64_t end)
{
    int64_t last = end * CN__UNIT_ROWS < p->rows ? end * CN__UNIT_ROWS : p->rows;
    int64_t step = row_step(p->x_layout, p->dxs), hstep = row_step(p->x_layout, p->hs);
    for (int64_t k = 0; k < p->k; k += 16) {
        int64_t cols = p->k - k < 16 ? p->k - k : 16;
        float *dx = (float *)chunk_at(p->dx, p->x_layout, p->dxs, k);
        const float *h = p->h != NULL ? chunk_at(p->h, p->x_layout, p->hs, k) : NULL;
        int64_t wide = p->x_layout == CN__LAYOUT_P16 ? 16 : cols;
        for (int64_t r = begin * CN__UNIT_ROWS; r < last; r += CN__UNIT_ROWS) {
            int64_t rows = last - r < CN__UNIT_ROWS ? last - r : CN__UNIT_ROWS;
            float c[CN__UNIT_ROWS * 16] = {0};
            /* WT is padded to whole chunks. */
            outer(rows, p->dy + r * p->dy_ld, p->dy_ld, 1, p->wt + k, p->wt_ld, 16, p->n, c);
            for (int64_t i = 0; i < rows; i++)
                put_row(c + i * 16, h != NULL ? h + (r + i) * hstep : NULL, dx + (r + i) * step,
                        cols, wide);
        }
    }
}

static float *weight_at(const cn__skinny_bwd_weights *p, int64_t k, int64_t n)
{
    return p->dw_layout == CN__LAYOUT_WT ? p->dw + n * p->dw_ld + k : p->dw + k * p->dw_ld + n;
}

/* g[n][64]: the gradient for 64 k, or the rest. */
static void weights_block(const cn__skinny_bwd_weights *p, int64_t k0, int64_t len, float *g)
{
    for (int64_t j = 0; j < len; j += 16) {
        float c[CN__SKINNY_MAX * 16] = {0};
        int64_t cols = len - j < 16 ? len - j : 16, k = k0 + j;
        int64_t wide = p->x_layout == CN__LAYOUT_P16 ? 16 : cols;
        for (int64_t n = 0; p->accumulate && p->dw != NULL && n < p->n; n++)
            for (int64_t i = 0; i < cols; i++)
                c[n * 16 + i] = *weight_at(p, k + i, n);
        outer(p->n, p->dy, 1, p->dy_ld, chunk_at(p->x, p->x_layout, p->xs, k),
              row_step(p->x_layout, p->xs), wide, p->rows, c);
        for (int64_t n = 0; n < p->n; n++) {
            memcpy(g + n * CN__UNIT_K + j, c + n * 16, (size_t)cols * sizeof *g);
            for (int64_t i = 0; p->dw != NULL && i < cols; i++)
                *weight_at(p, k + i, n) = c[n * 16 + i];
        }
    }
}

static void skinny_bias(const cn__skinny_bwd_weights *p)
{
    float g[CN__SKINNY_MAX];
    for (int64_t n = 0; n < p->n; n++) {
        float s = 0.0f;
        for (int64_t r = 0; r < p->rows; r++)
            s += p->dy[r * p->dy_ld + n];
        if (p->db != NULL)
            p->db[n] = s += p->accumulate ? p->db[n] : 0.0f;
        g[n] = s;
    }
    if (p->bias_update.program != NULL)
        CN__FN(update_run)(&p->bias_update, g, 0, p->n);
}

void CN__FN(skinny_backward_weights)(const cn__skinny_bwd_weights *p, int64_t begin, int64_t end)
{
    float g[CN__SKINNY_MAX * CN__UNIT_K];
    adam_plan adam;
    int is_adam = p->update.program != NULL && CN__FN(adam_plan)(&p->update, &adam);
    for (int64_t u = begin; u < end; u++) {
        int64_t k = u * CN__UNIT_K, len = p->k - k < CN__UNIT_K ? p->k - k : CN__UNIT_K;
        if (p->dw != NULL || p->update.program != NULL)
            weights_block(p, k, len, g);
        for (int64_t n = 0; n < p->n; n++) {
            if (is_adam)
                CN__FN(adam_run)(&adam, g + n * CN__UNIT_K, n * p->wt_ld + k, len);
            else if (p->update.program != NULL)
                CN__FN(update_run)(&p->update, g + n * CN__UNIT_K, n * p->wt_ld + k, len);
        }
        if (u == 0 && (p->db != NULL || p->bias_update.program != NULL))
            skinny_bias(p);
    }
}
