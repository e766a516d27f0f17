/* Updates in place: new values of variables are written where they live, and into the tail of a
 * dense weight gradient. */
#include "graph/program.h"

#include <string.h>

/* Whether instruction `to` can be reached from `from` by what must come before what. */
static int reaches(const cn__program *p, int64_t from, int64_t to, bool *answer)
{
    uint8_t *seen = cn__calloc((size_t)p->n_insts + 1, 1);
    int64_t *stack = cn__malloc(((size_t)p->n_insts + 1) * sizeof *stack);
    if (!seen || !stack) {
        cn__free_mem(seen);
        cn__free_mem(stack);
        return CN_ENOMEM;
    }
    int64_t n = 0;
    stack[n++] = to;
    seen[to] = 1;
    *answer = false;
    while (n && !*answer) {
        int before[256];
        int count = cn__plan_before(p, stack[--n], before, 256);
        *answer = count > 256; /* too many to look at: assume the worst */
        for (int k = 0; k < count && k < 256; k++) {
            *answer = *answer || before[k] == from;
            if (!seen[before[k]] && !p->insts[before[k]].dead) {
                seen[before[k]] = 1;
                stack[n++] = before[k];
            }
        }
    }
    cn__free_mem(seen);
    cn__free_mem(stack);
    return 0;
}

static bool has_view(const cn__program *p, int value)
{
    for (int64_t i = 0; i < p->n_values; i++) {
        if (p->values[i].alias == value) {
            return true;
        }
    }
    return false;
}

/* assign_copy(v -> variable) goes away if what makes v can write into the variable itself. */
static int write_in_place(cn__program *p, int64_t i)
{
    cn__inst *copy = &p->insts[i];
    int v = copy->in[0], target = copy->out[0], home = p->values[target].home;
    cn__value *value = &p->values[v];
    if (home < 0) {
        return 0; /* the copy of an output */
    }
    if (value->kind != CN__VALUE_TEMPORARY || value->output || value->alias >= 0 ||
        value->home >= 0 || value->producer < 0 || has_view(p, v) ||
        !cn__shape_equal(&value->shape, &p->values[home].shape) ||
        value->dtype != p->values[home].dtype) {
        return 0;
    }
    int64_t maker = value->producer;
    const cn__inst *inst = &p->insts[maker];
    if (inst->op == &cn__op_load || inst->op->flags & CN__OP_VIEW) {
        return 0;
    }
    for (int k = 0; k < inst->n_in; k++) {
        if (cn__plan_root(p, inst->in[k]) == home && inst->op != &cn__op_elementwise) {
            return 0;
        }
    }
    /* A reader of the old value that must come after the maker would read the new one. */
    for (int64_t j = 0; j < p->n_insts; j++) {
        const cn__inst *reader = &p->insts[j];
        bool reads = false;
        for (int k = 0; !reader->dead && k < reader->n_in; k++) {
            reads = reads ||
                    (!(reader->shape_only >> k & 1) && cn__plan_root(p, reader->in[k]) == home);
        }
        bool after = false;
        if (reads && j != maker) {
            int code = reaches(p, maker, j, &after);
            if (code < 0) {
                return code;
            }
        }
        if (after) {
            return 0;
        }
    }
    value->home = home;
    copy->dead = true;
    p->values[target].home = -1;
    return 0;
}

static int only_reader(const cn__program *p, int value)
{
    int reader = -1;
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        for (int k = 0; !inst->dead && k < inst->n_in; k++) {
            if (cn__plan_root(p, inst->in[k]) == value && !(inst->shape_only >> k & 1)) {
                if (reader >= 0 && reader != (int)i) {
                    return -1;
                }
                reader = (int)i;
            }
        }
    }
    return p->values[value].output ? -1 : reader;
}

/* Whether an elementwise instruction only updates variables of the gradient's shape from it. */
static bool is_update(const cn__program *p, const cn__inst *inst, int gradient)
{
    const cn__ew_extra *extra = inst->extra;
    const cn_shape *shape = &p->values[gradient].shape;
    if (inst->dead || inst->op != &cn__op_elementwise) {
        return false;
    }
    bool found = false;
    for (int k = 0; k < inst->n_in; k++) {
        uint8_t mode = extra->program.in_mode[k];
        if (mode != CN__EW_SCALAR && mode != CN__EW_FULL) {
            return false;
        }
        if (mode == CN__EW_FULL) {
            const cn__value *in = &p->values[inst->in[k]];
            found = found || inst->in[k] == gradient;
            if (extra->program.in_type[k] != CN__EL_F32 || !cn__shape_equal(&in->shape, shape) ||
                (inst->in[k] != gradient && in->kind != CN__VALUE_VARIABLE)) {
                return false;
            }
        }
    }
    for (int k = 0; k < inst->n_out; k++) {
        const cn__value *out = &p->values[inst->out[k]];
        if (out->home < 0 || !cn__shape_equal(&out->shape, shape) ||
            extra->program.out_type[k] != CN__EL_F32) {
            return false;
        }
    }
    return found;
}

static uint8_t swap_operand(uint8_t operand, uint8_t a, uint8_t b)
{
    return operand == CN__EW_IN(a)   ? CN__EW_IN(b)
           : operand == CN__EW_IN(b) ? CN__EW_IN(a)
                                     : operand;
}

/* The same program with inputs 0 and g exchanged. */
static void gradient_first(cn__ew *ew, int *in, uint8_t g)
{
    for (int s = 0; s < ew->n_step; s++) {
        cn__ew_step *step = &ew->step[s];
        step->a = swap_operand(step->a, 0, g);
        step->b = swap_operand(step->b, 0, g);
        step->c = swap_operand(step->c, 0, g);
        for (int k = 0; k < 5; k++) {
            step->x[k] = swap_operand(step->x[k], 0, g);
        }
    }
    uint8_t mode = ew->in_mode[0], type = ew->in_type[0];
    ew->in_mode[0] = ew->in_mode[g];
    ew->in_type[0] = ew->in_type[g];
    ew->in_mode[g] = mode;
    ew->in_type[g] = type;
    int v = in[0];
    in[0] = in[g];
    in[g] = v;
}

/* Moves an update's program, inputs (but the gradient) and outputs into a weight gradient's
 * instruction. */
static bool take_update(cn__program *p, cn__inst *dw, int reader, int gradient, cn__ew *into)
{
    cn__inst *update = &p->insts[reader];
    const cn__ew_extra *extra = update->extra;
    if (dw->n_in + update->n_in - 1 > CN__MAX_INPUTS ||
        dw->n_out + update->n_out > CN__MAX_OUTPUTS) {
        return false;
    }
    int in[CN__EW_MAX_IN];
    memcpy(in, update->in, (size_t)update->n_in * sizeof *in);
    uint8_t g = 0;
    while (in[g] != gradient) {
        g++;
    }
    *into = extra->program;
    gradient_first(into, in, g);
    if (cn__plan_enabled("adam")) {
        cn__match_adam(into);
    }
    for (int k = 1; k < update->n_in; k++) {
        dw->in[dw->n_in++] = in[k];
    }
    for (int k = 0; k < update->n_out; k++) {
        dw->out[dw->n_out++] = update->out[k];
    }
    update->dead = true;
    return true;
}

/* The instruction that sums dy over the batch for the bias, or -1. */
static int bias_sum(const cn__program *p, int dy)
{
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        if (!inst->dead && inst->in[0] == dy && inst->n_out == 1 &&
            (inst->op == &cn__op_sum_like || inst->op == &cn__op_sum) &&
            p->values[inst->out[0]].shape.rank == 1 &&
            p->values[inst->out[0]].shape.dim[0] == p->values[dy].shape.dim[1] &&
            (inst->op == &cn__op_sum_like ||
             (inst->attrs.i[1] == 1 && (inst->attrs.i[2] == 0 || inst->attrs.i[2] == -2)))) {
            return (int)i;
        }
    }
    return -1;
}

static void merge_updates(cn__program *p, int64_t i)
{
    cn__inst *dw = &p->insts[i];
    cn__update_extra *extra = dw->extra;
    int gradient = dw->out[0], reader = only_reader(p, gradient);
    if (reader < 0 || !is_update(p, &p->insts[reader], gradient)) {
        return;
    }
    dw->n_out = 0;
    if (!take_update(p, dw, reader, gradient, &extra->update)) {
        dw->n_out = 1;
        return;
    }
    extra->has_update = true;
    int sum = bias_sum(p, dw->in[1]);
    if (sum >= 0) {
        int db = p->insts[sum].out[0], bias_reader = only_reader(p, db);
        if (bias_reader >= 0 && is_update(p, &p->insts[bias_reader], db) &&
            take_update(p, dw, bias_reader, db, &extra->bias_update)) {
            extra->has_bias = true;
            p->insts[sum].dead = true;
        }
    }
}

int cn__plan_updates(cn__program *p)
{
    if (!cn__plan_enabled("updates")) {
        return 0;
    }
    int code = 0;
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        if (!p->insts[i].dead && p->insts[i].op == &cn__op_assign_copy) {
            code = write_in_place(p, i);
        }
    }
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        if (!p->insts[i].dead && p->insts[i].op == &cn__op_dense_dw) {
            merge_updates(p, i);
        }
    }
    cn__plan_sweep(p);
    return code;
}
