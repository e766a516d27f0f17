/* The elementwise ops with two inputs: records, gradients and public functions. */
#include "ops/cross_entropy.h"
#include "ops/support.h"

/* A gradient summed down to the shape of the input that was broadcast; nothing to do where the
 * shapes are known and equal. */
static cn_tensor *fit(cn_tensor *grad, cn_tensor *x)
{
    if (!grad || (cn__shape_known(&x->shape) && cn__shape_equal(&grad->shape, &x->shape)))
        return grad;
    return cn__apply2(&cn__op_sum_like, NULL, grad, x);
}

/* b a^(b-1). */
static cn_tensor *power_base(cn_tensor *g, cn_tensor *a, cn_tensor *b)
{
    return cn_multiply(g, cn_multiply(b, cn_power(a, cn_subtract(b, 1))));
}

/* a^b log(a), and 0 where a has no logarithm. */
static cn_tensor *power_exponent(cn_tensor *g, cn_tensor *a, cn_tensor *y)
{
    cn_tensor *positive = cn_greater(a, 0);
    cn_tensor *log = cn_where(positive, cn_log(cn_where(positive, a, 1)), 0);
    return cn_multiply(g, cn_multiply(y, log));
}

static cn_tensor *squares(cn_tensor *a, cn_tensor *b)
{
    return cn_add(cn_square(a), cn_square(b));
}

/* XX(name, kind, flags, gradient of a, gradient of b) with kind
 *   ARITHMETIC  promoted; bool becomes int32
 *   ANY         promoted
 *   FLOATING    promoted; integers and bool become float32
 *   TRUTH       promoted; the result is bool
 *   LOGIC       bool of bools
 * g is the output's gradient, y the output. Equal operands give theirs to a, as TensorFlow has it.
 */
/* clang-format off */
#define RULES(XX) \
    XX(add, ARITHMETIC, 0, g, g) \
    XX(subtract, ARITHMETIC, 0, g, cn_negative(g)) \
    XX(multiply, ARITHMETIC, 0, cn_multiply(g, b), cn_multiply(g, a)) \
    XX(divide, FLOATING, 0, cn_divide(g, b), cn_negative(cn_divide(cn_multiply(g, y), b))) \
    XX(floor_divide, ARITHMETIC, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(mod, ARITHMETIC, 0, g, cn_negative(cn_multiply(g, cn_floor_divide(a, b)))) \
    XX(power, ARITHMETIC, 0, power_base(g, a, b), power_exponent(g, a, y)) \
    XX(maximum, ANY, 0, cn_where(cn_greater_equal(a, b), g, 0), \
       cn_where(cn_greater_equal(a, b), 0, g)) \
    XX(minimum, ANY, 0, cn_where(cn_less_equal(a, b), g, 0), \
       cn_where(cn_less_equal(a, b), 0, g)) \
    XX(arctan2, FLOATING, 0, cn_divide(cn_multiply(g, b), squares(a, b)), \
       cn_negative(cn_divide(cn_multiply(g, a), squares(a, b)))) \
    XX(equal, TRUTH, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(not_equal, TRUTH, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(less, TRUTH, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(less_equal, TRUTH, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(greater, TRUTH, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(greater_equal, TRUTH, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(logical_and, LOGIC, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(logical_or, LOGIC, CN__OP_NO_GRADIENT, NULL, NULL) \
    XX(logical_xor, LOGIC, CN__OP_NO_GRADIENT, NULL, NULL)
/* clang-format on */

static int check_dtypes(const cn__node *node)
{
    if (node->in[0]->dtype == node->in[1]->dtype)
        return 0;
    return cn__fail(CN_ETYPE, "%s: the operands have different dtypes, %s and %s", node->op->name,
                    cn_dtype_name(node->in[0]->dtype), cn_dtype_name(node->in[1]->dtype));
}

static int infer_value(cn__node *node)
{
    int code = check_dtypes(node);
    return code < 0 ? code : cn__infer_broadcast(node);
}

static int infer_truth(cn__node *node)
{
    int code = check_dtypes(node);
    return code < 0 ? code : cn__infer_broadcast_bool(node);
}

/* Casts an operand to `dtype`; a cast made before, of what was given, is let go. */
static bool cast_operand(cn_tensor **t, cn_tensor *given, cn_dtype dtype)
{
    cn_tensor *before = *t;
    if (before->dtype != dtype) {
        *t = cn_cast(before, dtype);
        if (before != given)
            cn_free(before);
    }
    return *t != NULL;
}

typedef struct operands {
    cn_tensor *a, *b;             /* as they go into the op */
    cn_tensor *given_a, *given_b; /* as the caller has them */
} operands;

static bool cast_both(operands *o, cn_dtype dtype)
{
    return cast_operand(&o->a, o->given_a, dtype) && cast_operand(&o->b, o->given_b, dtype);
}

/* Applies the op and lets go of casts: a large one would stay as long as the scope, and an eager
 * result can take its place. */
static cn_tensor *apply(const cn__op *op, const operands *o)
{
    cn_tensor *y = cn__apply2_over(op, o->a, o->b, o->a != o->given_a, o->b != o->given_b);
    if (o->a != o->given_a && o->a != y)
        cn_free(o->a);
    if (o->b != o->given_b && o->b != y)
        cn_free(o->b);
    return y;
}

static cn_tensor *apply_ANY(const cn__op *op, cn_tensor *a, cn_tensor *b)
{
    operands o = {a, b, a, b};
    return cn__promote(&o.a, &o.b, op->name) ? apply(op, &o) : NULL;
}

static cn_tensor *apply_TRUTH(const cn__op *op, cn_tensor *a, cn_tensor *b)
{
    return apply_ANY(op, a, b);
}

static cn_tensor *apply_ARITHMETIC(const cn__op *op, cn_tensor *a, cn_tensor *b)
{
    operands o = {a, b, a, b};
    if (!cn__promote(&o.a, &o.b, op->name) ||
        !cast_both(&o, o.a->dtype == CN_BOOL ? CN_INT32 : o.a->dtype))
        return NULL;
    return apply(op, &o);
}

static cn_tensor *apply_FLOATING(const cn__op *op, cn_tensor *a, cn_tensor *b)
{
    operands o = {a, b, a, b};
    if (!cn__promote(&o.a, &o.b, op->name) || !cast_both(&o, cn__float_dtype(o.a->dtype)))
        return NULL;
    return apply(op, &o);
}

static cn_tensor *apply_LOGIC(const cn__op *op, cn_tensor *a, cn_tensor *b)
{
    operands o = {a, b, a, b};
    if (cn__pending() || !cn__check_tensor(a, op->name) || !cn__check_tensor(b, op->name) ||
        !cast_both(&o, CN_BOOL))
        return NULL;
    return apply(op, &o);
}

#define INFER_ARITHMETIC infer_value
#define INFER_ANY infer_value
#define INFER_FLOATING infer_value
#define INFER_TRUTH infer_truth
#define INFER_LOGIC infer_truth

#define RECORD(op, kind, op_flags, rule_a, rule_b)                                                 \
    static int gradient_##op(const cn__node *node, cn_tensor *const *out,                          \
                             cn_tensor *const *grads_out, cn_tensor **grads_in)                    \
    {                                                                                              \
        cn_tensor *g = grads_out[0], *a = node->in[0], *b = node->in[1], *y = out[0];              \
        (void)g, (void)y;                                                                          \
        grads_in[0] = fit(rule_a, a);                                                              \
        grads_in[1] = fit(rule_b, b);                                                              \
        return grads_in[0] && grads_in[1] ? 0 : cn_error_code();                                   \
    }                                                                                              \
    const cn__op cn__op_##op = {                                                                   \
        .name = #op,                                                                               \
        .min_in = 2,                                                                               \
        .max_in = 2,                                                                               \
        .n_out = 1,                                                                                \
        .flags = CN__OP_ELEMENTWISE | (op_flags),                                                  \
        .infer = INFER_##kind,                                                                     \
        .gradient = (op_flags)&CN__OP_NO_GRADIENT ? NULL : gradient_##op,                          \
        .reference = &cn__reference_##op,                                                          \
    };
RULES(RECORD)
RECORD(sigmoid_cross_entropy, FLOATING, 0, cn_multiply(g, cn_subtract(cn_sigmoid(a), b)),
       cn_negative(cn_multiply(g, a)))

#define FUNCTION(op, kind, op_flags, rule_a, rule_b)                                               \
    cn_tensor *(cn_##op)(cn_tensor * a, cn_tensor * b)                                             \
    {                                                                                              \
        return apply_##kind(&cn__op_##op, a, b);                                                   \
    }
RULES(FUNCTION)

cn_tensor *cn__sigmoid_cross_entropy(cn_tensor *logits, cn_tensor *labels)
{
    return apply_FLOATING(&cn__op_sigmoid_cross_entropy, logits, labels);
}
