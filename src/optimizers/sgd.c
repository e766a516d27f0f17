/* Stochastic gradient descent, with momentum. */
#include "optimizers/optimizer.h"

static int check(cn_optimizer *self)
{
    const cn_optimizer_sgd_args *a = self->base.args;
    if (a->momentum >= 0 && a->momentum <= 1) {
        return 0;
    }
    return cn__fail(CN_EVALUE, cn__is_keras3(self->base.keras)
                                   ? "`momentum` must be a float between [0, 1]."
                                   : "`momentum` must be between [0, 1].");
}

/* tf.keras from 2.11 on keeps a momentum even where it is 0. */
static bool has_slot(const cn_optimizer *self, int slot)
{
    const cn_optimizer_sgd_args *a = self->base.args;
    (void)slot;
    return a->momentum != 0 || (!cn__is_keras3(self->base.keras) && !self->legacy);
}

/* m = momentum m - lr g; w += m, or by Nesterov w += momentum m - lr g. */
static int update(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                  cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_sgd_args *a = self->base.args;
    cn_tensor *m = slots[0], *move = cn_multiply(g, rate);
    (void)step;
    (void)shared;
    if (!m) {
        return cn__assign_sub(w, move);
    }
    cn_tensor *next = cn_subtract(cn_multiply(m, a->momentum), move);
    int code = (cn_assign)(m, next);
    if (code < 0) {
        return code;
    }
    return cn__assign_add(w,
                          a->nesterov ? cn_subtract(cn_multiply(next, a->momentum), move) : next);
}

#define T cn_optimizer_sgd_args
static const cn_field sgd_fields[] = {
    CN_FIELD(T, DOUBLE, momentum), CN_FIELD(T, BOOL, nesterov), {0}};
static const char *const names[] = {"momentum"}, *const keras2_names[] = {"m"};

CN__OPTIMIZER_RECORD(sgd, "SGD", CN_OPTIMIZER_SGD_DEFAULTS, .n_slots = 1, .slot_names = names,
                     .keras2_slot_names = keras2_names, .has_slot = has_slot, .check = check,
                     .update = update)
