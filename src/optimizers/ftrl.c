/* Ftrl: follow the regularized leader, whose L1 sets weights to zero. */
#include "optimizers/optimizer.h"

enum { ACCUMULATOR, LINEAR };

static int check(cn_optimizer *self)
{
    const cn_optimizer_ftrl_args *a = self->base.args;
    const struct {
        const char *name;
        double value;
    } positive[] = {
        {"initial_accumulator_value", a->initial_accumulator_value},
        {"l1_regularization_strength", a->l1_regularization_strength},
        {"l2_regularization_strength", a->l2_regularization_strength},
        {"l2_shrinkage_regularization_strength", a->l2_shrinkage_regularization_strength},
    };
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++) {
        if (!(positive[i].value >= 0)) {
            return cn__fail(CN_EVALUE, "`%s` needs to be positive or zero. Received: %s=%g.",
                            positive[i].name, positive[i].name, positive[i].value);
        }
    }
    if (!(a->learning_rate_power <= 0)) {
        return cn__fail(CN_EVALUE,
                        "`learning_rate_power` needs to be negative or zero. Received: "
                        "learning_rate_power=%g.",
                        a->learning_rate_power);
    }
    return 0;
}

static double initial(const cn_optimizer *self, int slot)
{
    const cn_optimizer_ftrl_args *a = self->base.args;
    return slot == ACCUMULATOR ? a->initial_accumulator_value : 0;
}

/* shared[0] = 2 (l2 + beta / (2 lr)) */
static int prepare(cn_optimizer *self, cn_tensor *rate, cn_tensor *step, cn_tensor **shared)
{
    const cn_optimizer_ftrl_args *a = self->base.args;
    (void)step;
    cn_tensor *l2 = cn_add(a->l2_regularization_strength,
                           cn_divide(cn_scalar(a->beta, CN_FLOAT32), cn_multiply(2.0, rate)));
    shared[0] = cn_multiply(2.0, l2);
    return shared[0] ? 0 : cn_error_code();
}

/* n' = n + g^2; z += g + 2 shrinkage w - (n'^-p - n^-p) / lr w; w = (clip(z, -l1, l1) - z) / (n'^-p
 * / lr + shared[0]) */
static int update(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                  cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_ftrl_args *a = self->base.args;
    (void)step;
    double shrinkage = a->l2_shrinkage_regularization_strength, p = -a->learning_rate_power;
    cn_tensor *n = slots[ACCUMULATOR], *z = slots[LINEAR];
    cn_tensor *next = cn_add(n, cn_square(g));
    cn_tensor *grown = cn_power(next, p);
    cn_tensor *pull = shrinkage > 0 ? cn_add(g, cn_multiply(2 * shrinkage, w)) : g;
    cn_tensor *slope = cn_divide(cn_subtract(grown, cn_power(n, p)), rate);
    z = cn_add(z, cn_subtract(pull, cn_multiply(slope, w)));
    cn_tensor *quadratic = cn_add(cn_divide(grown, rate), shared[0]);
    double l1 = a->l1_regularization_strength;
    int code = (cn_assign)(slots[LINEAR], z);
    code = code < 0 ? code : (cn_assign)(slots[ACCUMULATOR], next);
    if (code < 0) {
        return code;
    }
    return (cn_assign)(w, cn_divide(cn_subtract(cn_clip(z, -l1, l1), z), quadratic));
}

#define T cn_optimizer_ftrl_args
static const cn_field ftrl_fields[] = {CN_FIELD(T, DOUBLE, learning_rate_power),
                                       CN_FIELD(T, DOUBLE, initial_accumulator_value),
                                       CN_FIELD(T, DOUBLE, l1_regularization_strength),
                                       CN_FIELD(T, DOUBLE, l2_regularization_strength),
                                       CN_FIELD(T, DOUBLE, l2_shrinkage_regularization_strength),
                                       CN_FIELD(T, DOUBLE, beta),
                                       {0}};
static const char *const names[] = {"accumulator", "linear"};

CN__OPTIMIZER_RECORD(ftrl, "Ftrl", CN_OPTIMIZER_FTRL_DEFAULTS, .n_slots = 2, .slot_names = names,
                     .joined_slots = 1 << LINEAR, .legacy_joined_slots = 1 << LINEAR,
                     .slot_initial = initial, .check = check, .prepare = prepare, .update = update)
