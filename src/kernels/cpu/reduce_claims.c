/* Sums and means over neighbouring axes that end before the last: the moments of batch
 * normalization, global average pooling. */
#include "kernels/cpu/reduce_claims.h"

#include "kernels/cpu/cpu.h"

/* x as (outer, rows, columns) of which the rows are reduced. */
typedef struct columns {
    int64_t outer, rows, columns;
} columns;

static bool reduces(const cn__attrs *attrs, int rank, int axis)
{
    for (int64_t k = 0; k < attrs->i[1]; k++) {
        if (attrs->i[2 + k] == axis || attrs->i[2 + k] + rank == axis) {
            return true;
        }
    }
    return false;
}

/* False unless the reduced axes are neighbours and the last but the very last. */
static bool columns_of(const cn__call *call, columns *c)
{
    const cn_shape *x = &call->in[0].shape;
    *c = (columns){.outer = 1, .rows = 1};
    if (x->rank < 2 || call->attrs->i[1] < 1 || reduces(call->attrs, x->rank, x->rank - 1)) {
        return false;
    }
    c->columns = x->dim[x->rank - 1];
    for (int axis = 0; axis < x->rank - 1; axis++) {
        if (reduces(call->attrs, x->rank, axis)) {
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
