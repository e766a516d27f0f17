/* Recognises Adam's update in an elementwise program and writes it as the one step that is tuned
 * for it. */
#include "graph/program.h"

#include <string.h>

/* The step before `before` that makes the operand, or NULL (an input or a constant). */
static const cn__ew_step *maker(const cn__ew *ew, uint8_t operand, int before, int *at)
{
    for (int s = before - 1; s >= 0; s--) {
        if (ew->step[s].dst == operand) {
            *at = s;
            return &ew->step[s];
        }
    }
    return NULL;
}

static bool is_input(uint8_t operand)
{
    return operand >= CN__EW_IN(0) && operand < CN__EW_IN(CN__EW_MAX_IN);
}

static bool is_array(const cn__ew *ew, uint8_t operand)
{
    return is_input(operand) && ew->in_mode[operand - CN__EW_IN(0)] == CN__EW_FULL;
}

static bool is_number(const cn__ew *ew, uint8_t operand)
{
    return operand >= CN__EW_CONST(0) ||
           (is_input(operand) && ew->in_mode[operand - CN__EW_IN(0)] == CN__EW_SCALAR);
}

typedef struct moment {
    uint8_t old, rate; /* operands */
} moment;

/* operand = old + (target - old) · rate, with target = g, or g·g when squared. */
static bool match_moment(const cn__ew *ew, uint8_t operand, int before, uint8_t g, bool squared,
                         moment *found)
{
    int at;
    const cn__ew_step *add = maker(ew, operand, before, &at);
    if (!add || add->op != CN__EW_ADD) {
        return false;
    }
    found->old = is_array(ew, add->a) ? add->a : add->b;
    uint8_t change = is_array(ew, add->a) ? add->b : add->a;
    const cn__ew_step *scale = maker(ew, change, at, &at);
    if (!is_array(ew, found->old) || !scale || scale->op != CN__EW_MUL) {
        return false;
    }
    found->rate = is_number(ew, scale->a) ? scale->a : scale->b;
    uint8_t difference = is_number(ew, scale->a) ? scale->b : scale->a;
    const cn__ew_step *minus = maker(ew, difference, at, &at);
    if (!is_number(ew, found->rate) || !minus || minus->op != CN__EW_SUB ||
        minus->b != found->old) {
        return false;
    }
    if (!squared) {
        return minus->a == g;
    }
    const cn__ew_step *square = maker(ew, minus->a, at, &at);
    return square && square->a == g &&
           (square->op == CN__EW_SQUARE || (square->op == CN__EW_MUL && square->b == g));
}

static uint8_t other(const cn__ew_step *step, uint8_t operand)
{
    return step->a == operand ? step->b : step->a;
}

void cn__match_adam(cn__ew *ew)
{
    enum { STEPS = 12 };
    if (ew->n_step != STEPS || ew->n_out != 3) {
        return;
    }
    const uint8_t g = CN__EW_IN(0);
    /* w' = w - q is the step that subtracts from an array; the moments are what q is made of. */
    for (int s = 0; s < ew->n_step; s++) {
        const cn__ew_step *update = &ew->step[s];
        int at, inner;
        if (update->op != CN__EW_SUB || !is_array(ew, update->a) || update->a == g) {
            continue;
        }
        const cn__ew_step *ratio = maker(ew, update->b, s, &at);
        if (!ratio || ratio->op != CN__EW_DIV) {
            continue;
        }
        const cn__ew_step *top = maker(ew, ratio->a, at, &inner);
        const cn__ew_step *bottom = maker(ew, ratio->b, at, &inner);
        if (!top || top->op != CN__EW_MUL || !bottom || bottom->op != CN__EW_ADD) {
            continue;
        }
        uint8_t alpha = is_number(ew, top->a) ? top->a : top->b, m = other(top, alpha);
        uint8_t epsilon = is_number(ew, bottom->a) ? bottom->a : bottom->b;
        /* Registers are used again: the root is what stood in its operand when `bottom` read it. */
        const cn__ew_step *root = maker(ew, other(bottom, epsilon), inner, &inner);
        moment first, second;
        if (!root || root->op != CN__EW_SQRT || !is_number(ew, alpha) || !is_number(ew, epsilon) ||
            !match_moment(ew, m, s, g, false, &first) ||
            !match_moment(ew, root->a, s, g, true, &second)) {
            continue;
        }
        cn__ew_step adam = {.op = CN__EW_ADAM,
                            .dst = update->dst,
                            .a = g,
                            .b = first.old,
                            .c = second.old,
                            .y = {m, root->a}};
        adam.x[0] = update->a;
        adam.x[1] = alpha;
        adam.x[2] = first.rate;
        adam.x[3] = second.rate;
        adam.x[4] = epsilon;
        cn__ew whole = *ew;
        whole.n_step = 1;
        whole.n_reg = 0;
        whole.step[0] = adam;
        if (cn__ew_check(&whole) == 0) {
            *ew = whole;
        }
        return;
    }
}
