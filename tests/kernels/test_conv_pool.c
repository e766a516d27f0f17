/* Pooling and batch norm against plain loops in double. */
#include "conv_test.h"

typedef struct pool_case {
    cn__poolnd s;
    int images;
    int64_t xn, yn;
    float *x, *dy, *y, *dx;
    int32_t *index;
    double *ry, *rdx;
    int32_t *rindex;
} pool_case;

static void case_free(pool_case *t)
{
    free(t->x);
    free(t->dy);
    free(t->y);
    free(t->dx);
    free(t->index);
    free(t->ry);
    free(t->rdx);
    free(t->rindex);
}

static void case_make(pool_case *t, cn__pool_kind kind)
{
    memset(t, 0, sizeof *t);
    cn__poolnd *s = &t->s;
    int dims = random_int(1, 3);
    s->kind = kind;
    for (int i = 0; i < 3; i++) {
        int used = i >= 3 - dims;
        s->window[i] = used ? random_int(1, 4) : 1;
        s->stride[i] = used ? random_int(1, 4) : 1;
        s->in[i] = used ? random_int(s->window[i], s->window[i] + 8) : 1;
    }
    s->channels = random_channels(300);
    assert_int_equal(cn__poolnd_init(s, random_int(0, 1)), 0);
    t->images = random_int(1, 3);
    t->xn = (int64_t)s->in[0] * s->in[1] * s->in[2] * s->channels;
    t->yn = (int64_t)s->out[0] * s->out[1] * s->out[2] * s->channels;
    t->x = random_floats(t->xn * t->images, 1, 1);
    t->dy = random_floats(t->yn * t->images, 1, 1);
    t->y = filled(t->yn * t->images, 77);
    t->dx = filled(t->xn * t->images, 77);
    t->index = malloc(sizeof *t->index * (size_t)(t->yn * t->images));
    t->rindex = malloc(sizeof *t->rindex * (size_t)(t->yn * t->images));
    t->ry = calloc((size_t)(t->yn * t->images), sizeof(double));
    t->rdx = calloc((size_t)(t->xn * t->images), sizeof(double));
    assert_true(t->index && t->rindex && t->ry && t->rdx);
}

/* Input pixel of cell k of the window of output pixel o, or -1 outside. */
static int cell_at(const cn__poolnd *s, int o, int k)
{
    int oc[3] = {o / s->out[2] / s->out[1], o / s->out[2] % s->out[1], o % s->out[2]};
    int kc[3] = {k / s->window[2] / s->window[1], k / s->window[2] % s->window[1],
                 k % s->window[2]};
    int at = 0;
    for (int i = 0; i < 3; i++) {
        int c = oc[i] * s->stride[i] - s->pad[i] + kc[i];
        if (c < 0 || c >= s->in[i])
            return -1;
        at = at * s->in[i] + c;
    }
    return at;
}

static void reference(pool_case *t)
{
    const cn__poolnd *s = &t->s;
    int pixels = s->out[0] * s->out[1] * s->out[2],
        cells = s->window[0] * s->window[1] * s->window[2];
    for (int64_t u = 0; u < t->yn * t->images; u++) {
        int n = (int)(u / t->yn), o = (int)(u / s->channels % pixels), c = (int)(u % s->channels),
            valid = 0, best = -1;
        const float *x = t->x + n * t->xn + c;
        double *dx = t->rdx + n * t->xn + c, sum = 0;
        for (int k = 0; k < cells; k++) {
            int at = cell_at(s, o, k);
            if (at < 0)
                continue;
            float v = x[(int64_t)at * s->channels];
            valid++;
            sum += v;
            if (best < 0 || v > x[(int64_t)best * s->channels] ||
                (isnan(v) && !isnan(x[(int64_t)best * s->channels])))
                best = at;
        }
        t->rindex[u] = best;
        t->ry[u] = s->kind == CN__POOL_MAX   ? x[(int64_t)best * s->channels]
                   : s->kind == CN__POOL_SUM ? sum
                                             : sum / valid;
        for (int k = 0; k < cells; k++) {
            int at = cell_at(s, o, k);
            if (at < 0 || (s->kind == CN__POOL_MAX && at != best))
                continue;
            dx[(int64_t)at * s->channels] +=
                s->kind == CN__POOL_AVERAGE ? t->dy[u] / (double)valid : t->dy[u];
        }
    }
}

static int same(double a, double b, double tolerance)
{
    return isnan(b) ? isnan(a) : a == b || fabs(a - b) <= tolerance;
}

static void pool_cases(const cn__conv *k)
{
    static const cn__pool_kind kinds[] = {CN__POOL_MAX, CN__POOL_AVERAGE, CN__POOL_SUM};
    random_state = 31337;
    for (int i = 0; i < 150; i++) {
        pool_case t;
        case_make(&t, kinds[i % 3]);
        if (i % 5 == 0)
            for (int j = 0; j < 9; j++)
                t.x[random_bits() % (uint64_t)t.xn] = j % 3 ? NAN : INFINITY;
        int parts = random_int(1, t.images), max = t.s.kind == CN__POOL_MAX;
        for (int p = 0; p < parts; p++) {
            int begin = t.images * p / parts, end = t.images * (p + 1) / parts;
            k->poolnd_forward(&t.s, t.x, t.y, max ? t.index : NULL, begin, end);
            k->poolnd_backward(&t.s, t.dy, max ? t.index : NULL, t.dx, begin, end);
        }
        reference(&t);
        /* Integers up to 2: sums and maxima are exact, an average has one rounding and a few in the
         * gradient's sum. */
        double tolerance = t.s.kind == CN__POOL_AVERAGE ? 2e-6 : 0;
        for (int64_t j = 0; j < t.yn * t.images; j++) {
            assert_true(same(t.y[j], t.ry[j], tolerance));
            if (max)
                assert_int_equal(t.index[j], t.rindex[j]);
        }
        for (int64_t j = 0; j < t.xn * t.images; j++)
            assert_true(same(t.dx[j], t.rdx[j], tolerance));
        case_free(&t);
    }
}

/* Sums of a case with a large mean, where float32 would lose the variance. */
static void norm_case(const cn__conv *k, int channels, int rows)
{
    float *x = random_floats((int64_t)rows * channels, 0, 1),
          *dy = random_floats((int64_t)rows * channels, 0, 1);
    float *a = random_floats(channels, 0, 1), *b = random_floats(channels, 0, 1),
          *c = random_floats(channels, 0, 1);
    float *y = floats((int64_t)rows * channels), *dx = floats((int64_t)rows * channels),
          *mean = floats(channels);
    double *sums = calloc((size_t)channels * 4, sizeof(double));
    double *sum = sums, *sq = sums + channels, *sg = sq + channels, *sgx = sg + channels;
    int relu = random_int(0, 1), cut = random_int(0, rows);
    assert_non_null(sums);
    for (int64_t i = 0; i < (int64_t)rows * channels; i++)
        x[i] += 1000;
    k->norm_sums(x, channels, sum, sq, 0, cut);
    k->norm_sums(x, channels, sum, sq, cut, rows);
    for (int o = 0; o < channels; o++) {
        mean[o] = (float)(sum[o] / rows);
        b[o] = -1000 * a[o];
    }
    k->norm_apply(x, channels, a, b, relu, y, 0, cut);
    k->norm_apply(x, channels, a, b, relu, y, cut, rows);
    k->norm_backward_sums(x, channels, mean, relu ? y : NULL, dy, sg, sgx, 0, cut);
    k->norm_backward_sums(x, channels, mean, relu ? y : NULL, dy, sg, sgx, cut, rows);
    k->norm_backward_apply(x, channels, relu ? y : NULL, dy, a, b, c, dx, 0, cut);
    k->norm_backward_apply(x, channels, relu ? y : NULL, dy, a, b, c, dx, cut, rows);
    for (int o = 0; o < channels; o++) {
        double s = 0, q = 0, g = 0, gx = 0;
        for (int r = 0; r < rows; r++) {
            int64_t at = (int64_t)r * channels + o;
            double v = x[at], t = v * a[o] + b[o], d = relu && !(y[at] > 0) ? 0 : dy[at];
            s += v;
            q += v * v;
            g += d;
            gx += d * (v - mean[o]);
            /* Terms of size 1000 cancel: a rounding of 1000 is 6e-5. */
            assert_true(same(y[at], relu && t < 0 ? 0 : t, 2e-4));
            assert_true(same(dx[at], d * a[o] + v * b[o] + c[o], 0.2));
        }
        /* The same additions in the same order: equal to the last bit, whatever the split. */
        assert_true(sum[o] == s && sq[o] == q && sg[o] == g && sgx[o] == gx);
    }
    float *all[] = {x, dy, a, b, c, y, dx, mean};
    for (int i = 0; i < 8; i++)
        free(all[i]);
    free(sums);
}

static void norm_cases(const cn__conv *k)
{
    random_state = 271828;
    for (int i = 0; i < 60; i++)
        norm_case(k, random_channels(300), random_int(1, 200));
    float x[2] = {NAN, -3}, a[2] = {1, 1}, b[2] = {0, 0}, y[2];
    k->norm_apply(x, 2, a, b, 1, y, 0, 1);
    assert_true(isnan(y[0]) && y[1] == 0);
}

static void pools(void **state)
{
    (void)state;
    for_each_set(pool_cases);
}

static void norms(void **state)
{
    (void)state;
    for_each_set(norm_cases);
}

static void bad_shapes(void **state)
{
    (void)state;
    cn__poolnd s = {.kind = CN__POOL_MAX,
                    .in = {1, 3, 3},
                    .window = {1, 4, 2},
                    .stride = {1, 2, 2},
                    .channels = 3};
    assert_int_equal(cn__poolnd_init(&s, 0), -1);
    assert_int_equal(cn__poolnd_init(&s, 1), 0);
    assert_int_equal(s.out[1], 2);
    assert_int_equal(s.pad[1], 1);
    s.window[2] = 0;
    assert_int_equal(cn__poolnd_init(&s, 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bad_shapes), cmocka_unit_test(pools),
                                       cmocka_unit_test(norms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
