/* Patterns of dense layers: product + bias + relu, the masked data gradient, the weight gradient.
 */
#include "graph/program.h"

#include <string.h>

static bool is_matrix(const cn__program *p, int v)
{
    const cn__value *value = &p->values[v];
    return value->dtype == CN_FLOAT32 && value->shape.rank == 2 &&
           cn__shape_size(&value->shape) > 0;
}

static bool is_batch_matrix(const cn__program *p, int v)
{
    return is_matrix(p, v) && p->values[v].batched && p->values[v].kind == CN__VALUE_TEMPORARY;
}

static bool is_weight(const cn__program *p, int v)
{
    return is_matrix(p, v) && p->values[v].kind == CN__VALUE_VARIABLE;
}

/* A weight of at most CN__SKINNY_MAX columns is kept transposed. */
static bool is_skinny(const cn__program *p, int weight)
{
    return p->values[weight].shape.dim[1] <= CN__SKINNY_MAX;
}

static void set_extra(cn__inst *inst, cn__dense_extra extra, int *code)
{
    cn__dense_extra *copy = cn__malloc(sizeof *copy);
    if (!copy) {
        *code = CN_ENOMEM;
        return;
    }
    *copy = extra;
    inst->extra = copy;
}

/* matmul(x, W) [+ bias] [relu] */
static int fuse_forward(cn__program *p, int64_t i, bool trains)
{
    cn__inst *inst = &p->insts[i];
    int w = inst->in[1], y = inst->out[0], n_in = 2;
    cn__dense_extra extra = {.skinny = is_skinny(p, w)};
    /* A few rows of an inference are bound by reading the weights once, as they lie. */
    if (!trains && p->rows < 8) {
        extra.gemv = true;
        extra.skinny = false;
    }
    int reader = cn__plan_only_reader(p, y);
    if (reader >= 0 && p->insts[reader].op == &cn__op_add) {
        const cn__inst *add = &p->insts[reader];
        int other = add->in[0] == y ? add->in[1] : add->in[0];
        const cn__value *bias = &p->values[other];
        if (bias->dtype == CN_FLOAT32 && bias->shape.rank == 1 &&
            bias->kind == CN__VALUE_VARIABLE && bias->shape.dim[0] == p->values[w].shape.dim[1]) {
            inst->in[n_in++] = other;
            extra.bias = true;
            p->insts[reader].dead = true;
            y = add->out[0];
            reader = cn__plan_only_reader(p, y);
        }
    }
    if (reader >= 0 && p->insts[reader].op == &cn__op_relu) {
        extra.relu = true;
        p->insts[reader].dead = true;
        y = p->insts[reader].out[0];
    }
    inst->n_in = n_in;
    inst->out[0] = y;
    inst->op = &cn__op_dense;
    inst->batch = extra.skinny ? CN__BATCH_ROW : CN__BATCH_MIX;
    p->values[y].producer = (int)i;
    int code = 0;
    set_extra(inst, extra, &code);
    return code;
}

/* matmul(dy, W^T), masked by where(greater(h, 0), ., 0) if that is its only use */
static int fuse_data_gradient(cn__program *p, int64_t i)
{
    cn__inst *inst = &p->insts[i];
    int w = inst->in[1], dx = inst->out[0], n_in = 2;
    cn__dense_extra extra = {.skinny = is_skinny(p, w)};
    int reader = cn__plan_only_reader(p, dx);
    if (reader >= 0 && p->insts[reader].op == &cn__op_where && p->insts[reader].in[1] == dx &&
        cn__plan_is_zero(p, p->insts[reader].in[2])) {
        int condition = p->values[p->insts[reader].in[0]].producer;
        const cn__inst *greater = condition >= 0 ? &p->insts[condition] : NULL;
        if (greater && greater->op == &cn__op_greater && cn__plan_is_zero(p, greater->in[1]) &&
            is_batch_matrix(p, greater->in[0]) &&
            cn__shape_equal(&p->values[greater->in[0]].shape, &p->values[dx].shape)) {
            inst->in[n_in++] = greater->in[0];
            extra.mask = true;
            dx = p->insts[reader].out[0];
            p->insts[reader].dead = true;
        }
    }
    inst->n_in = n_in;
    inst->out[0] = dx;
    inst->op = &cn__op_dense_dx;
    inst->batch = extra.skinny ? CN__BATCH_ROW : CN__BATCH_MIX;
    p->values[dx].producer = (int)i;
    int code = 0;
    set_extra(inst, extra, &code);
    return code;
}

static int fuse_weight_gradient(cn__program *p, int64_t i)
{
    cn__inst *inst = &p->insts[i];
    cn__update_extra *extra = cn__calloc(1, sizeof *extra);
    if (!extra) {
        return CN_ENOMEM;
    }
    extra->skinny = p->values[inst->out[0]].shape.dim[1] <= CN__SKINNY_MAX;
    inst->op = &cn__op_dense_dw;
    inst->batch = CN__BATCH_MIX;
    inst->extra = extra;
    return 0;
}

int cn__plan_dense(cn__program *p)
{
    if (!cn__plan_enabled("dense")) {
        return 0;
    }
    bool trains = false;
    for (int64_t i = 0; i < p->n_values; i++) {
        trains = trains || (p->values[i].home >= 0 && is_matrix(p, (int)i));
    }
    int code = 0;
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        cn__inst *inst = &p->insts[i];
        if (inst->dead || inst->op != &cn__op_matmul || p->rows < 1) {
            continue;
        }
        bool ta = inst->attrs.i[0], tb = inst->attrs.i[1];
        if (!ta && !tb && is_batch_matrix(p, inst->in[0]) && is_weight(p, inst->in[1])) {
            code = fuse_forward(p, i, trains);
        } else if (!ta && tb && trains && is_batch_matrix(p, inst->in[0]) &&
                   is_weight(p, inst->in[1])) {
            code = fuse_data_gradient(p, i);
        } else if (ta && !tb && trains && is_batch_matrix(p, inst->in[0]) &&
                   is_batch_matrix(p, inst->in[1])) {
            code = fuse_weight_gradient(p, i);
        }
    }
    cn__plan_sweep(p);
    return code;
}
