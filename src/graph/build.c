/* From a trace to instructions: what is reachable, in order, with shapes known for this batch. */
#include "graph/program.h"

#include <stdlib.h>
#include <string.h>

int cn__plan_value(cn__program *p, cn__value value)
{
    if (cn__grow((void **)&p->values, &p->values_capacity, p->n_values + 1, sizeof *p->values) <
        0) {
        return CN_ENOMEM;
    }
    value.tensor = cn__ref(value.tensor);
    p->values[p->n_values] = value;
    return (int)p->n_values++;
}

int cn__plan_temporary(cn__program *p, cn_dtype dtype, cn_shape shape, bool batched)
{
    return cn__plan_value(p, (cn__value){.kind = CN__VALUE_TEMPORARY,
                                         .dtype = dtype,
                                         .shape = shape,
                                         .batched = batched,
                                         .input = -1,
                                         .producer = -1,
                                         .alias = -1,
                                         .home = -1});
}

cn__inst *cn__plan_inst(cn__program *p, const cn__op *op, int n_in, const int *in, int n_out,
                        const int *out)
{
    if (n_in > CN__MAX_INPUTS || n_out > CN__MAX_OUTPUTS) {
        cn__fail(CN_EUNSUPPORTED, "%s: too many arguments for one instruction", op->name);
        return NULL;
    }
    if (cn__grow((void **)&p->insts, &p->insts_capacity, p->n_insts + 1, sizeof *p->insts) < 0) {
        return NULL;
    }
    cn__inst *inst = &p->insts[p->n_insts];
    memset(inst, 0, sizeof *inst);
    inst->op = op;
    inst->n_in = n_in;
    inst->n_out = n_out;
    inst->shape_only = op->shape_only;
    inst->serial = p->n_insts;
    memcpy(inst->in, in, (size_t)n_in * sizeof *in);
    memcpy(inst->out, out, (size_t)n_out * sizeof *out);
    for (int i = 0; i < n_out; i++) {
        p->values[out[i]].producer = (int)p->n_insts;
    }
    p->n_insts++;
    return inst;
}

int cn__plan_root(const cn__program *p, int value)
{
    while (p->values[value].alias >= 0) {
        value = p->values[value].alias;
    }
    return value;
}

int cn__plan_uses(const cn__program *p, int value)
{
    int uses = 0;
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        for (int k = 0; !inst->dead && k < inst->n_in; k++) {
            uses += inst->in[k] == value;
        }
    }
    return uses;
}

/* A map from pointers to numbers, for nodes and tensors. */
typedef struct map {
    const void **keys;
    int64_t *numbers;
    int64_t n, size;
} map;

static int64_t *map_slot(map *m, const void *key)
{
    uint64_t mask = (uint64_t)(m->size - 1);
    uint64_t at = ((uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u >> 17) & mask;
    while (m->keys[at] && m->keys[at] != key) {
        at = (at + 1) & mask;
    }
    return m->keys[at] ? &m->numbers[at] : NULL;
}

static void map_free(map *m)
{
    cn__free_mem(m->keys);
    cn__free_mem(m->numbers);
}

static int map_put(map *m, const void *key, int64_t number)
{
    if (2 * (m->n + 1) > m->size) {
        map larger = {.size = m->size ? 2 * m->size : 256};
        larger.keys = cn__calloc((size_t)larger.size, sizeof *larger.keys);
        larger.numbers = cn__calloc((size_t)larger.size, sizeof *larger.numbers);
        if (!larger.keys || !larger.numbers) {
            map_free(&larger);
            return CN_ENOMEM;
        }
        for (int64_t i = 0; i < m->size; i++) {
            if (m->keys[i]) {
                map_put(&larger, m->keys[i], m->numbers[i]);
            }
        }
        map_free(m);
        *m = larger;
    }
    uint64_t mask = (uint64_t)(m->size - 1);
    uint64_t at = ((uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u >> 17) & mask;
    while (m->keys[at]) {
        at = (at + 1) & mask;
    }
    m->keys[at] = key;
    m->numbers[at] = number;
    m->n++;
    return 0;
}

static int64_t map_get(map *m, const void *key)
{
    int64_t *slot = m->size ? map_slot(m, key) : NULL;
    return slot ? *slot : -1;
}

typedef struct builder {
    cn__program *p;
    const cn__trace *trace;
    cn__node **nodes; /* reachable */
    int64_t n, capacity;
    map seen;   /* node -> first value of its outputs */
    map leaves; /* tensor without a node -> value */
} builder;

static int reach(builder *b, cn__node *node)
{
    if (!node || map_get(&b->seen, node) >= 0) {
        return 0;
    }
    if (cn__grow((void **)&b->nodes, &b->capacity, b->n + 1, sizeof *b->nodes) < 0) {
        return CN_ENOMEM;
    }
    b->nodes[b->n++] = node;
    return map_put(&b->seen, node, 0);
}

/* An eager tensor is a leaf even if it remembers where it came from. */
static cn__node *node_of(const cn_tensor *t)
{
    return t->storage ? NULL : t->node;
}

static int collect(builder *b)
{
    const cn__trace *trace = b->trace;
    int code = 0;
    for (int i = 0; code == 0 && i < trace->n_inputs; i++) {
        code = reach(b, trace->inputs[i]->node);
    }
    for (int i = 0; code == 0 && i < trace->n_outputs; i++) {
        code = reach(b, node_of(trace->outputs[i]));
    }
    for (int64_t i = 0; code == 0 && i < trace->n_assignments; i++) {
        code = reach(b, node_of(trace->assignments[i].value));
    }
    for (int64_t i = 0; code == 0 && i < trace->n_effects; i++) {
        code = reach(b, trace->effects[i]);
    }
    for (int64_t k = 0; code == 0 && k < b->n; k++) {
        cn__node *node = b->nodes[k];
        for (int i = 0; code == 0 && i < node->n_in; i++) {
            code = reach(b, node_of(node->in[i]));
        }
    }
    return code;
}

static int by_serial(const void *x, const void *y)
{
    const cn__node *a = *(cn__node *const *)x, *b = *(cn__node *const *)y;
    return a->serial < b->serial ? -1 : a->serial > b->serial;
}

/* The value of an eager tensor: a constant or a variable. */
static int leaf_value(builder *b, cn_tensor *t)
{
    int64_t known = map_get(&b->leaves, t);
    if (known >= 0) {
        return (int)known;
    }
    cn__value value = {.kind = t->variable ? CN__VALUE_VARIABLE : CN__VALUE_CONSTANT,
                       .dtype = t->dtype,
                       .shape = t->shape,
                       .tensor = t,
                       .input = -1,
                       .producer = -1,
                       .alias = -1,
                       .home = -1};
    int v = cn__plan_value(b->p, value);
    return v < 0 || map_put(&b->leaves, t, v) < 0 ? cn_error_code() : v;
}

static int value_of(builder *b, cn_tensor *t)
{
    cn__node *node = node_of(t);
    return node ? (int)map_get(&b->seen, node) + t->output : leaf_value(b, t);
}

/* Concrete shapes: the node's own infer, run on stand-ins that have this batch's lengths. */
static int infer_concrete(builder *b, const cn__node *node, const int *in, cn__node *concrete)
{
    cn_tensor stand_in[CN__MAX_INPUTS], *pointers[CN__MAX_INPUTS];
    for (int i = 0; i < node->n_in; i++) {
        const cn__value *value = &b->p->values[in[i]];
        if (value->tensor) {
            pointers[i] = value->tensor;
            continue;
        }
        memset(&stand_in[i], 0, sizeof stand_in[i]);
        stand_in[i].object.kind = CN__TENSOR;
        stand_in[i].dtype = value->dtype;
        stand_in[i].shape = value->shape;
        pointers[i] = &stand_in[i];
    }
    *concrete = *node;
    concrete->in = pointers;
    int code = node->op->infer(concrete);
    concrete->in = NULL;
    return code;
}

static cn__batch batch_of(const cn__program *p, const cn__node *node, const int *in)
{
    bool batched[CN__MAX_INPUTS], any = false;
    for (int i = 0; i < node->n_in; i++) {
        batched[i] = p->values[in[i]].batched;
        any = any || batched[i];
    }
    if (!any) {
        return CN__BATCH_NONE;
    }
    return node->op->batch                        ? node->op->batch(node, batched)
           : node->op->flags & CN__OP_ELEMENTWISE ? CN__BATCH_ROW
                                                  : CN__BATCH_MIX;
}

static int add_node(builder *b, const cn__node *node)
{
    cn__program *p = b->p;
    int in[CN__MAX_INPUTS], out[CN__MAX_OUTPUTS];
    for (int i = 0; i < node->n_in; i++) {
        in[i] = value_of(b, node->in[i]);
        if (in[i] < 0) {
            return cn_error_code();
        }
    }
    cn__node concrete;
    int code = infer_concrete(b, node, in, &concrete);
    if (code < 0) {
        return code;
    }
    cn__batch batch = batch_of(p, node, in);
    int first = (int)p->n_values;
    for (int k = 0; k < node->n_out; k++) {
        bool batched = node->shape[k].rank > 0 && node->shape[k].dim[0] == -1 &&
                       concrete.shape[k].dim[0] == p->rows;
        /* What is said to go row by row must have the batch on its outputs; else it is run whole.
         */
        batch = batch == CN__BATCH_ROW && !batched ? CN__BATCH_MIX : batch;
        cn__value value = {.kind = CN__VALUE_TEMPORARY,
                           .dtype = concrete.dtype[k],
                           .shape = concrete.shape[k],
                           .batched = batched,
                           .input = -1,
                           .producer = -1,
                           .alias = -1,
                           .home = -1};
        out[k] = cn__plan_value(p, value);
        if (out[k] < 0) {
            return out[k];
        }
    }
    cn__inst *inst = cn__plan_inst(p, node->op, node->n_in, in, node->n_out, out);
    if (!inst) {
        return cn_error_code();
    }
    inst->attrs = node->attrs;
    inst->batch = batch;
    if (node->op->flags & CN__OP_VIEW) {
        p->values[out[0]].alias = in[0];
    }
    *map_slot(&b->seen, node) = first;
    return 0;
}

/* A placeholder becomes an input and the load that brings its rows. */
static int add_input(builder *b, const cn__node *node, const cn_shape *shapes)
{
    cn__program *p = b->p;
    int index = -1;
    for (int i = 0; i < b->trace->n_inputs; i++) {
        index = b->trace->inputs[i]->node == node ? i : index;
    }
    if (index < 0) {
        return cn__fail(CN_ESTATE, "A value of another function or model is used inside this one");
    }
    cn__value value = {.kind = CN__VALUE_INPUT,
                       .dtype = node->dtype[0],
                       .shape = shapes[index],
                       .batched = node->shape[0].rank > 0 && node->shape[0].dim[0] == -1 &&
                                  shapes[index].dim[0] == p->rows,
                       .input = index,
                       .producer = -1,
                       .alias = -1,
                       .home = -1};
    int in = cn__plan_value(p, value);
    value.kind = CN__VALUE_TEMPORARY;
    value.input = -1;
    int out = in < 0 ? in : cn__plan_value(p, value);
    cn__inst *load = out < 0 ? NULL : cn__plan_inst(p, &cn__op_load, 1, &in, 1, &out);
    if (!load) {
        return cn_error_code();
    }
    load->batch = value.batched ? CN__BATCH_ROW : CN__BATCH_NONE;
    p->inputs[index] = in;
    *map_slot(&b->seen, node) = out;
    return 0;
}

/* A copy of a value. Outputs are read when the run is over: where it assigns, what they show is
 * copied before anything can be overwritten. */
static int copy_value(builder *b, int v)
{
    cn__value copy = b->p->values[v];
    copy.kind = CN__VALUE_TEMPORARY;
    copy.tensor = NULL;
    copy.input = copy.producer = copy.alias = copy.home = -1;
    int out = cn__plan_value(b->p, copy);
    return out < 0 || !cn__plan_inst(b->p, &cn__op_assign_copy, 1, &v, 1, &out) ? cn_error_code()
                                                                                : out;
}

static int add_results(builder *b)
{
    cn__program *p = b->p;
    for (int i = 0; i < b->trace->n_outputs; i++) {
        int v = value_of(b, b->trace->outputs[i]);
        if (v >= 0 && b->trace->n_assignments) {
            v = copy_value(b, v);
        }
        if (v < 0) {
            return v;
        }
        p->outputs[i] = v;
        p->values[v].output = true;
    }
    for (int64_t i = 0; i < b->trace->n_assignments; i++) {
        int variable = leaf_value(b, b->trace->assignments[i].variable);
        int v = variable < 0 ? variable : value_of(b, b->trace->assignments[i].value);
        if (v < 0) {
            return v;
        }
        if (v == variable) {
            continue;
        }
        /* From one variable to another: the value is read before any is written, so that two may
         * change places. */
        if (p->values[cn__plan_root(p, v)].kind == CN__VALUE_VARIABLE) {
            v = copy_value(b, v);
            if (v < 0) {
                return v;
            }
        }
        cn__value written = p->values[variable];
        written.kind = CN__VALUE_TEMPORARY;
        written.tensor = NULL;
        written.home = variable;
        int out = cn__plan_value(p, written);
        if (out < 0 || !cn__plan_inst(p, &cn__op_assign_copy, 1, &v, 1, &out)) {
            return cn_error_code();
        }
    }
    return 0;
}

int cn__plan_build(cn__program *p, const cn__trace *trace, const cn_shape *input_shapes)
{
    builder b = {.p = p, .trace = trace};
    p->n_inputs = trace->n_inputs;
    p->n_outputs = trace->n_outputs;
    p->inputs = cn__calloc((size_t)trace->n_inputs + 1, sizeof *p->inputs);
    p->outputs = cn__calloc((size_t)trace->n_outputs + 1, sizeof *p->outputs);
    int code = p->inputs && p->outputs ? collect(&b) : CN_ENOMEM;
    if (code == 0 && b.n) {
        qsort(b.nodes, (size_t)b.n, sizeof *b.nodes, by_serial);
    }
    for (int64_t i = 0; code == 0 && i < b.n; i++) {
        code = b.nodes[i]->op == &cn__op_placeholder ? add_input(&b, b.nodes[i], input_shapes)
                                                     : add_node(&b, b.nodes[i]);
    }
    if (code == 0) {
        code = add_results(&b);
    }
    cn__free_mem(b.nodes);
    map_free(&b.seen);
    map_free(&b.leaves);
    return code;
}
