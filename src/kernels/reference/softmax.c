/* Reference kernels of softmax, log_softmax and sparsemax along one axis; sums are accumulated in
 * double. */
#include "kernels/reference/block.h"
#include <math.h>

enum { UNIT_WORK = 16384 }; /* elements of a unit, about */

/* The input as (outer, n, inner), n the axis of the op; a row is its n elements, `inner` apart. */
typedef struct plan {
    int64_t rows, n, inner, unit;
    cn__class class;
} plan;

static plan plan_of(const cn__call *call)
{
    const cn__arg *in = &call->in[0];
    int axis = (int)call->attrs->i[0];
    if (axis < 0)
        axis += in->shape.rank;
    plan p = {.rows = 1, .n = in->shape.dim[axis], .inner = 1, .class = cn__class_of(in->dtype)};
    for (int i = 0; i < in->shape.rank; i++) {
        if (i != axis)
            p.rows *= in->shape.dim[i];
        if (i > axis)
            p.inner *= in->shape.dim[i];
    }
    p.unit = p.n >= UNIT_WORK || p.n == 0 ? 1 : UNIT_WORK / p.n;
    return p;
}

/* y[i] = exp(x[i] - max) / sum(exp(x - max)), y = x - max - log(sum(exp(x - max))), and the
 * projection on the simplex (Martins and Astudillo, 2016): y[i] = max(x[i] - tau, 0) with tau such
 * that y sums to 1. tau is found by Michelot's method: the mean excess of the elements that are
 * still above it, until none is dropped. x and y may be the same. */
#define ROW_FUNCTIONS(T, M)                                                                        \
    static double row_peak_##T(const T *x, int64_t n)                                              \
    {                                                                                              \
        T peak = x[0];                                                                             \
        for (int64_t i = 1; i < n; i++)                                                            \
            peak = x[i] > peak || x[i] != x[i] ? x[i] : peak;                                      \
        return peak;                                                                               \
    }                                                                                              \
    static void softmax_##T(const T *x, T *y, int64_t n)                                           \
    {                                                                                              \
        const T peak = (T)row_peak_##T(x, n);                                                      \
        double sum = 0;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                            \
            sum += y[i] = M(exp)(x[i] - peak);                                                     \
        const T scale = (T)(1 / sum);                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] *= scale;                                                                         \
    }                                                                                              \
    static void log_softmax_##T(const T *x, T *y, int64_t n)                                       \
    {                                                                                              \
        const T peak = (T)row_peak_##T(x, n);                                                      \
        double sum = 0;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                            \
            sum += M(exp)(x[i] - peak);                                                            \
        const T shift = (T)log(sum);                                                               \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = (x[i] - peak) - shift;                                                          \
    }                                                                                              \
    static void sparsemax_##T(const T *x, T *y, int64_t n)                                         \
    {                                                                                              \
        const double peak = row_peak_##T(x, n);                                                    \
        double tau = -HUGE_VAL;                                                                    \
        for (int64_t above = -1, before = -2; above != before;) {                                  \
            double sum = 0;                                                                        \
            before = above;                                                                        \
            above = 0;                                                                             \
            for (int64_t i = 0; i < n; i++)                                                        \
                if (x[i] - peak > tau) {                                                           \
                    sum += x[i] - peak;                                                            \
                    above++;                                                                       \
                }                                                                                  \
            tau = (sum - 1) / (double)above;                                                       \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = x[i] - peak <= tau ? 0 : (T)(x[i] - peak - tau);                                \
    }

#define SINGLE(fn) fn##f
#define DOUBLE(fn) fn
ROW_FUNCTIONS(float, SINGLE)
ROW_FUNCTIONS(double, DOUBLE)

/* One row for the input's elements and one for the output's, where they must be gathered or
 * converted. */
static size_t scratch_bytes(const cn__call *call)
{
    plan p = plan_of(call);
    return 2 * (size_t)p.n * cn__class_size(p.class);
}

static int64_t units(const cn__call *call)
{
    plan p = plan_of(call);
    return p.n == 0 ? 0 : (p.rows + p.unit - 1) / p.unit;
}

typedef void row_function_float(const float *x, float *y, int64_t n);
typedef void row_function_double(const double *x, double *y, int64_t n);

static int run(const cn__call *call, int64_t begin, int64_t end, row_function_float *single,
               row_function_double *twice)
{
    const cn__arg *in = &call->in[0], *out = &call->out[0];
    plan p = plan_of(call);
    if (p.class != CN__CLASS_F32 && p.class != CN__CLASS_F64)
        return cn__no_dtype(call, in->dtype);
    bool direct = p.inner == 1 && cn__class_direct(p.class, in->dtype);
    size_t bytes = cn__class_size(p.class);
    /* Rows that lie in one piece need no scratch, and have none. */
    char *from = call->scratch, *to = from ? from + (size_t)p.n * bytes : NULL;
    int64_t last = end * p.unit < p.rows ? end * p.unit : p.rows;
    for (int64_t row = begin * p.unit; row < last; row++) {
        int64_t at = row / p.inner * p.n * p.inner + row % p.inner;
        if (direct) {
            from = (char *)in->data + (size_t)at * bytes;
            to = (char *)out->data + (size_t)at * bytes;
        } else {
            cn__block_gather(p.class, in->dtype, in->data, at, p.inner, p.n, from);
        }
        if (p.class == CN__CLASS_F32)
            single((const float *)(const void *)from, (float *)(void *)to, p.n);
        else
            twice((const double *)(const void *)from, (double *)(void *)to, p.n);
        if (!direct)
            cn__block_scatter(p.class, out->dtype, to, out->data, at, p.inner, p.n);
    }
    return 0;
}

#define KERNEL(op)                                                                                 \
    static int run_##op(const cn__call *call, int64_t begin, int64_t end)                          \
    {                                                                                              \
        return run(call, begin, end, op##_float, op##_double);                                     \
    }                                                                                              \
    const cn__kernel cn__reference_##op = {.name = "reference." #op,                               \
                                           .units = units,                                         \
                                           .scratch_bytes = scratch_bytes,                         \
                                           .run = run_##op};
KERNEL(softmax)
KERNEL(log_softmax)
KERNEL(sparsemax)
