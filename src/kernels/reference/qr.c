/* Reference kernel of the QR decomposition: Householder reflections in double. */
#include "kernels/reference/walk.h"

#include <math.h>
#include <string.h>

/* Units are matrices; the scratch holds one (m x n), the factors of its reflections (k) and q (m x
 * k). */
static int64_t matrices(const cn__call *call)
{
    const cn_shape *shape = &call->in[0].shape;
    int64_t count = 1;
    for (int a = 0; a < shape->rank - 2; a++) {
        count *= shape->dim[a];
    }
    return count;
}

static size_t qr_scratch(const cn__call *call)
{
    const cn_shape *shape = &call->in[0].shape;
    int64_t m = shape->dim[shape->rank - 2], n = shape->dim[shape->rank - 1], k = m < n ? m : n;
    return (size_t)(m * n + k + m * k) * sizeof(double);
}

/* Makes column j of a (m x n) zero below its diagonal by I - tau v v', v_j = 1, and leaves v below
 * the diagonal. */
static double reflect(double *a, int64_t m, int64_t n, int64_t j)
{
    double alpha = a[j * n + j], below = 0;
    for (int64_t i = j + 1; i < m; i++) {
        below += a[i * n + j] * a[i * n + j];
    }
    if (below == 0) {
        return 0;
    }
    double beta = -copysign(sqrt(alpha * alpha + below), alpha);
    for (int64_t i = j + 1; i < m; i++) {
        a[i * n + j] /= alpha - beta;
    }
    a[j * n + j] = beta;
    return (beta - alpha) / beta;
}

/* Applies reflection j (v below the diagonal of column j of a) to columns [from, to) of b, whose
 * rows are `width` long. */
static void apply_reflection(const double *a, int64_t m, int64_t n, int64_t j, double tau,
                             double *b, int64_t width, int64_t from, int64_t to)
{
    for (int64_t c = from; c < to && tau != 0; c++) {
        double sum = b[j * width + c];
        for (int64_t i = j + 1; i < m; i++) {
            sum += a[i * n + j] * b[i * width + c];
        }
        sum *= tau;
        b[j * width + c] -= sum;
        for (int64_t i = j + 1; i < m; i++) {
            b[i * width + c] -= sum * a[i * n + j];
        }
    }
}

static int qr_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *x = &call->in[0], *q_out = &call->out[0], *r_out = &call->out[1];
    int64_t m = x->shape.dim[x->shape.rank - 2], n = x->shape.dim[x->shape.rank - 1];
    int64_t k = m < n ? m : n;
    double *a = call->scratch, *tau = a + m * n, *q = tau + k;
    for (int64_t unit = begin; unit < end && k > 0; unit++) {
        cn__load_doubles(x->dtype, x->data, unit * m * n, m * n, a);
        for (int64_t j = 0; j < k; j++) {
            tau[j] = reflect(a, m, n, j);
            apply_reflection(a, m, n, j, tau[j], a, n, j + 1, n);
        }
        memset(q, 0, (size_t)(m * k) * sizeof *q);
        for (int64_t j = k - 1; j >= 0; j--) {
            q[j * k + j] = 1;
            apply_reflection(a, m, n, j, tau[j], q, k, j, k);
        }
        cn__store_doubles(q_out->dtype, q_out->data, unit * m * k, m * k, q);
        for (int64_t i = 0; i < k && r_out->data; i++) {
            for (int64_t j = 0; j < i; j++) {
                a[i * n + j] = 0;
            }
            cn__store_doubles(r_out->dtype, r_out->data, (unit * k + i) * n, n, a + i * n);
        }
    }
    return 0;
}

const cn__kernel cn__reference_qr = {
    .name = "qr (reference)", .units = matrices, .scratch_bytes = qr_scratch, .run = qr_run};
