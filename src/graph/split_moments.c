/* Moments over the batch are made in two steps, sums by chunks and the end, so that the chunks are
 * summed while they are in cache, by several threads. */
#include "graph/program.h"
#include "kernels/cpu/reduce_claims.h"

const cn__op cn__op_moments_sums = {
    .name = "moments_sums", .flags = CN__OP_INTERNAL, .reference = &cn__cpu_moments_sums};
const cn__op cn__op_moments_end = {
    .name = "moments_end", .flags = CN__OP_INTERNAL, .reference = &cn__cpu_moments_end};

/* Whether the moments are those of a batch of floats over all axes but the last. */
static bool is_plain(const cn__program *p, const cn__inst *inst)
{
    const cn__value *x = &p->values[inst->in[0]], *mean = &p->values[inst->out[0]];
    int last = x->shape.rank - 1;
    return inst->op == &cn__op_moments && inst->batch == CN__BATCH_MIX && x->batched &&
           x->dtype == CN_FLOAT32 && last >= 1 && x->shape.dim[last] <= INT32_MAX / 2 &&
           mean->shape.rank >= 1 && mean->shape.dim[mean->shape.rank - 1] == x->shape.dim[last] &&
           cn__shape_size(&mean->shape) == x->shape.dim[last] && cn__shape_size(&x->shape) > 0;
}

static int split(cn__program *p, int64_t i)
{
    int in = p->insts[i].in[0], out[2] = {p->insts[i].out[0], p->insts[i].out[1]};
    const cn_shape *x = &p->values[in].shape;
    int64_t columns = x->dim[x->rank - 1], rows = cn__shape_size(x) / columns;
    int sums = cn__plan_temporary(p, CN_FLOAT64, cn_shape_of(2, columns), false);
    cn__inst *first = sums < 0 ? NULL : cn__plan_inst(p, &cn__op_moments_sums, 1, &in, 1, &sums);
    if (!first) {
        return cn_error_code();
    }
    first->batch = CN__BATCH_REDUCE;
    first->serial = p->insts[i].serial;
    cn__inst *end = cn__plan_inst(p, &cn__op_moments_end, 1, &sums, 2, out);
    if (!end) {
        return cn_error_code();
    }
    end->batch = CN__BATCH_NONE;
    end->attrs.i[0] = rows;
    end->serial = p->insts[i].serial;
    p->insts[i].dead = true;
    return 0;
}

int cn__plan_moments(cn__program *p)
{
    int code = 0;
    int64_t n = p->n_insts;
    for (int64_t i = 0; code == 0 && p->rows > 0 && cn__plan_enabled("sums") && i < n; i++) {
        if (!p->insts[i].dead && is_plain(p, &p->insts[i])) {
            code = split(p, i);
        }
    }
    cn__plan_sweep(p);
    return code;
}
