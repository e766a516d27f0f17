/* The order of instructions: what must come before what, and a stable sort by it. */
#include "graph/program.h"

#include <string.h>

static int push(int *list, int n, int max, int item)
{
    if (n < max) {
        list[n] = item;
    }
    return n + 1;
}

static bool writes_variable(const cn__program *p, const cn__inst *inst)
{
    for (int k = 0; k < inst->n_out; k++) {
        if (p->values[inst->out[k]].home >= 0) {
            return true;
        }
    }
    return false;
}

/* Whether data may make instruction j fail, which must be known before anything is written; not so
 * if what it looks at is itself a value that is written. */
static bool must_pass_first(const cn__program *p, int64_t j)
{
    const cn__inst *inst = &p->insts[j];
    if (inst->dead || !(inst->op->flags & (CN__OP_EFFECT | CN__OP_CHECKS))) {
        return false;
    }
    for (int k = 0; k < inst->n_in; k++) {
        int root = cn__plan_root(p, inst->in[k]);
        if (!(inst->shape_only >> k & 1) && p->values[root].home >= 0) {
            return false;
        }
    }
    return true;
}

bool cn__plan_is_zero(const cn__program *p, int v)
{
    const cn__value *value = &p->values[v];
    return value->kind == CN__VALUE_CONSTANT && cn__shape_size(&value->shape) == 1 &&
           cn__read(value->dtype, cn__data(value->tensor), 0) == 0;
}

int cn__plan_before(const cn__program *p, int64_t i, int *before, int max)
{
    const cn__inst *inst = &p->insts[i];
    int n = 0;
    for (int k = 0; k < inst->n_in; k++) {
        int v = inst->in[k];
        if (inst->shape_only >> k & 1) {
            continue;
        }
        int root = cn__plan_root(p, v);
        if (p->values[v].producer >= 0) {
            n = push(before, n, max, p->values[v].producer);
        }
        if (root != v && p->values[root].producer >= 0) {
            n = push(before, n, max, p->values[root].producer);
        }
    }
    for (int k = 0; k < inst->n_out; k++) {
        int home = p->values[inst->out[k]].home;
        for (int64_t j = 0; home >= 0 && j < p->n_insts; j++) {
            const cn__inst *reader = &p->insts[j];
            for (int a = 0; j != i && !reader->dead && a < reader->n_in; a++) {
                if (!(reader->shape_only >> a & 1) && cn__plan_root(p, reader->in[a]) == home) {
                    n = push(before, n, max, (int)j);
                    break;
                }
            }
        }
    }
    bool writes = writes_variable(p, inst);
    for (int64_t j = 0; writes && j < p->n_insts; j++) {
        if (j != i && must_pass_first(p, j)) {
            n = push(before, n, max, (int)j);
        }
    }
    return n;
}

/* Depth first from instruction i; what is finished is appended. state: 0 new, 1 open, 2 done. */
typedef struct sorter {
    cn__program *p;
    uint8_t *state;
    int64_t *order, n;
    int **before; /* lists, made once */
    int *counts;
} sorter;

static int visit(sorter *s, int64_t root)
{
    int64_t capacity = 0, depth = 0;
    struct frame {
        int64_t inst;
        int next;
    } *stack = NULL;
    int code = cn__grow((void **)&stack, &capacity, 64, sizeof *stack);
    if (code == 0) {
        stack[depth++] = (struct frame){root, 0};
        s->state[root] = 1;
    }
    while (code == 0 && depth) {
        struct frame *top = &stack[depth - 1];
        if (top->next == s->counts[top->inst]) {
            s->state[top->inst] = 2;
            s->order[s->n++] = top->inst;
            depth--;
            continue;
        }
        int from = s->before[top->inst][top->next++];
        if (s->state[from] == 1) {
            code = cn__fail(CN_ESTATE, "The program's instructions depend on each other in a ring");
        } else if (!s->state[from] && !s->p->insts[from].dead) {
            code = cn__grow((void **)&stack, &capacity, depth + 1, sizeof *stack);
            if (code == 0) {
                s->state[from] = 1;
                stack[depth++] = (struct frame){from, 0};
            }
        }
    }
    cn__free_mem(stack);
    return code;
}

static int list_before(sorter *s)
{
    cn__program *p = s->p;
    for (int64_t i = 0; i < p->n_insts; i++) {
        if (p->insts[i].dead) {
            continue;
        }
        int some[128];
        int n = cn__plan_before(p, i, some, 128);
        s->before[i] = cn__malloc((size_t)(n + 1) * sizeof(int));
        if (!s->before[i]) {
            return CN_ENOMEM;
        }
        if (n <= 128) {
            memcpy(s->before[i], some, (size_t)n * sizeof(int));
        } else {
            cn__plan_before(p, i, s->before[i], n);
        }
        s->counts[i] = n;
    }
    return 0;
}

static int apply_order(sorter *s)
{
    cn__program *p = s->p;
    cn__inst *sorted = cn__malloc((size_t)(p->n_insts + 1) * sizeof *sorted);
    if (!sorted) {
        return CN_ENOMEM;
    }
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        sorted[n++] = p->insts[s->order[i]];
    }
    for (int64_t i = 0; i < p->n_insts; i++) {
        if (p->insts[i].dead) {
            cn__free_mem(p->insts[i].extra);
        }
    }
    cn__free_mem(p->insts);
    p->insts = sorted;
    p->insts_capacity = p->n_insts + 1;
    p->n_insts = n;
    for (int64_t i = 0; i < p->n_values; i++) {
        p->values[i].producer = -1;
    }
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < sorted[i].n_out; k++) {
            p->values[sorted[i].out[k]].producer = (int)i;
        }
    }
    return 0;
}

int cn__plan_sort(cn__program *p)
{
    size_t n = (size_t)p->n_insts + 1;
    sorter s = {.p = p,
                .state = cn__calloc(n, 1),
                .order = cn__calloc(n, sizeof(int64_t)),
                .before = cn__calloc(n, sizeof(int *)),
                .counts = cn__calloc(n, sizeof(int))};
    int code = s.state && s.order && s.before && s.counts ? list_before(&s) : CN_ENOMEM;
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        if (!p->insts[i].dead && !s.state[i]) {
            code = visit(&s, i);
        }
    }
    if (code == 0) {
        code = apply_order(&s);
    }
    for (size_t i = 0; s.before && i < n; i++) {
        cn__free_mem(s.before[i]);
    }
    cn__free_mem(s.state);
    cn__free_mem(s.order);
    cn__free_mem(s.before);
    cn__free_mem(s.counts);
    return code;
}

bool cn__plan_assigns(const cn__program *p)
{
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        bool assigns = !inst->dead && inst->op == &cn__op_assign_copy;
        for (int k = 0; !inst->dead && k < inst->n_out; k++) {
            assigns = assigns || p->values[inst->out[k]].home >= 0;
        }
        if (assigns) {
            return true;
        }
    }
    return false;
}

int cn__plan_only_reader(const cn__program *p, int value)
{
    int reader = -1;
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        for (int k = 0; !inst->dead && k < inst->n_in; k++) {
            if (inst->in[k] == value && !(inst->shape_only >> k & 1)) {
                if (reader >= 0) {
                    return -1;
                }
                reader = (int)i;
            }
        }
    }
    return p->values[value].output ? -1 : reader;
}
