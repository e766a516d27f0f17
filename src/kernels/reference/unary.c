/* Reference kernels of the elementwise ops with one input. */
#include "kernels/reference/block.h"
#include "kernels/reference/special.h"
#include "kernels/reference/unary_formulas.h"
#include <math.h>

/* y[i] = f(x[i]) for n elements of one class; y is uint8_t for truths. x and y may be the same
 * array. */
typedef void loop(const void *xs, void *ys, int64_t n, const double *p);

#define P(i) ((T)p[i])
#define LOOP(name, R, formula)                                                                     \
    static void FN(name)(const void *xs, void *ys, int64_t n, const double *p)                     \
    {                                                                                              \
        const T *from = xs;                                                                        \
        R *to = ys;                                                                                \
        (void)p;                                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T x = from[i];                                                                   \
            to[i] = (R)(formula);                                                                  \
        }                                                                                          \
    }
#define FLOAT_LOOP(name, formula) LOOP(name, T, formula)
#define BOTH_LOOP(name, formula, integers) LOOP(name, T, formula)
#define TRUTH_LOOP(name, formula) LOOP(name, uint8_t, formula)

#define T float
#define M(fn) fn##f
#define FN(name) name##_f32
CN__UNARY_FORMULAS(FLOAT_LOOP, BOTH_LOOP, TRUTH_LOOP)
#undef T
#undef M
#undef FN

#define T double
#define M(fn) fn
#define FN(name) name##_f64
CN__UNARY_FORMULAS(FLOAT_LOOP, BOTH_LOOP, TRUTH_LOOP)
#undef T
#undef M
#undef FN

/* Bounds are cut towards zero as a cast to the dtype would, without going out of the range of 64
 * bits. */
static int64_t bound_i64(double bound)
{
    return bound >= 9223372036854775808.0    ? INT64_MAX
           : bound <= -9223372036854775808.0 ? INT64_MIN
                                             : (int64_t)bound;
}

static uint64_t bound_u64(double bound)
{
    return bound >= 18446744073709551616.0 ? UINT64_MAX : bound <= 0 ? 0 : (uint64_t)bound;
}

#define CLIP_INTEGER(C, x, p, to)                                                                  \
    const C low = to(p[0]), high = to(p[1]);                                                       \
    const C raised = p[0] == p[0] && x < low ? low : x;                                            \
    return p[1] == p[1] && raised > high ? high : raised;

static int64_t clip_i64_value(int64_t x, const double *p)
{
    CLIP_INTEGER(int64_t, x, p, bound_i64)
}

static uint64_t clip_u64_value(uint64_t x, const double *p){CLIP_INTEGER(uint64_t, x, p, bound_u64)}

#define NO_LOOP(name, formula)
#define INTEGER_LOOP(name, formula, integers) LOOP(name, T, integers)

#define T int64_t
#define FN(name) name##_i64
#define NEGATIVE(x) (x < 0)
#define clip_integer clip_i64_value
CN__UNARY_FORMULAS(NO_LOOP, INTEGER_LOOP, NO_LOOP)
#undef T
#undef FN
#undef NEGATIVE
#undef clip_integer

#define T uint64_t
#define FN(name) name##_u64
#define NEGATIVE(x) 0
#define clip_integer clip_u64_value
    CN__UNARY_FORMULAS(NO_LOOP, INTEGER_LOOP, NO_LOOP)
#undef T
#undef FN
#undef NEGATIVE
#undef clip_integer

    /* Runs units of CN__UNIT_ELEMENTS elements: in place of storage where the class allows, else by
       blocks. */
    static int run(const cn__call *call, int64_t begin, int64_t end, loop *const *loops, bool truth)
{
    const cn__arg *in = &call->in[0], *out = &call->out[0];
    cn__class class = cn__class_of(in->dtype);
    loop *body = loops[class];
    if (!body)
        return cn__no_dtype(call, in->dtype);
    int64_t size = cn__arg_size(out);
    int64_t first = begin * CN__UNIT_ELEMENTS, last = end * CN__UNIT_ELEMENTS;
    if (last > size)
        last = size;
    int64_t step = cn__class_direct(class, in->dtype) ? last - first : CN__BLOCK;
    cn__block from, to;
    for (int64_t i = first; i < last; i += step) {
        int64_t n = last - i < step ? last - i : step;
        const void *x = cn__block_load(class, in->dtype, in->data, i, n, &from);
        if (truth) {
            body(x, (uint8_t *)out->data + i, n, call->attrs->f);
            continue;
        }
        void *y = cn__block_target(class, out->dtype, out->data, i, &to);
        body(x, y, n, call->attrs->f);
        cn__block_store(class, out->dtype, y, out->data, i, n);
    }
    return 0;
}

#define KERNEL(op, truth, ...)                                                                     \
    static int run_##op(const cn__call *call, int64_t begin, int64_t end)                          \
    {                                                                                              \
        static loop *const loops[CN__CLASS_COUNT] = {op##_f32, op##_f64, __VA_ARGS__};             \
        return run(call, begin, end, loops, truth);                                                \
    }                                                                                              \
    const cn__kernel cn__reference_##op = {                                                        \
        .name = "reference." #op, .units = cn__block_units, .run = run_##op};
#define FLOAT_KERNEL(name, formula) KERNEL(name, false, NULL, NULL)
#define BOTH_KERNEL(name, formula, integers) KERNEL(name, false, name##_i64, name##_u64)
#define TRUTH_KERNEL(name, formula) KERNEL(name, true, NULL, NULL)
CN__UNARY_FORMULAS(FLOAT_KERNEL, BOTH_KERNEL, TRUTH_KERNEL)

/* Bools are bytes of 0 or 1. */
static int run_logical_not(const cn__call *call, int64_t begin, int64_t end)
{
    const uint8_t *x = call->in[0].data;
    uint8_t *y = call->out[0].data;
    int64_t size = cn__arg_size(&call->out[0]), last = end * CN__UNIT_ELEMENTS;
    for (int64_t i = begin * CN__UNIT_ELEMENTS; i < last && i < size; i++)
        y[i] = !x[i];
    return 0;
}

const cn__kernel cn__reference_logical_not = {
    .name = "reference.logical_not", .units = cn__block_units, .run = run_logical_not};
