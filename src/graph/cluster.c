/* Dependency sets of the elementwise pass, and what merging two clusters does to them. */
#include "graph/cluster.h"

#include <string.h>

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
static int list_readers(cn__fuser *f)
{
    cn__program *p = f->p;
    int64_t total = 0;
    f->n_values = p->n_values;
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

int cn__fuser_init(cn__fuser *f)
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

void cn__fuser_free(cn__fuser *f)
{
    for (int64_t i = 0; i < f->n_clusters; i++) {
        cn__free_mem(f->clusters[i].members);
        cn__free_mem(f->clusters[i].sets);
    }
    cn__free_mem(f->clusters);
    cn__free_mem(f->before);
    cn__free_mem(f->after);
    cn__free_mem(f->first);
    cn__free_mem(f->reader);
    cn__free_mem(f->cluster_of);
    *f = (cn__fuser){.p = f->p};
}

int cn__cluster_single(cn__fuser *f, int64_t i, cn_shape shape)
{
    if (cn__grow((void **)&f->clusters, &f->clusters_capacity, f->n_clusters + 1,
                 sizeof *f->clusters) < 0) {
        return CN_ENOMEM;
    }
    cn__cluster c = {.shape = shape, .batched = f->p->values[f->p->insts[i].out[0]].batched};
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

bool cn__cluster_path(const cn__fuser *f, const cn__cluster *a, const cn__cluster *b)
{
    const uint64_t *after = a->sets + 2 * f->words, *before = b->sets + f->words;
    for (int64_t w = 0; w < f->words; w++) {
        if (after[w] & before[w] & ~a->sets[w] & ~b->sets[w]) {
            return true;
        }
    }
    return false;
}

bool cn__cluster_fits(const cn__fuser *f, const cn__cluster *a, const cn__cluster *b)
{
    const cn__program *p = f->p;
    int inputs[CN__EW_MAX_IN + 1], n_in = 0, constants = 0, outputs = 0;
    if (a->n + b->n > CN__EW_MAX_STEP - 8) {
        return false;
    }
    for (int part = 0; part < 2; part++) {
        const cn__cluster *c = part ? b : a;
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
static uint64_t *set_of(const cn__fuser *f, int64_t inst, int which)
{
    int c = f->cluster_of[inst];
    return c >= 0       ? f->clusters[c].sets + which * f->words
           : which == 1 ? f->before + inst * f->words
                        : f->after + inst * f->words;
}

/* To set `which` of every node that is in `from` but not in `except`, adds `more` and `members`. */
static void link_nodes(cn__fuser *f, const uint64_t *from, const uint64_t *except, int which,
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
int cn__cluster_absorb(cn__fuser *f, int into, int from)
{
    cn__cluster *a = &f->clusters[into], *b = &f->clusters[from];
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

bool cn__cluster_read_outside(const cn__fuser *f, int self, int value)
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
