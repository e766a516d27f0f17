/* Elementwise programs as programs: modes and types of inputs, aliasing, splits, checks; and the
 * choice of the instruction set. */
#include "cpu_test.h"

enum { N = 1999 };

/* y0 = relu(x * row[i % 10] + per[i / 100]) * s, y1 = y0 > u8 as bool, with inputs of every type.
 */
static void check_modes(const cn__cpu *cpu, int64_t inner, int64_t outer, int64_t step)
{
    cn__ew e = {.n_in = 8, .n_out = 2, .n_reg = 3, .n_step = 7, .n_const = 1, .constant = {0.5f}};
    static const uint8_t modes[] = {CN__EW_FULL, CN__EW_INNER, CN__EW_OUTER, CN__EW_SCALAR,
                                    CN__EW_FULL, CN__EW_FULL,  CN__EW_INNER, CN__EW_FULL};
    static const uint8_t types[] = {CN__EL_F32, CN__EL_F32,  CN__EL_I32, CN__EL_F64,
                                    CN__EL_U8,  CN__EL_BOOL, CN__EL_I64, CN__EL_I32};
    memcpy(e.in_mode, modes, sizeof modes);
    memcpy(e.in_type, types, sizeof types);
    e.out_type[1] = CN__EL_BOOL;
    e.step[0] = (cn__ew_step){
        .op = CN__EW_FMA, .dst = 0, .a = CN__EW_IN(0), .b = CN__EW_IN(1), .c = CN__EW_IN(2)};
    e.step[1] = (cn__ew_step){.op = CN__EW_RELU, .dst = 1, .a = 0};
    e.step[2] = (cn__ew_step){.op = CN__EW_MUL, .dst = 2, .a = 1, .b = CN__EW_IN(3)};
    e.step[3] = (cn__ew_step){.op = CN__EW_ADD, .dst = 0, .a = CN__EW_IN(6), .b = CN__EW_IN(7)};
    e.step[4] =
        (cn__ew_step){.op = CN__EW_FMA, .dst = 0, .a = CN__EW_CONST(0), .b = 0, .c = CN__EW_IN(5)};
    e.step[5] = (cn__ew_step){.op = CN__EW_ADD, .dst = CN__EW_OUT(0), .a = 2, .b = 0};
    e.step[6] =
        (cn__ew_step){.op = CN__EW_GT, .dst = CN__EW_OUT(1), .a = CN__EW_OUT(0), .b = CN__EW_IN(4)};
    assert_int_equal(cn__ew_check(&e), 0);
    float *x = test_array(N), *row = test_array(N), *y = test_array(N);
    static int32_t per[N + 1], i32[N];
    static int64_t i64[N];
    static uint8_t u8[N], yes[N], flag[N];
    double scale = 0.75;
    for (int i = 0; i < N; i++) {
        per[i] = (int32_t)(test_bits() % 5) - 2;
        i32[i] = (int32_t)(test_bits() % 7);
        i64[i] = (int64_t)(test_bits() % 9) - 4;
        u8[i] = (uint8_t)(test_bits() % 4);
        flag[i] = (uint8_t)(test_bits() % 3);
    }
    void *in[] = {x, row, per, &scale, u8, flag, i64, i32}, *out[] = {y, yes};
    int64_t period[] = {0, inner, outer, 0, 0, 0, inner, 0};
    for (int64_t i = 0; i < N; i += step)
        cpu->ew_run(&e, in, period, out, i, i + step < N ? i + step : N);
    for (int i = 0; i < N; i++) {
        double r = (double)x[i] * row[i % inner] + per[i / outer];
        double want =
            (r > 0 ? r : 0) * scale + 0.5 * (double)(i64[i % inner] + i32[i]) + (flag[i] != 0);
        ASSERT_CLOSE(y[i], want, 2e-6); /* a few roundings of numbers below 16 */
        assert_int_equal(yes[i], y[i] > u8[i]);
    }
    free(x);
    free(row);
    free(y);
}

static void test_modes(void **state)
{
    (void)state;
    test_seed(31);
    FOR_EACH_ISA(cpu)
    {
        static const int64_t periods[][3] = {{10, 100, N},     {1, 1, 100}, {700, 3, 77},
                                             {512, 1000, 333}, {N, N, 64},  {513, 511, 2000},
                                             {16, 16, 512}};
        for (size_t i = 0; i < sizeof periods / sizeof *periods; i++)
            check_modes(cpu, periods[i][0], periods[i][1], periods[i][2]);
    }
}

/* Output 0 whole, of output 1 the sums of its columns, from rows of `columns`; against double. */
static void check_sums(const cn__cpu *cpu, int64_t columns)
{
    cn__ew e = {.n_in = 2, .n_out = 2, .n_step = 2, .in_mode = {CN__EW_FULL, CN__EW_INNER}};
    e.step[0] =
        (cn__ew_step){.op = CN__EW_SUB, .dst = CN__EW_OUT(0), .a = CN__EW_IN(0), .b = CN__EW_IN(1)};
    e.step[1] = (cn__ew_step){.op = CN__EW_SQUARE, .dst = CN__EW_OUT(1), .a = CN__EW_OUT(0)};
    assert_int_equal(cn__ew_check(&e), 0);
    int64_t rows = N / columns, n = rows * columns, period[] = {0, columns};
    float *x = test_array(N), *row = test_array(N), *y = test_array(N);
    double *sum = calloc((size_t)columns, sizeof *sum), *sums[] = {NULL, sum};
    assert_non_null(sum);
    sum[0] = 1; /* is added to */
    void *in[] = {x, row}, *out[] = {y, NULL};
    cpu->ew_sums(&e, in, period, out, sums, columns, 0, n);
    for (int64_t c = 0; c < columns; c++) {
        double want = c == 0;
        for (int64_t r = 0; r < rows; r++) {
            double d = (double)x[r * columns + c] - (double)row[c];
            ASSERT_CLOSE(y[r * columns + c], d, 1e-6); /* one rounding of a number below 16 */
            want += d * d;
        }
        ASSERT_CLOSE(sum[c], want, 2e-6 * want); /* at most 256 float additions in a row */
    }
    free(x);
    free(row);
    free(y);
    free(sum);
}

static void test_sums(void **state)
{
    (void)state;
    test_seed(34);
    FOR_EACH_ISA(cpu)
    {
        static const int64_t columns[] = {2, 3, 10, 16, 17, 64, 100, 511, 512, 513, N};
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            check_sums(cpu, columns[i]);
    }
}

/* a, b = b, a + b: every output is an input that a later step still reads. */
static void test_aliasing(void **state)
{
    (void)state;
    test_seed(32);
    cn__ew e = {.n_in = 2, .n_out = 2, .n_step = 2};
    e.step[0] = (cn__ew_step){.op = CN__EW_COPY, .dst = CN__EW_OUT(0), .a = CN__EW_IN(1)};
    e.step[1] =
        (cn__ew_step){.op = CN__EW_ADD, .dst = CN__EW_OUT(1), .a = CN__EW_IN(0), .b = CN__EW_IN(1)};
    assert_int_equal(cn__ew_check(&e), 0);
    FOR_EACH_ISA(cpu)
    {
        float *a = test_array(N), *b = test_array(N), *a0 = test_array(N), *b0 = test_array(N);
        memcpy(a0, a, N * sizeof *a);
        memcpy(b0, b, N * sizeof *b);
        void *in[] = {a, b}, *out[] = {a, b};
        cpu->ew_run(&e, in, NULL, out, 0, N);
        ASSERT_SAME_BITS(a, b0, N);
        for (int i = 0; i < N; i++)
            assert_true(b[i] == a0[i] + b0[i]);
        free(a);
        free(b);
        free(a0);
        free(b0);
    }
}

/* The largest program: all registers, inputs, outputs and constants, every step. */
static void test_largest(void **state)
{
    (void)state;
    test_seed(33);
    cn__ew e = {.n_in = 16, .n_out = 8, .n_reg = 32, .n_const = 32, .n_step = 96};
    for (int i = 0; i < 16; i++) {
        e.in_mode[i] = CN__EW_INNER;
        e.in_type[i] = CN__EL_I32;
    }
    for (int i = 0; i < 32; i++)
        e.constant[i] = (float)i;
    for (int i = 0; i < 96; i++) {
        uint8_t dst = i < 88 ? CN__EW_REG(i % 32) : CN__EW_OUT(i - 88);
        uint8_t a = i < 32 ? CN__EW_IN(i % 16) : CN__EW_REG(i % 32);
        e.step[i] = (cn__ew_step){.op = CN__EW_ADD, .dst = dst, .a = a, .b = CN__EW_CONST(i % 32)};
    }
    for (int i = 0; i < 4; i++)
        e.out_type[i] = CN__EL_BOOL;
    assert_int_equal(cn__ew_check(&e), 0);
    static int32_t data[16][7];
    static float f[4][N];
    static uint8_t bits[4][N];
    void *in[16], *out[8] = {bits[0], bits[1], bits[2], bits[3], f[0], f[1], f[2], f[3]};
    int64_t period[16];
    for (int i = 0; i < 16; i++) {
        in[i] = data[i];
        period[i] = 7;
        for (int j = 0; j < 7; j++)
            data[i][j] = (int32_t)(test_bits() % 100) - 100;
    }
    FOR_EACH_ISA(cpu)
    {
        cpu->ew_run(&e, in, period, out, 0, N);
        for (int o = 0; o < 8; o++) {
            int r = (88 + o) % 32; /* register 24 + o was written at steps 24 + o and 56 + o, and
                                      read by the last step */
            for (int i = 0; i < N; i++) {
                float want = (float)(data[r % 16][i % 7] + 3 * r);
                if (o < 4)
                    assert_int_equal(bits[o][i], want != 0);
                else
                    assert_true(f[o - 4][i] == want);
            }
        }
    }
}

static void test_check(void **state)
{
    (void)state;
    cn__ew good = {.n_in = 1, .n_out = 1, .n_reg = 1, .n_step = 2};
    good.step[0] = (cn__ew_step){.op = CN__EW_NEG, .dst = 0, .a = CN__EW_IN(0)};
    good.step[1] = (cn__ew_step){.op = CN__EW_ADD, .dst = CN__EW_OUT(0), .a = 0, .b = CN__EW_IN(0)};
    assert_int_equal(cn__ew_check(&good), 0);
    cn__ew e = good;
    e.step[0].a = CN__EW_IN(1); /* no such input */
    assert_int_equal(cn__ew_check(&e), 1);
    e = good;
    e.step[0].a = CN__EW_REG(0); /* not written yet */
    assert_int_equal(cn__ew_check(&e), 1);
    e = good;
    e.step[1].dst = CN__EW_IN(0); /* not a destination */
    assert_int_equal(cn__ew_check(&e), 2);
    e = good;
    e.step[0].dst = CN__EW_OUT(0); /* written twice */
    assert_int_equal(cn__ew_check(&e), 2);
    e = good;
    e.n_step = 1; /* output never written */
    assert_int_equal(cn__ew_check(&e), 2);
    e = good;
    e.n_in = 17;
    assert_int_equal(cn__ew_check(&e), -1);
    e = good;
    e.step[1].op = CN__EW_OP_COUNT;
    assert_int_equal(cn__ew_check(&e), 2);
}

static void test_dispatch(void **state)
{
    (void)state;
    const cn__cpu *cpu = cn__cpu_get();
    assert_non_null(cpu);
    assert_int_equal(cpu->isa, cn__cpu_isa());
    assert_string_equal(cpu->name, cn__cpu_isa_name(cpu->isa));
    const char *wish = getenv("CORNU_ISA");
    if (wish != NULL && cn__cpu_by_name(wish) != NULL)
        assert_string_equal(cpu->name, wish);
    assert_ptr_equal(cn__cpu_by_name(cpu->name), cpu);
    assert_null(cn__cpu_by_name("mmx"));
    assert_null(cn__cpu_by_name(NULL));
    assert_non_null(cn__cpu_by_name("plain"));
    /* Strides hold what they must, in whole lines, and never a multiple of 4 KiB. */
    for (int64_t n = 1; n < 5000; n += n < 70 ? 1 : 61) {
        assert_true(cn__p16_stride(n) >= 16 * n && cn__w32_stride(n) >= 32 * n &&
                    cn__wt_stride(n) >= n);
        assert_int_equal((cn__p16_stride(n) | cn__w32_stride(n) | cn__wt_stride(n)) % 16, 0);
        assert_true(cn__p16_stride(n) % 1024 != 0 && cn__w32_stride(n) % 1024 != 0 &&
                    cn__wt_stride(n) % 1024 != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),    cmocka_unit_test(test_sums),
        cmocka_unit_test(test_aliasing), cmocka_unit_test(test_largest),
        cmocka_unit_test(test_check),    cmocka_unit_test(test_dispatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
