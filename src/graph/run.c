/* Running a program: contexts with their arenas, the walk over stages, variables brought into their
 * layouts. */
#include "core/threads.h"
#include "graph/program.h"
#include "kernels/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What one run needs: its arena, the calls with their addresses, scratch of each worker. */
typedef struct cn__context {
    struct cn__context *next;
    char *arena;
    cn__call *calls; /* one a planned call */
    cn__arg *args;
    cn__source *sources;
    void **worker_scratch;
    int workers;       /* how many have scratch */
    atomic_int *taken; /* tasks taken: groups × workers */
    double *seconds;   /* of each planned call, when a dump is wanted */
    uint64_t
        steady; /* 1 + the sum of the variables' versions that the steady stages saw; 0: none */
} cn__context;

enum { MAX_WORKERS = 256 };

static void free_context(cn__program *p, cn__context *c)
{
    if (c) {
        (void)p;
        cn__free_aligned(c->arena);
        cn__free_mem(c->calls);
        cn__free_mem(c->args);
        cn__free_mem(c->sources);
        for (int i = 0; c->worker_scratch && i < c->workers; i++) {
            cn__free_aligned(c->worker_scratch[i]);
        }
        cn__free_mem(c->worker_scratch);
        cn__free_mem(c->taken);
        cn__free_mem(c->seconds);
        cn__free_mem(c);
    }
}

static void destroy_program(void *object)
{
    cn__program *p = object;
    while (p->idle) {
        cn__context *c = p->idle;
        p->idle = c->next;
        free_context(p, c);
    }
    for (int64_t i = 0; i < p->n_values; i++) {
        cn__unref(p->values[i].tensor);
    }
    for (int64_t i = 0; i < p->n_insts; i++) {
        cn__free_mem(p->insts[i].extra);
    }
    cn__free_mem(p->values);
    cn__free_mem(p->insts);
    cn__free_mem(p->planned);
    cn__free_mem(p->groups);
    cn__free_mem(p->stages);
    cn__free_mem(p->inputs);
    cn__free_mem(p->outputs);
    if (p->lock) {
        pthread_mutex_destroy(p->lock);
        cn__free_mem(p->lock);
    }
}

static const cn__object_type program_type = {CN__PROGRAM, "program", destroy_program};

bool cn__dump_wanted(void)
{
    const char *value = getenv("CORNU_DUMP");
    return value && strstr(value, "graph");
}

static int plan(cn__program *p, const cn__trace *trace, const cn_shape *input_shapes)
{
    int code = cn__plan_build(p, trace, input_shapes);
    code = code < 0 ? code : cn__plan_simplify(p);
    if (code == 0 && cn__dump_wanted()) {
        cn__program_dump(p, "before the passes", NULL);
    }
    code = code < 0 ? code : cn__plan_fold_norm(p);
    code = code < 0 ? code : cn__plan_conv(p);
    code = code < 0 ? code : cn__plan_moments(p);
    code = code < 0 ? code : cn__plan_dense(p);
    code = code < 0 ? code : cn__plan_elementwise(p);
    code = code < 0 ? code : cn__plan_updates(p);
    code = code < 0 ? code : cn__plan_sort(p);
    code = code < 0 ? code : cn__plan_layout(p);
    code = code < 0 ? code : cn__plan_schedule(p);
    return code < 0 ? code : cn__plan_memory(p);
}

cn__program *cn__program_new(const cn__trace *trace, int64_t rows, const cn_shape *input_shapes)
{
    cn__program *p = cn__object_new_owned(&program_type, sizeof *p);
    if (!p) {
        return NULL;
    }
    p->rows = rows;
    p->lock = cn__malloc(sizeof(pthread_mutex_t));
    if (p->lock) {
        pthread_mutex_init(p->lock, NULL);
    }
    cn__trace *outer = cn__trace_suspend();
    cn_scope scope = cn_scope_begin();
    int code = p->lock ? plan(p, trace, input_shapes) : CN_ENOMEM;
    cn_scope_end(scope);
    cn__trace_resume(outer);
    if (code < 0) {
        cn__unref(p);
        return NULL;
    }
    return p;
}

static void *address(const cn__program *p, cn__context *c, int v)
{
    const cn__value *value = &p->values[cn__plan_root(p, v)];
    if (value->kind == CN__VALUE_INPUT) {
        return &c->sources[value->input];
    }
    const cn__value *own = value->home >= 0 ? &p->values[value->home] : value;
    if (own->kind == CN__VALUE_CONSTANT) {
        return own->tensor->data;
    }
    if (own->kind == CN__VALUE_VARIABLE) {
        cn__variable *variable = own->tensor->variable;
        return own->layout == CN__LAYOUT_ROW ? (void *)own->tensor->data : variable->packed;
    }
    return c->arena + value->offset;
}

static cn__context *new_context(cn__program *p)
{
    cn__context *c = cn__calloc(1, sizeof *c);
    int64_t args = 0;
    for (int64_t i = 0; i < p->n_planned; i++) {
        const cn__inst *inst = &p->insts[p->planned[i].inst];
        args += inst->n_in + inst->n_out;
    }
    if (c) {
        c->arena = cn__malloc_aligned((size_t)p->arena_bytes + 64);
        c->calls = cn__calloc((size_t)p->n_planned + 1, sizeof *c->calls);
        c->args = cn__calloc((size_t)args + 1, sizeof *c->args);
        c->sources = cn__calloc((size_t)p->n_inputs + 1, sizeof *c->sources);
        c->worker_scratch = cn__calloc(MAX_WORKERS, sizeof *c->worker_scratch);
        c->seconds = cn__calloc((size_t)p->n_planned + 1, sizeof *c->seconds);
    }
    if (!c || !c->arena || !c->calls || !c->args || !c->sources || !c->worker_scratch ||
        !c->seconds) {
        free_context(p, c);
        return NULL;
    }
    cn__arg *next = c->args;
    for (int64_t i = 0; i < p->n_planned; i++) {
        const cn__inst *inst = &p->insts[p->planned[i].inst];
        cn__call *call = &c->calls[i];
        cn__plan_call(p, inst, call, next, next + inst->n_in);
        next += inst->n_in + inst->n_out;
        for (int k = 0; k < inst->n_in; k++) {
            call->in[k].data = inst->shape_only >> k & 1 ? NULL : address(p, c, inst->in[k]);
        }
        for (int k = 0; k < inst->n_out; k++) {
            call->out[k].data = address(p, c, inst->out[k]);
        }
    }
    return c;
}

static cn__context *take_context(cn__program *p)
{
    pthread_mutex_lock(p->lock);
    cn__context *c = p->idle;
    if (c) {
        p->idle = c->next;
    } else {
        p->n_contexts++;
    }
    pthread_mutex_unlock(p->lock);
    return c ? c : new_context(p);
}

static void give_context(cn__program *p, cn__context *c)
{
    pthread_mutex_lock(p->lock);
    c->next = p->idle;
    p->idle = c;
    pthread_mutex_unlock(p->lock);
}

/* One walk over the stages by all workers. */
typedef struct walk {
    cn__program *p;
    cn__context *context;
    cn__barrier barrier;
    atomic_int code;
    atomic_int_least64_t
        bad_task; /* the lowest (group, task) that failed: its message is the one that counts */
    bool timed, several; /* several workers */
    int64_t first_stage;
} walk;

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The slice of a batched argument that holds rows r0 … r1 - 1. */
static void slice_arg(cn__arg *arg, const cn__value *value, const cn__value *root, int64_t rows,
                      int64_t r0, int64_t r1, int64_t chunk)
{
    if (root->chunk_bytes) {
        arg->data = (char *)arg->data + r0 / chunk * root->chunk_bytes;
        return;
    }
    if (!value->batched || value->kind == CN__VALUE_INPUT || !arg->data) {
        return;
    }
    if (arg->layout == CN__LAYOUT_P16) {
        arg->data = (float *)arg->data + r0 * 16;
    } else {
        int64_t row = value->bytes / rows;
        arg->data = (char *)arg->data + r0 * row;
    }
    arg->shape.dim[0] = r1 - r0;
}

/* Units [begin, end) of planned call i, with the arguments of `call`. */
static int run_units(walk *w, int i, const cn__call *call, int64_t begin, int64_t end)
{
    double start = w->timed ? seconds_now() : 0;
    int code = w->p->planned[i].kernel->run(call, begin, end);
    if (w->timed) {
        w->context->seconds[i] += seconds_now() - start;
    }
    return code;
}

static int run_rows(walk *w, const cn__group *group, int64_t task, void *scratch)
{
    const cn__program *p = w->p;
    int64_t r0 = task * p->chunk, r1 = r0 + p->chunk < p->rows ? r0 + p->chunk : p->rows;
    for (int i = group->first; i < group->first + group->count; i++) {
        const cn__planned *planned = &p->planned[i];
        const cn__inst *inst = &p->insts[planned->inst];
        cn__arg args[CN__MAX_ARGS];
        cn__call call = w->context->calls[i];
        memcpy(args, call.in, (size_t)call.n_in * sizeof *args);
        memcpy(args + call.n_in, call.out, (size_t)call.n_out * sizeof *args);
        for (int k = 0; k < call.n_in + call.n_out; k++) {
            int v = k < call.n_in ? inst->in[k] : inst->out[k - call.n_in];
            slice_arg(&args[k], &p->values[v], &p->values[cn__plan_root(p, v)], p->rows, r0, r1,
                      p->chunk);
        }
        call.in = args;
        call.out = args + call.n_in;
        call.scratch = scratch;
        call.row0 = r0;
        int64_t units = planned->kernel->units ? planned->kernel->units(&call) : 1;
        int code = run_units(w, i, &call, 0, units);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* `tasks` tasks of a group from `task` on: of a WHOLE one their units together, of others one. */
static int run_calls(walk *w, const cn__group *group, int64_t task, int64_t tasks, void *scratch)
{
    if (group->mode == CN__MODE_ROWS) {
        return run_rows(w, group, task, scratch);
    }
    for (int i = group->first; i < group->first + group->count; i++) {
        cn__call call = w->context->calls[i];
        call.scratch = scratch;
        int64_t begin = 0, end = w->p->planned[i].units;
        if (group->mode == CN__MODE_WHOLE) {
            int64_t stop = (task + tasks) * group->grain;
            begin = task * group->grain;
            end = stop < end ? stop : end;
        }
        int code = run_units(w, i, &call, begin, end);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* The failure that counts is the one that a single thread would have met first. */
static void note_failure(walk *w, int group, int64_t task, int code)
{
    int64_t place = (int64_t)group << 32 | task, known = atomic_load(&w->bad_task);
    while (place < known && !atomic_compare_exchange_weak(&w->bad_task, &known, place)) {}
    if (place <= known) {
        atomic_store(&w->code, code);
    }
}

static void run_tasks(walk *w, int g, int64_t task, int64_t tasks, void *scratch)
{
    int code = run_calls(w, &w->p->groups[g], task, tasks, scratch);
    if (code < 0) {
        note_failure(w, g, task, code);
        /* Of several workers' messages one counts: the failing task is run again for it. */
        if (w->several) {
            cn_error_clear();
        }
    }
}

/* Each worker has a share of every group's tasks, the same in every step, so that it finds its
 * weights in its own cache; who is done takes from the others. */
static void run_share(walk *w, int g, int owner, int workers, void *scratch)
{
    const cn__group *group = &w->p->groups[g];
    int64_t begin = group->tasks * owner / workers, end = group->tasks * (owner + 1) / workers;
    atomic_int *taken = &w->context->taken[(int64_t)g * workers + owner];
    while (atomic_load_explicit(taken, memory_order_relaxed) < end - begin) {
        int64_t t = begin + atomic_fetch_add_explicit(taken, 1, memory_order_relaxed);
        if (t >= end) {
            break;
        }
        run_tasks(w, g, t, 1, scratch);
    }
}

static void run_stage(walk *w, int64_t s, int worker, int workers, void *scratch)
{
    const cn__stage *stage = &w->p->stages[s];
    for (int k = 0; k < workers; k++) {
        for (int g = stage->first; g < stage->first + stage->count; g++) {
            run_share(w, g, (worker + k) % workers, workers, scratch);
        }
    }
}

static void run_worker(void *user, int worker, int workers)
{
    walk *w = user;
    void *scratch = w->context->worker_scratch[worker];
    /* Fewer may take part than were asked. Nobody can be the last at the barrier before this worker
     * is there too. */
    if (worker == 0) {
        w->barrier.workers = workers;
    }
    for (int64_t s = w->first_stage; s < w->p->n_stages; s++) {
        run_stage(w, s, worker, workers, scratch);
        if (workers > 1) {
            cn__barrier_wait(&w->barrier);
        }
        /* Only what failed before the barrier: a worker that is ahead may have failed in the next
         * stage by now, and would wait there for this one. */
        const cn__stage *stage = &w->p->stages[s];
        if (atomic_load(&w->bad_task) >> 32 < stage->first + stage->count) {
            return;
        }
    }
}

/* A call that others do not share is not cut either: a product with one row reads its weights
 * fastest in long pieces. Its tasks have the same bits together as apart. */
static void run_alone(walk *w)
{
    void *scratch = w->context->worker_scratch[0];
    int first = w->first_stage < w->p->n_stages ? w->p->stages[w->first_stage].first : 0;
    for (int g = first; g < w->p->n_groups && atomic_load(&w->code) == 0; g++) {
        const cn__group *group = &w->p->groups[g];
        int64_t step = group->mode == CN__MODE_WHOLE && group->tasks > 1 ? group->tasks : 1;
        for (int64_t t = 0; t < group->tasks && atomic_load(&w->code) == 0; t += step) {
            run_tasks(w, g, t, step, scratch);
        }
    }
}

static pthread_mutex_t layout_lock = PTHREAD_MUTEX_INITIALIZER;

/* The canonical value is brought up to date from the packed one. The lock is held. */
static void unpack_now(cn_tensor *t)
{
    cn__variable *v = t->variable;
    if (v->canonical_stale) {
        const cn__cpu *cpu = cn__cpu_get();
        int64_t k = t->shape.dim[0], n = t->shape.dim[1];
        if (v->packed_layout == CN__LAYOUT_W32) {
            cpu->unpack_w32(v->packed, cn__w32_stride(k), k, n, (float *)t->data, n, 0,
                            cn__units(n, 32));
        } else {
            cpu->unpack_wt(v->packed, cn__wt_stride(k), k, n, (float *)t->data, n, 0,
                           cn__units(k, CN__UNIT_K));
        }
        v->canonical_stale = false;
    }
}

static void unpack_variable(cn_tensor *t)
{
    pthread_mutex_lock(&layout_lock);
    unpack_now(t);
    pthread_mutex_unlock(&layout_lock);
}

static int pack_now(cn_tensor *t, int layout)
{
    cn__variable *v = t->variable;
    int64_t k = t->shape.dim[0], n = t->shape.dim[1];
    const cn__cpu *cpu = cn__cpu_get();
    if (!v->packed) {
        size_t bytes =
            4 * (size_t)(layout == CN__LAYOUT_W32 ? cn__w32_size(k, n) : cn__wt_size(k, n));
        v->packed = cn__malloc_aligned(bytes);
        if (!v->packed) {
            return CN_ENOMEM;
        }
        /* The padding between panels is never written, but copied and read by vector kernels: it
         * must be numbers. */
        memset(v->packed, 0, bytes);
        v->packed_bytes = bytes;
        v->packed_layout = layout;
        v->packed_stale = true;
        v->unpack = unpack_variable;
    }
    if (v->packed_layout != layout) {
        return cn__fail(CN_ESTATE, "The variable %s is kept in two layouts", v->name);
    }
    if (v->packed_stale) {
        const float *data = (const float *)t->data;
        if (layout == CN__LAYOUT_W32) {
            cpu->pack_w32(data, n, k, n, v->packed, cn__w32_stride(k), 0, cn__units(n, 32));
        } else {
            cpu->pack_wt(data, n, k, n, v->packed, cn__wt_stride(k), 0, cn__units(k, CN__UNIT_K));
        }
        v->packed_stale = false;
    }
    return 0;
}

/* Every variable of the program is up to date in the layout in which the program reads it; versions
 * only grow, so that their sum changes whenever one of them does. Several
 * threads may predict with the same weights, so one at a time looks and packs. */
static int prepare_variables(cn__program *p, uint64_t *versions)
{
    int code = 0;
    *versions = 1;
    pthread_mutex_lock(&layout_lock);
    for (int64_t i = 0; code == 0 && i < p->n_values; i++) {
        const cn__value *value = &p->values[i];
        if (value->kind != CN__VALUE_VARIABLE) {
            continue;
        }
        cn__variable *v = value->tensor->variable;
        *versions += v->version;
        if (value->layout == CN__LAYOUT_ROW) {
            unpack_now(value->tensor);
        } else if (!v->packed || v->packed_stale) {
            code = pack_now(value->tensor, value->layout);
        } else if (v->packed_layout != value->layout) {
            code = cn__fail(CN_ESTATE, "The variable %s is kept in two layouts", v->name);
        }
    }
    pthread_mutex_unlock(&layout_lock);
    return code;
}

/* What a run wrote makes the other layout stale. */
static void note_writes(cn__program *p)
{
    for (int64_t i = 0; i < p->n_values; i++) {
        int home = p->values[i].home;
        if (home >= 0) {
            cn__variable *v = p->values[home].tensor->variable;
            bool packed = p->values[home].layout != CN__LAYOUT_ROW;
            v->version++;
            v->canonical_stale = packed;
            v->packed_stale = !packed;
        }
    }
}

/* Each worker's scratch is made the first time that so many run. */
static int give_scratch(const cn__program *p, cn__context *c, int workers)
{
    if (c->workers < workers) {
        atomic_int *taken = cn__calloc((size_t)(p->n_groups * workers + 1), sizeof *taken);
        if (!taken) {
            return CN_ENOMEM;
        }
        cn__free_mem(c->taken);
        c->taken = taken;
    }
    while (c->workers < workers) {
        void *scratch = cn__malloc_aligned(p->scratch_bytes + 64);
        if (!scratch) {
            return CN_ENOMEM;
        }
        c->worker_scratch[c->workers++] = scratch;
    }
    return 0;
}

static int run_walk(cn__program *p, cn__context *c, uint64_t versions)
{
    enum {
        WORTH_THREADS = 120000
    }; /* nanoseconds: waking a thread takes some microseconds, and a busy machine much longer */
    int workers = p->cost < WORTH_THREADS ? 1 : cn__thread_count();
    workers = workers > MAX_WORKERS ? MAX_WORKERS : workers;
    int code = give_scratch(p, c, workers);
    if (code < 0) {
        return code;
    }
    walk w = {.p = p, .context = c, .timed = cn__dump_wanted()};
    w.first_stage = c->steady == versions ? p->steady_stages : 0;
    atomic_store(&w.bad_task, INT64_MAX);
    if (workers > 1) {
        for (int64_t i = 0; i < p->n_groups * workers; i++) {
            atomic_store_explicit(&c->taken[i], 0, memory_order_relaxed);
        }
        w.several = true;
        cn__barrier_init(&w.barrier, workers);
        cn__parallel(workers, run_worker, &w);
    } else {
        run_alone(&w);
    }
    code = atomic_load(&w.code);
    if (code < 0 && !cn__pending()) {
        int64_t place = atomic_load(&w.bad_task);
        w.several = false;
        run_tasks(&w, (int)(place >> 32), place & 0xffffffff, 1, c->worker_scratch[0]);
        if (!cn__pending()) {
            cn__fail(code, "A step of the program failed");
        }
        code = cn_error_code();
    }
    return code;
}

int cn__program_run(cn__program *p, const cn__source *inputs, void *const *outputs)
{
    uint64_t versions;
    int code = prepare_variables(p, &versions);
    cn__context *c = code == 0 ? take_context(p) : NULL;
    if (!c) {
        return code < 0 ? code : cn_error_code();
    }
    for (int i = 0; i < p->n_inputs; i++) {
        c->sources[i] = inputs[i];
    }
    code = run_walk(p, c, versions);
    if (code == 0) {
        c->steady = versions;
        note_writes(p);
    }
    for (int i = 0; code == 0 && outputs && i < p->n_outputs; i++) {
        if (outputs[i]) {
            memcpy(outputs[i], address(p, c, p->outputs[i]),
                   (size_t)p->values[p->outputs[i]].bytes);
        }
    }
    if (code == 0 && cn__dump_wanted()) {
        cn__program_dump(p, "run", c->seconds);
        memset(c->seconds, 0, (size_t)p->n_planned * sizeof *c->seconds);
    }
    give_context(p, c);
    return code;
}
