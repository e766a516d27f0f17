/* Layouts there and back, gathering of rows, conversions of types, under every instruction set. */
#include "cpu_test.h"

static void test_layouts(void **state)
{
    (void)state;
    test_seed(51);
    static const int64_t sizes[][2] = {{1, 1}, {5, 16}, {9, 33}, {64, 10}, {130, 100}, {65, 16}};
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < 6; i++) {
        int64_t rows = sizes[i][0], cols = sizes[i][1], ld = cols + 2, size = rows * ld;
        int64_t ps = cn__p16_stride(rows), ws = cn__w32_stride(rows), tl = cn__wt_stride(rows);
        float *x = test_array(size), *back = test_array(size);
        float *p = test_array(cn__p16_size(rows, cols)), *w = test_array(cn__w32_size(rows, cols)),
              *t = test_array(cn__wt_size(rows, cols));
        cpu->pack_p16(x, ld, rows, cols, p, ps, 0, cn__units(cols, 16));
        cpu->pack_w32(x, ld, rows, cols, w, ws, 0, cn__units(cols, 32));
        cpu->pack_wt(x, ld, rows, cols, t, tl, 0, cn__units(rows, CN__UNIT_K));
        for (int64_t c = 0; c < (cols + 31) / 32 * 32; c++)
            for (int64_t r = 0; r < rows; r++) {
                float want = c < cols ? x[r * ld + c] : 0.0f;
                if (c < (cols + 15) / 16 * 16)
                    assert_true(p[c / 16 * ps + r * 16 + c % 16] == want);
                assert_true(w[c / 32 * ws + r * 32 + c % 32] == want);
                if (c < cols)
                    assert_true(t[c * tl + r] == want);
            }
        for (int64_t c = 0; c < cols; c++)
            for (int64_t r = rows; r < tl; r++)
                assert_true(t[c * tl + r] == 0.0f);
        for (int way = 0; way < 3; way++) {
            memcpy(back, x, (size_t)size * sizeof *x);
            for (int64_t r = 0; r < rows; r++)
                memset(back + r * ld, 0, (size_t)cols * sizeof *x);
            if (way == 0)
                cpu->unpack_p16(p, ps, rows, cols, back, ld, 0, cn__units(cols, 16));
            else if (way == 1)
                cpu->unpack_w32(w, ws, rows, cols, back, ld, 0, cn__units(cols, 32));
            else
                cpu->unpack_wt(t, tl, rows, cols, back, ld, 0, cn__units(rows, CN__UNIT_K));
            ASSERT_SAME_BITS(back, x, size);
        }
        free(x);
        free(back);
        free(p);
        free(w);
        free(t);
    }
}

static void test_gather(void **state)
{
    (void)state;
    test_seed(52);
    enum { SRC = 20, COLS = 530, LD = 531, ROWS = 9 };
    static float f32[SRC * LD];
    static double f64[SRC * LD];
    static uint8_t u8[SRC * LD];
    static int32_t i32[SRC * LD];
    int64_t idx[ROWS];
    for (int i = 0; i < SRC * LD; i++) {
        u8[i] = (uint8_t)test_bits();
        f32[i] = (float)u8[i];
        f64[i] = u8[i];
        i32[i] = u8[i];
    }
    for (int i = 0; i < ROWS; i++)
        idx[i] = (int64_t)(test_bits() % SRC);
    static const cn__el types[] = {CN__EL_F32, CN__EL_F64, CN__EL_U8, CN__EL_I32};
    const void *src[] = {f32, f64, u8, i32};
    int64_t ps = cn__p16_stride(ROWS);
    float *row = test_array(ROWS * LD), *panel = test_array(cn__p16_size(ROWS, COLS));
    FOR_EACH_ISA(cpu)
    for (int t = 0; t < 4; t++)
        for (int direct = 0; direct < 2; direct++) {
            cn__gather g = {ROWS, COLS,           src[t], types[t], LD, direct ? NULL : idx,
                            row,  CN__LAYOUT_ROW, LD};
            cpu->gather(&g, 0, 4);
            cpu->gather(&g, 4, ROWS);
            g.dst = panel;
            g.dst_layout = CN__LAYOUT_P16;
            g.dst_ld = ps;
            cpu->gather(&g, 0, ROWS);
            for (int r = 0; r < ROWS; r++)
                for (int c = 0; c < (COLS + 15) / 16 * 16; c++) {
                    float want = c < COLS ? f32[(direct ? r : idx[r]) * LD + c] : 0.0f;
                    assert_true(panel[c / 16 * ps + r * 16 + c % 16] == want);
                    if (c < COLS)
                        assert_true(row[r * LD + c] == want);
                }
        }
    free(row);
    free(panel);
}

static float half_value(uint16_t h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? (m ? NAN : INFINITY) : e == 0 ? ldexp(m, -24) : ldexp(1024 + m, e - 25);
    return (float)(h & 0x8000 ? -v : v);
}

/* Every half there and back; between two neighbours the nearer, in the middle the even one. */
static void test_half(void **state)
{
    (void)state;
    enum { ALL = 65536 };
    static uint16_t h[ALL], back[ALL];
    static float f[ALL], mid[ALL];
    for (int i = 0; i < ALL; i++)
        h[i] = (uint16_t)i;
    FOR_EACH_ISA(cpu)
    {
        assert_int_equal(cpu->convert(h, CN__EL_F16, f, CN__EL_F32, 0, ALL), 0);
        assert_int_equal(cpu->convert(f, CN__EL_F32, back, CN__EL_F16, 0, ALL), 0);
        for (int i = 0; i < ALL; i++) {
            float want = half_value(h[i]);
            assert_true(f[i] == want || (isnan(f[i]) && isnan(want)));
            assert_true(back[i] == h[i] ||
                        (isnan(want) && (back[i] & 0x7c00) == 0x7c00 && (back[i] & 0x3ff) != 0));
        }
        /* The middle between half i and its upper neighbour; above the largest it is 65520, which
         * rounds to inf. */
        for (int i = 0; i < 0x7c00; i++)
            mid[i] = i == 0x7bff ? 65520.0f
                                 : (half_value((uint16_t)i) + half_value((uint16_t)(i + 1))) * 0.5f;
        cpu->convert(mid, CN__EL_F32, back, CN__EL_F16, 0, 0x7c00);
        for (int i = 0; i < 0x7c00; i++)
            assert_int_equal(back[i], i + (i & 1));
        for (int i = 0; i < 0x7c00; i++)
            mid[i] = nextafterf(mid[i], 0.0f);
        cpu->convert(mid, CN__EL_F32, back, CN__EL_F16, 0, 0x7c00);
        for (int i = 0; i < 0x7c00; i++)
            assert_int_equal(back[i], i);
    }
}

static void test_bfloat(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        uint16_t want;
    } cases[] = {{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82},
                 {0x3f808001, 0x3f81}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80},
                 {0xff800000, 0xff80}, {0x80000000, 0x8000}, {0x00008000, 0x0000},
                 {0x7f800001, 0x7fc0}};
    FOR_EACH_ISA(cpu)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float x, y;
        uint16_t h;
        memcpy(&x, &cases[i].bits, sizeof x);
        cpu->convert(&x, CN__EL_F32, &h, CN__EL_BF16, 0, 1);
        assert_int_equal(h, cases[i].want);
        cpu->convert(&h, CN__EL_BF16, &y, CN__EL_F32, 0, 1);
        uint32_t bits;
        memcpy(&bits, &y, sizeof bits);
        assert_int_equal(bits, (uint32_t)cases[i].want << 16);
    }
}

static void test_whole(void **state)
{
    (void)state;
    float x[] = {0.0f,  1.9f,  -1.9f, 300.0f,   -5.0f,     3e9f,
                 -3e9f, 1e30f, NAN,   INFINITY, -INFINITY, 254.99f};
    enum { COUNT = sizeof x / sizeof *x };
    uint8_t u8[COUNT], flag[COUNT];
    int32_t i32[COUNT];
    int64_t i64[COUNT];
    double f64[COUNT];
    FOR_EACH_ISA(cpu)
    {
        assert_int_equal(cpu->convert(x, CN__EL_F32, u8, CN__EL_U8, 0, COUNT), 0);
        assert_int_equal(cpu->convert(x, CN__EL_F32, flag, CN__EL_BOOL, 0, COUNT), 0);
        assert_int_equal(cpu->convert(x, CN__EL_F32, i32, CN__EL_I32, 0, COUNT), 0);
        assert_int_equal(cpu->convert(x, CN__EL_F32, i64, CN__EL_I64, 0, COUNT), 0);
        assert_int_equal(cpu->convert(x, CN__EL_F32, f64, CN__EL_F64, 0, COUNT), 0);
        assert_int_equal(cpu->convert(i32, CN__EL_I32, i64, CN__EL_I64, 0, 1), -1);
        static const int32_t want8[] = {0, 1, 0, 255, 0, 255, 0, 255, 0, 255, 0, 254};
        static const int32_t want32[] = {0,         1,         -1, 300,       -5,        INT32_MAX,
                                         INT32_MIN, INT32_MAX, 0,  INT32_MAX, INT32_MIN, 254};
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(u8[i], want8[i]);
            assert_int_equal(i32[i], want32[i]);
            assert_int_equal(flag[i], i != 0);
            assert_true(f64[i] == x[i] || isnan(x[i]));
        }
        assert_true(i64[5] == 3000000000 && i64[7] == INT64_MAX && i64[10] == INT64_MIN &&
                    i64[8] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts), cmocka_unit_test(test_gather), cmocka_unit_test(test_half),
        cmocka_unit_test(test_bfloat),  cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
