/* Cheap results that later programs read are computed again there, from an array that is kept
 * anyway, instead of being kept too: x - mean costs less than writing and reading it. */
#include "graph/cluster.h"

/* How far back a copied chain may go: every copy is arithmetic done again. */
enum { MOST_STEPS = 4 };

static bool is_cheap(const cn__op *op)
{
    static const cn__op *const cheap[] = {
        &cn__op_add,          &cn__op_subtract, &cn__op_multiply,      &cn__op_negative,
        &cn__op_square,       &cn__op_relu,     &cn__op_maximum,       &cn__op_minimum,
        &cn__op_broadcast_to, &cn__op_where,    &cn__op_broadcast_like};
    for (size_t i = 0; i < sizeof cheap / sizeof *cheap; i++) {
        if (cheap[i] == op) {
            return true;
        }
    }
    return false;
}

/* Whether the value is an array in memory whatever becomes of the cluster: it comes from elsewhere,
 * or is read by something that is in no cluster. */
static bool is_kept(const cn__fuser *f, int v, int self)
{
    const cn__value *value = &f->p->values[v];
    if (v >= f->n_values) {
        return false; /* a copy itself, which will be inside its reader */
    }
    if (value->producer < 0 || f->cluster_of[value->producer] != self || value->output) {
        return true;
    }
    for (int64_t r = f->first[v]; r < f->first[v + 1]; r++) {
        if (f->cluster_of[f->reader[r]] < 0) {
            return true;
        }
    }
    return false;
}

/* Whether value v, made in cluster `self`, can be made again from one array of floats (and one of
 * truth values) that is kept. */
static bool can_copy(const cn__fuser *f, int v, int self, int *steps)
{
    const cn__program *p = f->p;
    const cn__value *value = &p->values[v];
    const cn__inst *inst = &p->insts[value->producer];
    int64_t bytes = 0; /* of whole arrays, an element */
    if (v >= f->n_values || ++*steps > MOST_STEPS || !is_cheap(inst->op) ||
        value->dtype != CN_FLOAT32 || !value->batched) {
        return false;
    }
    for (int k = 0; k < inst->n_in; k++) {
        int in = inst->in[k];
        if (inst->shape_only >> k & 1) {
            continue;
        }
        if (cn__ew_access(p, inst, k, &value->shape) == CN__EW_FULL) {
            bytes += (int64_t)cn_dtype_size(p->values[in].dtype);
            if (bytes > 5 || p->values[in].kind != CN__VALUE_TEMPORARY ||
                (!is_kept(f, in, self) && !can_copy(f, in, self, steps))) {
                return false;
            }
        } else if (!is_kept(f, in, self)) {
            return false;
        }
    }
    return true;
}

/* The copy of v, made again from what is kept; a negative code. */
static int copy_value(cn__fuser *f, int v, int self)
{
    cn__program *p = f->p;
    cn__inst inst = p->insts[p->values[v].producer];
    for (int k = 0; k < inst.n_in; k++) {
        if (!(inst.shape_only >> k & 1) && !is_kept(f, inst.in[k], self)) {
            inst.in[k] = copy_value(f, inst.in[k], self);
            if (inst.in[k] < 0) {
                return inst.in[k];
            }
        }
    }
    cn__value value = p->values[v];
    value.tensor = NULL;
    int copy = cn__plan_value(p, value);
    cn__inst *made = copy < 0 ? NULL : cn__plan_inst(p, inst.op, inst.n_in, inst.in, 1, &copy);
    if (!made) {
        return cn_error_code();
    }
    made->attrs = inst.attrs;
    made->shape_only = inst.shape_only;
    made->batch = inst.batch;
    made->serial = inst.serial;
    p->values[copy].producer = (int)(made - p->insts);
    return copy;
}

/* Whether every reader of v is in a cluster, and one in another than `self`. */
static bool read_by_clusters(const cn__fuser *f, int v, int self)
{
    bool other = false;
    for (int64_t r = f->first[v]; r < f->first[v + 1]; r++) {
        int reader = f->cluster_of[f->reader[r]];
        if (reader < 0) {
            return false;
        }
        other = other || reader != self;
    }
    return other && !f->p->values[v].output;
}

static void redirect(cn__fuser *f, int cluster, int from, int to)
{
    const cn__cluster *c = &f->clusters[cluster];
    for (int64_t i = 0; i < c->n; i++) {
        cn__inst *inst = &f->p->insts[c->members[i]];
        for (int k = 0; k < inst->n_in; k++) {
            inst->in[k] = inst->in[k] == from && !(inst->shape_only >> k & 1) ? to : inst->in[k];
        }
    }
}

/* One copy of v for each other cluster that reads it. */
static int copy_to_readers(cn__fuser *f, int v, int self)
{
    for (int64_t r = f->first[v]; r < f->first[v + 1]; r++) {
        int reader = f->cluster_of[f->reader[r]];
        const cn__inst *inst = &f->p->insts[f->reader[r]];
        bool reads = false;
        for (int k = 0; k < inst->n_in; k++) {
            reads = reads || (inst->in[k] == v && !(inst->shape_only >> k & 1));
        }
        if (reader == self || !reads) {
            continue; /* or it has been redirected with another reader of its cluster */
        }
        int copy = copy_value(f, v, self);
        if (copy < 0) {
            return copy;
        }
        redirect(f, reader, v, copy);
    }
    return 0;
}

int cn__copy_cheap(cn__fuser *f, bool *changed)
{
    int code = 0;
    for (int64_t c = 0; code == 0 && c < f->n_clusters; c++) {
        for (int64_t i = 0; code == 0 && f->clusters[c].batched && i < f->clusters[c].n; i++) {
            int v = f->p->insts[f->clusters[c].members[i]].out[0], steps = 0;
            if (read_by_clusters(f, v, (int)c) && can_copy(f, v, (int)c, &steps)) {
                code = copy_to_readers(f, v, (int)c);
                *changed = true;
            }
        }
    }
    return code;
}
