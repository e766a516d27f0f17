/* Reference kernel of the matrix product: floats of every width are accumulated in double, integers
 * in 64 bits. */
#include "kernels/reference/block.h"

enum {
    ROWS = 8,     /* rows of a unit, which share the elements of b that were loaded */
    COLUMNS = 64, /* columns of a tile */
    DEPTH = 64    /* elements of a's rows that are loaded at once */
};

/* out[batch][m][n] = op(a)[batch][m][k] · op(b)[batch][k][n], with strides in elements. */
typedef struct plan {
    int64_t m, n, k, batches;
    int rank; /* of the batch axes */
    int64_t dim[CN_MAX_RANK], a_batch[CN_MAX_RANK], b_batch[CN_MAX_RANK];
    int64_t a_m, a_k, b_k, b_n;
    cn__class class;
} plan;

static plan plan_of(const cn__call *call)
{
    const cn_shape *a = &call->in[0].shape, *b = &call->in[1].shape, *out = &call->out[0].shape;
    bool ta = call->attrs->i[0] != 0, tb = call->attrs->i[1] != 0;
    int64_t a_columns = a->dim[a->rank - 1], b_columns = b->dim[b->rank - 1];
    int64_t a_step = a->dim[a->rank - 2] * a_columns, b_step = b->dim[b->rank - 2] * b_columns;
    plan p = {.m = out->dim[out->rank - 2],
              .n = out->dim[out->rank - 1],
              .k = a->dim[a->rank - (ta ? 2 : 1)],
              .batches = 1,
              .rank = out->rank - 2,
              .a_m = ta ? 1 : a_columns,
              .a_k = ta ? a_columns : 1,
              .b_k = tb ? 1 : b_columns,
              .b_n = tb ? b_columns : 1,
              .class = cn__class_of(call->in[0].dtype)};
    if (p.class == CN__CLASS_F32)
        p.class = CN__CLASS_F64;
    for (int i = 3; i <= out->rank; i++) {
        int64_t a_dim = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t b_dim = i <= b->rank ? b->dim[b->rank - i] : 1;
        int axis = out->rank - i;
        p.dim[axis] = out->dim[axis];
        p.a_batch[axis] = a_dim == 1 ? 0 : a_step;
        p.b_batch[axis] = b_dim == 1 ? 0 : b_step;
        a_step *= a_dim;
        b_step *= b_dim;
        p.batches *= out->dim[axis];
    }
    return p;
}

/* acc[r][j] += a[r] * b[j] for one k. */
#define ACCUMULATE(T)                                                                              \
    static void accumulate_##T(void *accs, const void *as, const void *bs, int64_t rows,           \
                               int64_t columns)                                                    \
    {                                                                                              \
        const T *b = bs;                                                                           \
        for (int64_t r = 0; r < rows; r++) {                                                       \
            T *acc = (T *)accs + r * COLUMNS;                                                      \
            const T a = ((const T *)as)[r * DEPTH];                                                \
            for (int64_t j = 0; j < columns; j++)                                                  \
                acc[j] += a * b[j];                                                                \
        }                                                                                          \
    }
ACCUMULATE(double)
ACCUMULATE(uint64_t)

/* A tile of `rows` by `columns` of the output, at most ROWS by COLUMNS: each element sums over k in
 * order. */
static void tile(const cn__call *call, const plan *p, int64_t at_a, int64_t at_b, int64_t at,
                 int64_t rows, int64_t columns)
{
    const cn__arg *a = &call->in[0], *b = &call->in[1], *out = &call->out[0];
    cn__block acc = {.u64 = {0}}, block_a, block_b; /* zero bits are 0 as a double too */
    for (int64_t k0 = 0; k0 < p->k; k0 += DEPTH) {
        int64_t depth = p->k - k0 < DEPTH ? p->k - k0 : DEPTH;
        for (int64_t r = 0; r < rows; r++)
            cn__block_gather(p->class, a->dtype, a->data, at_a + r * p->a_m + k0 * p->a_k, p->a_k,
                             depth, &block_a.u64[r * DEPTH]);
        for (int64_t k = 0; k < depth; k++) {
            cn__block_gather(p->class, b->dtype, b->data, at_b + (k0 + k) * p->b_k, p->b_n, columns,
                             &block_b);
            if (p->class == CN__CLASS_F64)
                accumulate_double(&acc, &block_a.f64[k], &block_b, rows, columns);
            else
                accumulate_uint64_t(&acc, &block_a.u64[k], &block_b, rows, columns);
        }
    }
    for (int64_t r = 0; r < rows; r++)
        cn__block_scatter(p->class, out->dtype, &acc.u64[r * COLUMNS], out->data, at + r * p->n, 1,
                          columns);
}

static int64_t units(const cn__call *call)
{
    plan p = plan_of(call);
    return p.n == 0 ? 0 : p.batches * ((p.m + ROWS - 1) / ROWS);
}

static int run(const cn__call *call, int64_t begin, int64_t end)
{
    plan p = plan_of(call);
    int64_t row_blocks = (p.m + ROWS - 1) / ROWS;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t batch = unit / row_blocks, row = unit % row_blocks * ROWS;
        int64_t rows = p.m - row < ROWS ? p.m - row : ROWS;
        int64_t at_a = row * p.a_m, at_b = 0, rest = batch;
        for (int axis = p.rank - 1; axis >= 0; axis--) {
            at_a += rest % p.dim[axis] * p.a_batch[axis];
            at_b += rest % p.dim[axis] * p.b_batch[axis];
            rest /= p.dim[axis];
        }
        for (int64_t j = 0; j < p.n; j += COLUMNS)
            tile(call, &p, at_a, at_b + j * p.b_n, (batch * p.m + row) * p.n + j, rows,
                 p.n - j < COLUMNS ? p.n - j : COLUMNS);
    }
    return 0;
}

const cn__kernel cn__reference_matmul = {.name = "reference.matmul", .units = units, .run = run};
