/* Lion and Lamb: steps by sign, and steps in proportion to the weights. */
#include "optimizers/optimizer.h"

static int check_lion(cn_optimizer *self)
{
    const cn_optimizer_lion_args *a = self->base.args;
    if (a->beta_1 > 0 && a->beta_1 <= 1) {
        return 0;
    }
    return cn__fail(CN_EVALUE,
                    "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer "
                    "degenerates to SignSGD. Received: beta_1=%g.",
                    a->beta_1);
}

/* beta m + (1 - beta) g, with both factors of float32 */
static cn_tensor *mix(cn_tensor *m, cn_tensor *g, double beta)
{
    double b = (float)beta;
    return cn_add(cn_multiply(m, b), cn_multiply(g, 1 - b));
}

static int update_lion(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                       cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_lion_args *a = self->base.args;
    cn_tensor *m = slots[0];
    (void)step;
    (void)shared;
    cn_tensor *move = cn_multiply(rate, cn_sign(mix(m, g, a->beta_1)));
    cn_tensor *next = mix(m, g, a->beta_2);
    int code = cn__assign_sub(w, move);
    return code < 0 ? code : (cn_assign)(m, next);
}

enum { MOMENTUM, VELOCITY };

/* shared: 1 - beta_1^t, 1 - beta_2^t */
static int prepare_lamb(cn_optimizer *self, cn_tensor *rate, cn_tensor *step, cn_tensor **shared)
{
    const cn_optimizer_lamb_args *a = self->base.args;
    (void)rate;
    shared[0] = cn_subtract(1.0, cn_power(cn_scalar(a->beta_1, CN_FLOAT32), step));
    shared[1] = cn_subtract(1.0, cn_power(cn_scalar(a->beta_2, CN_FLOAT32), step));
    return shared[1] ? 0 : cn_error_code();
}

static cn_tensor *norm(cn_tensor *x)
{
    return cn_sqrt(cn_sum_axes(cn_square(x), -1, NULL, false));
}

/* |w| / |r|, or 1 where one of them is 0 */
static cn_tensor *trust(cn_tensor *w, cn_tensor *r)
{
    cn_tensor *large = norm(w), *small = norm(r);
    cn_tensor *both = cn_logical_and(cn_greater(large, 0.0), cn_greater(small, 0.0));
    return cn_where(both, cn_divide(large, cn_where(both, small, 1.0)), 1.0);
}

static int update_lamb(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                       cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_lamb_args *a = self->base.args;
    cn_tensor *m = slots[MOMENTUM], *v = slots[VELOCITY];
    (void)step;
    m = cn_add(m, cn_multiply(cn_subtract(g, m), 1 - a->beta_1));
    v = cn_add(v, cn_multiply(cn_subtract(cn_square(g), v), 1 - a->beta_2));
    int code = (cn_assign)(slots[MOMENTUM], m);
    code = code < 0 ? code : (cn_assign)(slots[VELOCITY], v);
    if (code < 0) {
        return code;
    }
    cn_tensor *size = cn_add(cn_sqrt(cn_divide(v, shared[1])), a->epsilon);
    cn_tensor *r = cn_divide(cn_divide(m, shared[0]), size);
    return cn__assign_sub(w, cn_multiply(cn_multiply(trust(w, r), rate), r));
}

#define T cn_optimizer_lion_args
static const cn_field lion_fields[] = {
    CN_FIELD(T, DOUBLE, beta_1), CN_FIELD(T, DOUBLE, beta_2), {0}};
#undef T
#define T cn_optimizer_lamb_args
static const cn_field lamb_fields[] = {
    CN_FIELD(T, DOUBLE, beta_1), CN_FIELD(T, DOUBLE, beta_2), CN_FIELD(T, DOUBLE, epsilon), {0}};
static const char *const lion_names[] = {"momentum"}, *const lion_keras2[] = {"m"},
                         *const lamb_names[] = {"momentum", "velocity"};

CN__OPTIMIZER_RECORD(lion, "Lion", CN_OPTIMIZER_LION_DEFAULTS, .n_slots = 1,
                     .slot_names = lion_names, .keras2_slot_names = lion_keras2,
                     .check = check_lion, .update = update_lion)
CN__OPTIMIZER_RECORD(lamb, "Lamb", CN_OPTIMIZER_LAMB_DEFAULTS, .n_slots = 2,
                     .slot_names = lamb_names, .joined_slots = 1 << VELOCITY,
                     .prepare = prepare_lamb, .update = update_lamb)
