/* Passes that keep the meaning: dead code, constants folded, equal instructions merged, identities
 * removed. */
#include "graph/program.h"
#include "kernels/registry.h"

#include <stdlib.h>
#include <string.h>

bool cn__plan_enabled(const char *pass)
{
    const char *setting = getenv("CORNU_PLAN");
    const char *found = setting ? strstr(setting, pass) : NULL;
    size_t n = strlen(pass);
    return !(found && found > setting && found[-1] == '-' && (!found[n] || found[n] == ',')) &&
           !(setting && !strcmp(setting, "none"));
}

static bool is_root(const cn__program *p, const cn__inst *inst)
{
    if (inst->op->flags & CN__OP_EFFECT) {
        return true;
    }
    for (int k = 0; k < inst->n_out; k++) {
        const cn__value *value = &p->values[inst->out[k]];
        if (value->output || value->home >= 0) {
            return true;
        }
    }
    return false;
}

void cn__plan_sweep(cn__program *p)
{
    /* Instructions may have been added out of order, so need is spread until nothing changes. */
    for (int64_t i = 0; i < p->n_values; i++) {
        p->values[i].first = 0; /* here: needed */
    }
    for (int i = 0; i < p->n_outputs; i++) {
        p->values[p->outputs[i]].first = 1;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int64_t i = p->n_insts - 1; i >= 0; i--) {
            cn__inst *inst = &p->insts[i];
            if (inst->dead || inst->stage) {
                continue;
            }
            bool needed = is_root(p, inst);
            for (int k = 0; k < inst->n_out; k++) {
                needed = needed || p->values[inst->out[k]].first;
            }
            if (needed) {
                inst->stage = 1; /* here: kept */
                changed = true;
                for (int k = 0; k < inst->n_in; k++) {
                    if (!(inst->shape_only >> k & 1)) {
                        p->values[inst->in[k]].first = 1;
                    }
                }
            }
        }
    }
    for (int64_t i = 0; i < p->n_values; i++) {
        p->values[i].producer = -1;
        p->values[i].first = 0;
    }
    for (int64_t i = 0; i < p->n_insts; i++) {
        cn__inst *inst = &p->insts[i];
        inst->dead = inst->dead || !inst->stage;
        inst->stage = 0;
        for (int k = 0; !inst->dead && k < inst->n_out; k++) {
            p->values[inst->out[k]].producer = (int)i;
        }
    }
}

/* The state of the pass: which value each value has become, and tables of what can be met again. */
typedef struct simplifier {
    cn__program *p;
    int *to;         /* of each value; itself if nothing has replaced it */
    int64_t *bucket; /* by hash: the last instruction with it + 1 */
    int64_t *chain;  /* the one before it + 1 */
    uint64_t *hash;  /* of each instruction kept */
    int64_t buckets; /* a power of two */
    int *constants;  /* small constants met so far */
    int64_t n_constants, constants_capacity;
} simplifier;

static int resolve(const simplifier *s, int value)
{
    while (s->to[value] != value) {
        value = s->to[value] = s->to[s->to[value]];
    }
    return value;
}

/* The one number that a constant consists of; false if there is none or it has many. */
static bool constant_number(const cn__program *p, int v, double *number)
{
    const cn__value *value = &p->values[v];
    if (value->kind != CN__VALUE_CONSTANT || cn__shape_size(&value->shape) < 1) {
        return false;
    }
    const void *data = cn__data(value->tensor);
    int64_t n = cn__shape_size(&value->shape);
    *number = cn__read(value->dtype, data, 0);
    for (int64_t i = 1; i < n; i++) {
        if (cn__read(value->dtype, data, i) != *number) {
            return false;
        }
    }
    return true;
}

/* Runs an instruction whose inputs are all constants (or read for their shape only). */
static int fold(cn__program *p, cn__inst *inst)
{
    enum { LIMIT = 65536 }; /* elements: larger constants would cost more to keep than to make */
    if (inst->op->flags & (CN__OP_RANDOM | CN__OP_EFFECT | CN__OP_INTERNAL) || !inst->op->infer) {
        return 0;
    }
    for (int i = 0; i < inst->n_in; i++) {
        if (!(inst->shape_only >> i & 1) && p->values[inst->in[i]].kind != CN__VALUE_CONSTANT) {
            return 0;
        }
    }
    for (int k = 0; k < inst->n_out; k++) {
        if (cn__shape_size(&p->values[inst->out[k]].shape) > LIMIT) {
            return 0;
        }
    }
    cn__arg in[CN__MAX_INPUTS], out[CN__MAX_OUTPUTS];
    cn_tensor *results[CN__MAX_OUTPUTS] = {0};
    int code = 0;
    for (int i = 0; i < inst->n_in; i++) {
        const cn__value *value = &p->values[inst->in[i]];
        in[i] = (cn__arg){.dtype = value->dtype, .shape = value->shape};
        in[i].data = value->tensor ? cn__data(value->tensor) : NULL;
    }
    for (int k = 0; k < inst->n_out && code == 0; k++) {
        const cn__value *value = &p->values[inst->out[k]];
        results[k] = cn__tensor_new(value->dtype, &value->shape);
        code = results[k] ? 0 : CN_ENOMEM;
        if (results[k]) {
            out[k] =
                (cn__arg){.data = results[k]->data, .dtype = value->dtype, .shape = value->shape};
        }
    }
    cn__call call = {.op = inst->op,
                     .attrs = &inst->attrs,
                     .n_in = inst->n_in,
                     .n_out = inst->n_out,
                     .in = in,
                     .out = out};
    if (code == 0 && inst->op->flags & CN__OP_VIEW) {
        memcpy(out[0].data, in[0].data, cn__bytes(results[0]));
    } else if (code == 0) {
        code = cn__run(&call);
    }
    for (int k = 0; k < inst->n_out; k++) {
        if (code == 0) {
            cn__value *value = &p->values[inst->out[k]];
            value->kind = CN__VALUE_CONSTANT;
            value->tensor = cn__ref(results[k]);
            value->alias = -1;
        }
        cn_free(results[k]);
    }
    inst->dead = code == 0;
    return code;
}

/* What the instruction amounts to: one of its inputs, or -1. */
static int same_as_input(const cn__program *p, const cn__inst *inst)
{
    const cn__value *in = inst->n_in ? &p->values[inst->in[0]] : NULL;
    const cn__value *out = inst->n_out == 1 ? &p->values[inst->out[0]] : NULL;
    if (!in || !out || out->home >= 0 || in->kind == CN__VALUE_INPUT) {
        return -1;
    }
    const cn__op *op = inst->op;
    bool same = in->dtype == out->dtype && cn__shape_equal(&in->shape, &out->shape);
    /* A reduction that leaves the shape as it is sums over nothing but axes of length 1. */
    bool copies = op == &cn__op_identity || op == &cn__op_sum || op == &cn__op_mean ||
                  op == &cn__op_max || op == &cn__op_stop_gradient || op == &cn__op_cast ||
                  op == &cn__op_reshape || op == &cn__op_reshape_like || op == &cn__op_sum_like ||
                  op == &cn__op_broadcast_like || op == &cn__op_broadcast_to ||
                  (op->flags & CN__OP_VIEW && op->flags & CN__OP_INTERNAL);
    if (copies) {
        return same ? inst->in[0] : -1;
    }
    double number;
    if (op == &cn__op_multiply || op == &cn__op_divide || op == &cn__op_add ||
        op == &cn__op_subtract) {
        double neutral = op == &cn__op_multiply || op == &cn__op_divide ? 1 : 0;
        const cn__value *second = &p->values[inst->in[1]];
        /* x + 0 turns -0 into 0; both compare equal, and Keras does not promise the sign. */
        if (same && constant_number(p, inst->in[1], &number) && number == neutral) {
            return inst->in[0];
        }
        if ((op == &cn__op_multiply || op == &cn__op_add) && second->dtype == out->dtype &&
            cn__shape_equal(&second->shape, &out->shape) && second->kind != CN__VALUE_INPUT &&
            constant_number(p, inst->in[0], &number) && number == neutral) {
            return inst->in[1];
        }
    }
    return -1;
}

/* A sum over axes of length 1 only, or over none, is a view. */
static bool is_squeeze(const cn__program *p, const cn__inst *inst)
{
    if (inst->op != &cn__op_sum && inst->op != &cn__op_mean && inst->op != &cn__op_max &&
        inst->op != &cn__op_sum_like && inst->op != &cn__op_broadcast_like &&
        inst->op != &cn__op_broadcast_to) {
        return false;
    }
    const cn__value *in = &p->values[inst->in[0]], *out = &p->values[inst->out[0]];
    return in->dtype == out->dtype && in->kind != CN__VALUE_INPUT && out->home < 0 &&
           cn__shape_size(&in->shape) == cn__shape_size(&out->shape);
}

static bool equal_insts(const cn__inst *a, const cn__inst *b)
{
    return a->op == b->op && a->n_in == b->n_in && a->n_out == b->n_out &&
           !memcmp(a->in, b->in, (size_t)a->n_in * sizeof *a->in) &&
           !memcmp(&a->attrs, &b->attrs, sizeof a->attrs);
}

static uint64_t hash_inst(const cn__inst *inst)
{
    uint64_t h = (uint64_t)(uintptr_t)inst->op;
    for (int k = 0; k < inst->n_in; k++) {
        h = (h ^ (uint64_t)inst->in[k]) * 0x9E3779B97F4A7C15u;
    }
    for (size_t k = 0; k < sizeof inst->attrs.i / sizeof *inst->attrs.i; k++) {
        h = (h ^ (uint64_t)inst->attrs.i[k]) * 0xD6E8FEB86659FD93u;
    }
    return h ^ h >> 29;
}

/* An instruction that an earlier one has done already goes away. Values are only ever replaced
 * before their readers are looked at, so hashes stay true. */
static void merge_equal(simplifier *s, int64_t i)
{
    cn__inst *inst = &s->p->insts[i];
    if (inst->op->flags & (CN__OP_EFFECT | CN__OP_INTERNAL | CN__OP_RANDOM)) {
        return;
    }
    for (int k = 0; k < inst->n_out; k++) {
        if (s->p->values[inst->out[k]].home >= 0) {
            return;
        }
    }
    s->hash[i] = hash_inst(inst);
    int64_t *bucket = &s->bucket[s->hash[i] & (uint64_t)(s->buckets - 1)];
    for (int64_t j = *bucket; j; j = s->chain[j - 1]) {
        const cn__inst *other = &s->p->insts[j - 1];
        if (s->hash[j - 1] == s->hash[i] && !other->dead && equal_insts(inst, other)) {
            for (int k = 0; k < inst->n_out; k++) {
                s->to[inst->out[k]] = other->out[k];
            }
            inst->dead = true;
            return;
        }
    }
    s->chain[i] = *bucket;
    *bucket = i + 1;
}

/* Two constants of the same type, shape and bytes are one value, so that what uses them can be
 * merged. */
static int merge_constant(simplifier *s, int v)
{
    const cn__value *a = &s->p->values[v];
    if (a->kind != CN__VALUE_CONSTANT || cn__shape_size(&a->shape) > 64) {
        return 0;
    }
    for (int64_t i = 0; i < s->n_constants; i++) {
        const cn__value *b = &s->p->values[s->constants[i]];
        if (s->constants[i] == v) {
            return 0;
        }
        if (b->dtype == a->dtype && b->batched == a->batched &&
            cn__shape_equal(&a->shape, &b->shape) &&
            !memcmp(cn__data(a->tensor), cn__data(b->tensor), cn__bytes(a->tensor))) {
            s->to[v] = s->constants[i];
            return 0;
        }
    }
    if (cn__grow((void **)&s->constants, &s->constants_capacity, s->n_constants + 1,
                 sizeof *s->constants) < 0) {
        return CN_ENOMEM;
    }
    s->constants[s->n_constants++] = v;
    return 0;
}

static int simplify_inst(simplifier *s, int64_t i)
{
    cn__program *p = s->p;
    cn__inst *inst = &p->insts[i];
    int code = 0;
    for (int k = 0; code == 0 && k < inst->n_in; k++) {
        code = merge_constant(s, inst->in[k]);
        inst->in[k] = resolve(s, inst->in[k]);
    }
    if (inst->op->flags & CN__OP_VIEW) {
        p->values[inst->out[0]].alias = inst->in[0];
    }
    code = code < 0 ? code : fold(p, inst);
    if (code < 0 || inst->dead || !cn__plan_enabled("simplify")) {
        return code;
    }
    int same = same_as_input(p, inst);
    if (same >= 0) {
        s->to[inst->out[0]] = same;
        inst->dead = true;
        return 0;
    }
    if (is_squeeze(p, inst)) {
        inst->op = &cn__op_reshape;
        inst->n_in = 1;
        inst->shape_only = 0;
        memset(&inst->attrs, 0, sizeof inst->attrs);
        /* Equal reshapes of one value differ by their results' shapes alone, which are part of what
         * is compared. */
        inst->attrs.i[0] = p->values[inst->out[0]].shape.rank;
        for (int a = 0; a < p->values[inst->out[0]].shape.rank; a++) {
            inst->attrs.i[1 + a] = p->values[inst->out[0]].shape.dim[a];
        }
        p->values[inst->out[0]].alias = inst->in[0];
    }
    merge_equal(s, i);
    return 0;
}

static void finish(simplifier *s)
{
    cn__program *p = s->p;
    for (int i = 0; i < p->n_outputs; i++) {
        int v = resolve(s, p->outputs[i]);
        if (v != p->outputs[i]) {
            p->values[p->outputs[i]].output = false;
            p->outputs[i] = v;
        }
    }
    for (int i = 0; i < p->n_outputs; i++) {
        p->values[p->outputs[i]].output = true;
    }
    for (int64_t i = 0; i < p->n_values; i++) {
        if (p->values[i].alias >= 0) {
            p->values[i].alias = resolve(s, p->values[i].alias);
        }
    }
}

int cn__plan_simplify(cn__program *p)
{
    cn__plan_sweep(p);
    simplifier s = {.p = p, .buckets = 64};
    while (s.buckets < p->n_insts) {
        s.buckets *= 2;
    }
    size_t n = (size_t)p->n_insts + 1;
    s.to = cn__malloc(((size_t)p->n_values + 1) * sizeof *s.to);
    s.bucket = cn__calloc((size_t)s.buckets, sizeof *s.bucket);
    s.chain = cn__calloc(n, sizeof *s.chain);
    s.hash = cn__calloc(n, sizeof *s.hash);
    int code = s.to && s.bucket && s.chain && s.hash ? 0 : CN_ENOMEM;
    for (int64_t i = 0; code == 0 && i < p->n_values; i++) {
        s.to[i] = (int)i;
    }
    for (int64_t i = 0; code == 0 && i < p->n_insts; i++) {
        if (!p->insts[i].dead) {
            code = simplify_inst(&s, i);
        }
    }
    if (code == 0) {
        finish(&s);
        cn__plan_sweep(p);
    }
    cn__free_mem(s.to);
    cn__free_mem(s.bucket);
    cn__free_mem(s.chain);
    cn__free_mem(s.hash);
    cn__free_mem(s.constants);
    return code;
}
