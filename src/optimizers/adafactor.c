/* Adafactor: squared gradients of matrices kept as means of their rows and columns, steps relative
 * to the weights. */
#include "optimizers/optimizer.h"

enum { ROWS, COLUMNS, VELOCITY };

/* Vectors have no factors; Keras 3 keeps a number in their place. */
static int slot_shape(const cn_optimizer *self, int slot, const cn_tensor *variable,
                      cn_shape *shape)
{
    *shape = variable->shape;
    int rank = shape->rank;
    if (slot == VELOCITY) {
        return 0;
    }
    if (rank < 2) {
        *shape = (cn_shape){.rank = cn__is_keras3(self->base.keras) && rank == 1 ? 0 : -1};
        return 0;
    }
    if (slot == COLUMNS) {
        shape->dim[rank - 2] = shape->dim[rank - 1];
    }
    shape->rank = rank - 1;
    return 0;
}

/* shared: min(lr, 1 / sqrt(t)), beta_2 of this step 1 - t^beta_2_decay, and 1 - that */
static int prepare(cn_optimizer *self, cn_tensor *rate, cn_tensor *step, cn_tensor **shared)
{
    const cn_optimizer_adafactor_args *a = self->base.args;
    shared[0] = cn_minimum(rate, cn_rsqrt(step));
    shared[1] = cn_subtract(1.0, cn_power(step, a->beta_2_decay));
    shared[2] = cn_subtract(1.0, shared[1]);
    return shared[2] ? 0 : cn_error_code();
}

static cn_tensor *rms(cn_tensor *x)
{
    return cn_sqrt(cn_mean_axes(cn_square(x), -1, NULL, false));
}

/* slot = beta slot + (1 - beta) value */
static cn_tensor *moving(cn_tensor *slot, cn_tensor *value, cn_tensor *const *shared)
{
    cn_tensor *next = cn_add(cn_multiply(shared[1], slot), cn_multiply(shared[2], value));
    return (cn_assign)(slot, next) < 0 ? NULL : next;
}

/* r / mean(r) times c: the squares that rows and columns stand for */
static cn_tensor *factored(cn_tensor *const *slots, cn_tensor *squares, cn_tensor *const *shared)
{
    const int64_t last = -1, before = -2;
    cn_tensor *r = moving(slots[ROWS], cn_mean_axes(squares, 1, &last, false), shared);
    cn_tensor *c = moving(slots[COLUMNS], cn_mean_axes(squares, 1, &before, false), shared);
    cn_tensor *part = r ? cn_divide(r, cn_mean_axes(r, 1, &last, true)) : NULL;
    cn_tensor *v = part && c ? cn_multiply(cn_expand_dims(part, -1), cn_expand_dims(c, -2)) : NULL;
    return v && (cn_assign)(slots[VELOCITY], v) == 0 ? v : NULL;
}

static int update(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                  cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_adafactor_args *a = self->base.args;
    (void)rate;
    (void)step;
    cn_tensor *alpha = cn_multiply(cn_maximum(a->epsilon_2, rms(w)), shared[0]);
    cn_tensor *squares = cn_add(cn_square(g), a->epsilon_1);
    cn_tensor *v = w->shape.rank >= 2 ? factored(slots, squares, shared)
                                      : moving(slots[VELOCITY], squares, shared);
    if (!v) {
        return cn_error_code();
    }
    cn_tensor *u = cn_divide(g, cn_sqrt(v));
    cn_tensor *clipped = cn_divide(u, cn_maximum(1.0, cn_divide(rms(u), a->clip_threshold)));
    return cn__assign_sub(w, cn_multiply(alpha, clipped));
}

#define T cn_optimizer_adafactor_args
static const cn_field adafactor_fields[] = {
    CN_FIELD(T, DOUBLE, beta_2_decay), CN_FIELD(T, DOUBLE, epsilon_1),
    CN_FIELD(T, DOUBLE, epsilon_2),    CN_FIELD(T, DOUBLE, clip_threshold),
    CN_FIELD(T, BOOL, relative_step),  {0}};
static const char *const names[] = {"r", "c", "velocity"}, *const keras2_names[] = {"r", "c", "v"};

CN__OPTIMIZER_RECORD(adafactor, "Adafactor", CN_OPTIMIZER_ADAFACTOR_DEFAULTS, .n_slots = 3,
                     .slot_names = names, .keras2_slot_names = keras2_names,
                     .joined_slots = 1 << COLUMNS | 1 << VELOCITY, .slot_shape = slot_shape,
                     .prepare = prepare, .update = update)
