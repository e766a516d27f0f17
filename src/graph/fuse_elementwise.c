/* Elementwise chains of one shape, and sums of their results, become one program that passes over
 * memory once. */
#include "graph/cluster.h"

#include <string.h>

/* Which op is which opcode. */
static const struct {
    const cn__op *op;
    uint8_t code;
} simple[] = {{&cn__op_add, CN__EW_ADD},
              {&cn__op_subtract, CN__EW_SUB},
              {&cn__op_multiply, CN__EW_MUL},
              {&cn__op_divide, CN__EW_DIV},
              {&cn__op_negative, CN__EW_NEG},
              {&cn__op_abs, CN__EW_ABS},
              {&cn__op_square, CN__EW_SQUARE},
              {&cn__op_sqrt, CN__EW_SQRT},
              {&cn__op_rsqrt, CN__EW_RSQRT},
              {&cn__op_reciprocal, CN__EW_RECIPROCAL},
              {&cn__op_exp, CN__EW_EXP},
              {&cn__op_expm1, CN__EW_EXPM1},
              {&cn__op_log, CN__EW_LOG},
              {&cn__op_log1p, CN__EW_LOG1P},
              {&cn__op_tanh, CN__EW_TANH},
              {&cn__op_sigmoid, CN__EW_SIGMOID},
              {&cn__op_erf, CN__EW_ERF},
              {&cn__op_sin, CN__EW_SIN},
              {&cn__op_cos, CN__EW_COS},
              {&cn__op_power, CN__EW_POW},
              {&cn__op_floor, CN__EW_FLOOR},
              {&cn__op_ceil, CN__EW_CEIL},
              {&cn__op_round, CN__EW_ROUND},
              {&cn__op_sign, CN__EW_SIGN},
              {&cn__op_maximum, CN__EW_MAX},
              {&cn__op_minimum, CN__EW_MIN},
              {&cn__op_relu, CN__EW_RELU},
              {&cn__op_where, CN__EW_SELECT},
              {&cn__op_equal, CN__EW_EQ},
              {&cn__op_not_equal, CN__EW_NE},
              {&cn__op_less, CN__EW_LT},
              {&cn__op_less_equal, CN__EW_LE},
              {&cn__op_greater, CN__EW_GT},
              {&cn__op_greater_equal, CN__EW_GE},
              {&cn__op_logical_and, CN__EW_AND},
              {&cn__op_logical_or, CN__EW_OR},
              {&cn__op_logical_not, CN__EW_NOT},
              {&cn__op_isnan, CN__EW_ISNAN},
              {&cn__op_isfinite, CN__EW_ISFINITE},
              {&cn__op_softplus, CN__EW_SOFTPLUS},
              {&cn__op_mod, CN__EW_MOD},
              {&cn__op_floor_divide, CN__EW_FLOORDIV},
              {&cn__op_broadcast_like, CN__EW_COPY},
              {&cn__op_broadcast_to, CN__EW_COPY},
              {&cn__op_cast, CN__EW_COPY}};

int cn__ew_opcode(const cn__op *op)
{
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        if (simple[i].op == op) {
            return simple[i].code;
        }
    }
    return -1;
}

int cn__ew_element(cn_dtype dtype)
{
    switch (dtype) {
    case CN_FLOAT32: return CN__EL_F32;
    case CN_UINT8: return CN__EL_U8;
    case CN_INT32: return CN__EL_I32;
    case CN_BOOL: return CN__EL_BOOL;
    default: return -1;
    }
}

/* The shape of an input with the axes that a reduction dropped put back as 1, so that it lines up
 * with the output. */
static cn_shape lined_up(const cn__inst *inst, int k, const cn_shape *in, const cn_shape *out)
{
    if (inst->op != &cn__op_broadcast_like || k != 0 || inst->attrs.i[0] || !inst->attrs.i[1] ||
        in->rank == out->rank) {
        return *in;
    }
    cn_shape full = *out;
    int from = 0;
    for (int a = 0; a < out->rank; a++) {
        full.dim[a] = cn__reduces(&inst->attrs, out->rank, a) ? 1 : in->dim[from++];
    }
    return full;
}

/* How an input of this shape is read while walking over `out`; -1: not by any of the ways there
 * are. */
static int access_mode(const cn_shape *in, const cn_shape *out)
{
    if (cn__shape_size(in) == 1) {
        return CN__EW_SCALAR;
    }
    int missing = out->rank - in->rank;
    bool full = true, inner = true, outer = true, started = false, ended = false;
    for (int a = 0; a < out->rank; a++) {
        int64_t n = a < missing ? 1 : in->dim[a - missing];
        bool same = n == out->dim[a];
        full = full && same;
        started = started || n != 1;
        inner = inner && (started ? same : true);
        outer = outer && (ended ? n == 1 : same || n == 1);
        ended = ended || !same;
        outer = outer && !(ended && n != 1);
    }
    return full ? CN__EW_FULL : inner ? CN__EW_INNER : outer ? CN__EW_OUTER : -1;
}

int cn__ew_access(const cn__program *p, const cn__inst *inst, int k, const cn_shape *out)
{
    cn_shape shape = lined_up(inst, k, &p->values[inst->in[k]].shape, out);
    return access_mode(&shape, out);
}

bool cn__ew_fusable(const cn__program *p, const cn__inst *inst)
{
    int code = inst->dead ? -1 : cn__ew_opcode(inst->op);
    if (code < 0 || inst->n_out != 1) {
        return false;
    }
    const cn__value *out = &p->values[inst->out[0]];
    if ((out->dtype != CN_FLOAT32 && out->dtype != CN_BOOL) || out->home >= 0 ||
        cn__shape_size(&out->shape) < 1) {
        return false;
    }
    bool truth = out->dtype == CN_BOOL;
    for (int k = 0; k < inst->n_in; k++) {
        if (inst->shape_only >> k & 1) {
            continue;
        }
        const cn__value *in = &p->values[inst->in[k]];
        bool cast = inst->op == &cn__op_cast;
        bool good = cast ? cn__ew_element(in->dtype) >= 0 && !(truth && in->dtype != CN_BOOL)
                         : in->dtype == CN_FLOAT32 || in->dtype == CN_BOOL;
        if (!good || in->kind == CN__VALUE_INPUT || cn__ew_access(p, inst, k, &out->shape) < 0) {
            return false;
        }
    }
    return true;
}

bool cn__ew_is_sum(const cn__program *p, const cn__inst *inst)
{
    if (inst->dead || (inst->op != &cn__op_sum && inst->op != &cn__op_sum_like) ||
        inst->batch != CN__BATCH_REDUCE) {
        return false;
    }
    const cn__value *in = &p->values[inst->in[0]], *out = &p->values[inst->out[0]];
    const cn_shape *x = &in->shape;
    /* Dense layers sum their gradients of rank 2 in their own kernels. */
    return x->rank >= 3 && in->batched && in->dtype == CN_FLOAT32 && out->home < 0 &&
           !out->output && x->dim[x->rank - 1] > 1 && out->shape.rank >= 1 &&
           out->shape.dim[out->shape.rank - 1] == x->dim[x->rank - 1] &&
           cn__shape_size(&out->shape) == x->dim[x->rank - 1];
}

/* Whether the columns of a cluster's results may be summed by its program: it must read what is not
 * whole by columns too. */
static bool walks_columns(const cn__fuser *f, const cn__cluster *c)
{
    const cn__program *p = f->p;
    int64_t columns = c->shape.dim[c->shape.rank - 1];
    bool full = false;
    for (int64_t i = 0; i < c->n; i++) {
        const cn__inst *inst = &p->insts[c->members[i]];
        for (int k = 0; k < inst->n_in; k++) {
            const cn__value *in = &p->values[inst->in[k]];
            int from = in->producer;
            if (inst->shape_only >> k & 1 ||
                (from >= 0 && f->cluster_of[from] >= 0 && &f->clusters[f->cluster_of[from]] == c)) {
                continue;
            }
            int mode = cn__ew_access(p, inst, k, &c->shape);
            full = full || mode == CN__EW_FULL;
            if (mode == CN__EW_OUTER ||
                (mode == CN__EW_INNER && cn__shape_size(&in->shape) != columns)) {
                return false;
            }
        }
    }
    return full;
}

/* Takes the sum of a member's result into its cluster, unless a member needs the sum. */
static int take_sum(cn__fuser *f, int64_t i)
{
    const cn__program *p = f->p;
    int from = p->values[p->insts[i].in[0]].producer;
    int into = from >= 0 ? f->cluster_of[from] : -1;
    if (into < 0 || !f->clusters[into].batched || !walks_columns(f, &f->clusters[into])) {
        return 0;
    }
    const cn__cluster *c = &f->clusters[into];
    for (int64_t w = 0; w < f->words; w++) {
        if (f->after[i * f->words + w] & (c->sets[w] | c->sets[f->words + w])) {
            return 0;
        }
    }
    int code = cn__cluster_single(f, i, f->clusters[into].shape);
    int single = f->cluster_of[i];
    if (code < 0) {
        return code;
    }
    if (!cn__cluster_fits(f, &f->clusters[into], &f->clusters[single])) {
        f->cluster_of[i] = -1;
        f->clusters[single].n = 0;
        return 0;
    }
    return cn__cluster_absorb(f, into, single);
}

static bool same_walk(const cn__cluster *a, const cn__cluster *b)
{
    return cn__shape_equal(&a->shape, &b->shape) && a->batched == b->batched;
}

/* Merges along the edges: a producer and its reader of the same shape, unless something outside
 * lies between. */
static int grow_clusters(cn__fuser *f)
{
    cn__program *p = f->p;
    int code = 0;
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        if (cn__ew_fusable(p, &p->insts[i])) {
            code = cn__cluster_single(f, i, p->values[p->insts[i].out[0]].shape);
        }
    }
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        for (int k = 0; code == 0 && f->cluster_of[i] >= 0 && k < p->insts[i].n_in; k++) {
            int from = p->insts[i].shape_only >> k & 1 ? -1 : p->values[p->insts[i].in[k]].producer;
            if (from < 0 || f->cluster_of[from] < 0 || f->cluster_of[from] == f->cluster_of[i]) {
                continue;
            }
            int a = f->cluster_of[from], b = f->cluster_of[i];
            if (same_walk(&f->clusters[a], &f->clusters[b]) &&
                !cn__cluster_path(f, &f->clusters[a], &f->clusters[b]) &&
                !cn__cluster_path(f, &f->clusters[b], &f->clusters[a]) &&
                cn__cluster_fits(f, &f->clusters[a], &f->clusters[b])) {
                code = cn__cluster_absorb(f, a, b);
            }
        }
    }
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        if (cn__plan_enabled("sums") && cn__ew_is_sum(p, &p->insts[i])) {
            code = take_sum(f, i);
        }
    }
    return code;
}

/* Copies of cheap instructions change who reads what, so that everything is looked at again. */
static int spread_cheap(cn__program *p)
{
    cn__fuser f = {.p = p};
    bool changed = false;
    int code = cn__fuser_init(&f);
    code = code < 0 ? code : grow_clusters(&f);
    code = code < 0 ? code : cn__copy_cheap(&f, &changed);
    cn__fuser_free(&f);
    if (code == 0 && changed) {
        cn__plan_sweep(p);
        code = cn__plan_sort(p);
    }
    return code;
}

int cn__plan_elementwise(cn__program *p)
{
    /* The sets take the square of the number of instructions: beyond this they would cost more than
     * fusing brings. */
    enum { MOST_INSTRUCTIONS = 24000 };
    if (!cn__plan_enabled("elementwise") || p->n_insts > MOST_INSTRUCTIONS) {
        return 0;
    }
    int code = cn__plan_enabled("copies") ? spread_cheap(p) : 0;
    cn__fuser f = {.p = p};
    code = code < 0 ? code : cn__fuser_init(&f);
    code = code < 0 ? code : grow_clusters(&f);
    for (int64_t i = 0; code == 0 && i < f.n_clusters; i++) {
        if (f.clusters[i].n > 0) {
            code = cn__cluster_write(&f, (int)i);
        }
    }
    cn__fuser_free(&f);
    cn__plan_sweep(p);
    return code;
}
