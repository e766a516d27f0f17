/* Sums, means and moments over neighbouring axes that end before the last (batch normalization,
 * global average pooling), and moments over the last axes (layer normalization). */
#include "kernels/cpu/reduce_claims.h"

#include "kernels/cpu/conv.h"
#include "kernels/cpu/cpu.h"

#include <string.h>

/* x as (outer, rows, columns) of which the rows are reduced. */
typedef struct columns {
    int64_t outer, rows, columns;
} columns;

/* False unless the reduced axes are neighbours and the last but the very last. */
static bool columns_of(const cn__call *call, columns *c)
{
    const cn_shape *x = &call->in[0].shape;
    *c = (columns){.outer = 1, .rows = 1};
    if (x->rank < 2 || call->attrs->i[1] < 1 || cn__reduces(call->attrs, x->rank, x->rank - 1)) {
        return false;
    }
    c->columns = x->dim[x->rank - 1];
    for (int axis = 0; axis < x->rank - 1; axis++) {
        if (cn__reduces(call->attrs, x->rank, axis)) {
            c->rows *= x->dim[axis];
        } else if (c->rows > 1) {
            return false;
        } else {
            c->outer *= x->dim[axis];
        }
    }
    return true;
}

static bool claims(const cn__call *call)
{
    columns c;
    return call->in[0].dtype == CN_FLOAT32 && call->out[0].dtype == CN_FLOAT32 &&
           columns_of(call, &c) && c.rows > 1 && c.columns > 1 && c.outer > 0;
}

static int64_t blocks(const columns *c)
{
    return cn__units(c->columns, CN__UNIT_COLS);
}

static int64_t units(const cn__call *call)
{
    columns c;
    return columns_of(call, &c) ? c.outer * blocks(&c) : 1;
}

/* Thousands of rows are summed in float32 by blocks, the sums of these runs in double, so that a
 * mean over millions keeps its digits. */
static void sum_block(const float *x, const columns *c, int64_t first, double scale, float *out)
{
    enum { RUN = 2048 };
    int64_t left = c->columns - first, n = left < CN__UNIT_COLS ? left : CN__UNIT_COLS;
    double total[CN__UNIT_COLS] = {0};
    float part[CN__UNIT_COLS];
    for (int64_t r = 0; r < c->rows; r += RUN) {
        int64_t rows = c->rows - r < RUN ? c->rows - r : RUN;
        cn__cpu_get()->col_sum(x + r * c->columns + first, c->columns, rows, n, part, 0, 1);
        for (int64_t i = 0; i < n; i++) {
            total[i] += (double)part[i];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        out[first + i] = (float)(total[i] * scale);
    }
}

static int run(const cn__call *call, int64_t begin, int64_t end)
{
    columns c;
    if (!columns_of(call, &c)) {
        return 0;
    }
    double scale = call->op == &cn__op_mean ? 1 / (double)c.rows : 1;
    const float *x = call->in[0].data;
    float *out = call->out[0].data;
    for (int64_t u = begin; u < end; u++) {
        int64_t o = u / blocks(&c), first = u % blocks(&c) * CN__UNIT_COLS;
        sum_block(x + o * c.rows * c.columns, &c, first, scale, out + o * c.columns);
    }
    return 0;
}

const cn__kernel cn__cpu_reduce_columns = {
    .name = "cpu", .claims = claims, .units = units, .run = run};

/* Moments. x as `outer` arrays (rows, columns) whose rows are reduced; where the last axes are
 * reduced, as `outer` rows. */

/* Whether the last axes, and only they, are reduced: outer rows of `columns`. */
static bool rows_of(const cn__call *call, columns *c)
{
    const cn_shape *x = &call->in[0].shape;
    *c = (columns){.outer = 1, .rows = 1, .columns = 1};
    for (int axis = 0; axis < x->rank; axis++) {
        bool reduced = cn__reduces(call->attrs, x->rank, axis);
        if (!reduced && c->columns > 1) {
            return false;
        }
        *(reduced ? &c->columns : &c->outer) *= x->dim[axis];
    }
    return true;
}

static bool claims_moments(const cn__call *call)
{
    columns c;
    return call->in[0].dtype == CN_FLOAT32 && (columns_of(call, &c) || rows_of(call, &c)) &&
           c.rows * c.columns > 0 && c.outer > 0 && c.columns <= INT32_MAX;
}

static int64_t units_moments(const cn__call *call)
{
    columns c;
    return columns_of(call, &c) || rows_of(call, &c) ? c.outer : 1;
}

static size_t scratch_moments(const cn__call *call)
{
    columns c;
    return columns_of(call, &c) ? 2 * (size_t)c.columns * sizeof(double) : 0;
}

/* mean = S1 / n, variance = S2 / n - mean^2. In double this keeps float32's digits even where the
 * spread is a millionth of the mean. A rounding below zero is none; NaN stays. */
static void finish_moments(double sum, double squares, double n, float *mean, float *variance)
{
    double m = sum / n, v = squares / n - m * m;
    *mean = (float)m;
    *variance = v < 0 ? 0.0f : (float)v;
}

/* The moments of n neighbours: 16 running sums, as if they were a matrix of 16 columns. */
static void row_moments(const float *x, int64_t n, float *mean, float *variance)
{
    enum { LANES = 16 };
    double sum[LANES] = {0}, squares[LANES] = {0};
    int64_t whole = n / LANES;
    cn__conv_get()->norm_sums(x, LANES, sum, squares, 0, whole);
    for (int64_t i = whole * LANES; i < n; i++) {
        sum[i % LANES] += (double)x[i];
        squares[i % LANES] += (double)x[i] * (double)x[i];
    }
    for (int i = 1; i < LANES; i++) {
        sum[0] += sum[i];
        squares[0] += squares[i];
    }
    finish_moments(sum[0], squares[0], (double)n, mean, variance);
}

static int run_moments(const cn__call *call, int64_t begin, int64_t end)
{
    columns c;
    const float *x = call->in[0].data;
    float *mean = call->out[0].data, *variance = call->out[1].data;
    if (!columns_of(call, &c)) {
        rows_of(call, &c);
        for (int64_t u = begin; u < end; u++) {
            row_moments(x + u * c.columns, c.columns, mean + u, variance + u);
        }
        return 0;
    }
    double *sum = call->scratch, *squares = sum + c.columns;
    for (int64_t u = begin; u < end; u++) {
        memset(sum, 0, 2 * (size_t)c.columns * sizeof *sum);
        cn__conv_get()->norm_sums(x + u * c.rows * c.columns, (int)c.columns, sum, squares, 0,
                                  c.rows);
        for (int64_t i = 0; i < c.columns; i++) {
            finish_moments(sum[i], squares[i], (double)c.rows, mean + u * c.columns + i,
                           variance + u * c.columns + i);
        }
    }
    return 0;
}

const cn__kernel cn__cpu_moments = {.name = "cpu",
                                    .claims = claims_moments,
                                    .units = units_moments,
                                    .scratch_bytes = scratch_moments,
                                    .run = run_moments};

/* The batch's moments in two parts, so that chunks of it can be summed apart: sums and sums of
 * squares (2, columns) in double, and the end. */
static int run_moments_sums(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *x = &call->in[0].shape;
    int64_t n = call->out[0].shape.dim[1], rows = cn__shape_size(x) / n;
    double *sum = call->out[0].data;
    (void)begin;
    (void)end;
    memset(sum, 0, 2 * (size_t)n * sizeof *sum);
    cn__conv_get()->norm_sums(call->in[0].data, (int)n, sum, sum + n, 0, rows);
    return 0;
}

static int run_moments_end(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t n = call->in[0].shape.dim[1];
    const double *sum = call->in[0].data;
    float *mean = call->out[0].data, *variance = call->out[1].data;
    (void)begin;
    (void)end;
    for (int64_t i = 0; i < n; i++) {
        finish_moments(sum[i], sum[n + i], (double)call->attrs->i[0], mean + i, variance + i);
    }
    return 0;
}

const cn__kernel cn__cpu_moments_sums = {.name = "cpu", .run = run_moments_sums};
const cn__kernel cn__cpu_moments_end = {.name = "cpu", .run = run_moments_end};
