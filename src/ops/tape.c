/* Tapes and the one backward walk: gradients of nodes, last made first, each written in terms of
 * ops. */
#include "ops/tape.h"

#include "graph/trace.h"
#include "ops/op.h"
#include <cornu/tape.h>

#include <stdlib.h>
#include <string.h>

/* Nodes made in [begin, end) are on the tape. */
typedef struct interval {
    uint64_t begin, end;
} interval;

struct cn_tape {
    cn__object object;
    cn_tape *outer; /* of this thread's active tapes */
    bool active, recording, persistent, watch_accessed, used;
    uint64_t *watched; /* ids of tensors */
    int64_t n_watched, watched_capacity;
    interval *intervals;
    int64_t n_intervals, intervals_capacity;
};

const cn_tape_args cn_tape_defaults = {.size = sizeof(cn_tape_args), CN_TAPE_DEFAULTS};
const cn_gradient_args cn_gradient_defaults = {.size = sizeof(cn_gradient_args),
                                               CN_GRADIENT_DEFAULTS};

static _Thread_local cn_tape *innermost;

/* A serial greater than that of every node made so far. */
static uint64_t now(void)
{
    static const cn__op none = {.name = "none"};
    cn__node *node = cn__node_new(&none, NULL, 0, NULL);
    uint64_t serial = node ? node->serial : 0;
    cn__node_unref(node);
    return serial;
}

static void deactivate(cn_tape *tape)
{
    for (cn_tape **p = &innermost; *p; p = &(*p)->outer) {
        if (*p == tape) {
            *p = tape->outer;
            break;
        }
    }
    tape->active = false;
}

static void destroy_tape(void *object)
{
    cn_tape *tape = object;
    if (tape->active) {
        deactivate(tape);
    }
    cn__free_mem(tape->watched);
    cn__free_mem(tape->intervals);
}

static const cn__object_type tape_type = {CN__TAPE, "tape", destroy_tape};

static int open_interval(cn_tape *tape)
{
    if (cn__grow((void **)&tape->intervals, &tape->intervals_capacity, tape->n_intervals + 1,
                 sizeof *tape->intervals) < 0) {
        return CN_ENOMEM;
    }
    tape->intervals[tape->n_intervals++] = (interval){now(), UINT64_MAX};
    tape->recording = true;
    return 0;
}

static void close_interval(cn_tape *tape)
{
    if (tape->recording) {
        tape->intervals[tape->n_intervals - 1].end = now();
        tape->recording = false;
    }
}

cn_tape *cn_tape_begin_with(const cn_tape_args *args)
{
    if (cn__pending()) {
        return NULL;
    }
    if (!args || !args->size) {
        cn__fail(CN_EVALUE, "cn_tape_begin: expected arguments made by the macro");
        return NULL;
    }
    cn_tape *tape = cn__object_new(&tape_type, sizeof *tape);
    if (!tape) {
        return NULL;
    }
    tape->persistent = args->persistent;
    tape->watch_accessed = args->watch_accessed_variables;
    if (open_interval(tape) < 0) {
        cn_free(tape);
        return NULL;
    }
    tape->outer = innermost;
    tape->active = true;
    innermost = tape;
    return tape;
}

static int check_tape(cn_tape *tape, const char *who)
{
    return cn__pending() ? CN_EPENDING : cn__expect(tape, CN__TAPE, who);
}

int cn_tape_end(cn_tape *tape)
{
    int code = check_tape(tape, "cn_tape_end");
    if (code == 0) {
        close_interval(tape);
        deactivate(tape);
    }
    return code;
}

int cn_tape_watch(cn_tape *tape, cn_tensor *t)
{
    int code = check_tape(tape, "cn_tape_watch");
    if (code < 0 || !cn__check_tensor(t, "cn_tape_watch")) {
        return code < 0 ? code : cn_error_code();
    }
    if (cn__grow((void **)&tape->watched, &tape->watched_capacity, tape->n_watched + 1,
                 sizeof *tape->watched) < 0) {
        return CN_ENOMEM;
    }
    tape->watched[tape->n_watched++] = t->id;
    return 0;
}

int cn_tape_reset(cn_tape *tape)
{
    int code = check_tape(tape, "cn_tape_reset");
    if (code == 0) {
        tape->n_watched = 0;
        tape->n_intervals = 0;
        tape->used = false;
        code = open_interval(tape);
    }
    return code;
}

int cn_tape_stop_recording(cn_tape *tape)
{
    int code = check_tape(tape, "cn_tape_stop_recording");
    if (code == 0 && !tape->recording) {
        return cn__fail(CN_ESTATE, "Tape is not recording.");
    }
    if (code == 0) {
        close_interval(tape);
    }
    return code;
}

int cn_tape_resume_recording(cn_tape *tape)
{
    int code = check_tape(tape, "cn_tape_resume_recording");
    if (code == 0 && tape->recording) {
        return cn__fail(CN_ESTATE, "Tape is still recording, This can happen if you try to "
                                   "re-enter an already-active tape.");
    }
    return code < 0 ? code : open_interval(tape);
}

/* Watched itself, or a trainable variable under a tape that watches what it reads. */
static bool is_leaf(const cn_tape *tape, const cn_tensor *t)
{
    t = t->read_of ? t->read_of : t;
    if (t->variable && t->variable->trainable && (!tape || tape->watch_accessed)) {
        return true;
    }
    for (int64_t i = 0; tape && i < tape->n_watched; i++) {
        if (tape->watched[i] == t->id) {
            return true;
        }
    }
    return false;
}

static bool on_tape(const cn_tape *tape, const cn__node *node)
{
    for (int64_t i = 0; tape && i < tape->n_intervals; i++) {
        if (node->serial >= tape->intervals[i].begin && node->serial < tape->intervals[i].end) {
            return true;
        }
    }
    return !tape;
}

bool cn__tape_active(void)
{
    const cn_tape *tape = innermost;
    while (tape && !tape->recording) {
        tape = tape->outer;
    }
    return tape != NULL;
}

bool cn__tape_records(const cn__node *node)
{
    if (node->op->flags & CN__OP_NO_GRADIENT) {
        return false;
    }
    for (const cn_tape *tape = innermost; tape; tape = tape->outer) {
        if (!tape->recording) {
            continue;
        }
        for (int i = 0; i < node->n_in; i++) {
            const cn_tensor *t = node->in[i];
            if (is_leaf(tape, t) || (t->node && on_tape(tape, t->node))) {
                return true;
            }
        }
    }
    return false;
}

/* A node met on the way back, with the handles and gradients of its outputs. */
typedef struct visit {
    cn__node *node;
    cn_tensor *out[CN__MAX_OUTPUTS];
    cn_tensor *grad[CN__MAX_OUTPUTS];
    bool useful; /* a source is behind it */
} visit;

typedef struct walk {
    const cn_tape *tape;
    visit *visits; /* sorted by serial once collected */
    int64_t n, capacity;
    int64_t *table; /* open addressing: index + 1 into visits, by node */
    int64_t table_size;
    int n_sources;
    cn_tensor *const *sources;
    cn_tensor **grads;
} walk;

static uint64_t hash_pointer(const void *p)
{
    return (uint64_t)(uintptr_t)p * 0x9E3779B97F4A7C15u >> 20;
}

static int rebuild_table(walk *w)
{
    int64_t size = w->table_size ? w->table_size : 64;
    while (size < 2 * w->capacity) {
        size *= 2;
    }
    if (size != w->table_size) {
        int64_t *table = cn__realloc(w->table, (size_t)size * sizeof *table);
        if (!table) {
            return CN_ENOMEM;
        }
        w->table = table;
        w->table_size = size;
    }
    memset(w->table, 0, (size_t)size * sizeof *w->table);
    for (int64_t i = 0; i < w->n; i++) {
        uint64_t at = hash_pointer(w->visits[i].node) & (uint64_t)(size - 1);
        while (w->table[at]) {
            at = (at + 1) & (uint64_t)(size - 1);
        }
        w->table[at] = i + 1;
    }
    return 0;
}

static visit *find(const walk *w, const cn__node *node)
{
    uint64_t mask = (uint64_t)(w->table_size - 1);
    for (uint64_t at = hash_pointer(node) & mask; w->table[at]; at = (at + 1) & mask) {
        visit *v = &w->visits[w->table[at] - 1];
        if (v->node == node) {
            return v;
        }
    }
    return NULL;
}

/* Notes a tensor's node (once) and the handle by which it was reached. */
static int meet(walk *w, cn_tensor *t)
{
    if (!t->node || !on_tape(w->tape, t->node)) {
        return 0;
    }
    visit *v = find(w, t->node);
    if (!v) {
        int64_t before = w->capacity;
        if (cn__grow((void **)&w->visits, &w->capacity, w->n + 1, sizeof *w->visits) < 0) {
            return CN_ENOMEM;
        }
        v = &w->visits[w->n++];
        memset(v, 0, sizeof *v);
        v->node = t->node;
        if (w->capacity != before) {
            int code = rebuild_table(w);
            if (code < 0) {
                return code;
            }
        } else {
            uint64_t mask = (uint64_t)(w->table_size - 1);
            uint64_t at = hash_pointer(v->node) & mask;
            while (w->table[at]) {
                at = (at + 1) & mask;
            }
            w->table[at] = w->n;
        }
    }
    v->out[t->output] = t;
    return 0;
}

static int by_serial(const void *a, const void *b)
{
    uint64_t x = ((const visit *)a)->node->serial, y = ((const visit *)b)->node->serial;
    return x < y ? -1 : x > y;
}

/* The same tensor, another handle on the same output, or a read of the variable. */
static bool same_tensor(const cn_tensor *s, const cn_tensor *t)
{
    return s == t || t->read_of == s || (s->node && s->node == t->node && s->output == t->output);
}

static bool is_source(const walk *w, const cn_tensor *t)
{
    for (int i = 0; i < w->n_sources; i++) {
        if (same_tensor(w->sources[i], t)) {
            return !w->tape || is_leaf(w->tape, t) || t->node;
        }
    }
    return false;
}

static bool input_counts(const cn__node *node, int i)
{
    return !(node->op->shape_only >> i & 1) && cn__dtype_is_float(node->in[i]->dtype);
}

/* Collects what is behind the targets, in the order in which it was made, and marks what leads to a
 * source. */
static int collect(walk *w, int n_targets, cn_tensor *const *targets)
{
    int code = cn__grow((void **)&w->visits, &w->capacity, 64, sizeof *w->visits);
    if (code == 0) {
        code = rebuild_table(w);
    }
    for (int i = 0; code == 0 && i < n_targets; i++) {
        code = meet(w, targets[i]);
    }
    for (int64_t k = 0; code == 0 && k < w->n; k++) {
        cn__node *node = w->visits[k].node;
        for (int i = 0; code == 0 && i < node->n_in; i++) {
            if (input_counts(node, i)) {
                code = meet(w, node->in[i]);
            }
        }
    }
    if (code < 0) {
        return code;
    }
    qsort(w->visits, (size_t)w->n, sizeof *w->visits, by_serial);
    code = rebuild_table(w);
    for (int64_t k = 0; code == 0 && k < w->n; k++) {
        visit *v = &w->visits[k];
        for (int i = 0; i < v->node->n_in && !v->useful; i++) {
            if (input_counts(v->node, i)) {
                const cn_tensor *t = v->node->in[i];
                const visit *from = t->node ? find(w, t->node) : NULL;
                v->useful = is_source(w, t) || (from && from->useful);
            }
        }
        v->useful = v->useful && !(v->node->op->flags & CN__OP_NO_GRADIENT);
    }
    return code;
}

/* sum += g; the first gradient is kept as it is. */
static int accumulate(cn_tensor **sum, cn_tensor *g)
{
    if (*sum) {
        g = (cn_add)(*sum, g);
    }
    if (!g) {
        return cn_error_code();
    }
    *sum = g;
    return 0;
}

static int deliver(walk *w, cn_tensor *t, cn_tensor *g)
{
    int code = 0;
    for (int i = 0; i < w->n_sources && code == 0; i++) {
        if (same_tensor(w->sources[i], t)) {
            if (!w->tape || t->node || is_leaf(w->tape, t)) {
                code = accumulate(&w->grads[i], g);
            }
        }
    }
    visit *v = code == 0 && t->node ? find(w, t->node) : NULL;
    if (v && v->useful) {
        code = accumulate(&v->grad[t->output], g);
    }
    return code;
}

static _Thread_local const walk *current_walk;

bool cn__wants_gradient(const cn__node *node, int i)
{
    if (!input_counts(node, i)) {
        return false;
    }
    const walk *w = current_walk;
    if (!w) {
        return true;
    }
    const cn_tensor *t = node->in[i];
    const visit *v = t->node ? find(w, t->node) : NULL;
    return is_source(w, t) || (v && v->useful);
}

static int step_back(walk *w, visit *v)
{
    cn__node *node = v->node;
    bool any = false;
    for (int k = 0; k < node->n_out; k++) {
        any = any || v->grad[k];
        if (!v->out[k] && node->saved) {
            v->out[k] = node->saved[k];
        } else if (!v->out[k] && !cn__pending()) {
            v->out[k] = cn__tensor_symbolic(node, k);
        }
    }
    if (!any) {
        return 0;
    }
    if (!node->op->gradient) {
        return cn__fail(CN_EUNSUPPORTED, "The op %s has no gradient", node->op->name);
    }
    cn_tensor *grads_in[CN__MAX_INPUTS] = {0};
    const walk *outer = current_walk;
    current_walk = w;
    bool before = cn__trace_freeze(true);
    int code = node->op->gradient(node, v->out, v->grad, grads_in);
    cn__trace_freeze(before);
    current_walk = outer;
    for (int i = 0; code == 0 && i < node->n_in; i++) {
        if (grads_in[i] && input_counts(node, i)) {
            code = deliver(w, node->in[i], grads_in[i]);
        }
    }
    return code < 0 ? code : cn_error_code();
}

static int gradients(const cn_tape *tape, int n_targets, cn_tensor *const *targets,
                     cn_tensor *const *output_gradients, int n_sources, cn_tensor *const *sources,
                     cn_tensor **grads)
{
    walk w = {.tape = tape, .n_sources = n_sources, .sources = sources, .grads = grads};
    memset(grads, 0, (size_t)n_sources * sizeof *grads);
    int code = collect(&w, n_targets, targets);
    for (int i = 0; code == 0 && i < n_targets; i++) {
        if (!cn__dtype_is_float(targets[i]->dtype)) {
            continue;
        }
        cn_tensor *g = output_gradients && output_gradients[i] ? output_gradients[i]
                                                               : cn_ones_like(targets[i]);
        code = g ? deliver(&w, targets[i], g) : cn_error_code();
    }
    for (int64_t k = w.n - 1; code == 0 && k >= 0; k--) {
        if (w.visits[k].useful) {
            code = step_back(&w, &w.visits[k]);
        }
    }
    cn__free_mem(w.visits);
    cn__free_mem(w.table);
    return code;
}

int cn__gradients(int n_targets, cn_tensor *const *targets, cn_tensor *const *output_gradients,
                  int n_sources, cn_tensor *const *sources, cn_tensor **grads)
{
    return gradients(NULL, n_targets, targets, output_gradients, n_sources, sources, grads);
}

/* In a trace a variable may stand for the value assigned to it, and reads of it for itself. */
static int check_gradient(cn_tape *tape, int n_targets, cn_tensor *const *targets, int n_sources,
                          cn_tensor *const *sources)
{
    int code = check_tape(tape, "cn_tape_gradient");
    for (int i = 0; code == 0 && i < n_targets; i++) {
        code = cn__expect(targets[i], CN__TENSOR, "cn_tape_gradient: target");
    }
    for (int i = 0; code == 0 && i < n_sources; i++) {
        code = cn__expect(sources[i], CN__TENSOR, "cn_tape_gradient: source");
    }
    if (code == 0 && tape->used && !tape->persistent) {
        code = cn__fail(CN_ESTATE, "A non-persistent GradientTape can only be used to compute one "
                                   "set of gradients (or jacobians)");
    }
    return code;
}

int cn_tape_gradients_with(cn_tape *tape, int n_targets, cn_tensor *const *targets, int n_sources,
                           cn_tensor *const *sources, cn_tensor **grads,
                           const cn_gradient_args *args)
{
    int code = check_gradient(tape, n_targets, targets, n_sources, sources);
    if (code < 0) {
        return code;
    }
    const char *unconnected = args && args->size ? args->unconnected_gradients : "none";
    bool zero = unconnected && !strcmp(unconnected, "zero");
    if (!zero && unconnected && strcmp(unconnected, "none")) {
        return cn__fail(CN_EVALUE, "Unknown value for unconnected_gradients: %.64s", unconnected);
    }
    if (!tape->persistent) {
        cn_tape_end(tape);
        tape->used = true;
    }
    cn_tensor *upstream[32] = {0};
    for (int i = 0; args && i < n_targets && i < 32; i++) {
        upstream[i] = args->output_gradients.v[i];
        if (upstream[i]) {
            code = cn__expect(upstream[i], CN__TENSOR, "cn_tape_gradient: output_gradients");
            if (code < 0) {
                return code;
            }
        }
    }
    if (n_targets > 32) {
        return cn__fail(CN_EVALUE, "cn_tape_gradient: expected at most 32 targets, got %d",
                        n_targets);
    }
    code = gradients(tape, n_targets, targets, upstream, n_sources, sources, grads);
    for (int i = 0; code == 0 && i < n_sources; i++) {
        if (!grads[i] && zero) {
            grads[i] = cn_zeros_like(sources[i]);
            code = grads[i] ? 0 : cn_error_code();
        }
    }
    return code;
}

cn_tensor *cn_tape_gradient_with(cn_tape *tape, cn_tensor *target, cn_tensor *source,
                                 const cn_gradient_args *args)
{
    cn_tensor *grad = NULL;
    return cn_tape_gradients_with(tape, 1, &target, 1, &source, &grad, args) < 0 ? NULL : grad;
}

cn_tensor *cn_tape_jacobian(cn_tape *tape, cn_tensor *target, cn_tensor *source)
{
    if (check_gradient(tape, 1, &target, 1, &source) < 0) {
        return NULL;
    }
    if (!cn__shape_known(&target->shape)) {
        cn__fail(CN_EVALUE, "cn_tape_jacobian: the target's shape must be known");
        return NULL;
    }
    if (!tape->persistent) {
        cn_tape_end(tape);
        tape->used = true;
    }
    int64_t n = cn__size(target);
    cn_tensor *rows = NULL;
    cn_shape shape = target->shape;
    for (int64_t i = 0; i < n; i++) {
        cn_tensor *one = cn_one_hot(cn__integer(i), n, target->dtype);
        one = cn_reshape_to(one, shape.rank, shape.dim);
        cn_tensor *grad = NULL;
        if (!one || gradients(tape, 1, &target, &one, 1, &source, &grad) < 0) {
            return NULL;
        }
        if (!grad) {
            return NULL;
        }
        grad = cn_expand_dims(grad, 0);
        rows = rows ? cn_concatenate(0, rows, grad) : grad;
    }
    int64_t dims[CN_MAX_RANK];
    if (!rows || shape.rank + source->shape.rank > CN_MAX_RANK) {
        if (rows) {
            cn__fail(CN_EVALUE, "cn_tape_jacobian: a jacobian of rank %d is over the limit of %d",
                     shape.rank + source->shape.rank, CN_MAX_RANK);
        }
        return NULL;
    }
    memcpy(dims, shape.dim, sizeof dims);
    for (int i = 0; i < source->shape.rank; i++) {
        dims[shape.rank + i] = source->shape.dim[i];
    }
    return cn_reshape_to(rows, shape.rank + source->shape.rank, dims);
}
