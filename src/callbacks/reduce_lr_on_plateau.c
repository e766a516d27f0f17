/* ReduceLROnPlateau: a smaller learning rate when a monitored value no longer gets better. */
#include "callbacks/support.h"
#include "core/format.h"
#include "utils/print.h"

#include <math.h>

typedef cn_callback_reduce_lr_on_plateau_args arguments;

typedef struct plateau {
    double best;
    bool has_best;
    int64_t wait, cooldown;
} plateau;

static int init(cn_callback *self)
{
    const arguments *a = self->base.args;
    char factor[32];
    if (a->factor < 1) {
        return 0;
    }
    return cn__fail(CN_EVALUE,
                    cn__is_keras3(self->base.keras)
                        ? "ReduceLROnPlateau does not support a factor >= 1.0. Received factor=%s"
                        : "ReduceLROnPlateau does not support a factor >= 1.0. Got %s",
                    cn__format_double(a->factor, factor, sizeof factor));
}

static int begin(cn_callback *self, cn_logs *logs)
{
    (void)logs;
    *(plateau *)self->state = (plateau){0};
    return 0;
}

static bool improved(const cn_callback *self, double current, int direction)
{
    const arguments *a = self->base.args;
    const plateau *p = self->state;
    if (!p->has_best) {
        /* tf.keras begins with an infinite best, which a NaN does not better; Keras 3 with none. */
        double worst = direction > 0 ? -INFINITY : INFINITY;
        return cn__is_keras3(self->base.keras) ||
               (direction > 0 ? current > worst : current < worst);
    }
    if (cn__is_keras3(self->base.keras)) {
        double delta = fabs(a->min_delta);
        return direction > 0 ? current - delta > p->best : current + delta < p->best;
    }
    return direction > 0 ? current > p->best + a->min_delta : current < p->best - a->min_delta;
}

/* The arithmetic shows in the line that is printed: tf.keras under numpy 2 multiplies float32
 * numbers, Keras 3 and everything under numpy 1 doubles. */
static double reduced(const cn_callback *self, double rate)
{
    const arguments *a = self->base.args;
    bool single = self->base.keras >= 218 && !cn__is_keras3(self->base.keras);
    double next = single ? (double)((float)rate * (float)a->factor) : rate * a->factor;
    return next < a->min_lr ? a->min_lr : next;
}

static int reduce(cn_callback *self, int64_t epoch)
{
    const arguments *a = self->base.args;
    plateau *p = self->state;
    double rate = self->view->learning_rate(self->model);
    if (!(rate > (double)(float)a->min_lr)) {
        return 0;
    }
    double next = reduced(self, rate);
    int code = self->view->set_learning_rate(self->model, next);
    if (code < 0) {
        return code;
    }
    p->cooldown = a->cooldown;
    p->wait = 0;
    if (a->verbose <= 0) {
        return 0;
    }
    char words[40], number[32];
    return cn__print_format("\n%s: ReduceLROnPlateau reducing learning rate to %s.\n",
                            cn__epoch_words(self, epoch, words, sizeof words),
                            cn__format_double(next, number, sizeof number));
}

static int epoch_end(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    const arguments *a = self->base.args;
    plateau *p = self->state;
    int code = cn__callback_need_model(self);
    if (code < 0) {
        return code;
    }
    int direction = cn__monitor_direction(self, a->monitor, a->mode, false);
    code = direction ? cn__log_learning_rate(self, logs) : cn_error_code();
    /* A value that is not there is no error: Keras warns and goes on. */
    if (code < 0 || !cn_logs_has(logs, a->monitor)) {
        return code;
    }
    double current = cn_logs_get(logs, a->monitor, NAN);
    if (p->cooldown > 0) {
        p->cooldown--;
        p->wait = 0;
    }
    if (improved(self, current, direction)) {
        p->best = current;
        p->has_best = true;
        p->wait = 0;
    } else if (p->cooldown <= 0 && ++p->wait >= a->patience) {
        return reduce(self, epoch);
    }
    return 0;
}

#define T cn_callback_reduce_lr_on_plateau_args
static const cn_field fields[] = {CN_FIELD(T, STRING, monitor),
                                  CN_FIELD(T, DOUBLE, factor),
                                  CN_FIELD(T, INT64, patience),
                                  CN_FIELD(T, INT, verbose),
                                  CN_FIELD(T, STRING, mode),
                                  CN_FIELD_OLDER(T, DOUBLE, min_delta, "epsilon"),
                                  CN_FIELD(T, INT64, cooldown),
                                  CN_FIELD(T, DOUBLE, min_lr),
                                  {0}};
const T cn_callback_reduce_lr_on_plateau_defaults = {.size = sizeof(T),
                                                     CN_CALLBACK_REDUCE_LR_ON_PLATEAU_DEFAULTS};
const cn_callback_class cn__callback_reduce_lr_on_plateau = {
    CN__CALLBACK_BASE("ReduceLROnPlateau", T, cn_callback_reduce_lr_on_plateau_defaults, fields),
    .init = init, .state_bytes = sizeof(plateau), .on_train_begin = begin,
    .on_epoch_end = epoch_end};

cn_callback *cn_callback_reduce_lr_on_plateau_with(const T *args)
{
    return cn_callback_new(&cn__callback_reduce_lr_on_plateau, args);
}
