/* Reference kernels of the reductions. Floats of every width are accumulated in double, integers in
 * 64 bits. */
#include "kernels/reference/block.h"
#include <math.h>

enum {
    LANES = 8,         /* partial results of a contiguous run, so that the loop can be vectorised */
    UNIT_WORK = 65536, /* input elements of a unit, about */
    UNIT_COLUMNS =
        64 /* the fewest outputs of a unit where neighbours in memory are reduced together */
};

/* Folds v[i] into acc[i]; `peak` holds the maxima that logsumexp subtracts. */
typedef void fold(void *acc, const void *v, const void *peak, int64_t n);
/* Folds n values into LANES partial results, value i into lane i % LANES; `peak` is one value. */
typedef void fold_run(void *lanes, const void *v, const void *peak, int64_t n);

#define FOLD(name, T, formula)                                                                     \
    static void name(void *accs, const void *vs, const void *peaks, int64_t n)                     \
    {                                                                                              \
        T *acc = accs;                                                                             \
        const T *v = vs, *peak = peaks;                                                            \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T a = acc[i], x = v[i], m = peak ? peak[i] : 0;                                  \
            (void)m;                                                                               \
            acc[i] = (T)(formula);                                                                 \
        }                                                                                          \
    }                                                                                              \
    static void name##_run(void *accs, const void *vs, const void *peaks, int64_t n)               \
    {                                                                                              \
        T *acc = accs;                                                                             \
        const T *v = vs, m = peaks ? *(const T *)peaks : 0;                                        \
        (void)m;                                                                                   \
        for (int64_t i = 0; i < n; i += LANES) {                                                   \
            const int lanes = n - i < LANES ? (int)(n - i) : LANES;                                \
            for (int j = 0; j < lanes; j++) {                                                      \
                const T a = acc[j], x = v[i + j];                                                  \
                acc[j] = (T)(formula);                                                             \
            }                                                                                      \
        }                                                                                          \
    }

/* A NaN wins and stays, whichever side it is on. */
FOLD(sum_f64, double, a + x)
FOLD(sum_u64, uint64_t, a + x)
FOLD(prod_f64, double, (a * x))
FOLD(prod_u64, uint64_t, (a * x))
FOLD(max_f64, double, x > a || x != x ? x : a)
FOLD(max_i64, int64_t, x > a ? x : a)
FOLD(max_u64, uint64_t, x > a ? x : a)
FOLD(min_f64, double, x < a || x != x ? x : a)
FOLD(min_i64, int64_t, x < a ? x : a)
FOLD(min_u64, uint64_t, x < a ? x : a)
FOLD(any_u64, uint64_t, a || x)
FOLD(all_u64, uint64_t, (a && x))
FOLD(sumexp_f64, double, a + exp(x - m))

/* How one class is reduced: results start from `start`, and lanes are folded together by `combine`.
 */
typedef struct rule {
    fold *step;
    fold_run *run;
    fold *combine;
    union {
        double f64;
        int64_t i64;
        uint64_t u64;
    } start;
} rule;

#define F64(name, start_)                                                                          \
    {                                                                                              \
        name##_f64, name##_f64_run, name##_f64,                                                    \
        {                                                                                          \
            .f64 = start_                                                                          \
        }                                                                                          \
    }
#define I64(name, start_)                                                                          \
    {                                                                                              \
        name##_i64, name##_i64_run, name##_i64,                                                    \
        {                                                                                          \
            .i64 = start_                                                                          \
        }                                                                                          \
    }
#define U64(name, start_)                                                                          \
    {                                                                                              \
        name##_u64, name##_u64_run, name##_u64,                                                    \
        {                                                                                          \
            .u64 = start_                                                                          \
        }                                                                                          \
    }

typedef enum kind { SUM, MEAN, PROD, MAX, MIN, ANY, ALL, LOGSUMEXP } kind;

/* [kind][class: F64, I64, U64]; sums and products of either sign are the same bits. */
static const rule rules[][3] = {
    [SUM] = {F64(sum, 0), U64(sum, 0), U64(sum, 0)},
    [MEAN] = {F64(sum, 0), F64(sum, 0), F64(sum, 0)},
    [PROD] = {F64(prod, 1), U64(prod, 1), U64(prod, 1)},
    [MAX] = {F64(max, -HUGE_VAL), I64(max, INT64_MIN), U64(max, 0)},
    [MIN] = {F64(min, HUGE_VAL), I64(min, INT64_MAX), U64(min, UINT64_MAX)},
    [ANY] = {[2] = U64(any, 0)},
    [ALL] = {[2] = U64(all, 1)},
    [LOGSUMEXP] = {F64(max, -HUGE_VAL)},
};
static const rule sumexp_rule = {sumexp_f64, sumexp_f64_run, sum_f64, {.f64 = 0}};

/* The input as runs of axes that are alike: kept or reduced, innermost first. */
typedef struct plan {
    int kept, reduced; /* numbers of runs */
    int64_t kept_dim[CN_MAX_RANK], kept_stride[CN_MAX_RANK];
    int64_t reduced_dim[CN_MAX_RANK], reduced_stride[CN_MAX_RANK];
    int64_t count;  /* elements behind one output */
    bool row_major; /* the innermost run is reduced: an output's elements begin with a contiguous
                       run */
    cn_dtype dtype;
    const void *data;
} plan;

static plan plan_of(const cn__call *call)
{
    const cn__arg *in = &call->in[0];
    plan p = {.count = 1, .dtype = in->dtype, .data = in->data};
    int64_t stride = 1;
    int last = -1; /* what the previous axis was: 0 kept, 1 reduced */
    for (int axis = in->shape.rank - 1; axis >= 0; axis--) {
        int64_t n = in->shape.dim[axis];
        int is_reduced = cn__reduces(call->attrs, in->shape.rank, axis);
        if (n != 1) {
            int *runs = is_reduced ? &p.reduced : &p.kept;
            int64_t *dim = is_reduced ? p.reduced_dim : p.kept_dim;
            if (last == is_reduced) {
                dim[*runs - 1] *= n;
            } else {
                (is_reduced ? p.reduced_stride : p.kept_stride)[*runs] = stride;
                dim[(*runs)++] = n;
            }
            if (last < 0)
                p.row_major = is_reduced;
            last = is_reduced;
        }
        if (is_reduced)
            p.count *= n;
        stride *= n;
    }
    return p;
}

/* The offset of the combination `index` of the runs from `first` on. */
static int64_t offset_of(const int64_t *dim, const int64_t *stride, int first, int n, int64_t index)
{
    int64_t offset = 0;
    for (int i = first; i < n; i++) {
        offset += index % dim[i] * stride[i];
        index /= dim[i];
    }
    return offset;
}

static void fill(cn__block *block, const rule *r, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        block->u64[i] = r->start.u64;
}

/* One output, whose elements come in contiguous runs: out[0]. */
static void reduce_row(const plan *p, cn__class class, const rule *r, int64_t base,
                       const void *peak, uint64_t *out)
{
    cn__block lanes, block;
    int64_t run = p->reduced_dim[0], runs = run ? p->count / run : 0;
    fill(&lanes, r, LANES);
    for (int64_t k = 0; k < runs; k++) {
        int64_t at = base + offset_of(p->reduced_dim, p->reduced_stride, 1, p->reduced, k);
        for (int64_t i = 0; i < run; i += CN__BLOCK) {
            int64_t n = run - i < CN__BLOCK ? run - i : CN__BLOCK;
            r->run(&lanes, cn__block_load(class, p->dtype, p->data, at + i, n, &block), peak, n);
        }
    }
    *out = lanes.u64[0];
    for (int i = 1; i < LANES; i++)
        r->combine(out, &lanes.u64[i], NULL, 1);
}

/* n <= CN__BLOCK outputs that are neighbours in the input: out[n], peaks[n]. */
static void reduce_columns(const plan *p, cn__class class, const rule *r, int64_t base, int64_t n,
                           const void *peaks, cn__block *out)
{
    cn__block block;
    fill(out, r, n);
    for (int64_t k = 0; k < p->count; k++) {
        int64_t at = base + offset_of(p->reduced_dim, p->reduced_stride, 0, p->reduced, k);
        r->step(out, cn__block_load(class, p->dtype, p->data, at, n, &block), peaks, n);
    }
}

static void reduce(const plan *p, cn__class class, const rule *r, int64_t base, int64_t n,
                   const cn__block *peaks, cn__block *out)
{
    if (p->row_major)
        reduce_row(p, class, r, base, peaks, out->u64);
    else
        reduce_columns(p, class, r, base, n, peaks, out);
}

/* log(sum(exp(x))) = m + log(sum(exp(x - m))) with m the maximum, or 0 where that is infinite,
 * which gives the limits. */
static void finish_logsumexp(const plan *p, int64_t base, int64_t n, cn__block *out)
{
    cn__block peaks = *out;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(peaks.f64[i]))
            peaks.f64[i] = 0;
    reduce(p, CN__CLASS_F64, &sumexp_rule, base, n, &peaks, out);
    for (int64_t i = 0; i < n; i++)
        out->f64[i] = log(out->f64[i]) + peaks.f64[i];
}

static int64_t unit_outputs(const plan *p)
{
    int64_t n = UNIT_WORK / (p->count > 0 ? p->count : 1);
    int64_t least = p->row_major ? 1 : UNIT_COLUMNS;
    return n > least ? n : least;
}

static int64_t units(const cn__call *call)
{
    plan p = plan_of(call);
    int64_t n = unit_outputs(&p);
    return (cn__arg_size(&call->out[0]) + n - 1) / n;
}

static int run(const cn__call *call, int64_t begin, int64_t end, kind what)
{
    const cn__arg *out = &call->out[0];
    plan p = plan_of(call);
    cn__class class = cn__class_of(p.dtype);
    if (class == CN__CLASS_F32 || what == MEAN)
        class = CN__CLASS_F64;
    const rule *r = &rules[what][class - CN__CLASS_F64];
    if (!r->step)
        return cn__no_dtype(call, p.dtype);
    int64_t size = cn__arg_size(out), unit = unit_outputs(&p), last = end * unit, n;
    if (last > size)
        last = size;
    int64_t run_length = p.row_major || !p.kept ? 1 : p.kept_dim[0];
    for (int64_t at = begin * unit; at < last; at += n) {
        n = run_length - at % run_length;
        n = n < last - at ? n : last - at;
        n = n < CN__BLOCK ? n : CN__BLOCK;
        int64_t base = offset_of(p.kept_dim, p.kept_stride, 0, p.kept, at);
        cn__block result;
        reduce(&p, class, r, base, n, NULL, &result);
        if (what == LOGSUMEXP)
            finish_logsumexp(&p, base, n, &result);
        for (int64_t i = 0; what == MEAN && i < n; i++)
            result.f64[i] /= (double)p.count;
        cn__block_scatter(class, out->dtype, &result, out->data, at, 1, n);
    }
    return 0;
}

#define KERNEL(op, what)                                                                           \
    static int run_##op(const cn__call *call, int64_t begin, int64_t end)                          \
    {                                                                                              \
        return run(call, begin, end, what);                                                        \
    }                                                                                              \
    const cn__kernel cn__reference_##op = {                                                        \
        .name = "reference." #op, .units = units, .run = run_##op};
KERNEL(sum, SUM)
KERNEL(mean, MEAN)
KERNEL(prod, PROD)
KERNEL(max, MAX)
KERNEL(min, MIN)
KERNEL(any, ANY)
KERNEL(all, ALL)
KERNEL(logsumexp, LOGSUMEXP)
