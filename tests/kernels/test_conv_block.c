/* Blocks (convolution 3x3 + bias + relu + pool + dropout) and their gradients against plain loops
 * in double. */
#include "conv_test.h"

typedef struct block_case {
    cn__block b;
    int images, exact;
    float scale;
    float *x, *w, *bias, *dy;
    uint8_t *keep;
    /* what the kernels gave */
    float *y, *dx, *dw, *db;
    uint8_t *winner;
    /* what is right */
    double *z, *ry, *rdx, *rdw, *rdb;
    uint8_t *rwinner;
    int ph, pw; /* size of y */
} block_case;

static int64_t y_at(const block_case *t, int n, int i, int j)
{
    return n * t->b.y_image + i * t->b.y_row + (int64_t)j * t->b.cout;
}

static int64_t x_at(const block_case *t, int n, int i, int j)
{
    return n * t->b.x_image + i * t->b.x_row + (int64_t)j * t->b.cin;
}

/* Where output (i, j) reads at tap k, or -1 outside. */
static int64_t tap_at(const block_case *t, int n, int i, int j, int k)
{
    int r = i - t->b.pad + k / 3, c = j - t->b.pad + k % 3;
    return r < 0 || c < 0 || r >= t->b.h || c >= t->b.w ? -1 : x_at(t, n, r, c);
}

static double convolve(const block_case *t, int n, int i, int j, int o)
{
    const cn__block *b = &t->b;
    double sum = t->bias ? t->bias[o] : 0;
    for (int k = 0; k < 9; k++) {
        int64_t at = tap_at(t, n, i, j, k);
        for (int c = 0; at >= 0 && c < b->cin; c++)
            sum += (double)t->x[at + c] * t->w[((int64_t)k * b->cin + c) * b->cout + o];
    }
    return sum;
}

/* The position, among the four sums of the window or alone, that wins. */
static int best_of(const double *v, int n)
{
    int best = 0;
    for (int k = 1; k < n; k++)
        if (v[k] > v[best] || (isnan(v[k]) && !isnan(v[best])))
            best = k;
    return best;
}

/* The right y and winners; in a case of reals a tie that rounding decides is taken from the kernel.
 */
static void reference_forward(block_case *t)
{
    const cn__block *b = &t->b;
    int cells = b->pool ? 4 : 1;
    for (int n = 0; n < t->images; n++)
        for (int i = 0; i < t->ph; i++)
            for (int j = 0; j < t->pw; j++)
                for (int o = 0; o < b->cout; o++) {
                    int64_t at = y_at(t, n, i, j) + o;
                    double v[4];
                    for (int k = 0; k < cells; k++)
                        v[k] = b->pool ? convolve(t, n, 2 * i + k / 2, 2 * j + k % 2, o)
                                       : convolve(t, n, i, j, o);
                    int k = best_of(v, cells);
                    double size = 1e-5 * b->cin;
                    if (!t->exact && t->winner[at] < cells && v[k] - v[t->winner[at]] < size)
                        k = t->winner[at];
                    int dead = b->relu && !(v[k] > 0);
                    if (!t->exact && b->relu && fabs(v[k]) < size)
                        dead = t->winner[at] == 255;
                    double y = b->relu && v[k] <= 0 ? 0 : v[k];
                    if (t->keep) {
                        y = t->keep[at] ? y * t->scale : 0;
                        dead |= !t->keep[at];
                    }
                    t->ry[at] = y;
                    t->rwinner[at] = dead ? 255 : (uint8_t)k;
                }
}

static void reference_backward(block_case *t)
{
    const cn__block *b = &t->b;
    for (int n = 0; n < t->images; n++)
        for (int i = 0; i < t->ph; i++)
            for (int j = 0; j < t->pw; j++)
                for (int o = 0; o < b->cout; o++) {
                    int64_t at = y_at(t, n, i, j) + o;
                    int win = t->rwinner[at];
                    if (win == 255)
                        continue;
                    double g = (double)t->dy[at] * t->scale;
                    int r = b->pool ? 2 * i + win / 2 : i, q = b->pool ? 2 * j + win % 2 : j;
                    t->rdb[o] += g;
                    for (int k = 0; k < 9; k++) {
                        int64_t in = tap_at(t, n, r, q, k);
                        for (int c = 0; in >= 0 && c < b->cin; c++) {
                            int64_t w = ((int64_t)k * b->cin + c) * b->cout + o;
                            t->rdw[w] += g * t->x[in + c];
                            t->rdx[in + c] += g * t->w[w];
                        }
                    }
                }
}

static void case_free(block_case *t)
{
    free(t->x);
    free(t->w);
    free(t->bias);
    free(t->dy);
    free(t->keep);
    free(t->y);
    free(t->dx);
    free(t->dw);
    free(t->db);
    free(t->winner);
    free(t->ry);
    free(t->rdx);
    free(t->rdw);
    free(t->rdb);
    free(t->rwinner);
}

static int64_t x_floats(const block_case *t)
{
    return (t->images - 1) * t->b.x_image + (t->b.h - 1) * t->b.x_row + (int64_t)t->b.w * t->b.cin;
}

static int64_t y_floats(const block_case *t)
{
    return (t->images - 1) * t->b.y_image + (t->ph - 1) * t->b.y_row + (int64_t)t->pw * t->b.cout;
}

/* Arrays of a case whose block is set. */
static void case_fill(block_case *t, int bias, int keep)
{
    cn__block *b = &t->b;
    int64_t xn, yn, wn = (int64_t)9 * b->cin * b->cout;
    t->ph = b->pool ? b->oh / 2 : b->oh;
    t->pw = b->pool ? b->ow / 2 : b->ow;
    xn = x_floats(t);
    yn = y_floats(t);
    t->scale = keep ? (t->exact ? 2.0f : 1.25f) : 1.0f;
    t->x = random_floats(xn, t->exact, 1);
    t->w = random_floats(wn, t->exact, 4);
    t->bias = bias ? random_floats(b->cout, t->exact, 1) : NULL;
    t->dy = random_floats(yn, t->exact, 1);
    t->keep = keep ? malloc((size_t)yn) : NULL;
    for (int64_t i = 0; keep && i < yn; i++)
        t->keep[i] = (uint8_t)(random_bits() % 4 ? random_int(1, 255) : 0);
    t->y = filled(yn, 77);
    t->dx = filled(xn, 77);
    t->dw = floats(wn);
    t->db = filled(b->cout, 0);
    t->winner = malloc((size_t)yn);
    t->rwinner = malloc((size_t)yn);
    t->ry = calloc((size_t)yn, sizeof(double));
    t->rdx = calloc((size_t)xn, sizeof(double));
    t->rdw = calloc((size_t)wn, sizeof(double));
    t->rdb = calloc((size_t)b->cout, sizeof(double));
    assert_true(t->winner && t->rwinner && t->ry && t->rdx && t->rdw && t->rdb);
    memset(t->winner, 99, (size_t)yn);
    memset(t->rwinner, 99, (size_t)yn);
}

/* A random shape for the method: odd sizes, trimmed regions, gaps between rows. */
static void case_make(block_case *t, int exact, cn__conv_method method, int isa, int most)
{
    memset(t, 0, sizeof *t);
    t->exact = exact;
    t->images = random_int(1, 4);
    int cin = method == CN__CONV_FEW ? random_int(1, 4) : random_channels(most),
        cout = random_channels(most);
    int small = cin * cout > 3000, same = random_int(0, 1), pool = random_int(0, 1);
    int h = random_int(same ? 2 : 4, small ? 7 : 21), w = random_int(same ? 2 : 4, small ? 7 : 21);
    assert_int_equal(cn__block_init(&t->b, h, w, cin, cout, same, pool, random_int(0, 1), isa), 0);
    t->b.method = method;
    if (random_int(0, 3) == 0 && t->b.oh > 3)
        t->b.oh -= pool ? 2 : 1;
    if (random_int(0, 3) == 0 && t->b.ow > 3)
        t->b.ow -= pool ? 2 : 1;
    if (random_int(0, 2) == 0) {
        t->b.x_row += random_int(0, 40);
        t->b.x_image = t->b.h * t->b.x_row + random_int(0, 40);
        t->b.y_row += random_int(0, 40);
        t->b.y_image = t->b.oh * t->b.y_row + random_int(0, 40);
    }
    case_fill(t, random_int(0, 3) > 0, random_int(0, 2) == 0);
}

/* Forward and backward, in `parts` ranges of images. */
static void run(const cn__conv *k, block_case *t, int parts)
{
    const cn__block *b = &t->b;
    float *packed = floats(k->block_packed(b)), *data = floats(k->block_packed_data(b));
    float *scratch = floats(k->block_scratch(b)), *gradient = filled(k->block_gradient(b), 0);
    for (int o = 0; o < b->cout; o += CN__CONV_SPLIT) {
        int end = o + CN__CONV_SPLIT < b->cout ? o + CN__CONV_SPLIT : b->cout;
        k->block_pack(b, t->w, packed, o, end);
        k->block_pack_data(b, t->w, data, o, end);
    }
    memset(t->db, 0, sizeof(float) * (size_t)b->cout);
    for (int p = 0; p < parts; p++) {
        int begin = t->images * p / parts, end = t->images * (p + 1) / parts;
        k->block_forward(b, t->x, packed, t->bias, t->keep, t->scale, t->y, t->winner, scratch,
                         begin, end);
        int by_y = !b->pool && !t->keep;
        k->block_backward(b, t->x, data, by_y ? t->y : NULL, by_y ? NULL : t->winner, t->dy,
                          t->scale, t->dx, gradient, t->db, scratch, begin, end);
    }
    for (int o = 0; o < b->cout; o += CN__CONV_SPLIT) {
        int end = o + CN__CONV_SPLIT < b->cout ? o + CN__CONV_SPLIT : b->cout;
        k->block_unpack_gradient(b, gradient, t->dw, o, end);
    }
    free(packed);
    free(data);
    free(scratch);
    free(gradient);
}

static void tell(const cn__conv *k, const block_case *t, const char *what)
{
    const cn__block *b = &t->b;
    print_message(
        "%s: %s: %dx%dx%d -> %dx%dx%d, pad %d, pool %d, relu %d, method %d, images %d, keep %d\n",
        k->name, what, b->h, b->w, b->cin, b->oh, b->ow, b->cout, b->pad, b->pool, b->relu,
        (int)b->method, t->images, t->keep != NULL);
}

/* Everything equal, gaps between rows untouched. */
static void check_exact(const cn__conv *k, const block_case *t)
{
    const cn__block *b = &t->b;
    int64_t bad = 0, xn = x_floats(t), yn = y_floats(t);
    for (int64_t i = 0; i < yn; i++) {
        int inside = t->rwinner[i] != 99;
        bad += inside ? !(t->y[i] == t->ry[i]) : t->y[i] != 77;
        bad += t->winner[i] != t->rwinner[i];
    }
    if (bad)
        tell(k, t, "y or winner");
    assert_int_equal(bad, 0);
    for (int64_t i = 0; i < xn; i++) {
        int64_t row = i % b->x_image / b->x_row, at = i % b->x_image % b->x_row;
        int inside = row < b->h && at < (int64_t)b->w * b->cin;
        bad += inside ? !(t->dx[i] == t->rdx[i]) : t->dx[i] != 77;
    }
    if (bad)
        tell(k, t, "dx");
    assert_int_equal(bad, 0);
    for (int64_t i = 0; i < (int64_t)9 * b->cin * b->cout; i++)
        bad += !(t->dw[i] == t->rdw[i]);
    if (bad)
        tell(k, t, "dw");
    assert_int_equal(bad, 0);
    for (int o = 0; o < b->cout; o++)
        bad += !(t->db[o] == t->rdb[o]);
    if (bad)
        tell(k, t, "db");
    assert_int_equal(bad, 0);
}

static cn__conv_method method_of(int i)
{
    static const cn__conv_method methods[] = {CN__CONV_WINOGRAD, CN__CONV_DIRECT, CN__CONV_FEW};
    return methods[i % 3];
}

static void exact_cases(const cn__conv *k)
{
    random_state = 2463534242u;
    for (int i = 0; i < 180; i++) {
        block_case t;
        case_make(&t, 1, method_of(i), k->isa, i % 30 == 0 ? 300 : 70);
        run(k, &t, random_int(1, t.images));
        reference_forward(&t);
        reference_backward(&t);
        check_exact(k, &t);
        case_free(&t);
    }
}

/* Two ways of splitting the images give the same bits, reals included. */
static void split_cases(const cn__conv *k)
{
    random_state = 88172645463325252ull;
    for (int i = 0; i < 60; i++) {
        block_case t, u;
        case_make(&t, 0, method_of(i), k->isa, 70);
        t.images = t.images < 2 ? t.images : t.images;
        run(k, &t, 1);
        u = t;
        u.y = filled(y_floats(&t), 77);
        u.dx = filled(x_floats(&t), 77);
        u.dw = floats((int64_t)9 * t.b.cin * t.b.cout);
        u.db = floats(t.b.cout);
        u.winner = malloc((size_t)y_floats(&t));
        assert_non_null(u.winner);
        memset(u.winner, 99, (size_t)y_floats(&t));
        run(k, &u, t.images);
        assert_memory_equal(u.y, t.y, sizeof(float) * (size_t)y_floats(&t));
        assert_memory_equal(u.winner, t.winner, (size_t)y_floats(&t));
        assert_memory_equal(u.dx, t.dx, sizeof(float) * (size_t)x_floats(&t));
        assert_memory_equal(u.dw, t.dw, sizeof(float) * 9 * (size_t)t.b.cin * (size_t)t.b.cout);
        assert_memory_equal(u.db, t.db, sizeof(float) * (size_t)t.b.cout);
        free(u.y);
        free(u.dx);
        free(u.dw);
        free(u.db);
        free(u.winner);
        case_free(&t);
    }
}

/* The bound on the forward pass is what Winograd in float32 is worth; gradients add many terms that
 * cancel. */
static void error_cases(const cn__conv *k)
{
    random_state = 362436069u;
    error_sum y[3] = {{0, 0}, {0, 0}, {0, 0}}, dx = {0, 0}, dw = {0, 0};
    for (int i = 0; i < 60; i++) {
        block_case t;
        case_make(&t, 0, method_of(i), k->isa, i % 20 == 0 ? 300 : 70);
        run(k, &t, 1);
        reference_forward(&t);
        reference_backward(&t);
        for (int64_t j = 0; j < y_floats(&t); j++)
            if (t.rwinner[j] != 99)
                error_add(&y[i % 3], t.y[j], t.ry[j]);
        for (int64_t j = 0; j < x_floats(&t); j++)
            if (t.dx[j] != 77)
                error_add(&dx, t.dx[j], t.rdx[j]);
        for (int64_t j = 0; j < (int64_t)9 * t.b.cin * t.b.cout; j++)
            error_add(&dw, t.dw[j], t.rdw[j]);
        case_free(&t);
    }
    print_message("%s: rms error y winograd %.1e direct %.1e few %.1e, dx %.1e, dw %.1e\n", k->name,
                  error_rms(&y[0]), error_rms(&y[1]), error_rms(&y[2]), error_rms(&dx),
                  error_rms(&dw));
    for (int i = 0; i < 3; i++)
        assert_true(error_rms(&y[i]) <= 5e-7);
    assert_true(error_rms(&dx) <= 1e-6);
    assert_true(error_rms(&dw) <= 1e-6);
}

/* NaN in the input: a window that reads it gives NaN, the first NaN wins, relu leaves it and lets
 * nothing back. */
static void special_cases(const cn__conv *k)
{
    random_state = 521288629u;
    for (int i = 0; i < 60; i++) {
        block_case t;
        case_make(&t, 1, method_of(i), k->isa, 40);
        if (!t.b.pool || t.b.method == CN__CONV_WINOGRAD) {
            /* Winograd spreads a NaN over its tile; here the values of the pool are checked only.
             */
            if (!t.b.pool) {
                case_free(&t);
                continue;
            }
        }
        for (int n = 0; n < t.images; n++)
            t.x[x_at(&t, n, random_int(0, t.b.h - 1), random_int(0, t.b.w - 1)) +
                random_int(0, t.b.cin - 1)] =
                i % 2 || t.b.method == CN__CONV_WINOGRAD ? NAN : INFINITY;
        run(k, &t, 1);
        reference_forward(&t);
        for (int64_t j = 0; j < y_floats(&t); j++) {
            if (t.rwinner[j] == 99)
                continue;
            if (isnan(t.ry[j]))
                assert_true(isnan(t.y[j]));
            else
                assert_true(t.y[j] == t.ry[j]);
            if (t.b.method != CN__CONV_WINOGRAD || !isnan(t.ry[j]))
                assert_int_equal(t.winner[j], t.rwinner[j]);
        }
        case_free(&t);
    }
}

/* Flat images and dead maps: all four sums are equal, so the first position wins, or none. */
static void flat_cases(const cn__conv *k)
{
    random_state = 77;
    for (int i = 0; i < 12; i++) {
        block_case t;
        memset(&t, 0, sizeof t);
        t.images = 2;
        t.exact = 1;
        assert_int_equal(cn__block_init(&t.b, 12, 13, i % 3 == 2 ? 3 : 20, 35, 0, 1, 1, k->isa), 0);
        t.b.method = method_of(i);
        case_fill(&t, 1, 0);
        for (int64_t j = 0; j < x_floats(&t); j++)
            t.x[j] = i % 2 ? 0.3f : 0;
        for (int o = 0; o < t.b.cout; o++)
            t.bias[o] = o % 2 ? -1e6f : 1e6f;
        run(k, &t, 1);
        for (int64_t j = 0; j < y_floats(&t); j++) {
            assert_int_equal(t.winner[j], j % t.b.cout % 2 ? 255 : 0);
            assert_true(j % t.b.cout % 2 ? t.y[j] == 0 : t.y[j] > 0);
        }
        for (int o = 1; o < t.b.cout; o += 2)
            assert_true(t.db[o] == 0);
        case_free(&t);
    }
}

/* A gradient that nobody wants may be NULL, and leaves the others as they are. */
static void partial_cases(const cn__conv *k)
{
    random_state = 4711;
    for (int i = 0; i < 24; i++) {
        block_case t;
        case_make(&t, 1, method_of(i), k->isa, 40);
        run(k, &t, 1);
        const cn__block *b = &t.b;
        float *data = floats(k->block_packed_data(b)), *scratch = floats(k->block_scratch(b));
        float *gradient = filled(k->block_gradient(b), 0),
              *dw = floats((int64_t)9 * b->cin * b->cout);
        float *dx = filled(x_floats(&t), 77), *db = filled(b->cout, 0);
        k->block_pack_data(b, t.w, data, 0, b->cout);
        k->block_backward(b, NULL, data, t.y, t.winner, t.dy, t.scale, dx, NULL, NULL, scratch, 0,
                          t.images);
        k->block_backward(b, t.x, NULL, t.y, t.winner, t.dy, t.scale, NULL, gradient, NULL, scratch,
                          0, t.images);
        k->block_backward(b, NULL, NULL, t.y, t.winner, t.dy, t.scale, NULL, NULL, db, scratch, 0,
                          t.images);
        k->block_unpack_gradient(b, gradient, dw, 0, b->cout);
        assert_memory_equal(dx, t.dx, sizeof(float) * (size_t)x_floats(&t));
        assert_memory_equal(dw, t.dw, sizeof(float) * 9 * (size_t)b->cin * (size_t)b->cout);
        assert_memory_equal(db, t.db, sizeof(float) * (size_t)b->cout);
        free(data);
        free(scratch);
        free(gradient);
        free(dw);
        free(dx);
        free(db);
        case_free(&t);
    }
}

static void exact(void **state)
{
    (void)state;
    for_each_set(exact_cases);
}

static void split(void **state)
{
    (void)state;
    for_each_set(split_cases);
}

static void errors(void **state)
{
    (void)state;
    for_each_set(error_cases);
}

static void special(void **state)
{
    (void)state;
    for_each_set(special_cases);
}

static void flat(void **state)
{
    (void)state;
    for_each_set(flat_cases);
}

static void partial(void **state)
{
    (void)state;
    for_each_set(partial_cases);
}

static void bad_shapes(void **state)
{
    (void)state;
    cn__block b;
    assert_int_equal(cn__block_init(&b, 2, 9, 3, 4, 0, 0, 0, CN__ISA_PLAIN), -1);
    assert_int_equal(cn__block_init(&b, 3, 9, 3, 4, 0, 1, 0, CN__ISA_PLAIN), -1);
    assert_int_equal(cn__block_init(&b, 9, 9, 0, 4, 0, 1, 0, CN__ISA_PLAIN), -1);
    assert_int_equal(cn__block_init(&b, 1 << 15, 1 << 15, 2, 4, 0, 1, 0, CN__ISA_PLAIN), -1);
    assert_int_equal(cn__block_init(&b, 13, 13, 32, 64, 0, 1, 1, CN__ISA_AVX512), 0);
    assert_int_equal(b.oh, 10);
    assert_int_equal(b.method, CN__CONV_WINOGRAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_shapes), cmocka_unit_test(exact),   cmocka_unit_test(split),
        cmocka_unit_test(errors),     cmocka_unit_test(special), cmocka_unit_test(flat),
        cmocka_unit_test(partial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
