/* Elementwise chains of one shape become one program that passes over memory once. */
#include "graph/program.h"

#include <math.h>
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

static int opcode(const cn__op *op)
{
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        if (simple[i].op == op) {
            return simple[i].code;
        }
    }
    return -1;
}

static int element_type(cn_dtype dtype)
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
        bool reduced = inst->attrs.i[1] < 0;
        for (int64_t j = 0; j < inst->attrs.i[1]; j++) {
            int64_t axis = inst->attrs.i[2 + j];
            reduced = reduced || (axis < 0 ? axis + out->rank : axis) == a;
        }
        full.dim[a] = reduced ? 1 : in->dim[from++];
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

/* Whether an instruction can be part of a program. */
static bool fusable(const cn__program *p, const cn__inst *inst)
{
    int code = inst->dead ? -1 : opcode(inst->op);
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
        bool good = cast ? element_type(in->dtype) >= 0 && !(truth && in->dtype != CN_BOOL)
                         : in->dtype == CN_FLOAT32 || in->dtype == CN_BOOL;
        cn_shape shape = lined_up(inst, k, &in->shape, &out->shape);
        if (!good || in->kind == CN__VALUE_INPUT || access_mode(&shape, &out->shape) < 0) {
            return false;
        }
    }
    return true;
}

/* A set of instructions that becomes one. */
typedef struct cluster {
    int64_t *members;
    int64_t n, capacity;
    cn_shape shape;
    bool batched;
    uint64_t *sets; /* three sets of instructions: the members, what they depend on, what depends on
                       them */
} cluster;

typedef struct fuser {
    cn__program *p;
    int64_t words;    /* of a bit set over instructions */
    uint64_t *before; /* n_insts sets: what an instruction depends on */
    uint64_t *after;  /* n_insts sets: what depends on it */
    int *cluster_of;  /* -1: none */
    int64_t *first;   /* readers of value v: reader[first[v]] … reader[first[v + 1] - 1] */
    int *reader;
    cluster *clusters;
    int64_t n_clusters, clusters_capacity;
} fuser;

static int producer_of(const cn__program *p, int value)
{
    return p->values[cn__plan_root(p, value)].producer >= 0 && p->values[value].producer < 0
               ? p->values[cn__plan_root(p, value)].producer
               : p->values[value].producer;
}

/* Adds set b, and instruction i, to set a; whether that changed it. */
static bool merge_sets(uint64_t *a, const uint64_t *b, int64_t words, int64_t i)
{
    uint64_t changed = 0;
    for (int64_t w = 0; w < words; w++) {
        uint64_t with = a[w] | b[w];
        changed |= with ^ a[w];
        a[w] = with;
    }
    uint64_t bit = 1ull << (i % 64);
    changed |= ~a[i / 64] & bit;
    a[i / 64] |= bit;
    return changed != 0;
}

/* Who reads what: once, since no instruction changes until the clusters are written. */
static int list_readers(fuser *f)
{
    cn__program *p = f->p;
    int64_t total = 0;
    f->first = cn__calloc((size_t)p->n_values + 2, sizeof *f->first);
    for (int pass = 0; f->first && pass < 2; pass++) {
        for (int64_t i = 0; i < p->n_insts; i++) {
            const cn__inst *inst = &p->insts[i];
            for (int k = 0; !inst->dead && k < inst->n_in; k++) {
                if (inst->shape_only >> k & 1) {
                    continue;
                }
                int root = cn__plan_root(p, inst->in[k]);
                if (pass == 0) {
                    f->first[root + 2]++;
                    total++;
                } else {
                    f->reader[f->first[root + 1]++] = (int)i;
                }
            }
        }
        if (pass == 0) {
            for (int64_t v = 2; v < p->n_values + 2; v++) {
                f->first[v] += f->first[v - 1];
            }
            f->reader = cn__malloc((size_t)(total + 1) * sizeof *f->reader);
            if (!f->reader) {
                return CN_ENOMEM;
            }
        }
    }
    return f->first ? 0 : CN_ENOMEM;
}

static int dependencies(fuser *f)
{
    cn__program *p = f->p;
    f->words = (p->n_insts + 63) / 64;
    f->before = cn__calloc((size_t)(p->n_insts * f->words + 1), sizeof *f->before);
    f->after = cn__calloc((size_t)(p->n_insts * f->words + 1), sizeof *f->after);
    f->cluster_of = cn__malloc((size_t)(p->n_insts + 1) * sizeof *f->cluster_of);
    if (!f->before || !f->after || !f->cluster_of) {
        return CN_ENOMEM;
    }
    for (int64_t i = 0; i < p->n_insts; i++) {
        f->cluster_of[i] = -1;
    }
    /* Instructions stand in the order of the trace except that fused ones may read what is made
     * later: repeat until stable. */
    for (bool changed = true; changed;) {
        changed = false;
        for (int64_t i = 0; i < p->n_insts; i++) {
            const cn__inst *inst = &p->insts[i];
            for (int k = 0; !inst->dead && k < inst->n_in; k++) {
                int from = inst->shape_only >> k & 1 ? -1 : producer_of(p, inst->in[k]);
                if (from >= 0) {
                    changed |= merge_sets(f->before + i * f->words, f->before + from * f->words,
                                          f->words, from);
                }
            }
        }
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int64_t i = p->n_insts - 1; i >= 0; i--) {
            const cn__inst *inst = &p->insts[i];
            for (int k = 0; !inst->dead && k < inst->n_in; k++) {
                int from = inst->shape_only >> k & 1 ? -1 : producer_of(p, inst->in[k]);
                if (from >= 0) {
                    changed |= merge_sets(f->after + from * f->words, f->after + i * f->words,
                                          f->words, i);
                }
            }
        }
    }
    return list_readers(f);
}

/* Whether a path leads from a member of `a` to a member of `b` through an instruction outside both.
 */
static bool path_between(const fuser *f, const cluster *a, const cluster *b)
{
    const uint64_t *after = a->sets + 2 * f->words, *before = b->sets + f->words;
    for (int64_t w = 0; w < f->words; w++) {
        if (after[w] & before[w] & ~a->sets[w] & ~b->sets[w]) {
            return true;
        }
    }
    return false;
}

static bool same_walk(const cluster *a, const cluster *b)
{
    return cn__shape_equal(&a->shape, &b->shape) && a->batched == b->batched;
}

/* Counts what the merged program would need; false if it is over the limits of a program. */
static bool fits(const fuser *f, const cluster *a, const cluster *b)
{
    const cn__program *p = f->p;
    int inputs[CN__EW_MAX_IN + 1], n_in = 0, constants = 0, outputs = 0;
    if (a->n + b->n > CN__EW_MAX_STEP - 8) {
        return false;
    }
    for (int part = 0; part < 2; part++) {
        const cluster *c = part ? b : a;
        for (int64_t i = 0; i < c->n; i++) {
            const cn__inst *inst = &p->insts[c->members[i]];
            for (int k = 0; k < inst->n_in; k++) {
                if (inst->shape_only >> k & 1) {
                    continue;
                }
                const cn__value *in = &p->values[inst->in[k]];
                int from = in->producer, owner = from >= 0 ? f->cluster_of[from] : -1;
                if (owner >= 0 && (&f->clusters[owner] == a || &f->clusters[owner] == b)) {
                    continue;
                }
                if (in->kind == CN__VALUE_CONSTANT && cn__shape_size(&in->shape) == 1) {
                    constants++;
                    continue;
                }
                int known = 0;
                while (known < n_in && inputs[known] != inst->in[k]) {
                    known++;
                }
                if (known == n_in && n_in++ == CN__EW_MAX_IN) {
                    return false;
                }
                inputs[known] = inst->in[k];
            }
            int v = inst->out[0];
            bool outside = p->values[v].output;
            for (int64_t r = f->first[v]; r < f->first[v + 1] && !outside; r++) {
                int owner = f->cluster_of[f->reader[r]];
                outside = owner < 0 || (&f->clusters[owner] != a && &f->clusters[owner] != b);
            }
            outputs += outside;
        }
    }
    return outputs <= CN__EW_MAX_OUT && constants <= CN__EW_MAX_CONST;
}

static void add_set(uint64_t *a, const uint64_t *b, int64_t words)
{
    for (int64_t w = 0; w < words; w++) {
        a[w] |= b[w];
    }
}

/* The set `which` (1: before, 2: after) of the node that an instruction belongs to: its cluster's,
 * or its own. */
static uint64_t *set_of(const fuser *f, int64_t inst, int which)
{
    int c = f->cluster_of[inst];
    return c >= 0       ? f->clusters[c].sets + which * f->words
           : which == 1 ? f->before + inst * f->words
                        : f->after + inst * f->words;
}

/* To set `which` of every node that is in `from` but not in `except`, adds `more` and `members`. */
static void link_nodes(fuser *f, const uint64_t *from, const uint64_t *except, int which,
                       const uint64_t *more, const uint64_t *members)
{
    for (int64_t w = 0; w < f->words; w++) {
        uint64_t bits = from[w] & ~except[w];
        for (int64_t i = w * 64; bits; bits >>= 1, i++) {
            /* A cluster is met once for each member; the first of them stands for it. */
            int c = f->cluster_of[i];
            if (bits & 1 && (c < 0 || f->clusters[c].members[0] == i)) {
                uint64_t *set = set_of(f, i, which);
                add_set(set, more, f->words);
                add_set(set, members, f->words);
            }
        }
    }
}

/* Makes one node of two, where b reads a. What depends on a but not on b now depends on all that b
 * does, and what b depends on but a does not is now needed by all that needs a: without this two
 * clusters could be made to wait for each other. */
static int absorb(fuser *f, int into, int from)
{
    cluster *a = &f->clusters[into], *b = &f->clusters[from];
    int64_t n = f->words;
    if (cn__grow((void **)&a->members, &a->capacity, a->n + b->n, sizeof *a->members) < 0) {
        return CN_ENOMEM;
    }
    /* Neither is among the nodes that are changed: their own bits are in what is left out. */
    add_set(b->sets + 2 * n, b->sets, n);
    add_set(a->sets + n, a->sets, n);
    link_nodes(f, a->sets + 2 * n, b->sets + 2 * n, 1, b->sets + n, b->sets);
    link_nodes(f, b->sets + n, a->sets + n, 2, a->sets + 2 * n, a->sets);
    for (int64_t i = 0; i < b->n; i++) {
        a->members[a->n++] = b->members[i];
        f->cluster_of[b->members[i]] = into;
    }
    b->n = 0;
    add_set(a->sets, b->sets, 3 * n);
    for (int64_t w = 0; w < n; w++) {
        a->sets[n + w] &= ~a->sets[w];
        a->sets[2 * n + w] &= ~a->sets[w];
    }
    return 0;
}

static int single(fuser *f, int64_t i)
{
    if (cn__grow((void **)&f->clusters, &f->clusters_capacity, f->n_clusters + 1,
                 sizeof *f->clusters) < 0) {
        return CN_ENOMEM;
    }
    const cn__value *out = &f->p->values[f->p->insts[i].out[0]];
    cluster c = {.shape = out->shape, .batched = out->batched};
    if (cn__grow((void **)&c.members, &c.capacity, 1, sizeof *c.members) < 0) {
        return CN_ENOMEM;
    }
    size_t bytes = (size_t)f->words * sizeof *c.sets;
    c.sets = cn__calloc(3, bytes);
    if (!c.sets) {
        cn__free_mem(c.members);
        return CN_ENOMEM;
    }
    c.sets[i / 64] |= 1ull << (i % 64);
    memcpy(c.sets + f->words, f->before + i * f->words, bytes);
    memcpy(c.sets + 2 * f->words, f->after + i * f->words, bytes);
    c.members[c.n++] = i;
    f->cluster_of[i] = (int)f->n_clusters;
    f->clusters[f->n_clusters++] = c;
    return 0;
}

/* Merges along the edges: a producer and its reader of the same shape, unless something outside
 * lies between. */
static int grow_clusters(fuser *f)
{
    cn__program *p = f->p;
    int code = 0;
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        if (fusable(p, &p->insts[i])) {
            code = single(f, i);
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
                !path_between(f, &f->clusters[a], &f->clusters[b]) &&
                !path_between(f, &f->clusters[b], &f->clusters[a]) &&
                fits(f, &f->clusters[a], &f->clusters[b])) {
                code = absorb(f, a, b);
            }
        }
    }
    return code;
}

/* Building one program from a cluster. */
typedef struct writer {
    const fuser *f;
    int self;
    cn__ew ew;
    int in[CN__MAX_INPUTS], n_in;
    int out[CN__EW_MAX_OUT], n_out;
    int where[CN__EW_MAX_STEP];    /* the operand of each member's result */
    int64_t last[CN__EW_MAX_STEP]; /* the last member that reads it */
    bool register_used[CN__EW_MAX_REG];
} writer;

static int member_index(const cluster *c, int64_t inst)
{
    for (int64_t i = 0; i < c->n; i++) {
        if (c->members[i] == inst) {
            return (int)i;
        }
    }
    return -1;
}

static bool read_outside(const fuser *f, int self, int value)
{
    if (f->p->values[value].output) {
        return true;
    }
    for (int64_t r = f->first[value]; r < f->first[value + 1]; r++) {
        if (f->cluster_of[f->reader[r]] != self) {
            return true;
        }
    }
    return false;
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
static int operand(writer *w, const cluster *c, const cn__inst *inst, int k)
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
    cn_shape shape = lined_up(inst, k, &value->shape, &c->shape);
    int mode = access_mode(&shape, &c->shape);
    for (int i = 0; i < w->n_in; i++) {
        if (w->in[i] == v && w->ew.in_mode[i] == mode) {
            return CN__EW_IN(i);
        }
    }
    if (w->n_in == CN__EW_MAX_IN) {
        return -1;
    }
    w->ew.in_mode[w->n_in] = (uint8_t)mode;
    w->ew.in_type[w->n_in] = (uint8_t)element_type(value->dtype);
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

static int by_number(const int64_t *a, int64_t n, int64_t *sorted)
{
    memcpy(sorted, a, (size_t)n * sizeof *a);
    for (int64_t i = 1; i < n; i++) {
        int64_t x = sorted[i], j = i;
        for (; j > 0 && sorted[j - 1] > x; j--) {
            sorted[j] = sorted[j - 1];
        }
        sorted[j] = x;
    }
    return 0;
}

static bool write_steps(writer *w, const cluster *c)
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
        int to;
        bool outside = read_outside(w->f, w->self, inst->out[0]);
        bool truth = p->values[inst->out[0]].dtype == CN_BOOL;
        if (outside && !(truth && w->last[i] >= 0)) {
            if (w->n_out == CN__EW_MAX_OUT) {
                return false;
            }
            w->ew.out_type[w->n_out] = truth ? CN__EL_BOOL : CN__EL_F32;
            w->out[w->n_out] = inst->out[0];
            to = CN__EW_OUT(w->n_out++);
        } else {
            to = free_register(w);
        }
        if (to < 0 || w->ew.n_step >= CN__EW_MAX_STEP - 1) {
            return false;
        }
        w->where[i] = to;
        w->ew.step[w->ew.n_step++] = (cn__ew_step){.op = (uint8_t)opcode(inst->op),
                                                   .dst = (uint8_t)to,
                                                   .a = (uint8_t)operands[0],
                                                   .b = (uint8_t)operands[1],
                                                   .c = (uint8_t)operands[2]};
        if (outside && to < CN__EW_MAX_REG) {
            /* A truth value that is read inside too: outputs of bool cannot be read back, so it is
             * copied out. */
            if (w->n_out == CN__EW_MAX_OUT) {
                return false;
            }
            w->ew.out_type[w->n_out] = CN__EL_BOOL;
            w->out[w->n_out] = inst->out[0];
            w->ew.step[w->ew.n_step++] =
                (cn__ew_step){.op = CN__EW_COPY, .dst = CN__EW_OUT(w->n_out++), .a = (uint8_t)to};
        }
    }
    w->ew.n_in = (uint8_t)w->n_in;
    w->ew.n_out = (uint8_t)w->n_out;
    return w->n_out > 0 && cn__ew_check(&w->ew) == 0;
}

/* Replaces the members by one instruction; leaves them alone if the program does not fit. */
static int rewrite(fuser *f, int self)
{
    cn__program *p = f->p;
    cluster *c = &f->clusters[self];
    writer *w = cn__calloc(1, sizeof *w);
    int64_t *sorted = cn__malloc((size_t)c->n * sizeof *sorted);
    int code = 0;
    if (!w || !sorted) {
        code = CN_ENOMEM;
    } else {
        by_number(c->members, c->n, sorted);
        memcpy(c->members, sorted, (size_t)c->n * sizeof *sorted);
        w->f = f;
        w->self = self;
    }
    if (code == 0 && write_steps(w, c)) {
        cn__ew_extra *extra = cn__calloc(1, sizeof *extra);
        int64_t last = c->members[c->n - 1];
        cn__inst *inst = extra ? &p->insts[last] : NULL;
        if (!inst) {
            code = CN_ENOMEM;
        } else {
            extra->program = w->ew;
            for (int64_t i = 0; i < c->n - 1; i++) {
                p->insts[c->members[i]].dead = true;
            }
            inst->op = &cn__op_elementwise;
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
        }
    }
    cn__free_mem(w);
    cn__free_mem(sorted);
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
    fuser f = {.p = p};
    int code = dependencies(&f);
    if (code == 0) {
        code = grow_clusters(&f);
    }
    for (int64_t i = 0; code == 0 && i < f.n_clusters; i++) {
        if (f.clusters[i].n > 0) {
            code = rewrite(&f, (int)i);
        }
    }
    for (int64_t i = 0; i < f.n_clusters; i++) {
        cn__free_mem(f.clusters[i].members);
        cn__free_mem(f.clusters[i].sets);
    }
    cn__free_mem(f.clusters);
    cn__free_mem(f.before);
    cn__free_mem(f.after);
    cn__free_mem(f.first);
    cn__free_mem(f.reader);
    cn__free_mem(f.cluster_of);
    cn__plan_sweep(p);
    return code;
}
