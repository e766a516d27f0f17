/* LearningRateScheduler: a learning rate for each epoch, from a function or a schedule. */
#include "callbacks/support.h"
#include "core/format.h"
#include "utils/print.h"

#include <cornu/optimizers.h>

typedef cn_callback_learning_rate_scheduler_args arguments;

static int init(cn_callback *self)
{
    const arguments *a = self->base.args;
    return a->schedule || a->schedule_object
               ? 0
               : cn__fail(CN_EVALUE, "LearningRateScheduler: neither schedule nor schedule_object "
                                     "is given");
}

static int epoch_begin(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    const arguments *a = self->base.args;
    int code = cn__callback_need_model(self);
    (void)logs;
    if (code < 0) {
        return code;
    }
    double rate = self->view->learning_rate(self->model);
    rate = a->schedule ? a->schedule(epoch, rate, a->user)
                       : cn_schedule_value(a->schedule_object, epoch);
    code = cn__pending() ? cn_error_code() : self->view->set_learning_rate(self->model, rate);
    if (code < 0 || a->verbose <= 0) {
        return code;
    }
    char words[40], number[32];
    return cn__print_format("\n%s: LearningRateScheduler %s learning rate to %s.\n",
                            cn__epoch_words(self, epoch, words, sizeof words),
                            self->base.keras < 205 ? "reducing" : "setting",
                            cn__format_double(rate, number, sizeof number));
}

static int epoch_end(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    int code = cn__callback_need_model(self);
    (void)epoch;
    return code < 0 ? code : cn__log_learning_rate(self, logs);
}

#define T cn_callback_learning_rate_scheduler_args
static const cn_field fields[] = {
    {"schedule", CN_FIELD_SCHEDULE, offsetof(T, schedule_object), 0, NULL},
    CN_FIELD(T, INT, verbose),
    {0}};
const T cn_callback_learning_rate_scheduler_defaults = {.size = sizeof(T)};
const cn_callback_class cn__callback_learning_rate_scheduler = {
    CN__CALLBACK_BASE("LearningRateScheduler", T, cn_callback_learning_rate_scheduler_defaults,
                      fields),
    .init = init, .on_epoch_begin = epoch_begin, .on_epoch_end = epoch_end};

cn_callback *cn_callback_learning_rate_scheduler_with(const T *args)
{
    return cn_callback_new(&cn__callback_learning_rate_scheduler, args);
}
