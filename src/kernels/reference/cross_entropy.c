/* Reference kernels of the cross-entropies of logits over the last axis, in double. */
#include "kernels/reference/block.h"
#include <math.h>

enum { UNIT_WORK = 16384 }; /* elements of a unit, about */

static int64_t classes_of(const cn__call *call)
{
    return call->in[0].shape.dim[call->in[0].shape.rank - 1];
}

static int64_t unit_rows(const cn__call *call)
{
    int64_t n = classes_of(call);
    return n == 0 || n >= UNIT_WORK ? 1 : UNIT_WORK / n;
}

static int64_t units(const cn__call *call)
{
    int64_t unit = unit_rows(call);
    return (cn__arg_size(&call->out[0]) + unit - 1) / unit;
}

/* log(sum(exp(z))) of n logits from `at` on. */
static double logsumexp(const cn__arg *z, int64_t at, int64_t n)
{
    cn__block block;
    double peak = -HUGE_VAL, sum = 0;
    for (int64_t i = 0; i < n; i += CN__BLOCK) {
        int64_t m = n - i < CN__BLOCK ? n - i : CN__BLOCK;
        const double *v = cn__block_load(CN__CLASS_F64, z->dtype, z->data, at + i, m, &block);
        for (int64_t j = 0; j < m; j++)
            peak = v[j] > peak || v[j] != v[j] ? v[j] : peak;
    }
    if (!isfinite(peak))
        peak = 0;
    for (int64_t i = 0; i < n; i += CN__BLOCK) {
        int64_t m = n - i < CN__BLOCK ? n - i : CN__BLOCK;
        const double *v = cn__block_load(CN__CLASS_F64, z->dtype, z->data, at + i, m, &block);
        for (int64_t j = 0; j < m; j++)
            sum += exp(v[j] - peak);
    }
    return peak + log(sum);
}

/* -sum(y (z - logsumexp(z))); where y is 0 the term is, even if z is infinite. */
static int run_softmax(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *z = &call->in[0], *y = &call->in[1], *out = &call->out[0];
    int64_t n = classes_of(call), rows = cn__arg_size(out), unit = unit_rows(call);
    cn__block block_z, block_y;
    for (int64_t row = begin * unit; row < end * unit && row < rows; row++) {
        double whole = logsumexp(z, row * n, n), loss = 0;
        for (int64_t i = 0; i < n; i += CN__BLOCK) {
            int64_t m = n - i < CN__BLOCK ? n - i : CN__BLOCK, at = row * n + i;
            const double *vz = cn__block_load(CN__CLASS_F64, z->dtype, z->data, at, m, &block_z);
            const double *vy = cn__block_load(CN__CLASS_F64, y->dtype, y->data, at, m, &block_y);
            for (int64_t j = 0; j < m; j++)
                if (vy[j] != 0)
                    loss += vy[j] * (whole - vz[j]);
        }
        cn__block_scatter(CN__CLASS_F64, out->dtype, &loss, out->data, row, 1, 1);
    }
    return 0;
}

/* A label as a signed number; those beyond 2^63 become negative, which is out of every range. */
static int64_t label_at(const cn__arg *labels, int64_t row)
{
    int64_t label;
    cn__block_gather(cn__class_of(labels->dtype), labels->dtype, labels->data, row, 1, 1, &label);
    return label;
}

/* TensorFlow's words: the smallest label if that is negative, else the largest; then all of them,
 * or the first thousand. */
static int bad_label(const cn__arg *labels, int64_t rows, int64_t classes)
{
    enum { SHOWN = 1000 };
    cn__text text = {0};
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t i = 0; i < rows; i++) {
        int64_t label = label_at(labels, i);
        low = label < low ? label : low;
        high = label > high ? label : high;
        if (i < SHOWN)
            cn__text_add(&text, " %lld", (long long)label);
    }
    if (rows > SHOWN)
        cn__text_add(&text, "...");
    char *list = cn__text_take(&text);
    if (!list)
        return CN_ENOMEM;
    int code = cn__fail(CN_EINDEX,
                        "Received a label value of %lld which is outside the valid range of "
                        "[0, %lld).  Label values:%s",
                        (long long)(low < 0 ? low : high), (long long)classes, list);
    cn__free_mem(list);
    return code;
}

/* logsumexp(z) - z[label]. */
static int run_sparse(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *z = &call->in[0], *labels = &call->in[1], *out = &call->out[0];
    int64_t n = classes_of(call), rows = cn__arg_size(out), unit = unit_rows(call);
    for (int64_t row = begin * unit; row < end * unit && row < rows; row++) {
        int64_t label = label_at(labels, row);
        if (label < 0 || label >= n)
            return bad_label(labels, rows, n);
        double right;
        cn__block_gather(CN__CLASS_F64, z->dtype, z->data, row * n + label, 1, 1, &right);
        double loss = logsumexp(z, row * n, n) - right;
        cn__block_scatter(CN__CLASS_F64, out->dtype, &loss, out->data, row, 1, 1);
    }
    return 0;
}

const cn__kernel cn__reference_softmax_cross_entropy = {
    .name = "reference.softmax_cross_entropy", .units = units, .run = run_softmax};
const cn__kernel cn__reference_sparse_softmax_cross_entropy = {
    .name = "reference.sparse_softmax_cross_entropy", .units = units, .run = run_sparse};
