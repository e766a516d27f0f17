/* Accuracy and exceptional values of the elementwise operations, under every instruction set. */
#include "cpu_test.h"

/* A program of one step on one, two or three FULL inputs. */
static cn__ew one_step(int op, int operands)
{
    cn__ew e = {.n_in = (uint8_t)operands, .n_out = 1, .n_step = 1};
    e.step[0] = (cn__ew_step){.op = (uint8_t)op,
                              .dst = CN__EW_OUT(0),
                              .a = CN__EW_IN(0),
                              .b = CN__EW_IN(operands > 1 ? 1 : 0),
                              .c = CN__EW_IN(operands > 2 ? 2 : 0)};
    return e;
}

static double ref_sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}
static double ref_softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x))) + (x - x);
}
static double ref_softplus_inf(double x)
{
    return isinf(x) ? (x > 0 ? x : 0) : ref_softplus(x);
}
static double ref_rsqrt(double x)
{
    return 1 / sqrt(x);
}
static double ref_reciprocal(double x)
{
    return 1 / x;
}

/* Largest error in ulps that is allowed: 0.51 for what IEEE rounds correctly, 1.5 for two such
 * steps, 3 for our polynomials (about 1 ulp each, two of them in tanh, and SSE2 without FMA), 1.5
 * for libm. */
static const struct {
    int op;
    double (*f)(double);
    double tol;
} functions[] = {
    {CN__EW_SQRT, sqrt, 0.51},
    {CN__EW_RSQRT, ref_rsqrt, 1.5},
    {CN__EW_RECIPROCAL, ref_reciprocal, 0.51},
    {CN__EW_EXP, exp, 2},
    {CN__EW_EXPM1, expm1, 3},
    {CN__EW_LOG, log, 2},
    {CN__EW_LOG1P, log1p, 3},
    {CN__EW_TANH, tanh, 3},
    {CN__EW_SIGMOID, ref_sigmoid, 3},
    {CN__EW_ERF, erf, 3},
    {CN__EW_SIN, sin, 1.5},
    {CN__EW_COS, cos, 1.5},
    {CN__EW_FLOOR, floor, 0},
    {CN__EW_CEIL, ceil, 0},
    {CN__EW_ROUND, nearbyint, 0},
    {CN__EW_SOFTPLUS, ref_softplus_inf, 3},
};

enum { GRID = 1 << 18 };

/* Every float whose bits are a multiple of 2^14 (both signs, subnormals, infinities, NaN), moved by
 * a little so that the low bits vary, and a dense grid where the functions do their work. */
static void fill_grid(float *x)
{
    for (uint32_t i = 0; i < GRID; i++) {
        uint32_t bits = i << 14;
        if (i % 3 != 0)
            bits ^= test_bits() & 0x3fffu;
        memcpy(&x[i], &bits, sizeof bits);
        if (i % 4 == 3)
            x[i] = test_uniform() * (i % 8 == 3 ? 100.0f : i % 16 == 7 ? 8.0f : 1.0f);
    }
}

static void test_accuracy(void **state)
{
    (void)state;
    test_seed(1);
    float *x = test_array(GRID), *y = test_array(GRID);
    double *want = malloc(GRID * sizeof *want);
    assert_non_null(want);
    fill_grid(x);
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        for (int i = 0; i < GRID; i++)
            want[i] = functions[f].f(x[i]);
        cn__ew e = one_step(functions[f].op, 1);
        assert_int_equal(cn__ew_check(&e), 0);
        FOR_EACH_ISA(cpu)
        {
            void *in[] = {x}, *out[] = {y};
            double worst = 0;
            int at = 0;
            cpu->ew_run(&e, in, NULL, out, 0, GRID);
            for (int i = 0; i < GRID; i++) {
                double u = test_ulps(y[i], want[i]);
                if (u > worst) {
                    worst = u;
                    at = i;
                }
            }
            if (getenv("CN_TEST_VERBOSE"))
                print_message("%s op %d: %.2f ulp at %g\n", cpu->name, functions[f].op, worst,
                              x[at]);
            if (!(worst <= functions[f].tol))
                fail_msg("%s, op %d: %g ulp at x = %.9g: %.9g, expected %.9g", cpu->name,
                         functions[f].op, worst, x[at], y[at], want[at]);
        }
    }
    free(x);
    free(y);
    free(want);
}

static const float special[] = {0.0f,   -0.0f,   1.0f,     -1.0f,     0.5f,   -0.5f,   1.5f,
                                2.5f,   -2.5f,   3.0f,     -7.25f,    1e-40f, -1e-40f, 1e38f,
                                -1e38f, 3.4e38f, INFINITY, -INFINITY, NAN,    1e-20f,  8388609.0f};
enum { SPECIALS = sizeof special / sizeof *special, PAIRS = SPECIALS * SPECIALS };

static float ref_max(float a, float b)
{
    return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}
static float ref_min(float a, float b)
{
    return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
}
static float ref_mod(float a, float b)
{
    float r = fmodf(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static float ref_two(int op, float a, float b)
{
    switch (op) {
    case CN__EW_ADD: return a + b;
    case CN__EW_SUB: return a - b;
    case CN__EW_MUL: return a * b;
    case CN__EW_DIV: return a / b;
    case CN__EW_MAX: return ref_max(a, b);
    case CN__EW_MIN: return ref_min(a, b);
    case CN__EW_EQ: return a == b;
    case CN__EW_NE: return a != b;
    case CN__EW_LT: return a < b;
    case CN__EW_LE: return a <= b;
    case CN__EW_GT: return a > b;
    case CN__EW_GE: return a >= b;
    case CN__EW_AND: return a != 0 && b != 0;
    case CN__EW_OR: return a != 0 || b != 0;
    case CN__EW_POW: return powf(a, b);
    case CN__EW_MOD: return ref_mod(a, b);
    case CN__EW_FLOORDIV: return floorf(a / b);
    case CN__EW_COPY: return a;
    case CN__EW_NEG: return -a;
    case CN__EW_ABS: return fabsf(a);
    case CN__EW_SQUARE: return a * a;
    case CN__EW_SIGN: return isnan(a) ? NAN : (float)((a > 0) - (a < 0));
    case CN__EW_RELU: return isnan(a) ? NAN : a > 0 ? a : 0;
    case CN__EW_NOT: return a == 0;
    case CN__EW_ISNAN: return isnan(a) ? 1 : 0;
    case CN__EW_ISFINITE: return isfinite(a) ? 1 : 0;
    case CN__EW_ROUND: return nearbyintf(a);
    case CN__EW_FLOOR: return floorf(a);
    default: return ceilf(a);
    }
}

/* Every pair of special values through what must be exact. */
static void test_exact(void **state)
{
    (void)state;
    static const struct {
        int op, operands;
    } ops[] = {{CN__EW_ADD, 2},     {CN__EW_SUB, 2},   {CN__EW_MUL, 2},      {CN__EW_DIV, 2},
               {CN__EW_MAX, 2},     {CN__EW_MIN, 2},   {CN__EW_EQ, 2},       {CN__EW_NE, 2},
               {CN__EW_LT, 2},      {CN__EW_LE, 2},    {CN__EW_GT, 2},       {CN__EW_GE, 2},
               {CN__EW_AND, 2},     {CN__EW_OR, 2},    {CN__EW_POW, 2},      {CN__EW_MOD, 2},
               {CN__EW_COPY, 1},    {CN__EW_NEG, 1},   {CN__EW_ABS, 1},      {CN__EW_SQUARE, 1},
               {CN__EW_SIGN, 1},    {CN__EW_RELU, 1},  {CN__EW_NOT, 1},      {CN__EW_ISNAN, 1},
               {CN__EW_ROUND, 1},   {CN__EW_FLOOR, 1}, {CN__EW_ISFINITE, 1}, {CN__EW_CEIL, 1},
               {CN__EW_FLOORDIV, 2}};
    float a[PAIRS], b[PAIRS], y[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        a[i] = special[i / SPECIALS];
        b[i] = special[i % SPECIALS];
    }
    for (size_t o = 0; o < sizeof ops / sizeof *ops; o++) {
        cn__ew e = one_step(ops[o].op, ops[o].operands);
        FOR_EACH_ISA(cpu)
        {
            void *in[] = {a, b}, *out[] = {y};
            cpu->ew_run(&e, in, NULL, out, 0, PAIRS);
            for (int i = 0; i < PAIRS; i++) {
                float w = ref_two(ops[o].op, a[i], b[i]);
                if (!(y[i] == w || (isnan(y[i]) && isnan(w))))
                    fail_msg("%s, op %d (%g, %g): %g, expected %g", cpu->name, ops[o].op, a[i],
                             b[i], y[i], w);
            }
        }
    }
}

static void test_three(void **state)
{
    (void)state;
    test_seed(2);
    enum { N = 1003 };
    float *a = test_array(N), *b = test_array(N), *c = test_array(N), *y = test_array(N);
    for (int i = 0; i < N; i += 3)
        a[i] = 0;
    a[1] = NAN;
    FOR_EACH_ISA(cpu)
    {
        void *in[] = {a, b, c}, *out[] = {y};
        cn__ew e = one_step(CN__EW_SELECT, 3);
        cpu->ew_run(&e, in, NULL, out, 0, N);
        for (int i = 0; i < N; i++)
            assert_true(y[i] == (a[i] != 0 ? b[i] : c[i]));
        e = one_step(CN__EW_FMA, 3);
        cpu->ew_run(&e, in, NULL, out, 0, N);
        assert_true(isnan(y[1]));
        for (int i = 2; i < N; i++) /* two roundings at most of numbers below 2 */
            ASSERT_CLOSE(y[i], (double)a[i] * b[i] + c[i], 2.4e-7);
    }
    free(a);
    free(b);
    free(c);
    free(y);
}

/* The quotient of Adam against double, over the whole range of v, and at the exceptional values. */
static void test_adam(void **state)
{
    (void)state;
    test_seed(3);
    enum { N = 50021 };
    float *g = test_array(N), *m = test_array(N), *v = test_array(N), *w = test_array(N);
    float *m2 = test_array(N), *v2 = test_array(N), *w2 = test_array(N);
    for (int i = 0; i < N; i++) {
        g[i] *= i % 5 == 0 ? 0.0f : 1e-3f;
        /* With 1 - beta 0 the moments stay, so that the quotient is seen alone: w = 0 - 1 * q. */
        v[i] = i % 7 == 0 ? 0.0f : ldexpf(fabsf(v[i]) + 0.1f, (int)(test_bits() % 240) - 120);
        m[i] = ldexpf(m[i], (int)(test_bits() % 120) - 60);
        w[i] = 0.0f;
    }
    v[3] = INFINITY;
    v[4] = NAN;
    m[5] = INFINITY;
    v[6] = 1e-40f;
    cn__ew e = {.n_in = 4, .n_out = 3, .n_step = 1, .n_const = 4, .constant = {1, 0, 0, 1e-7f}};
    e.step[0] = (cn__ew_step){
        CN__EW_ADAM,
        CN__EW_OUT(0),
        CN__EW_IN(0),
        CN__EW_IN(1),
        CN__EW_IN(2),
        {CN__EW_IN(3), CN__EW_CONST(0), CN__EW_CONST(1), CN__EW_CONST(2), CN__EW_CONST(3)},
        {CN__EW_OUT(1), CN__EW_OUT(2)}};
    assert_int_equal(cn__ew_check(&e), 0);
    FOR_EACH_ISA(cpu)
    {
        void *in[] = {g, m, v, w}, *out[] = {w2, m2, v2};
        cpu->ew_run(&e, in, NULL, out, 0, N);
        for (int i = 0; i < N; i++) {
            /* 3 ulp: square root, sum and quotient each round. The products with 0 make NaN of inf.
             */
            double mm = m[i] + ((double)g[i] - m[i]) * 0.0,
                   vv = v[i] + ((double)g[i] * g[i] - v[i]) * 0.0;
            double q = mm / (sqrt(vv) + 1e-7f);
            double u = test_ulps(-w2[i], q);
            if (!(u <= 3))
                fail_msg("%s: m %g v %g: %g, expected %g (%g ulp)", cpu->name, m[i], v[i], -w2[i],
                         q, u);
        }
        ASSERT_SAME_BITS(m2, m, 3);
    }
    e.constant[0] = 0.01f;
    e.constant[1] = 0.1f;
    e.constant[2] = 0.001f;
    for (int i = 0; i < N; i++) {
        v[i] = fabsf(g[i]) * 1e-3f;
        m[i] = test_uniform() * 1e-3f;
        w[i] = test_uniform();
    }
    FOR_EACH_ISA(cpu)
    {
        void *in[] = {g, m, v, w}, *out[] = {w2, m2, v2};
        cpu->ew_run(&e, in, NULL, out, 0, N);
        for (int i = 0; i < N; i++) {
            double mm = m[i] + ((double)g[i] - m[i]) * 0.1f;
            double vv = v[i] + ((double)g[i] * g[i] - v[i]) * 0.001f;
            ASSERT_CLOSE(m2[i], mm, 3e-10);
            ASSERT_CLOSE(v2[i], vv, 3e-13);
            ASSERT_CLOSE(w2[i], w[i] - 0.01f * mm / (sqrt(vv) + 1e-7f),
                         2e-7 + 1e-6 * fabs(mm) / (sqrt(vv) + 1e-7));
        }
    }
    free(g);
    free(m);
    free(v);
    free(w);
    free(m2);
    free(v2);
    free(w2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_three),
        cmocka_unit_test(test_adam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
