/* Adamax and Nadam: Adam by the largest gradient, and Adam with Nesterov's momentum. */
#include "graph/trace.h"
#include "optimizers/optimizer.h"

enum { MOMENTUM, SIZE };

static int check(cn_optimizer *self)
{
    cn__optimizer_default_rate(self, 0.001, 0.002);
    return 0;
}

/* m += (g - m)(1 - beta_1) */
static cn_tensor *next_momentum(cn_tensor *m, cn_tensor *g, double beta_1)
{
    cn_tensor *next = cn_add(m, cn_multiply(cn_subtract(g, m), 1 - beta_1));
    return (cn_assign)(m, next) < 0 ? NULL : next;
}

static cn_tensor *power(double base, cn_tensor *exponent)
{
    return cn_power(cn_scalar(base, CN_FLOAT32), exponent);
}

/* shared[0] = 1 - beta_1^t */
static int prepare_adamax(cn_optimizer *self, cn_tensor *rate, cn_tensor *step, cn_tensor **shared)
{
    const cn_optimizer_adamax_args *a = self->base.args;
    (void)rate;
    shared[0] = cn_subtract(1.0, power(a->beta_1, step));
    return shared[0] ? 0 : cn_error_code();
}

/* u = max(beta_2 u, |g|); w -= lr m / ((1 - beta_1^t)(u + epsilon)) */
static int update_adamax(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                         cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_adamax_args *a = self->base.args;
    (void)step;
    cn_tensor *m = next_momentum(slots[MOMENTUM], g, a->beta_1);
    cn_tensor *u = cn_maximum(cn_multiply(a->beta_2, slots[SIZE]), cn_abs(g));
    int code = (cn_assign)(slots[SIZE], u);
    if (code < 0) {
        return code;
    }
    return cn__assign_sub(
        w, cn_divide(cn_multiply(rate, m), cn_multiply(shared[0], cn_add(u, a->epsilon))));
}

/* A legacy Nadam's "decay" is that of its momentum, not of its learning rate. */
static int check_nadam(cn_optimizer *self)
{
    cn_optimizer_nadam_args *a = self->base.args;
    self->constant_rate = true;
    if (self->legacy && a->decay == 0) {
        a->decay = a->schedule_decay;
    }
    return check(self);
}

/* beta_1 (1 - 0.96^t / 2); legacy ones take the power t schedule_decay. */
static cn_tensor *momentum_at(const cn_optimizer *self, cn_tensor *step)
{
    const cn_optimizer_nadam_args *a = self->base.args;
    cn_tensor *exponent = self->legacy ? cn_multiply(step, a->decay) : step;
    return cn_multiply(cn_scalar(a->beta_1, CN_FLOAT32),
                       cn_subtract(1.0, cn_multiply(0.5, power(0.96, exponent))));
}

/* Whether P, the product of all momenta so far, grows with every weight and not with every step.
 * tf.keras means to multiply once a step, but counts the products in Python, where a training step
 * that was compiled counts no more; what fit gives has always been so. */
static bool multiplies_often(const cn_optimizer *self)
{
    return !self->legacy && !cn__is_keras3(self->base.keras) && cn__trace_current();
}

/* shared: u of the next step, 1 - u, 1 - beta_2^t, u, and 1 - P u of the next step and 1 - P where
 * they are the same for all weights. */
static int prepare_nadam(cn_optimizer *self, cn_tensor *rate, cn_tensor *step, cn_tensor **shared)
{
    const cn_optimizer_nadam_args *a = self->base.args;
    (void)rate;
    cn_tensor *u = momentum_at(self, step), *next = momentum_at(self, cn_add(step, 1.0));
    shared[0] = next;
    shared[1] = cn_subtract(1.0, u);
    shared[2] = cn_subtract(1.0, power(a->beta_2, step));
    shared[3] = u;
    int code = 0;
    if (!multiplies_often(self)) {
        cn_tensor *product = cn_multiply(self->scalar, u);
        shared[4] = cn_subtract(1.0, cn_multiply(product, next));
        shared[5] = cn_subtract(1.0, product);
        code = (cn_assign)(self->scalar, product);
    }
    return code < 0 ? code : shared[3] ? 0 : cn_error_code();
}

/* P of one weight among n, multiplied once more. The step's function is traced twice: the counts
 * that the second trace has seen, n + 1, n + 2 …, meet the number of the step once for each weight,
 * which takes P as it is that time. */
static cn_tensor *product_of(cn_optimizer *self, cn_tensor *const *slots, cn_tensor *step,
                             cn_tensor *u)
{
    int64_t index = (slots - self->slots) / cn__optimizer_class(self)->n_slots;
    cn_tensor *cached = cn_equal(step, (double)(self->n_variables + index));
    cn_tensor *product = cn_where(cached, self->scalar, cn_multiply(self->scalar, u));
    return (cn_assign)(self->scalar, product) < 0 ? NULL : product;
}

static int update_nadam(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                        cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_nadam_args *a = self->base.args;
    double beta_2 = (float)a->beta_2;
    cn_tensor *ahead_of = shared[4], *rest = shared[5];
    if (multiplies_often(self)) {
        cn_tensor *product = product_of(self, slots, step, shared[3]);
        ahead_of = cn_subtract(1.0, cn_multiply(product, shared[0]));
        rest = cn_subtract(1.0, product);
    }
    cn_tensor *m = next_momentum(slots[MOMENTUM], g, (float)a->beta_1), *v = slots[SIZE];
    v = cn_add(v, cn_multiply(cn_subtract(cn_square(g), v), 1 - beta_2));
    int code = (cn_assign)(slots[SIZE], v);
    if (code < 0) {
        return code;
    }
    cn_tensor *ahead = cn_add(cn_divide(cn_multiply(shared[0], m), ahead_of),
                              cn_divide(cn_multiply(shared[1], g), rest));
    cn_tensor *size = cn_add(cn_sqrt(cn_divide(v, shared[2])), a->epsilon);
    return cn__assign_sub(w, cn_divide(cn_multiply(ahead, rate), size));
}

#define T cn_optimizer_adamax_args
static const cn_field adamax_fields[] = {
    CN_FIELD(T, DOUBLE, beta_1), CN_FIELD(T, DOUBLE, beta_2), CN_FIELD(T, DOUBLE, epsilon), {0}};
#undef T
#define T cn_optimizer_nadam_args
static const cn_field nadam_fields[] = {CN_FIELD(T, DOUBLE, beta_1),
                                        CN_FIELD(T, DOUBLE, beta_2),
                                        CN_FIELD(T, DOUBLE, epsilon),
                                        CN_FIELD_FLAGS(T, DOUBLE, schedule_decay, CN_FIELD_UNSAVED),
                                        {0}};
static const char *const adamax_names[] = {"momentum", "norm"}, *const adamax_keras2[] = {"m", "u"},
                         *const nadam_names[] = {"momentum", "velocity"},
                         *const short_names[] = {"m", "v"};

CN__OPTIMIZER_RECORD(adamax, "Adamax", CN_OPTIMIZER_ADAMAX_DEFAULTS, .n_slots = 2,
                     .slot_names = adamax_names, .keras2_slot_names = adamax_keras2,
                     .legacy_slot_names = short_names, .joined_slots = 1 << SIZE, .check = check,
                     .prepare = prepare_adamax, .update = update_adamax)
CN__OPTIMIZER_RECORD(nadam, "Nadam", CN_OPTIMIZER_NADAM_DEFAULTS, .n_slots = 2,
                     .slot_names = nadam_names, .keras2_slot_names = short_names,
                     .legacy_slot_names = short_names, .joined_slots = 1 << SIZE,
                     .scalar_name = "variable", .check = check_nadam, .prepare = prepare_nadam,
                     .update = update_nadam)
