/* The program as a text: stages, calls, shapes, layouts, kernels, times; a developer's first tool.
 */
#include "graph/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *layout_name(int layout)
{
    static const char *const names[] = {"", ":P16", ":W32", ":WT"};
    return names[layout];
}

static void add_value(const cn__program *p, cn__text *text, int v)
{
    const cn__value *value = &p->values[v];
    char shape[256];
    const char *kind = value->home >= 0                    ? "="
                       : value->kind == CN__VALUE_VARIABLE ? "@"
                       : value->kind == CN__VALUE_CONSTANT ? "#"
                       : value->kind == CN__VALUE_INPUT    ? "<"
                                                           : "%";
    int named = value->home >= 0 ? value->home : v;
    cn__text_add(text, " %s%d%s%s%s", kind, named,
                 cn__shape_text(&value->shape, shape, sizeof shape), layout_name(value->layout),
                 value->dtype == CN_FLOAT32 ? "" : cn_dtype_name(value->dtype));
    const cn_tensor *variable = p->values[named].tensor;
    if (value->kind == CN__VALUE_CONSTANT && cn__shape_size(&value->shape) == 1) {
        cn__text_add(text, "{%g}", cn__read(value->dtype, value->tensor->data, 0));
    } else if (variable && variable->variable) {
        cn__text_add(text, "\"%s\"", variable->variable->name);
    }
}

static void add_inst(const cn__program *p, cn__text *text, const cn__inst *inst)
{
    for (int k = 0; k < inst->n_out; k++) {
        add_value(p, text, inst->out[k]);
    }
    cn__text_add(text, " <-");
    for (int k = 0; k < inst->n_in; k++) {
        if (!(inst->shape_only >> k & 1)) {
            add_value(p, text, inst->in[k]);
        }
    }
    if (inst->op == &cn__op_elementwise || inst->op == &cn__op_elementwise_sums) {
        cn__text_add(text, " [%d steps]", ((const cn__ew_extra *)inst->extra)->program.n_step);
    }
}

static void add_stages(const cn__program *p, cn__text *text, const double *seconds)
{
    static const char *const modes[] = {"whole", "rows", "serial"};
    for (int64_t s = 0; s < p->n_stages; s++) {
        const cn__stage *stage = &p->stages[s];
        cn__text_add(text, "stage %" PRId64 ": %" PRId64 " tasks, about %" PRId64 " us\n", s + 1,
                     stage->tasks, stage->cost / 1000);
        for (int g = stage->first; g < stage->first + stage->count; g++) {
            const cn__group *group = &p->groups[g];
            for (int i = group->first; i < group->first + group->count; i++) {
                const cn__inst *inst = &p->insts[p->planned[i].inst];
                cn__text_add(text, "  %-6s", modes[group->mode]);
                if (seconds) {
                    cn__text_add(text, " %9.1f us", seconds[i] * 1e6);
                }
                cn__text_add(text, "  %s (%s):", inst->op->name, p->planned[i].kernel->name);
                add_inst(p, text, inst);
                cn__text_add(text, "\n");
            }
        }
    }
}

void cn__program_dump(const cn__program *p, const char *title, const double *seconds)
{
    cn__text text = {0};
    cn__text_add(&text,
                 "program %s: %" PRId64 " rows, %" PRId64 " instructions, %" PRId64
                 " stages, arena %" PRId64 " bytes\n",
                 title, p->rows, p->n_insts, p->n_stages, p->arena_bytes);
    if (p->n_stages) {
        add_stages(p, &text, seconds);
    } else {
        for (int64_t i = 0; i < p->n_insts; i++) {
            if (!p->insts[i].dead) {
                cn__text_add(&text, "  %s:", p->insts[i].op->name);
                add_inst(p, &text, &p->insts[i]);
                cn__text_add(&text, "\n");
            }
        }
    }
    char *whole = cn__text_take(&text);
    if (whole) {
        fputs(whole, stderr);
        cn__free_mem(whole);
    }
}
