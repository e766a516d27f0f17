/* Checks that an elementwise program is well formed, so that the kernels need not. */
#include "kernels/cpu/cpu.h"

/* Operands of a step that are read, besides those of ADAM. */
static const uint8_t operand_count[CN__EW_OP_COUNT] = {
#define OPERANDS(name, operands) operands,
    CN__EW_OPS(OPERANDS)
#undef OPERANDS
};

static int readable(const cn__ew *p, uint8_t o, uint32_t regs, uint32_t outs)
{
    if (o < 32)
        return o < p->n_reg && (regs >> o & 1);
    if (o < 48)
        return o - 32 < p->n_in;
    if (o < 64)
        return o - 48 < p->n_out && (outs >> (o - 48) & 1) && p->out_type[o - 48] == CN__EL_F32;
    return o - 64 < p->n_const;
}

/* Notes the destination as written; 0 if it is not a destination or an output written before. */
static int written(const cn__ew *p, uint8_t d, uint32_t *regs, uint32_t *outs)
{
    if (d < 32 && d < p->n_reg) {
        *regs |= 1u << d;
        return 1;
    }
    if (d < 48 || d >= 48 + p->n_out || (*outs >> (d - 48) & 1))
        return 0;
    *outs |= 1u << (d - 48);
    return 1;
}

static int splat(const cn__ew *p, uint8_t o)
{
    return o >= 64 ? o - 64 < p->n_const
                   : o >= 32 && o - 32 < p->n_in && p->in_mode[o - 32] == CN__EW_SCALAR;
}

static int step_ok(const cn__ew *p, const cn__ew_step *s, uint32_t *regs, uint32_t *outs)
{
    if (s->op >= CN__EW_OP_COUNT)
        return 0;
    int n = operand_count[s->op];
    int ok = readable(p, s->a, *regs, *outs) && (n < 2 || readable(p, s->b, *regs, *outs)) &&
             (n < 3 || readable(p, s->c, *regs, *outs));
    if (s->op == CN__EW_ADAM) {
        ok = ok && readable(p, s->x[0], *regs, *outs);
        for (int i = 1; i < 5; i++)
            ok = ok && splat(p, s->x[i]);
        ok = ok && written(p, s->y[0], regs, outs) && written(p, s->y[1], regs, outs) &&
             s->dst != s->y[0] && s->dst != s->y[1] && s->y[0] != s->y[1];
    }
    return ok && written(p, s->dst, regs, outs);
}

int cn__ew_check(const cn__ew *p)
{
    if (p->n_in > CN__EW_MAX_IN || p->n_out > CN__EW_MAX_OUT || p->n_reg > CN__EW_MAX_REG ||
        p->n_const > CN__EW_MAX_CONST || p->n_step > CN__EW_MAX_STEP)
        return -1;
    for (int i = 0; i < p->n_in; i++)
        if (p->in_mode[i] > CN__EW_OUTER || p->in_type[i] > CN__EL_F64)
            return -1;
    for (int i = 0; i < p->n_out; i++)
        if (p->out_type[i] != CN__EL_F32 && p->out_type[i] != CN__EL_BOOL)
            return -1;
    uint32_t regs = 0, outs = 0;
    for (int i = 0; i < p->n_step; i++)
        if (!step_ok(p, &p->step[i], &regs, &outs))
            return i + 1;
    return outs == (1u << p->n_out) - 1 ? 0 : p->n_step + 1;
}
