/* Traces: the inputs, outputs, assignments and checks of a function that is being recorded. */
#include "graph/trace.h"

#include <string.h>

static _Thread_local cn__trace *innermost;
static _Thread_local bool frozen;

static void destroy_trace(void *object)
{
    cn__trace *trace = object;
    for (int i = 0; i < trace->n_inputs; i++) {
        cn__unref(trace->inputs[i]);
    }
    for (int i = 0; i < trace->n_outputs; i++) {
        cn__unref(trace->outputs[i]);
    }
    for (int64_t i = 0; i < trace->n_assignments; i++) {
        cn__unref(trace->assignments[i].variable);
        cn__unref(trace->assignments[i].value);
        cn__unref(trace->assignments[i].read);
    }
    for (int64_t i = 0; i < trace->n_effects; i++) {
        cn__node_unref(trace->effects[i]);
    }
    cn__free_mem(trace->inputs);
    cn__free_mem(trace->outputs);
    cn__free_mem(trace->assignments);
    cn__free_mem(trace->effects);
}

static const cn__object_type trace_type = {CN__GRAPH, "graph", destroy_trace};

cn__trace *cn__trace_begin(void)
{
    cn__trace *trace = cn__object_new_owned(&trace_type, sizeof *trace);
    if (trace) {
        trace->outer = innermost;
        innermost = trace;
    }
    return trace;
}

void cn__trace_end(cn__trace *trace)
{
    if (innermost == trace) {
        innermost = trace->outer;
    }
}

cn__trace *cn__trace_current(void)
{
    return innermost;
}

cn__trace *cn__trace_suspend(void)
{
    cn__trace *trace = innermost;
    innermost = NULL;
    return trace;
}

void cn__trace_resume(cn__trace *trace)
{
    innermost = trace;
}

bool cn__trace_freeze(bool now)
{
    bool before = frozen;
    frozen = now;
    return before;
}

static int infer_placeholder(cn__node *node)
{
    node->n_out = 1;
    return 0;
}

const cn__op cn__op_placeholder = {.name = "placeholder",
                                   .n_out = 1,
                                   .flags = CN__OP_RANDOM | CN__OP_INTERNAL,
                                   .infer = infer_placeholder};

cn_tensor *cn__placeholder(cn_dtype dtype, const cn_shape *shape, const char *name)
{
    cn__node *node = cn__node_new(&cn__op_placeholder, NULL, 0, NULL);
    if (!node) {
        return NULL;
    }
    node->n_out = 1;
    node->dtype[0] = dtype;
    node->shape[0] = *shape;
    cn_tensor *t = cn__tensor_symbolic(node, 0);
    cn__node_unref(node);
    if (t && name) {
        t->name = cn__strdup(name);
    }
    return t;
}

bool cn__is_placeholder(const cn_tensor *t)
{
    return t->node && t->node->op == &cn__op_placeholder;
}

cn_tensor *cn__trace_value(cn__trace *trace, cn_tensor *t)
{
    for (int64_t i = 0; !frozen && t->variable && i < trace->n_assignments; i++) {
        if (trace->assignments[i].variable == t) {
            return trace->assignments[i].value;
        }
    }
    return t;
}

static cn__assignment *find_assignment(const cn__trace *trace, const cn_tensor *variable)
{
    for (int64_t i = 0; variable->variable && i < trace->n_assignments; i++) {
        if (trace->assignments[i].variable == variable) {
            return &trace->assignments[i];
        }
    }
    return NULL;
}

cn_tensor *cn__trace_read(const cn__trace *trace, const cn_tensor *variable)
{
    const cn__assignment *a = find_assignment(trace, variable);
    return a ? a->read : NULL;
}

void cn__trace_set_read(cn__trace *trace, const cn_tensor *variable, cn_tensor *read)
{
    cn__assignment *a = find_assignment(trace, variable);
    if (a && !a->read) {
        a->read = cn__ref(read);
    }
}

int cn__trace_assign(cn__trace *trace, cn_tensor *variable, cn_tensor *value)
{
    for (int64_t i = 0; i < trace->n_assignments; i++) {
        if (trace->assignments[i].variable == variable) {
            cn__ref(value);
            cn__unref(trace->assignments[i].value);
            cn__unref(trace->assignments[i].read);
            trace->assignments[i].value = value;
            trace->assignments[i].read = NULL;
            return 0;
        }
    }
    if (cn__grow((void **)&trace->assignments, &trace->capacity, trace->n_assignments + 1,
                 sizeof *trace->assignments) < 0) {
        return CN_ENOMEM;
    }
    trace->assignments[trace->n_assignments++] =
        (cn__assignment){.variable = cn__ref(variable), .value = cn__ref(value)};
    return 0;
}

int cn__trace_effect(cn__trace *trace, cn__node *node)
{
    if (cn__grow((void **)&trace->effects, &trace->effects_capacity, trace->n_effects + 1,
                 sizeof *trace->effects) < 0) {
        return CN_ENOMEM;
    }
    trace->effects[trace->n_effects++] = cn__node_ref(node);
    return 0;
}

static int append(cn_tensor ***list, int *count, cn_tensor *t)
{
    cn_tensor **grown = cn__realloc(*list, ((size_t)*count + 1) * sizeof **list);
    if (!grown) {
        return CN_ENOMEM;
    }
    *list = grown;
    grown[(*count)++] = cn__ref(t);
    return 0;
}

int cn__trace_add_input(cn__trace *trace, cn_tensor *input)
{
    return append(&trace->inputs, &trace->n_inputs, input);
}

int cn__trace_add_output(cn__trace *trace, cn_tensor *output)
{
    return append(&trace->outputs, &trace->n_outputs, output);
}
