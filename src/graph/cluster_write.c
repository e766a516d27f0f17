/* Writes a cluster of instructions as one elementwise program. */
#include "graph/cluster.h"

#include <string.h>

/* Building one program from a cluster. */
typedef struct writer {
    const cn__fuser *f;
    int self;
    cn__ew ew;
    int in[CN__MAX_INPUTS], n_in;
    int out[CN__EW_MAX_OUT], n_out;
    uint32_t sums;                 /* outputs of which only the sums are kept */
    int where[CN__EW_MAX_STEP];    /* the operand of each member's result */
    int64_t last[CN__EW_MAX_STEP]; /* the last member that reads it */
    bool register_used[CN__EW_MAX_REG];
} writer;

static int member_index(const cn__cluster *c, int64_t inst)
{
    for (int64_t i = 0; i < c->n; i++) {
        if (c->members[i] == inst) {
            return (int)i;
        }
    }
    return -1;
}

static int constant_operand(writer *w, const cn__value *value)
{
    float number = (float)cn__read(value->dtype, cn__data(value->tensor), 0);
    for (int i = 0; i < w->ew.n_const; i++) {
        if (!memcmp(&w->ew.constant[i], &number, sizeof number)) {
            return CN__EW_CONST(i);
        }
    }
    if (w->ew.n_const == CN__EW_MAX_CONST) {
        return -1;
    }
    w->ew.constant[w->ew.n_const] = number;
    return CN__EW_CONST(w->ew.n_const++);
}

/* The operand by which input k of a member is read. */
static int operand(writer *w, const cn__cluster *c, const cn__inst *inst, int k)
{
    const cn__program *p = w->f->p;
    int v = inst->in[k];
    const cn__value *value = &p->values[v];
    int from = value->producer >= 0 ? member_index(c, value->producer) : -1;
    if (from >= 0) {
        return w->where[from];
    }
    if (value->kind == CN__VALUE_CONSTANT && cn__shape_size(&value->shape) == 1) {
        return constant_operand(w, value);
    }
    int mode = cn__ew_access(p, inst, k, &c->shape);
    for (int i = 0; i < w->n_in; i++) {
        if (w->in[i] == v && w->ew.in_mode[i] == mode) {
            return CN__EW_IN(i);
        }
    }
    if (w->n_in == CN__EW_MAX_IN) {
        return -1;
    }
    w->ew.in_mode[w->n_in] = (uint8_t)mode;
    w->ew.in_type[w->n_in] = (uint8_t)cn__ew_element(value->dtype);
    w->in[w->n_in] = v;
    return CN__EW_IN(w->n_in++);
}

static int free_register(writer *w)
{
    for (int r = 0; r < CN__EW_MAX_REG; r++) {
        if (!w->register_used[r]) {
            w->register_used[r] = true;
            w->ew.n_reg = (uint8_t)(r + 1 > w->ew.n_reg ? r + 1 : w->ew.n_reg);
            return CN__EW_REG(r);
        }
    }
    return -1;
}

static void by_number(const int64_t *a, int64_t n, int64_t *sorted)
{
    memcpy(sorted, a, (size_t)n * sizeof *a);
    for (int64_t i = 1; i < n; i++) {
        int64_t x = sorted[i], j = i;
        for (; j > 0 && sorted[j - 1] > x; j--) {
            sorted[j] = sorted[j - 1];
        }
        sorted[j] = x;
    }
}

/* The last member that reads each member's result. */
static void find_last_readers(writer *w, const cn__cluster *c)
{
    const cn__program *p = w->f->p;
    for (int64_t i = 0; i < c->n; i++) {
        w->last[i] = -1;
        for (int64_t j = i + 1; j < c->n; j++) {
            const cn__inst *reader = &p->insts[c->members[j]];
            for (int k = 0; k < reader->n_in; k++) {
                if (!(reader->shape_only >> k & 1) &&
                    reader->in[k] == p->insts[c->members[i]].out[0]) {
                    w->last[i] = j;
                }
            }
        }
    }
}

/* The next output, of this value; -1 if there are too many. */
static int add_output(writer *w, int value, int type)
{
    if (w->n_out == CN__EW_MAX_OUT) {
        return -1;
    }
    w->ew.out_type[w->n_out] = (uint8_t)type;
    w->out[w->n_out] = value;
    return CN__EW_OUT(w->n_out++);
}

static bool add_step(writer *w, int op, int to, const int operands[3])
{
    if (to < 0 || w->ew.n_step == CN__EW_MAX_STEP) {
        return false;
    }
    w->ew.step[w->ew.n_step++] = (cn__ew_step){.op = (uint8_t)op,
                                               .dst = (uint8_t)to,
                                               .a = (uint8_t)operands[0],
                                               .b = (uint8_t)operands[1],
                                               .c = (uint8_t)operands[2]};
    return true;
}

/* Where member i's result goes, with the step that makes it. */
static bool write_result(writer *w, const cn__inst *inst, int64_t i, const int operands[3])
{
    const cn__value *out = &w->f->p->values[inst->out[0]];
    bool truth = out->dtype == CN_BOOL;
    if (cn__ew_is_sum(w->f->p, inst)) {
        w->sums |= 1u << w->n_out;
        return add_step(w, CN__EW_COPY, add_output(w, inst->out[0], CN__EL_F32), operands);
    }
    bool outside = cn__cluster_read_outside(w->f, w->self, inst->out[0]);
    bool direct = outside && !(truth && w->last[i] >= 0);
    int to =
        direct ? add_output(w, inst->out[0], truth ? CN__EL_BOOL : CN__EL_F32) : free_register(w);
    w->where[i] = to;
    if (!add_step(w, cn__ew_opcode(inst->op), to, operands)) {
        return false;
    }
    /* A truth value that is read inside too: outputs of bool cannot be read back, so it is copied
     * out. */
    return direct || !outside ||
           add_step(w, CN__EW_COPY, add_output(w, inst->out[0], CN__EL_BOOL), (int[3]){to});
}

static bool write_steps(writer *w, const cn__cluster *c)
{
    const cn__program *p = w->f->p;
    find_last_readers(w, c);
    for (int64_t i = 0; i < c->n; i++) {
        const cn__inst *inst = &p->insts[c->members[i]];
        int operands[3] = {0}, n = 0;
        for (int k = 0; k < inst->n_in && n < 3; k++) {
            if (!(inst->shape_only >> k & 1)) {
                operands[n] = operand(w, c, inst, k);
                if (operands[n++] < 0) {
                    return false;
                }
            }
        }
        /* Registers whose last reader is this step are free for its result: a step reads before it
         * writes. */
        for (int64_t j = 0; j < i; j++) {
            if (w->last[j] == i && w->where[j] < CN__EW_MAX_REG) {
                w->register_used[w->where[j]] = false;
            }
        }
        w->where[i] = CN__EW_MAX_REG; /* nobody reads a sum */
        if (!write_result(w, inst, i, operands)) {
            return false;
        }
    }
    w->ew.n_in = (uint8_t)w->n_in;
    w->ew.n_out = (uint8_t)w->n_out;
    return w->n_out > 0 && cn__ew_check(&w->ew) == 0;
}

/* The last member becomes the instruction of all. */
static int replace_members(cn__program *p, const cn__cluster *c, const writer *w)
{
    cn__ew_extra *extra = cn__calloc(1, sizeof *extra);
    if (!extra) {
        return CN_ENOMEM;
    }
    extra->program = w->ew;
    extra->sums = w->sums;
    extra->columns = c->shape.rank ? c->shape.dim[c->shape.rank - 1] : 1;
    for (int64_t i = 0; i < c->n - 1; i++) {
        p->insts[c->members[i]].dead = true;
    }
    int64_t last = c->members[c->n - 1];
    cn__inst *inst = &p->insts[last];
    inst->op = w->sums ? &cn__op_elementwise_sums : &cn__op_elementwise;
    inst->extra = extra;
    inst->shape_only = 0;
    inst->n_in = w->n_in;
    inst->n_out = w->n_out;
    inst->batch = c->batched ? CN__BATCH_ROW : CN__BATCH_NONE;
    memcpy(inst->in, w->in, (size_t)w->n_in * sizeof *w->in);
    memcpy(inst->out, w->out, (size_t)w->n_out * sizeof *w->out);
    for (int k = 0; k < w->n_out; k++) {
        p->values[w->out[k]].producer = (int)last;
    }
    return 0;
}

int cn__cluster_write(cn__fuser *f, int self)
{
    cn__cluster *c = &f->clusters[self];
    writer *w = cn__calloc(1, sizeof *w);
    int64_t *sorted = cn__malloc((size_t)c->n * sizeof *sorted);
    int code = w && sorted ? 0 : CN_ENOMEM;
    if (code == 0) {
        by_number(c->members, c->n, sorted);
        memcpy(c->members, sorted, (size_t)c->n * sizeof *sorted);
        w->f = f;
        w->self = self;
        code = write_steps(w, c) ? replace_members(f->p, c, w) : 0;
    }
    cn__free_mem(w);
    cn__free_mem(sorted);
    return code;
}
