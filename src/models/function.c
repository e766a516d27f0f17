/* cn_function: a C function that is traced once for each kind of inputs and run as a planned
 * program. */
#include "layers/layer.h"
#include "models/traced.h"
#include "ops/op.h"
#include "ops/tape.h"
#include <cornu/function.h>

#include <stdatomic.h>
#include <string.h>

enum { MAX_INPUTS = 32, MAX_TRACES = 16, MAX_DEPTH = 64 };

/* What a trace depends on, of one input. */
typedef struct kind {
    uint64_t variable; /* the id of a variable, which is handed on as it is; 0: a value */
    cn_dtype dtype;
    cn__weak weak;
    cn_shape shape; /* the batch is -1 */
} kind;

typedef struct entry {
    kind kinds[MAX_INPUTS];
    int n_in;
    uint64_t version; /* of the layers when it was traced */
    uint64_t used;
    cn__traced traced;
} entry;

struct cn_function {
    cn__object object;
    cn_function_body body;
    cn_function_args args;
    char *name;
    cn_tensor *counter; /* int64 variable: counts runs, for random ops; made with the first trace */
    entry *entries[MAX_TRACES];
    int n, traces, depth;
    uint64_t clock;
};

const cn_function_args cn_function_defaults = {.size = sizeof(cn_function_args),
                                               CN_FUNCTION_DEFAULTS};

static void free_entry(entry *e)
{
    if (e) {
        cn__traced_clear(&e->traced);
        cn__free_mem(e);
    }
}

static void destroy_function(void *object)
{
    cn_function *f = object;
    for (int i = 0; i < f->n; i++) {
        free_entry(f->entries[i]);
    }
    cn__unref(f->counter);
    cn__free_mem(f->name);
}

cn_function *cn_function_with(cn_function_body body, const cn_function_args *given)
{
    static const cn__object_type type = {CN__FUNCTION, "function", destroy_function};
    if (cn__pending()) {
        return NULL;
    }
    if (!given || !given->size || given->size > sizeof *given) {
        cn__fail(CN_EVALUE, "cn_function: the arguments' size is not set");
        return NULL;
    }
    cn_function_args args = cn_function_defaults;
    memcpy(&args, given, given->size);
    if (!body) {
        cn__fail(CN_EVALUE, "cn_function: expected a function, got NULL");
        return NULL;
    }
    if (args.n_outputs < 0 || args.n_outputs > CN__MAX_OUTPUTS) {
        cn__fail(CN_EVALUE, "cn_function: n_outputs must be in 0 … %d, got %d", CN__MAX_OUTPUTS,
                 args.n_outputs);
        return NULL;
    }
    char *name = cn__strdup(args.name ? args.name : "function");
    cn_function *f = name ? cn__object_new(&type, sizeof *f) : NULL;
    if (!f) {
        cn__free_mem(name);
        return NULL;
    }
    f->body = body;
    f->args = args;
    f->name = name;
    f->args.name = name;
    return f;
}

static int check_outputs(const cn_function *f, int code, cn_tensor *const *out)
{
    if (code < 0 && !cn__pending()) {
        return cn__fail(code, "Function \"%s\" failed with code %d", f->name, code);
    }
    if (cn__pending()) {
        return cn_error_code();
    }
    for (int i = 0; i < f->args.n_outputs; i++) {
        if (!out[i]) {
            return cn__fail(CN_EVALUE, "Function \"%s\" did not set its output %d", f->name, i);
        }
        if (cn__expect(out[i], CN__TENSOR, "a function's output") < 0) {
            return cn_error_code();
        }
    }
    return 0;
}

static int call_body(cn_function *f, int n_in, cn_tensor *const *in, cn_tensor **out)
{
    if (f->depth == MAX_DEPTH) {
        return cn__fail(CN_ESTATE, "Function \"%s\" calls itself without end", f->name);
    }
    for (int i = 0; i < f->args.n_outputs; i++) {
        out[i] = NULL;
    }
    f->depth++;
    int code = f->body(in, n_in, out, f->args.user);
    f->depth--;
    return check_outputs(f, code, out);
}

/* In a scope of its own, so that only what it returns is left. A tape keeps what it has recorded by
 * itself. */
static int call_in_scope(cn_function *f, int n_in, cn_tensor *const *in, cn_tensor **out)
{
    cn_scope scope = cn_scope_begin();
    int code = call_body(f, n_in, in, out);
    for (int i = 0; code == 0 && i < f->args.n_outputs; i++) {
        cn__ref(out[i]);
    }
    cn_scope_end(scope);
    for (int i = 0; code == 0 && i < f->args.n_outputs; i++) {
        if (!out[i]->object.scope) {
            cn__into_scope(out[i]);
        } else {
            cn__unref(out[i]);
        }
    }
    return code;
}

static void describe(const cn_function *f, int n_in, cn_tensor *const *in, kind *kinds)
{
    memset(kinds, 0, (size_t)n_in * sizeof *kinds);
    int64_t rows = n_in && in[0]->shape.rank ? in[0]->shape.dim[0] : -1;
    for (int i = 0; i < n_in; i++) {
        const cn_tensor *t = in[i];
        kinds[i].dtype = t->dtype;
        kinds[i].weak = t->weak;
        kinds[i].variable = t->variable ? t->id : 0;
        kinds[i].shape.rank = t->shape.rank;
        memcpy(kinds[i].shape.dim, t->shape.dim, (size_t)t->shape.rank * sizeof(int64_t));
        if (f->args.batched && !t->variable && t->shape.rank && t->shape.dim[0] == rows) {
            kinds[i].shape.dim[0] = -1;
        }
    }
}

static bool same_kinds(const entry *e, int n_in, const kind *kinds)
{
    return e->n_in == n_in && !memcmp(e->kinds, kinds, (size_t)n_in * sizeof *kinds);
}

/* Different functions count from different numbers, so that layers that they share do not draw the
 * same in both. */
static int make_counter(cn_function *f)
{
    static atomic_int_least64_t functions = 1;
    if (!f->counter) {
        f->counter = cn__variable_new("random_step", CN_INT64, &(cn_shape){0}, false);
        if (!f->counter) {
            return CN_ENOMEM;
        }
        *(int64_t *)(void *)f->counter->data = functions++ << 40;
    }
    return 0;
}

static int trace_inputs(cn__trace *trace, int n_in, const kind *kinds, cn_tensor *const *in,
                        cn_tensor **symbolic)
{
    int code = 0;
    for (int i = 0; code == 0 && i < n_in; i++) {
        symbolic[i] = in[i];
        if (!kinds[i].variable) {
            symbolic[i] = cn__placeholder(kinds[i].dtype, &kinds[i].shape, "input");
            code = symbolic[i] ? cn__trace_add_input(trace, symbolic[i]) : cn_error_code();
        }
        if (symbolic[i]) {
            symbolic[i]->weak = kinds[i].weak;
        }
    }
    return code;
}

static int trace_body(cn_function *f, cn__trace *trace, int n_in, const kind *kinds,
                      cn_tensor *const *in)
{
    cn_tensor *symbolic[MAX_INPUTS], *out[CN__MAX_OUTPUTS] = {0};
    int code = trace_inputs(trace, n_in, kinds, in, symbolic);
    int users = atomic_load(&f->counter->object.refs);
    code = code < 0 ? code : call_body(f, n_in, symbolic, out);
    for (int i = 0; code == 0 && i < f->args.n_outputs; i++) {
        code = cn__trace_add_output(trace, cn__trace_value(trace, out[i]));
    }
    /* Something draws: the next run is to draw something else. */
    if (code == 0 && atomic_load(&f->counter->object.refs) > users) {
        code = cn_assign_add(f->counter, 1);
    }
    return code;
}

static int trace(cn_function *f, entry *e, cn_tensor *const *in)
{
    int code = make_counter(f);
    cn__trace *t = code == 0 ? cn__trace_begin() : NULL;
    if (!t) {
        return cn_error_code();
    }
    cn_tensor *outer = cn__set_random_counter(f->counter);
    cn_scope scope = cn_scope_begin();
    t->random_counter = f->counter;
    code = trace_body(f, t, e->n_in, e->kinds, in);
    cn_scope_end(scope);
    cn__set_random_counter(outer);
    cn__trace_end(t);
    if (code < 0) {
        cn__unref(t);
        return code;
    }
    f->traces++;
    e->traced.trace = t;
    e->version = cn__layers_version();
    return 0;
}

static void remove_entry(cn_function *f, int at)
{
    free_entry(f->entries[at]);
    f->entries[at] = f->entries[--f->n];
    f->entries[f->n] = NULL;
}

/* The trace for these inputs, made now if there is none or if layers have changed since. */
static entry *find_entry(cn_function *f, int n_in, cn_tensor *const *in)
{
    kind kinds[MAX_INPUTS];
    describe(f, n_in, in, kinds);
    int oldest = 0;
    for (int i = 0; i < f->n; i++) {
        entry *e = f->entries[i];
        if (same_kinds(e, n_in, kinds)) {
            if (e->version == cn__layers_version()) {
                e->used = ++f->clock;
                return e;
            }
            remove_entry(f, i);
            break;
        }
    }
    for (int i = 1; i < f->n; i++) {
        oldest = f->entries[i]->used < f->entries[oldest]->used ? i : oldest;
    }
    if (f->n == MAX_TRACES) {
        remove_entry(f, oldest);
    }
    entry *e = cn__calloc(1, sizeof *e);
    if (!e) {
        return NULL;
    }
    memcpy(e->kinds, kinds, (size_t)n_in * sizeof *kinds);
    e->n_in = n_in;
    e->used = ++f->clock;
    if (trace(f, e, in) < 0) {
        free_entry(e);
        return NULL;
    }
    f->entries[f->n++] = e;
    return e;
}

static int check_call(const cn_function *f, int n_in, cn_tensor *const *in)
{
    int code = cn__pending() ? CN_EPENDING : cn__expect(f, CN__FUNCTION, "cn_function_call");
    if (code == 0 && (n_in < 0 || n_in > MAX_INPUTS)) {
        code = cn__fail(CN_EVALUE, "Function \"%s\": at most %d inputs are possible, got %d",
                        f->name, MAX_INPUTS, n_in);
    }
    for (int i = 0; code == 0 && i < n_in; i++) {
        code = cn__expect(in[i], CN__TENSOR, "a function's input");
    }
    return code;
}

/* Programs need values, and rows to work on. */
static bool must_run_eagerly(const cn_function *f, int n_in, cn_tensor *const *in)
{
    bool eager = f->args.run_eagerly || cn__trace_current() || cn__tape_active() || f->depth;
    for (int i = 0; i < n_in; i++) {
        eager = eager || !in[i]->storage || cn__size(in[i]) == 0;
    }
    return eager;
}

int cn_function_run(cn_function *f, int n_in, cn_tensor *const *in, cn_tensor **out)
{
    cn_tensor *values[MAX_INPUTS];
    int code = check_call(f, n_in, in), n = 0;
    if (code < 0) {
        return code;
    }
    if (must_run_eagerly(f, n_in, in)) {
        return call_in_scope(f, n_in, in, out);
    }
    entry *e = find_entry(f, n_in, in);
    if (!e) {
        return cn_error_code();
    }
    for (int i = 0; i < n_in; i++) {
        if (!e->kinds[i].variable) {
            values[n++] = in[i];
        }
    }
    return cn__traced_run(&e->traced, values, out);
}

cn_tensor *cn_function_call_of(cn_function *f, int n_in, cn_tensor *const *in)
{
    cn_tensor *out[CN__MAX_OUTPUTS] = {0};
    int code = cn_function_run(f, n_in, in, out);
    return code == 0 ? out[0] : NULL;
}

int cn_function_traces(const cn_function *f)
{
    int code = cn__expect(f, CN__FUNCTION, "cn_function_traces");
    return code < 0 ? code : f->traces;
}
