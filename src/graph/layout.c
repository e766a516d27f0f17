/* Layouts: which values are kept in panels, and the reorders where two neighbours disagree. */
#include "graph/program.h"

#include <string.h>

/* A dense instruction's wishes: ANY takes rows or panels. */
enum { ANY = -1 };

typedef struct wishes {
    int in[CN__MAX_INPUTS], out[CN__MAX_OUTPUTS];
} wishes;

static int weight_layout(bool skinny)
{
    return skinny ? CN__LAYOUT_WT : CN__LAYOUT_W32;
}

/* The bytes and the panel stride of a value in its layout. */
static void measure(cn__value *value)
{
    const int64_t *dim = value->shape.dim;
    switch (value->layout) {
    case CN__LAYOUT_P16:
        value->stride = cn__p16_stride(dim[0]);
        value->bytes = 4 * cn__p16_size(dim[0], dim[1]);
        break;
    case CN__LAYOUT_W32:
        value->stride = cn__w32_stride(dim[0]);
        value->bytes = 4 * cn__w32_size(dim[0], dim[1]);
        break;
    case CN__LAYOUT_WT:
        value->stride = cn__wt_stride(dim[0]);
        value->bytes = 4 * cn__wt_size(dim[0], dim[1]);
        break;
    default: value->bytes = cn__shape_size(&value->shape) * (int64_t)cn_dtype_size(value->dtype);
    }
}

static void pack_variable(cn__program *p, int v, int layout)
{
    int home = p->values[v].home >= 0 ? p->values[v].home : v;
    for (int64_t i = 0; i < p->n_values; i++) {
        if (i == home || p->values[i].home == home) {
            p->values[i].layout = layout;
        }
    }
}

/* Variables that dense kernels read or update live in the layout of those kernels. */
static void choose_variables(cn__program *p)
{
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        if (inst->op == &cn__op_dense || inst->op == &cn__op_dense_dx) {
            const cn__dense_extra *extra = inst->extra;
            if (!extra->gemv) {
                pack_variable(p, inst->in[1], weight_layout(extra->skinny));
            }
        } else if (inst->op == &cn__op_dense_dw) {
            const cn__update_extra *extra = inst->extra;
            for (int k = 0; extra->has_update && k < extra->update.n_out; k++) {
                pack_variable(p, inst->out[k], weight_layout(extra->skinny));
            }
        }
    }
}

static bool wants_panels(const cn__inst *inst)
{
    if (inst->op == &cn__op_dense || inst->op == &cn__op_dense_dx) {
        const cn__dense_extra *extra = inst->extra;
        return !extra->gemv && !extra->skinny;
    }
    return inst->op == &cn__op_dense_dw && !((const cn__update_extra *)inst->extra)->skinny;
}

/* Whether some reader takes the value in panels. */
static bool read_in_panels(const cn__program *p, int v)
{
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        for (int k = 0; k < inst->n_in; k++) {
            if (inst->in[k] == v && wants_panels(inst) && p->values[v].shape.rank == 2 &&
                (k == 0 || inst->op != &cn__op_dense || k > 2) &&
                p->values[v].kind == CN__VALUE_TEMPORARY) {
                return true;
            }
        }
    }
    return false;
}

/* An elementwise program runs in panels, or over packed weights, if all that it walks over is one
 * shape of numbers. */
static int elementwise_layout(const cn__program *p, const cn__inst *inst)
{
    const cn__ew *ew = &((const cn__ew_extra *)inst->extra)->program;
    const cn_shape *shape = &p->values[inst->out[0]].shape;
    int layout = CN__LAYOUT_ROW;
    if (shape->rank != 2) {
        return layout;
    }
    for (int k = 0; k < ew->n_in; k++) {
        if (ew->in_mode[k] == CN__EW_SCALAR) {
            continue;
        }
        if (ew->in_mode[k] != CN__EW_FULL || ew->in_type[k] != CN__EL_F32 ||
            p->values[inst->in[k]].shape.rank != 2) {
            return CN__LAYOUT_ROW;
        }
        if (p->values[inst->in[k]].layout != CN__LAYOUT_ROW && layout != CN__LAYOUT_P16) {
            layout = p->values[inst->in[k]].layout;
        }
    }
    for (int k = 0; k < ew->n_out; k++) {
        const cn__value *out = &p->values[inst->out[k]];
        if (ew->out_type[k] != CN__EL_F32) {
            return CN__LAYOUT_ROW;
        }
        layout = out->home >= 0 ? out->layout : layout;
    }
    if (layout == CN__LAYOUT_ROW && p->values[inst->out[0]].batched &&
        read_in_panels(p, inst->out[0])) {
        layout = CN__LAYOUT_P16;
    }
    return layout;
}

static void dense_wishes(const cn__program *p, const cn__inst *inst, wishes *w)
{
    const cn__dense_extra *extra = inst->extra;
    if (extra->gemv) {
        return;
    }
    int in = p->values[inst->in[0]].layout;
    w->in[1] = weight_layout(extra->skinny);
    if (!extra->skinny) {
        w->in[0] = w->out[0] = CN__LAYOUT_P16;
        if (inst->op == &cn__op_dense_dx) {
            w->in[2] = CN__LAYOUT_P16;
        }
    } else if (inst->op == &cn__op_dense) {
        w->in[0] = in;
    } else {
        int side = extra->mask                       ? p->values[inst->in[2]].layout
                   : read_in_panels(p, inst->out[0]) ? CN__LAYOUT_P16
                                                     : CN__LAYOUT_ROW;
        w->in[2] = w->out[0] = side;
    }
}

static void update_wishes(const cn__program *p, const cn__inst *inst, wishes *w)
{
    const cn__update_extra *extra = inst->extra;
    w->in[0] = extra->skinny ? p->values[inst->in[0]].layout : CN__LAYOUT_P16;
    w->in[1] = extra->skinny ? CN__LAYOUT_ROW : CN__LAYOUT_P16;
    if (!extra->has_update) {
        return;
    }
    for (int k = 1; k < extra->update.n_in; k++) {
        if (extra->update.in_mode[k] == CN__EW_FULL) {
            w->in[1 + k] = weight_layout(extra->skinny);
        }
    }
    for (int k = 0; k < extra->update.n_out; k++) {
        w->out[k] = weight_layout(extra->skinny);
    }
}

static void find_wishes(const cn__program *p, const cn__inst *inst, wishes *w)
{
    memset(w, 0, sizeof *w);
    if (inst->op == &cn__op_dense || inst->op == &cn__op_dense_dx) {
        dense_wishes(p, inst, w);
    } else if (inst->op == &cn__op_dense_dw) {
        update_wishes(p, inst, w);
    } else if (inst->op == &cn__op_load) {
        w->out[0] = read_in_panels(p, inst->out[0]) ? CN__LAYOUT_P16 : CN__LAYOUT_ROW;
    } else if (inst->op == &cn__op_elementwise) {
        const cn__ew *ew = &((const cn__ew_extra *)inst->extra)->program;
        int layout = elementwise_layout(p, inst);
        for (int k = 0; k < inst->n_in; k++) {
            w->in[k] = ew->in_mode[k] == CN__EW_SCALAR ? CN__LAYOUT_ROW : layout;
        }
        for (int k = 0; k < inst->n_out; k++) {
            w->out[k] = layout;
        }
    }
}

typedef struct converter {
    cn__program *p;
    int *other; /* for each value: the same value in another layout, or -1 */
    int64_t known;
} converter;

/* The value in the wished layout: itself, or what a reorder makes of it. */
static int in_layout(converter *c, int v, int layout)
{
    cn__program *p = c->p;
    if (p->values[v].layout == layout) {
        return v;
    }
    if (v < c->known && c->other[v] >= 0 && p->values[c->other[v]].layout == layout) {
        return c->other[v];
    }
    cn__value value = p->values[v];
    value.kind = CN__VALUE_TEMPORARY;
    value.tensor = NULL;
    value.home = value.alias = -1;
    value.output = false;
    value.layout = layout;
    int made = cn__plan_value(p, value);
    cn__inst *inst = made < 0 ? NULL : cn__plan_inst(p, &cn__op_reorder, 1, &v, 1, &made);
    if (!inst) {
        return cn_error_code();
    }
    inst->batch = CN__BATCH_MIX;
    if (v < c->known) {
        c->other[v] = made;
    }
    return made;
}

/* An output whose home is kept in another layout is made aside and reordered into it. */
static int into_home(cn__program *p, int64_t i, int k, int layout)
{
    int target = p->insts[i].out[k];
    cn__value value = p->values[target];
    value.tensor = NULL;
    value.home = -1;
    value.layout = layout;
    int made = cn__plan_value(p, value);
    if (made < 0) {
        return made;
    }
    for (int64_t j = 0; j < p->n_insts; j++) {
        for (int a = 0; a < p->insts[j].n_in; a++) {
            if (p->insts[j].in[a] == target) {
                p->insts[j].in[a] = made;
            }
        }
    }
    p->insts[i].out[k] = made;
    p->values[made].producer = (int)i;
    cn__inst *inst = cn__plan_inst(p, &cn__op_reorder, 1, &made, 1, &target);
    if (!inst) {
        return cn_error_code();
    }
    inst->batch = CN__BATCH_MIX;
    return 0;
}

static int settle(converter *c, int64_t i)
{
    cn__program *p = c->p;
    wishes w;
    find_wishes(p, &p->insts[i], &w);
    for (int k = 0; k < p->insts[i].n_in; k++) {
        int v = p->insts[i].in[k];
        if (p->insts[i].shape_only >> k & 1 || p->values[v].kind == CN__VALUE_INPUT) {
            continue;
        }
        int made = in_layout(c, v, w.in[k]);
        if (made < 0) {
            return made;
        }
        p->insts[i].in[k] = made;
        if (k == 0 && p->insts[i].op->flags & CN__OP_VIEW && made != v) {
            p->values[p->insts[i].out[0]].alias = made;
        }
    }
    for (int k = 0; k < p->insts[i].n_out; k++) {
        cn__value *out = &p->values[p->insts[i].out[k]];
        if (out->home < 0) {
            out->layout = w.out[k];
        } else if (out->layout != w.out[k]) {
            int code = into_home(p, i, k, w.out[k]);
            if (code < 0) {
                return code;
            }
        }
    }
    return 0;
}

int cn__plan_layout(cn__program *p)
{
    converter c = {.p = p, .known = p->n_values};
    c.other = cn__malloc((size_t)(p->n_values + 1) * sizeof *c.other);
    if (!c.other) {
        return CN_ENOMEM;
    }
    for (int64_t i = 0; i < p->n_values; i++) {
        c.other[i] = -1;
    }
    choose_variables(p);
    int code = 0;
    int64_t n = p->n_insts;
    for (int64_t i = 0; code == 0 && i < n; i++) {
        code = settle(&c, i);
    }
    for (int i = 0; code == 0 && i < p->n_outputs; i++) {
        int v = in_layout(&c, p->outputs[i], CN__LAYOUT_ROW);
        code = v < 0 ? v : 0;
        if (code == 0 && v != p->outputs[i]) {
            p->values[p->outputs[i]].output = false;
            p->outputs[i] = v;
            p->values[v].output = true;
        }
    }
    for (int64_t i = 0; i < p->n_values; i++) {
        measure(&p->values[i]);
    }
    cn__free_mem(c.other);
    return code < 0 ? code : cn__plan_sort(p);
}
