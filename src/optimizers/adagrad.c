/* Adagrad and Adadelta: steps divided by what the squared gradients came to. */
#include "optimizers/optimizer.h"

#include <math.h>

static int check_adagrad(cn_optimizer *self)
{
    cn_optimizer_adagrad_args *a = self->base.args;
    cn__optimizer_default_rate(self, 0.001, 0.01);
    if (isnan(a->initial_accumulator_value)) {
        a->initial_accumulator_value = cn__is_multi_backend(self->base.keras) ? 0 : 0.1;
    }
    if (a->initial_accumulator_value >= 0) {
        return 0;
    }
    return cn__fail(CN_EVALUE, "initial_accumulator_value must be non-negative: %g",
                    a->initial_accumulator_value);
}

static double first_accumulator(const cn_optimizer *self, int slot)
{
    const cn_optimizer_adagrad_args *a = self->base.args;
    (void)slot;
    return a->initial_accumulator_value;
}

/* a += g^2; w -= lr g / sqrt(a + epsilon), before 2.11 lr g / (sqrt(a) + epsilon) */
static int update_adagrad(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                          cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_adagrad_args *a = self->base.args;
    (void)step;
    (void)shared;
    cn_tensor *sum = cn_add(slots[0], cn_square(g));
    int code = (cn_assign)(slots[0], sum);
    if (code < 0) {
        return code;
    }
    cn_tensor *size =
        self->legacy ? cn_add(cn_sqrt(sum), a->epsilon) : cn_sqrt(cn_add(sum, a->epsilon));
    return cn__assign_sub(w, cn_divide(cn_multiply(rate, g), size));
}

enum { SQUARES, MOVES };

static int check_adadelta(cn_optimizer *self)
{
    cn__optimizer_default_rate(self, 0.001, 1);
    return 0;
}

static cn_tensor *root(cn_tensor *x, double epsilon)
{
    return cn_sqrt(cn_add(x, epsilon));
}

static cn_tensor *moving(cn_tensor *x, cn_tensor *value, double rho)
{
    return cn_add(cn_multiply(rho, x), cn_multiply(1 - rho, cn_square(value)));
}

/* a = rho a + (1 - rho) g^2; d = -sqrt(x + epsilon) / sqrt(a + epsilon) g; x = rho x + (1 - rho)
 * d^2; w += lr d */
static int update_adadelta(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                           cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_adadelta_args *a = self->base.args;
    (void)step;
    (void)shared;
    cn_tensor *squares = moving(slots[SQUARES], g, a->rho);
    cn_tensor *move = cn_negative(
        cn_divide(cn_multiply(root(slots[MOVES], a->epsilon), g), root(squares, a->epsilon)));
    cn_tensor *moves = moving(slots[MOVES], move, a->rho);
    int code = (cn_assign)(slots[SQUARES], squares);
    code = code < 0 ? code : (cn_assign)(slots[MOVES], moves);
    return code < 0 ? code : cn__assign_add(w, cn_multiply(rate, move));
}

static const cn_field adagrad_fields[] = {
    CN_FIELD(cn_optimizer_adagrad_args, DOUBLE, initial_accumulator_value),
    CN_FIELD(cn_optimizer_adagrad_args, DOUBLE, epsilon),
    {0}};
static const cn_field adadelta_fields[] = {CN_FIELD(cn_optimizer_adadelta_args, DOUBLE, rho),
                                           CN_FIELD(cn_optimizer_adadelta_args, DOUBLE, epsilon),
                                           {0}};
static const char *const adagrad_names[] = {"accumulator"},
                         *const adadelta_names[] = {"accumulated_grad", "accumulated_delta_var"},
                         *const legacy_names[] = {"accum_grad", "accum_var"};

CN__OPTIMIZER_RECORD(adagrad, "Adagrad", CN_OPTIMIZER_ADAGRAD_DEFAULTS, .n_slots = 1,
                     .slot_names = adagrad_names, .slot_initial = first_accumulator,
                     .check = check_adagrad, .update = update_adagrad)
CN__OPTIMIZER_RECORD(adadelta, "Adadelta", CN_OPTIMIZER_ADADELTA_DEFAULTS, .n_slots = 2,
                     .slot_names = adadelta_names, .legacy_slot_names = legacy_names,
                     .joined_slots = 1 << MOVES, .check = check_adadelta, .update = update_adadelta)
