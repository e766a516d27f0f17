/* Stages: which instructions run together between two barriers, and how each is split. */
#include "graph/conv_extra.h"
#include "kernels/registry.h"

#include <string.h>

void cn__plan_call(const cn__program *p, const cn__inst *inst, cn__call *call, cn__arg *in,
                   cn__arg *out)
{
    memset(call, 0, sizeof *call);
    for (int k = 0; k < inst->n_in + inst->n_out; k++) {
        bool input = k < inst->n_in;
        const cn__value *value = &p->values[input ? inst->in[k] : inst->out[k - inst->n_in]];
        cn__arg *arg = input ? &in[k] : &out[k - inst->n_in];
        *arg = (cn__arg){.dtype = value->dtype,
                         .shape = value->shape,
                         .layout = value->layout,
                         .stride = value->stride};
    }
    call->op = inst->op;
    call->attrs = &inst->attrs;
    call->n_in = inst->n_in;
    call->n_out = inst->n_out;
    call->in = in;
    call->out = out;
    call->extra = inst->extra;
}

static int64_t elements(const cn__program *p, int v)
{
    return cn__shape_size(&p->values[v].shape);
}

/* About how many nanoseconds one thread takes: from shapes alone, so that plans do not depend on
 * the machine's mood. */
static int64_t estimate(const cn__program *p, const cn__inst *inst)
{
    double bytes = 0, work = 0;
    for (int k = 0; k < inst->n_in; k++) {
        if (!(inst->shape_only >> k & 1)) {
            bytes += (double)p->values[inst->in[k]].bytes;
        }
    }
    for (int k = 0; k < inst->n_out; k++) {
        bytes += (double)p->values[inst->out[k]].bytes;
    }
    const cn_shape *a = inst->n_in ? &p->values[inst->in[0]].shape : NULL;
    if (inst->op == &cn__op_dense || inst->op == &cn__op_dense_dx || inst->op == &cn__op_matmul) {
        double k =
            a->rank ? (double)a->dim[inst->attrs.i[0] && inst->op == &cn__op_matmul ? a->rank - 2
                                                                                    : a->rank - 1]
                    : 1;
        work = 2 * k * (double)elements(p, inst->out[0]) / 60;
    } else if (inst->op == &cn__op_dense_dw) {
        work = 2 * (double)a->dim[0] * (double)a->dim[1] *
               (double)p->values[inst->in[1]].shape.dim[1] / 60;
    } else if (inst->op == &cn__op_conv || inst->op == &cn__op_conv_gradient_input ||
               inst->op == &cn__op_conv_gradient_kernel) {
        int64_t most = 0, least = INT64_MAX;
        for (int k = 0; k < inst->n_in + inst->n_out; k++) {
            int64_t n = elements(p, k < inst->n_in ? inst->in[k] : inst->out[k - inst->n_in]);
            most = n > most ? n : most;
            least = n < least ? n : least;
        }
        work = 2 * (double)most * (double)least / 60 / 16;
    } else if (inst->op == &cn__op_conv_block || inst->op == &cn__op_conv_block_gradient) {
        const cn__block *b = &((const cn__conv_extra *)inst->extra)->block;
        work = 18.0 * (double)p->rows * b->oh * b->ow * b->cin * b->cout / 80;
    } else if (inst->op == &cn__op_elementwise || inst->op == &cn__op_elementwise_sums) {
        int64_t most = 0;
        for (int k = 0; k < inst->n_in + inst->n_out; k++) {
            int64_t n = elements(p, k < inst->n_in ? inst->in[k] : inst->out[k - inst->n_in]);
            most = n > most ? n : most;
        }
        work = (double)most * ((const cn__ew_extra *)inst->extra)->program.n_step * 0.08;
    } else {
        work = bytes * 0.25; /* a plain kernel: about a nanosecond an element */
    }
    return (int64_t)(work + bytes * 0.03) + 50;
}

enum {
    SERIAL_LIMIT = 20000,   /* nanoseconds: below it a barrier costs more than it brings */
    CHUNK_ROWS = 16,        /* rows a chunk */
    TASK_COST = 12000,      /* nanoseconds that a task should take at least */
    PARTIAL_LIMIT = 4 << 20 /* bytes of partial sums of one value */
};

static bool has_home(const cn__program *p, const cn__inst *inst)
{
    for (int k = 0; k < inst->n_out; k++) {
        if (p->values[inst->out[k]].home >= 0) {
            return true;
        }
    }
    return false;
}

static cn__mode choose_mode(cn__program *p, cn__inst *inst)
{
    bool home = has_home(p, inst);
    if (p->rows > 0 && inst->batch == CN__BATCH_ROW && !home) {
        return CN__MODE_ROWS;
    }
    if (p->rows > p->chunk && inst->batch == CN__BATCH_REDUCE && inst->n_out == 1 && !home &&
        !p->values[inst->out[0]].output && p->values[inst->out[0]].layout == CN__LAYOUT_ROW) {
        int64_t chunks = (p->rows + p->chunk - 1) / p->chunk, bytes;
        cn__value *out = &p->values[inst->out[0]];
        if ((out->dtype == CN_FLOAT32 || out->dtype == CN_FLOAT64) &&
            cn__mul_size(chunks, out->bytes, &bytes) && bytes <= PARTIAL_LIMIT &&
            inst->cost > SERIAL_LIMIT) {
            return CN__MODE_ROWS;
        }
    }
    return inst->cost < SERIAL_LIMIT ? CN__MODE_SERIAL : CN__MODE_WHOLE;
}

/* Whether output k of an instruction that runs chunk by chunk is a sum over the batch. */
static bool is_partial(const cn__program *p, const cn__inst *inst, int k)
{
    return inst->mode == CN__MODE_ROWS && !(inst->op->flags & CN__OP_VIEW) &&
           !p->values[inst->out[k]].batched;
}

static int add_partial_sum(cn__program *p, int64_t i, int k)
{
    int total = p->insts[i].out[k];
    cn__value part = p->values[total];
    part.tensor = NULL;
    part.chunk_bytes = (part.bytes + 63) / 64 * 64;
    int v = cn__plan_value(p, part);
    if (v < 0) {
        return v;
    }
    p->insts[i].out[k] = v;
    p->values[v].producer = (int)i;
    cn__inst *sum = cn__plan_inst(p, &cn__op_sum_chunks, 1, &v, 1, &total);
    if (!sum) {
        return cn_error_code();
    }
    sum->batch = CN__BATCH_NONE;
    sum->attrs.i[0] = (p->rows + p->chunk - 1) / p->chunk;
    sum->attrs.i[1] = part.chunk_bytes;
    sum->cost = sum->attrs.i[0] * part.bytes / 16 + 50;
    sum->mode = sum->cost < SERIAL_LIMIT ? CN__MODE_SERIAL : CN__MODE_WHOLE;
    return 0;
}

/* A sum over the batch that is made chunk by chunk is followed by the sum of its parts, in the
 * order of the chunks. */
static int add_partial_sums(cn__program *p)
{
    int64_t n = p->n_insts;
    int code = 0;
    for (int64_t i = 0; code == 0 && i < n; i++) {
        for (int k = 0; code == 0 && k < p->insts[i].n_out; k++) {
            if (is_partial(p, &p->insts[i], k)) {
                code = add_partial_sum(p, i, k);
            }
        }
    }
    return code < 0 ? code : cn__plan_sort(p);
}

typedef struct scheduler {
    cn__program *p;
    int **before;
    int *counts;
    int *stage; /* of each instruction; 0: not placed; counted from 1 */
} scheduler;

static bool is_view(const cn__inst *inst)
{
    return inst->op->flags & CN__OP_VIEW;
}

/* Whether an instruction can run in stage `now`: what it needs is in earlier stages, or in its own
 * group of this one. */
static bool is_ready(const scheduler *s, int64_t i, int now)
{
    const cn__program *p = s->p;
    const cn__inst *inst = &p->insts[i];
    for (int k = 0; k < s->counts[i]; k++) {
        int64_t from = s->before[i][k];
        if (s->stage[from] && s->stage[from] < now) {
            continue;
        }
        bool same_group = s->stage[from] == now && !is_view(inst) &&
                          p->insts[from].mode == inst->mode && inst->mode != CN__MODE_WHOLE &&
                          !(inst->mode == CN__MODE_ROWS &&
                            p->insts[from].batch == CN__BATCH_REDUCE && !is_view(&p->insts[from]));
        if (is_view(inst)) {
            same_group = s->stage[from] == now;
        } else if (s->stage[from] == now && is_view(&p->insts[from])) {
            /* A view belongs to the group of what it looks at, which is asked too; but one that
             * does not keep the rows apart is complete only when the stage is. */
            same_group = inst->mode == CN__MODE_SERIAL || p->insts[from].batch == CN__BATCH_ROW;
        }
        if (!same_group) {
            return false;
        }
    }
    return true;
}

static int list_before(scheduler *s)
{
    cn__program *p = s->p;
    for (int64_t i = 0; i < p->n_insts; i++) {
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

static int add_planned(cn__program *p, int64_t i)
{
    cn__call call;
    cn__arg in[CN__MAX_INPUTS], out[CN__MAX_OUTPUTS];
    cn__plan_call(p, &p->insts[i], &call, in, out);
    const cn__kernel *kernel = cn__kernel_for(&call);
    if (!kernel) {
        return cn__fail(CN_EUNSUPPORTED, "%s: no kernel for these types", call.op->name);
    }
    if (cn__grow((void **)&p->planned, &p->planned_capacity, p->n_planned + 1, sizeof *p->planned) <
        0) {
        return CN_ENOMEM;
    }
    cn__planned *planned = &p->planned[p->n_planned++];
    *planned = (cn__planned){.inst = (int)i, .kernel = kernel};
    planned->units = kernel->units ? kernel->units(&call) : 1;
    planned->scratch = kernel->scratch_bytes ? kernel->scratch_bytes(&call) : 0;
    if (planned->scratch > p->scratch_bytes) {
        p->scratch_bytes = planned->scratch;
    }
    return 0;
}

static int add_group(cn__program *p, cn__mode mode, int first, int64_t cost)
{
    if (first == p->n_planned) {
        return 0;
    }
    if (cn__grow((void **)&p->groups, &p->groups_capacity, p->n_groups + 1, sizeof *p->groups) <
        0) {
        return CN_ENOMEM;
    }
    cn__group *group = &p->groups[p->n_groups++];
    *group = (cn__group){.mode = mode, .first = first, .count = (int)p->n_planned - first};
    group->tasks = group->grain = 1;
    if (mode == CN__MODE_ROWS) {
        group->tasks = (p->rows + p->chunk - 1) / p->chunk;
    } else if (mode == CN__MODE_WHOLE) {
        int64_t units = p->planned[first].units, most = cost / TASK_COST + 1;
        most = most > 64 ? 64 : most;
        group->grain = units <= most ? 1 : (units + most - 1) / most;
        group->tasks = units ? (units + group->grain - 1) / group->grain : 1;
    }
    cn__stage *stage = &p->stages[p->n_stages - 1];
    stage->count++;
    stage->tasks += group->tasks;
    stage->cost += cost;
    p->cost += p->insts[p->planned[first].inst].steady ? 0 : cost;
    return 0;
}

/* Writes the groups of a stage: the serial one first (its chain may be long), then whole calls,
 * then the rows. */
static int emit_stage(scheduler *s, int now)
{
    cn__program *p = s->p;
    if (cn__grow((void **)&p->stages, &p->stages_capacity, p->n_stages + 1, sizeof *p->stages) <
        0) {
        return CN_ENOMEM;
    }
    p->stages[p->n_stages++] = (cn__stage){.first = (int)p->n_groups};
    static const cn__mode modes[] = {CN__MODE_SERIAL, CN__MODE_WHOLE, CN__MODE_ROWS};
    int code = 0;
    for (int m = 0; code == 0 && m < 3; m++) {
        int first = (int)p->n_planned;
        int64_t cost = 0;
        for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
            cn__inst *inst = &p->insts[i];
            if (s->stage[i] != now || is_view(inst) || inst->mode != modes[m]) {
                continue;
            }
            code = add_planned(p, i);
            cost += inst->cost;
            if (code == 0 && modes[m] == CN__MODE_WHOLE) {
                code = add_group(p, modes[m], first, cost);
                first = (int)p->n_planned;
                cost = 0;
            }
        }
        if (code == 0) {
            code = add_group(p, modes[m], first, cost);
        }
    }
    if (code == 0 && !p->stages[p->n_stages - 1].count) {
        p->n_stages--;
    }
    return code;
}

/* What depends on variables only: packed kernels, folded normalizations. Instructions are in order.
 */
static int64_t mark_steady(cn__program *p)
{
    int64_t n = 0;
    bool any = cn__plan_enabled("steady") && !cn__plan_assigns(p);
    for (int64_t i = 0; i < p->n_insts; i++) {
        cn__inst *inst = &p->insts[i];
        bool steady = any && inst->n_in > 0 && inst->batch != CN__BATCH_ROW &&
                      inst->op != &cn__op_while_loop && /* calls functions, which may do anything */
                      !(inst->op->flags & (CN__OP_RANDOM | CN__OP_EFFECT | CN__OP_CHECKS));
        for (int k = 0; steady && k < inst->n_in; k++) {
            const cn__value *in = &p->values[inst->in[k]];
            int maker = in->producer;
            steady = in->kind == CN__VALUE_VARIABLE || in->kind == CN__VALUE_CONSTANT ||
                     (maker >= 0 && maker < i && p->insts[maker].steady);
        }
        for (int k = 0; steady && k < inst->n_out; k++) {
            steady = !p->values[inst->out[k]].batched;
        }
        inst->steady = steady;
        n += steady;
    }
    return n;
}

static int place(scheduler *s)
{
    cn__program *p = s->p;
    int64_t left = p->n_insts, steady = mark_steady(p);
    int code = 0;
    for (int now = 1; code == 0 && left; now++) {
        bool only_steady = steady > 0;
        bool any = false;
        /* Instructions are in order, so one pass finds every chain that can start in this stage. */
        for (int64_t i = 0; i < p->n_insts; i++) {
            if (!s->stage[i] && (!only_steady || p->insts[i].steady) && is_ready(s, i, now)) {
                s->stage[i] = now;
                p->insts[i].stage = now;
                any = true;
                left--;
                steady -= p->insts[i].steady;
            }
        }
        if (!any) {
            return cn__fail(CN_ESTATE, "The program's instructions depend on each other in a ring");
        }
        code = emit_stage(s, now);
        p->steady_stages = only_steady ? p->n_stages : p->steady_stages;
    }
    return code;
}

/* Chunks are larger where a buffer of sums for each would take too much memory. */
static int64_t choose_chunk(const cn__program *p)
{
    enum { ALL_PARTIALS = 48 << 20 }; /* bytes */
    int64_t bytes = 0, chunk = CHUNK_ROWS;
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        for (int k = 0; inst->op == &cn__op_conv_block_gradient && k < inst->n_out; k++) {
            const cn__value *out = &p->values[inst->out[k]];
            bytes += out->batched ? 0 : out->bytes;
        }
    }
    while (chunk < p->rows && bytes * ((p->rows + chunk - 1) / chunk) > ALL_PARTIALS) {
        chunk *= 2;
    }
    return chunk;
}

int cn__plan_schedule(cn__program *p)
{
    p->chunk = choose_chunk(p);
    for (int64_t i = 0; i < p->n_insts; i++) {
        p->insts[i].cost = is_view(&p->insts[i]) ? 0 : estimate(p, &p->insts[i]);
    }
    for (int64_t i = 0; i < p->n_insts; i++) {
        p->insts[i].mode = choose_mode(p, &p->insts[i]);
        if (is_view(&p->insts[i])) {
            int from = p->values[p->insts[i].in[0]].producer;
            p->insts[i].mode = from >= 0 ? p->insts[from].mode : CN__MODE_SERIAL;
        }
    }
    int code = add_partial_sums(p);
    size_t n = (size_t)p->n_insts + 1;
    scheduler s = {.p = p,
                   .before = cn__calloc(n, sizeof(int *)),
                   .counts = cn__calloc(n, sizeof(int)),
                   .stage = cn__calloc(n, sizeof(int))};
    if (code == 0) {
        code = s.before && s.counts && s.stage ? list_before(&s) : CN_ENOMEM;
    }
    if (code == 0) {
        code = place(&s);
    }
    for (size_t i = 0; s.before && i < n; i++) {
        cn__free_mem(s.before[i]);
    }
    cn__free_mem(s.before);
    cn__free_mem(s.counts);
    cn__free_mem(s.stage);
    return code;
}
