/* Learning-rate schedules: the rate at a step, written in ops, so that it is traced into the
 * training step. */
#include "graph/trace.h"
#include "optimizers/optimizer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

static int init_schedule(void *instance)
{
    cn_schedule *self = instance;
    const cn_schedule_class *class = (const cn_schedule_class *)self->base.class;
    return class->check ? class->check(self) : 0;
}

const cn__kind_info cn__kind_schedule = {.type = {CN__SCHEDULE, "schedule", NULL},
                                         .bytes = sizeof(cn_schedule),
                                         .module = "keras.optimizers.schedules",
                                         .init = init_schedule};

cn_schedule *cn_schedule_new(const cn_schedule_class *cls, const void *args)
{
    if (!cls) {
        cn__fail(CN_EVALUE, "cn_schedule_new: the class is NULL");
        return NULL;
    }
    return cn__create(CN__SCHEDULE, &cls->base, args);
}

const void *cn_schedule_arguments(const cn_schedule *schedule)
{
    return cn__expect(schedule, CN__SCHEDULE, "cn_schedule_arguments") < 0 ? NULL
                                                                           : schedule->base.args;
}

int cn_register_schedule(const cn_schedule_class *cls, const char *package)
{
    return cn__class_register(CN__SCHEDULE, &cls->base, package);
}

cn_tensor *cn_schedule_call(const cn_schedule *schedule, cn_tensor *step)
{
    if (cn__pending() || cn__expect(schedule, CN__SCHEDULE, "cn_schedule_call") < 0 ||
        !cn__check_tensor(step, "cn_schedule_call")) {
        return NULL;
    }
    cn_tensor *rate = ((const cn_schedule_class *)schedule->base.class)->call(schedule, step);
    return rate && rate->dtype != CN_FLOAT32 ? cn_cast(rate, CN_FLOAT32) : rate;
}

double cn_schedule_value(const cn_schedule *schedule, int64_t step)
{
    cn__trace *trace = cn__trace_suspend();
    cn_scope scope = cn_scope_begin();
    cn_tensor *rate = cn_schedule_call(schedule, cn_tensor_new(CN_INT64, 0, NULL, &step));
    double value = rate ? cn_tensor_value(rate) : (double)NAN;
    cn_scope_end(scope);
    cn__trace_resume(trace);
    return value;
}

static cn_tensor *constant(double value)
{
    return cn_scalar(value, CN_FLOAT32);
}

static cn_tensor *as_float(cn_tensor *step)
{
    return cn_cast(step, CN_FLOAT32);
}

static int check_steps(const char *argument, int64_t steps)
{
    return steps > 0 ? 0
                     : cn__fail(CN_EVALUE, "Argument `%s` must be > 0. Received: %s=%" PRId64,
                                argument, argument, steps);
}

static cn_tensor *periods(cn_tensor *step, int64_t decay_steps, bool staircase)
{
    cn_tensor *p = cn_divide(as_float(step), (double)decay_steps);
    return staircase ? cn_floor(p) : p;
}

static cn_tensor *exponential_decay(const cn_schedule *self, cn_tensor *step)
{
    const cn_schedule_exponential_decay_args *a = self->base.args;
    cn_tensor *p = periods(step, a->decay_steps, a->staircase);
    return cn_multiply(constant(a->initial_learning_rate), cn_power(constant(a->decay_rate), p));
}

static int check_exponential_decay(cn_schedule *self)
{
    return check_steps("decay_steps",
                       ((const cn_schedule_exponential_decay_args *)self->base.args)->decay_steps);
}

static cn_tensor *inverse_time_decay(const cn_schedule *self, cn_tensor *step)
{
    const cn_schedule_inverse_time_decay_args *a = self->base.args;
    cn_tensor *p = periods(step, a->decay_steps, a->staircase);
    return cn_divide(constant(a->initial_learning_rate),
                     cn_add(1.0, cn_multiply(constant(a->decay_rate), p)));
}

static int check_inverse_time_decay(cn_schedule *self)
{
    return check_steps("decay_steps",
                       ((const cn_schedule_inverse_time_decay_args *)self->base.args)->decay_steps);
}

static int count_floats(const cn_floats *f)
{
    int n = f->n ? f->n : 32;
    while (!f->n && n > 0 && f->v[n - 1] == 0) {
        n--;
    }
    return n;
}

/* values[i] for boundaries[i - 1] < step <= boundaries[i]: a sum of the values, of which all but
 * one are times 0. */
static cn_tensor *piecewise_constant_decay(const cn_schedule *self, cn_tensor *step)
{
    const cn_schedule_piecewise_constant_decay_args *a = self->base.args;
    int n = count_floats(&a->boundaries);
    /* Boundaries are cut to the step's type, as in Keras. */
    cn_tensor *rate = constant(a->values.v[n]);
    for (int i = n - 1; i >= 0; i--) {
        cn_tensor *boundary = cn_scalar(trunc(a->boundaries.v[i]), step->dtype);
        rate = cn_where(cn_less_equal(step, boundary), constant(a->values.v[i]), rate);
    }
    return rate;
}

static int check_piecewise_constant_decay(cn_schedule *self)
{
    cn_schedule_piecewise_constant_decay_args *a = self->base.args;
    int boundaries = count_floats(&a->boundaries), values = count_floats(&a->values);
    /* A last value of 0 is not counted unless the count was given. */
    if (!a->values.n && values <= boundaries) {
        values = boundaries + 1;
    }
    if (boundaries == values - 1 && boundaries > 0 && boundaries < 32) {
        a->boundaries.n = boundaries;
        a->values.n = values;
        return 0;
    }
    return cn__fail(CN_EVALUE,
                    "The length of boundaries should be 1 less than the length of values. "
                    "Received: boundaries of length %d, and values of length %d.",
                    boundaries, values);
}

static cn_tensor *polynomial_decay(const cn_schedule *self, cn_tensor *step)
{
    const cn_schedule_polynomial_decay_args *a = self->base.args;
    cn_tensor *t = as_float(step), *steps = constant((double)a->decay_steps);
    if (a->cycle) {
        cn_tensor *rounds = cn_ceil(cn_divide(t, (double)a->decay_steps));
        steps = cn_multiply(steps, cn_where(cn_equal(t, 0.0), constant(1), rounds));
    } else {
        t = cn_minimum(t, steps);
    }
    cn_tensor *left = cn_power(cn_subtract(1.0, cn_divide(t, steps)), constant(a->power));
    cn_tensor *end = constant(a->end_learning_rate);
    cn_tensor *span = cn_subtract(constant(a->initial_learning_rate), end);
    return cn_add(cn_multiply(span, left), end);
}

static int check_polynomial_decay(cn_schedule *self)
{
    return check_steps("decay_steps",
                       ((const cn_schedule_polynomial_decay_args *)self->base.args)->decay_steps);
}

/* rate ((1 - alpha)(1 + cos(pi part)) / 2 + alpha) */
static cn_tensor *cosine(cn_tensor *part, double rate, double alpha)
{
    cn_tensor *wave = cn_multiply(0.5, cn_add(1.0, cn_cos(cn_multiply(PI, part))));
    return cn_multiply(constant(rate), cn_add(cn_multiply(1 - alpha, wave), alpha));
}

static cn_tensor *cosine_decay(const cn_schedule *self, cn_tensor *step)
{
    const cn_schedule_cosine_decay_args *a = self->base.args;
    double steps = (double)a->decay_steps, warmup = (double)a->warmup_steps;
    cn_tensor *t = as_float(step);
    if (isnan(a->warmup_target)) {
        return cosine(cn_divide(cn_minimum(t, steps), steps), a->initial_learning_rate, a->alpha);
    }
    t = cn_minimum(t, steps + warmup);
    cn_tensor *down = cosine(cn_divide(cn_subtract(t, warmup), steps), a->warmup_target, a->alpha);
    if (a->warmup_steps <= 0) {
        return down;
    }
    cn_tensor *first = constant(a->initial_learning_rate);
    cn_tensor *rise = cn_subtract(constant(a->warmup_target), first);
    cn_tensor *up = cn_add(cn_multiply(rise, cn_divide(t, warmup)), first);
    return cn_where(cn_less(t, warmup), up, down);
}

static int check_cosine_decay(cn_schedule *self)
{
    return check_steps("decay_steps",
                       ((const cn_schedule_cosine_decay_args *)self->base.args)->decay_steps);
}

static cn_tensor *cosine_decay_restarts(const cn_schedule *self, cn_tensor *step)
{
    const cn_schedule_cosine_decay_restarts_args *a = self->base.args;
    cn_tensor *part = cn_divide(as_float(step), (double)a->first_decay_steps), *restarts;
    if (a->t_mul == 1) {
        restarts = cn_floor(part);
        part = cn_subtract(part, restarts);
    } else {
        cn_tensor *t_mul = constant(a->t_mul);
        cn_tensor *grown = cn_subtract(1.0, cn_multiply(part, cn_subtract(1.0, t_mul)));
        restarts = cn_floor(cn_divide(cn_log(grown), cn_log(t_mul)));
        cn_tensor *length = cn_power(t_mul, restarts);
        cn_tensor *before = cn_divide(cn_subtract(1.0, length), cn_subtract(1.0, t_mul));
        part = cn_divide(cn_subtract(part, before), length);
    }
    cn_tensor *height = cn_multiply(0.5, cn_power(constant(a->m_mul), restarts));
    cn_tensor *wave = cn_multiply(height, cn_add(1.0, cn_cos(cn_multiply(PI, part))));
    cn_tensor *alpha = constant(a->alpha);
    return cn_multiply(constant(a->initial_learning_rate),
                       cn_add(cn_multiply(cn_subtract(1.0, alpha), wave), alpha));
}

static int check_cosine_decay_restarts(cn_schedule *self)
{
    return check_steps(
        "first_decay_steps",
        ((const cn_schedule_cosine_decay_restarts_args *)self->base.args)->first_decay_steps);
}

#define T cn_schedule_exponential_decay_args
static const cn_field exponential_decay_fields[] = {CN_FIELD(T, DOUBLE, initial_learning_rate),
                                                    CN_FIELD(T, INT64, decay_steps),
                                                    CN_FIELD(T, DOUBLE, decay_rate),
                                                    CN_FIELD(T, BOOL, staircase),
                                                    CN_FIELD(T, STRING, name),
                                                    {0}};
#undef T
#define T cn_schedule_inverse_time_decay_args
static const cn_field inverse_time_decay_fields[] = {CN_FIELD(T, DOUBLE, initial_learning_rate),
                                                     CN_FIELD(T, INT64, decay_steps),
                                                     CN_FIELD(T, DOUBLE, decay_rate),
                                                     CN_FIELD(T, BOOL, staircase),
                                                     CN_FIELD(T, STRING, name),
                                                     {0}};
#undef T
#define T cn_schedule_piecewise_constant_decay_args
static const cn_field piecewise_constant_decay_fields[] = {
    CN_FIELD(T, FLOATS, boundaries), CN_FIELD(T, FLOATS, values), CN_FIELD(T, STRING, name), {0}};
#undef T
#define T cn_schedule_polynomial_decay_args
static const cn_field polynomial_decay_fields[] = {CN_FIELD(T, DOUBLE, initial_learning_rate),
                                                   CN_FIELD(T, INT64, decay_steps),
                                                   CN_FIELD(T, DOUBLE, end_learning_rate),
                                                   CN_FIELD(T, DOUBLE, power),
                                                   CN_FIELD(T, BOOL, cycle),
                                                   CN_FIELD(T, STRING, name),
                                                   {0}};
#undef T
#define T cn_schedule_cosine_decay_args
static const cn_field cosine_decay_fields[] = {CN_FIELD(T, DOUBLE, initial_learning_rate),
                                               CN_FIELD(T, INT64, decay_steps),
                                               CN_FIELD(T, DOUBLE, alpha),
                                               CN_FIELD(T, STRING, name),
                                               CN_FIELD(T, DOUBLE, warmup_target),
                                               CN_FIELD(T, INT64, warmup_steps),
                                               {0}};
#undef T
#define T cn_schedule_cosine_decay_restarts_args
static const cn_field cosine_decay_restarts_fields[] = {CN_FIELD(T, DOUBLE, initial_learning_rate),
                                                        CN_FIELD(T, INT64, first_decay_steps),
                                                        CN_FIELD(T, DOUBLE, t_mul),
                                                        CN_FIELD(T, DOUBLE, m_mul),
                                                        CN_FIELD(T, DOUBLE, alpha),
                                                        CN_FIELD(T, STRING, name),
                                                        {0}};
#undef T

#define RECORD(word, keras_name, DEFAULTS)                                                         \
    const cn_schedule_##word##_args cn_schedule_##word##_defaults = {                              \
        .size = sizeof(cn_schedule_##word##_args), DEFAULTS};                                      \
    const cn_schedule_class cn__schedule_##word = {                                                \
        .base = {.size = sizeof(cn_schedule_class),                                                \
                 .name = keras_name,                                                               \
                 .module = "keras.optimizers.schedules",                                           \
                 .args_size = sizeof(cn_schedule_##word##_args),                                   \
                 .defaults = &cn_schedule_##word##_defaults,                                       \
                 .fields = word##_fields},                                                         \
        .call = word,                                                                              \
        .check = check_##word};                                                                    \
    cn_schedule *cn_schedule_##word##_with(const cn_schedule_##word##_args *args)                  \
    {                                                                                              \
        return cn_schedule_new(&cn__schedule_##word, args);                                        \
    }

RECORD(exponential_decay, "ExponentialDecay", CN_SCHEDULE_EXPONENTIAL_DECAY_DEFAULTS)
RECORD(inverse_time_decay, "InverseTimeDecay", CN_SCHEDULE_INVERSE_TIME_DECAY_DEFAULTS)
RECORD(piecewise_constant_decay, "PiecewiseConstantDecay",
       CN_SCHEDULE_PIECEWISE_CONSTANT_DECAY_DEFAULTS)
RECORD(polynomial_decay, "PolynomialDecay", CN_SCHEDULE_POLYNOMIAL_DECAY_DEFAULTS)
RECORD(cosine_decay, "CosineDecay", CN_SCHEDULE_COSINE_DECAY_DEFAULTS)
RECORD(cosine_decay_restarts, "CosineDecayRestarts", CN_SCHEDULE_COSINE_DECAY_RESTARTS_DEFAULTS)
