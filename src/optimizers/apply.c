/* One step of an optimizer, in ops and assignments: eager, or traced into a model's training step.
 */
#include "graph/trace.h"
#include "optimizers/optimizer.h"

#include <cornu/constraints.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

int cn__assign_add(cn_tensor *variable, cn_tensor *change)
{
    return (cn_assign)(variable, (cn_add)(variable, change));
}

int cn__assign_sub(cn_tensor *variable, cn_tensor *change)
{
    return (cn_assign)(variable, (cn_subtract)(variable, change));
}

cn_tensor *cn__optimizer_rate(cn_optimizer *self)
{
    cn_tensor *rate = self->learning_rate;
    if (self->schedule) {
        rate = cn_schedule_call(self->schedule, self->iterations);
        if (!cn__is_keras3(self->base.keras) && (cn_assign)(self->learning_rate, rate) < 0) {
            return NULL;
        }
    }
    double decay = cn__optimizer_head(self)->decay;
    if (self->legacy && decay > 0 && !self->constant_rate) {
        cn_tensor *steps = cn_cast(self->iterations, CN_FLOAT32);
        rate = cn_divide(rate, cn_add(1.0, cn_multiply(decay, steps)));
    }
    return rate;
}

/* The variables that have a gradient in this step. */
typedef struct step {
    int n;
    cn_tensor **gradient;
    cn_tensor **variable;
    int64_t *index; /* among those that the optimizer was built for */
    cn_tensor *rate, *number;
} step;

static int64_t find_variable(const cn_optimizer *self, const cn_tensor *variable, int64_t guess)
{
    if (guess < self->n_variables && self->variables[guess] == variable) {
        return guess;
    }
    for (int64_t i = 0; i < self->n_variables; i++) {
        if (self->variables[i] == variable) {
            return i;
        }
    }
    const char *name = variable->variable->name;
    return cn__fail(CN_EKEY,
                    "Unknown variable: %s. This optimizer can only be called for the variables it "
                    "was originally built with. When working with a new set of variables, you "
                    "should recreate a new optimizer instance.",
                    name ? name : "variable");
}

static int collect(cn_optimizer *self, step *s, int n, cn_tensor *const *gradients,
                   cn_tensor *const *variables)
{
    int given = 0;
    for (int i = 0; i < n; i++) {
        if (!gradients[i]) {
            continue;
        }
        given++;
        int64_t index = find_variable(self, variables[i], i);
        if (index < 0) {
            return (int)index;
        }
        if (variables[i]->variable->overwrite_with_gradient) {
            int code = (cn_assign)(variables[i], gradients[i]);
            if (code < 0) {
                return code;
            }
            continue;
        }
        s->gradient[s->n] = gradients[i];
        s->variable[s->n] = variables[i];
        s->index[s->n++] = index;
    }
    if (!given) {
        return cn__fail(CN_EVALUE, "No gradients provided for any variable.");
    }
    return 0;
}

static cn_tensor *sum_of_squares(cn_tensor *g)
{
    return cn_sum_axes(cn_square(g), -1, NULL, false);
}

/* g c / max(|g|, c). The root of a zero is kept out of the graph's way, as in Keras. */
static cn_tensor *clip_by_norm(cn_tensor *g, double clip)
{
    return cn_divide(cn_multiply(g, clip), cn_maximum(cn_sqrt(sum_of_squares(g)), clip));
}

static cn_tensor *global_norm(const step *s)
{
    cn_tensor *sum = NULL;
    for (int i = 0; i < s->n; i++) {
        cn_tensor *one = sum_of_squares(s->gradient[i]);
        sum = sum ? cn_add(sum, one) : one;
    }
    return cn_sqrt(sum);
}

static bool wanted(double clip)
{
    return !isnan(clip) && clip > 0;
}

static void clip_all(step *s, double norm, double value)
{
    for (int i = 0; i < s->n; i++) {
        cn_tensor *g = s->gradient[i];
        s->gradient[i] = wanted(norm) ? clip_by_norm(g, norm) : cn_clip(g, -value, value);
    }
}

/* g c min(1 / |all|, 1 / c); a norm that is not finite makes every gradient NaN, as in Keras. */
static void clip_global(step *s, double clip)
{
    cn_tensor *norm = global_norm(s);
    cn_tensor *scale = cn_multiply(clip, cn_minimum(cn_divide(1.0, norm), 1 / clip));
    scale = cn_add(scale, cn_subtract(norm, norm));
    for (int i = 0; i < s->n; i++) {
        s->gradient[i] = cn_multiply(s->gradient[i], scale);
    }
}

/* Keras up to 2.3 clipped each gradient by the norm of all, and after that each value. */
static void clip_multi_backend(step *s, const cn_optimizer_args *a)
{
    if (wanted(a->clipnorm)) {
        cn_tensor *norm = global_norm(s);
        cn_tensor *large = cn_greater_equal(norm, a->clipnorm);
        for (int i = 0; i < s->n; i++) {
            cn_tensor *g = s->gradient[i];
            s->gradient[i] = cn_where(large, cn_divide(cn_multiply(g, a->clipnorm), norm), g);
        }
    }
    if (wanted(a->clipvalue)) {
        clip_all(s, NAN, a->clipvalue);
    }
}

static void clip(const cn_optimizer *self, step *s)
{
    const cn_optimizer_args *a = cn__optimizer_head(self);
    if (cn__is_multi_backend(self->base.keras)) {
        clip_multi_backend(s, a);
    } else if (self->legacy) {
        if (wanted(a->clipvalue)) {
            clip_all(s, NAN, a->clipvalue);
        }
        if (wanted(a->clipnorm)) {
            clip_all(s, a->clipnorm, NAN);
        }
        if (wanted(a->global_clipnorm)) {
            clip_global(s, a->global_clipnorm);
        }
    } else if (wanted(a->clipnorm)) {
        clip_all(s, a->clipnorm, NAN);
    } else if (wanted(a->global_clipnorm)) {
        clip_global(s, a->global_clipnorm);
    } else if (wanted(a->clipvalue)) {
        clip_all(s, NAN, a->clipvalue);
    }
}

static bool decays(const cn_optimizer *self, const cn_tensor *variable)
{
    for (int i = 0; i < self->n_excluded; i++) {
        if (self->excluded[i] == variable) {
            return false;
        }
    }
    const char *name = variable->variable->name;
    for (int i = 0; name && i < self->n_excluded_names; i++) {
        if (strstr(name, self->excluded_names[i])) {
            return false;
        }
    }
    return true;
}

/* w -= w decay lr */
static int decay_weights(const cn_optimizer *self, const step *s)
{
    const cn_optimizer_class *class = cn__optimizer_class(self);
    for (int i = 0; i < s->n && !self->legacy; i++) {
        cn_tensor *w = s->variable[i];
        double decay = class->weight_decay ? class->weight_decay(self, w)
                                           : cn__optimizer_head(self)->weight_decay;
        if (isnan(decay) || !decays(self, w)) {
            continue;
        }
        int code = cn__assign_sub(w, cn_multiply(cn_multiply(w, decay), s->rate));
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static int update_all(cn_optimizer *self, step *s)
{
    const cn_optimizer_class *class = cn__optimizer_class(self);
    cn_tensor *shared[8] = {0};
    clip(self, s);
    int code = decay_weights(self, s);
    if (code == 0 && class->prepare) {
        code = class->prepare(self, s->rate, s->number, shared);
    }
    for (int i = 0; code == 0 && i < s->n; i++) {
        code =
            class->update(self, s->variable[i], s->gradient[i],
                          self->slots + s->index[i] * class->n_slots, s->rate, s->number, shared);
    }
    return code;
}

/* Everything that an update assigns to: fills `out` and returns how many. */
static int64_t targets(const cn_optimizer *self, const step *s, cn_tensor **out)
{
    int64_t n = 0, per = cn__optimizer_class(self)->n_slots;
    for (int i = 0; i < s->n; i++) {
        out[n++] = s->variable[i];
        for (int64_t k = 0; k < per; k++) {
            if (self->slots[s->index[i] * per + k]) {
                out[n++] = self->slots[s->index[i] * per + k];
            }
        }
    }
    if (self->scalar) {
        out[n++] = self->scalar;
    }
    return n;
}

static int choose_updates(cn_optimizer *self, step *s, cn__trace *trace, cn_tensor *due)
{
    size_t room = (size_t)s->n * (size_t)(cn__optimizer_class(self)->n_slots + 1) + 1;
    cn_tensor **target = cn__calloc(room, sizeof *target), **old = cn__calloc(room, sizeof *old);
    int64_t n = target && old ? targets(self, s, target) : 0;
    for (int64_t i = 0; i < n; i++) {
        /* A handle of the variable itself would read what the update assigns. */
        cn_tensor *value = cn__trace_value(trace, target[i]);
        old[i] = cn__ref(value == target[i] ? cn_identity(value) : value);
    }
    int code = !target || !old ? CN_ENOMEM : cn__pending() ? cn_error_code() : update_all(self, s);
    for (int64_t i = 0; i < n; i++) {
        cn_tensor *now = cn__trace_value(trace, target[i]);
        if (code == 0 && now != target[i] && now != old[i]) {
            code = (cn_assign)(target[i], cn_where(due, now, old[i]));
        }
        cn__unref(old[i]);
    }
    cn__free_mem(target);
    cn__free_mem(old);
    return code;
}

static int accumulate(cn_optimizer *self, step *s, int64_t steps)
{
    cn__trace *trace = cn__trace_current();
    cn_tensor *due = cn_equal(cn_mod(cn_add(self->iterations, 1), steps), 0);
    bool now = !trace && due && cn_tensor_value(due) != 0;
    int code = due ? 0 : cn_error_code();
    for (int i = 0; code == 0 && i < s->n; i++) {
        cn_tensor *kept = self->accumulators[s->index[i]];
        cn_tensor *sum = cn_add(s->gradient[i], kept);
        s->gradient[i] = cn_divide(sum, (double)steps);
        if (trace) {
            sum = cn_where(due, cn_zeros_like(sum), sum);
        } else if (now) {
            sum = cn_zeros_like(sum);
        }
        code = (cn_assign)(kept, sum);
    }
    if (code < 0 || (!trace && !now)) {
        return code;
    }
    return trace ? choose_updates(self, s, trace, due) : update_all(self, s);
}

static int average(cn_optimizer *self, cn_tensor *count)
{
    const cn_optimizer_args *a = cn__optimizer_head(self);
    cn_tensor *momentum = cn_scalar(a->ema_momentum, CN_FLOAT32);
    if (cn__is_keras3(self->base.keras)) {
        momentum = cn_multiply(cn_cast(cn_not_equal(count, 0), CN_FLOAT32), momentum);
    }
    cn_tensor *rest = cn__is_keras3(self->base.keras) ? cn_subtract(1.0, momentum)
                                                      : cn_scalar(1 - a->ema_momentum, CN_FLOAT32);
    bool overwrite = a->ema_overwrite_frequency != CN_NONE && a->ema_overwrite_frequency > 0;
    cn_tensor *due =
        overwrite ? cn_equal(cn_mod(cn_add(count, 1), a->ema_overwrite_frequency), 0) : NULL;
    for (int64_t i = 0; i < self->n_variables; i++) {
        cn_tensor *mean = self->averages[i], *w = self->variables[i];
        int code = (cn_assign)(mean, cn_add(cn_multiply(momentum, mean), cn_multiply(rest, w)));
        if (code == 0 && overwrite) {
            code = (cn_assign)(w, cn_where(due, mean, w));
        }
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static int constrain(const step *s)
{
    for (int i = 0; i < s->n; i++) {
        const cn_constraint *constraint = s->variable[i]->variable->constraint;
        if (constraint) {
            int code = (cn_assign)(s->variable[i], cn_constraint_call(constraint, s->variable[i]));
            if (code < 0) {
                return code;
            }
        }
    }
    return 0;
}

static int run(cn_optimizer *self, step *s)
{
    const cn_optimizer_args *a = cn__optimizer_head(self);
    cn_tensor *count = self->iterations;
    if (self->accumulators) {
        count = cn_floor_divide(count, a->gradient_accumulation_steps);
    }
    s->rate = cn__optimizer_rate(self);
    s->number = cn_cast(cn_add(count, 1), CN_FLOAT32);
    if (!isnan(a->loss_scale_factor) && cn__is_keras3(self->base.keras)) {
        for (int i = 0; i < s->n; i++) {
            s->gradient[i] = cn_divide(s->gradient[i], a->loss_scale_factor);
        }
    }
    int code = cn__pending()        ? cn_error_code()
               : s->n == 0          ? 0
               : self->accumulators ? accumulate(self, s, a->gradient_accumulation_steps)
                                    : update_all(self, s);
    if (code == 0 && self->averages) {
        code = average(self, count);
    }
    if (code == 0) {
        code = constrain(s);
    }
    return code < 0 ? code : cn__assign_add(self->iterations, cn__integer(1));
}

int cn_optimizer_apply_gradients(cn_optimizer *self, int n, cn_tensor *const *gradients,
                                 cn_tensor *const *variables)
{
    if (n == 0) {
        return 0;
    }
    int code = cn_optimizer_build(self, n, variables);
    if (code < 0) {
        return code;
    }
    size_t count = (size_t)n;
    step s = {.gradient = cn__calloc(count, sizeof(cn_tensor *)),
              .variable = cn__calloc(count, sizeof(cn_tensor *)),
              .index = cn__calloc(count, sizeof(int64_t))};
    cn_scope scope = cn_scope_begin();
    code = s.gradient && s.variable && s.index ? collect(self, &s, n, gradients, variables)
                                               : CN_ENOMEM;
    if (code == 0) {
        code = run(self, &s);
    }
    cn_scope_end(scope);
    cn__free_mem(s.gradient);
    cn__free_mem(s.variable);
    cn__free_mem(s.index);
    return code;
}

int cn_optimizer_finalize(cn_optimizer *self, int n, cn_tensor *const *variables)
{
    if (cn__pending() || cn__expect(self, CN__OPTIMIZER, "cn_optimizer_finalize") < 0) {
        return cn_error_code();
    }
    for (int i = 0; self->averages && i < n; i++) {
        int64_t index = find_variable(self, variables[i], i);
        int code = index < 0 ? (int)index : (cn_assign)(variables[i], self->averages[index]);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}
