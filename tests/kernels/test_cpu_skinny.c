/* Skinny dense layers, gemv and sgemm against plain double loops, under every instruction set. */
#include "cpu_test.h"

static double tolerance(int64_t k)
{
    return 1.2e-7 * (2.0 + (double)k);
}

typedef struct shape {
    int64_t rows, k, n;
} shape;

static const shape shapes[] = {{1, 1, 1},     {9, 7, 3},   {17, 64, 16},
                               {33, 100, 10}, {8, 129, 5}, {3, 31, 15}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct layer {
    shape s;
    float *x, *w, *bias, *h, *dy, *y; /* ROW, x and h with a gap */
    float *xs, *hs, *dx;              /* x, h and dx in the layout under test */
    float *wt;
    int64_t stride, ld;
    int layout;
} layer;

static void make(layer *l, const cn__cpu *cpu, shape s, int layout)
{
    int p16 = layout == CN__LAYOUT_P16;
    l->s = s;
    l->layout = layout;
    l->stride = p16 ? cn__p16_stride(s.rows) : s.k + 2;
    l->ld = cn__wt_stride(s.k);
    int64_t size = p16 ? cn__p16_size(s.rows, s.k) : s.rows * l->stride;
    l->x = test_array(s.rows * s.k);
    l->h = test_array(s.rows * s.k);
    l->w = test_array(s.k * s.n);
    l->bias = test_array(s.n);
    l->dy = test_array(s.rows * s.n);
    l->y = test_array(s.rows * s.n);
    l->xs = test_array(size);
    l->hs = test_array(size);
    l->dx = test_fill(size, 0);
    l->wt = test_array(cn__wt_size(s.k, s.n));
    cpu->pack_wt(l->w, s.n, s.k, s.n, l->wt, l->ld, 0, cn__units(s.k, CN__UNIT_K));
    if (p16) {
        cpu->pack_p16(l->x, s.k, s.rows, s.k, l->xs, l->stride, 0, cn__units(s.k, 16));
        cpu->pack_p16(l->h, s.k, s.rows, s.k, l->hs, l->stride, 0, cn__units(s.k, 16));
    }
    for (int64_t r = 0; r < s.rows && !p16; r++) {
        memcpy(l->xs + r * l->stride, l->x + r * s.k, (size_t)s.k * sizeof(float));
        memcpy(l->hs + r * l->stride, l->h + r * s.k, (size_t)s.k * sizeof(float));
    }
}

static void drop(layer *l)
{
    float *all[] = {l->x, l->w, l->bias, l->h, l->dy, l->y, l->xs, l->hs, l->dx, l->wt};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void check_forward(const cn__cpu *cpu, layer *l)
{
    shape s = l->s;
    cn__skinny_fwd f = {s.rows, s.k,   s.n,     l->xs, l->layout, l->stride,
                        l->wt,  l->ld, l->bias, l->y,  s.n,       1};
    int64_t units = cn__units(s.rows, CN__UNIT_ROWS);
    cpu->skinny_forward(&f, 0, units);
    for (int64_t r = 0; r < s.rows; r++)
        for (int64_t c = 0; c < s.n; c++) {
            double want = l->bias[c];
            for (int64_t k = 0; k < s.k; k++)
                want += (double)l->x[r * s.k + k] * l->w[k * s.n + c];
            ASSERT_CLOSE(l->y[r * s.n + c], want > 0 ? want : 0, tolerance(s.k));
        }
    float *again = test_array(s.rows * s.n);
    memcpy(again, l->y, (size_t)(s.rows * s.n) * sizeof *again);
    for (int64_t u = units - 1; u >= 0; u--)
        cpu->skinny_forward(&f, u, u + 1);
    ASSERT_SAME_BITS(again, l->y, s.rows * s.n);
    free(again);
}

static float at(const layer *l, const float *p, int64_t r, int64_t k)
{
    return l->layout == CN__LAYOUT_P16 ? p[k / 16 * l->stride + r * 16 + k % 16]
                                       : p[r * l->stride + k];
}

static void check_data(const cn__cpu *cpu, layer *l)
{
    shape s = l->s;
    cn__skinny_bwd_data d = {s.rows, s.k,   s.n,       l->dy, s.n,       l->wt,
                             l->ld,  l->hs, l->stride, l->dx, l->layout, l->stride};
    int64_t units = cn__units(s.rows, CN__UNIT_ROWS);
    int64_t size = l->layout == CN__LAYOUT_P16 ? cn__p16_size(s.rows, s.k) : s.rows * l->stride;
    cpu->skinny_backward_data(&d, 0, units);
    for (int64_t r = 0; r < s.rows; r++)
        for (int64_t k = 0; k < s.k; k++) {
            double want = 0;
            for (int64_t c = 0; c < s.n; c++)
                want += (double)l->dy[r * s.n + c] * l->w[k * s.n + c];
            ASSERT_CLOSE(at(l, l->dx, r, k), l->h[r * s.k + k] > 0 ? want : 0, tolerance(s.n));
        }
    /* Beside the columns there is zero, in padding and in gaps, which nobody wrote. */
    for (int64_t k = s.k; l->layout == CN__LAYOUT_P16 ? k % 16 != 0 : k < l->stride; k++)
        for (int64_t r = 0; r < s.rows; r++)
            ASSERT_CLOSE(at(l, l->dx, r, k), 0, 0);
    float *again = test_array(size);
    memcpy(again, l->dx, (size_t)size * sizeof *again);
    for (int64_t u = units - 1; u >= 0; u--)
        cpu->skinny_backward_data(&d, u, u + 1);
    ASSERT_SAME_BITS(again, l->dx, size);
    free(again);
}

/* The update w -= 0.5 g, on WT and on the bias. */
static void check_weights(const cn__cpu *cpu, layer *l)
{
    shape s = l->s;
    cn__ew e = {.n_in = 2, .n_out = 1, .n_step = 1, .n_const = 1, .constant = {-0.5f}};
    e.step[0] = (cn__ew_step){.op = CN__EW_FMA,
                              .dst = CN__EW_OUT(0),
                              .a = CN__EW_IN(0),
                              .b = CN__EW_CONST(0),
                              .c = CN__EW_IN(1)};
    int64_t size = cn__wt_size(s.k, s.n), units = cn__units(s.k, CN__UNIT_K);
    float *dw = test_array(s.k * s.n), *db = test_array(s.n), *w = test_array(size),
          *b = test_array(s.n);
    float *dt = test_fill(size, 0.25f), *w1 = test_array(size);
    memcpy(w, l->wt, (size_t)size * sizeof *w);
    memcpy(w1, l->wt, (size_t)size * sizeof *w);
    memcpy(b, l->bias, (size_t)s.n * sizeof *b);
    void *in[] = {NULL, w}, *out[] = {w}, *bin[] = {NULL, b}, *bout[] = {b};
    cn__skinny_bwd_weights g = {.rows = s.rows,
                                .k = s.k,
                                .n = s.n,
                                .x = l->xs,
                                .x_layout = l->layout,
                                .xs = l->stride,
                                .dy = l->dy,
                                .dy_ld = s.n,
                                .dw = dw,
                                .dw_layout = CN__LAYOUT_ROW,
                                .dw_ld = s.n,
                                .db = db,
                                .wt_ld = l->ld,
                                .update = {&e, in, out},
                                .bias_update = {&e, bin, bout}};
    cpu->skinny_backward_weights(&g, 0, units);
    for (int64_t c = 0; c < s.n; c++) {
        double want = 0;
        for (int64_t r = 0; r < s.rows; r++)
            want += l->dy[r * s.n + c];
        ASSERT_CLOSE(db[c], want, tolerance(s.rows));
        ASSERT_CLOSE(b[c], l->bias[c] - 0.5 * want, tolerance(s.rows));
        for (int64_t k = 0; k < s.k; k++) {
            want = 0;
            for (int64_t r = 0; r < s.rows; r++)
                want += (double)l->dy[r * s.n + c] * l->x[r * s.k + k];
            ASSERT_CLOSE(dw[k * s.n + c], want, tolerance(s.rows));
            ASSERT_CLOSE(w[c * l->ld + k], l->w[k * s.n + c] - 0.5 * want, tolerance(s.rows));
        }
    }
    in[1] = out[0] = w1;
    g.dw = dt;
    g.dw_layout = CN__LAYOUT_WT;
    g.dw_ld = l->ld;
    for (int64_t u = units - 1; u >= 0; u--)
        cpu->skinny_backward_weights(&g, u, u + 1);
    ASSERT_SAME_BITS(w, w1, size);
    for (int64_t i = 0; i < s.k * s.n; i++)
        assert_true(dt[i % s.n * l->ld + i / s.n] == dw[i]);
    free(dw);
    free(db);
    free(w);
    free(b);
    free(dt);
    free(w1);
}

static void test_skinny(void **state)
{
    (void)state;
    test_seed(21);
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < SHAPES; i++)
        for (int layout = CN__LAYOUT_ROW; layout <= CN__LAYOUT_P16; layout++) {
            layer l;
            make(&l, cpu, shapes[i], layout);
            check_forward(cpu, &l);
            check_data(cpu, &l);
            check_weights(cpu, &l);
            drop(&l);
        }
}

static void test_gemv(void **state)
{
    (void)state;
    test_seed(22);
    static const shape sizes[] = {{1, 1, 1},    {1, 37, 200}, {7, 16, 65}, {3, 9, 2100},
                                  {2, 100, 31}, {5, 8, 64},   {4, 3, 5},   {6, 21, 77}};
    FOR_EACH_ISA(cpu)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        shape s = sizes[i];
        int64_t units = cn__units(s.n, CN__UNIT_COLS), wl = s.n + 1;
        float *x = test_array(s.rows * s.k), *w = test_array(s.k * wl), *b = test_array(s.n);
        float *y = test_array(s.rows * s.n), *again = test_array(s.rows * s.n);
        if (s.k > 8) {
            x[5] = 0.0f; /* 0 * inf is NaN, which must not be lost */
            w[5 * wl] = INFINITY;
        }
        cn__gemv g = {s.rows, s.k, s.n, x, s.k, w, wl, b, y, s.n, 0};
        cpu->gemv(&g, 0, units);
        for (int64_t r = 0; r < s.rows; r++)
            for (int64_t c = 0; c < s.n; c++) {
                double want = b[c];
                for (int64_t k = 0; k < s.k; k++)
                    want += (double)x[r * s.k + k] * w[k * wl + c];
                if (isfinite(want))
                    ASSERT_CLOSE(y[r * s.n + c], want, tolerance(s.k));
                else
                    assert_int_equal(isnan(want) != 0, isnan(y[r * s.n + c]) != 0);
            }
        memcpy(again, y, (size_t)(s.rows * s.n) * sizeof *y);
        for (int64_t u = units - 1; u >= 0; u--)
            cpu->gemv(&g, u, u + 1);
        ASSERT_SAME_BITS(again, y, s.rows * s.n);
        free(x);
        free(w);
        free(b);
        free(y);
        free(again);
    }
}

static void check_sgemm(const cn__cpu *cpu, shape s, int how)
{
    int ta = how & 1, tb = how >> 1 & 1;
    float alpha = how & 4 ? -1.5f : 1.0f, beta = how & 8 ? 0.5f : 0.0f;
    int64_t lda = (ta ? s.rows : s.k) + 1, ldb = (tb ? s.k : s.n) + 2, ldc = s.n + 3;
    float *a = test_array(lda * (ta ? s.k : s.rows)), *b = test_array(ldb * (tb ? s.n : s.k));
    float *c = test_array(s.rows * ldc), *before = test_array(s.rows * ldc),
          *again = test_array(s.rows * ldc);
    float *scratch = test_array(cpu->sgemm_scratch(s.rows, s.n, s.k));
    if (beta == 0.0f)
        c[0] = NAN; /* must not be read */
    memcpy(before, c, (size_t)(s.rows * ldc) * sizeof *c);
    memcpy(again, c, (size_t)(s.rows * ldc) * sizeof *c);
    cn__sgemm g = {s.rows, s.n, s.k, alpha, beta, a, lda, ta, b, ldb, tb, c, ldc};
    cpu->sgemm(&g, scratch);
    for (int64_t i = 0; i < s.rows; i++) {
        for (int64_t j = 0; j < s.n; j++) {
            double want = 0;
            for (int64_t k = 0; k < s.k; k++)
                want +=
                    (double)a[ta ? k * lda + i : i * lda + k] * b[tb ? j * ldb + k : k * ldb + j];
            want = alpha * want + (beta == 0 ? 0 : beta * before[i * ldc + j]);
            ASSERT_CLOSE(c[i * ldc + j], want, 2 * tolerance(s.k));
        }
        ASSERT_SAME_BITS(c + i * ldc + s.n, before + i * ldc + s.n, 3);
    }
    /* Rows in two parts. */
    int64_t half = s.rows / 2 > 0 ? s.rows / 2 : s.rows;
    g.c = again;
    g.m = half;
    cpu->sgemm(&g, scratch);
    g.m = s.rows - half;
    g.a = ta ? a + half : a + half * lda;
    g.c = again + half * ldc;
    cpu->sgemm(&g, scratch);
    ASSERT_SAME_BITS(c, again, s.rows * ldc);
    float *all[] = {a, b, c, before, again, scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void test_sgemm(void **state)
{
    (void)state;
    test_seed(23);
    static const shape sizes[] = {{1, 1, 1},     {5, 7, 9}, {12, 16, 32}, {25, 300, 33},
                                  {100, 40, 70}, {3, 0, 4}, {13, 20, 530}};
    FOR_EACH_ISA(cpu)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int how = 0; how < 16; how++)
            check_sgemm(cpu, sizes[i], how);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skinny),
        cmocka_unit_test(test_gemv),
        cmocka_unit_test(test_sgemm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
