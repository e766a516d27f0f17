/* Reference kernels of condition and while_loop. */
#include "kernels/reference/loop.h"
#include "kernels/reference/walk.h"

#include <string.h>

/* out = pred ? a : b, as a whole. */
static int condition_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t first, last, bytes = (int64_t)cn_dtype_size(call->out[0].dtype);
    const cn__arg *from = &call->in[*(const uint8_t *)call->in[0].data ? 1 : 2];
    cn__element_range(call, begin, end, &first, &last);
    if (from->data != call->out[0].data) {
        memcpy((char *)call->out[0].data + first * bytes, (const char *)from->data + first * bytes,
               (size_t)((last - first) * bytes));
    }
    return 0;
}

const cn__kernel cn__reference_condition = {
    .name = "condition (reference)", .units = cn__element_units, .run = condition_run};

void cn__loop_write(const cn__loop *loop, cn__attrs *attrs)
{
    attrs->i[0] = (int64_t)(uintptr_t)loop->cond;
    attrs->i[1] = (int64_t)(uintptr_t)loop->body;
    attrs->i[2] = (int64_t)(uintptr_t)loop->user;
    attrs->i[3] = loop->rounds;
}

cn__loop cn__loop_read(const cn__attrs *attrs)
{
    return (cn__loop){(cn_loop_cond)(uintptr_t)attrs->i[0], (cn_loop_body)(uintptr_t)attrs->i[1],
                      (void *)(uintptr_t)attrs->i[2], attrs->i[3]};
}

/* 1 to go on, 0 to stop, negative for an error. */
static int goes_on(const cn__loop *loop, int n, cn_tensor *const *vars)
{
    cn_tensor *answer = loop->cond(loop->user, n, vars);
    if (!answer) {
        return cn__pending() ? cn_error_code()
                             : cn__fail(CN_EVALUE, "while_loop: cond returned no tensor");
    }
    double value = cn_tensor_value(answer);
    return cn__pending() ? cn_error_code() : value != 0;
}

static bool is_among(const cn_tensor *t, int n, cn_tensor *const *list)
{
    for (int i = 0; i < n; i++) {
        if (list[i] == t) {
            return true;
        }
    }
    return false;
}

/* Takes over what a round made: `made` tells which variables are the loop's own, to be freed when
 * nothing is left of them. */
static void replace_variables(int n, cn_tensor **vars, bool *made, cn_tensor *const *next,
                              const struct cn__scope_record *round)
{
    cn_tensor *old[CN__MAX_INPUTS];
    bool was_made[CN__MAX_INPUTS];
    memcpy(old, vars, (size_t)n * sizeof *old);
    memcpy(was_made, made, (size_t)n * sizeof *made);
    for (int i = 0; i < n; i++) {
        vars[i] = next[i];
        made[i] = next[i]->object.scope == round;
        for (int j = 0; j < n; j++) {
            made[i] = made[i] || (was_made[j] && old[j] == next[i]);
        }
        if (next[i]->object.scope == round) {
            cn_keep_object(next[i]);
        }
    }
    for (int i = 0; i < n; i++) {
        if (was_made[i] && !is_among(old[i], n, next) && !is_among(old[i], i, old)) {
            cn_free(old[i]);
        }
    }
}

/* One round in a scope of its own, from which only the new variables are kept. */
static int one_round(const cn__loop *loop, int n, cn_tensor **vars, bool *made)
{
    cn_tensor *next[CN__MAX_INPUTS] = {0};
    cn_scope scope = cn_scope_begin();
    cn_tensor *mark =
        cn_scalar(0, CN_FLOAT32); /* belongs to this scope, as what the body makes does */
    int more = mark ? goes_on(loop, n, vars) : cn_error_code(), code = more;
    if (more > 0) {
        memcpy(next, vars, (size_t)n * sizeof *next);
        code = loop->body(loop->user, n, next);
        code = code < 0 ? code : cn__pending() ? cn_error_code() : more;
    }
    for (int i = 0; i < n && code > 0; i++) {
        code = cn__check_tensor(next[i], "while_loop") ? code : cn_error_code();
    }
    if (code > 0) {
        replace_variables(n, vars, made, next, mark->object.scope);
    }
    cn_scope_end(scope);
    return code;
}

int cn__loop_run(const cn__loop *loop, int n, cn_tensor **vars)
{
    bool made[CN__MAX_INPUTS] = {false};
    if (n < 0 || n > CN__MAX_INPUTS) {
        return cn__fail(CN_EVALUE, "while_loop: at most %d variables, got %d", CN__MAX_INPUTS, n);
    }
    for (int64_t round = 0; loop->rounds == CN_NONE || round < loop->rounds; round++) {
        int more = one_round(loop, n, vars, made);
        if (more <= 0) {
            return more;
        }
    }
    return 0;
}

static int copy_out(cn_tensor *value, const cn__arg *out, int i)
{
    char a[256], b[256];
    if (!cn__shape_equal(&value->shape, &out->shape) || value->dtype != out->dtype) {
        return cn__fail(CN_EVALUE,
                        "while_loop: variable %d became %s %s, but in a traced function it must "
                        "stay %s %s",
                        i, cn_dtype_name(value->dtype), cn__shape_text(&value->shape, a, sizeof a),
                        cn_dtype_name(out->dtype), cn__shape_text(&out->shape, b, sizeof b));
    }
    const void *data = cn__data(value);
    if (!data) {
        return cn_error_code();
    }
    memcpy(out->data, data, cn__bytes(value));
    return 0;
}

/* The variables begin as tensors over the call's inputs; cond and body run eagerly on this thread.
 */
static int while_loop_run(const cn__call *call, int64_t begin, int64_t end)
{
    if (begin >= end) {
        return 0;
    }
    cn_tensor *vars[CN__MAX_OUTPUTS];
    cn_scope scope = cn_scope_begin();
    int code = 0;
    for (int i = 0; i < call->n_in && code == 0; i++) {
        const cn__arg *in = &call->in[i];
        vars[i] = cn_tensor_wrap(in->dtype, in->shape.rank, in->shape.dim, in->data, NULL, NULL);
        code = vars[i] ? 0 : cn_error_code();
    }
    if (code == 0) {
        cn__loop loop = cn__loop_read(call->attrs);
        code = cn__loop_run(&loop, call->n_in, vars);
    }
    for (int i = 0; i < call->n_in && code == 0; i++) {
        code = copy_out(vars[i], &call->out[i], i);
    }
    cn_scope_end(scope);
    return code;
}

const cn__kernel cn__reference_while_loop = {.name = "while_loop (reference)",
                                             .run = while_loop_run};
