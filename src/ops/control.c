/* condition and while_loop: chosen and run at once when eager, ops of their own in a trace. */
#include <cornu/control.h>

#include "graph/trace.h"
#include "kernels/reference/loop.h"
#include "ops/support.h"

/* condition(pred, a, b): all of a or all of b. */
static int infer_condition(cn__node *node)
{
    const cn_shape *a = cn__in_shape(node, 1), *b = cn__in_shape(node, 2);
    cn_shape out = *a;
    bool same = a->rank == b->rank && node->in[1]->dtype == node->in[2]->dtype;
    for (int k = 0; same && k < a->rank; k++) {
        out.dim[k] = cn__agree(a->dim[k], b->dim[k]);
        same = out.dim[k] != -2;
    }
    if (!same) {
        char ta[CN__SHAPE_TEXT], tb[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE,
                        "true_fn and false_fn must return the same kind of tensors, got %s %s and "
                        "%s %s",
                        cn_dtype_name(node->in[1]->dtype), cn__shape_text(a, ta, sizeof ta),
                        cn_dtype_name(node->in[2]->dtype), cn__shape_text(b, tb, sizeof tb));
    }
    if (node->in[0]->dtype != CN_BOOL || cn__in_shape(node, 0)->rank != 0) {
        return cn__fail(CN_EVALUE, "cond: the predicate must be a bool scalar");
    }
    return cn__infer_one(node, node->in[1]->dtype, &out);
}

/* The branch that was taken gets the gradient, the other one zeros. */
static int gradient_condition(const cn__node *node, cn_tensor *const *out,
                              cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    cn_tensor *g = grads_out[0], *zeros = cn_zeros_like(g);
    grads_in[1] = cn__apply3(&cn__op_condition, NULL, node->in[0], g, zeros);
    grads_in[2] = cn__apply3(&cn__op_condition, NULL, node->in[0], zeros, g);
    return grads_in[1] && grads_in[2] ? 0 : cn_error_code();
}

static cn__batch batch_condition(const cn__node *node, const bool *batched)
{
    (void)node;
    if (!batched[1] && !batched[2]) {
        return CN__BATCH_NONE;
    }
    return cn__row_if(batched[1] && batched[2]);
}

const cn__op cn__op_condition = {.name = "condition",
                                 .min_in = 3,
                                 .max_in = 3,
                                 .n_out = 1,
                                 .infer = infer_condition,
                                 .gradient = gradient_condition,
                                 .batch = batch_condition,
                                 .reference = &cn__reference_condition};

/* A predicate's truth as a bool scalar. */
static cn_tensor *truth(cn_tensor *pred, const char *who)
{
    if (!cn__check_tensor(pred, who)) {
        return NULL;
    }
    int64_t size = cn__shape_size(&pred->shape);
    if (size >= 0 && size != 1) {
        cn__fail(CN_EVALUE, "%s: the predicate must be a scalar", who);
        return NULL;
    }
    pred = pred->shape.rank ? cn_reshape_to(pred, 0, NULL) : pred;
    return pred && pred->dtype != CN_BOOL ? cn_cast(pred, CN_BOOL) : pred;
}

static int trace_branch(cn__trace *trace, cn_branch branch, void *user, int n_out, cn_tensor **out)
{
    int64_t assignments = trace ? trace->n_assignments : 0, effects = trace ? trace->n_effects : 0;
    int code = branch(user, n_out, out);
    if (code < 0) {
        return code;
    }
    if (trace && (trace->n_assignments != assignments || trace->n_effects != effects)) {
        return cn__fail(CN_EUNSUPPORTED, "cond: a branch that assigns to a variable or checks data "
                                         "cannot be part of a traced function");
    }
    return cn__pending() ? cn_error_code() : 0;
}

int cn_cond(cn_tensor *pred, cn_branch true_fn, cn_branch false_fn, void *user, int n_out,
            cn_tensor **out)
{
    pred = truth(pred, "cond");
    if (!pred) {
        return cn_error_code();
    }
    if (n_out < 0 || n_out > CN__MAX_INPUTS) {
        return cn__fail(CN_EVALUE, "cond: at most %d results, got %d", CN__MAX_INPUTS, n_out);
    }
    if (pred->storage) {
        const uint8_t *value = cn__data(pred);
        int code = value ? (*value ? true_fn : false_fn)(user, n_out, out) : cn_error_code();
        return code < 0 ? code : cn__pending() ? cn_error_code() : 0;
    }
    cn__trace *trace = cn__trace_current();
    cn_tensor *other[CN__MAX_INPUTS] = {0};
    int code = trace_branch(trace, true_fn, user, n_out, out);
    if (code == 0) {
        code = trace_branch(trace, false_fn, user, n_out, other);
    }
    for (int i = 0; i < n_out && code == 0; i++) {
        out[i] = cn__apply3(&cn__op_condition, NULL, pred, out[i], other[i]);
        code = out[i] ? 0 : cn_error_code();
    }
    return code;
}

/* while_loop: attrs.i[0 … 2] = cond, body, user; i[3] = most rounds or CN_NONE. */
static int infer_while_loop(cn__node *node)
{
    node->n_out = node->n_in;
    for (int i = 0; i < node->n_in; i++) {
        node->dtype[i] = node->in[i]->dtype;
        node->shape[i] = *cn__in_shape(node, i);
    }
    return 0;
}

static int gradient_while_loop(const cn__node *node, cn_tensor *const *out,
                               cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)node;
    (void)out;
    (void)grads_out;
    (void)grads_in;
    return cn__fail(CN_EUNSUPPORTED, "while_loop: a loop inside a traced function has no gradient");
}

/* The body may do anything, so the op is never folded nor merged with an equal one. */
const cn__op cn__op_while_loop = {.name = "while_loop",
                                  .min_in = 1,
                                  .max_in = CN__MAX_OUTPUTS,
                                  .n_out = CN__MAX_OUTPUTS,
                                  .flags = CN__OP_RANDOM | CN__OP_CHECKS,
                                  .infer = infer_while_loop,
                                  .gradient = gradient_while_loop,
                                  .reference = &cn__reference_while_loop};

int cn_while_loop(cn_loop_cond cond, cn_loop_body body, void *user, int n, cn_tensor **loop_vars,
                  int64_t maximum_iterations)
{
    bool symbolic = cn__trace_current() != NULL;
    for (int i = 0; i < n; i++) {
        if (!cn__check_tensor(loop_vars[i], "while_loop")) {
            return cn_error_code();
        }
        symbolic = symbolic || !loop_vars[i]->storage;
    }
    cn__loop loop = {cond, body, user, maximum_iterations};
    if (!symbolic) {
        return cn__pending() ? cn_error_code() : cn__loop_run(&loop, n, loop_vars);
    }
    cn__attrs attrs = {0};
    cn__loop_write(&loop, &attrs);
    cn_tensor *extra[CN__MAX_OUTPUTS] = {0};
    cn_tensor *first = cn__apply(&cn__op_while_loop, &attrs, n, loop_vars, extra);
    if (!first) {
        return cn_error_code();
    }
    loop_vars[0] = first;
    for (int i = 1; i < n; i++) {
        loop_vars[i] = extra[i - 1];
    }
    return 0;
}
