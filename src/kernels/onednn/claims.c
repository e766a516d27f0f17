/* What oneDNN runs: convolutions, and large products of float32 matrices, one thread a call, split
 * by rows over our own threads. */
#include "core/error.h"
#include "kernels/onednn/onednn.h"
#include "kernels/registry.h"

typedef struct product {
    int64_t m, n, k;
    bool ta, tb;
} product;

static product product_of(const cn__call *call)
{
    const cn_shape *a = &call->in[0].shape, *b = &call->in[1].shape;
    product p = {.ta = call->attrs->i[0] != 0, .tb = call->attrs->i[1] != 0};
    p.m = a->dim[p.ta ? 1 : 0];
    p.k = a->dim[p.ta ? 0 : 1];
    p.n = b->dim[p.tb ? 0 : 1];
    return p;
}

/* Only what is large enough that oneDNN's packing pays, and only plain matrices. */
static bool claims_matmul(const cn__call *call)
{
    const cn__arg *a = &call->in[0], *b = &call->in[1];
    if (a->dtype != CN_FLOAT32 || b->dtype != CN_FLOAT32 || a->shape.rank != 2 ||
        b->shape.rank != 2) {
        return false;
    }
    product p = product_of(call);
    return p.m >= 64 && p.n >= 64 && p.k >= 64 && p.m < INT32_MAX && p.n < INT32_MAX &&
           p.k < INT32_MAX;
}

enum { ROWS_A_UNIT = 96 };

static int64_t units_matmul(const cn__call *call)
{
    return (product_of(call).m + ROWS_A_UNIT - 1) / ROWS_A_UNIT;
}

static int run_matmul(const cn__call *call, int64_t begin, int64_t end)
{
    product p = product_of(call);
    const float *a = call->in[0].data, *b = call->in[1].data;
    float *c = call->out[0].data;
    dnnl_status_t status = dnnl_success;
    int before = cn__onednn_begin();
    for (int64_t u = begin; status == dnnl_success && u < end; u++) {
        int64_t r0 = u * ROWS_A_UNIT, rows = r0 + ROWS_A_UNIT < p.m ? ROWS_A_UNIT : p.m - r0;
        status = dnnl_sgemm(p.ta ? 'T' : 'N', p.tb ? 'T' : 'N', rows, p.n, p.k, 1.0f,
                            a + (p.ta ? r0 : r0 * p.k), p.ta ? p.m : p.k, b, p.tb ? p.k : p.n, 0.0f,
                            c + r0 * p.n, p.n);
    }
    cn__onednn_end(before);
    if (status != dnnl_success) {
        return cn__fail(CN_ENOMEM,
                        "oneDNN could not make a product of (%lld, %lld) and (%lld, %lld): status "
                        "%d",
                        (long long)p.m, (long long)p.k, (long long)p.k, (long long)p.n,
                        (int)status);
    }
    return 0;
}

static const cn__kernel matmul_kernel = {
    .name = "onednn", .claims = claims_matmul, .units = units_matmul, .run = run_matmul};

const cn__claim cn__onednn_claims[] = {
    {&cn__op_matmul, &matmul_kernel},
    {&cn__op_conv, &cn__onednn_conv_forward},
    {&cn__op_conv_gradient_input, &cn__onednn_conv_gradient_input},
    {&cn__op_conv_gradient_kernel, &cn__onednn_conv_gradient_kernel},
    {NULL, NULL}};
