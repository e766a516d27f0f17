/* Reference kernels of the elementwise ops with two inputs and numpy's broadcasting. */
#include "kernels/reference/binary_formulas.h"
#include "kernels/reference/block.h"
#include <math.h>

/* y[i] = f(a[i * sa], b[i * sb]) for n elements of one class, sa and sb 0 or 1; y is uint8_t for
 * truths. */
typedef void loop(const void *as, int64_t sa, const void *bs, int64_t sb, void *ys, int64_t n);

#define LOOP(name, R, formula)                                                                     \
    static void FN(name)(const void *as, int64_t sa, const void *bs, int64_t sb, void *ys,         \
                         int64_t n)                                                                \
    {                                                                                              \
        const T *pa = as, *pb = bs;                                                                \
        R *y = ys;                                                                                 \
        if (sa && sb) {                                                                            \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T a = pa[i], b = pb[i];                                                      \
                y[i] = (R)(formula);                                                               \
            }                                                                                      \
        } else if (sa) {                                                                           \
            const T b = *pb;                                                                       \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T a = pa[i];                                                                 \
                y[i] = (R)(formula);                                                               \
            }                                                                                      \
        } else {                                                                                   \
            const T a = *pa;                                                                       \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T b = pb[i * sb];                                                            \
                y[i] = (R)(formula);                                                               \
            }                                                                                      \
        }                                                                                          \
    }
#define FLOAT_BOTH(name, formula, integers, checked) LOOP(name, T, formula)
#define FLOAT_LOOP(name, formula) LOOP(name, T, formula)
#define INTEGER_BOTH(name, formula, integers, checked) LOOP(name, T, integers)
#define NO_LOOP(name, formula)
#define TRUTH_LOOP(name, formula) LOOP(name, uint8_t, formula)

/* The remainder has the sign of b, as in Python. */
static float remainder_f32(float a, float b)
{
    float r = fmodf(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static double remainder_f64(double a, double b)
{
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* Towards minus infinity. b is not zero; -1 is apart, because the smallest number has no opposite
 * and the processor's division traps on it. */
static int64_t quotient_i64(int64_t a, int64_t b)
{
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t remainder_i64(int64_t a, int64_t b)
{
    if (b == -1)
        return 0;
    int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static uint64_t quotient_u64(uint64_t a, uint64_t b)
{
    return a / b;
}

static uint64_t remainder_u64(uint64_t a, uint64_t b)
{
    return a % b;
}

/* Modulo 2^64, which is right for every narrower type of either sign. */
static uint64_t integer_power(uint64_t a, uint64_t b)
{
    uint64_t product = 1;
    for (; b; b >>= 1, a *= a)
        if (b & 1)
            product *= a;
    return product;
}

#define T float
#define M(fn) fn##f
#define FN(name) name##_f32
CN__BINARY_FORMULAS(FLOAT_BOTH, FLOAT_LOOP, TRUTH_LOOP)
#undef T
#undef M
#undef FN

#define T double
#define M(fn) fn
#define FN(name) name##_f64
CN__BINARY_FORMULAS(FLOAT_BOTH, FLOAT_LOOP, TRUTH_LOOP)
#undef T
#undef M
#undef FN

#define T int64_t
#define FN(name) name##_i64
CN__BINARY_FORMULAS(INTEGER_BOTH, NO_LOOP, TRUTH_LOOP)
#undef T
#undef FN

#define T uint64_t
#define FN(name) name##_u64
CN__BINARY_FORMULAS(INTEGER_BOTH, NO_LOOP, TRUTH_LOOP)
#undef T
#undef FN

/* The output's axes with the strides of both inputs (0: broadcast); axes that can be walked as one
 * are merged. */
typedef struct walk {
    int rank;
    int64_t dim[CN_MAX_RANK], a[CN_MAX_RANK], b[CN_MAX_RANK]; /* the innermost axis first */
} walk;

static walk walk_of(const cn_shape *a, const cn_shape *b, const cn_shape *out)
{
    walk w = {.rank = 0};
    int64_t step_a = 1, step_b = 1;
    for (int i = 1; i <= out->rank; i++) {
        int64_t n = out->dim[out->rank - i];
        int64_t in_a = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t in_b = i <= b->rank ? b->dim[b->rank - i] : 1;
        int64_t stride_a = in_a == 1 ? 0 : step_a, stride_b = in_b == 1 ? 0 : step_b;
        step_a *= in_a;
        step_b *= in_b;
        if (n == 1)
            continue;
        int last = w.rank - 1;
        if (last >= 0 && stride_a == w.a[last] * w.dim[last] &&
            stride_b == w.b[last] * w.dim[last]) {
            w.dim[last] *= n;
            continue;
        }
        w.dim[w.rank] = n;
        w.a[w.rank] = stride_a;
        w.b[w.rank] = stride_b;
        w.rank++;
    }
    if (w.rank == 0) {
        w.rank = 1;
        w.dim[0] = 1;
    }
    return w;
}

/* What has no result among integers is an error, as in TensorFlow: numpy would warn and answer 0.
 */
typedef enum check { CHECK_NOTHING, CHECK_DIVISOR, CHECK_EXPONENT } check;

static int check_operand(check what, cn__class class, const void *b, int64_t n)
{
    if (what == CHECK_DIVISOR && class >= CN__CLASS_I64) {
        for (int64_t i = 0; i < n; i++)
            if (((const uint64_t *)b)[i] == 0)
                return cn__fail(CN_EVALUE, "Integer division by zero");
    } else if (what == CHECK_EXPONENT && class == CN__CLASS_I64) {
        for (int64_t i = 0; i < n; i++)
            if (((const int64_t *)b)[i] < 0)
                return cn__fail(CN_EVALUE, "Integers to negative integer powers are not allowed");
    }
    return 0;
}

typedef struct binary {
    loop *const *loops; /* by class */
    bool truth;
    check what;
} binary;

/* n elements that lie on one axis: by blocks where elements must be converted. */
static int run_axis(const cn__call *call, const binary *op, cn__class class, int64_t at_a,
                    int64_t sa, int64_t at_b, int64_t sb, int64_t at, int64_t n)
{
    const cn__arg *a = &call->in[0], *b = &call->in[1], *out = &call->out[0];
    int64_t step = cn__class_direct(class, a->dtype) ? n : CN__BLOCK;
    cn__block block_a, block_b, block_y;
    for (int64_t i = 0; i < n; i += step) {
        int64_t m = n - i < step ? n - i : step;
        const void *pa =
            cn__block_load(class, a->dtype, a->data, at_a + i * sa, sa ? m : 1, &block_a);
        const void *pb =
            cn__block_load(class, b->dtype, b->data, at_b + i * sb, sb ? m : 1, &block_b);
        int code = check_operand(op->what, class, pb, sb ? m : 1);
        if (code < 0)
            return code;
        if (op->truth) {
            op->loops[class](pa, sa, pb, sb, (uint8_t *)out->data + at + i, m);
            continue;
        }
        void *y = cn__block_target(class, out->dtype, out->data, at + i, &block_y);
        op->loops[class](pa, sa, pb, sb, y, m);
        cn__block_store(class, out->dtype, y, out->data, at + i, m);
    }
    return 0;
}

static int run(const cn__call *call, int64_t begin, int64_t end, const binary *op)
{
    const cn__arg *out = &call->out[0];
    cn__class class = cn__class_of(call->in[0].dtype);
    if (!op->loops[class])
        return cn__no_dtype(call, call->in[0].dtype);
    walk w = walk_of(&call->in[0].shape, &call->in[1].shape, &out->shape);
    int64_t size = cn__arg_size(out), last = end * CN__UNIT_ELEMENTS;
    if (last > size)
        last = size;
    for (int64_t at = begin * CN__UNIT_ELEMENTS, n; at < last; at += n) {
        int64_t rest = at, at_a = 0, at_b = 0, on_axis = at % w.dim[0];
        for (int i = 0; i < w.rank; i++) {
            at_a += rest % w.dim[i] * w.a[i];
            at_b += rest % w.dim[i] * w.b[i];
            rest /= w.dim[i];
        }
        n = w.dim[0] - on_axis;
        if (n > last - at)
            n = last - at;
        int code = run_axis(call, op, class, at_a, w.a[0], at_b, w.b[0], at, n);
        if (code < 0)
            return code;
    }
    return 0;
}

#define KERNEL(op, is_truth, checked, ...)                                                         \
    static int run_##op(const cn__call *call, int64_t begin, int64_t end)                          \
    {                                                                                              \
        static loop *const loops[CN__CLASS_COUNT] = {op##_f32, op##_f64, __VA_ARGS__};             \
        static const binary record = {loops, is_truth, checked};                                   \
        return run(call, begin, end, &record);                                                     \
    }                                                                                              \
    const cn__kernel cn__reference_##op = {                                                        \
        .name = "reference." #op, .units = cn__block_units, .run = run_##op};
#define BOTH_KERNEL(op, formula, integers, checked) KERNEL(op, false, checked, op##_i64, op##_u64)
#define FLOAT_KERNEL(op, formula) KERNEL(op, false, CHECK_NOTHING, NULL, NULL)
#define TRUTH_KERNEL(op, formula) KERNEL(op, true, CHECK_NOTHING, op##_i64, op##_u64)
CN__BINARY_FORMULAS(BOTH_KERNEL, FLOAT_KERNEL, TRUTH_KERNEL)
