/* Adam and AdamW: one chain of elementwise operations a weight. */
#include "optimizers/optimizer.h"

enum { MOMENTUM, VELOCITY, VELOCITY_HAT, N_SLOTS };

/* Both classes have the same arguments in the same order. */
_Static_assert(sizeof(cn_optimizer_adam_args) == sizeof(cn_optimizer_adamw_args),
               "AdamW's arguments are Adam's");

static bool has_slot(const cn_optimizer *self, int slot)
{
    const cn_optimizer_adam_args *a = self->base.args;
    return slot != VELOCITY_HAT || a->amsgrad;
}

/* shared[0] = lr sqrt(1 - beta_2^t) / (1 - beta_1^t) */
static int prepare(cn_optimizer *self, cn_tensor *rate, cn_tensor *step, cn_tensor **shared)
{
    const cn_optimizer_adam_args *a = self->base.args;
    cn_tensor *power_1 = cn_power(cn_scalar(a->beta_1, CN_FLOAT32), step);
    cn_tensor *power_2 = cn_power(cn_scalar(a->beta_2, CN_FLOAT32), step);
    shared[0] =
        cn_divide(cn_multiply(rate, cn_sqrt(cn_subtract(1.0, power_2))), cn_subtract(1.0, power_1));
    return shared[0] ? 0 : cn_error_code();
}

/* m += (g - m)(1 - beta_1); v += (g^2 - v)(1 - beta_2); w -= m alpha / (sqrt(v) + epsilon) */
static int update(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                  cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_adam_args *a = self->base.args;
    cn_tensor *m = slots[MOMENTUM], *v = slots[VELOCITY], *peak = slots[VELOCITY_HAT];
    (void)rate;
    (void)step;
    cn_tensor *next_m = cn_add(m, cn_multiply(cn_subtract(g, m), 1 - a->beta_1));
    cn_tensor *next_v = cn_add(v, cn_multiply(cn_subtract(cn_multiply(g, g), v), 1 - a->beta_2));
    int code = (cn_assign)(m, next_m);
    code = code < 0 ? code : (cn_assign)(v, next_v);
    if (code == 0 && peak) {
        next_v = cn_maximum(peak, next_v);
        code = (cn_assign)(peak, next_v);
    }
    if (code < 0) {
        return code;
    }
    return cn__assign_sub(
        w, cn_divide(cn_multiply(next_m, shared[0]), cn_add(cn_sqrt(next_v), a->epsilon)));
}

#define T cn_optimizer_adam_args
static const cn_field adam_fields[] = {CN_FIELD(T, DOUBLE, beta_1),
                                       CN_FIELD(T, DOUBLE, beta_2),
                                       CN_FIELD(T, DOUBLE, epsilon),
                                       CN_FIELD(T, BOOL, amsgrad),
                                       {0}};
#define adamw_fields adam_fields
static const char *const names[] = {"momentum", "velocity", "velocity_hat"}, *const keras2_names[] =
                                                                                 {"m", "v", "vhat"};

#define SLOTS                                                                                      \
    .n_slots = N_SLOTS, .slot_names = names, .keras2_slot_names = keras2_names,                    \
    .legacy_slot_names = keras2_names, .joined_slots = 1 << VELOCITY, .has_slot = has_slot,        \
    .prepare = prepare, .update = update
CN__OPTIMIZER_RECORD(adam, "Adam", CN_OPTIMIZER_ADAM_DEFAULTS, SLOTS)
CN__OPTIMIZER_RECORD(adamw, "AdamW", CN_OPTIMIZER_ADAMW_DEFAULTS, SLOTS)
