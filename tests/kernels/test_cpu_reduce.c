/* Reductions, softmax and its loss, conversions, gathering, under every instruction set. */
#include "cpu_test.h"

static const int64_t widths[] = {1, 3, 10, 16, 17, 64, 100, 515, 5000};
enum { WIDTHS = sizeof widths / sizeof *widths, ROWS = 7 };

static void check_rows(const cn__cpu *cpu, int64_t cols)
{
    int64_t ld = cols + 1;
    float *x = test_array(ROWS * ld), sum[ROWS], max[ROWS], lse[ROWS], again[ROWS];
    int64_t at[ROWS];
    if (cols > 2) {
        x[1 * ld + 2] = NAN;
        x[2 * ld + 1] = INFINITY;
        x[3 * ld + 1] = x[3 * ld + cols - 1] = 2.0f; /* equal maxima: the first counts */
        for (int64_t c = 0; c < cols; c++)
            x[4 * ld + c] = -INFINITY;
    }
    cpu->row_sum(x, ld, cols, sum, 0, ROWS);
    cpu->row_max(x, ld, cols, max, 0, ROWS);
    cpu->row_argmax(x, ld, cols, at, 0, ROWS);
    cpu->row_logsumexp(x, ld, cols, lse, 0, ROWS);
    for (int r = 0; r < ROWS; r++) {
        const float *row = x + r * ld;
        double s = 0, e = 0;
        int64_t best = 0;
        for (int64_t c = 0; c < cols; c++) {
            s += row[c];
            e += exp(row[c]);
            if (!isnan(row[best]) && (row[c] > row[best] || isnan(row[c])))
                best = c;
        }
        assert_int_equal(at[r], best);
        assert_true(max[r] == row[best] || (isnan(max[r]) && isnan(row[best])));
        if (isfinite(s)) {
            ASSERT_CLOSE(
                sum[r], s,
                3e-7 * (1 + sqrt((double)cols))); /* lanes and blocks keep partial sums small */
            ASSERT_CLOSE(lse[r], log(e), 2e-6);
        } else {
            assert_true(isnan(s) ? isnan(sum[r]) && isnan(lse[r])
                                 : sum[r] == s && lse[r] == (s > 0 ? s : log(e)));
        }
    }
    for (int r = ROWS - 1; r >= 0; r--)
        cpu->row_sum(x, ld, cols, again, r, r + 1);
    ASSERT_SAME_BITS(sum, again, ROWS);
    free(x);
}

static void test_rows(void **state)
{
    (void)state;
    test_seed(41);
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < WIDTHS; i++)
        check_rows(cpu, widths[i]);
}

static void test_columns(void **state)
{
    (void)state;
    test_seed(42);
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < WIDTHS; i++)
        for (int64_t rows = 1; rows < 400; rows = rows * 4 + 1) {
            int64_t cols = widths[i], ld = cols + 2, units = cn__units(cols, CN__UNIT_COLS);
            float *x = test_array(rows * ld), *s = test_array(cols), *again = test_array(cols);
            cpu->col_sum(x, ld, rows, cols, s, 0, units);
            for (int64_t c = 0; c < cols; c++) {
                double want = 0;
                for (int64_t r = 0; r < rows; r++)
                    want += x[r * ld + c];
                ASSERT_CLOSE(s[c], want, 1e-6 * (1 + sqrt((double)rows)));
            }
            for (int64_t u = units - 1; u >= 0; u--)
                cpu->col_sum(x, ld, rows, cols, again, u, u + 1);
            ASSERT_SAME_BITS(s, again, cols);
            free(x);
            free(s);
            free(again);
        }
}

static void test_sums(void **state)
{
    (void)state;
    test_seed(43);
    static const int64_t sizes[] = {0, 1, 15, 4096, 4097, 100003};
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < 6; i++) {
        int64_t n = sizes[i], units = cn__units(n, CN__UNIT_SUM);
        float *x = test_array(n);
        double sum[32], square[32], want = 0, want2 = 0;
        for (int64_t u = units - 1; u >= 0; u--) {
            cpu->sum_blocks(x, n, sum, u, u + 1);
            cpu->sumsq_blocks(x, n, square, u, u + 1);
        }
        for (int64_t j = 0; j < n; j++) {
            want += x[j];
            want2 += (double)x[j] * x[j];
        }
        /* 4096 floats of both signs in chunks: partial sums of up to 64, an ulp of which is 4e-6.
         */
        ASSERT_CLOSE(cn__sum_fold(sum, units), want, 5e-6 * (1 + (double)units));
        ASSERT_CLOSE(cn__sum_fold(square, units), want2, 1e-6 * (1 + want2));
        free(x);
    }
}

static void check_softmax(const cn__cpu *cpu, int64_t cols)
{
    int64_t ld = cols + 1;
    float *x = test_array(ROWS * ld), *y = test_array(ROWS * ld), *l = test_array(ROWS * ld);
    for (int64_t c = 0; c < cols; c++)
        x[2 * ld + c] = x[2 * ld + c] * 90.0f + 1000.0f;
    if (cols > 2) {
        x[3 * ld + 1] = NAN;
        x[4 * ld + 1] = -INFINITY;
    }
    cpu->softmax(CN__SOFTMAX, x, ld, cols, y, ld, 0, ROWS);
    cpu->softmax(CN__LOG_SOFTMAX, x, ld, cols, l, ld, 0, ROWS);
    for (int r = 0; r < ROWS; r++) {
        double top = -INFINITY, s = 0;
        for (int64_t c = 0; c < cols; c++)
            top = fmax(top, x[r * ld + c]);
        for (int64_t c = 0; c < cols; c++)
            s += exp(x[r * ld + c] - top);
        for (int64_t c = 0; c < cols; c++) {
            double want = exp(x[r * ld + c] - top) / s, log_want = x[r * ld + c] - top - log(s);
            if (isnan(s)) {
                assert_true(isnan(y[r * ld + c]) && isnan(l[r * ld + c]));
            } else {
                ASSERT_CLOSE(y[r * ld + c], want, 1e-6 * want + 1e-38);
                if (isinf(log_want))
                    assert_true(l[r * ld + c] == log_want);
                else
                    ASSERT_CLOSE(l[r * ld + c], log_want, 1e-6 + 2e-7 * fabs(log_want));
            }
        }
    }
    cpu->softmax(CN__SOFTMAX, x, ld, cols, x, ld, 0, ROWS); /* in place */
    for (int r = 0; r < ROWS; r++)
        if (r != 3)
            ASSERT_SAME_BITS(x + r * ld, y + r * ld, cols);
    free(x);
    free(y);
    free(l);
}

static void check_loss(const cn__cpu *cpu, int64_t cols, cn__el type)
{
    float *z = test_array(ROWS * cols), *p = test_fill(ROWS * cols, 0),
          *g = test_array(ROWS * cols);
    float loss[ROWS], hit[ROWS], row_scale[ROWS];
    int64_t i64[ROWS];
    int32_t i32[ROWS];
    uint8_t u8[ROWS];
    for (int r = 0; r < ROWS; r++) {
        i64[r] = (int64_t)(test_bits() % (uint32_t)cols);
        i32[r] = (int32_t)i64[r];
        u8[r] = (uint8_t)i64[r];
        row_scale[r] = 1.0f + test_uniform();
        p[r * cols + i64[r]] = r == 0 ? 0.5f : 1.0f; /* row 0 does not sum to 1 */
    }
    const void *labels = type == CN__EL_F32   ? (void *)p
                         : type == CN__EL_I64 ? (void *)i64
                         : type == CN__EL_I32 ? (void *)i32
                                              : (void *)u8;
    cn__softmax_ce a = {ROWS, cols, z,    cols,  labels,    type, cols,
                        loss, g,    cols, 0.25f, row_scale, hit};
    assert_int_equal(cpu->softmax_ce(&a, 0, ROWS), -1);
    for (int r = 0; r < ROWS; r++) {
        double s = 0, mass = type == CN__EL_F32 && r == 0 ? 0.5 : 1;
        int64_t best = 0;
        for (int64_t c = 0; c < cols; c++) {
            s += exp(z[r * cols + c]);
            best = z[r * cols + c] > z[r * cols + best] ? c : best;
        }
        ASSERT_CLOSE(loss[r], mass * (log(s) - z[r * cols + i64[r]]), 2e-6);
        assert_true(hit[r] == (best == i64[r]));
        for (int64_t c = 0; c < cols; c++) {
            double want =
                (exp(z[r * cols + c]) / s * mass - (c == i64[r] ? mass : 0)) * 0.25 * row_scale[r];
            ASSERT_CLOSE(g[r * cols + c], want, 2e-7);
        }
    }
    if (type == CN__EL_I64) {
        i64[5] = cols;
        assert_int_equal(cpu->softmax_ce(&a, 0, ROWS), 5);
        assert_true(isnan(loss[5]) && isnan(g[5 * cols]) && hit[5] == 0 && !isnan(loss[4]));
        i64[5] = 0;
    }
    float *keep = test_array(ROWS * cols); /* gradient over the logits */
    memcpy(keep, g, (size_t)(ROWS * cols) * sizeof *g);
    assert_int_equal(cpu->softmax_ce(&a, 0, ROWS), -1);
    memcpy(keep, g, (size_t)(ROWS * cols) * sizeof *g);
    a.grad = z;
    assert_int_equal(cpu->softmax_ce(&a, 0, ROWS), -1);
    ASSERT_SAME_BITS(z, keep, ROWS * cols);
    free(z);
    free(p);
    free(g);
    free(keep);
}

static void test_softmax(void **state)
{
    (void)state;
    test_seed(44);
    static const cn__el types[] = {CN__EL_F32, CN__EL_I32, CN__EL_I64, CN__EL_U8};
    FOR_EACH_ISA(cpu)
    for (int i = 0; i < WIDTHS; i++) {
        check_softmax(cpu, widths[i]);
        for (int t = 0; t < 4 && widths[i] < 256; t++)
            check_loss(cpu, widths[i], types[t]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
