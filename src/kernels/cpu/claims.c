/* Which public ops Cornu's own kernels run: products, softmax, sums and conversions of float32
 * arrays. */
#include "kernels/cpu/conv_claims.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/reduce_claims.h"
#include "kernels/registry.h"

#include <string.h>

static bool is_f32(const cn__arg *arg)
{
    return arg->dtype == CN_FLOAT32;
}

static int64_t length(const cn__arg *arg, int from_end)
{
    return arg->shape.dim[arg->shape.rank - from_end];
}

/* matmul
 * -----------------------------------------------------------------------------------------------------------
 */

/* A product as batches of (m, k)·(k, n); a weight shared by all batches makes one tall product of
 * them. */
typedef struct product {
    int64_t batches, m, n, k;
    bool ta, tb, shared;
} product;

static product product_of(const cn__call *call)
{
    const cn__arg *a = &call->in[0], *b = &call->in[1];
    product p = {.batches = 1, .ta = call->attrs->i[0] != 0, .tb = call->attrs->i[1] != 0};
    p.m = length(a, p.ta ? 1 : 2);
    p.k = length(a, p.ta ? 2 : 1);
    p.n = length(b, p.tb ? 2 : 1);
    for (int i = 0; i < a->shape.rank - 2; i++) {
        p.batches *= a->shape.dim[i];
    }
    p.shared = b->shape.rank == 2 && a->shape.rank > 2;
    if (p.shared && !p.ta) {
        p.m *= p.batches;
        p.batches = 1;
    }
    return p;
}

static bool claims_matmul(const cn__call *call)
{
    const cn__arg *a = &call->in[0], *b = &call->in[1];
    if (!is_f32(a) || !is_f32(b) || a->shape.rank < 2 || b->shape.rank < 2 ||
        cn__shape_size(&call->out[0].shape) < 1 || cn__shape_size(&a->shape) < 1) {
        return false;
    }
    if (b->shape.rank == 2) {
        return true;
    }
    return a->shape.rank == b->shape.rank &&
           !memcmp(a->shape.dim, b->shape.dim, (size_t)(a->shape.rank - 2) * sizeof(int64_t));
}

enum { ROWS_A_UNIT = 48 };

static int64_t units_matmul(const cn__call *call)
{
    product p = product_of(call);
    return p.batches * cn__units(p.m, ROWS_A_UNIT);
}

static size_t scratch_matmul(const cn__call *call)
{
    product p = product_of(call);
    int64_t m = p.m < ROWS_A_UNIT ? p.m : ROWS_A_UNIT;
    return (size_t)cn__cpu_get()->sgemm_scratch(m, p.n, p.k) * sizeof(float);
}

static int run_matmul(const cn__call *call, int64_t begin, int64_t end)
{
    product p = product_of(call);
    const float *a = call->in[0].data, *b = call->in[1].data;
    float *c = call->out[0].data;
    int64_t blocks = cn__units(p.m, ROWS_A_UNIT);
    for (int64_t u = begin; u < end; u++) {
        int64_t batch = u / blocks, r0 = u % blocks * ROWS_A_UNIT;
        int64_t rows = r0 + ROWS_A_UNIT < p.m ? ROWS_A_UNIT : p.m - r0;
        const float *ab = a + batch * p.m * p.k + (p.ta ? r0 : r0 * p.k);
        const float *bb = b + (p.shared ? 0 : batch * p.k * p.n);
        cn__sgemm g = {.m = rows,
                       .n = p.n,
                       .k = p.k,
                       .alpha = 1,
                       .a = ab,
                       .lda = p.ta ? p.m : p.k,
                       .trans_a = p.ta,
                       .b = bb,
                       .ldb = p.tb ? p.k : p.n,
                       .trans_b = p.tb,
                       .c = c + (batch * p.m + r0) * p.n,
                       .ldc = p.n};
        cn__cpu_get()->sgemm(&g, call->scratch);
    }
    return 0;
}

static const cn__kernel matmul_kernel = {.name = "cpu",
                                         .claims = claims_matmul,
                                         .units = units_matmul,
                                         .scratch_bytes = scratch_matmul,
                                         .run = run_matmul};

/* Rows along the last axis
 * ----------------------------------------------------------------------------------------- */

enum { ROWS_OF_UNIT = 16 };

static int64_t rows_of(const cn__arg *arg)
{
    int64_t columns = length(arg, 1);
    return columns ? cn__shape_size(&arg->shape) / columns : 0;
}

static int64_t units_rows(const cn__call *call)
{
    return cn__units(rows_of(&call->in[0]), ROWS_OF_UNIT);
}

static bool last_axis(const cn__call *call)
{
    int rank = call->in[0].shape.rank;
    int64_t axis = call->attrs->i[0];
    return is_f32(&call->in[0]) && rank > 0 && length(&call->in[0], 1) > 0 &&
           (axis == -1 || axis == rank - 1);
}

static void row_range(const cn__call *call, int64_t *begin, int64_t *end)
{
    int64_t rows = rows_of(&call->in[0]);
    *begin *= ROWS_OF_UNIT;
    *end *= ROWS_OF_UNIT;
    *end = *end < rows ? *end : rows;
}

static int run_softmax(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t columns = length(&call->in[0], 1);
    row_range(call, &begin, &end);
    cn__cpu_get()->softmax(call->op == &cn__op_softmax ? CN__SOFTMAX : CN__LOG_SOFTMAX,
                           call->in[0].data, columns, columns, call->out[0].data, columns, begin,
                           end);
    return 0;
}

static const cn__kernel softmax_kernel = {
    .name = "cpu", .claims = last_axis, .units = units_rows, .run = run_softmax};

static bool claims_argmax(const cn__call *call)
{
    return last_axis(call) && call->out[0].dtype == CN_INT64 && length(&call->in[0], 1) > 0;
}

static int run_argmax(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t columns = length(&call->in[0], 1);
    row_range(call, &begin, &end);
    cn__cpu_get()->row_argmax(call->in[0].data, columns, columns, call->out[0].data, begin, end);
    return 0;
}

static const cn__kernel argmax_kernel = {
    .name = "cpu", .claims = claims_argmax, .units = units_rows, .run = run_argmax};

/* Sums over the rows of a matrix, as a bias's gradient wants
 * ------------------------------------------------------- */

static bool claims_column_sum(const cn__call *call)
{
    const cn__arg *x = &call->in[0], *y = &call->out[0];
    if (!is_f32(x) || x->shape.rank < 2 || y->shape.rank != 1 || y->shape.dim[0] != length(x, 1) ||
        rows_of(x) < 2 || length(x, 1) < 2) {
        return false;
    }
    if (call->op == &cn__op_sum_like) {
        return true;
    }
    int64_t n = call->attrs->i[1];
    if (call->attrs->i[0] || n != x->shape.rank - 1) {
        return false;
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t axis = call->attrs->i[2 + k];
        if (axis == -1 || axis == x->shape.rank - 1) {
            return false;
        }
    }
    return true;
}

static int64_t units_column_sum(const cn__call *call)
{
    return cn__units(length(&call->in[0], 1), CN__UNIT_COLS);
}

static int run_column_sum(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *x = &call->in[0];
    int64_t columns = length(x, 1);
    cn__cpu_get()->col_sum(x->data, columns, rows_of(x), columns, call->out[0].data, begin, end);
    return 0;
}

static const cn__kernel column_sum_kernel = {
    .name = "cpu", .claims = claims_column_sum, .units = units_column_sum, .run = run_column_sum};

/* Conversions
 * ------------------------------------------------------------------------------------------------------
 */

static int element(cn_dtype dtype)
{
    switch (dtype) {
    case CN_FLOAT32: return CN__EL_F32;
    case CN_UINT8: return CN__EL_U8;
    case CN_INT32: return CN__EL_I32;
    case CN_INT64: return CN__EL_I64;
    case CN_BOOL: return CN__EL_BOOL;
    case CN_FLOAT16: return CN__EL_F16;
    case CN_BFLOAT16: return CN__EL_BF16;
    case CN_FLOAT64: return CN__EL_F64;
    default: return -1;
    }
}

static bool claims_cast(const cn__call *call)
{
    return is_f32(&call->out[0]) && element(call->in[0].dtype) >= 0;
}

enum { ELEMENTS_A_UNIT = 65536 };

static int64_t units_cast(const cn__call *call)
{
    return cn__units(cn__shape_size(&call->out[0].shape), ELEMENTS_A_UNIT);
}

static int run_cast(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t n = cn__shape_size(&call->out[0].shape);
    int64_t from = begin * ELEMENTS_A_UNIT, to = end * ELEMENTS_A_UNIT;
    cn__cpu_get()->convert(call->in[0].data, (cn__el)element(call->in[0].dtype), call->out[0].data,
                           CN__EL_F32, from, to < n ? to : n);
    return 0;
}

static const cn__kernel cast_kernel = {
    .name = "cpu", .claims = claims_cast, .units = units_cast, .run = run_cast};

const cn__claim cn__cpu_claims[] = {{&cn__op_matmul, &matmul_kernel},
                                    {&cn__op_softmax, &softmax_kernel},
                                    {&cn__op_log_softmax, &softmax_kernel},
                                    {&cn__op_argmax, &argmax_kernel},
                                    {&cn__op_sum, &column_sum_kernel},
                                    {&cn__op_sum, &cn__cpu_reduce_columns},
                                    {&cn__op_mean, &cn__cpu_reduce_columns},
                                    {&cn__op_moments, &cn__cpu_moments},
                                    {&cn__op_sum_like, &column_sum_kernel},
                                    {&cn__op_cast, &cast_kernel},
                                    {&cn__op_conv, &cn__cpu_conv},
                                    {&cn__op_conv_gradient_input, &cn__cpu_conv_gradient_input},
                                    {&cn__op_conv_gradient_kernel, &cn__cpu_conv_gradient_kernel},
                                    {&cn__op_max_pool, &cn__cpu_max_pool},
                                    {&cn__op_max_pool_gradient, &cn__cpu_max_pool_gradient},
                                    {&cn__op_average_pool, &cn__cpu_average_pool},
                                    {&cn__op_average_pool_gradient, &cn__cpu_average_pool_gradient},
                                    {NULL, NULL}};
