/* ScheduleFreeAdamW: AdamW whose weights are an average of its iterates, so that no schedule is
 * needed. */
#include "optimizers/optimizer.h"

#include <math.h>

enum { ITERATE, VELOCITY };

/* The iterates begin where the weights are. */
static double initial(const cn_optimizer *self, int slot)
{
    (void)self;
    return slot == ITERATE ? (double)NAN : 0;
}

/* shared: the rate after warming up, 1 - beta_2^t, 1 / t, 1 - 1 / t */
static int prepare(cn_optimizer *self, cn_tensor *rate, cn_tensor *step, cn_tensor **shared)
{
    const cn_optimizer_schedule_free_adamw_args *a = self->base.args;
    shared[0] = rate;
    if (a->warmup_steps > 0) {
        shared[0] = cn_multiply(rate, cn_minimum(cn_divide(step, (double)a->warmup_steps), 1.0));
    }
    shared[1] = cn_subtract(1.0, cn_power(cn_scalar(a->beta_2, CN_FLOAT32), step));
    shared[2] = cn_divide(1.0, step);
    shared[3] = cn_subtract(1.0, shared[2]);
    return shared[3] ? 0 : cn_error_code();
}

/* z -= lr g / (sqrt(v / (1 - beta_2^t)) + epsilon); w = (1 - beta_1) z + beta_1 x, where x is the
 * mean of all z */
static int update(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                  cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_schedule_free_adamw_args *a = self->base.args;
    double beta_1 = (float)a->beta_1, beta_2 = (float)a->beta_2;
    cn_tensor *z = slots[ITERATE], *v = slots[VELOCITY];
    (void)rate;
    (void)step;
    v = cn_add(v, cn_multiply(cn_subtract(cn_square(g), v), 1 - beta_2));
    cn_tensor *size = cn_add(cn_sqrt(cn_divide(v, shared[1])), a->epsilon);
    cn_tensor *next = cn_subtract(z, cn_divide(cn_multiply(shared[0], g), size));
    cn_tensor *x = cn_divide(cn_subtract(w, cn_multiply(1 - beta_1, next)), beta_1);
    x = cn_add(cn_multiply(shared[3], x), cn_multiply(shared[2], next));
    cn_tensor *y = cn_add(cn_multiply(1 - beta_1, next), cn_multiply(beta_1, x));
    int code = (cn_assign)(slots[VELOCITY], v);
    code = code < 0 ? code : (cn_assign)(slots[ITERATE], next);
    return code < 0 ? code : (cn_assign)(w, y);
}

#define T cn_optimizer_schedule_free_adamw_args
static const cn_field schedule_free_adamw_fields[] = {CN_FIELD(T, DOUBLE, beta_1),
                                                      CN_FIELD(T, DOUBLE, beta_2),
                                                      CN_FIELD(T, DOUBLE, epsilon),
                                                      CN_FIELD(T, INT64, warmup_steps),
                                                      {0}};
static const char *const names[] = {"momentum", "velocity"};

CN__OPTIMIZER_RECORD(schedule_free_adamw, "ScheduleFreeAdamW",
                     CN_OPTIMIZER_SCHEDULE_FREE_ADAMW_DEFAULTS, .n_slots = 2, .slot_names = names,
                     .joined_slots = 1 << VELOCITY, .slot_initial = initial, .prepare = prepare,
                     .update = update)
