/* Graphs that are built before values exist: placeholders, and running parts of a graph with feeds.
 */
#include "core/instance.h"
#include "models/traced.h"
#include "ops/op.h"
#include "ops/tape.h"
#include <cornu/function.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 16, MAX_FETCHES = 32 };

/* One combination of what is asked for: the part of the graph that it needs, as a trace of its own.
 */
typedef struct part {
    uint64_t ids[MAX_FETCHES + 1]; /* of the fetched tensors, and of what is minimized */
    int n_fetches;
    const cn_optimizer *optimizer;
    bool updates;
    uint64_t used;
    cn__traced traced;
} part;

struct cn_graph {
    cn__object object;
    cn__trace *trace; /* owned */
    bool open;
    part *parts[MAX_RUNS];
    int n;
    uint64_t clock;
};

const cn_placeholder_args cn_placeholder_defaults = {.size = sizeof(cn_placeholder_args),
                                                     CN_PLACEHOLDER_DEFAULTS};
const cn_graph_run_args cn_graph_run_defaults = {.size = sizeof(cn_graph_run_args),
                                                 CN_GRAPH_RUN_DEFAULTS};

static void free_part(part *p)
{
    if (p) {
        cn__traced_clear(&p->traced);
        cn__free_mem(p);
    }
}

static void destroy_graph(void *object)
{
    cn_graph *graph = object;
    if (graph->open) {
        cn__trace_end(graph->trace);
    }
    for (int i = 0; i < graph->n; i++) {
        free_part(graph->parts[i]);
    }
    cn__unref(graph->trace);
}

cn_graph *cn_graph_begin(void)
{
    static const cn__object_type type = {CN__GRAPH, "graph", destroy_graph};
    cn_graph *graph = cn__pending() ? NULL : cn__object_new(&type, sizeof *graph);
    if (!graph) {
        return NULL;
    }
    graph->trace = cn__trace_begin();
    if (!graph->trace) {
        cn_free(graph);
        return NULL;
    }
    graph->open = true;
    return graph;
}

int cn_graph_end(cn_graph *graph)
{
    int code = cn__expect(graph, CN__GRAPH, "cn_graph_end");
    if (code < 0) {
        return code;
    }
    if (graph->open) {
        cn__trace_end(graph->trace);
        graph->open = false;
    }
    return 0;
}

cn_tensor *cn_placeholder_with(const cn_placeholder_args *given)
{
    cn_placeholder_args args = cn_placeholder_defaults;
    if (cn__pending()) {
        return NULL;
    }
    if (!given || !given->size || given->size > sizeof *given) {
        cn__fail(CN_EVALUE, "cn_placeholder: the arguments' size is not set");
        return NULL;
    }
    memcpy(&args, given, given->size);
    cn_dtype dtype = cn_dtype_from_name(args.dtype ? args.dtype : "float32");
    int rank = args.shape.n;
    for (int i = 0; !args.shape.n && i < CN_MAX_RANK; i++) {
        rank = args.shape.v[i] ? i + 1 : rank;
    }
    cn_shape shape = {.rank = rank > 0 ? rank : 0};
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = args.shape.v[i] == CN_NONE ? -1 : args.shape.v[i];
        if (shape.dim[i] < -1) {
            cn__fail(CN_EVALUE, "cn_placeholder: a length must not be negative");
            return NULL;
        }
    }
    char *name = !dtype      ? NULL
                 : args.name ? cn__strdup(args.name)
                             : cn__unique_name("Placeholder", cn__keras_version());
    cn_tensor *t = name ? cn__placeholder(dtype, &shape, name) : NULL;
    cn__free_mem(name);
    return t;
}

/* The nodes and variables behind some tensors, each once. */
typedef struct reach {
    const void **table; /* nodes and variables met, by open addressing */
    int64_t size, met;
    cn_tensor **made; /* a tensor of each node; those from `next` on are still to be looked into */
    int64_t n, next, capacity;
    cn_tensor **variables; /* trainable ones */
    int64_t n_variables, variables_capacity;
} reach;

static void reach_free(reach *r)
{
    cn__free_mem(r->table);
    cn__free_mem(r->made);
    cn__free_mem(r->variables);
}

static bool place(const void **table, int64_t size, const void *key)
{
    uint64_t mask = (uint64_t)(size - 1);
    uint64_t at = ((uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u >> 20) & mask;
    while (table[at] && table[at] != key) {
        at = (at + 1) & mask;
    }
    bool fresh = !table[at];
    table[at] = key;
    return fresh;
}

/* 1 if it is met for the first time, 0 if not, or an error. */
static int meet(reach *r, const void *key)
{
    if (2 * (r->met + 1) > r->size) {
        int64_t size = r->size ? 2 * r->size : 256;
        const void **table = cn__calloc((size_t)size, sizeof *table);
        if (!table) {
            return CN_ENOMEM;
        }
        for (int64_t i = 0; i < r->size; i++) {
            if (r->table[i]) {
                place(table, size, r->table[i]);
            }
        }
        cn__free_mem(r->table);
        r->table = table;
        r->size = size;
    }
    bool fresh = place(r->table, r->size, key);
    r->met += fresh;
    return fresh;
}

static int reach_tensor(reach *r, cn_tensor *t)
{
    const cn_tensor *variable = t->read_of ? t->read_of : t;
    if (variable->variable) {
        int fresh = variable->variable->trainable ? meet(r, variable) : 0;
        if (fresh == 1) {
            if (cn__grow((void **)&r->variables, &r->variables_capacity, r->n_variables + 1,
                         sizeof *r->variables) < 0) {
                return CN_ENOMEM;
            }
            r->variables[r->n_variables++] = (cn_tensor *)(uintptr_t)variable;
        }
        if (fresh < 0 || t == variable) {
            return fresh < 0 ? fresh : 0;
        }
    }
    if (t->storage || !t->node) {
        return 0;
    }
    int fresh = meet(r, t->node);
    if (fresh == 1) {
        if (cn__grow((void **)&r->made, &r->capacity, r->n + 1, sizeof *r->made) < 0) {
            return CN_ENOMEM;
        }
        r->made[r->n++] = t;
    }
    return fresh < 0 ? fresh : 0;
}

static int reach_node_inputs(reach *r, const cn__node *node)
{
    int code = 0;
    for (int i = 0; code == 0 && i < node->n_in; i++) {
        code = reach_tensor(r, node->in[i]);
    }
    return code;
}

static int spread(reach *r)
{
    int code = 0;
    for (; code == 0 && r->next < r->n; r->next++) {
        code = reach_node_inputs(r, r->made[r->next]->node);
    }
    return code;
}

static int by_id(const void *a, const void *b)
{
    const cn_tensor *x = *(cn_tensor *const *)a, *y = *(cn_tensor *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* The trainable variables behind a tensor, first made first, as tf.trainable_variables() has them.
 */
static int trainable_behind(reach *r, cn_tensor *t)
{
    int code = reach_tensor(r, t);
    code = code < 0 ? code : spread(r);
    if (code == 0 && r->n_variables) {
        qsort(r->variables, (size_t)r->n_variables, sizeof *r->variables, by_id);
    }
    return code;
}

static int minimize(cn_optimizer *optimizer, cn_tensor *loss)
{
    reach r = {0};
    int code = trainable_behind(&r, loss);
    cn_tensor **gradients = cn__calloc((size_t)r.n_variables + 1, sizeof *gradients);
    if (code == 0 && !gradients) {
        code = CN_ENOMEM;
    }
    if (code == 0 && !r.n_variables) {
        code = cn__fail(CN_EVALUE, "No variables to optimize.");
    }
    int n = (int)r.n_variables;
    code = code < 0 ? code : cn__gradients(1, &loss, NULL, n, r.variables, gradients);
    code = code < 0 ? code : cn_optimizer_apply_gradients(optimizer, n, gradients, r.variables);
    cn__free_mem(gradients);
    reach_free(&r);
    return code;
}

static bool feeds(const cn_graph_run_args *args, const cn__node *node)
{
    for (int i = 0; i < 32 && args->feed[i].placeholder; i++) {
        if (args->feed[i].placeholder->node == node) {
            return true;
        }
    }
    return false;
}

/* Checks of data belong to every run that has the data which they look at. */
static int add_effects(cn__trace *trace, const cn_graph *graph, const cn_graph_run_args *args)
{
    int code = 0;
    for (int64_t i = 0; code == 0 && i < graph->trace->n_effects; i++) {
        reach r = {0};
        code = reach_node_inputs(&r, graph->trace->effects[i]);
        code = code < 0 ? code : spread(&r);
        bool fed = true;
        for (int64_t k = 0; k < r.n; k++) {
            fed = fed && (!cn__is_placeholder(r.made[k]) || feeds(args, r.made[k]->node));
        }
        reach_free(&r);
        if (code == 0 && fed) {
            code = cn__trace_effect(trace, graph->trace->effects[i]);
        }
    }
    return code;
}

/* Every placeholder that something in the trace needs is an input of it, in the order in which they
 * were made. */
static int add_inputs(cn__trace *trace)
{
    reach r = {0};
    int code = 0;
    for (int i = 0; code == 0 && i < trace->n_outputs; i++) {
        code = reach_tensor(&r, trace->outputs[i]);
    }
    for (int64_t i = 0; code == 0 && i < trace->n_assignments; i++) {
        code = reach_tensor(&r, trace->assignments[i].value);
    }
    for (int64_t i = 0; code == 0 && i < trace->n_effects; i++) {
        code = reach_node_inputs(&r, trace->effects[i]);
    }
    code = code < 0 ? code : spread(&r);
    for (int64_t i = 0; code == 0 && i < r.n; i++) {
        if (cn__is_placeholder(r.made[i])) {
            code = cn__trace_add_input(trace, r.made[i]);
        }
    }
    reach_free(&r);
    return code;
}

static int fill_trace(cn__trace *trace, const cn_graph *graph, const cn_tensors *fetches,
                      const cn_graph_run_args *args)
{
    int code = 0;
    for (int i = 0; code == 0 && i < MAX_FETCHES && fetches->v[i]; i++) {
        code = cn__trace_add_output(trace, fetches->v[i]);
    }
    for (int64_t i = 0; code == 0 && args->updates && i < graph->trace->n_assignments; i++) {
        const cn__assignment *a = &graph->trace->assignments[i];
        code = cn__trace_assign(trace, a->variable, a->value);
    }
    if (code == 0 && args->minimize) {
        code = minimize(args->optimizer, args->minimize);
    }
    code = code < 0 ? code : add_effects(trace, graph, args);
    return code < 0 ? code : add_inputs(trace);
}

static part *make_part(cn_graph *graph, const part *wanted, const cn_tensors *fetches,
                       const cn_graph_run_args *args)
{
    part *p = cn__malloc(sizeof *p);
    cn__trace *trace = p ? cn__trace_begin() : NULL;
    if (!trace) {
        cn__free_mem(p);
        return NULL;
    }
    *p = *wanted;
    cn_scope scope = cn_scope_begin();
    int code = fill_trace(trace, graph, fetches, args);
    cn_scope_end(scope);
    cn__trace_end(trace);
    p->traced.trace = trace;
    if (code < 0) {
        free_part(p);
        return NULL;
    }
    int at = 0;
    for (int i = 1; i < graph->n; i++) {
        at = graph->parts[i]->used < graph->parts[at]->used ? i : at;
    }
    if (graph->n < MAX_RUNS) {
        at = graph->n++;
    } else {
        free_part(graph->parts[at]);
    }
    graph->parts[at] = p;
    return p;
}

static part *find_part(cn_graph *graph, const cn_tensors *fetches, const cn_graph_run_args *args)
{
    part wanted = {.updates = args->updates,
                   .optimizer = args->minimize ? args->optimizer : NULL,
                   .used = ++graph->clock};
    for (int i = 0; i < MAX_FETCHES && fetches->v[i]; i++) {
        wanted.ids[wanted.n_fetches++] = fetches->v[i]->id;
    }
    wanted.ids[MAX_FETCHES] = args->minimize ? args->minimize->id : 0;
    for (int i = 0; i < graph->n; i++) {
        part *p = graph->parts[i];
        if (p->n_fetches == wanted.n_fetches && p->optimizer == wanted.optimizer &&
            p->updates == wanted.updates && !memcmp(p->ids, wanted.ids, sizeof p->ids)) {
            p->used = wanted.used;
            return p;
        }
    }
    return make_part(graph, &wanted, fetches, args);
}

static int check_run(const cn_graph *graph, const cn_tensors *fetches,
                     const cn_graph_run_args *args)
{
    int code = cn__pending() ? CN_EPENDING : cn__expect(graph, CN__GRAPH, "cn_graph_run");
    if (code == 0 && graph->open) {
        code = cn__fail(CN_ESTATE, "cn_graph_run: the graph is still being built; cn_graph_end "
                                   "completes it");
    }
    for (int i = 0; code == 0 && i < MAX_FETCHES && fetches->v[i]; i++) {
        code = cn__expect(fetches->v[i], CN__TENSOR, "cn_graph_run: fetches");
    }
    for (int i = 0; code == 0 && i < 32 && args->feed[i].placeholder; i++) {
        code = cn__expect(args->feed[i].placeholder, CN__TENSOR, "cn_graph_run: feed");
        code = code < 0 ? code : cn__expect(args->feed[i].value, CN__TENSOR, "cn_graph_run: feed");
        if (code == 0 && !cn__is_placeholder(args->feed[i].placeholder)) {
            code = cn__fail(CN_EVALUE, "cn_graph_run: only placeholders can be fed");
        }
    }
    if (code == 0 && args->minimize) {
        code = cn__expect(args->minimize, CN__TENSOR, "cn_graph_run: minimize");
        code =
            code < 0 ? code : cn__expect(args->optimizer, CN__OPTIMIZER, "cn_graph_run: optimizer");
    }
    return code;
}

static int not_fed(const cn_tensor *placeholder)
{
    char text[256];
    return cn__fail(
        CN_EVALUE, "You must feed a value for placeholder tensor '%s' with dtype %s and shape %s",
        placeholder->name ? placeholder->name : "Placeholder", cn_dtype_name(placeholder->dtype),
        cn__shape_text(&placeholder->shape, text, sizeof text));
}

static bool fits(const cn_shape *want, const cn_shape *got)
{
    bool same = want->rank == got->rank;
    for (int i = 0; same && i < want->rank; i++) {
        same = want->dim[i] == -1 || want->dim[i] == got->dim[i];
    }
    return same;
}

/* The fed value of an input of the trace, whose handle need not be the user's. */
static cn_tensor *value_of(const cn_tensor *input, const cn_graph_run_args *args)
{
    char want[256], got[256];
    for (int i = 0; i < 32 && args->feed[i].placeholder; i++) {
        const cn_tensor *placeholder = args->feed[i].placeholder;
        cn_tensor *value = args->feed[i].value;
        if (placeholder->node != input->node) {
            continue;
        }
        if (!fits(&input->shape, &value->shape) || !cn__data(value)) {
            cn__fail(CN_EVALUE,
                     "Cannot feed value of shape %s for Tensor '%s:0', which has shape %s",
                     cn__shape_text(&value->shape, got, sizeof got),
                     placeholder->name ? placeholder->name : "Placeholder",
                     cn__shape_text(&input->shape, want, sizeof want));
            return NULL;
        }
        return value;
    }
    not_fed(input);
    return NULL;
}

cn_tensor *cn_graph_run_with(cn_graph *graph, cn_tensors fetches, const cn_graph_run_args *given)
{
    cn_graph_run_args args = cn_graph_run_defaults;
    if (!cn__pending() && (!given || !given->size || given->size > sizeof *given)) {
        cn__fail(CN_EVALUE, "cn_graph_run: the arguments' size is not set");
    }
    if (cn__pending()) {
        return NULL;
    }
    memcpy(&args, given, given->size);
    part *p = check_run(graph, &fetches, &args) < 0 ? NULL : find_part(graph, &fetches, &args);
    cn_tensor *in[CN__TRACED_INPUTS], *out[MAX_FETCHES] = {0};
    if (!p) {
        return NULL;
    }
    const cn__trace *trace = p->traced.trace;
    for (int i = 0; i < trace->n_inputs && i < CN__TRACED_INPUTS; i++) {
        in[i] = value_of(trace->inputs[i], &args);
        if (!in[i]) {
            return NULL;
        }
    }
    if (cn__traced_run(&p->traced, in, out) < 0) {
        return NULL;
    }
    for (int i = 1; args.outputs && i < trace->n_outputs; i++) {
        args.outputs[i - 1] = out[i];
    }
    return out[0];
}
