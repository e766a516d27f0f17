/* Sums, maxima and their places, over rows, columns, or everything. */
#include "kernels/cpu/isa/kernels.h"

/* Sum of n floats, or of their squares, in a fixed order: chunks by four running vectors, whose
 * sums meet in another, so that few roundings lie on top of each other. */
CN__INLINE float chunked_sum(const float *x, int64_t n, int squares)
{
    enum { CHUNK = 512 };
    vf total = cn__splat(0.0f);
    for (int64_t at = 0; at < n; at += CHUNK) {
        int64_t end = n - at < CHUNK ? n : at + CHUNK, i = at;
        vf s[4] = {cn__splat(0.0f), cn__splat(0.0f), cn__splat(0.0f), cn__splat(0.0f)};
        for (; i + 4 * L_ <= end; i += 4 * L_)
            UNROLL for (int j = 0; j < 4; j++)
            {
                vf e = cn__load(x + i + j * L_);
                s[j] = squares ? cn__fma(e, e, s[j]) : s[j] + e;
            }
        for (; i < end; i += L_) {
            vf e = load_to(x + i, end - i);
            s[0] = squares ? cn__fma(e, e, s[0]) : s[0] + e;
        }
        total += (s[0] + s[1]) + (s[2] + s[3]);
    }
    return v_hsum(total);
}

static float sum_run(const float *x, int64_t n)
{
    return chunked_sum(x, n, 0);
}

static float sumsq_run(const float *x, int64_t n)
{
    return chunked_sum(x, n, 1);
}

void CN__FN(sum_blocks)(const float *x, int64_t n, double *partial, int64_t begin, int64_t end)
{
    for (int64_t u = begin; u < end; u++) {
        int64_t at = u * CN__UNIT_SUM;
        partial[u] = sum_run(x + at, n - at < CN__UNIT_SUM ? n - at : CN__UNIT_SUM);
    }
}

void CN__FN(sumsq_blocks)(const float *x, int64_t n, double *partial, int64_t begin, int64_t end)
{
    for (int64_t u = begin; u < end; u++) {
        int64_t at = u * CN__UNIT_SUM;
        partial[u] = sumsq_run(x + at, n - at < CN__UNIT_SUM ? n - at : CN__UNIT_SUM);
    }
}

void CN__FN(row_sum)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                     int64_t end)
{
    for (int64_t r = begin; r < end; r++) {
        const float *row = x + r * ld;
        if (cols <= CN__UNIT_SUM) {
            out[r] = sum_run(row, cols);
            continue;
        }
        /* Long rows as the sum of all: in blocks, whose sums meet in double. */
        double s = 0.0;
        for (int64_t at = 0; at < cols; at += CN__UNIT_SUM)
            s += sum_run(row + at, cols - at < CN__UNIT_SUM ? cols - at : CN__UNIT_SUM);
        out[r] = (float)s;
    }
}

/* The maximum of n >= 1 floats, NaN if there is one. */
static float max_run(const float *x, int64_t n)
{
    vf m = cn__splat(-INFINITY), odd = cn__splat(0.0f);
    int64_t i = 0;
    for (; i + L_ <= n; i += L_) {
        vf e = cn__load(x + i);
        m = cn__max(e, m);                  /* a NaN in e leaves m */
        odd = v_sel(v_unord(e, e), e, odd); /* and is kept here */
    }
    float best = -INFINITY, lane[L_];
    cn__store(lane, m);
    for (int j = 0; j < L_; j++)
        best = lane[j] > best ? lane[j] : best;
    cn__store(lane, odd);
    for (int j = 0; j < L_; j++)
        best = lane[j] != lane[j] ? lane[j] : best;
    for (; i < n; i++)
        best = x[i] > best || x[i] != x[i] ? x[i] : best;
    return best;
}

void CN__FN(row_max)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                     int64_t end)
{
    for (int64_t r = begin; r < end; r++)
        out[r] = max_run(x + r * ld, cols);
}

void CN__FN(row_argmax)(const float *x, int64_t ld, int64_t cols, int64_t *out, int64_t begin,
                        int64_t end)
{
    for (int64_t r = begin; r < end; r++) {
        const float *row = x + r * ld;
        float m = max_run(row, cols);
        int64_t i = 0;
        while (i + 1 < cols && !(row[i] == m || row[i] != row[i]))
            i++;
        out[r] = i;
    }
}

/* Sums of 64 columns, or fewer, over up to 64 rows. */
static void columns_block(const float *x, int64_t ld, int64_t rows, int64_t cols, float *s)
{
    memset(s, 0, CN__UNIT_COLS * sizeof *s);
    for (int64_t c = 0; c < cols; c += L_) {
        vf a = cn__splat(0.0f);
        for (int64_t r = 0; r < rows; r++)
            a += load_to(x + r * ld + c, cols - c);
        cn__store(s + c, a);
    }
}

void CN__FN(col_sum)(const float *x, int64_t ld, int64_t rows, int64_t cols, float *out,
                     int64_t begin, int64_t end)
{
    for (int64_t u = begin; u < end; u++) {
        int64_t c = u * CN__UNIT_COLS, n = cols - c < CN__UNIT_COLS ? cols - c : CN__UNIT_COLS;
        float total[CN__UNIT_COLS] = {0}, s[CN__UNIT_COLS];
        for (int64_t r = 0; r < rows; r += 64) {
            columns_block(x + r * ld + c, ld, rows - r < 64 ? rows - r : 64, n, s);
            for (int i = 0; i < CN__UNIT_COLS; i++)
                total[i] += s[i];
        }
        memcpy(out + c, total, (size_t)n * sizeof *out);
    }
}
