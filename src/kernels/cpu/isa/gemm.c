/* General matrix product in blocks packed for the caches. */
#include "kernels/cpu/isa/kernels.h"

#if L_ == 16
enum { MR = 12, NV = 2 };
#elif L_ == 8
enum { MR = 6, NV = 2 };
#elif L_ == 4
enum { MR = 4, NV = 2 };
#else
enum { MR = 2, NV = 4 };
#endif

/* NR columns of a tile. Blocks: MC * KC floats of A for the second cache, KC * NR of B for the
 * first, KC * NC of B. */
enum { NR = NV * L_, MC = 96, KC = 256, NC = 512 };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t CN__FN(sgemm_scratch)(int64_t m, int64_t n, int64_t k)
{
    int64_t kc = least(k, KC);
    return kc * (least(cn__units(m, MR) * MR, MC) + least(cn__units(n, NR) * NR, NC)) + 16;
}

/* a[k][MR] for mc rows of op(A), tile by tile, zero beyond the last row. */
static void pack_a(const cn__sgemm *p, int64_t i0, int64_t mc, int64_t k0, int64_t kc, float *a)
{
    int64_t si = p->trans_a ? 1 : p->lda, sk = p->trans_a ? p->lda : 1;
    for (int64_t i = 0; i < mc; i += MR, a += MR * kc) {
        const float *s = p->a + (i0 + i) * si + k0 * sk;
        int64_t rows = least(MR, mc - i);
        if (rows == MR && si == 1) {
            for (int64_t k = 0; k < kc; k++)
                memcpy(a + k * MR, s + k * sk, MR * sizeof *a);
        } else if (rows == MR) {
            for (int64_t k = 0; k < kc; k++)
                for (int j = 0; j < MR; j++)
                    a[k * MR + j] = s[j * si + k];
        } else {
            for (int64_t k = 0; k < kc; k++)
                for (int64_t j = 0; j < MR; j++)
                    a[k * MR + j] = j < rows ? s[j * si + k * sk] : 0.0f;
        }
    }
}

/* b[k][NR] for nc columns of op(B), tile by tile, zero beyond the last column. */
static void pack_b(const cn__sgemm *p, int64_t j0, int64_t nc, int64_t k0, int64_t kc, float *b)
{
    int64_t sj = p->trans_b ? p->ldb : 1, sk = p->trans_b ? 1 : p->ldb;
    for (int64_t j = 0; j < nc; j += NR, b += NR * kc) {
        const float *s = p->b + (j0 + j) * sj + k0 * sk;
        int64_t cols = least(NR, nc - j), k = 0;
        if (cols == NR && sj == 1) {
            for (; k < kc; k++)
                memcpy(b + k * NR, s + k * sk, NR * sizeof *b);
#if L_ >= 8
        } else if (cols == NR && sk == 1) {
            for (; k + 16 <= kc; k += 16)
                for (int h = 0; h < NR; h += 16)
                    transpose16(s + h * sj + k, sj, b + k * NR + h, NR);
#endif
        }
        for (; k < kc; k++)
            for (int64_t c = 0; c < NR; c++)
                b[k * NR + c] = c < cols ? s[c * sj + k * sk] : 0.0f;
    }
}

/* t[MR][NR] = a[kc][MR]^T . b[kc][NR], times alpha; then c = t + beta c, where beta 0 does not read
 * c. */
static NOINLINE void tile(int64_t kc, const float *a, const float *b, float alpha, float beta,
                          float *c, int64_t ldc)
{
    vf s[MR][NV];
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int v = 0; v < NV; v++) s[i][v] =
        cn__splat(0.0f);
    for (int64_t k = 0; k < kc; k++, a += MR, b += NR) {
        vf e[NV];
        UNROLL for (int v = 0; v < NV; v++) e[v] = cn__load(b + v * L_);
        UNROLL for (int i = 0; i < MR; i++)
        {
            vf f = cn__splat(a[i]);
            UNROLL for (int v = 0; v < NV; v++) s[i][v] = cn__fma(f, e[v], s[i][v]);
        }
    }
    vf al = cn__splat(alpha), be = cn__splat(beta);
    if (beta == 0.0f) {
        UNROLL for (int i = 0; i < MR; i++) UNROLL for (int v = 0; v < NV; v++)
            cn__store(c + i * ldc + v * L_, al * s[i][v]);
    } else {
        UNROLL for (int i = 0; i < MR; i++) UNROLL for (int v = 0; v < NV; v++) cn__store(
            c + i * ldc + v * L_, cn__fma(be, cn__load(c + i * ldc + v * L_), al * s[i][v]));
    }
}

/* A tile that sticks out of C goes through a copy. */
static void edge_tile(int64_t kc, const float *a, const float *b, float alpha, float beta, float *c,
                      int64_t ldc, int64_t rows, int64_t cols)
{
    float t[MR * NR] = {0};
    for (int64_t i = 0; i < rows && beta != 0.0f; i++)
        memcpy(t + i * NR, c + i * ldc, (size_t)cols * sizeof *c);
    tile(kc, a, b, alpha, beta, t, NR);
    for (int64_t i = 0; i < rows; i++)
        memcpy(c + i * ldc, t + i * NR, (size_t)cols * sizeof *c);
}

static void scale_c(const cn__sgemm *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++)
            p->c[i * p->ldc + j] = p->beta == 0.0f ? 0.0f : p->beta * p->c[i * p->ldc + j];
}

void CN__FN(sgemm)(const cn__sgemm *p, float *scratch)
{
    if (p->k == 0)
        scale_c(p);
    float *a = scratch, *b = scratch + least(cn__units(p->m, MR) * MR, MC) * least(p->k, KC);
    b += (16 - (b - scratch) % 16) % 16;
    for (int64_t j = 0; j < p->n; j += NC) {
        int64_t nc = least(NC, p->n - j);
        for (int64_t k = 0; k < p->k; k += KC) {
            int64_t kc = least(KC, p->k - k);
            float beta = k == 0 ? p->beta : 1.0f;
            pack_b(p, j, nc, k, kc, b);
            for (int64_t i = 0; i < p->m; i += MC) {
                int64_t mc = least(MC, p->m - i);
                pack_a(p, i, mc, k, kc, a);
                for (int64_t jj = 0; jj < nc; jj += NR)
                    for (int64_t ii = 0; ii < mc; ii += MR) {
                        float *c = p->c + (i + ii) * p->ldc + j + jj;
                        int64_t rows = least(MR, mc - ii), cols = least(NR, nc - jj);
                        if (rows == MR && cols == NR)
                            tile(kc, a + ii * kc, b + jj * kc, p->alpha, beta, c, p->ldc);
                        else
                            edge_tile(kc, a + ii * kc, b + jj * kc, p->alpha, beta, c, p->ldc, rows,
                                      cols);
                    }
            }
        }
    }
}
