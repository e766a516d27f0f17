/* Functional graphs as plans: which calls and ops lie between inputs and outputs, and Keras's order
 * of layers. */
#include "models/plan.h"
#include "core/error.h"
#include "core/memory.h"
#include "graph/trace.h"

#include <stdlib.h>
#include <string.h>

/* Where a symbolic tensor comes from. */
typedef struct source {
    const void *maker; /* its layer call or node */
    int output;
} source;

static source source_of(const cn_tensor *t)
{
    int output = cn__layer_call_output(t);
    return output >= 0 ? (source){t->keras_history, output} : (source){t->node, t->output};
}

/* A table from pointers to numbers, by open addressing. */
typedef struct table {
    const void **keys;
    int64_t *values;
    int64_t n, capacity; /* a power of two */
} table;

static int64_t table_place(const table *t, const void *key)
{
    uint64_t hash = (uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u;
    int64_t at = (int64_t)(hash >> 32) & (t->capacity - 1);
    while (t->keys[at] && t->keys[at] != key) {
        at = (at + 1) & (t->capacity - 1);
    }
    return at;
}

static int64_t table_get(const table *t, const void *key, int64_t otherwise)
{
    if (!t->capacity) {
        return otherwise;
    }
    int64_t at = table_place(t, key);
    return t->keys[at] ? t->values[at] : otherwise;
}

static void table_free(table *t)
{
    cn__free_mem(t->keys);
    cn__free_mem(t->values);
    *t = (table){0};
}

static int table_grow(table *t)
{
    table bigger = {.capacity = t->capacity ? t->capacity * 2 : 64, .n = t->n};
    bigger.keys = cn__calloc((size_t)bigger.capacity, sizeof *bigger.keys);
    bigger.values = cn__calloc((size_t)bigger.capacity, sizeof *bigger.values);
    if (!bigger.keys || !bigger.values) {
        table_free(&bigger);
        return CN_ENOMEM;
    }
    for (int64_t i = 0; i < t->capacity; i++) {
        if (t->keys[i]) {
            int64_t at = table_place(&bigger, t->keys[i]);
            bigger.keys[at] = t->keys[i];
            bigger.values[at] = t->values[i];
        }
    }
    table_free(t);
    *t = bigger;
    return 0;
}

static int table_set(table *t, const void *key, int64_t value)
{
    if (2 * (t->n + 1) > t->capacity && table_grow(t) < 0) {
        return CN_ENOMEM;
    }
    int64_t at = table_place(t, key);
    t->n += !t->keys[at];
    t->keys[at] = key;
    t->values[at] = value;
    return 0;
}

/* A maker on the way from an output to the inputs, and how many of its inputs are done. */
typedef struct frame {
    const cn_tensor *t;
    int next;
} frame;

typedef struct walk {
    cn_model *model;
    struct cn__model_plan *plan;
    table slots; /* maker -> slot of its output 0, or the step in progress as -2 */
    table seen;  /* layer -> the order in which the walk met it first */
    frame *stack;
    int64_t depth, capacity;
} walk;

static bool is_model_input(const cn_model *model, const cn_tensor *t, int64_t *slot)
{
    source s = source_of(t);
    for (int i = 0; i < model->n_inputs; i++) {
        source other = source_of(model->inputs[i]);
        if (model->inputs[i] == t || (s.maker == other.maker && s.output == other.output)) {
            *slot = i;
            return true;
        }
    }
    return false;
}

/* The inputs of what made a tensor: of a call, with its initial states behind them. */
static int inputs_of(const cn_tensor *t, cn_tensor ***in, int *states)
{
    const source s = source_of(t);
    *states = 0;
    if (s.maker == t->keras_history && t->keras_history) {
        cn__layer_call *call = t->keras_history;
        *in = call->in;
        *states = call->args.n_initial_states;
        return call->n_in;
    }
    *in = t->node->in;
    return t->node->n_in;
}

static cn_tensor *input_at(const cn_tensor *t, int i)
{
    cn_tensor **in;
    int states, n = inputs_of(t, &in, &states);
    if (i < n) {
        return in[i];
    }
    return i < n + states ? cn__history(t)->args.initial_states[i - n] : NULL;
}

static const char *maker_name(const cn_tensor *t)
{
    return cn__history(t) ? cn__history(t)->layer->base.name
           : t->node      ? t->node->op->name
                          : "constant";
}

static int disconnected(const walk *w, const cn_tensor *t, const cn_tensor *user)
{
    cn__text names = {0};
    char shape[256];
    bool three = cn__is_keras3(w->model->layer.base.keras);
    cn__text_append(&names, "[", 1);
    for (int64_t i = 0, n = 0; i < w->plan->n_steps; i++) {
        const cn__layer_call *call = w->plan->steps[i].call;
        if (call) {
            cn__text_add(&names, "%s'%s'", n++ ? ", " : "", call->layer->base.name);
        }
    }
    cn__text_append(&names, "]", 1);
    cn__shape_text(&t->shape, shape, sizeof shape);
    const char *name = maker_name(t), *dtype = cn_dtype_name(t->dtype);
    int code;
    if (three && !user) {
        code = cn__fail(CN_EVALUE, "Output with path `` is not connected to `inputs`");
    } else if (three && w->model->n_outputs == 1 && !w->plan->n_steps) {
        code = cn__fail(CN_EVALUE, "Output with path `` is not connected to `inputs`");
    } else if (three) {
        code = cn__fail(
            CN_EVALUE,
            "Graph disconnected: cannot find parent for tensor <KerasTensor shape=%s, "
            "dtype=%s, sparse=False, ragged=False, name=%s> at operation '%s'. The following "
            "previous operations were accessed without issue: %s",
            shape, dtype, name, user ? maker_name(user) : name, names.data ? names.data : "[]");
    } else {
        code = cn__fail(
            CN_EVALUE,
            "Graph disconnected: cannot obtain value for tensor "
            "KerasTensor(type_spec=TensorSpec(shape=%s, dtype=tf.%s, name='%s'), name='%s', "
            "description=\"created by layer '%s'\") at layer \"%s\". The following previous "
            "layers were accessed without issue: %s",
            shape, dtype, name, name, name, user ? maker_name(user) : name,
            names.data ? names.data : "[]");
    }
    cn__text_free(&names);
    return code;
}

static int push(walk *w, const cn_tensor *t)
{
    if (cn__grow((void **)&w->stack, &w->capacity, w->depth + 1, sizeof *w->stack) < 0) {
        return CN_ENOMEM;
    }
    w->stack[w->depth++] = (frame){t, 0};
    const void *maker = source_of(t).maker;
    const void *layer = maker == t->keras_history ? (const void *)cn__history(t)->layer : maker;
    if (table_get(&w->seen, layer, -1) < 0 && table_set(&w->seen, layer, w->seen.n) < 0) {
        return CN_ENOMEM;
    }
    return table_set(&w->slots, maker, -2);
}

static int add_input(struct cn__model_plan *plan, int64_t slot)
{
    if (cn__grow((void **)&plan->in, &plan->in_capacity, plan->n_in + 1, sizeof *plan->in) < 0) {
        return CN_ENOMEM;
    }
    plan->in[plan->n_in++] = slot;
    return 0;
}

static int64_t slot_of(const walk *w, const cn_tensor *t)
{
    int64_t slot;
    if (is_model_input(w->model, t, &slot)) {
        return slot;
    }
    source s = source_of(t);
    int64_t first = table_get(&w->slots, s.maker, -1);
    return first < 0 ? -1 : first + s.output;
}

static int link_input(walk *w, cn_tensor *t)
{
    struct cn__model_plan *plan = w->plan;
    if (!t->storage) {
        return add_input(plan, slot_of(w, t));
    }
    if (cn__grow((void **)&plan->constants, &plan->constants_capacity, plan->n_constants + 1,
                 sizeof *plan->constants) < 0) {
        return CN_ENOMEM;
    }
    plan->constants[plan->n_constants++] = cn__ref(t);
    return add_input(plan, -plan->n_constants);
}

/* All inputs of a maker are there: it becomes the next step. */
static int finish(walk *w, const cn_tensor *t)
{
    struct cn__model_plan *plan = w->plan;
    if (cn__grow((void **)&plan->steps, &plan->steps_capacity, plan->n_steps + 1,
                 sizeof *plan->steps) < 0) {
        return CN_ENOMEM;
    }
    cn__step *s = &plan->steps[plan->n_steps++];
    *s = (cn__step){.first_in = plan->n_in, .first_out = plan->n_slots};
    const void *maker = source_of(t).maker;
    s->n_in = inputs_of(t, &s->in, &s->n_states);
    if (maker == t->keras_history) {
        s->call = cn__ref(t->keras_history);
        s->n_out = s->call->n_out;
    } else {
        s->node = cn__node_ref(t->node);
        s->n_out = s->node->n_out;
    }
    for (int i = 0; i < s->n_in + s->n_states; i++) {
        int code = link_input(w, input_at(t, i));
        if (code < 0) {
            return code;
        }
    }
    plan->n_slots += s->n_out;
    return table_set(&w->slots, maker, s->first_out);
}

/* Whether a tensor is there already; else it is put on the stack, if anything made it. */
static int visit(walk *w, const cn_tensor *t, const cn_tensor *user)
{
    int64_t slot;
    if (t->storage) {
        return 0;
    }
    if (is_model_input(w->model, t, &slot)) {
        const cn_layer *layer = w->model->input_layers[slot];
        bool fresh = layer && table_get(&w->seen, layer, -1) < 0;
        return fresh ? table_set(&w->seen, layer, w->seen.n) : 0;
    }
    const source s = source_of(t);
    int64_t known = s.maker ? table_get(&w->slots, s.maker, -1) : -1;
    if (known >= 0) {
        return 0;
    }
    if (known == -2) {
        return cn__fail(CN_EVALUE, "Tensor of layer '%s' is part of a cycle.", maker_name(t));
    }
    cn_tensor **in;
    int states;
    if (!s.maker || inputs_of(t, &in, &states) == 0) {
        return disconnected(w, t, user);
    }
    return push(w, t);
}

static int walk_from(walk *w, const cn_tensor *output)
{
    int code = visit(w, output, NULL);
    while (code == 0 && w->depth) {
        frame *top = &w->stack[w->depth - 1];
        const cn_tensor *t = top->t, *in = input_at(t, top->next);
        if (in) {
            top->next++;
            code = visit(w, in, t);
        } else {
            code = finish(w, t);
            w->depth--;
        }
    }
    return code;
}

typedef struct ranked {
    cn_layer *layer;
    int64_t depth, seen;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->depth != y->depth) {
        return x->depth > y->depth ? -1 : 1;
    }
    return x->seen < y->seen ? -1 : x->seen > y->seen;
}

typedef struct ranking {
    ranked *v;
    int64_t n, capacity;
    table index;   /* layer -> place in v */
    int64_t *slot; /* depth that the users of a slot ask for, of every slot */
} ranking;

static ranked *rank_of(ranking *r, walk *w, cn_layer *layer)
{
    int64_t at = table_get(&r->index, layer, -1);
    if (at < 0) {
        if (cn__grow((void **)&r->v, &r->capacity, r->n + 1, sizeof *r->v) < 0 ||
            table_set(&r->index, layer, r->n) < 0) {
            return NULL;
        }
        at = r->n++;
        r->v[at] = (ranked){layer, 0, table_get(&w->seen, layer, -1)};
    }
    return &r->v[at];
}

/* A step is as deep as the deepest that uses it, plus one; a shared layer as its deepest call so
 * far. */
static int rank_step(ranking *r, walk *w, cn__step *s)
{
    int64_t depth = 0;
    for (int i = 0; i < s->n_out; i++) {
        depth = r->slot[s->first_out + i] > depth ? r->slot[s->first_out + i] : depth;
    }
    if (s->call) {
        ranked *rank = rank_of(r, w, s->call->layer);
        if (!rank) {
            return CN_ENOMEM;
        }
        depth = rank->depth > depth ? rank->depth : depth;
        rank->depth = depth;
    }
    s->depth = (int)depth;
    for (int i = 0; i < s->n_in + s->n_states; i++) {
        int64_t slot = w->plan->in[s->first_in + i];
        if (slot >= 0 && r->slot[slot] < depth + 1) {
            r->slot[slot] = depth + 1;
        }
    }
    return 0;
}

static int rank_input(ranking *r, walk *w, int i)
{
    cn_layer *layer = w->model->input_layers[i];
    ranked *rank = layer ? rank_of(r, w, layer) : NULL;
    if (layer && !rank) {
        return CN_ENOMEM;
    }
    if (rank && r->slot[i] > rank->depth) {
        rank->depth = r->slot[i];
    }
    return 0;
}

static int unique_names(const cn_model *model, const ranking *r)
{
    bool three = cn__is_keras3(model->layer.base.keras);
    for (int64_t i = 0; i < r->n; i++) {
        int count = 0;
        for (int64_t k = 0; k < r->n; k++) {
            count += strcmp(r->v[i].layer->base.name, r->v[k].layer->base.name) == 0;
        }
        if (count > 1) {
            return cn__fail(
                CN_EVALUE,
                "The name \"%s\" is used %d times in the model. All %s names should be unique.",
                r->v[i].layer->base.name, count, three ? "operation" : "layer");
        }
    }
    return 0;
}

static int track_ranked(walk *w, ranking *r)
{
    int code = 0;
    for (int64_t i = w->plan->n_steps - 1; code == 0 && i >= 0; i--) {
        code = rank_step(r, w, &w->plan->steps[i]);
    }
    for (int i = 0; code == 0 && i < w->model->n_inputs; i++) {
        code = rank_input(r, w, i);
    }
    if (code == 0) {
        if (r->n) {
            qsort(r->v, (size_t)r->n, sizeof *r->v, compare_ranked);
        }
        code = unique_names(w->model, r);
    }
    for (int64_t i = 0; code == 0 && i < r->n; i++) {
        code = cn_layer_track(&w->model->layer, r->v[i].layer);
    }
    return code;
}

static int rank_layers(walk *w)
{
    ranking r = {.slot = cn__calloc((size_t)w->plan->n_slots + 1, sizeof *r.slot)};
    int code = r.slot ? track_ranked(w, &r) : CN_ENOMEM;
    cn__free_mem(r.slot);
    cn__free_mem(r.v);
    table_free(&r.index);
    return code;
}

int cn__plan_make(cn_model *model)
{
    walk w = {.model = model, .plan = cn__calloc(1, sizeof *w.plan)};
    if (!w.plan) {
        return CN_ENOMEM;
    }
    cn__plan_free(model);
    model->plan = w.plan;
    w.plan->n_slots = model->n_inputs;
    int code = 0;
    for (int i = 0; code == 0 && i < model->n_outputs; i++) {
        code = walk_from(&w, model->outputs[i]);
    }
    for (int i = 0; code == 0 && i < model->n_outputs; i++) {
        w.plan->output_slots[i] = slot_of(&w, model->outputs[i]);
    }
    if (code == 0) {
        code = rank_layers(&w);
    }
    cn__free_mem(w.stack);
    table_free(&w.slots);
    table_free(&w.seen);
    return code;
}

void cn__plan_free(cn_model *model)
{
    struct cn__model_plan *plan = model->plan;
    if (!plan) {
        return;
    }
    /* From the outputs back: what a call holds on to is held by the plan too, so that nothing is
     * freed in a long recursion. */
    for (int64_t i = plan->n_steps - 1; i >= 0; i--) {
        cn__unref(plan->steps[i].call);
        cn__node_unref(plan->steps[i].node);
    }
    for (int64_t i = 0; i < plan->n_constants; i++) {
        cn__unref(plan->constants[i]);
    }
    cn__free_mem(plan->steps);
    cn__free_mem(plan->in);
    cn__free_mem(plan->constants);
    cn__free_mem(plan);
    model->plan = NULL;
}
