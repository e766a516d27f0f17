/* Dense layers on panels against plain double loops, under every instruction set and any split into
 * units. */
#include "cpu_test.h"

typedef struct shape {
    int64_t rows, k, n;
} shape;

static const shape shapes[] = {{1, 1, 1},    {3, 5, 7},      {12, 16, 32}, {13, 37, 33},
                               {31, 64, 48}, {129, 130, 65}, {5, 300, 17}, {26, 145, 96}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* A dense layer with its arrays in both forms; the panels hold random numbers where they must be
 * overwritten. */
typedef struct layer {
    shape s;
    float *x, *w, *bias, *h, *dy;         /* ROW */
    float *xp, *wp, *yp, *hp, *dyp, *dxp; /* P16 and W32 */
    int64_t xps, ws;
} layer;

static void make(layer *l, const cn__cpu *cpu, shape s)
{
    l->s = s;
    l->xps = cn__p16_stride(s.rows);
    l->ws = cn__w32_stride(s.k);
    l->x = test_array(s.rows * s.k);
    l->w = test_array(s.k * s.n);
    l->bias = test_array(s.n);
    l->h = test_array(s.rows * s.k);
    l->dy = test_array(s.rows * s.n);
    l->xp = test_array(cn__p16_size(s.rows, s.k));
    l->hp = test_array(cn__p16_size(s.rows, s.k));
    l->dxp = test_array(cn__p16_size(s.rows, s.k));
    l->yp = test_array(cn__p16_size(s.rows, s.n));
    l->dyp = test_array(cn__p16_size(s.rows, s.n));
    l->wp = test_array(cn__w32_size(s.k, s.n));
    cpu->pack_p16(l->x, s.k, s.rows, s.k, l->xp, l->xps, 0, cn__units(s.k, 16));
    cpu->pack_p16(l->h, s.k, s.rows, s.k, l->hp, l->xps, 0, cn__units(s.k, 16));
    cpu->pack_p16(l->dy, s.n, s.rows, s.n, l->dyp, l->xps, 0, cn__units(s.n, 16));
    cpu->pack_w32(l->w, s.n, s.k, s.n, l->wp, l->ws, 0, cn__units(s.n, 32));
}

static void drop(layer *l)
{
    float *all[] = {l->x, l->w, l->bias, l->h, l->dy, l->xp, l->wp, l->yp, l->hp, l->dyp, l->dxp};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static float panel(const float *p, int64_t ps, int64_t r, int64_t c)
{
    return p[c / 16 * ps + r * 16 + c % 16];
}

static void assert_padding(const cn__cpu *cpu, const float *p, int64_t ps, int64_t rows,
                           int64_t cols)
{
    for (int64_t c = cols; c % 16 != 0; c++)
        for (int64_t r = 0; r < rows; r++)
            ASSERT_CLOSE(panel(p, ps, r, c), 0, 0);
}

/* Sums of k products of numbers below 1: k roundings of partial sums of about sqrt(k) / 3, which
 * mostly cancel. */
static double tolerance(int64_t k)
{
    return 1.2e-7 * (2.0 + (double)k);
}

static double forward_at(const layer *l, int64_t r, int64_t c)
{
    double s = l->bias[c];
    for (int64_t k = 0; k < l->s.k; k++)
        s += (double)l->x[r * l->s.k + k] * l->w[k * l->s.n + c];
    return s;
}

static void check_forward(const cn__cpu *cpu, shape s)
{
    layer l;
    make(&l, cpu, s);
    int64_t units = cn__units(s.n, 32), size = cn__p16_size(s.rows, s.n);
    cn__dense_fwd f = {.rows = s.rows,
                       .k = s.k,
                       .n = s.n,
                       .x = l.xp,
                       .xps = l.xps,
                       .w = l.wp,
                       .ws = l.ws,
                       .bias = l.bias,
                       .y = l.yp,
                       .yps = l.xps};
    for (f.relu = 0; f.relu < 2; f.relu++) {
        cpu->dense_forward(&f, 0, units);
        for (int64_t r = 0; r < s.rows; r++)
            for (int64_t c = 0; c < s.n; c++) {
                double want = forward_at(&l, r, c);
                ASSERT_CLOSE(panel(l.yp, l.xps, r, c), f.relu && want < 0 ? 0 : want,
                             tolerance(s.k));
            }
        assert_padding(cpu, l.yp, l.xps, s.rows, s.n);
    }
    float *again = test_array(size);
    memcpy(again, l.yp, (size_t)size * sizeof *again);
    f.relu = 1;
    for (int64_t u = units - 1; u >= 0; u--)
        cpu->dense_forward(&f, u, u + 1);
    ASSERT_SAME_BITS(again, l.yp, size);
    free(again);
    drop(&l);
}

static void test_forward(void **state)
{
    (void)state;
    test_seed(11);
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < SHAPES; i++)
        check_forward(cpu, shapes[i]);
}

/* The tail y' = (y - mean[c]) * scale[r] * 2 + residual, and a mask y' > 0 as bool. */
static void test_tail(void **state)
{
    (void)state;
    test_seed(12);
    shape s = {13, 20, 41};
    cn__ew e = {.n_in = 5, .n_out = 2, .n_reg = 2, .n_step = 4, .n_const = 1, .constant = {0}};
    e.in_mode[1] = CN__EW_INNER;
    e.in_mode[2] = CN__EW_OUTER;
    e.in_mode[4] = CN__EW_SCALAR;
    e.out_type[1] = CN__EL_BOOL;
    e.step[0] = (cn__ew_step){.op = CN__EW_SUB, .dst = 0, .a = CN__EW_IN(0), .b = CN__EW_IN(1)};
    e.step[1] = (cn__ew_step){.op = CN__EW_MUL, .dst = 1, .a = CN__EW_IN(2), .b = CN__EW_IN(4)};
    e.step[2] =
        (cn__ew_step){.op = CN__EW_FMA, .dst = CN__EW_OUT(0), .a = 0, .b = 1, .c = CN__EW_IN(3)};
    e.step[3] = (cn__ew_step){
        .op = CN__EW_GT, .dst = CN__EW_OUT(1), .a = CN__EW_OUT(0), .b = CN__EW_CONST(0)};
    assert_int_equal(cn__ew_check(&e), 0);
    FOR_EACH_ISA(cpu)
    {
        layer l;
        make(&l, cpu, s);
        float *mean = test_array(s.n), *scale = test_array(s.rows), two = 2;
        int64_t size = cn__p16_size(s.rows, s.n);
        uint8_t *alive = malloc((size_t)size);
        assert_non_null(alive);
        void *in[] = {NULL, mean, scale, l.dyp, &two}, *out[] = {l.yp, alive};
        cn__dense_fwd f = {.rows = s.rows,
                           .k = s.k,
                           .n = s.n,
                           .x = l.xp,
                           .xps = l.xps,
                           .w = l.wp,
                           .ws = l.ws,
                           .bias = l.bias,
                           .y = l.yp,
                           .yps = l.xps,
                           .tail = {&e, in, out}};
        cpu->dense_forward(&f, 0, cn__units(s.n, 32));
        for (int64_t r = 0; r < s.rows; r++)
            for (int64_t c = 0; c < s.n; c++) {
                float got = panel(l.yp, l.xps, r, c);
                double want = (forward_at(&l, r, c) - mean[c]) * scale[r] * 2 + l.dy[r * s.n + c];
                ASSERT_CLOSE(got, want, 3 * tolerance(s.k));
                assert_int_equal(alive[c / 16 * l.xps + r * 16 + c % 16], got > 0);
            }
        assert_padding(cpu, l.yp, l.xps, s.rows, s.n);
        free(mean);
        free(scale);
        free(alive);
        drop(&l);
    }
}

static void check_data(const cn__cpu *cpu, shape s)
{
    layer l;
    make(&l, cpu, s);
    int64_t units = cn__units(s.k, 16), size = cn__p16_size(s.rows, s.k);
    cn__dense_bwd_data d = {.rows = s.rows,
                            .k = s.k,
                            .n = s.n,
                            .dy = l.dyp,
                            .dyps = l.xps,
                            .w = l.wp,
                            .ws = l.ws,
                            .hps = l.xps,
                            .dx = l.dxp,
                            .dxps = l.xps};
    for (int masked = 0; masked < 2; masked++) {
        d.h = masked ? l.hp : NULL;
        cpu->dense_backward_data(&d, 0, units);
        for (int64_t r = 0; r < s.rows; r++)
            for (int64_t k = 0; k < s.k; k++) {
                double want = 0;
                for (int64_t c = 0; c < s.n; c++)
                    want += (double)l.dy[r * s.n + c] * l.w[k * s.n + c];
                if (masked && !(l.h[r * s.k + k] > 0))
                    want = 0;
                ASSERT_CLOSE(panel(l.dxp, l.xps, r, k), want, tolerance(s.n));
            }
        assert_padding(cpu, l.dxp, l.xps, s.rows, s.k);
    }
    float *again = test_array(size);
    memcpy(again, l.dxp, (size_t)size * sizeof *again);
    for (int64_t u = units - 1; u >= 0; u--)
        cpu->dense_backward_data(&d, u, u + 1);
    ASSERT_SAME_BITS(again, l.dxp, size);
    if (units > 2) {
        cpu->dense_backward_data(&d, 1, units);
        ASSERT_SAME_BITS(again, l.dxp, size);
    }
    free(again);
    drop(&l);
}

static void test_data(void **state)
{
    (void)state;
    test_seed(13);
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < SHAPES; i++)
        check_data(cpu, shapes[i]);
}

static double weight_at(const layer *l, int64_t k, int64_t c)
{
    double s = 0;
    for (int64_t r = 0; r < l->s.rows; r++)
        s += (double)l->x[r * l->s.k + k] * l->dy[r * l->s.n + c];
    return s;
}

static double bias_at(const layer *l, int64_t c)
{
    double s = 0;
    for (int64_t r = 0; r < l->s.rows; r++)
        s += l->dy[r * l->s.n + c];
    return s;
}

static void check_weights(const cn__cpu *cpu, shape s)
{
    layer l;
    make(&l, cpu, s);
    int64_t units = cn__units(s.n, 32), size = cn__w32_size(s.k, s.n), ld = s.n + 3;
    float *dw = test_fill(size, 0), *rowwise = test_array(s.k * ld), *before = test_array(s.k * ld);
    float *db = test_array(s.n);
    cn__dense_bwd_weights g = {.rows = s.rows,
                               .k = s.k,
                               .n = s.n,
                               .x = l.xp,
                               .xps = l.xps,
                               .dy = l.dyp,
                               .dyps = l.xps,
                               .dw = dw,
                               .dw_layout = CN__LAYOUT_W32,
                               .dw_ld = l.ws,
                               .db = db};
    cpu->dense_backward_weights(&g, 0, units);
    memcpy(before, rowwise, (size_t)(s.k * ld) * sizeof *before);
    cn__dense_bwd_weights row = g;
    row.dw = rowwise;
    row.dw_layout = CN__LAYOUT_ROW;
    row.dw_ld = ld;
    row.accumulate = 1;
    float *twice = test_array(s.n);
    memcpy(twice, db, (size_t)s.n * sizeof *twice);
    row.db = twice;
    for (int64_t u = units - 1; u >= 0; u--)
        cpu->dense_backward_weights(&row, u, u + 1);
    for (int64_t c = 0; c < s.n; c++) {
        ASSERT_CLOSE(db[c], bias_at(&l, c), tolerance(s.rows));
        ASSERT_CLOSE(twice[c], 2 * bias_at(&l, c), 2 * tolerance(s.rows));
        for (int64_t k = 0; k < s.k; k++) {
            double want = weight_at(&l, k, c);
            ASSERT_CLOSE(dw[c / 32 * l.ws + k * 32 + c % 32], want, tolerance(s.rows));
            ASSERT_CLOSE(rowwise[k * ld + c], before[k * ld + c] + want, 2 * tolerance(s.rows));
        }
    }
    /* What lies beside a row is not touched. */
    for (int64_t k = 0; k < s.k; k++)
        ASSERT_SAME_BITS(rowwise + k * ld + s.n, before + k * ld + s.n, 3);
    float *again = test_array(size);
    memcpy(again, dw, (size_t)size * sizeof *again);
    for (int64_t u = units - 1; u >= 0; u--)
        cpu->dense_backward_weights(&g, u, u + 1);
    ASSERT_SAME_BITS(again, dw, size);
    free(dw);
    free(rowwise);
    free(before);
    free(db);
    free(twice);
    free(again);
    drop(&l);
}

static void test_weights(void **state)
{
    (void)state;
    test_seed(14);
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < SHAPES; i++)
        check_weights(cpu, shapes[i]);
}

/* Updates of weights and bias: plain Adam, which has a way of its own, and Adam of g + 0.1 w, which
 * has not. */
static cn__ew adam_program(int decay)
{
    cn__ew e = {.n_in = 5,
                .n_out = 3,
                .n_reg = 1,
                .n_step = 1,
                .n_const = 4,
                .constant = {0.1f, 0.001f, 1e-7f, 0.1f}};
    e.in_mode[4] = CN__EW_SCALAR;
    if (decay) {
        e.n_step = 2;
        e.step[0] = (cn__ew_step){
            .op = CN__EW_FMA, .dst = 0, .a = CN__EW_IN(3), .b = CN__EW_CONST(3), .c = CN__EW_IN(0)};
    }
    e.step[decay] = (cn__ew_step){
        CN__EW_ADAM,
        CN__EW_OUT(0),
        (uint8_t)(decay ? 0 : CN__EW_IN(0)),
        CN__EW_IN(1),
        CN__EW_IN(2),
        {CN__EW_IN(3), CN__EW_IN(4), CN__EW_CONST(0), CN__EW_CONST(1), CN__EW_CONST(2)},
        {CN__EW_OUT(1), CN__EW_OUT(2)}};
    assert_int_equal(cn__ew_check(&e), 0);
    return e;
}

static double adam(double g, double w, double m, double v, int decay)
{
    g += decay ? 0.1 * w : 0;
    m += (g - m) * 0.1;
    v += (g * g - v) * 0.001;
    return w - 0.01 * m / (sqrt(v) + 1e-7);
}

static void check_update(const cn__cpu *cpu, shape s, int decay)
{
    layer l;
    make(&l, cpu, s);
    int64_t units = cn__units(s.n, 32), size = cn__w32_size(s.k, s.n), packed = cn__units(s.n, 32);
    float *m = test_array(size), *v = test_array(size), *w = test_array(size), alpha = 0.01f;
    float *bm = test_array(s.n), *bv = test_array(s.n), *b = test_array(s.n);
    float *row = test_array(s.k * s.n), *w0 = test_array(size), *m0 = test_array(size),
          *v0 = test_array(size);
    for (int64_t i = 0; i < s.k * s.n; i++)
        row[i] = 0.5f + 0.4f * test_uniform();
    cpu->pack_w32(row, s.n, s.k, s.n, v, l.ws, 0, packed);
    cpu->pack_w32(row, s.n, s.k, s.n, m, l.ws, 0, packed);
    memcpy(w, l.wp, (size_t)size * sizeof *w);
    for (int64_t i = 0; i < s.n; i++) {
        bm[i] = 0.1f;
        bv[i] = 0.3f;
        b[i] = l.bias[i];
    }
    memcpy(w0, w, (size_t)size * sizeof *w);
    memcpy(m0, m, (size_t)size * sizeof *m);
    memcpy(v0, v, (size_t)size * sizeof *v);
    cn__ew e = adam_program(decay);
    void *in[] = {NULL, m, v, w, &alpha}, *out[] = {w, m, v};
    void *bin[] = {NULL, bm, bv, b, &alpha}, *bout[] = {b, bm, bv};
    cn__dense_bwd_weights g = {.rows = s.rows,
                               .k = s.k,
                               .n = s.n,
                               .x = l.xp,
                               .xps = l.xps,
                               .dy = l.dyp,
                               .dyps = l.xps,
                               .ws = l.ws,
                               .update = {&e, in, out},
                               .bias_update = {&e, bin, bout}};
    cpu->dense_backward_weights(&g, 0, units);
    for (int64_t c = 0; c < s.n; c++) {
        ASSERT_CLOSE(b[c], adam(bias_at(&l, c), l.bias[c], 0.1f, 0.3f, decay), 1e-6);
        for (int64_t k = 0; k < s.k; k++) {
            float at = row[k * s.n + c];
            double want = adam(weight_at(&l, k, c), l.w[k * s.n + c], at, at, decay);
            ASSERT_CLOSE(w[c / 32 * l.ws + k * 32 + c % 32], want, 1e-6);
        }
    }
    for (int64_t c = s.n; c % 32 != 0; c++)
        for (int64_t k = 0; k < s.k; k++)
            ASSERT_CLOSE(w[c / 32 * l.ws + k * 32 + c % 32], 0, 0);
    /* Unit by unit from the same start. */
    float *w1 = test_array(size);
    memcpy(w1, w, (size_t)size * sizeof *w1);
    memcpy(w, w0, (size_t)size * sizeof *w);
    memcpy(m, m0, (size_t)size * sizeof *m);
    memcpy(v, v0, (size_t)size * sizeof *v);
    for (int64_t u = units - 1; u >= 0; u--)
        cpu->dense_backward_weights(&g, u, u + 1);
    ASSERT_SAME_BITS(w1, w, size);
    float *all[] = {m, v, w, bm, bv, b, row, w0, m0, v0, w1};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    drop(&l);
}

static void test_update(void **state)
{
    (void)state;
    test_seed(15);
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < SHAPES; i++)
        for (int decay = 0; decay < 2; decay++)
            check_update(cpu, shapes[i], decay);
}

/* Infinities and NaN reach what they should, and nothing beside it, least of all the padding. */
static void test_exceptional(void **state)
{
    (void)state;
    test_seed(16);
    shape s = {14, 19, 21};
    FOR_EACH_ISA(cpu)
    {
        layer l;
        make(&l, cpu, s);
        l.xp[3 * 16 + 2] = INFINITY; /* row 3, k 2 */
        l.xp[5 * 16 + 1] = NAN;      /* row 5, k 1 */
        cn__dense_fwd f = {.rows = s.rows,
                           .k = s.k,
                           .n = s.n,
                           .x = l.xp,
                           .xps = l.xps,
                           .w = l.wp,
                           .ws = l.ws,
                           .y = l.yp,
                           .yps = l.xps,
                           .relu = 1};
        cpu->dense_forward(&f, 0, 1);
        for (int64_t r = 0; r < s.rows; r++)
            for (int64_t c = 0; c < s.n; c++) {
                float y = panel(l.yp, l.xps, r, c);
                if (r == 3)
                    assert_true(l.w[2 * s.n + c] > 0 ? y == INFINITY : y == 0);
                else
                    assert_int_equal(isnan(y) != 0, r == 5);
            }
        assert_padding(cpu, l.yp, l.xps, s.rows, s.n);
        l.dyp[7 * 16 + 4] = INFINITY;
        cn__dense_bwd_data d = {.rows = s.rows,
                                .k = s.k,
                                .n = s.n,
                                .dy = l.dyp,
                                .dyps = l.xps,
                                .w = l.wp,
                                .ws = l.ws,
                                .h = NULL,
                                .dx = l.dxp,
                                .dxps = l.xps};
        cpu->dense_backward_data(&d, 0, 2);
        for (int64_t r = 0; r < s.rows; r++)
            for (int64_t k = 0; k < s.k; k++)
                assert_int_equal(isinf(panel(l.dxp, l.xps, r, k)) != 0, r == 7);
        assert_padding(cpu, l.dxp, l.xps, s.rows, s.k);
        drop(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward), cmocka_unit_test(test_tail),
        cmocka_unit_test(test_data),    cmocka_unit_test(test_weights),
        cmocka_unit_test(test_update),  cmocka_unit_test(test_exceptional),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
