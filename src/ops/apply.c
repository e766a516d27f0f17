/* Applying an op: runs it at once, or records it; the promotion of types. */
#include "graph/trace.h"
#include "kernels/registry.h"
#include "ops/op.h"
#include "ops/tape.h"

#include <string.h>

_Atomic(cn__op_note *) cn__note_op;

/* Fills the arguments of an eager call. */
static void fill_arg(cn__arg *arg, cn_tensor *t)
{
    *arg = (cn__arg){.data = t->data, .dtype = t->dtype, .shape = t->shape};
}

static int run_node(const cn__node *node, cn_tensor **out)
{
    cn__arg in[CN__MAX_INPUTS], results[CN__MAX_OUTPUTS];
    for (int i = 0; i < node->n_in; i++) {
        if (!cn__data(node->in[i])) {
            return CN_ESTATE;
        }
        fill_arg(&in[i], node->in[i]);
    }
    for (int i = 0; i < node->n_out; i++) {
        /* A view of a variable would change with it: what was read keeps its value, so it is
         * copied. */
        if (node->op->flags & CN__OP_VIEW && !node->in[0]->variable) {
            out[i] = cn__tensor_view(node->in[0], &node->shape[i], 0);
        } else {
            out[i] = cn__tensor_new(node->dtype[i], &node->shape[i]);
        }
        if (!out[i]) {
            return cn_error_code();
        }
        fill_arg(&results[i], out[i]);
    }
    if (node->op->flags & CN__OP_VIEW) {
        if (node->in[0]->variable) {
            memcpy(out[0]->data, node->in[0]->data, cn__bytes(out[0]));
        }
        return 0;
    }
    cn__call call = {.op = node->op,
                     .attrs = &node->attrs,
                     .n_in = node->n_in,
                     .n_out = node->n_out,
                     .in = in,
                     .out = results};
    return cn__run(&call);
}

/* Links eager results to the node they came from, for tapes and for losses that go back to the
 * logits. */
static int link_outputs(cn__node *node, cn_tensor **out)
{
    if (node->n_out > 1) {
        node->saved = cn__calloc((size_t)node->n_out, sizeof *node->saved);
        if (!node->saved) {
            return CN_ENOMEM;
        }
        for (int i = 0; i < node->n_out; i++) {
            cn_tensor *view = cn__tensor_view(out[i], &out[i]->shape, 0);
            if (!view) {
                return CN_ENOMEM;
            }
            node->saved[i] = cn__ref(view);
            cn_free(view);
        }
    }
    for (int i = 0; i < node->n_out; i++) {
        out[i]->node = cn__node_ref(node);
        out[i]->output = i;
    }
    return 0;
}

static int record_symbolic(cn__trace *trace, cn__node *node, cn_tensor **out)
{
    for (int i = 0; i < node->n_out; i++) {
        out[i] = cn__tensor_symbolic(node, i);
        if (!out[i]) {
            return CN_ENOMEM;
        }
    }
    return trace && node->op->flags & CN__OP_EFFECT ? cn__trace_effect(trace, node) : 0;
}

/* Inside a trace an op on constants alone is folded: it runs now. Variables, draws and effects wait
 * for the program. */
static bool is_symbolic(const cn__trace *trace, const cn__op *op, int n, cn_tensor *const *in)
{
    bool variable = false;
    for (int i = 0; i < n; i++) {
        if (!in[i]->storage) {
            return true;
        }
        variable = variable || in[i]->variable;
    }
    return trace && (variable || op->flags & (CN__OP_RANDOM | CN__OP_EFFECT));
}

static int check_inputs(const cn__op *op, int n, cn_tensor *const *in)
{
    if (n < op->min_in || n > op->max_in || n > CN__MAX_INPUTS) {
        return cn__fail(CN_EVALUE, "%s: expected %d to %d tensors, got %d", op->name, op->min_in,
                        op->max_in < CN__MAX_INPUTS ? op->max_in : CN__MAX_INPUTS, n);
    }
    for (int i = 0; i < n; i++) {
        int code = cn__expect(in[i], CN__TENSOR, op->name);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* What an op in a trace reads of a tensor: of a variable that was assigned to, the new value,
 * through a handle that gradients know as the variable and that does not lead back into what was
 * assigned. */
static cn_tensor *traced_value(cn__trace *trace, const cn__op *op, cn_tensor *t)
{
    cn_tensor *value = cn__trace_value(trace, t);
    if (value == t || op == &cn__op_stop_gradient) {
        return value;
    }
    cn_tensor *read = cn__trace_read(trace, t);
    if (!read) {
        read = cn_stop_gradient(value);
        if (read) {
            read->read_of = t;
            cn__trace_set_read(trace, t, read);
        }
    }
    return read;
}

cn_tensor *cn__apply(const cn__op *op, const cn__attrs *attrs, int n_in, cn_tensor *const *in,
                     cn_tensor **extra)
{
    if (cn__pending() || check_inputs(op, n_in, in) < 0) {
        return NULL;
    }
    cn__trace *trace = cn__trace_current();
    cn_tensor *inputs[CN__MAX_INPUTS], *out[CN__MAX_OUTPUTS] = {0};
    for (int i = 0; i < n_in; i++) {
        inputs[i] = trace ? traced_value(trace, op, in[i]) : in[i];
        if (!inputs[i]) {
            return NULL;
        }
    }
    cn__node *node = cn__node_new(op, attrs, n_in, inputs);
    if (!node) {
        return NULL;
    }
    node->n_out = op->n_out ? op->n_out : 1;
    int code = op->infer(node);
    if (code == 0) {
        if (is_symbolic(trace, op, n_in, inputs)) {
            code = record_symbolic(trace, node, out);
            cn__op_note *note = code == 0 && !trace ? atomic_load(&cn__note_op) : NULL;
            code = note ? note(node, out) : code;
        } else {
            code = run_node(node, out);
            if (code == 0 && (op->flags & CN__OP_ORIGIN || cn__tape_records(node))) {
                code = link_outputs(node, out);
            }
        }
    }
    if (code < 0) {
        for (int i = 0; i < CN__MAX_OUTPUTS; i++) {
            cn_free(out[i]);
            out[i] = NULL;
        }
    }
    for (int i = 1; extra && i < node->n_out; i++) {
        extra[i - 1] = out[i];
    }
    cn__node_unref(node);
    return out[0];
}

cn_tensor *cn__apply0(const cn__op *op, const cn__attrs *attrs)
{
    return cn__apply(op, attrs, 0, NULL, NULL);
}

cn_tensor *cn__apply1(const cn__op *op, const cn__attrs *attrs, cn_tensor *a)
{
    return cn__apply(op, attrs, 1, &a, NULL);
}

cn_tensor *cn__apply2(const cn__op *op, const cn__attrs *attrs, cn_tensor *a, cn_tensor *b)
{
    return cn__apply(op, attrs, 2, (cn_tensor *[]){a, b}, NULL);
}

/* Whether an op may write its result over the operand: memory of our own, of the result's type and
 * shape, that no tape and no view of it reads again. */
static bool can_hold(const cn_tensor *t, const cn__node *node)
{
    return t->dtype == node->dtype[0] && cn__shape_equal(&t->shape, &node->shape[0]) && !t->node &&
           !t->variable && !t->storage->foreign && atomic_load(&t->storage->refs) == 1;
}

cn_tensor *cn__apply2_over(const cn__op *op, cn_tensor *a, cn_tensor *b, bool a_is_spare,
                           bool b_is_spare)
{
    cn_tensor *in[] = {a, b}, *over = NULL;
    if (cn__pending() || (!a_is_spare && !b_is_spare) || check_inputs(op, 2, in) < 0 ||
        cn__trace_current() || is_symbolic(NULL, op, 2, in)) {
        return cn__apply2(op, NULL, a, b);
    }
    cn__node *node = cn__node_new(op, NULL, 2, in);
    if (node && op->infer(node) == 0 && !(op->flags & CN__OP_ORIGIN) && !cn__tape_records(node)) {
        over = a_is_spare && can_hold(a, node) ? a : b_is_spare && can_hold(b, node) ? b : NULL;
    }
    if (over) {
        cn__arg args[2], result;
        fill_arg(&args[0], a);
        fill_arg(&args[1], b);
        fill_arg(&result, over);
        cn__call call = {
            .op = op, .attrs = &node->attrs, .n_in = 2, .n_out = 1, .in = args, .out = &result};
        over = cn__data(a) && cn__data(b) && cn__run(&call) == 0 ? over : NULL;
        cn__node_unref(node);
        return over;
    }
    cn__node_unref(node);
    return cn__apply2(op, NULL, a, b);
}

cn_tensor *cn__apply3(const cn__op *op, const cn__attrs *attrs, cn_tensor *a, cn_tensor *b,
                      cn_tensor *c)
{
    return cn__apply(op, attrs, 3, (cn_tensor *[]){a, b, c}, NULL);
}

cn_dtype cn__float_dtype(cn_dtype dtype)
{
    return cn__dtype_is_float(dtype) ? dtype : CN_FLOAT32;
}

/* The smallest signed integer that holds both an unsigned of `bytes` and a signed one; JAX's and
 * Keras 3's lattice. */
static cn_dtype promote_integers(cn_dtype a, cn_dtype b)
{
    bool ua = a >= CN_UINT8, ub = b >= CN_UINT8;
    size_t na = cn_dtype_size(a), nb = cn_dtype_size(b);
    static const cn_dtype is[9] = {[1] = CN_INT8, [2] = CN_INT16, [4] = CN_INT32, [8] = CN_INT64};
    if (ua == ub) {
        return na >= nb ? a : b;
    }
    size_t unsigned_bytes = ua ? na : nb, signed_bytes = ua ? nb : na;
    if (signed_bytes > unsigned_bytes) {
        return is[signed_bytes];
    }
    return unsigned_bytes == 8 ? CN_FLOAT32 : is[2 * unsigned_bytes];
}

cn_dtype cn__promote_dtypes(cn_dtype a, cn__weak weak_a, cn_dtype b, cn__weak weak_b)
{
    if (weak_a && weak_b) {
        return weak_a == CN__WEAK_FLOAT || weak_b == CN__WEAK_FLOAT ? CN_FLOAT32 : CN_INT32;
    }
    if (weak_a || weak_b) {
        cn_dtype other = weak_a ? b : a;
        cn__weak weak = weak_a ? weak_a : weak_b;
        if (weak == CN__WEAK_FLOAT) {
            return cn__float_dtype(other);
        }
        return other == CN_BOOL ? CN_INT32 : other;
    }
    if (a == b) {
        return a;
    }
    if (a == CN_BOOL || b == CN_BOOL) {
        return a == CN_BOOL ? b : a;
    }
    bool fa = cn__dtype_is_float(a), fb = cn__dtype_is_float(b);
    if (fa != fb) {
        return fa ? a : b;
    }
    if (fa) {
        if (cn_dtype_size(a) == cn_dtype_size(b)) {
            return CN_FLOAT32; /* float16 with bfloat16 */
        }
        return cn_dtype_size(a) > cn_dtype_size(b) ? a : b;
    }
    return promote_integers(a, b);
}

/* A number that takes a tensor's dtype remembers how it was written, for files. */
static cn_tensor *promoted(cn_tensor *t, cn_dtype dtype)
{
    if (t->dtype == dtype) {
        return t;
    }
    cn_tensor *cast = cn_cast(t, dtype);
    if (cast && t->weak) {
        cast->number = t->weak;
    }
    return cast;
}

bool cn__promote(cn_tensor **a, cn_tensor **b, const char *who)
{
    if (cn__pending() || cn__expect(*a, CN__TENSOR, who) < 0 ||
        cn__expect(*b, CN__TENSOR, who) < 0) {
        return false;
    }
    cn_dtype dtype = cn__promote_dtypes((*a)->dtype, (*a)->weak, (*b)->dtype, (*b)->weak);
    *a = promoted(*a, dtype);
    *b = promoted(*b, dtype);
    return *a && *b;
}

int cn__infer_same(cn__node *node)
{
    node->n_out = 1;
    node->dtype[0] = node->in[0]->dtype;
    node->shape[0] = node->in[0]->shape;
    return 0;
}

int cn__infer_broadcast(cn__node *node)
{
    node->n_out = 1;
    node->dtype[0] = node->in[0]->dtype;
    cn_shape shape = node->in[0]->shape;
    for (int i = 1; i < node->n_in; i++) {
        int code = cn__shape_broadcast(&shape, &node->in[i]->shape, &shape);
        if (code < 0) {
            return code;
        }
    }
    node->shape[0] = shape;
    return 0;
}

int cn__infer_broadcast_bool(cn__node *node)
{
    int code = cn__infer_broadcast(node);
    node->dtype[0] = CN_BOOL;
    return code;
}
