/* The memory plan: values that do not live at the same time share the arena. */
#include "graph/program.h"

static void touch(cn__program *p, int v, int stage)
{
    cn__value *value = &p->values[cn__plan_root(p, v)];
    if (!value->first || stage < value->first) {
        value->first = stage;
    }
    if (stage > value->last) {
        value->last = stage;
    }
}

static bool in_arena(const cn__value *value)
{
    return value->kind == CN__VALUE_TEMPORARY && value->alias < 0 && value->home < 0 &&
           value->first;
}

static int64_t space(const cn__program *p, const cn__value *value)
{
    int64_t bytes = value->bytes;
    if (value->chunk_bytes) {
        bytes = value->chunk_bytes * ((p->rows + p->chunk - 1) / p->chunk);
    }
    /* Vector kernels may read one vector past the end. */
    return (bytes + 64 + 63) / 64 * 64;
}

/* The lowest place where the value fits beside those placed before it that live at the same time.
 */
static int64_t find_place(const cn__program *p, const int *placed, int64_t n, int v)
{
    const cn__value *value = &p->values[v];
    int64_t bytes = space(p, value), at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int64_t i = 0; i < n; i++) {
            const cn__value *other = &p->values[placed[i]];
            int64_t end = other->offset + space(p, other);
            bool together = other->first <= value->last && value->first <= other->last;
            if (together && other->offset < at + bytes && at < end) {
                at = end;
                moved = true;
            }
        }
    }
    return at;
}

int cn__plan_memory(cn__program *p)
{
    for (int64_t i = 0; i < p->n_values; i++) {
        p->values[i].first = p->values[i].last = 0;
    }
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        for (int k = 0; k < inst->n_in; k++) {
            if (!(inst->shape_only >> k & 1)) {
                touch(p, inst->in[k], inst->stage);
            }
        }
        for (int k = 0; k < inst->n_out; k++) {
            touch(p, inst->out[k], inst->stage);
            if (inst->steady) {
                touch(p, inst->out[k], 1 << 30); /* the next run finds it here */
            }
        }
    }
    int *order = cn__malloc((size_t)(p->n_values + 1) * sizeof *order);
    if (!order) {
        return CN_ENOMEM;
    }
    int64_t n = 0;
    for (int64_t i = 0; i < p->n_values; i++) {
        if (p->values[i].output) {
            touch(p, (int)i, 1 << 30);
        }
    }
    for (int64_t i = 0; i < p->n_values; i++) {
        if (in_arena(&p->values[i])) {
            order[n++] = (int)i;
        }
    }
    /* Insertion by size: qsort has no place for the program, and plans are made by several threads
     * at once. */
    for (int64_t i = 1; i < n; i++) {
        int v = order[i];
        int64_t j = i;
        for (; j > 0 && space(p, &p->values[order[j - 1]]) < space(p, &p->values[v]); j--) {
            order[j] = order[j - 1];
        }
        order[j] = v;
    }
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        cn__value *value = &p->values[order[i]];
        value->offset = find_place(p, order, i, order[i]);
        int64_t end = value->offset + space(p, value);
        total = end > total ? end : total;
    }
    p->arena_bytes = total;
    cn__free_mem(order);
    return 0;
}
