/* RMSprop: steps divided by the root of a moving mean of the squared gradient. */
#include "optimizers/optimizer.h"

enum { VELOCITY, MOMENTUM, AVERAGE };

static bool has_slot(const cn_optimizer *self, int slot)
{
    const cn_optimizer_rmsprop_args *a = self->base.args;
    return slot == VELOCITY || (slot == MOMENTUM ? a->momentum > 0 : a->centered);
}

/* x = rho x + (1 - rho) value */
static cn_tensor *moving(cn_tensor *x, cn_tensor *value, double rho)
{
    cn_tensor *next = cn_add(cn_multiply(rho, x), cn_multiply(1 - rho, value));
    return (cn_assign)(x, next) < 0 ? NULL : next;
}

static int update(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                  cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_rmsprop_args *a = self->base.args;
    (void)step;
    (void)shared;
    cn_tensor *v = moving(slots[VELOCITY], cn_square(g), a->rho);
    if (a->centered) {
        v = cn_subtract(v, cn_square(moving(slots[AVERAGE], g, a->rho)));
    }
    cn_tensor *move = cn_multiply(rate, g);
    /* Before tf.keras 2.11 epsilon stood outside the root; its fused kernel for momentum had it
     * inside. */
    if (self->legacy && !slots[MOMENTUM]) {
        move = cn_divide(move, cn_add(cn_sqrt(v), a->epsilon));
    } else {
        move = cn_divide(move, cn_sqrt(cn_add(v, a->epsilon)));
    }
    if (slots[MOMENTUM]) {
        move = cn_add(cn_multiply(a->momentum, slots[MOMENTUM]), move);
        int code = (cn_assign)(slots[MOMENTUM], move);
        if (code < 0) {
            return code;
        }
    }
    return cn__assign_sub(w, move);
}

#define T cn_optimizer_rmsprop_args
static const cn_field rmsprop_fields[] = {CN_FIELD(T, DOUBLE, rho),
                                          CN_FIELD(T, DOUBLE, momentum),
                                          CN_FIELD(T, DOUBLE, epsilon),
                                          CN_FIELD(T, BOOL, centered),
                                          {0}};
static const char *const names[] = {"velocity", "momentum", "average_gradient"},
                         *const legacy_names[] = {"rms", "momentum", "mg"};

CN__OPTIMIZER_RECORD(rmsprop, "RMSprop", CN_OPTIMIZER_RMSPROP_DEFAULTS, .n_slots = 3,
                     .slot_names = names, .legacy_slot_names = legacy_names, .has_slot = has_slot,
                     .update = update)
