/* General convolutions in one to three dimensions, and pooling, against plain loops in double. */
#include "conv_test.h"

typedef struct nd_case {
    cn__convnd s;
    int images, ing, outg, taps;
    int64_t xn, yn, wn; /* floats of an image of x, of y, of the weights */
    float *x, *w, *bias, *dy;
    float *y, *dx, *dw, *db;
    double *ry, *rdx, *rdw, *rdb;
} nd_case;

static void case_free(nd_case *t)
{
    float *a[] = {t->x, t->w, t->bias, t->dy, t->y, t->dx, t->dw, t->db};
    double *b[] = {t->ry, t->rdx, t->rdw, t->rdb};
    for (int i = 0; i < 8; i++)
        free(a[i]);
    for (int i = 0; i < 4; i++)
        free(b[i]);
}

static double *doubles(int64_t n)
{
    double *p = calloc((size_t)(n > 0 ? n : 1), sizeof *p);
    assert_non_null(p);
    return p;
}

/* Random geometry; kind 0: one group, 1: groups, 2: depthwise, 3: one tap. */
static void case_make(nd_case *t, int exact, int kind)
{
    memset(t, 0, sizeof *t);
    cn__convnd *s = &t->s;
    int dims = random_int(1, 3), most = dims == 3 ? 6 : dims == 2 ? 13 : 150;
    for (int i = 0; i < 3; i++) {
        int used = i >= 3 - dims;
        s->kernel[i] = used && kind != 3 ? random_int(1, dims == 3 ? 3 : 5) : 1;
        s->stride[i] = used ? random_int(1, 3) : 1;
        s->dilation[i] = used && random_int(0, 2) == 0 ? random_int(1, 3) : 1;
        int least = (s->kernel[i] - 1) * s->dilation[i] + 1;
        s->in[i] = used ? random_int(least, least + most - 1) : 1;
    }
    s->groups = kind == 1 ? random_int(2, 4) : 1;
    s->cin = s->groups * random_channels(kind == 1 ? 20 : 70);
    s->cout = s->groups * random_channels(kind == 1 ? 40 : 70);
    if (kind == 2) {
        s->groups = s->cin;
        s->cout = s->cin * (random_int(0, 1) ? 1 : random_int(2, 3));
    }
    s->relu = random_int(0, 1);
    assert_int_equal(cn__convnd_init(s, random_int(0, 1)), 0);
    t->images = random_int(1, 4);
    t->ing = s->cin / s->groups;
    t->outg = s->cout / s->groups;
    t->taps = s->kernel[0] * s->kernel[1] * s->kernel[2];
    t->xn = (int64_t)s->in[0] * s->in[1] * s->in[2] * s->cin;
    t->yn = (int64_t)s->out[0] * s->out[1] * s->out[2] * s->cout;
    t->wn = (int64_t)t->taps * t->ing * s->cout;
    t->x = random_floats(t->xn * t->images, exact, 1);
    t->w = random_floats(t->wn, exact, 1);
    t->bias = random_int(0, 3) ? random_floats(s->cout, exact, 1) : NULL;
    t->dy = random_floats(t->yn * t->images, exact, 1);
    t->y = filled(t->yn * t->images, 77);
    t->dx = filled(t->xn * t->images, 77);
    t->dw = filled(t->wn, 0);
    t->db = filled(s->cout, 0);
    t->ry = doubles(t->yn * t->images);
    t->rdx = doubles(t->xn * t->images);
    t->rdw = doubles(t->wn);
    t->rdb = doubles(s->cout);
}

/* Input offset that output pixel o (of image n) reads at tap k, channel 0; or -1. */
static int64_t input_at(const cn__convnd *s, int64_t xn, int n, int o, int k)
{
    int oc[3] = {o / s->out[2] / s->out[1], o / s->out[2] % s->out[1], o % s->out[2]};
    int kc[3] = {k / s->kernel[2] / s->kernel[1], k / s->kernel[2] % s->kernel[1],
                 k % s->kernel[2]};
    int64_t at = 0;
    for (int i = 0; i < 3; i++) {
        int c = oc[i] * s->stride[i] - s->pad[i] + kc[i] * s->dilation[i];
        if (c < 0 || c >= s->in[i])
            return -1;
        at = at * s->in[i] + c;
    }
    return n * xn + at * s->cin;
}

static void reference(nd_case *t)
{
    const cn__convnd *s = &t->s;
    int pixels = s->out[0] * s->out[1] * s->out[2];
    for (int n = 0; n < t->images; n++)
        for (int o = 0; o < pixels; o++)
            for (int c = 0; c < s->cout; c++) {
                int64_t y = n * t->yn + (int64_t)o * s->cout + c;
                double sum = t->bias ? t->bias[c] : 0;
                for (int k = 0; k < t->taps; k++) {
                    int64_t in = input_at(s, t->xn, n, o, k);
                    for (int i = 0; in >= 0 && i < t->ing; i++)
                        sum += (double)t->x[in + c / t->outg * t->ing + i] *
                               t->w[((int64_t)k * t->ing + i) * s->cout + c];
                }
                t->ry[y] = s->relu && !(sum > 0) ? 0 : sum;
                double g = s->relu && !(t->y[y] > 0) ? 0 : t->dy[y];
                t->rdb[c] += g;
                for (int k = 0; k < t->taps; k++) {
                    int64_t in = input_at(s, t->xn, n, o, k);
                    for (int i = 0; in >= 0 && i < t->ing; i++) {
                        int64_t x = in + c / t->outg * t->ing + i;
                        int64_t w = ((int64_t)k * t->ing + i) * s->cout + c;
                        t->rdw[w] += g * t->x[x];
                        t->rdx[x] += g * t->w[w];
                    }
                }
            }
}

static void run(const cn__conv *k, nd_case *t, int parts)
{
    const cn__convnd *s = &t->s;
    float *packed = floats(k->convnd_packed(s)), *data = floats(k->convnd_packed(s));
    float *scratch = floats(k->convnd_scratch(s));
    k->convnd_pack(s, t->w, packed);
    k->convnd_pack_data(s, t->w, data);
    memset(t->dw, 0, sizeof(float) * (size_t)t->wn);
    memset(t->db, 0, sizeof(float) * (size_t)s->cout);
    for (int p = 0; p < parts; p++) {
        int begin = t->images * p / parts, end = t->images * (p + 1) / parts;
        k->convnd_forward(s, t->x, packed, t->bias, t->y, scratch, begin, end);
        k->convnd_backward(s, t->x, data, t->y, t->dy, t->dx, t->dw, t->db, scratch, begin, end);
    }
    free(packed);
    free(data);
    free(scratch);
}

static int64_t unequal(const float *a, const double *b, int64_t n)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad += !(a[i] == b[i]);
    return bad;
}

static void tell(const cn__conv *k, const cn__convnd *s)
{
    print_message("%s: in %d,%d,%d,%d out %d,%d,%d,%d kernel %d,%d,%d stride %d,%d,%d dilation "
                  "%d,%d,%d groups %d relu %d\n",
                  k->name, s->in[0], s->in[1], s->in[2], s->cin, s->out[0], s->out[1], s->out[2],
                  s->cout, s->kernel[0], s->kernel[1], s->kernel[2], s->stride[0], s->stride[1],
                  s->stride[2], s->dilation[0], s->dilation[1], s->dilation[2], s->groups, s->relu);
}

static void exact_cases(const cn__conv *k)
{
    random_state = 1234567;
    for (int i = 0; i < 160; i++) {
        nd_case t;
        case_make(&t, 1, i % 4);
        run(k, &t, random_int(1, t.images));
        reference(&t);
        int64_t y = unequal(t.y, t.ry, t.yn * t.images), dx = unequal(t.dx, t.rdx, t.xn * t.images);
        int64_t dw = unequal(t.dw, t.rdw, t.wn), db = unequal(t.db, t.rdb, t.s.cout);
        if (y || dx || dw || db)
            tell(k, &t.s);
        assert_int_equal(y, 0);
        assert_int_equal(dx, 0);
        assert_int_equal(dw, 0);
        assert_int_equal(db, 0);
        case_free(&t);
    }
}

/* Reals: the bits do not depend on the split, and the errors are those of float32 sums. */
static void real_cases(const cn__conv *k)
{
    random_state = 987654321;
    error_sum y = {0, 0}, dx = {0, 0}, dw = {0, 0};
    for (int i = 0; i < 60; i++) {
        nd_case t;
        case_make(&t, 0, i % 4);
        run(k, &t, 1);
        float *y1 = t.y, *dx1 = t.dx, *dw1 = t.dw, *db1 = t.db;
        t.y = filled(t.yn * t.images, 77);
        t.dx = filled(t.xn * t.images, 77);
        t.dw = filled(t.wn, 0);
        t.db = filled(t.s.cout, 0);
        run(k, &t, t.images);
        assert_memory_equal(y1, t.y, sizeof(float) * (size_t)(t.yn * t.images));
        assert_memory_equal(dx1, t.dx, sizeof(float) * (size_t)(t.xn * t.images));
        assert_memory_equal(dw1, t.dw, sizeof(float) * (size_t)t.wn);
        assert_memory_equal(db1, t.db, sizeof(float) * (size_t)t.s.cout);
        free(y1);
        free(dx1);
        free(dw1);
        free(db1);
        reference(&t);
        for (int64_t j = 0; j < t.yn * t.images; j++)
            error_add(&y, t.y[j], t.ry[j]);
        for (int64_t j = 0; j < t.xn * t.images; j++)
            error_add(&dx, t.dx[j], t.rdx[j]);
        for (int64_t j = 0; j < t.wn; j++)
            error_add(&dw, t.dw[j], t.rdw[j]);
        case_free(&t);
    }
    assert_true(error_rms(&y) <= 1e-6);
    assert_true(error_rms(&dx) <= 1e-6);
    assert_true(error_rms(&dw) <= 1e-6);
}

/* NaN and infinity go where the plain sums bring them; bias_act keeps NaN. */
static void special_cases(const cn__conv *k)
{
    cn__convnd s = {.in = {1, 5, 6},
                    .kernel = {1, 3, 3},
                    .stride = {1, 1, 1},
                    .dilation = {1, 1, 1},
                    .cin = 20,
                    .cout = 19,
                    .groups = 1,
                    .relu = 1};
    random_state = 5;
    assert_int_equal(cn__convnd_init(&s, 1), 0);
    float *x = random_floats(5 * 6 * 20, 1, 1), *w = filled(9 * 20 * 19, 1),
          *y = floats(5 * 6 * 19);
    float *packed = floats(k->convnd_packed(&s)), *scratch = floats(k->convnd_scratch(&s));
    x[(1 * 6 + 1) * 20 + 3] = NAN;
    x[(3 * 6 + 4) * 20 + 19] = INFINITY;
    k->convnd_pack(&s, w, packed);
    k->convnd_forward(&s, x, packed, NULL, y, scratch, 0, 1);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 6; j++)
            for (int c = 0; c < 19; c++) {
                float v = y[(i * 6 + j) * 19 + c];
                int nan = i <= 2 && j <= 2, inf = i >= 2 && j >= 3;
                assert_int_equal(isnan(v) != 0, nan);
                assert_int_equal(isinf(v) != 0, inf);
            }
    float z[5] = {NAN, -1, 2, -INFINITY, 0}, bias[5] = {0, 0.5f, 1, 1, -1};
    k->bias_act(z, 5, bias, 1, 0, 1);
    assert_true(isnan(z[0]) && z[1] == 0 && z[2] == 3 && z[3] == 0 && z[4] == 0);
    free(x);
    free(w);
    free(y);
    free(packed);
    free(scratch);
}

static void exact(void **state)
{
    (void)state;
    for_each_set(exact_cases);
}

static void real(void **state)
{
    (void)state;
    for_each_set(real_cases);
}

static void special(void **state)
{
    (void)state;
    for_each_set(special_cases);
}

static void bad_shapes(void **state)
{
    (void)state;
    cn__convnd s = {.in = {1, 5, 5},
                    .kernel = {1, 3, 3},
                    .stride = {1, 1, 1},
                    .dilation = {1, 3, 1},
                    .cin = 4,
                    .cout = 6,
                    .groups = 1};
    assert_int_equal(cn__convnd_init(&s, 0), -1); /* a dilated kernel of 7 on 5 rows */
    assert_int_equal(cn__convnd_init(&s, 1), 0);
    assert_int_equal(s.pad[1], 3);
    s.groups = 4;
    assert_int_equal(cn__convnd_init(&s, 1), -1); /* 6 is not a multiple of 4 */
    s.groups = 2;
    s.stride[2] = 0;
    assert_int_equal(cn__convnd_init(&s, 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bad_shapes), cmocka_unit_test(exact),
                                       cmocka_unit_test(real), cmocka_unit_test(special)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
